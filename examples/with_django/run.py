#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Starts Redis, a Django Channels application on daphne and a Yodel server that share a group."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

from start import Cluster  # pylint: disable=wrong-import-position

with Cluster("with_django") as cluster:
    cluster.start_redis()
    cluster.start_yodel()
    daphne = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(cluster.other_port), "lobby:application"]
    environment = {**os.environ, "LOBBY_REDIS": cluster.redis, "PYTHONPATH": str(HERE)}
    cluster.start(daphne, cluster.other_port, cwd=HERE, env=environment, stderr=subprocess.DEVNULL)
    cluster.run("Django", "/ws/lobby/", "/ws/lobby/")
