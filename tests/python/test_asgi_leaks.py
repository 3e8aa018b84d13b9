#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""After many connections, messages, refusals and aborts everything is back, without the garbage collector.

YODEL_PYTHON_ROUNDS is how many; 20000, fewer under a sanitizer."""

import importlib.util
import os

from package import SANITIZED, AsgiProgram, harness, require

require()
ROUNDS = int(os.environ.get("YODEL_PYTHON_ROUNDS", "3000" if SANITIZED else "20000"))
OBJECTS = 300  # what the interpreter itself may keep: caches, the last traceback
ROOM = 3 << 20
harness.TEST_LIMIT = 50 + ROUNDS // 100


def conversation(server, number):
    """One of the ways in which a connection goes."""
    kind = number % 8
    if kind == 0:
        harness.refused(server.websocket, "/refuse_at_once")
        return
    if kind == 1:
        harness.refused(server.websocket, "/deny/2")
        return
    path = {2: "/raises", 3: "/two_tasks", 4: "/close_with/4001/x", 5: "/accept_with/"}.get(kind, "/echo")
    with server.websocket(path) as websocket:
        if kind == 4:
            websocket.send_close(4001)
            return
        websocket.send_text("message")
        if kind in (6, 7):
            websocket.message()
        if kind in (3, 7):
            websocket.abort()
        elif kind != 2:
            websocket.send_close(1000)


def rounds(server, number):
    for i in range(number):
        conversation(server, i)
        if i % 200 == 0:
            server.ask("/see")  # the application itself keeps what it has seen
    harness.eventually(lambda: server.ask("/stats")["tasks"] == 1, "all tasks have ended")
    server.ask("/see")
    return server.ask("/stats")["objects"], server.memory(), server.descriptors()


def check(kind):
    with AsgiProgram("ws_app:app", kind, env={"YODEL_QUIET": "1"}) as server:
        server.ask("/nogc")
        rounds(server, 800)
        objects, memory, descriptors = rounds(server, 800)
        after = rounds(server, ROUNDS)
        harness.eventually(lambda: server.descriptors() <= descriptors, "descriptors are as many as before")
        assert after[0] - objects < OBJECTS, f"{kind}: {after[0] - objects} objects more"
        assert SANITIZED or after[1] - memory < ROOM, f"{kind}: {after[1] - memory} bytes more"
        harness.equal(server.ask("/collect"), 0, "what only the garbage collector frees")


def test_selector():
    check("asyncio")


def test_uvloop():
    if not importlib.util.find_spec("uvloop"):
        harness.skip("uvloop is not installed")
    check("uvloop")


harness.run(globals())
