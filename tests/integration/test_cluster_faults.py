# SPDX-License-Identifier: MIT
"""Three nodes and a Redis that is killed, stopped and cut off, and nodes that are: what clients get meanwhile.

    test_cluster_faults.py [--verbose] [test_classic ...]

--verbose prints what docs/guide/33-scaling.md has a table of; test_sharded and test_recovery run only when named.
"""

import contextlib
import json
import os
import signal
import sys
import time

from cluster_history import ROOM, Checker, Client, Fault, Got, Node, Talk
from harness import LIMIT, ROOT, equal, eventually, http, run
from redis_server import RedisServer, Relay

APPS = os.environ.get("YODEL_TESTAPPS", str(ROOT / "build/dev/yodel-testapps"))
NODES, MEMBERS = 3, 2
PERIOD = 0.1  # seconds between two events of a client
SETTLE = 2.0  # after a fault, and until everybody hears everybody: from then on everything that is said does
STOP = 3.0  # seconds that Redis and a node are stopped
PART = 4.0  # that the network drops packets: longer than a reply of Redis is waited for
WATCH = 0.3  # how long that is looked at
LOCAL_LIMIT = 2.5  # seconds; far less than a fault takes that would hold local clients up
ASK_MS = 1500
REDIS_UP = 2
VERBOSE = "--verbose" in sys.argv


class Cluster:
    """Redis, the nodes, and clients on each of them."""

    def __init__(self, redis, form, *words):
        self.redis, self.talk, self.faults, self.lives = redis, Talk(PERIOD), [], 0
        self.words = [APPS, "cluster", "--host", "127.0.0.1", "--form", form, *words]
        self.nodes, self.relay = [], Relay(redis.address)
        try:
            for i in range(NODES):
                self.nodes.append(self.start_node((self.relay if i == 0 else redis).url))
            self.wait_until_whole()
            for i in range(NODES):
                self.add_clients(i)
        except BaseException:
            self.close()
            self.tell()
            raise

    def start_node(self, url):
        return Node([*self.words, "--redis", url])

    def wait_until_whole(self):
        """All subscriptions of all nodes are confirmed."""
        for node in self.nodes:
            eventually(lambda node=node: self.state(node) == REDIS_UP, "a node is connected to Redis")

    def wait_until_heard(self):
        """What is said from now on comes from everywhere to everywhere."""
        now = time.monotonic()
        members = [client for client in self.talk.clients if client.is_member]

        def heard():
            for member in members:
                senders = {got.sender for got in list(member.got) if got.at > now}
                if not all(client.name in senders for client in self.talk.clients):
                    return False
            return True

        eventually(heard, "all hear each other", 2 * LIMIT)

    @staticmethod
    def do(node, verb, **body):
        body = json.dumps(body).encode()
        return http(node.port, "POST", f"/do/{verb}", [("Content-Type", "application/json")], body, node.host).json()

    def state(self, node):
        return self.do(node, "told")["state"]

    def add_clients(self, i):
        self.lives += 1
        for k in range(MEMBERS + 1):
            is_member = k < MEMBERS
            name = f"{'member' if is_member else 'outsider'} {k} of node {i}, life {self.lives}"
            self.talk.add(Client(self.nodes[i].port, i, name, is_member, self.nodes[i].host))

    # faults

    def run_fault(self, name, break_it, mend, node=None):
        fault = Fault(name, node)
        self.faults.append(fault)
        break_it()
        mend()
        fault.healed = time.monotonic()
        time.sleep(SETTLE)
        self.wait_until_whole()
        self.wait_until_heard()
        fault.settled = time.monotonic()
        time.sleep(WATCH)
        fault.ended = time.monotonic()

    def kill_redis(self):
        def mend():
            time.sleep(1.0)
            self.redis.start()

        self.run_fault("Redis killed, back after 1 s", self.redis.kill, mend)

    def stop_redis(self):
        """Meanwhile who asks for the sockets of all nodes gets those that are known, and how many are missing."""

        def mend():
            try:
                end = time.monotonic() + STOP
                time.sleep(0.2)
                for node in self.nodes[:2]:
                    self.fetch_of_some(node)
                time.sleep(max(end - time.monotonic(), 0))
            finally:
                self.redis.resume()

        self.run_fault(f"Redis stopped for {STOP:.0f} s", self.redis.pause, mend)

    def fetch_of_some(self, node):
        begin = time.monotonic()
        answer = self.do(node, "fetch", rooms=[ROOM], timeout=ASK_MS)
        took = time.monotonic() - begin
        assert len(answer["sockets"]) == MEMBERS, answer
        assert answer["missing"] > 0, answer
        if VERBOSE:
            print(f"    fetchSockets while Redis is stopped: {took:.2f} s, missing {answer['missing']}")

    def fetch_of_all(self):
        answer = self.do(self.nodes[0], "fetch", rooms=[ROOM], timeout=20000)
        assert len(answer["sockets"]) == NODES * MEMBERS, answer
        assert answer["missing"] == 0, answer

    def cut_off(self, *types):
        """By Redis, as it does with those that are too slow.  A reader of a stream is a normal client."""

        def kill():
            for kind in types:
                self.redis.call("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

        self.run_fault(f"connections cut off: {' and '.join(types)}", kill, lambda: None)

    def part(self):
        """The first node and Redis hear nothing of each other, and what was under way arrives late."""

        def mend():
            time.sleep(PART)
            self.relay.heal()

        self.run_fault(f"a node cut off from Redis for {PART:.0f} s", self.relay.cut, mend)

    def stop_node(self):
        def mend():
            time.sleep(STOP)
            self.nodes[1].signal(signal.SIGCONT)

        self.run_fault(f"a node stopped for {STOP:.0f} s", lambda: self.nodes[1].signal(signal.SIGSTOP), mend, node=1)

    def kill_node(self):
        """Its clients are new ones when it is back."""

        def kill():
            self.talk.end_node(2)
            self.nodes[2].kill()

        def mend():
            time.sleep(1.0)
            self.nodes[2] = self.start_node(self.redis.url)
            self.wait_until_whole()
            self.add_clients(2)

        self.run_fault("a node killed, back after 1 s", kill, mend, node=2)

    # the end

    def end(self):
        """Everything is on its way; then all is told to stop, and must end well."""
        self.talk.stop()
        with contextlib.suppress(AssertionError):  # the checker says what is missing
            eventually(self.talk.has_all_come, "everything has come")
        self.fetch_of_all()
        for client in self.talk.clients:
            assert client.failure is None, f"{client.name}: {client.failure!r}"

    def stop_nodes(self):
        for node in self.nodes:
            node.stop()

    def close(self):
        self.talk.close()
        for node in self.nodes:
            node.kill()
        self.relay.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is not None:
            self.tell()

    def tell(self):
        for i, node in enumerate(self.nodes):
            print(f"node {i} said: {node.said()[-3000:]}", flush=True)


def check(cluster, loses_nothing, local_limit):
    clients = [*cluster.talk.clients, *cluster.talk.gone]
    checker = Checker(clients, cluster.faults, loses_nothing, local_limit, cluster.talk.stalls)
    if VERBOSE:
        for fault in cluster.faults:
            seen = checker.measure(fault)
            print(
                f"    {fault.name}: local at most {seen['slowest local'] * 1000:.0f} ms, remote back after "
                f"{seen['remote back'] * 1000:.0f} ms, lost {seen['lost']} of {seen['of']}",
                flush=True,
            )
    checker.check()


def try_form(form, *words, loses_nothing=False, local_limit=LOCAL_LIMIT):
    config = ["appendonly yes", "appendfsync always"] if loses_nothing else []  # else an acknowledged write may wait
    with RedisServer(*config) as redis, Cluster(redis, form, *words) as cluster:
        with cluster.talk:
            time.sleep(0.5)
            cluster.kill_redis()
            cluster.stop_redis()
            cluster.cut_off("pubsub", *(["normal"] if loses_nothing else []))
            cluster.part()
            cluster.stop_node()
            cluster.kill_node()
            cluster.end()
            check(cluster, loses_nothing, local_limit)
        cluster.stop_nodes()


class Written:
    """A history that was made up, for the checker."""

    def __init__(self, node, is_member, got, ended=None):
        self.node, self.name, self.is_member, self.ended = node, f"client of node {node}", is_member, ended
        self.joined, self.sent = 0.0, {n: 10.0 + n for n in range(20)}
        self.got = [Got(10.0 + n + late, f"client of node {sender}", n) for sender, n, late in got]


def test_checker():
    """It finds what it is there for."""
    fault = Fault("a fault")
    fault.began, fault.healed, fault.settled, fault.ended = 13.0, 15.0, 17.0, 40.0
    every = [(sender, n, 0.1) for n in range(20) for sender in (0, 1)]
    apart = [(sender, n, 0.1) for sender in (0, 1) for n in range(20)]

    def verdict(got, loses_nothing=False, is_member=True, stalls=()):
        clients = [Written(0, is_member, got), Written(1, True, every)]
        try:
            Checker(clients, [fault], loses_nothing, 1.0, stalls).check()
        except AssertionError as found:
            return str(found)
        return ""

    def without(sender, number):
        return [got for got in every if got[:2] != (sender, number)]

    equal(verdict(every, loses_nothing=True), "")
    equal(verdict(apart), "")
    equal(verdict([], is_member=False), "")
    equal(verdict(without(1, 4)), "")
    for got, word in (
        ([*every, (1, 3, 9.0)], "twice"),
        ([*every[:6], (1, 4, 0.1), *without(1, 4)[6:]], "after"),
        (without(0, 4), "lost on its own node"),
        (without(1, 8), "lost"),
    ):
        assert word in verdict(got), (word, verdict(got))
    slow = [(s, n, 1.2 if s == 0 else late) for s, n, late in every]
    assert "s on its own node" in verdict(slow)
    equal(verdict(slow, stalls=[(9.0, 25.0)]), "")
    assert "s on its own node" in verdict(slow, stalls=[(9.0, 9.0)])
    assert "lost" in verdict(without(1, 4), loses_nothing=True)
    assert "is no member" in verdict(every[:1], is_member=False)


def test_classic():
    try_form("classic")


def test_streams():
    try_form("streams", loses_nothing=True)


def sharded():
    try_form("sharded")


def recovery():
    """Local clients get events by the stream, and without it after a second."""
    try_form("streams", "--recovery", loses_nothing=True, local_limit=LOCAL_LIMIT + 1.0)


if __name__ == "__main__":
    tests = dict(globals())
    sys.argv = [word for word in sys.argv if word != "--verbose"]
    if sys.argv[1:]:
        tests.update(test_sharded=sharded, test_recovery=recovery)
    run(tests)
