#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""FastAPI's WebSockets, here and on Debian's uvicorn: what both give is the same; where we differ is said."""

import contextlib
import subprocess

from package import PYTHON, AsgiProgram, environment, harness, require

require("fastapi", "uvicorn")
equal = harness.equal


@contextlib.contextmanager
def uvicorn():
    """The original's port."""
    port = harness.free_port()
    words = [PYTHON, "-m", "uvicorn", "--log-level", "critical", "--port", str(port), "notes_fastapi:app"]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL) as program:

        def answers():
            with contextlib.suppress(OSError):
                return harness.http(port, "GET", "/").status > 0
            return False

        try:
            harness.eventually(answers, "uvicorn answers", 30)
            yield port
        finally:
            program.kill()


def transcript(port):
    """What a client sees of the notes' program and of the others."""
    seen = []
    with harness.WebSocket(port, "/ws") as websocket:
        for text in ("hello", "привет", "", "x" * 70_000):
            websocket.send_text(text)
            seen.append(websocket.message())
        websocket.send_frame(harness.PING, b"pp")
        seen.append(websocket.frame())
        websocket.send_frame(harness.TEXT, b"ab", fin=False)
        websocket.send_frame(harness.CONTINUATION, b"cd")
        seen.append(websocket.message())
        seen.append(websocket.leave(4001))
    with harness.WebSocket(port, "/ws") as websocket:
        websocket.send_close()
        seen.append(websocket.message())
    offer = [("Sec-WebSocket-Protocol", "chat, other")]
    with harness.WebSocket(port, "/json/7?name=%D1%8F", headers=offer) as websocket:
        seen.append(websocket.answer.headers["sec-websocket-protocol"])
        websocket.send_json([1, None, {"a": "я"}])
        seen.append(websocket.json())
        seen.append(websocket.leave())
    with harness.WebSocket(port, "/bytes") as websocket:
        websocket.send_frame(harness.BINARY_FRAME, b"\x00\xff")
        seen += [websocket.message(), websocket.message()]
    for path in ("/refused", "/json/seven", "/nowhere"):
        seen.append(harness.refused(harness.WebSocket, port, path).status)
    return seen


def test_as_the_original():
    with AsgiProgram("notes_fastapi:app") as server:
        ours = transcript(server.port)
        equal(ours[:4], ["Echo: hello", "Echo: привет", "Echo: ", "Echo: " + "x" * 70_000])
    with uvicorn() as port:
        equal(ours, transcript(port))


def test_the_clients_that_leave_are_no_errors():
    """The original logs a traceback for each."""
    with AsgiProgram("notes_fastapi:app") as server:
        for end in (lambda w: w.leave(), lambda w: w.abort(), lambda w: w.close()):
            with server.websocket("/ws") as websocket:
                websocket.send_text("hello")
                equal(websocket.message(), "Echo: hello")
                end(websocket)
        with server.websocket("/ws") as websocket:  # the original cuts the connection (1006)
            websocket.send_frame(harness.BINARY_FRAME, b"no text")
            harness.closed_with(websocket, 1011)
        harness.eventually(lambda: "KeyError" in server.said(), "that one is an error")
        assert "WebSocketDisconnect" not in server.said(), server.said()


harness.run(globals())
