# SPDX-License-Identifier: MIT
"""ASGI without a framework: a function for each path.  Its state is told by /state."""

import asyncio
import contextvars
import gc
import json
import sys
import time

VARIABLE = contextvars.ContextVar("variable", default="unset")
STATE = {"disconnects": 0, "sent": 0, "errors": [], "alive": 0, "done": 0}
KEPT = []


async def start(send, status=200, headers=(), **more):
    await send({"type": "http.response.start", "status": status, "headers": list(headers), **more})


async def body(send, data=b"", more=False):
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def answer(send, data, status=200, headers=()):
    await start(send, status, [(b"content-length", b"%d" % len(data)), *headers])
    await body(send, data)


async def read(receive):
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError(message["type"])
        parts.append(message["body"])
        if not message["more_body"]:
            return parts


async def path_(scope, receive, send):
    await answer(send, scope["path"].encode())


async def state(scope, receive, send):
    gc.collect()
    counts = {**STATE, "objects": len(gc.get_objects()), "tasks": len(asyncio.all_tasks())}
    await answer(send, json.dumps(counts).encode())


async def scope_(scope, receive, send):
    await answer(send, repr({**scope, "state": None}).encode())


async def echo(scope, receive, send):
    parts = await read(receive)
    await answer(send, b"".join(parts), headers=[(b"parts", b"%d" % len(parts))])


async def count(scope, receive, send):
    total = 0
    async for part in _parts(receive):
        total += len(part)
    await answer(send, b"%d" % total)


async def _parts(receive):
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        yield message["body"]
        if not message["more_body"]:
            return


async def duplex(scope, receive, send):
    """Sends each part of the body back while it comes."""
    await start(send)
    async for part in _parts(receive):
        await body(send, part, True)
    await body(send)


async def early(scope, receive, send):
    """Answers without a look at the body."""
    await answer(send, b"early")


async def asleep(scope, receive, send):
    """Receives nothing until the client has gone, or for long."""
    STATE["alive"] += 1
    try:
        await asyncio.sleep(float(scope["query_string"] or 3600))
        await answer(send, b"woke")
    finally:
        STATE["alive"] -= 1


async def never_reads(scope, receive, send):
    """Hears of the end by a send that fails."""
    STATE["alive"] += 1
    try:
        while True:
            await asyncio.sleep(0.02)
            if STATE["disconnects"] or STATE["alive"] < 0:
                break
            await start(send)
            await body(send, b"x", True)
            while True:
                await body(send, b"x" * 100, True)
                await asyncio.sleep(0.02)
    except OSError as problem:
        STATE["errors"].append(type(problem).__name__)
    finally:
        STATE["alive"] -= 1


async def upload_lost(scope, receive, send):
    """Reads a body whose client leaves, then asks thrice more."""
    STATE["alive"] += 1
    try:
        messages = []
        while not messages or messages[-1] == "http.request":
            messages.append((await receive())["type"])
        messages += [(await receive())["type"] for _ in range(3)]
        STATE["disconnects"] += messages.count("http.disconnect")
    finally:
        STATE["alive"] -= 1


async def listen(scope, receive, send):
    """Waits for the client to leave, and tells what receive() gave."""
    await read(receive)
    STATE["alive"] += 1
    message = await receive()
    STATE["alive"] -= 1
    STATE["disconnects"] += message["type"] == "http.disconnect"


async def flood(scope, receive, send):
    """10 000 sends; how many were taken is in the state."""
    STATE["sent"] = 0
    await start(send)
    try:
        for _ in range(10000):
            await body(send, b"x" * 8192, True)
            STATE["sent"] += 1
            if scope["query_string"] == b"slowly":
                await asyncio.sleep(0.001)
        await body(send)
    except OSError as problem:
        STATE["errors"].append(type(problem).__name__)
        raise


async def two_tasks(scope, receive, send):
    """As Starlette streams: one task sends, one waits for the end and is cancelled."""
    await read(receive)

    async def listener():
        try:
            await receive()
        except asyncio.CancelledError:
            STATE["done"] += 1
            raise

    other = asyncio.get_running_loop().create_task(listener())
    await asyncio.sleep(0)
    await start(send)
    for _ in range(5):
        await body(send, b"part", True)
        await asyncio.sleep(0)
    other.cancel()
    try:
        await other
    except asyncio.CancelledError:
        pass
    await body(send)


async def context(scope, receive, send):
    """What the variable is, before this request sets it."""
    before = VARIABLE.get()
    VARIABLE.set(scope["query_string"].decode())
    await asyncio.sleep(0)
    total = sum(map(len, await read(receive)))
    await answer(send, f"{before} {VARIABLE.get()} {total}".encode())


async def slow(scope, receive, send):
    print("slow begins", flush=True)
    await asyncio.sleep(float(scope["query_string"] or 1))
    await answer(send, b"slow")


async def busy(scope, receive, send):
    print("busy begins", flush=True)
    time.sleep(float(scope["query_string"] or 2))
    await answer(send, b"busy")


async def stubborn(scope, receive, send):
    """Ignores everything: disconnects and cancellation."""
    STATE["alive"] += 1
    print("stubborn begins", flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if sys.argv is None:
                raise


async def status(scope, receive, send):
    await start(send, int(scope["query_string"]))
    await body(send)


async def head_length(scope, receive, send):
    """The length of what GET would get."""
    await start(send, headers=[(b"content-length", b"1000")])
    await body(send, b"" if scope["method"] == "HEAD" else b"x" * 1000)


async def stream(scope, receive, send):
    await start(send, headers=[(b"x-kind", b"stream")])
    for number in range(3):
        await body(send, b"part %d\n" % number, True)
    await body(send)


async def sized(scope, receive, send):
    """Says a length and streams: (length, part, part...)."""
    length, *parts = map(int, scope["query_string"].split(b","))
    await start(send, headers=[(b"content-length", b"%d" % length)])
    for part in parts:
        await body(send, b"x" * part, True)
    await body(send)


async def whole_sized(scope, receive, send):
    length, part = map(int, scope["query_string"].split(b","))
    await start(send, headers=[(b"content-length", b"%d" % length)])
    await body(send, b"x" * part)


async def events(scope, receive, send):
    """Server-sent events: the head is there before the first, which comes when asked for."""
    await read(receive)
    gone = asyncio.get_running_loop().create_task(receive())
    await asyncio.sleep(0)
    await start(send, headers=[(b"content-type", b"text/event-stream")])
    for number in range(3):
        while STATE["done"] <= number:
            if gone.done():
                STATE["disconnects"] += 1
                return
            await asyncio.sleep(0.01)
        await body(send, b"data: %d\n\n" % number, True)
    gone.cancel()
    await body(send)


async def late_body(scope, receive, send):
    """A head, and its content long after; nobody listens for the end."""
    await start(send, headers=[(b"x-late", b"1")])
    while STATE["done"] < 1:
        await asyncio.sleep(0.01)
    await body(send, b"late")


async def go(scope, receive, send):
    STATE["done"] += 1
    await answer(send, b"")


async def hints(scope, receive, send):
    """Early hints, twice, one that cannot be, and the answer."""
    links = [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]
    await send({"type": "http.response.early_hint", "links": links})
    await send({"type": "http.response.early_hint", "links": links[:1]})
    try:
        await send({"type": "http.response.early_hint", "links": [b"a\r\nSet-Cookie: x=1"]})
    except ValueError:
        await answer(send, b"hinted")


async def other_thread(scope, receive, send):
    """What send() and receive() say on a thread that is not the loop's."""

    def attempt(call):
        try:
            call()
            return "none"
        except RuntimeError as problem:
            return str(problem)

    message = {"type": "http.response.start", "status": 200, "headers": []}
    loop = asyncio.get_running_loop()
    said = [await loop.run_in_executor(None, attempt, call)
            for call in (lambda: send(message), lambda: receive().send(None))]
    await answer(send, json.dumps(said).encode())


async def raises(scope, receive, send):
    raise ValueError("before the start")


async def raises_after_start(scope, receive, send):
    await start(send)
    raise ValueError("after the start")


async def raises_in_body(scope, receive, send):
    await start(send)
    await body(send, b"some", True)
    raise ValueError("in the body")


async def raises_after_end(scope, receive, send):
    await answer(send, b"fine")
    raise ValueError("after the end")


async def returns(scope, receive, send):
    pass


async def returns_early(scope, receive, send):
    await start(send)
    await body(send, b"some", True)


async def misuse(scope, receive, send):
    """What send() says to messages that cannot be."""
    said = []
    for message in (
        {"type": "http.response.body"},
        {"type": "websocket.send", "text": "x"},
        {"type": "http.response.start", "status": 99},
        {"type": "http.response.start", "status": "ok"},
        {"type": "http.response.start"},
        {"type": "http.response.start", "status": 200, "headers": [("a", "b")]},
        {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\0c")]},
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"x")]},
        {"type": "http.response.start", "status": 200, "headers": [b"abc"]},
        {"no": "type"},
        "no dict",
    ):
        try:
            await send(message)
            said.append("none")
        except Exception as problem:  # pylint: disable=broad-except
            said.append(type(problem).__name__)
    await answer(send, json.dumps(said).encode())
    try:
        await body(send, b"more")
    except RuntimeError:
        STATE["errors"].append("after the end")


async def bad_header(scope, receive, send):
    await start(send, headers=[(scope["query_string"], b"x")])
    await body(send, b"x")


async def bad_value(scope, receive, send):
    await start(send, headers=[(b"x", b"a\r\nSet-Cookie: stolen=1")])
    await body(send, b"x")


async def headers(scope, receive, send):
    await answer(send, b"", headers=[
        (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-latin", "é".encode("latin-1")),
        (b"Connection", b"keep-alive"), (b"transfer-encoding", b"chunked"), (b"x-empty", b""),
        (b"Server", b"own"), (b"Date", b"today"),
    ])


async def closes(scope, receive, send):
    await answer(send, b"bye", headers=[(b"connection", b"close")])


async def buffers(scope, receive, send):
    await start(send)
    await body(send, bytearray(b"ab"), True)
    await body(send, memoryview(b"cd"))


async def big_state(scope, receive, send):
    scope["state"]["big"] = bytearray(1 << 20)
    scope["receive"] = receive
    await answer(send, b"kept")


async def not_a_coroutine(scope, receive, send):
    await answer(send, b"awaitable")


async def lifespan(scope, receive, send):
    while True:
        message = await receive()
        scope["state"]["started"] = True
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            print("lifespan shutdown", flush=True)
            return


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    name = scope["path"].strip("/").split("/")[0]
    handler = globals().get(name + "_") or globals().get(name) or path_
    await handler(scope, receive, send)


class Awaitable:
    """An application that is no coroutine function."""

    def __init__(self, scope, receive, send):
        self.call = app(scope, receive, send)

    def __await__(self):
        return self.call.__await__()


def class_app(scope, receive, send):
    return Awaitable(scope, receive, send)


gc.disable() if "--no-gc" in sys.argv else None
