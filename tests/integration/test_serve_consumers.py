# SPDX-License-Identifier: MIT
"""yodel serve: commands that come from a stream of Redis."""

import json
import signal

from harness import equal, eventually, http, run
from redis_server import RedisServer
from sio_client import SioClient
from yodel_program import Yodel, file

CONFIG = """
server: {id: NODE}
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [metrics, health]}
namespaces: [{name: /, auth: none}]
redis: {url: "URL", lease: 1s}
consumers: [{type: redis_stream, stream: "yodel:commands"}, {type: redis_stream, stream: other, group: g}]
shutdown: {spread: 0s}
"""


def node(redis, name="n1"):
    with file(CONFIG.replace("NODE", name).replace("URL", redis.url)) as path:
        return Yodel("-c", path)


def add(redis, command, stream="yodel:commands"):
    text = command if isinstance(command, str) else json.dumps(command)
    return redis.call("XADD", stream, "*", "command", text)


def said(number, **more):
    return {"emit": {"to": {"all": True}, "event": "said", "args": [number]}, **more}


def pending(redis, stream="yodel:commands", group="yodel"):
    return redis.call("XPENDING", stream, group)[0]


def outcomes(server, outcome, value):
    def found():
        body = http(server.internal, "GET", "/metrics").body.decode()
        line = [line for line in body.splitlines() if line.startswith(f'yodel_consumer_entries_total{{outcome="{outcome}"}} ')]
        return float(line[0].split()[1])

    eventually(lambda: found() == value, f"{outcome} is {value}")


def test_commands_are_carried_out_in_order():
    with RedisServer() as redis:
        add(redis, said(0))  # before there was a group
        with node(redis) as server:
            outcomes(server, "done", 1)
            with SioClient(server.port) as client:
                for number in range(1, 200):
                    add(redis, said(number))
                add(redis, said("other"), "other")
                seen = [client.event()[1] for _ in range(200)]
                equal([number for number in seen if number != "other"], list(range(1, 200)))
                equal(seen.count("other"), 1)
                add(redis, {"join": {"of": {"all": True}, "rooms": ["r"]}})
                add(redis, {"emit": {"to": {"rooms": ["r"]}, "event": "in", "args": []}})
                equal(client.event(), ["in"])
                eventually(lambda: pending(redis) == 0 and pending(redis, "other", "g") == 0, "all is acknowledged")


def test_bad_entries_are_told_and_forgotten():
    wrong = ["", "{", "[]", '{"emit": {}}', {"shout": {}}, said(1, more=2), {"emit": {"event": "x"}}]
    with RedisServer() as redis, node(redis) as server, SioClient(server.port) as client:
        for command in wrong:
            add(redis, command)
        redis.call("XADD", "yodel:commands", "*", "else", "1")
        add(redis, {"emit": {"namespace": "/none", "to": {"all": True}, "event": "x", "args": []}})
        add(redis, said(1))
        equal(client.event(), ["said", 1])
        outcomes(server, "bad", len(wrong) + 1)
        outcomes(server, "refused", 1)
        eventually(lambda: pending(redis) == 0, "all is acknowledged")
        eventually(lambda: "entry" in server.said() and "yodel:commands" in server.said(), "they are told")


def test_a_key_is_carried_out_once():
    with RedisServer() as redis, node(redis) as server, SioClient(server.port) as client:
        for _ in range(3):
            add(redis, said(1, key="a"))
        add(redis, said(2, key="b"))
        equal([client.event()[1] for _ in range(2)], [1, 2])
        outcomes(server, "repeated", 2)
        assert not client.has_event()


def test_what_a_node_has_left_is_taken_over():
    with RedisServer() as redis:
        entries = [add(redis, said(number, key=str(number))) for number in range(5)]
        redis.call("XGROUP", "CREATE", "yodel:commands", "yodel", "0")
        redis.call("XREADGROUP", "GROUP", "yodel", "dead", "COUNT", "5", "STREAMS", "yodel:commands", ">")
        redis.call("SET", "yodel:key:yodel:3", entries[3])  # it had begun with this one
        redis.call("SET", "yodel:key:yodel:4", "1-1")  # another entry has had this key
        equal(pending(redis), 5)
        with node(redis, "n2") as server, SioClient(server.port) as client:
            equal([client.event()[1] for _ in range(4)], [0, 1, 2, 3])
            eventually(lambda: pending(redis) == 0, "all is acknowledged")


def consumers(redis):
    fields = [dict(zip(about[::2], about[1::2])) for about in redis.call("XINFO", "CONSUMERS", "yodel:commands", "yodel")]
    return {about[b"name"].decode(): about for about in fields}


def test_consumers_of_nodes_that_have_gone_are_forgotten():
    """Else each name that a node ever had stays in Redis; one with entries stays until they were taken over."""
    with RedisServer() as redis:
        redis.call("XGROUP", "CREATE", "yodel:commands", "yodel", "0", "MKSTREAM")
        redis.call("XGROUP", "CREATECONSUMER", "yodel:commands", "yodel", "gone")
        add(redis, said(1))
        redis.call("XREADGROUP", "GROUP", "yodel", "dead", "STREAMS", "yodel:commands", ">")
        eventually(lambda: consumers(redis)["dead"][b"idle"] > 5000 < consumers(redis)["gone"][b"idle"], "they are idle")
        with node(redis, "n1"):
            eventually(lambda: set(consumers(redis)) in ({"dead", "n1"}, {"n1"}), "one is forgotten")
            eventually(lambda: pending(redis) == 0, "the other's entry is taken over")


def test_redis_and_nodes_come_and_go():
    with RedisServer() as redis, node(redis, "n1") as one, node(redis, "n2") as two:
        outcomes(two, "done", 0)
        redis.kill()
        redis.start()  # without the groups and what was in the stream
        with SioClient(one.port) as client:
            # What a node says in Redis before the other one is back there, that one does not hear.
            eventually(lambda: add(redis, said(1)) and client.has_event(0.2), "an entry is carried out, and told to all nodes")
        two.signal(signal.SIGTERM)
        equal(two.process.wait(30), 0)
        with SioClient(one.port) as client:
            for number in range(100, 120):
                add(redis, said(number))
            seen = []
            while len(seen) < 20:
                seen += [number for number in client.event()[1:] if number >= 100]
            equal(seen, list(range(100, 120)))


run(dict(globals()))
