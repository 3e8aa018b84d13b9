# SPDX-License-Identifier: MIT
"""Raw ASGI: a WebSocket at a path does what the method of that name says.

What applications see goes into App.seen, which /seen tells and empties."""

import asyncio
import contextvars
import gc
import json
import os
import time

REQUEST = contextvars.ContextVar("REQUEST", default="nothing")


def text_of(value):
    """For json.dumps(): what a scope has besides JSON."""
    return value.decode("latin-1") if isinstance(value, bytes) else repr(value)


class App:
    """What the tests ask for, by path."""

    def __init__(self):
        self.server = None
        self.seen = []
        self.tasks = []
        self.gate = asyncio.Event()

    async def __call__(self, scope, receive, send):
        assert scope["type"] == "websocket", scope
        name = scope["path"].strip("/").split("/")[0] or "echo"
        await getattr(self, name)(scope, receive, send)

    @staticmethod
    async def accept(receive, send, **more):
        """What every conversation begins with."""
        event = await receive()
        assert event == {"type": "websocket.connect"}, event
        await send({"type": "websocket.accept", **more})

    async def tell(self, receive, send, value):
        """A conversation that tells one value."""
        await self.accept(receive, send)
        await send({"type": "websocket.send", "text": json.dumps(value, default=text_of)})
        while (await receive())["type"] == "websocket.receive":
            pass

    async def trace(self, receive):
        """Receives until the end, and keeps everything that came."""
        while True:
            event = await receive()
            self.seen.append(event)
            if event["type"] == "websocket.disconnect":
                return

    async def attempt(self, awaitable_of, *arguments):
        """Keeps the exception of a call, or its result."""
        try:
            self.seen.append(await awaitable_of(*arguments))
        except Exception as error:  # pylint: disable=broad-except
            self.seen.append([type(error).__name__, isinstance(error, OSError), str(error)])

    async def echo(self, _scope, receive, send):
        """Sends back what comes."""
        await self.accept(receive, send)
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})

    async def stats(self, _scope, receive, send):
        await self.tell(receive, send, {**self.server.stats(), "objects": len(gc.get_objects())})

    async def collect(self, _scope, receive, send):
        await self.tell(receive, send, gc.collect())

    async def nogc(self, _scope, receive, send):
        gc.disable()
        await self.tell(receive, send, gc.isenabled())

    async def see(self, _scope, receive, send):
        """Tells what was seen since, and forgets it."""
        value, self.seen = self.seen, []
        await self.tell(receive, send, value)

    async def open_gate(self, _scope, receive, send):
        self.gate.set()
        self.gate = asyncio.Event()
        await self.tell(receive, send, True)

    async def scope(self, scope, receive, send):
        await self.tell(receive, send, scope)

    # -- the beginning --

    async def accept_with(self, scope, receive, send):
        """/accept_with/SUBPROTOCOL"""
        await self.accept(
            receive,
            send,
            subprotocol=scope["path"].split("/")[2] or None,
            headers=[(b"x-one", b"1"), [b"X-Two", b"2"], (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")],
        )
        await self.trace(receive)

    async def accept_bad(self, scope, receive, send):
        """Whatever is wrong with an accept; then a good one."""
        await receive()
        for more in (
            {"subprotocol": "never-offered"},
            {"headers": [(b"bad name", b"1")]},
            {"headers": [(b"x", b"1\r\ny: 2")]},
            {"headers": [(b"x", b"1\x002")]},
            {"headers": [("x", "1")]},
            {"headers": [(b"x",)]},
            {"headers": 7},
            {"subprotocol": 7},
        ):
            await self.attempt(send, {"type": "websocket.accept", **more})
        for wrong in (
            {"type": "websocket.send", "text": "early"},
            {"type": "websocket.http.response.body", "body": b""},
            {"type": "websocket.nonsense"},
            {"type": 7},
            {"type": None},
            {"no": "type"},
            "no dict",
        ):
            await self.attempt(send, wrong)
        await send({"type": "websocket.accept"})
        for wrong in (
            {"type": "websocket.accept"},
            {"type": "websocket.send"},
            {"type": "websocket.send", "text": None, "bytes": None},
            {"type": "websocket.send", "text": 7},
            {"type": "websocket.send", "bytes": 7},
            {"type": "websocket.send", "text": "\ud800"},
            {"type": "websocket.close", "code": 1005},
            {"type": "websocket.close", "code": 70000},
            {"type": "websocket.close", "code": "1000"},
            {"type": "websocket.close", "reason": 7},
            {"type": "websocket.http.response.start", "status": 403},
        ):
            await self.attempt(send, wrong)
        await self.echo_on(receive, send)

    @staticmethod
    async def echo_on(receive, send):
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})

    async def refuse(self, _scope, receive, send):
        await receive()
        await send({"type": "websocket.close", "code": 4000})
        await self.trace(receive)
        await self.attempt(send, {"type": "websocket.accept"})

    async def refuse_at_once(self, _scope, _receive, send):
        await send({"type": "websocket.close"})

    async def deny(self, scope, receive, send):
        """/deny/PARTS: a response in so many parts."""
        parts = int(scope["path"].split("/")[2])
        await receive()
        headers = [(b"content-type", b"text/plain"), (b"x-why", b"because"), (b"content-length", b"%d" % (6 * parts))]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        for i in range(parts):
            await send({"type": "websocket.http.response.body", "body": b"part%d;" % i, "more_body": i + 1 < parts})
        await self.trace(receive)

    async def deny_stream(self, scope, receive, send):
        """/deny_stream/PARTS/SIZE: the client sees each part before the next; it may leave."""
        parts, size = map(int, scope["path"].split("/")[2:])
        await receive()
        await send({"type": "websocket.http.response.start", "status": 503, "headers": [(b"retry-after", b"1")]})
        try:
            for i in range(parts):
                await send({"type": "websocket.http.response.body", "body": b"%04d" % i * size, "more_body": True})
                if size == 1:
                    await self.gate.wait()
            await send({"type": "websocket.http.response.body"})
        except OSError as error:
            self.seen.append(type(error).__name__)
        await self.trace(receive)

    async def deny_unfinished(self, _scope, receive, send):
        await receive()
        await send({"type": "websocket.http.response.start", "status": 503})
        await send({"type": "websocket.http.response.body", "body": b"half", "more_body": True})

    async def deny_bad(self, _scope, receive, send):
        """What is wrong with responses; then a good one."""
        start, body = "websocket.http.response.start", "websocket.http.response.body"
        await receive()
        await self.attempt(send, {"type": start, "status": 200})
        await self.attempt(send, {"type": start})
        await self.attempt(send, {"type": start, "status": "403"})
        await send({"type": start, "status": 403, "headers": [(b"a b", b"c")]})
        await self.attempt(send, {"type": "websocket.accept"})
        await self.attempt(send, {"type": body, "body": b"x"})
        await send({"type": start, "status": 403})
        await self.attempt(send, {"type": body, "body": "text"})
        await send({"type": body, "body": b"good"})
        await self.attempt(send, {"type": body, "body": b"more"})

    # -- the end --

    async def close_with(self, scope, receive, send):
        """/close_with/CODE/REASON, and what follows."""
        _, _, code, reason = scope["path"].split("/")
        await self.accept(receive, send)
        event = {"type": "websocket.close", "reason": reason}
        await send({**event, "code": int(code)} if code else event)
        await self.attempt(send, {"type": "websocket.send", "text": "late"})
        await self.attempt(send, {"type": "websocket.close"})
        await self.trace(receive)
        await self.attempt(receive)

    async def slow(self, _scope, receive, send):
        """Receives only when the gate opens."""
        await self.accept(receive, send)
        await self.gate.wait()
        await self.trace(receive)

    async def send_after_end(self, _scope, receive, send):
        await self.accept(receive, send)
        await self.trace(receive)
        await self.attempt(send, {"type": "websocket.send", "text": "late"})
        await self.attempt(send, {"type": "websocket.close"})
        await self.attempt(receive)

    async def raises(self, _scope, receive, send):
        await self.accept(receive, send)
        await receive()
        raise ValueError("raised after accept")

    async def raises_early(self, _scope, _receive, _send):
        raise ValueError("raised before accept")

    async def raises_late(self, _scope, receive, send):
        await self.accept(receive, send)
        await self.trace(receive)
        raise ValueError("raised after the end")

    async def returns(self, _scope, receive, send):
        await self.accept(receive, send)
        await receive()

    async def returns_early(self, _scope, receive, _send):
        await receive()

    async def forever(self, _scope, receive, send):
        """Knows nothing of its client, and can be cancelled."""
        await self.accept(receive, send)
        self.tasks.append(asyncio.current_task())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            raise

    async def undecided(self, _scope, _receive, _send):
        self.tasks.append(asyncio.current_task())
        await asyncio.Event().wait()

    async def cancel_them(self, _scope, receive, send):
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()
        await self.tell(receive, send, True)

    # -- awaitables --

    async def two_tasks(self, _scope, receive, send):
        """One task streams, the other waits in receive() and is cancelled at the end."""
        await self.accept(receive, send)
        waiting = asyncio.create_task(receive())
        for i in range(3):
            await send({"type": "websocket.send", "text": str(i)})
            await asyncio.sleep(0)
        waiting.cancel()
        try:
            await waiting
        except asyncio.CancelledError:
            await send({"type": "websocket.send", "text": "cancelled"})
        await self.echo_on(receive, send)

    async def timeouts(self, _scope, receive, send):
        """wait_for() on receive() gives up again and again, and no message is lost."""
        await self.accept(receive, send)
        count = 0
        while True:
            try:
                event = await asyncio.wait_for(receive(), 0.001)
            except asyncio.TimeoutError:
                continue
            if event["type"] != "websocket.receive":
                return
            await send({"type": "websocket.send", "text": f"{count} {event['text']}"})
            count += 1

    async def tasks_of_each(self, _scope, receive, send):
        """Tasks made of receive() and send() themselves, gathered, and never awaited ones."""
        await self.accept(receive, send)
        receive()
        first, second = await asyncio.gather(receive(), receive())
        await asyncio.gather(
            send({"type": "websocket.send", "text": first["text"]}),
            asyncio.create_task(send({"type": "websocket.send", "text": second["text"]})),
        )
        once = receive()
        await once
        await self.attempt(lambda: once)
        await self.echo_on(receive, send)

    async def context(self, _scope, receive, send):
        """What another request has set in its context."""
        before = REQUEST.get()
        REQUEST.set("another")
        await self.tell(receive, send, before)

    # -- processes and threads --

    async def forks(self, _scope, receive, send):
        """A child tries to send, and stays."""
        await self.accept(receive, send)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                await send({"type": "websocket.send", "text": "from the child"})
                os.write(writing, b"sent")
            except RuntimeError as error:
                os.write(writing, type(error).__name__.encode())
            for number in (0, 1, 2):
                os.close(number)
            time.sleep(60)
            os._exit(0)
        self.seen.append(child)
        await send({"type": "websocket.send", "text": os.read(reading, 100).decode()})
        await self.echo_on(receive, send)

    async def threads(self, _scope, receive, send):
        """Calls from another thread's own loop."""
        await self.accept(receive, send)
        names = []

        async def call(awaitable_of, *arguments):
            try:
                await awaitable_of(*arguments)
            except RuntimeError as error:
                names.append(type(error).__name__)

        def work():
            asyncio.run(call(send, {"type": "websocket.send", "text": "wrong"}))
            asyncio.run(call(receive))

        await asyncio.get_running_loop().run_in_executor(None, work)
        await send({"type": "websocket.send", "text": json.dumps(names)})
        await self.echo_on(receive, send)

    # -- flow --

    async def pour(self, scope, receive, send):
        """/pour/COUNT/SIZE: sends as fast as it may."""
        count, size = map(int, scope["path"].split("/")[2:])
        await self.accept(receive, send)
        data = bytes(size)
        try:
            for i in range(count):
                await send({"type": "websocket.send", "bytes": data})
                self.seen = [i + 1]
        except OSError as error:
            self.seen.append([type(error).__name__, isinstance(error, OSError), str(error)])
            return
        await self.trace(receive)

    async def crowd(self, scope, receive, send):
        """/crowd/COUNT/SIZE: as many tasks, each sends one message."""
        count, size = map(int, scope["path"].split("/")[2:])
        await self.accept(receive, send)
        messages = [b"%03d" % i + bytes(size) for i in range(count)]
        await asyncio.gather(*[send({"type": "websocket.send", "bytes": data}) for data in messages])
        await receive()

    async def count(self, _scope, receive, send):
        """After the gate has opened: how many messages, and how many bytes, came before the end."""
        await self.accept(receive, send)
        await self.gate.wait()
        messages = size = 0
        while (event := await receive())["type"] == "websocket.receive":
            messages += 1
            size += len(event.get("bytes") or event["text"])
        self.seen.append([messages, size])

    async def big_scope(self, scope, receive, send):
        """P9: a megabyte in the scope."""
        scope["mine"] = bytes(1 << 20)
        scope["state"] = {"mine": bytes(1 << 20), "scope": "no cycle"}
        await self.tell(receive, send, True)


app = App()
