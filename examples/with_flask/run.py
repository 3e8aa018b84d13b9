#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Starts Redis, a Flask-SocketIO application and a Yodel server that share a room."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

from start import Cluster  # pylint: disable=wrong-import-position

with Cluster("with_flask") as cluster:
    cluster.start_redis()
    cluster.start_yodel()
    cluster.start([sys.executable, str(HERE / "app.py"), cluster.redis, str(cluster.other_port)], cluster.other_port)
    cluster.run("Flask")
