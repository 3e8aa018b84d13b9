# SPDX-License-Identifier: MIT
"""yodel serve: notices that wait in Redis (webhooks.queue.durable) outlive nodes and back ends, in their order."""

import contextlib
import signal

from harness import equal, eventually, http, run
from hooked_server import Hooked, Hooks
from redis_server import RedisServer

DURABLE = ", retry: {min: 50ms, max: 200ms}, circuit: {failures: 10000}, queue: {durable: redis, events: EVENTS}"


def node(backend, redis, name, events=10000, lease="1s", hook=""):
    more = f"server: {{id: {name}}}\nredis: {{url: '{redis.url}', lease: {lease}}}"
    return Hooked(backend, hook=DURABLE.replace("EVENTS", str(events)) + hook, more=more)


def die(server):
    server.yodel.signal(signal.SIGKILL)
    server.yodel.process.wait(30)


def stop(server):
    server.yodel.signal(signal.SIGTERM)
    equal(server.yodel.process.wait(30), 0)


def metric(server, name):
    lines = [line for line in http(server.internal, "GET", "/metrics").body.decode().splitlines() if line.startswith(name + " ")]
    return float(lines[0].split()[1])


def waiting(redis):
    return sum(redis.call("XLEN", key) for key in redis.call("KEYS", "yodel:notices:*") if not key.endswith(b":owner"))


def lanes(*servers):
    for server in servers:
        eventually(lambda server=server: metric(server, "yodel_notice_lanes") == 64 / len(servers), "lanes are shared out")


def pairs(backend, sids, repeated=False):
    """Each socket has its notices once, or more often with one id, in their order."""
    for sid in sids:
        seen = {}
        for event in backend.events:
            if event["kind"] in ("connected", "disconnected") and event["socket"]["sid"] == sid:
                assert repeated or event["id"] not in seen, event
                seen.setdefault(event["id"], event)
        equal([event["kind"] for event in seen.values()], ["connected", "disconnected"])
        numbers = [event["seq"] for event in seen.values()]
        equal(numbers, sorted(numbers))


def test_notices_go_through_redis():
    with RedisServer() as redis, contextlib.closing(Hooks({"x": {"ack": [1]}})) as backend:
        with node(backend, redis, "n1") as one, node(backend, redis, "n2") as two:
            lanes(one, two)
            sids = []
            for server in (one, two) * 10:
                with server.client() as client:
                    sids.append(client.sid)
                    equal(client.call("x"), [1])
            backend.until("disconnected", 20)
            pairs(backend, sids)
            eventually(lambda: waiting(redis) == 0, "all of it was deleted")
            equal({event["socket"]["sid"] for event in backend.of("connected")}, set(sids))
            assert metric(one, "yodel_notices_relayed_total") > 0 and metric(two, "yodel_notices_relayed_total") > 0
            eventually(lambda: sum(redis.call("HLEN", key) for key in redis.call("KEYS", "yodel:hooked:*")) == 0, "nothing is recorded")
            stop(two)
            lanes(one)


def test_a_back_end_that_is_away_and_nodes_that_end():
    with RedisServer() as redis, contextlib.closing(Hooks({"connected": (503, ""), "disconnected": (503, "")})) as backend:
        sids = []
        for end in (stop, die):
            with node(backend, redis, "n1") as one:
                for _ in range(10):
                    with one.client() as client:
                        sids.append(client.sid)
                eventually(lambda: waiting(redis) == 2 * len(sids), "all is stored")
                end(one)
        equal(waiting(redis), 40)
        backend.answers.clear()
        with node(backend, redis, "n2") as two:
            backend.until("disconnected", 20)
            pairs(backend, sids)
            eventually(lambda: waiting(redis) == 0, "all of it was deleted")
            equal(metric(two, 'yodel_webhook_dropped_events_total{webhook="main",reason="queue"}'), 0)


def test_the_holder_of_lanes_dies():
    with RedisServer() as redis, contextlib.closing(Hooks()) as backend:
        with node(backend, redis, "n1") as one, node(backend, redis, "n2") as two:
            lanes(one, two)
            clients = [two.client() for _ in range(20)] + [one.client() for _ in range(20)]
            backend.until("connected", 40)
            backend.answers["disconnected"] = (503, "")
            die(one)
            for client in clients[:20]:
                client.close()
            eventually(lambda: waiting(redis) >= 40, "all is stored")
            backend.answers.clear()
            lanes(two)
            backend.until("disconnected", 40)
            eventually(lambda: waiting(redis) == 0, "all of it was deleted")
            pairs(backend, [client.sid for client in clients], repeated=True)
            equal(sum(event.get("node_lost", False) for event in backend.of("disconnected")), 20)


def streams(redis):
    """The ids of the notices of each stream that has some, in its order."""
    keys = [key for key in redis.call("KEYS", "yodel:notices:*") if not key.endswith(b":owner")]
    all_of = {key: [fields[1].decode() for _, fields in redis.call("XRANGE", key, "-", "+")] for key in keys}
    return {key: ids for key, ids in all_of.items() if ids}


def test_notices_of_a_user_are_in_one_stream():
    """Of all nodes, with those of sockets whose node has died; and they are sent in its order."""
    away = (503, "")
    answers = {"connect": lambda event: {"user": event["auth"]["user"]}, "connected": away, "disconnected": away}
    with RedisServer() as redis, contextlib.closing(Hooks(answers)) as backend:
        with node(backend, redis, "n1", hook=", order: user") as one, node(backend, redis, "n2", hook=", order: user") as two:
            clients = [server.client(auth={"user": "ann"}) for server in (one, two) * 4]
            eventually(lambda: waiting(redis) == 8, "those of both nodes are stored")
            die(one)
            eventually(lambda: waiting(redis) == 12, "so are the ends of those of the dead node")
            for client in clients[1::2]:
                client.close()
            eventually(lambda: waiting(redis) == 16, "and of the others")
            ((_, ids),) = streams(redis).items()
            del backend.events[:]
            backend.answers.update(connected={}, disconnected={})
            backend.until("disconnected", 8)
            eventually(lambda: waiting(redis) == 0, "all of it was deleted")
            told = list(dict.fromkeys(event["id"] for event in backend.events if event["kind"] != "connect"))
            equal(told, ids)
            pairs(backend, [client.sid for client in clients], repeated=True)


def test_what_is_too_much_is_dropped_and_counted():
    with RedisServer() as redis, contextlib.closing(Hooks({"connected": (503, ""), "disconnected": (503, "")})) as backend:
        with node(backend, redis, "n1", events=64) as one:
            for _ in range(100):
                one.client().close()
            eventually(lambda: metric(one, 'yodel_webhook_dropped_events_total{webhook="main",reason="queue"}') >= 200 - 64 - 64, "some were dropped")
            assert waiting(redis) <= 64


def test_redis_is_away_for_a_while():
    with RedisServer() as redis, contextlib.closing(Hooks()) as backend:
        with node(backend, redis, "n1") as one:
            lanes(one)
            redis.kill()
            eventually(lambda: metric(one, "yodel_redis_up") == 0, "Redis is away")
            with one.client() as client:
                pass
            eventually(lambda: metric(one, 'yodel_webhook_queue_events{webhook="main"}') == 2, "they wait here")
            redis.start()
            backend.until("disconnected")
            pairs(backend, [client.sid], repeated=True)


def test_bad_answers_do_not_hold_others_up():
    with RedisServer() as redis, contextlib.closing(Hooks({"connected": (400, "")})) as backend:
        with node(backend, redis, "n1", hook=", batch: {events: 1}") as one:
            for _ in range(5):
                one.client().close()
            backend.until("disconnected", 5)
            eventually(lambda: waiting(redis) == 0, "all of it was deleted")


run(dict(globals()))
