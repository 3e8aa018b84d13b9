# SPDX-License-Identifier: MIT
"""Handlers in threads: the default executor's, which does not end."""

import asyncio
import time


def work():
    print("in a thread", flush=True)
    time.sleep(3600)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await asyncio.get_running_loop().run_in_executor(None, work)
