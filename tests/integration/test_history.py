# SPDX-License-Identifier: MIT
"""Groups that are kept in Redis: nodes, clients that come back to any of them, a Redis that goes and comes."""

import contextlib
import json
import os
import pathlib

from harness import BINARY, LIMIT, WebSocket, equal, eventually, run
from line_program import LineProgram
from redis_server import RedisServer

APP = os.environ.get("YODEL_HISTORYAPP", str(pathlib.Path(BINARY).parent / "yodel-historyapp"))
KEY = "yodel:history:groups0:"
LASTING = ("appendonly yes", "appendfsync always")


class Node(LineProgram):
    """A process of history_app."""

    def __init__(self, redis, loops=2, max_messages=100, ttl_ms=3600000, max_queue=0):
        super().__init__("node", [APP, redis.url, str(loops), str(max_messages), str(ttl_ms), str(max_queue)])
        eventually(lambda: self.stats()["redis"] == 2, "Redis is there", LIMIT)

    def stats(self):
        found = self.ask("stats", r"stats (.*)")[1]
        return {name: int(value) for name, value in (pair.split("=") for pair in found.split())}

    def history(self, group, start=""):
        found = self.ask(f"history {group} {start}", r"history (\S+) gone (\d) last (\S*):(.*)")
        return found[1], int(found[2]), found[3], found[4].split()

    def forget(self, group):
        found = self.ask(f"forget {group}", r"history (\S+) gone (\d) last (\S*):(.*)")
        return found[1]

    def join(self, group, start=None):
        client = Client(self, group, start)
        self.sockets.append(client.socket)
        return client


class Client:
    """A WebSocket, and what it knows: all it has got, and where it stands."""

    def __init__(self, node, group, start=None):
        self.socket = WebSocket(node.port, f"/{group}" + (f"?{start}" if start is not None else ""))
        self.socket.sock.settimeout(LIMIT)
        self.got, self.gone, self.offset = [], 0, start or ""

    def send(self, value):
        self.socket.send_json(value)

    def take(self, num):
        """So many messages more."""
        for _ in range(num):
            while "data" not in (message := self.socket.json()):
                equal(message, {"gone": True})
                self.gone += 1
            self.got.append(message["data"])
            self.offset = message["offset"]
        return self.got[len(self.got) - num :]

    def leave(self):
        self.socket.leave()
        return self.offset


@contextlib.contextmanager
def nodes(num=2, config=(), **options):
    with RedisServer(*config) as redis:
        started = []
        try:
            for _ in range(num):
                started.append(Node(redis, **options))
            yield (redis, *started)
            for node in started:
                if node.process.poll() is None:
                    node.end()
        finally:
            for node in started:
                if node.process.poll() is None:
                    node.kill()


def settled(*members):
    """All have joined, and what is sent reaches them: each has got what it has sent, then all have the last."""
    for i, client in enumerate(members):
        client.send(f"hello {i}")
        while f"hello {i}" not in client.got:
            client.take(1)
    for client in members:
        while f"hello {len(members) - 1}" not in client.got:
            client.take(1)
    for client in members:
        client.got = []


def test_one_order_on_all_nodes():
    """Three nodes and several senders: all get all, once, in one order, and each sender's in its own."""
    with nodes(3, max_messages=1000) as (_, *all_nodes):  # also for a node that a busy Redis has lost for a while
        clients = [node.join("kept1") for node in all_nodes for _ in range(2)]
        settled(*clients)
        for i in range(40):
            for j, client in enumerate(clients):
                client.send([j, i])
        for client in clients:
            client.take(40 * len(clients))
        for client in clients:
            equal(client.got, clients[0].got)
        for j in range(len(clients)):
            equal([i for k, i in clients[0].got if k == j], list(range(40)))
        num = 41 * len(clients)
        eventually(lambda: sum(node.stats()["appended"] for node in all_nodes) == num, "all nodes have their answers")


def test_a_client_comes_back_on_another_node():
    with nodes(3) as (_, one, two, three):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        a.send(1)
        offset = b.take(1) and b.leave()
        for i in range(2, 12):
            a.send(i)
        a.take(11)
        again = three.join("kept1", offset)
        equal(again.take(10), list(range(2, 12)))
        a.send(12)
        equal(again.take(1), [12])
        equal(again.gone, 0)
        equal(three.stats()["replayed"], 10)
        # who has missed nothing gets nothing, and "all" is everything that is kept
        last = one.join("kept1", again.offset)
        a.send(13)
        equal(last.take(1), [13])
        everything = one.join("kept1", "all")
        equal(everything.take(15)[2:], list(range(1, 14)))


def test_while_others_go_on_sending():
    """Clients come back again and again while messages come: nothing is missed, nothing comes twice."""
    with nodes(2, max_messages=10000) as (_, one, two):
        sender, client = one.join("kept1"), two.join("kept1")
        settled(sender, client)
        got, sent = [], 0
        for round_no in range(20):
            for _ in range(5):
                sender.send(sent)
                sent += 1
            got += client.take(round_no % 5)
            offset = client.leave()
            for _ in range(3):
                sender.send(sent)
                sent += 1
            client = (one if round_no % 2 else two).join("kept1", offset)
        got += client.take(sent - len(got))
        equal(got, list(range(sent)))
        equal(client.gone, 0)


def test_what_is_kept_is_forgotten():
    """By one node, for all; members go on, and offsets of before are of another time."""
    with nodes(2) as (redis, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        for i in range(5):
            a.send(i)
        before = b.take(5) and b.offset
        a.take(5)
        equal(two.forget("kept1"), "YODEL_OK")
        equal(redis.call("EXISTS", KEY + "kept1"), 0)
        equal(one.history("kept1")[3], [])
        for i in range(5, 8):
            b.send(i)
        equal((a.take(3), b.take(3)), ([5, 6, 7], [5, 6, 7]))
        equal(one.history("kept1")[3], ["5", "6", "7"])
        late = one.join("kept1", before)
        equal((late.take(3), late.gone), ([5, 6, 7], 1))
        equal(one.forget("kept2"), "YODEL_OK")


def test_too_old_and_unknown_offsets():
    with nodes(2, max_messages=5) as (redis, one, two):
        a = one.join("kept1")
        settled(a)
        a.send(0)
        first = a.take(1) and a.offset
        for i in range(1, 6):
            a.send(i)
        a.take(5)
        exact = two.join("kept1", first)  # the last one that is kept no more: nothing is missing
        equal(exact.take(5), [1, 2, 3, 4, 5])
        equal(exact.gone, 0)
        a.send(6)
        a.take(1)
        late = two.join("kept1", first)
        equal(late.take(5), [2, 3, 4, 5, 6])
        equal(late.gone, 1)
        # of another time: before the stream, after it, of the memory of a process
        for offset in ("1-1", "99999999999999-1", "18446744073709551615-18446744073709551615"):
            result, gone, _, messages = two.history("kept1", offset)
            equal((result, gone, messages), ("YODEL_OK", 1, ["2", "3", "4", "5", "6"]))
        # a stream that is not there
        equal(two.history("kept2")[:2], ("YODEL_OK", 0))
        equal(two.history("kept2", first)[:2], ("YODEL_OK", 1))
        equal(two.stats()["too_old"], 5)
        # the bound is that of the stream
        equal(redis.call("XLEN", KEY + "kept1"), 5)
        assert redis.call("PTTL", KEY + "kept1") > 3600000


def test_age():
    with nodes(1, ttl_ms=300) as (redis, one):
        a = one.join("kept1")
        a.send(1)
        offset = a.take(1) and a.offset
        a.send(2)
        a.take(1)
        eventually(lambda: one.history("kept1")[3] == [], "they are too old", LIMIT)
        gone = one.history("kept1", a.offset)[1]
        assert gone == 0 or not redis.call("EXISTS", KEY + "kept1"), gone
        equal(one.history("kept1", offset)[1], 1)
        eventually(lambda: redis.call("EXISTS", KEY + "kept1") == 0, "the stream ends", LIMIT)
        equal(one.history("kept1", a.offset)[1], 1)
        a.send(3)  # a stream that begins anew goes on above
        equal(a.take(1), [3])


def test_the_connections_are_cut():
    """Nothing is lost, nothing comes twice, and the order is one."""
    with nodes(2) as (redis, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        for i in range(60):
            (a, b)[i % 2].send(i)
            if i % 20 == 10:
                redis.call("CLIENT", "KILL", "TYPE", "pubsub")
            if i % 20 == 15:
                redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        a.take(60)
        b.take(60)
        equal(a.got, b.got)
        equal(sorted(a.got), list(range(60)))
        equal([i for i in a.got if i % 2 == 0], list(range(0, 60, 2)))
        equal(one.history("kept1")[3][4:], [str(i) for i in a.got])


def test_redis_is_paused():
    """Members of the node are served all the while; when Redis goes on so do the others, and nothing comes twice."""
    with nodes(2) as (redis, one, two):
        a, near, far = one.join("kept1"), one.join("kept1"), two.join("kept1")
        settled(a, near, far)
        a.send(0)
        before = near.take(1) and near.offset
        equal((a.take(1), far.take(1)), ([0], [0]))
        early = one.stats()["early"]
        redis.pause()
        for i in range(1, 6):
            a.send(i)
        equal(near.take(5), [1, 2, 3, 4, 5])
        equal(near.offset, before)  # they have none of their own
        equal(one.history("kept1")[0], "ENOTCONN")
        equal(one.stats()["early"] - early, 5)
        redis.resume()
        equal(far.take(5), [1, 2, 3, 4, 5])
        eventually(lambda: one.stats()["waiting"] == 0, "all is kept", LIMIT)
        a.send(6)
        equal(near.take(1), [6])
        equal(far.take(1), [6])
        equal(two.join("kept1", before).take(6), [1, 2, 3, 4, 5, 6])
        equal(one.stats()["refused"], 0)


def test_redis_is_killed_and_restarted():
    with nodes(2, LASTING) as (redis, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        a.send(0)
        offset = a.take(1) and b.take(1) and b.offset
        redis.kill()
        for i in range(1, 4):
            a.send(i)
        equal(a.take(3), [1, 2, 3])
        b.send(10)
        equal(b.take(1), [10])
        redis.restart()
        equal(a.take(1), [10])
        equal(b.take(3), [1, 2, 3])
        a.send(4)
        equal((a.take(1), b.take(1)), ([4], [4]))
        kept = one.history("kept1", offset)
        equal((kept[0], kept[1], sorted(kept[3])), ("YODEL_OK", 0, ["1", "10", "2", "3", "4"]))


def test_redis_comes_back_empty():
    with nodes(2) as (redis, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        a.send(0)
        offset = a.take(1) and b.take(1) and b.offset
        eventually(lambda: one.stats()["waiting"] == 0, "Redis has answered: else it is sent again")
        redis.restart()
        a.send(1)
        equal((a.take(1), b.take(1)), ([1], [1]))
        again = two.join("kept1", offset)
        equal(again.take(1), [1])
        equal(again.gone, 1)


def test_a_queue_that_is_full():
    with nodes(2, max_queue=2000) as (redis, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        redis.pause()
        for i in range(100):
            a.send([i, "x" * 50])
        equal([i for i, _ in a.take(100)], list(range(100)))
        assert one.stats()["waiting"] <= 2000
        redis.resume()
        eventually(lambda: one.stats()["waiting"] == 0, "what waited is kept", LIMIT)
        stats = one.stats()
        assert stats["refused"] > 50, stats
        b.take(100 - stats["refused"])
        a.send("last")
        equal((a.take(1), b.take(1)), (["last"], ["last"]))
        equal([i for i, _ in b.got[:-1]], list(range(len(b.got) - 1)))


def test_a_redis_that_refuses():
    """Out of memory: members of the node are served, and when there is room it is kept."""
    with nodes(2) as (redis, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        redis.call("CONFIG", "SET", "maxmemory", "1")
        a.send(1)
        equal(a.take(1), [1])
        redis.call("CONFIG", "SET", "maxmemory", "0")
        equal(b.take(1), [1])
        redis.call("SET", KEY + "kept2", "no stream")
        c = one.join("kept2")
        c.send(2)
        equal(c.take(1), [2])  # maybe ahead of what Redis says, when that is slow
        eventually(lambda: one.stats()["refused"] == 1, "it is counted")


def test_hostile_bytes():
    """What is no message is passed over and counted, on the channel and in the stream."""
    with nodes(2) as (redis, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        offset = b.offset
        for message in (b"", b"\n\n\n", b"x\ny.1\n1\ndata", b"1-1\nno dot\n1\ndata", b"1-1\ny.1\n7\ndata", b"\xff" * 100):
            redis.call("PUBLISH", KEY + "kept1", message)
        top = redis.call("XREVRANGE", KEY + "kept1", "+", "-", "COUNT", "1")[0][0]
        ms, k = (int(part) for part in top.split(b"-"))
        # an id that does not follow: the stream is looked at, and has nothing like it
        redis.call("PUBLISH", KEY + "kept1", b"%d-%d\ny.1\n1\n\"forged\"" % (ms + 9, k + 9))
        redis.call("XADD", KEY + "kept1", "%d-%d" % (ms, k + 1), "what", "is this")
        redis.call("XADD", KEY + "kept1", "%d-%d" % (ms, k + 2), "o", "y.1", "t", "9", "d", "x")
        a.send("real")
        equal((a.take(1), b.take(1)), (["real"], ["real"]))
        equal(one.join("kept1", offset).take(1), ["real"])
        eventually(lambda: two.stats()["malformed"] >= 8, "they are counted")
        # an id that is taken for the next one, and is none: the stream is right, some seconds later
        top = redis.call("XREVRANGE", KEY + "kept1", "+", "-", "COUNT", "1")[0][0]
        ms, k = (int(part) for part in top.split(b"-"))
        redis.call("PUBLISH", KEY + "kept1", b"%d-%d\ny.1\n1\n{\"offset\":\"\",\"data\":0}" % (ms + 10**9, k + 1))
        a.take(1)
        b.take(1)
        a.send("after")
        eventually(lambda: len(two.history("kept1", top.decode())[3]) == 1, "it is kept", LIMIT)
        a.send("and after")
        wanted = ["after", "and after"]
        got = [m for m in b.take(2)]
        equal(got, wanted)


def test_a_node_is_killed():
    with nodes(3) as (_, one, two, three):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        a.send(0)
        b.take(1)
        two.kill()
        for i in range(1, 6):
            a.send(i)
        a.take(6)
        again = three.join("kept1", b.offset)
        equal(again.take(5), [1, 2, 3, 4, 5])


def test_large_ones_and_many():
    with nodes(2, max_messages=1000) as (_, one, two):
        a, b = one.join("kept1"), two.join("kept1")
        settled(a, b)
        for i in range(20):
            a.send([i, "y" * 200000])
        equal([i for i, _ in b.take(20)], list(range(20)))
        result, gone, _, messages = two.history("kept1")
        equal((result, gone), ("YODEL_OK", 0))
        assert 1 <= len(messages) <= 10  # max_bytes is 1 MiB
        for i in range(300):
            a.send(i)
        equal(b.take(300), list(range(300)))


def test_what_is_sent_as_the_server_stops():
    with nodes(2) as (redis, one, two):
        b = two.join("kept1")
        settled(b)
        for i in range(50):
            one.say(f"send kept1 {json.dumps(i)}")
        one.end()
        equal(b.take(50), list(range(50)))


if __name__ == "__main__":
    run(globals())
