# SPDX-License-Identifier: MIT
"""yodel serve on two nodes whose back end keeps a log: that has, for each accepted connect, one end, in the order of its socket.

Short; YODEL_PAIRS=1000,20 is 1000 sockets at a time and 20 rounds, in each of which the back end, one node, or both come to an end.
"""

import contextlib
import os
import random
import resource
import select
import signal
import socket

from event_source import Events
from harness import WebSocket, eventually, run
from hooked_server import Hooked, Hooks
from redis_server import RedisServer
from sio_client import ConnectError

SOCKETS, ROUNDS = [int(number) for number in os.environ.get("YODEL_PAIRS", "60,4").split(",")]
HOOK = ", retry: {min: 20ms, max: 500ms}, circuit: {failures: 100, open: 50ms, max: 200ms}"
KINDS = ("connected", "disconnected")


class Log(Hooks):
    """Its own log is .events: what it has seen, also when its answer was cut off."""

    is_away = False

    def take(self, request):
        if self.is_away:
            raise ValueError("away")
        return super().take(request)

    def restart(self):
        """All connections end, with or without the answers that are due."""
        self.is_away = True
        with self.changed:
            socks = list(self.socks)
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.is_away = False


def hello(event):
    """Each client learns the name of its socket."""
    return {"data": event["socket"]["sid"]}


class Nodes:
    """Two nodes, which end and come back."""

    def __init__(self, redis, backend, hook, stack):
        self.redis, self.backend, self.hook, self.stack = redis, backend, hook, stack
        self.nodes = {}
        for name in ("n1", "n2"):
            self.start(name)

    def start(self, name):
        more = f"server: {{id: {name}}}\nredis: {{url: '{self.redis.url}', lease: 1s}}"
        self.nodes[name] = self.stack.enter_context(Hooked(self.backend, hook=self.hook, more=more))

    def kill(self, name):
        self.nodes[name].yodel.signal(signal.SIGKILL)
        self.nodes[name].yodel.process.wait(30)
        self.start(name)

    def restart(self, name):
        self.nodes[name].yodel.signal(signal.SIGTERM)
        assert self.nodes[name].yodel.process.wait(60) == 0
        self.start(name)


class Guest:
    """A plain WebSocket, or a reader of events, that has learned the name of its socket."""

    def __init__(self, stream, hello, say):
        self.stream, self.emit = stream, say
        try:
            self.sid = hello()
            assert isinstance(self.sid, str), self.sid
        except BaseException:
            stream.close()
            raise

    @property
    def failure(self):
        poll = select.poll()
        poll.register(self.stream.sock, select.POLLIN)
        if not poll.poll(0):
            return None
        try:
            return None if self.stream.sock.recv(1, socket.MSG_PEEK) else "it has ended"
        except OSError as error:
            return error

    def close(self):
        self.stream.close()


def plain(server):
    websocket = WebSocket(server.port, "/ws/lobby")
    return Guest(websocket, websocket.message, lambda _, number: websocket.send_text(str(number)))


def reader(server):
    events = Events(server, "/events", [("Connection", "close")])  # one that is sent away ends at once
    return Guest(events, lambda: events.event()[1][0], lambda *_: None)


def come(nodes, clients, number):
    """So many sockets more, of each kind and on each node; one that is sent away is none."""
    ways = (Hooked.client, plain, Hooked.client, reader)
    for i in range(number):
        with contextlib.suppress(AssertionError, OSError, ConnectError):
            client = ways[i // 2 % 4](nodes.nodes[("n1", "n2")[i % 2]])
            clients.append(client)
            client.emit("said", i)


def go(clients, number):
    random.shuffle(clients)
    for _ in range(min(number, len(clients))):
        with contextlib.suppress(OSError, AssertionError):
            clients.pop().close()


def by_socket(events):
    """The events of each socket, each once, in the order in which they were seen first."""
    sockets, seen = {}, {}
    for event in events:
        before = seen.setdefault(event["id"], event)
        assert (before["kind"], before["socket"]["sid"]) == (event["kind"], event["socket"]["sid"]), (before, event)
        if before is event:
            sockets.setdefault(event["socket"]["sid"], []).append(event)
    return sockets


def ends(backend):
    """Of how many sockets with a connect an end is missing."""
    with backend.changed:
        events = list(backend.events)
    known = {event["socket"]["sid"] for event in events if event["kind"] == "connect"}
    return len(known - {event["socket"]["sid"] for event in events if event["kind"] == "disconnected"})


def check(backend, in_order):
    for sid, events in by_socket(backend.events).items():
        kinds = [event["kind"] for event in events]
        assert kinds.count("connect") == 1 and kinds.count("disconnected") == 1, (sid, kinds)
        assert kinds.count("connected") <= 1, (sid, kinds)
        parts = [events] if in_order else [[event for event in events if (event["kind"] in KINDS) is told] for told in (True, False)]
        for part in parts:
            numbers = [event["seq"] for event in part]
            assert numbers == sorted(numbers), (sid, [(event["seq"], event["kind"]) for event in events])
        assert max(events, key=lambda event: event["seq"])["kind"] == "disconnected", (sid, kinds)


def was_heard(backend, clients):
    """Nobody was let in of whom the log knows nothing."""
    known = {event["socket"]["sid"] for event in backend.of("connect")}
    assert {client.sid for client in clients} <= known


def disturb(nodes, backend, number):
    """The back end each time; and a node that ends, or dies."""
    backend.restart()
    if number % 2 == 0:
        nodes.kill(("n1", "n2")[number // 2 % 2])
    else:
        nodes.restart(("n1", "n2")[number // 2 % 2])
    backend.restart()


def pairs(hook, durable):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with RedisServer() as redis, contextlib.closing(Log({"connect": hello})) as backend, contextlib.ExitStack() as stack:
        nodes, clients, every = Nodes(redis, backend, HOOK + hook, stack), [], []
        for number in range(ROUNDS):
            come(nodes, clients, SOCKETS - len(clients))
            every += [client for client in clients if client not in every]
            go(clients, SOCKETS // 3)
            disturb(nodes, backend, number)
            for client in [client for client in clients if client.failure is not None]:
                client.close()
                clients.remove(client)
        was_heard(backend, every)
        go(clients, len(clients))
        eventually(lambda: ends(backend) == 0, "each socket has its end")
        eventually(lambda: all(redis.call("HLEN", key) == 0 for key in redis.call("KEYS", "yodel:hooked:*")), "nothing is recorded any more")
        check(backend, in_order=not durable)
        assert len(every) > SOCKETS, len(every)
        if durable:
            told = {event["socket"]["sid"] for event in backend.of("connected")}
            missing = {client.sid for client in every} - told
            assert not missing, f"{len(missing)} of {len(every)} have no connected"
    print(f"{len(every)} sockets, {len(backend.events)} events, {len(backend.events) - len({event['id'] for event in backend.events})} again")


def test_pairs_by_leases():
    pairs("", durable=False)


def test_pairs_with_notices_in_redis():
    pairs(", queue: {durable: redis}", durable=True)


run(dict(globals()))
