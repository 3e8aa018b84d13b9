# SPDX-License-Identifier: MIT
"""What the tests of SioServer share: apps/sio_app.py, and clients of it."""

import contextlib
import json
import socket

from package import HERE, PYTHON, START_LIMIT, environment, harness
from sio_client import SioClient


class SioProgram(harness.Program):
    """apps/sio_app.py with options of SioServer."""

    def __init__(self, env=None, **options):
        words = [PYTHON, str(HERE / "apps/sio_app.py"), *(f"{name}={value!r}" for name, value in options.items())]
        super().__init__(words, r"^PORT (\d+)$", env=environment(**(env or {})), limit=START_LIMIT)

    def client(self, namespace="/", auth=None):
        return SioClient(self.port, namespace, auth=auth)

    def ask(self, path, body=b""):
        response = harness.http(self.port, "POST" if body else "GET", path, body=body)
        assert response.status == 200, (path, response)
        return json.loads(response.body)

    def do(self, expression):
        """Runs an expression on `server` there."""
        return self.ask("/do", expression.encode())

    def stats(self):
        return self.ask("/stats")

    def log(self, condition, what="a line of the log"):
        """Waits until the lines so far fulfil a condition, and gives them."""
        lines = []

        def is_there():
            lines.extend(self.ask("/log"))
            return condition(lines)

        try:
            harness.eventually(is_there, what)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {lines}") from None
        return lines

    def emptied(self):
        """Waits until nothing is kept of any client."""
        harness.eventually(
            lambda: (stats := self.stats())["records"] == 0 and stats["environs"] == 0 and stats["clients"] == 0,
            "nothing is kept",
        )


def leave(client):
    """Ends a client's connection, which another thread reads."""
    with contextlib.suppress(OSError):
        client.websocket.sock.shutdown(socket.SHUT_RDWR)
    client.websocket.close()


def refused(program, auth, namespace="/"):
    """The answer to a CONNECT that is refused: the packet's JSON."""
    websocket = harness.WebSocket(program.port, "/socket.io/?EIO=4&transport=websocket")
    prefix = "" if namespace == "/" else namespace + ","
    with websocket:
        assert websocket.message().startswith("0")
        websocket.send_text("40" + prefix + json.dumps(auth))
        while (answer := websocket.message()) == "2":
            websocket.send_text("3")
    assert answer.startswith("44" + prefix), answer
    return json.loads(answer[2 + len(prefix) :])
