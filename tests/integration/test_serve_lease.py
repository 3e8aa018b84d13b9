# SPDX-License-Identifier: MIT
"""yodel serve: who has connected is told to have gone, also when its node has died, by leases in Redis."""

import contextlib
import signal
import threading

from event_source import Events
from harness import WebSocket, equal, eventually, http, run
from hooked_server import Hooked, Hooks
from redis_server import RedisServer
from sio_client import ConnectError
from slow_redis import SlowRedis


DURABLE = ", queue: {durable: redis}"


def node(backend, redis, name, lease="1s", hook="", **options):
    return Hooked(backend, hook=hook, more=f"server: {{id: {name}}}\nredis: {{url: '{redis.url}', lease: {lease}}}", **options)


def die(server):
    server.yodel.signal(signal.SIGKILL)
    server.yodel.process.wait(30)


def metric(server, name):
    lines = [line for line in http(server.internal, "GET", "/metrics").body.decode().splitlines() if line.startswith(name + " ")]
    return float(lines[0].split()[1])


def records(redis):
    return sum(redis.call("HLEN", key) for key in redis.call("KEYS", "yodel:hooked:*"))


def recorded(redis, num):
    eventually(lambda: records(redis) == num, f"{num} sockets are recorded")


def leases(redis):
    return redis.call("SCARD", "yodel:leases")


def ends(backend):
    return {event["socket"]["sid"]: event for event in backend.of("disconnected")}


def test_a_survivor_tells_of_those_who_have_gone():
    answers = {"connect": lambda event: {"user": event["auth"]["user"], "meta": {"n": 1}}}
    with RedisServer() as redis, contextlib.closing(Hooks(answers)) as backend:
        with node(backend, redis, "n1") as one, node(backend, redis, "n2") as two:
            gone = [one.client(auth={"user": f"u{i}"}) for i in range(20)]
            stays = two.client(auth={"user": "stays"})
            gone[0].emit("x", 1)
            backend.until("event")
            backend.until("connected", 21)
            recorded(redis, 21)
            die(one)
            backend.until("disconnected", 20)
            told = ends(backend)
            equal(set(told), {client.sid for client in gone})
            for event in told.values():
                equal((event["node_lost"], event["reason"], event["socket"]["meta"]), (True, "transport close", {"n": 1}))
                assert event["socket"]["user"].startswith("u") and event["duration_ms"] >= 0, event
                assert event["seq"] > max(other["seq"] for other in backend.events if other["socket"]["sid"] == event["socket"]["sid"] and other is not event)
            equal(len(backend.of("disconnected")), 20)
            recorded(redis, 1)
            equal(metric(two, "yodel_lease_records_adopted_total"), 20)
            stays.close()
            backend.until("disconnected", 21)
            assert "node_lost" not in backend.of("disconnected")[-1]
            recorded(redis, 0)
        for client in gone:
            client.close()


def test_plain_websockets_are_recorded_too():
    with RedisServer() as redis, contextlib.closing(Hooks({"connect": {"user": "ann"}})) as backend:
        with node(backend, redis, "n1") as one, node(backend, redis, "n2"):
            sockets = [WebSocket(one.port, "/ws/lobby") for _ in range(3)]
            backend.until("connected", 3)
            recorded(redis, 3)
            sockets.pop().close()
            backend.until("disconnected")
            recorded(redis, 2)
            die(one)
            backend.until("disconnected", 3)
            equal([event.get("node_lost", False) for event in backend.of("disconnected")], [False, True, True])
            equal({event["socket"]["user"] for event in backend.of("disconnected")}, {"ann"})
            recorded(redis, 0)


def test_readers_of_events_are_recorded_too():
    with RedisServer() as redis, contextlib.closing(Hooks({"connect": {"user": "ann", "rooms": ["news"]}})) as backend:
        with node(backend, redis, "n1") as one, node(backend, redis, "n2"):
            readers = [Events(one, "/events") for _ in range(3)]
            backend.until("connected", 3)
            recorded(redis, 3)
            readers.pop().sock.close()
            backend.until("disconnected")
            recorded(redis, 2)
            die(one)
            gone = backend.until("disconnected", 3)
            equal([event.get("node_lost", False) for event in gone], [False, True, True])
            equal({(event["socket"]["user"], event["socket"]["transport"]) for event in gone}, {("ann", "eventsource")})
            recorded(redis, 0)


def has_record(redis, sid):
    return any(sid.encode() in text for key in redis.call("KEYS", "yodel:hooked:*") for text in redis.call("HVALS", key))


def check_recorded_ahead(first, **options):
    """first: the kind of the first event that the back end has of a socket.  Redis is slower than the back end."""
    found = {}

    def look(event):
        found.setdefault((event["socket"]["sid"], event["kind"]), has_record(redis, event["socket"]["sid"]))
        return {"user": "ann"} if event["kind"] == "connect" else {}

    with RedisServer() as redis, contextlib.closing(SlowRedis(redis, b"$4\r\nHSET", 0.03)) as slow:
        with contextlib.closing(Hooks({"connect": look, "connected": look})) as backend, node(backend, slow, "n1", **options) as server:
            clients = [server.client() for _ in range(5)] + [WebSocket(server.port, "/ws/lobby") for _ in range(5)]
            backend.until("connected", 10)
            for client in clients:
                client.close()
            backend.until("disconnected", 10)
            asked = [is_there for (_, kind), is_there in found.items() if kind == first]
            late = metric(server, "yodel_lease_writes_late_total")
            equal(len(asked), 10)
            assert asked.count(False) <= late, (asked, late)


def test_a_back_end_is_asked_when_redis_knows():
    check_recorded_ahead("connect")


def test_a_back_end_is_told_when_redis_knows():
    routes = 'websockets: [{path: "/ws/{room}", auth: none, webhook: main}]\n'
    check_recorded_ahead("connected", hook=", kinds: [connected, disconnected]", spaces="[{name: /, auth: none, webhook: main}]", routes=routes)


def test_a_back_end_is_asked_though_redis_hangs():
    """And a socket that goes before Redis knows of it is asked for by nobody, or has its end."""
    with RedisServer() as redis, contextlib.closing(Hooks({"connect": {"user": "ann"}})) as backend:
        with node(backend, redis, "n1", lease="60s") as server:
            redis.pause()
            clients = [server.client(), WebSocket(server.port, "/ws/lobby")]
            backend.until("connected", 2)
            assert metric(server, "yodel_lease_writes_late_total") >= 2
            for _ in range(5):
                hasty = WebSocket(server.port, "/socket.io/?EIO=4&transport=websocket")
                hasty.send_text("40")
                hasty.close()
            for client in clients:
                client.close()
            redis.resume()
            backend.until("disconnected", 2)
            eventually(lambda: set(ends(backend)) == {event["socket"]["sid"] for event in backend.of("connect")}, "each has its end")
            recorded(redis, 0)


def check_not_stored(connect):
    with RedisServer() as redis, contextlib.closing(SlowRedis(redis, b"'XADD'", None)) as hole:
        with contextlib.closing(Hooks({"connect": {"user": "ann"}})) as backend:
            with node(backend, hole, "n1", hook=DURABLE) as one, node(backend, redis, "n2", hook=DURABLE):
                client = connect(one)
                die(one)
                end, told = backend.until("disconnected")[0], backend.of("connected")
                equal([(event["node_lost"], event["id"], event["socket"]) for event in told], [(True, end["id"] + "-c", end["socket"])])
                assert told[0]["seq"] < end["seq"], (told, end)
                recorded(redis, 0)
                client.close()


def test_a_survivor_tells_what_was_not_stored():
    """`connected`, under the id that it would have had."""
    check_not_stored(lambda server: server.client())
    check_not_stored(lambda server: WebSocket(server.port, "/ws/lobby"))


def test_what_was_stored_is_told_once():
    with RedisServer() as redis, contextlib.closing(Hooks({"connect": {"user": "ann"}})) as backend:
        with node(backend, redis, "n1", hook=DURABLE) as one, node(backend, redis, "n2", hook=DURABLE):
            clients = [one.client(), WebSocket(one.port, "/ws/lobby")]
            backend.until("connected", 2)
            eventually(lambda: not has_record(redis, '"connecting"'), "Redis knows that it was stored")
            die(one)
            backend.until("disconnected", 2)
            told = {event["id"]: event for event in backend.of("connected")}  # n1 may have died ahead of the answer
            equal(len(told), 2)
            assert all(name.endswith("-c") and "node_lost" not in event for name, event in told.items())
            for client in clients:
                client.close()


def test_a_node_that_comes_back_tells_by_itself():
    """And does what the back end answers."""
    there = threading.Event()
    parted = {"actions": [{"emit": {"event": "parted", "to": {"all": True}}}]}
    answers = {"disconnected": lambda _: parted if there.is_set() else (503, "")}
    with RedisServer() as redis, contextlib.closing(Hooks(answers)) as backend:
        with node(backend, redis, "n1") as one:
            client = one.client()
            backend.until("connected")
            recorded(redis, 1)
            die(one)
        with node(backend, redis, "n1") as one:
            with one.client() as other:
                there.set()
                equal(other.event(), ["parted"])
                equal(backend.of("disconnected")[0]["node_lost"], True)
            backend.until("disconnected", 2)
            recorded(redis, 0)
        client.close()
        equal(len(backend.of("disconnected")), 2)


def test_a_back_end_that_was_away_is_told_by_who_comes_after():
    """The one that has taken over dies as well, and the id stays."""
    with RedisServer() as redis, contextlib.closing(Hooks()) as backend:
        with node(backend, redis, "n1") as one:
            client = one.client()
            backend.until("connected")
            recorded(redis, 1)
            backend.answers["disconnected"] = (503, "")
            die(one)
            ids = redis.call("HKEYS", redis.call("KEYS", "yodel:hooked:*")[0])
        with node(backend, redis, "n2") as two:
            eventually(lambda: any(b'"node_lost":true' in request.body for request in backend.requests), "it was tried")
            die(two)
        with node(backend, redis, "n3"):
            eventually(lambda: metric_of_none(backend), "it waits")
            backend.answers.clear()
            event = backend.until("disconnected")[0]
        equal([event["id"].encode()], ids)
        client.close()


def metric_of_none(backend):
    return sum(b'"node_lost":true' in request.body for request in backend.requests) > 1


def test_who_was_refused_is_not_recorded():
    with RedisServer() as redis, contextlib.closing(Hooks({"connect": {"reject": {"message": "no"}}})) as backend:
        with node(backend, redis, "n1") as one:
            for _ in range(3):
                try:
                    one.client().close()
                    raise AssertionError("was let in")
                except ConnectError:
                    pass
            recorded(redis, 0)


def test_the_end_of_a_node_leaves_nothing():
    with RedisServer() as redis, contextlib.closing(Hooks()) as backend:
        with node(backend, redis, "n1") as one:
            clients = [one.client() for _ in range(10)]
            backend.until("connected", 10)
            one.yodel.signal(signal.SIGTERM)
            equal(one.yodel.process.wait(30), 0)
        backend.until("disconnected", 10)
        equal(redis.call("KEYS", "yodel:hooked:*") + redis.call("KEYS", "yodel:leases") + redis.call("KEYS", "yodel:lease:*"), [])
        with node(backend, redis, "n1"):
            pass
        equal(len(backend.of("disconnected")), 10)
        for client in clients:
            client.close()


def test_what_could_not_be_flushed_is_told_by_the_next():
    with RedisServer() as redis, contextlib.closing(Hooks({"disconnected": (503, "")})) as backend:
        with node(backend, redis, "n1", lease="10s") as one:
            client = one.client()
            backend.until("connected")
            recorded(redis, 1)
            client.close()
            one.yodel.signal(signal.SIGTERM)
            equal(one.yodel.process.wait(30), 0)
        equal(records(redis), 1)
        backend.answers.clear()
        with node(backend, redis, "n2"):
            backend.until("disconnected")
            recorded(redis, 0)


def test_redis_goes_and_comes_back():
    with RedisServer() as redis, contextlib.closing(Hooks()) as backend:
        with node(backend, redis, "n1") as one, node(backend, redis, "n2"):
            before = one.client()
            backend.until("connected")
            recorded(redis, 1)
            redis.kill()
            eventually(lambda: metric(one, "yodel_redis_up") == 0, "Redis is away")
            after = one.client()
            backend.until("connected", 2)
            redis.start()
            recorded(redis, 2)
            redis.call("FLUSHALL")
            recorded(redis, 2)
            eventually(lambda: leases(redis) == 2, "and whose they are")
            equal(backend.of("disconnected"), [])
            die(one)
            backend.until("disconnected", 2)
            equal(set(ends(backend)), {before.sid, after.sid})
        before.close()
        after.close()


def test_records_are_never_without_a_lease():
    """When Redis is back with nothing: nobody would look for those of a node that dies then."""
    with RedisServer() as redis, contextlib.closing(Hooks()) as backend:
        with node(backend, redis, "n1", lease="20s") as one, one.client():
            recorded(redis, 1)
            redis.kill()
            eventually(lambda: metric(one, "yodel_redis_up") == 0, "Redis is away")
            redis.start()
            recorded(redis, 1)
            equal(leases(redis), 1)


def test_a_node_whose_lease_was_over_sends_its_clients_away():
    with RedisServer() as redis, contextlib.closing(Hooks()) as backend:
        with node(backend, redis, "n1") as one, node(backend, redis, "n2"):
            client = one.client()
            backend.until("connected")
            recorded(redis, 1)
            one.yodel.signal(signal.SIGSTOP)
            backend.until("disconnected")
            one.yodel.signal(signal.SIGCONT)
            client.until_lost()
            eventually(lambda: metric(one, "yodel_lease_lost_total") == 1, "it is counted")
            eventually(lambda: metric(one, 'yodel_webhook_queue_events{webhook="main"}') == 0, "all is told")
            equal(len({event["id"] for event in backend.of("disconnected")}), 1)
            recorded(redis, 0)


def test_without_redis_a_node_tells_that_it_has_started():
    for kinds, told in (("connect, disconnected", 1), ("connect, node_started", 1), ("connect", 0)):
        with contextlib.closing(Hooks()) as backend:
            with Hooked(backend, hook=f", kinds: [{kinds}]", more="server: {id: n7}") as server:
                server.client().close()
                backend.until("connect")
                eventually(lambda: len(backend.started) == told, "it is told")
                for event in backend.started:
                    equal((event["node"], event["seq"], "socket" in event), ("n7", 1, False))


run(dict(globals()))
