#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layer in Redis, beside channels_redis: layers in one process, and our server beside daphne."""

import asyncio
import contextlib
import gc
import json
import os
import subprocess
import threading
import time

import channels_kit
from package import PYTHON, harness, require

require("channels_redis", "redis", "msgpack")
channels_kit.inside()

import yodel.channels.redis_link
from channels.exceptions import ChannelFull
from channels_kit import Daphne, Yodel, leave, members
from channels_redis.core import RedisChannelLayer
from redis_server import RedisServer
from yodel.channels import Layer

equal, eventually = harness.equal, harness.eventually
CORE = "channels_redis.core.RedisChannelLayer"
MESSAGE = {"type": "t", "x": [1, None, b"\x00b", 1.5, {"k": "Привет 👋", "n": -70000}]}


async def receive(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), harness.LIMIT)


async def cross(hosts, keys):
    """Everything from everybody to everybody."""
    config = {"hosts": hosts, "symmetric_encryption_keys": keys}
    one, two, django = Layer(**config), Layer(**config), RedisChannelLayer(**config)
    layers = [(layer, await layer.new_channel()) for layer in (one, two, django)]
    for layer, name in layers:
        await layer.group_add("g", name)
    for sender, _ in layers:
        await sender.group_send("g", MESSAGE)
        for layer, name in layers:
            equal(await receive(layer, name), MESSAGE)
    for sender, _ in layers:
        for layer, name in layers:
            if len(hosts) > 1 and sender is django and layer is django:
                continue  # it loses half of these, by itself
            await sender.send(name, MESSAGE)
            equal(await receive(layer, name), MESSAGE, f"{type(sender)} to {type(layer)}")
    for sender, _ in layers:
        for layer, name in layers:
            if len(hosts) > 1 and layer is django:
                continue  # it looks at one host at a time
            waits = asyncio.create_task(receive(layer, "jobs"))
            await sender.send("jobs", MESSAGE)
            equal(await waits, MESSAGE)
    for layer, name in layers:
        await layer.group_discard("g", name)
    await one.close()
    await two.close()
    await django.close_pools()
    return one, two


def test_beside_channels_redis():
    with RedisServer() as redis:
        hosts = [f"redis://127.0.0.1:{redis.port}"]
        for layer in asyncio.run(cross(hosts, None)):
            equal([layer.stats()[name] for name in ("malformed", "lost", "dropped")], [0, 0, 0])
        equal(redis.call("KEYS", "asgi:group:*"), [], "nothing is left of the group")
        asyncio.run(cross([("127.0.0.1", redis.port)], ["secret", "older"]))
        with RedisServer() as second:
            asyncio.run(cross([*hosts, {"address": f"redis://127.0.0.1:{second.port}"}], None))


def test_members_that_other_processes_add():
    """As a view does that got a consumer's name; and names with a prefix of the program's."""
    with RedisServer() as redis:
        hosts = [("127.0.0.1", redis.port)]

        async def work():
            one, two, django = Layer(hosts=hosts), Layer(hosts=hosts), RedisChannelLayer(hosts=hosts)
            name, other, reply = await two.new_channel(), await django.new_channel(), await two.new_channel("reply")
            for layer in (one, django):
                for channel in (name, other, reply):
                    await layer.group_add("g", channel)
                for sender in (one, two, django):
                    await sender.group_send("g", MESSAGE)
                    for receiver, channel in ((two, name), (django, other), (two, reply)):
                        equal(await receive(receiver, channel), MESSAGE)
                for channel in (name, other, reply):
                    await layer.group_discard("g", channel)
                equal(redis.call("ZCARD", "asgi:group:g"), 0)
            await one.close()
            await two.close()
            await django.close_pools()

        asyncio.run(work())


def test_a_layer_that_is_dropped():
    with RedisServer() as redis:

        async def work():
            layer = Layer(hosts=[("127.0.0.1", redis.port)])
            await layer.group_add("g", await layer.new_channel())
            await layer.close()  # there is a member: nothing happens
            equal(redis.call("ZCARD", "asgi:group:g"), 1)

        asyncio.run(work())
        gc.collect()
        eventually(lambda: redis.call("ZCARD", "asgi:group:g") == 0, "its membership is gone")
        eventually(lambda: threading.active_count() == 1, "its threads are gone")


def test_a_child_of_fork():
    """It has groups of its own, and the parent's are as before."""
    with RedisServer() as redis:
        layer = Layer(hosts=[("127.0.0.1", redis.port)])

        async def begin():
            name = await layer.new_channel()
            await layer.group_add("g", name)
            return name

        name = asyncio.run(begin())
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                asyncio.run(layer.group_send("g", {"type": "child"}))
                status = 0
            os._exit(status)
        equal(asyncio.run(receive(layer, name)), {"type": "child"})
        equal(os.waitpid(pid, 0)[1], 0)
        equal(redis.call("ZCARD", "asgi:group:g"), 1)
        asyncio.run(layer.group_discard("g", name))
        asyncio.run(layer.close())


def test_keys_of_encryption():
    with RedisServer() as redis:
        hosts = [("127.0.0.1", redis.port)]

        async def work():
            new = Layer(hosts=hosts, symmetric_encryption_keys=["new", "old"])
            old, other = (Layer(hosts=hosts, symmetric_encryption_keys=[key]) for key in ("old", "wrong"))
            name = await new.new_channel()
            waits = asyncio.create_task(receive(new, name))
            await new.group_add("g", name)
            await other.group_send("g", {"type": "wrong"})
            await old.group_send("g", {"type": "old"})
            equal(await waits, {"type": "old"})
            equal(new.stats()["malformed"], 1)
            for layer in (new, old, other):
                await layer.close()

        asyncio.run(work())


def test_order_of_one_sender():
    """Nothing is lost and nothing overtakes, however fast it is sent; also what a full key held up."""
    with RedisServer() as redis:
        hosts = [("127.0.0.1", redis.port)]

        async def work():
            sender = Layer(hosts=hosts, capacity=20)
            receiver = Layer(hosts=hosts, channel_capacity={"specific.*": 5000})
            name = await receiver.new_channel()
            await receiver.group_add("g", name)
            sends = [sender.group_send("g", {"type": "n", "n": number}) for number in range(900)]
            got = asyncio.gather(*[receiver.receive(name) for _ in range(900)])
            await asyncio.gather(*sends)
            equal([message["n"] for message in await asyncio.wait_for(got, harness.LIMIT)], list(range(900)))
            await sender.close()
            await receiver.close()

        asyncio.run(work())


def test_capacity_of_a_far_channel():
    with RedisServer() as redis:
        hosts = [("127.0.0.1", redis.port)]

        async def work():
            layer, django = Layer(hosts=hosts, capacity=3), RedisChannelLayer(hosts=hosts, capacity=3)
            name = await django.new_channel()
            for number in range(3):
                await layer.send(name, {"n": number})
            try:
                await layer.send(name, {"n": 3})
                raise AssertionError("it is full")
            except ChannelFull:
                pass
            await django.group_add("g", name)
            for number in range(3, 10):
                await layer.group_send("g", {"n": number})  # waits here, in order
            equal([(await receive(django, name))["n"] for _ in range(10)], list(range(10)))
            await layer.flush()
            equal(redis.call("KEYS", "*"), [])
            await layer.close()
            await django.close_pools()

        asyncio.run(work())


def test_redis_goes_and_comes_back():
    with RedisServer() as redis:
        hosts = [("127.0.0.1", redis.port)]

        async def work():
            one, two = Layer(hosts=hosts), Layer(hosts=hosts)
            names = [await layer.new_channel() for layer in (one, two)]
            for layer, name in zip((one, two), names):
                await layer.group_add("g", name)
            redis.kill()
            await one.group_send("g", {"type": "here"})
            equal(await receive(one, names[0]), {"type": "here"}, "members of this process do without")
            try:
                await one.send(names[1], {})
                raise AssertionError("it was sent")
            except yodel.channels.redis_link.ERRORS:
                pass
            assert one.stats()["lost"] >= 2, one.stats()
            redis.restart()
            waits = asyncio.create_task(receive(two, names[1]))
            while not waits.done():  # the memberships come back by themselves
                await one.group_send("g", {"type": "again"})
                await asyncio.wait([waits], timeout=0.1)
            equal(waits.result(), {"type": "again"})
            await one.close()
            await two.close()

        asyncio.run(work())


def test_the_memberships_of_the_killed_end():
    """Their score is that of a membership which is older than it is, by all but the lease."""
    with RedisServer() as redis:
        hosts = [("127.0.0.1", redis.port)]

        async def work():
            layer = Layer(hosts=hosts)
            await layer.group_add("g", await layer.new_channel())
            (_, score) = redis.call("ZRANGE", "asgi:group:g", 0, -1, "WITHSCORES")
            lasts = float(score) + layer.group_expiry - time.time()
            assert 0 < lasts <= yodel.channels.redis_link.LEASE, lasts
            await layer.close()

        asyncio.run(work())


SHORT = """
import asyncio, sys
from asgiref.sync import async_to_sync
from yodel.channels import Layer
layer = Layer(hosts=[("127.0.0.1", int(sys.argv[1]))])
for number in range(100):
    asyncio.run(layer.group_send("g", {"type": "n", "n": number}))
async_to_sync(layer.group_send)("g", {"type": "n", "n": 100})
"""


def test_p15_short_loops_and_a_program_that_ends():
    with RedisServer() as redis:

        async def work():
            layer = Layer(hosts=[("127.0.0.1", redis.port)], capacity=1000)
            name = await layer.new_channel()
            await layer.group_add("g", name)
            program = await asyncio.create_subprocess_exec(PYTHON, "-c", SHORT, str(redis.port))
            equal([(await receive(layer, name))["n"] for _ in range(101)], list(range(101)))
            equal(await program.wait(), 0)
            clients = len(redis.call("CLIENT", "LIST").decode().splitlines())
            assert clients <= 6, f"{clients} connections"
            await layer.close()

        asyncio.run(work())


def test_our_server_beside_daphne():
    with RedisServer() as redis:
        config = json.dumps({"hosts": [f"redis://127.0.0.1:{redis.port}"]})
        with Yodel(env={"CHAT_CONFIG": config}) as ours, Daphne(CORE, CHAT_CONFIG=config) as original:
            one, two = members(ours, "r1", 2)
            (other,) = members(original, "r1", 1)
            everybody = (one, two, other)
            for sender in everybody:
                for value in ("Привет 👋", {"a": [1, None, True, 1.5, -7]}):
                    sender.send_json({"message": value})
                    for websocket in everybody:
                        equal(websocket.json(), {"message": value})
            for number in range(20):
                two.send_json({"message": number})
            for websocket in everybody:
                equal([websocket.json()["message"] for _ in range(20)], list(range(20)))
            two.send_text("no JSON")
            harness.closed_with(two, 1011)
            other.send_json({"message": "last"})
            equal([one.json(), other.json()], [{"message": "last"}] * 2)
            leave(one, other)


def test_jobs_of_a_worker_process():
    """manage.py runworker in a process of its own, for consumers of our server."""
    with RedisServer() as redis:
        config = json.dumps({"hosts": [f"redis://127.0.0.1:{redis.port}"]})
        env = {"CHAT_CONFIG": config, **channels_kit.environment(CHAT_CONFIG=config)}
        program = "import chat_app, django.core.management as m; m.call_command('runworker', 'jobs')"
        with Yodel(env={"CHAT_CONFIG": config}) as ours:
            worker = subprocess.Popen([PYTHON, "-c", program], env={**channels_kit.os.environ, **env})
            try:
                with ours.websocket("/ws/json/") as websocket:
                    websocket.send_json("job")
                    equal(websocket.json(), [1, 2, {"a": None}])
            finally:
                worker.kill()
                worker.wait()


if __name__ == "__main__":
    harness.run(globals())
