#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the process, the interpreter and forked children end while clients are connected."""

import importlib.util
import os
import subprocess

from package import HERE, PYTHON, AsgiProgram, environment, harness, require

require()
equal = harness.equal


def end(kind, how):
    """Exit status and output of a program with two clients when its input ends."""
    with subprocess.Popen([PYTHON, "-X", "dev", str(HERE / "apps/ends.py"), kind, how], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **environment()}) as program:
        try:
            port = int(program.stdout.readline().split()[1])
            one = harness.WebSocket(port, "/") if how != "exit in accept" else None
            two = harness.Stream(harness.connect(port))
            two.send(harness.upgrade_bytes("/"))
            if "handler" in how:
                one.send_text("go")
            elif one:
                one.send_text("hello")
                equal(one.message(), "hello")
            output, _ = program.communicate(timeout=harness.LIMIT * 2)
        finally:
            program.kill()
    return program.returncode, output


def kinds():
    return ["asyncio", "uvloop"] if importlib.util.find_spec("uvloop") else ["asyncio"]


def test_end_of_the_program():
    for kind in kinds():
        for how in ("return", "close", "drop"):
            equal(end(kind, how), (0, "end\n"), f"{kind}, {how}")


def test_exit_in_a_handler():
    for kind in kinds():
        for how in ("exit in accept", "exit in a handler"):
            status, output = end(kind, how)
            equal(status, 7, f"{kind}, {how}: {output}")
            assert "Exception in ASGI" not in output, output


def test_interrupt_in_a_handler():
    for kind in kinds():
        status, output = end(kind, "interrupt in a handler")
        equal(status, -2, f"{kind}: {output}")
        assert "KeyboardInterrupt" in output, output


def test_fork():
    """A child knows that the sockets are its parent's, and keeps no port."""
    for kind in kinds():
        with AsgiProgram("ws_app:app", kind) as server:
            with server.websocket("/forks") as websocket:
                equal(websocket.message(), "RuntimeError", "send() in the child")
                equal(websocket.leave().code, 1000)
                child = int(server.ask("/see")[0])
            try:
                server.stop()
                harness.eventually(lambda: not answers(server.port), "the port is free, though the child lives")
            finally:
                os.kill(child, 9)


def answers(port):
    try:
        harness.connect(port).close()
    except OSError:
        return False
    return True


def test_another_thread(server):
    """receive() and send() there are refused, and break nothing."""
    with server.websocket("/threads") as websocket:
        equal(websocket.json(), ["RuntimeError", "RuntimeError"])
        websocket.send_text("still")
        equal(websocket.message(), "still")
        websocket.leave()


harness.run(globals(), lambda: AsgiProgram("ws_app:app"))
