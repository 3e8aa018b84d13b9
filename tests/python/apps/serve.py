# SPDX-License-Identifier: MIT
"""serve.py MODULE:NAME LOOP [OPTION=VALUE...]: serves an ASGI application until SIGTERM.

Prints "PORT n".  As little as can be between the test and _yodel.AsgiServer."""

import ast
import asyncio
import importlib
import logging
import os
import signal
import sys

from yodel import _loops, _yodel


async def serve(server, drain_ms):
    """Runs until SIGTERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server.start()
    await ended.wait()
    await server.stop(drain_ms)


def main():
    level = logging.CRITICAL if os.environ.get("YODEL_QUIET") else logging.INFO
    logging.basicConfig(level=level, format="%(name)s %(levelname)s %(message)s")
    module, _, name = sys.argv[1].partition(":")
    options = dict(word.split("=", 1) for word in sys.argv[3:])
    options = {key: ast.literal_eval(value) for key, value in options.items()}
    drain_ms = options.pop("drain", 2000)
    port = options.pop("port", 0)
    loop = _loops.new_event_loop(sys.argv[2])
    asyncio.set_event_loop(loop)
    application = getattr(importlib.import_module(module), name)
    server = _yodel.AsgiServer(application, loop, _loops.guest_of(loop), options)
    if hasattr(application, "server"):
        application.server = server
    print("PORT", server.listen(f"127.0.0.1:{port}"), flush=True)
    try:
        loop.run_until_complete(serve(server, drain_ms))
    finally:
        loop.close()


main()
