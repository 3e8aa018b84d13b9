# SPDX-License-Identifier: MIT
"""Three nodes and a Redis that is slow, full, loads its data, or wants another password: what clients get meanwhile.

    test_cluster_strain.py [--verbose] [test_classic ...]       --verbose: as test_cluster_faults.py
"""

import contextlib
import re
import socket
import sys
import time

import test_cluster_faults as faults
from cluster_history import Client, Node
from harness import LIMIT, equal, eventually, run
from redis_server import RedisError, RedisServer, Sentinel
from slow_redis import SlowRedis
from test_cluster_faults import APPS, LOCAL_LIMIT, REDIS_UP, Cluster, check

SLOW, DELAY = 3.0, 0.25  # seconds; how long each answer is held back
FULL = 3.0
LOADING = 2.0  # seconds that Redis loads its data, seen from here
KEYS, KEY_MS = 2000, 30
LINES = 20  # of a node's log, and as many a second more
PASSWORD = 3.0  # seconds with another one
REFUSED = 100  # events


class Strained(Cluster):
    """What Redis does while it lives."""

    def wait_until_missed(self):
        """All nodes have seen that their connections are gone."""
        for node in self.nodes:
            eventually(lambda node=node: self.state(node) != REDIS_UP, "a node has lost Redis")

    def be_slow(self):
        """Between the first node and Redis."""

        def begin():
            self.relay.delay = DELAY

        def mend():
            time.sleep(SLOW)
            self.relay.delay = 0.0

        self.run_fault(f"each answer of Redis is {DELAY * 1000:.0f} ms late for {SLOW:.0f} s", begin, mend)

    def be_full(self):
        """-OOM to all that would take memory, as with maxmemory-policy noeviction."""

        def begin():
            self.redis.call("CONFIG", "SET", "maxmemory", "1")
            try:
                self.redis.call("SET", "a", "b")
            except RedisError as error:
                assert str(error).startswith("OOM"), error
            else:
                raise AssertionError("Redis is not full")

        def mend():
            time.sleep(FULL)
            self.redis.call("CONFIG", "SET", "maxmemory", "0")

        self.run_fault(f"Redis is full for {FULL:.0f} s", begin, mend)

    def load(self):
        """R5: Redis is started with data that takes a while; it says -LOADING, and no node says that it is ready."""

        def begin():
            self.redis.call("DEBUG", "POPULATE", KEYS)
            self.redis.call("SAVE")
            before = [len(node.said().splitlines()) for node in self.nodes]
            self.redis.kill()
            self.wait_until_missed()
            self.redis.config += [f"key-load-delay {KEY_MS * 1000}", "loading-process-events-interval-bytes 1024"]
            self.redis.start()
            begun = time.monotonic()
            while time.monotonic() - begun < LOADING:
                states = [self.state(node) for node in self.nodes]
                assert is_loading(self.redis)
                assert REDIS_UP not in states, states
                time.sleep(0.1)
            self.redis.call("CONFIG", "SET", "key-load-delay", "0")
            eventually(lambda: not is_loading(self.redis), "Redis has loaded its data")
            for node, lines in zip(self.nodes, before):
                more, seconds = len(node.said().splitlines()) - lines, time.monotonic() - begun
                assert more < LINES * (1 + seconds), f"{more} lines of the log in {seconds:.0f} s: {node.said()[-2000:]}"

        self.run_fault(f"Redis killed, and back with data that it loads for {LOADING:.0f} s", begin, lambda: None)
        self.wait_until_whole()

    def change_password(self):
        """Those that are connected stay so; who has to come back is refused until the password is theirs again."""

        def begin():
            self.redis.call("CONFIG", "SET", "requirepass", "another")
            self.redis.password = "another"
            for kind in ("pubsub", "normal"):
                self.redis.call("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            self.wait_until_missed()

        def mend():
            time.sleep(PASSWORD)
            for node in self.nodes:
                assert self.state(node) != REDIS_UP
            self.redis.call("CONFIG", "SET", "requirepass", "")
            self.redis.password = None

        self.run_fault(f"wrong password for {PASSWORD:.0f} s", begin, mend)
        self.wait_until_whole()


class Watched(Strained):
    """Nodes that ask a Sentinel where the master is."""

    def __init__(self, master, replica, sentinel, form):
        self.replica, self.sentinel = replica, sentinel
        super().__init__(master, form)

    def start_node(self, _):
        return super().start_node(f"sentinel:127.0.0.1:{self.sentinel.port}")

    def fail_over(self):
        """The master is killed; the fault is over when the replica is the master."""

        def mend():
            eventually(lambda: self.replica.replicates(b"role:master"), "there is a new master", 2 * LIMIT)

        self.run_fault("master killed, another one made by Sentinel", self.redis.kill, mend)
        self.wait_until_whole()


def is_loading(redis):
    try:
        redis.call("PING")
    except RedisError as error:
        if str(error).startswith("LOADING"):
            return True
        raise
    return False


def try_form(form, loses_nothing=False):
    config = ["appendonly yes", "appendfsync always"] if loses_nothing else []  # else an acknowledged write may wait
    with RedisServer(*config, "maxmemory-policy noeviction") as redis, Strained(redis, form) as cluster:
        with cluster.talk:
            time.sleep(0.5)
            cluster.be_slow()
            cluster.be_full()
            cluster.change_password()
            if not loses_nothing:  # what is loaded is a snapshot
                cluster.load()
            cluster.end()
            check(cluster, loses_nothing, LOCAL_LIMIT)
        cluster.stop_nodes()


def test_classic():
    try_form("classic")


def test_streams():
    try_form("streams", loses_nothing=True)


def test_sentinel():
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(RedisServer())
        replica = stack.enter_context(RedisServer(f"replicaof 127.0.0.1 {master.port}", "replica-priority 1"))
        eventually(lambda: replica.replicates(b"master_link_status:up"), "the replica is one")
        sentinel = stack.enter_context(Sentinel(master.port))
        eventually(lambda: sentinel.call("SENTINEL", "REPLICAS", "mymaster"), "the replica is known")
        cluster = stack.enter_context(Watched(master, replica, sentinel, "classic"))
        with cluster.talk:
            time.sleep(0.5)
            cluster.fail_over()
            cluster.end()
            check(cluster, False, LOCAL_LIMIT)
        cluster.stop_nodes()


def num_refused(redis):
    found = re.search(rb"errorstat_OOM:count=(\d+)", redis.call("INFO", "errorstats"))
    return int(found[1]) if found else 0


class Halves(SlowRedis):
    """Entries that are added come to Redis in two parts, between which something happens; once, when it is armed."""

    def __init__(self, redis, between):
        self.between, self.is_armed = between, False
        super().__init__(redis, b"XADD", 0)

    def _pass(self, source, target, word):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                half = len(data)
                if word is not None and word in data and self.is_armed:
                    self.is_armed, half = False, len(data) // 2
                target.sendall(data[:half])
                if half < len(data):
                    self.between()
                    target.sendall(data[half:])
            target.shutdown(socket.SHUT_WR)


def test_what_is_refused_keeps_its_place():
    """It is sent again ahead of what came after it, also when Redis has room again while it is."""

    def make_room():
        time.sleep(0.3)  # the first half has been refused, if there are entries in it
        redis.call("CONFIG", "SET", "maxmemory", "0")

    with RedisServer("maxmemory-policy noeviction") as redis, contextlib.ExitStack() as stack:
        halves = stack.enter_context(contextlib.closing(Halves(redis, make_room)))
        words = [APPS, "cluster", "--host", "127.0.0.1", "--form", "streams", "--redis"]
        nodes = [stack.enter_context(Node([*words, url])) for url in (halves.url, redis.url)]
        for node in nodes:
            eventually(lambda node=node: Cluster.do(node, "told")["state"] == REDIS_UP, "a node is connected to Redis")
        speaker, member = (Client(node.port, i, str(i), i == 1) for i, node in enumerate(nodes))
        eventually(lambda: speaker.say() or member.got, "it is heard")
        redis.call("CONFIG", "SET", "maxmemory", "1")
        for _ in range(REFUSED):
            speaker.say()
        eventually(lambda: num_refused(redis) > 0, "it is refused")
        before = num_refused(redis)
        eventually(lambda: num_refused(redis) > before + 2, "and tried again")
        halves.is_armed = True
        eventually(lambda: member.got[-1].number == len(speaker.sent) - 1, "the last one has come")
        first = member.got[0].number
        eventually(lambda: len(member.got) >= len(speaker.sent) - first, "and all others")
        equal([got.number for got in member.got], list(range(first, len(speaker.sent))))
        for client in (speaker, member):
            client.end()


if __name__ == "__main__":
    tests = dict(globals())
    faults.VERBOSE = "--verbose" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--verbose"]
    run(tests)
