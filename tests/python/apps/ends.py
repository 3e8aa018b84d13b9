# SPDX-License-Identifier: MIT
"""ends.py LOOP HOW: a server whose program ends in some way while clients are connected."""

import asyncio
import gc
import sys

from yodel import _loops, _yodel

KIND, HOW = sys.argv[1:3]


async def app(_scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    if HOW == "exit in accept":
        sys.exit(7)
    while (event := await receive())["type"] == "websocket.receive":
        if HOW == "exit in a handler":
            sys.exit(7)
        if HOW == "interrupt in a handler":
            raise KeyboardInterrupt
        if HOW == "stop" and event["text"] == "stop":
            asyncio.get_running_loop().stop()
        await send({"type": "websocket.send", "text": event["text"]})


loop = _loops.new_event_loop(KIND)
asyncio.set_event_loop(loop)
loop.slow_callback_duration = 60  # in seconds: of a busy machine nothing is told
server = _yodel.AsgiServer(app, loop, _loops.guest_of(loop))
print("PORT", server.listen("127.0.0.1:0"), flush=True)


async def main():
    server.start()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


loop.run_until_complete(main())
if HOW == "close":
    loop.close()
if HOW == "drop":
    del server, loop
    gc.collect()
print("end", flush=True)
