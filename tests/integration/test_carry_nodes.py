# SPDX-License-Identifier: MIT
"""Nodes that find each other by Redis, after plain round robin: no list of them is anywhere."""

import contextlib
import json
import tempfile
import threading
import time

from harness import Program, Stream, connect, equal, eventually, free_port, run
from redis_server import RedisServer
from test_carry import APPS, PATIENT, SECRET, UNKNOWN, Nodes, ask_at_once, check_round_robin, handshake, hold_poll, join, poll, post

# A tag that no node has: characters 12 to 15 of an id.
NOBODY = "AAAAAAAAAAAA" "0000" "AAAA"


class Cluster(Nodes):
    """Nodes that are told of a Redis alone."""

    def __init__(self, redis, num=3, words=(), loops=2):
        self.redis = redis
        self.words = ["features-app", "--port", "0", "--host", "127.0.0.1", "--loops", str(loops), "--patient", *words]
        self.nodes = []
        try:
            for _ in range(num):
                self.add()
        except BaseException:
            self.kill()
            raise

    def add(self, link=None):
        link = link or f"127.0.0.1:{free_port()}"
        words = [APPS, *self.words, "--link", link, "--redis", self.redis.url, "--secret", SECRET]
        self.nodes.append(Program(words, r"PORT (\d+)"))
        return self.nodes[-1]

    def num_tags(self):
        return len(self.redis.call("KEYS", "yodel:tag:*"))


@contextlib.contextmanager
def cluster(num=3, words=()):
    with RedisServer() as redis, Cluster(redis, num, words) as nodes:
        eventually(lambda: nodes.num_tags() == num, "all have their tags")
        yield redis, nodes


def open_at(port):
    """A session that is connected to the main namespace, by its own node."""
    sid, _ = handshake(port)
    join(port, sid)
    return sid


def reach(port, sid):
    stream = Stream(connect(port))
    post(stream, sid, b'421["echo",1]')
    answer = stream.response()
    equal((answer.status, answer.body), (200, b"ok"))


def expect_unknown(port, sid):
    """In LIMIT, as everything."""
    stream = Stream(connect(port))
    poll(stream, sid)
    answer = stream.response()
    equal((answer.status, json.loads(answer.body)), (400, UNKNOWN))
    stream.close()


def meet(nodes):
    """Each reaches each: from then on they know each other without Redis."""
    for owner in nodes.ports():
        for port in nodes.ports():
            reach(port, open_at(owner))


def is_looked_up(port, sid):
    """A node that is not there is refused before a store that does not answer would be given up."""
    begun = time.monotonic()
    expect_unknown(port, sid)
    return time.monotonic() - begun < 1


def test_round_robin_by_nginx():
    with RedisServer() as redis:
        check_round_robin("nginx", lambda: Cluster(redis))


def test_next_request_at_once_elsewhere():
    """R16 with the registry: under load a session is known everywhere; then its node is killed."""
    with cluster(words=PATIENT) as (_, nodes):
        bad = []
        workers = [threading.Thread(target=ask_at_once, args=(nodes, 50, bad)) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        equal(bad, [])
        stats = [nodes.stats(i) for i in range(3)]
        assert sum(each["out"] for each in stats) > 400, stats
        equal(sum(each["failed"] for each in stats), 0, stats)
        sid, _ = handshake(nodes[0].port)
        stream = join(nodes[1].port, sid)
        hold_poll(nodes, 0, stream, sid)
        nodes[0].kill()
        answer = stream.response()
        equal((answer.status, json.loads(answer.body)), (400, UNKNOWN))
        expect_unknown(nodes[1].port, sid)
        expect_unknown(nodes[2].port, sid)
        expect_unknown(nodes[2].port, NOBODY)
        sid, _ = handshake(nodes[1].port)
        join(nodes[2].port, sid)


def test_a_node_that_joins_later():
    """From its first request on, in both directions: without a wait for its announcement."""
    with cluster(2) as (_, nodes):
        for _ in range(3):
            sids = [open_at(port) for port in nodes.ports()]
            late = nodes.add()
            for sid in sids:
                reach(late.port, sid)
            sid = open_at(late.port)
            reach(nodes[0].port, sid)
            reach(nodes[1].port, sid)
        late.kill()
        expect_unknown(nodes[0].port, sid)
        again = nodes.add()
        expect_unknown(again.port, sid)
        reach(nodes[1].port, open_at(again.port))


def test_addresses_that_are_told():
    """By Redis: a name, and a Unix socket, as the nodes' listeners have them."""
    with tempfile.TemporaryDirectory() as folder, RedisServer() as redis, Cluster(redis, 0) as nodes:
        nodes.add(f"localhost:{free_port()}")
        nodes.add(f"unix:{folder}/links")
        eventually(lambda: nodes.num_tags() == 2, "all have their tags")
        reach(nodes[1].port, open_at(nodes[0].port))
        reach(nodes[0].port, open_at(nodes[1].port))


def test_redis_is_away():
    """Stopped for 3 s, then killed: nodes that are known are reached, others are refused in time."""
    with cluster() as (redis, nodes):
        meet(nodes)
        sid = open_at(nodes[0].port)
        redis.pause()
        begun = time.monotonic()
        while time.monotonic() - begun < 3:
            reach(nodes[1].port, sid)
            sid = open_at(nodes[0].port)
            reach(nodes[2].port, sid)
        expect_unknown(nodes[1].port, NOBODY)
        redis.resume()
        sid = open_at(nodes[0].port)
        reach(nodes[1].port, sid)
        eventually(lambda: nodes.num_tags() == 3, "all have tags again")
        eventually(lambda: is_looked_up(nodes[1].port, NOBODY), "they are looked up again")
        meet(nodes)
        redis.kill()
        time.sleep(0.3)
        sid = open_at(nodes[1].port)
        reach(nodes[2].port, sid)
        expect_unknown(nodes[2].port, NOBODY)
        redis.restart()
        eventually(lambda: nodes.num_tags() == 3, "all have tags again")
        reach(nodes[0].port, open_at(nodes[1].port))


def test_nodes_without_redis_at_first():
    """Sessions work where they are, and nowhere else; once there is a Redis they do everywhere."""
    with RedisServer() as redis:
        redis.kill()
        with Cluster(redis, 2) as nodes:
            sid = open_at(nodes[0].port)
            expect_unknown(nodes[1].port, sid)
            time.sleep(2.2)
            expect_unknown(nodes[1].port, sid)
            sid = open_at(nodes[0].port)
            redis.restart()
            eventually(lambda: nodes.num_tags() == 2, "all have tags")
            reach(nodes[0].port, sid)
            reach(nodes[1].port, sid)
            reach(nodes[1].port, open_at(nodes[0].port))


def test_a_registry_that_lies():
    """Who finds another's name under its tag takes another one; its sessions stay with it."""
    with cluster() as (redis, nodes):
        for _ in range(3):
            sids = [open_at(port) for port in nodes.ports()]
            keys = redis.call("KEYS", "yodel:tag:*")
            records = [redis.call("GET", key) for key in keys]
            for key, record in zip(keys, records[1:] + records[:1]):
                redis.call("SET", key, record)
            redis.call("SET", f"yodel:tag:{NOBODY[12:16]}", b"\1" * 300)
            expect_unknown(nodes[0].port, NOBODY)
            redis.call("DEL", f"yodel:tag:{NOBODY[12:16]}")
            for i in range(5):
                time.sleep(0.5)
                for port, sid in zip(nodes.ports(), sids):
                    reach(port, sid)
        time.sleep(2.5)
        sid = open_at(nodes[0].port)
        reach(nodes[1].port, sid)
        reach(nodes[2].port, sid)


if __name__ == "__main__":
    run(globals())
