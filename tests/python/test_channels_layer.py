#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The channel layer without a server: its calls, threads and loops, Channels' communicators and workers."""

import asyncio
import os
import sys
import threading
import time

from package import environment, harness, require

require("channels", "django")
if "YODEL_CHANNELS_INSIDE" not in os.environ:  # again, with the package on the path
    env = {**os.environ, **environment(), "YODEL_CHANNELS_INSIDE": "1"}
    os.execve(sys.executable, [sys.executable, *sys.argv], env)

import chat_app
from asgiref.sync import async_to_sync, sync_to_async
from channels.exceptions import ChannelFull
from channels.layers import channel_layers, get_channel_layer
from channels.testing import WebsocketCommunicator
from channels.worker import Worker
import yodel.channels.mailbox
from yodel.channels import Layer

equal, eventually = harness.equal, harness.eventually


def wrong(error, function, *arguments):
    """What it raises, as text."""
    try:
        asyncio.run(function(*arguments))
    except error as raised:
        return str(raised)
    raise AssertionError(f"no {error.__name__}: {arguments}")


def fresh(**config):
    """A layer that is also the project's."""
    layer = Layer(**config)
    channel_layers.set("default", layer)
    return layer


# -- the calls --


def test_channels():
    async def work():
        layer = fresh()
        name = await layer.new_channel()
        other = await layer.new_channel("reply.")
        assert name.startswith("specific.") and other.startswith("reply.") and name.count("!") == 1
        for number in range(3):
            await layer.send(name, {"type": "a", "number": number})
        await layer.send("jobs", {"type": "b"})
        for number in range(3):
            equal(await layer.receive(name), {"type": "a", "number": number})
        equal(await layer.receive("jobs"), {"type": "b"})
        waits = asyncio.create_task(layer.receive(name))
        await asyncio.sleep(0)
        await layer.send(name, {"type": "late"})
        equal(await waits, {"type": "late"})
        equal((layer.stats()["channels"], layer.stats()["waiting"]), (0, 0))
        await layer.close()

    asyncio.run(work())
    equal(Layer.extensions, ["groups", "flush"])


def test_names():
    layer = fresh()
    for name in ("", "a b", "a!b!c", "комната", "x" * 100, 5, None, "a\n", "!a"):
        for call in (layer.send, layer.group_send):
            wrong(TypeError, call, name, {})
        wrong(TypeError, layer.group_add, name, "channel")
        wrong(TypeError, layer.group_add, "group", name)
        wrong(TypeError, layer.group_discard, "group", name)
        wrong(TypeError, layer.receive, name)
    assert "fewer than 100" in wrong(TypeError, layer.send, "a b", {})
    wrong(TypeError, layer.group_send, "a!b", {})
    for message in (None, [], "text", {"__asgi_channel__": "x"}):
        wrong(TypeError, layer.send, "x", message)
        wrong(TypeError, layer.group_send, "x", message)
    for config in ({"capacity": -1}, {"capacity": "5"}, {"expiry": 0}, {"channel_capacity": {"a": None}}):
        try:
            Layer(**config)
            raise AssertionError(config)
        except ValueError:
            pass


def test_capacity():
    async def work():
        layer = fresh(capacity=2, channel_capacity={"small*": 1, "none": 0})
        for name, capacity in (("x", 2), ("small.1", 1), ("none", 0)):
            equal(layer.get_capacity(name), capacity)
            for _ in range(capacity):
                await layer.send(name, {})
            try:
                await layer.send(name, {})
                raise AssertionError(name)
            except ChannelFull:
                pass
        await layer.group_add("g", "x")
        await layer.group_add("g", "y")
        await layer.group_send("g", {"type": "t"})  # never raises
        equal(await layer.receive("y"), {"type": "t"})
        equal((layer.stats()["full"], layer.stats()["waiting"]), (4, 3))

    asyncio.run(work())


class Clock:
    """Stands for the module time, where the layer looks at it."""

    now = 1000.0

    @classmethod
    def monotonic(cls):
        return cls.now


def test_expiry():
    async def work():
        layer = fresh(expiry=60, group_expiry=60, capacity=1)
        await layer.send("x", {"type": "old"})
        await layer.group_add("g", "y")
        layer.begin_consumer("z")
        await layer.group_add("g", "z")
        Clock.now += 100
        await layer.send("x", {"type": "new"})  # there is room again
        equal(await layer.receive("x"), {"type": "new"})
        equal(layer.stats()["expired"], 1)
        await layer.group_send("g", {"type": "t"})
        equal(await layer.receive("z"), {"type": "t"}, "a consumer's membership lasts")
        equal(layer.stats()["waiting"], 0, "that of others ends after group_expiry")
        layer.end_consumer("z")
        Clock.now += 100
        await layer.send("other", {})
        equal((layer.stats()["groups"], layer.stats()["channels"]), (0, 1))

    parts = (yodel.channels.layer, yodel.channels.mailbox, yodel.channels.merge)
    for part in parts:
        part.time = Clock
    try:
        asyncio.run(work())
    finally:
        for part in parts:
            part.time = time


def test_copies():
    async def work():
        layer = fresh()
        sent = {"type": "t", "list": [1, {"a": b"b"}], "set": {1}}
        await layer.group_add("g", "x")
        await layer.group_add("g", "y")
        await layer.group_send("g", sent)
        await layer.group_send("g", {"type": "flat"})
        await layer.send("x", {"call": print, "more": [threading.Lock]})  # no pickle has these as they are
        sent["list"].append(2)
        one, other = await layer.receive("x"), await layer.receive("y")
        equal(one, {"type": "t", "list": [1, {"a": b"b"}], "set": {1}})
        one["list"][1]["a"] = 0
        equal(other["list"], [1, {"a": b"b"}])
        one, other = await layer.receive("x"), await layer.receive("y")
        one["more"] = 1
        equal(other, {"type": "flat"})
        equal((await layer.receive("x"))["call"], print)

    asyncio.run(work())


def test_flush():
    async def work():
        layer = fresh()
        await layer.group_add("g", "x")
        await layer.send("x", {})
        await layer.flush()
        equal((layer.stats()["groups"], layer.stats()["channels"]), (0, 0))
        await layer.group_send("g", {})
        equal(layer.stats()["waiting"], 0)

    asyncio.run(work())


# -- tasks, threads and loops --


def test_a_cancelled_receive_loses_nothing():
    async def work():
        layer = fresh()
        for _ in range(200):
            first = asyncio.create_task(layer.receive("x"))
            second = asyncio.create_task(layer.receive("x"))
            await asyncio.sleep(0)
            await layer.send("x", {"type": "t"})
            first.cancel()  # it has been woken, and has not run
            equal(await second, {"type": "t"})
            assert (await asyncio.gather(first, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        lonely = asyncio.create_task(layer.receive("x"))
        await asyncio.sleep(0)
        lonely.cancel()
        await asyncio.gather(lonely, return_exceptions=True)
        equal((layer.stats()["channels"], layer.stats()["waiting"]), (0, 0))

    asyncio.run(work())


def test_loops_that_end():
    """A loop that has ended keeps nothing from those that come later."""
    layer = fresh()
    loop = asyncio.new_event_loop()
    task = loop.create_task(layer.receive("x"))
    loop.run_until_complete(asyncio.sleep(0))
    asyncio.run(layer.send("y", {"type": "y"}))
    loop.run_until_complete(asyncio.sleep(0))
    asyncio.run(layer.send("x", {"type": "x"}))
    equal(loop.run_until_complete(task), {"type": "x"}, "from another loop")
    task = loop.create_task(layer.receive("x"))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.run(layer.send("x", {"type": "second"}))
    equal(asyncio.run(layer.receive("x")), {"type": "second"})
    task._log_destroy_pending = False
    del task


def test_p15_threads_and_short_loops():
    layer = fresh(capacity=2000)
    threads, times = 50, 20
    names = [asyncio.run(layer.new_channel()) for _ in range(3)]
    for name in names:
        asyncio.run(layer.group_add("g", name))

    def work(number):
        for turn in range(times):
            if number % 2:
                async_to_sync(layer.group_send)("g", {"type": "t", "from": number, "turn": turn})
            else:
                asyncio.run(layer.group_send("g", {"type": "t", "from": number, "turn": turn}))

    async def read(name):
        return [await layer.receive(name) for _ in range(threads * times)]

    async def all_of_them():
        readers = [asyncio.create_task(read(name)) for name in names]
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        return await asyncio.gather(*readers)

    before = len(os.listdir("/proc/self/fd"))
    first, second, third = asyncio.run(all_of_them())
    assert first == second == third, "one order for all"
    for number in range(threads):
        turns = [message["turn"] for message in first if message["from"] == number]
        equal(turns, list(range(times)), "in order of the sender")
    assert len(os.listdir("/proc/self/fd")) <= before + 3, "descriptors"
    equal(layer.stats()["full"], 0)


def test_from_threads_of_a_loop():
    async def work():
        layer = fresh()
        await layer.group_add("g", "x")
        await sync_to_async(async_to_sync(layer.group_send))("g", {"type": "t"})
        equal(await layer.receive("x"), {"type": "t"})

    asyncio.run(work())


# -- Channels' own tools --


def chat(room="r1", path="chat"):
    return WebsocketCommunicator(chat_app.application, f"/ws/{path}/{room}/")


def test_communicators():
    async def work():
        layer = fresh()
        one, two, other = chat(), chat(), chat("r2")
        for communicator in (one, two, other):
            equal(await communicator.connect(30), (True, None))
        equal(layer.stats()["groups"], 2)
        for number in range(20):
            await one.send_json_to({"message": number})
        await asyncio.sleep(0)
        for number in range(20):
            equal(await one.receive_json_from(30), {"message": number})
            equal(await two.receive_json_from(30), {"message": number})
        assert await other.receive_nothing()
        for communicator in (one, two, other):
            await communicator.disconnect(timeout=30)
        equal([layer.stats()[name] for name in ("groups", "channels", "waiting")], [0, 0, 0])

    asyncio.run(work())


def test_an_exception_leaves_no_member():
    async def work():
        layer = fresh()
        one, two = chat(), chat()
        await one.connect(30)
        await two.connect(30)
        await one.send_to(text_data="no JSON")
        try:
            await one.wait(30)
            raise AssertionError("the consumer did not raise")
        except ValueError:
            pass
        equal((layer.stats()["groups"], layer.stats()["channels"]), (1, 1))
        await two.send_json_to({"message": 1})
        equal(await two.receive_json_from(30), {"message": 1})
        await two.disconnect(timeout=30)
        equal(layer.stats()["channels"], 0)

    asyncio.run(work())


def test_synchronous_consumers():
    async def work():
        fresh()
        one, two = (WebsocketCommunicator(chat_app.application, "/ws/sync/") for _ in range(2))
        await one.connect(30)
        await two.connect(30)
        await one.send_to(text_data="hello")
        equal(await one.receive_from(30), "hello")
        equal(await two.receive_from(30), "hello")
        await one.disconnect(timeout=30)
        await two.disconnect(timeout=30)
        equal(get_channel_layer().stats()["channels"], 0)

    asyncio.run(work())


def test_workers():
    """What runworker does, with a consumer that answers."""

    async def work():
        layer = fresh()
        worker = Worker(chat_app.application, ["jobs"], layer)
        runs = asyncio.create_task(worker.handle())
        for _ in range(3):
            await layer.send("jobs", {"type": "job.do", "reply": "answers"})
        for _ in range(3):
            answer = await asyncio.wait_for(layer.receive("answers"), 30)
            equal(answer, {"type": "job.done", "result": [1, 2, {"a": None}]})
        runs.cancel()
        await asyncio.gather(runs, return_exceptions=True)

    asyncio.run(work())


def test_other_layers_are_left_alone():
    async def work():
        from channels.layers import InMemoryChannelLayer

        channel_layers.set("default", InMemoryChannelLayer())
        one = chat()
        await one.connect(30)
        await one.send_json_to({"message": 1})
        equal(await one.receive_json_from(30), {"message": 1})
        await one.disconnect(timeout=30)

    asyncio.run(work())


def test_nothing_grows():
    """Members that come and go, messages that come and go: no objects are left."""
    import gc

    layer = fresh()

    async def turn(count):
        for _ in range(count):
            name = await layer.new_channel()
            layer.begin_consumer(name)
            await layer.group_add("g", name)
            await layer.group_send("g", {"type": "t", "more": [1]})
            await layer.receive(name)
            layer.end_consumer(name)

    asyncio.run(turn(200))
    gc.collect()
    before = len(gc.get_objects())
    asyncio.run(turn(5000))
    gc.collect()
    assert len(gc.get_objects()) - before < 200, len(gc.get_objects()) - before
    equal((layer.stats()["channels"], layer.stats()["groups"]), (0, 0))


if __name__ == "__main__":
    harness.run(globals())
