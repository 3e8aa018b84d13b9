# SPDX-License-Identifier: MIT
"""yodel serve, while memory ends: who was let in is told to have gone, once, and by its name.  YODEL_PROGRAM names a program
whose allocations fail by a file."""

import mmap
import os
import struct
import tempfile

from event_source import Events
from harness import Refused, WebSocket, equal, eventually, http, run
from hooked_server import Hooked, hooked
from redis_server import RedisServer
from yodel_program import ENV

file = tempfile.NamedTemporaryFile()
file.write(bytes(mmap.PAGESIZE))
file.flush()
numbers = mmap.mmap(file.fileno(), mmap.PAGESIZE)
os.environ["PROGRAM_FAILS_BY"] = ENV["PROGRAM_FAILS_BY"] = file.name


def choose(first, num=1):
    """The allocations that fail: from the next one on, counted from 1; 0: none."""
    numbers[4:8] = bytes(4)
    numbers[0:12] = struct.pack("=III", 0, first, num)


def asked_for():
    return struct.unpack("=I", numbers[0:4])[0]


ANSWERS = {"connect": {"user": "ann", "rooms": ["r", "s"], "meta": {"n": [1]}}}


def told(backend, kind):
    """By socket, each event once: what was answered when there was no memory for the answer comes again."""
    events = {event["id"]: event for event in backend.of(kind)}
    return {event["socket"].get("sid"): event for event in events.values()}, len(events)


def go(backend, enter, leave, first, num):
    """One client comes, and goes while allocations fail."""
    before, _ = told(backend, "connected")
    client = enter()
    eventually(lambda: told(backend, "connected")[1] > len(before), "it has come")
    (sid,) = set(told(backend, "connected")[0]) - set(before)
    choose(first, num)
    leave(client)
    if num > 1:
        eventually(lambda: asked_for() > 0, "memory was asked for, and refused")
        choose(0)
    eventually(lambda: sid in told(backend, "disconnected")[0], "it has gone")
    choose(0)
    end = told(backend, "disconnected")[0][sid]
    equal(end["socket"], told(backend, "connected")[0][sid]["socket"])
    equal((end["socket"]["user"], end["socket"]["meta"]), ("ann", {"n": [1]}))
    equal((set(end["rooms"]) >= {"r", "s"}) != end.get("rooms_lost", False), True)


def goes_in_turn(enter, leave, server, backend):
    for first in range(1, 40):
        go(backend, enter, leave, first, 1)
    go(backend, enter, leave, 1, 1 << 30)
    sockets, num = told(backend, "disconnected")
    equal((len(sockets), num), (40, 40))
    metrics = http(server.internal, "GET", "/metrics").body.decode()
    lost = [line for line in metrics.splitlines() if line.startswith("yodel_webhook_dropped_events_total") and "no_memory" in line]
    equal([line.split()[1] for line in lost], ["0"])


def test_goodbyes_of_sockets():
    choose(0)
    with hooked(ANSWERS, hook=", kinds: [connect, connected, event, disconnected]") as (backend, server):
        goes_in_turn(server.client, lambda client: client.close(), server, backend)


def test_goodbyes_of_readers_of_events():
    choose(0)
    with hooked(ANSWERS, hook=", kinds: [connect, connected, disconnected]") as (backend, server):
        goes_in_turn(lambda: Events(server, "/events"), lambda reader: reader.sock.close(), server, backend)


def leave_websocket(ws):
    """A server without memory for its close frame ends the connection instead."""
    try:
        ws.leave()
    except EOFError:
        ws.close()


def test_goodbyes_of_plain_websockets():
    choose(0)
    with hooked(ANSWERS, hook=", kinds: [connect, connected, event, disconnected]") as (backend, server):
        goes_in_turn(lambda: WebSocket(server.port, "/ws/r"), leave_websocket, server, backend)


def comes_in_turn(enter, leave, attempts=90, hook="", more=""):
    """Whom the back end has let in is told to have gone, whether memory was there to let it in or not."""
    choose(0)
    hook += ", kinds: [connect, connected, disconnected], circuit: {failures: 10000}"
    with hooked(ANSWERS, hook=hook, more=more) as (backend, server):
        eventually(lambda: http(server.internal, "GET", "/health/ready").status == 200, "it has started")
        for first in range(1, attempts):
            choose(first)
            try:
                leave(enter(server))
            except (OSError, EOFError, AssertionError, Refused):  # without memory it is not let in
                pass
            choose(0)
        leave(enter(server))
        let_in = set(told(backend, "connect")[0])
        eventually(lambda: set(told(backend, "disconnected")[0]) == set(told(backend, "connect")[0]), "all have gone")
        assert len(let_in) > 40, let_in
        equal(told(backend, "disconnected")[1], len(told(backend, "disconnected")[0]))


def test_readers_of_events_that_come():
    comes_in_turn(lambda server: Events(server, "/events"), lambda reader: reader.sock.close())


def test_plain_websockets_that_come():
    comes_in_turn(lambda server: WebSocket(server.port, "/ws/r"), leave_websocket)


def test_sockets_that_are_recorded():
    """In Redis, ahead of the question: a lane that waits for that goes on."""
    with RedisServer() as redis:
        for hook in ("", ", queue: {durable: redis}"):
            comes_in_turn(Hooked.client, lambda client: client.close(), 150, hook, f"redis: {{url: '{redis.url}'}}")


run(dict(globals()))
