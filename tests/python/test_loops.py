#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server in each kind of loop, beside what else asyncio does there."""

import importlib.util
import subprocess

from package import PYTHON, AsgiProgram, environment, harness, require

require()

BESIDE = """
import asyncio, socket, sys
from yodel import _loops, _yodel

async def app(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})

async def main():
    loop = asyncio.get_running_loop()
    one, two = socket.socketpair()
    one.setblocking(False); two.setblocking(False)
    for text in (b"a", b"b" * 300000):
        reading = asyncio.create_task(loop.sock_recv(two, 1 << 20))
        await loop.sock_sendall(one, text[:1000])
        assert await reading == text[:1000]
    loop.add_reader(two, lambda: None); loop.add_writer(two, lambda: None)
    await asyncio.sleep(0.01)
    loop.remove_writer(two); loop.remove_reader(two)
    process = await asyncio.create_subprocess_exec("true")
    assert await process.wait() == 0
    assert await loop.run_in_executor(None, lambda: 7) == 7
    server = _yodel.AsgiServer(app, loop, _loops.guest_of(loop))
    server.listen("127.0.0.1:0"); server.start()
    await asyncio.sleep(0)
    await server.stop()
    one.close(); two.close()

loop = _loops.new_event_loop(sys.argv[1])
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
loop.close()
print("good")
"""


def kinds():
    return ["asyncio", "uvloop"] if importlib.util.find_spec("uvloop") else ["asyncio"]


def test_echo_in_each():
    for kind in kinds():
        with AsgiProgram("ws_app:app", kind) as server:
            with server.websocket("/echo") as websocket:
                websocket.send_text("hello")
                harness.equal(websocket.message(), "hello", kind)
                websocket.leave()


def test_beside_other_work():
    for kind in kinds():
        ended = subprocess.run([PYTHON, "-X", "dev", "-c", BESIDE, kind], env=environment(), timeout=harness.LIMIT * 3,
                               capture_output=True, text=True, check=False)
        harness.equal(ended.stdout, "good\n", f"{kind}: {ended.stderr}")


harness.run(globals())
