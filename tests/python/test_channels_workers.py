#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layer across processes of one machine without Redis: workers of one server, and a directory."""

import asyncio
import contextlib
import os
import pathlib
import pickle
import signal
import socket
import subprocess
import tempfile
import time

import channels_kit
from asgi_kit import Server
from package import PYTHON, harness

channels_kit.inside()

from channels_kit import leave
from yodel.channels import Layer, local_link
from yodel.channels.local_link import MOST_MESSAGE

equal = harness.equal
READY = r"Worker \[\d+\] is ready"
MESSAGE = {"type": "t", "x": [1, None, b"\x00b", 1.5, {"k": ("Привет 👋", {2})}]}


async def receive(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), harness.LIMIT)


async def done(*layers):
    for layer in layers:
        await layer.flush()
        await layer.close()


async def known(layer, processes):
    while layer.stats()["processes"] != processes:
        await asyncio.sleep(0.01)


def test_layers_that_share_a_directory():
    async def work(directory):
        layers = [Layer(directory=directory) for _ in range(3)]
        names = [await layer.new_channel() for layer in layers]
        for layer, name in zip(layers, names):
            await layer.group_add("g", name)
        for sender in layers:
            await sender.group_send("g", MESSAGE)
            for layer, name in zip(layers, names):
                equal(await receive(layer, name), MESSAGE)
                await sender.send(name, MESSAGE)
                equal(await receive(layer, name), MESSAGE)
        for sender in layers:
            for layer in layers:
                waits = asyncio.create_task(receive(layer, f"jobs.{layers.index(layer)}"))
                await asyncio.sleep(0)
                await sender.send(f"jobs.{layers.index(layer)}", MESSAGE)
                equal(await waits, MESSAGE, "a plain channel")
        await layers[0].group_discard("g", names[0])
        await layers[0].close()
        await known(layers[1], 2)
        await layers[1].send(names[0], {})  # nobody has it any more
        equal(layers[1].stats()["gone"], 1)
        await layers[0].group_send("g", {"type": "again"})  # it comes back
        await layers[0].group_add("g", names[0])
        await known(layers[1], 3)
        await done(*layers)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


@contextlib.contextmanager
def slowly(owner, name, when=lambda *_: True):
    """What a method does takes a while before its caller goes on."""
    original = getattr(owner, name)

    def slow(*arguments):
        result = original(*arguments)
        if when(*arguments):
            time.sleep(0.3)
        return result

    setattr(owner, name, slow)
    try:
        yield
    finally:
        setattr(owner, name, original)


def test_who_is_greeted_is_sent_to():
    async def work(directory):
        one, two = Layer(directory=directory), Layer(directory=directory)
        mine, name = await one.new_channel(), await two.new_channel()
        await one.group_add("g", mine)
        with slowly(local_link.Peer, "send", lambda _, data: pickle.loads(data[local_link.HEAD.size :])[0] == local_link.HELLO):
            await two.group_add("g", name)  # ready as soon as it has been greeted
            await one.group_send("g", MESSAGE)
            equal(await receive(two, name), MESSAGE)
            await one.send(name, MESSAGE)
            equal(await receive(two, name), MESSAGE)
        await done(one, two)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


def test_who_is_seen_can_be_connected_to():
    async def work(directory):
        one, two = Layer(directory=directory), Layer(directory=directory)
        bound = []
        with slowly(socket.socket, "bind", lambda *_: not bound and not bound.append(True)):
            begun = asyncio.create_task(asyncio.to_thread(asyncio.run, one.group_send("g", MESSAGE)))
            while not bound:
                await asyncio.sleep(0.01)
            await two.group_add("g", await two.new_channel())  # looks into the directory meanwhile
            await begun
        await known(one, 2)
        await known(two, 2)
        await done(one, two)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


def test_a_member_that_another_process_adds():
    """As a view does that got a consumer's name."""

    async def work(directory):
        one, two = Layer(directory=directory), Layer(directory=directory)
        name = await two.new_channel()
        two.begin_consumer(name)
        await two.group_add("other", name)
        await one.group_add("g", name)
        await one.group_send("g", MESSAGE)
        equal(await receive(two, name), MESSAGE)
        equal((one.stats()["groups"], two.stats()["groups"]), (0, 2))
        await one.group_discard("g", name)
        await one.group_send("g", {"type": "no"})
        await one.send(name, {"type": "last"})
        equal(await receive(two, name), {"type": "last"})
        two.end_consumer(name)
        await done(one, two)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


def test_a_child_of_fork():
    """It has groups of its own, and the parent's are as before."""

    async def begin(layer):
        name = await layer.new_channel()
        await layer.group_add("g", name)
        return name

    with tempfile.TemporaryDirectory() as directory:
        layer = Layer(directory=directory)
        name = asyncio.run(begin(layer))
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                assert layer.process not in name and layer.stats()["groups"] == 0
                asyncio.run(layer.group_send("g", {"type": "child"}))
                status = 0
            os._exit(status)
        equal(asyncio.run(receive(layer, name)), {"type": "child"})
        equal(os.waitpid(pid, 0)[1], 0)
        asyncio.run(layer.group_send("g", {"type": "parent"}))
        equal(asyncio.run(receive(layer, name)), {"type": "parent"})
        asyncio.run(done(layer))


def test_a_job_waits_for_its_worker():
    async def work(directory):
        one, two = Layer(directory=directory), Layer(directory=directory)
        await one.send("jobs", {"n": 1})
        await one.send("jobs", {"n": 2})
        equal([(await receive(two, "jobs"))["n"] for _ in range(2)], [1, 2])
        await done(one, two)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


def test_what_cannot_be_sent():
    async def work(directory):
        one, two = Layer(directory=directory), Layer(directory=directory)
        await two.group_add("g", await two.new_channel())
        await one.group_add("g", await one.new_channel())
        await known(one, 2)
        for wrong in ({"x": lambda: None}, {"x": bytes(MOST_MESSAGE)}):
            try:
                await one.group_send("g", wrong)
                raise AssertionError("it was sent")
            except (AttributeError, TypeError, ValueError, pickle.PicklingError):
                pass
        await done(one, two)
        os.chmod(directory + "/asgi", 0o755)
        try:
            await one.group_add("g", "x")
            raise AssertionError("others may read the directory")
        except PermissionError:
            pass

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


def test_what_is_called_after_a_close_begins_anew():
    async def work(directory):
        layer, other = Layer(directory=directory), Layer(directory=directory)
        name = await other.new_channel()
        await other.group_add("g", name)
        for n in range(50):
            await layer.flush()
            await layer.close()
            await layer.group_send("g", {"n": n})
            equal(await receive(other, name), {"n": n})
        await done(layer, other)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


STOPPED = """
import asyncio, os, signal, sys
from yodel.channels import Layer, local_link
async def work():
    layer = Layer(directory=sys.argv[1])
    await layer.group_add("g", await layer.new_channel())
    await layer.send("ready", {"pid": os.getpid()})
    await asyncio.sleep(1000)
asyncio.run(work())
"""


def test_a_process_that_does_not_read():
    """What waits for it is bounded; others do not wait for it, and it may be killed."""

    async def work(directory):
        layer = Layer(directory=directory, capacity=5)
        program = subprocess.Popen([PYTHON, "-c", STOPPED, directory])
        try:
            equal(await receive(layer, "ready"), {"pid": program.pid})
            name = await layer.new_channel()
            await layer.group_add("g", name)
            os.kill(program.pid, signal.SIGSTOP)
            for _ in range(40):
                await layer.group_send("g", {"type": "t", "x": bytes(1024 * 1024)})
                await receive(layer, name)
            assert layer.stats()["lost"] > 20, layer.stats()
        finally:
            program.kill()
            program.wait()
        await known(layer, 1)
        await layer.group_send("g", MESSAGE)
        equal(await receive(layer, name), MESSAGE)
        second = Layer(directory=directory)
        await second.group_add("g", await second.new_channel())
        equal(len(os.listdir(directory + "/asgi")), 2, "what it left behind is gone")
        await done(layer, second)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))


def clients(server, count):
    """Clients of the room, and of which process each is."""
    return [harness.WebSocket(server.port, "/ws/chat/r1/") for _ in range(count)]


def test_workers_of_a_server():
    words = ("--port", "0", "--workers", "3", "--lifespan", "off", "--log-level", "debug", "--no-access-log")
    with Server("chat_app:application", *words) as server:
        server.until(READY, 3)
        everybody = clients(server, 20)
        for sender in everybody[:5]:
            for number in range(10):
                sender.send_json({"message": number})
            for websocket in everybody:
                equal([websocket.json()["message"] for _ in range(10)], list(range(10)))
        equal(harness.http(server.port, "GET", "/say/r1/?text=view").status, 200)
        for websocket in everybody:
            equal(websocket.json(), {"message": "view"})
        directory = meeting_place(server.pid)
        assert directory.exists()
        os.kill(server.children()[0], signal.SIGKILL)
        for websocket in everybody:
            websocket.abort()
        server.until(READY, 4)
        everybody = clients(server, 20)
        everybody[0].send_json({"message": "after"})
        for websocket in everybody:
            equal(websocket.json(), {"message": "after"})
        leave(*everybody)
    assert not directory.exists(), "the supervisor has removed it"


def meeting_place(pid):
    """That of the workers of a supervisor, from the environment of one of them."""
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        for word in pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            if word.startswith(b"YODEL_CHANNELS_DIR="):
                return pathlib.Path(word.partition(b"=")[2].decode())
    raise AssertionError("no worker has one")


if __name__ == "__main__":
    harness.run(globals())
