#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Starts Redis, a Socket.IO server of node and a Yodel server that share a room."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

from start import Cluster  # pylint: disable=wrong-import-position

with Cluster("with_node") as cluster:
    if "NODE_PATH" not in os.environ and not (HERE / "node_modules").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    cluster.start_redis()
    cluster.start_yodel()
    cluster.start(["node", str(HERE / "app.js"), cluster.redis, str(cluster.other_port)], cluster.other_port)
    cluster.run("Node")
