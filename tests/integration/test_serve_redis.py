# SPDX-License-Identifier: MIT
"""yodel serve on two nodes: clients of one are reached by the API of the other; Redis goes and comes back."""

import hashlib
import json
import signal
import threading

from harness import equal, eventually, http, run
from redis_server import RedisServer
from sio_client import SioClient, until_it_arrives
from yodel_program import Yodel, file

KEY = ("Authorization", "Bearer first")
CONFIG = """
server: {id: NODE}
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [api, metrics, health]}
namespaces: [{name: /, auth: none}, {name: /chat, auth: none}]
redis: {url: "URL", adapter: ADAPTER, lease: 2s}
health: {redis_grace: 500ms}
shutdown: {spread: 0s, drain: 3s, webhook_flush: 1s}
api: {keys: [{name: all, sha256: HASH, scopes: [emit, rooms, read, admin]}]}
"""


def node(name, redis, adapter="redis"):
    digest = hashlib.sha256(b"first").hexdigest()
    text = CONFIG.replace("NODE", name).replace("URL", redis.url).replace("HASH", digest).replace("ADAPTER", adapter)
    with file(text) as path:
        return Yodel("-c", path)


def call(server, method, path, body=None):
    headers = [KEY, ("Content-Type", "application/json")]
    response = http(server.internal, method, f"/api/v1/{path}", headers, json.dumps(body).encode() if body is not None else b"")
    equal(response.status, 200, response.body)
    return json.loads(response.body)


def metric(server, name):
    found = [line for line in http(server.internal, "GET", "/metrics").body.decode().splitlines() if line.startswith(name + " ")]
    return float(found[0].split()[1])


def is_ready(server):
    return http(server.internal, "GET", "/health/ready").status == 200


def both_know(one, two):
    for server in (one, two):
        eventually(lambda server=server: len(call(server, "GET", "nodes")["nodes"]) == 2 and is_ready(server), "two nodes")


def reaches(one, two):
    with SioClient(one.port) as near, SioClient(two.port) as far:
        eventually(lambda: len(call(one, "GET", "sockets")["sockets"]) == 2, "both sockets are listed")
        call(one, "POST", "emit", {"to": {"all": True}, "event": "said", "args": [1]})
        equal([near.event(), far.event()], [["said", 1]] * 2)
        call(one, "POST", "join", {"of": {"sockets": [far.sid]}, "rooms": ["r"]})
        names = lambda: [each["name"] for each in call(one, "GET", "rooms")["rooms"]]
        eventually(lambda: "r" in names(), "the room is there")
        until_it_arrives(lambda arg: call(one, "POST", "emit", {"to": {"rooms": ["r"]}, "event": "only", "args": [arg]}), far)
        for words in ([1, [2], None], []):
            thread = threading.Thread(target=lambda words=words: far.answer(far.event_with_ack()[1], *words))
            thread.start()
            answer = call(one, "POST", "emit", {"to": {"rooms": ["r"]}, "event": "sure?", "ack": {"timeout_ms": 30000}})
            thread.join()
            equal(answer, {"acks": [{"sid": far.sid, "args": words}], "missing": []})
        answer = call(one, "POST", "update", {"of": {"sockets": [far.sid]}, "meta": {"a": 1}})
        equal(answer.get("matched", 1), 1)
        eventually(lambda: call(two, "GET", f"sockets/{far.sid}").get("meta") == {"a": 1}, "the update has come")
        call(one, "POST", "disconnect", {"of": {"sockets": [far.sid]}})
        equal(far.event(), ["disconnect"])
        assert not near.has_event()


def test_two_nodes():
    with RedisServer() as redis:
        for adapter in ("redis", "sharded", "streams"):
            with node("n1", redis, adapter) as one, node("n2", redis, adapter) as two:
                both_know(one, two)
                equal(sorted(each["name"] for each in call(one, "GET", "nodes")["nodes"]), ["n1", "n2"])
                reaches(one, two)
                equal(metric(one, "yodel_nodes"), 2)


def keyed(server, key, body):
    response = http(server.internal, "POST", "/api/v1/emit", [KEY, ("Content-Type", "application/json"), ("Idempotency-Key", key)], json.dumps(body).encode())
    return response.status, json.loads(response.body), response.headers.get("idempotency-replayed")


def test_idempotency_keys_are_known_on_all_nodes():
    with RedisServer() as redis, node("n1", redis) as one, node("n2", redis) as two:
        both_know(one, two)
        with SioClient(one.port) as client:
            body = {"to": {"all": True}, "event": "said", "args": [1]}
            first = keyed(one, "a", body)
            equal((first[0], first[2]), (200, None))
            for server in (two, one, two):
                equal(keyed(server, "a", body), (200, first[1], "true"))
            equal(keyed(two, "a", {**body, "args": [2]})[1]["code"], "key_reused")
            refused = keyed(one, "b", {**body, "namespace": "/none"})
            equal(refused[1]["code"], "unknown_namespace")
            equal(keyed(two, "b", {**body, "namespace": "/none"})[1]["code"], "unknown_namespace")
            equal(keyed(two, "c", body)[2], None)
            equal([client.event() for _ in range(2)], [["said", 1]] * 2)
            assert not client.has_event()
            redis.kill()
            eventually(lambda: metric(one, "yodel_redis_up") == 0, "Redis is away")
            equal(keyed(one, "d", body)[2], None)
            equal(keyed(one, "d", body)[2], "true")


def test_redis_goes_and_comes_back():
    with RedisServer() as redis, node("n1", redis) as one, node("n2", redis) as two:
        both_know(one, two)
        with SioClient(one.port) as client:
            redis.kill()
            eventually(lambda: not is_ready(one), "it is not ready without Redis")
            equal(http(one.internal, "GET", "/health/live").status, 200)
            equal(metric(one, "yodel_redis_up"), 0)
            # Its own clients are served all the same.
            call(one, "POST", "emit", {"to": {"all": True}, "event": "said"})
            equal(client.event(), ["said"])
            redis.start()
            both_know(one, two)
            equal(metric(one, "yodel_redis_up"), 1)
            assert metric(one, "yodel_redis_reconnects_total") > 0
        reaches(one, two)


def test_what_redis_refuses_is_told():
    """Also of what nobody waits for: leases, and events that wait to be added."""
    with RedisServer() as redis:
        for adapter in ("redis", "streams"):
            with node("n1", redis, adapter) as server, SioClient(server.port) as client:
                eventually(lambda server=server: is_ready(server), "it is ready")
                equal(metric(server, "yodel_redis_refused_total"), 0)
                redis.call("CONFIG", "SET", "maxmemory", "1kb")
                call(server, "POST", "emit", {"to": {"all": True}, "event": "said", "args": [1]})
                equal(client.event(), ["said", 1])
                eventually(lambda server=server: metric(server, "yodel_redis_refused_total") > 3, "it is counted")
                lines = lambda server=server: [line for line in server.said().splitlines() if '"redis.refused"' in line]
                eventually(lambda lines=lines: any("OOM command not allowed" in line for line in lines()), "it is told")
                said = lines()
                equal(len(said), len(set(line.split('"msg"')[1] for line in said)))
                redis.call("CONFIG", "SET", "maxmemory", "0")


def test_a_node_is_ready_when_redis_is():
    with RedisServer() as redis:
        redis.kill()
        with node("n1", redis) as one:
            eventually(lambda: not is_ready(one), "it is not ready")
            redis.start()
            eventually(lambda: is_ready(one), "it is ready")
            one.signal(signal.SIGTERM)
            equal(one.wait(), 0)
            lost = [json.loads(line)["level"] for line in one.said().splitlines() if '"redis.lost"' in line]
            assert "warn" not in lost, "an end that was asked for is no trouble"


run(dict(globals()))
