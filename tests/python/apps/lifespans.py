# SPDX-License-Identifier: MIT
"""Applications that differ in their lifespan; requests are answered with scope['state']."""

import asyncio
import json
import os

ASKED = []


async def _answer(scope, send):
    data = json.dumps(scope.get("state"), default=str).encode()
    if scope.get("state") is not None:
        scope["state"]["own"] = True
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": data})


async def good(scope, receive, send):
    if scope["type"] != "lifespan":
        return await _answer(scope, send)
    assert (await receive())["type"] == "lifespan.startup"
    scope["state"]["database"] = "open"
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    print("database closed", flush=True)
    await send({"type": "lifespan.shutdown.complete"})


async def refuses(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def refuses_silently(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed"})


async def unsupported(scope, receive, send):
    assert scope["type"] == "http", "this application has no lifespan"
    await _answer(scope, send)


async def breaks(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        raise LookupError("setting DATABASE is missing")
    await _answer(scope, send)


async def returns(scope, receive, send):
    if scope["type"] == "http":
        await _answer(scope, send)


async def breaks_later(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        ASKED.append(asyncio.Event())
        await ASKED[0].wait()
        raise LookupError("lost the database")
    ASKED[0].set()
    await _answer(scope, send)


async def fails_at_shutdown(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "could not flush"})
    else:
        await _answer(scope, send)


async def hangs_at_shutdown(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.sleep(3600)
    await _answer(scope, send)


async def hangs_at_startup(scope, receive, send):
    print("starting", flush=True)
    await asyncio.sleep(3600)


def factory():
    return good


def broken_factory():
    return 7


async def worker(scope, receive, send):
    """Tells the process that answers; /exit ends it, /crash kills it."""
    if scope["type"] == "lifespan":
        return await good(scope, receive, send)
    if scope["path"] == "/exit":
        os._exit(5)
    if scope["path"].startswith("/slow"):
        print("slow begins", flush=True)
        await asyncio.sleep(float(scope["query_string"]))
    data = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": data})


async def sometimes(scope, receive, send):
    """Does not start while a file is there."""
    if scope["type"] == "lifespan":
        await receive()
        failed = os.path.exists(os.environ["FAIL_FILE"])
        await send({"type": "lifespan.startup." + ("failed" if failed else "complete"), "message": "told to fail"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    await worker(scope, receive, send)


NESTED = type("Nested", (), {"app": staticmethod(good)})
