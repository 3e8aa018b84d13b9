# SPDX-License-Identifier: MIT
"""Flask-SocketIO with the npm clients: flask_clients.mjs on Yodel, and what it expects on the original."""

import os
import shutil
import sys

import flask_kit  # first: it finds the harness
from package import harness
from harness import run

flask_kit.outside()
harness.TEST_LIMIT = 300  # seconds for a run of all clients


def need_node():
    if shutil.which("node") is None or not (flask_kit.HERE.parent / "node_modules").exists():
        harness.skip("node, or the clients, are not installed")


def clients_of(way):
    need_node()
    with flask_kit.features() as server:
        flask_kit.run_clients(server.port, WAYS=way)
        said = server.said()
        assert "KeyError: 'fault'" in said and "missing 1 required positional argument" in said


def test_polling():
    clients_of("polling")


def test_upgrade():
    clients_of("upgrade")


def test_websocket():
    clients_of("websocket")


def test_two_loops_and_one_thread_each():
    need_node()
    with flask_kit.features("--loops", "2", "--threads", "16") as server:
        flask_kit.run_clients(server.port, WAYS="websocket")


def test_the_original():
    need_node()
    with flask_kit.original_features() as server:
        flask_kit.run_clients(server.port, WAYS="polling", SUBJECT="original")


if __name__ == "__main__":
    run(globals())
