# SPDX-License-Identifier: MIT
"""Three nodes and Redis, each on a host of its own, between which the network drops packets.

    test_partition.py [--verbose] [test_classic ...]       --verbose: as test_cluster_faults.py
"""

import contextlib
import json
import sys
import time

import test_cluster_faults as faults
from cluster_history import Node
from harness import LIMIT, Stream, connect, equal, eventually, request_bytes, run
from netns import Network
from redis_server import RedisServer
from test_cluster_faults import LOCAL_LIMIT, NODES, PERIOD, Cluster, check

SECRET = "sixteen bytes, at least"
SILENT_MS = 2500  # a link between nodes that says nothing is given up
APART = 5.0  # seconds: longer than a reply of Redis is waited for, and than a silent link lives
POLLING = "/socket.io/?EIO=4&transport=polling"


class RedisHost(RedisServer):
    """It listens on its host's address; the test itself speaks to it by a Unix socket."""

    def __init__(self, net, *config):
        self.net = net
        super().__init__("port 6379", f"bind {net.address('redis')}", "protected-mode no", *config, unix=True)

    def start(self):
        with self.net.inside("redis"):
            super().start()

    @property
    def url(self):
        return f"redis://{self.net.address('redis')}:6379"


class Apart(Cluster):
    def __init__(self, net, redis, form):
        self.net = net
        super().__init__(redis, form)

    def start_node(self, _):
        host = f"node{len(self.nodes)}"
        address = self.net.address(host)
        words = [*self.words, "--host", address, "--redis", self.redis.url, "--secret", SECRET]
        words += ["--link", f"{address}:7000", "--silent-ms", str(SILENT_MS)]
        with self.net.inside(host):
            node = Node(words)
        node.host = address
        return node

    def wait_until_whole(self):
        super().wait_until_whole()
        eventually(lambda: len(self.redis.call("KEYS", "yodel:tag:*")) == NODES, "all nodes are known")

    def from_redis(self):
        """The first node and Redis."""

        def mend():
            time.sleep(APART)
            self.net.heal()
            healed = time.monotonic()
            self.wait_until_whole()
            self.wait_until_heard()
            if faults.VERBOSE:
                print(f"    all hear each other {time.monotonic() - healed:.2f} s after that", flush=True)

        self.run_fault("a node and Redis apart", lambda: self.net.cut("node0", "redis"), mend)

    def from_each_other(self):
        """The first two nodes.  No event goes that way, so none is lost or late: this is no fault for the checker."""
        session = Session(self.nodes[0])
        for node in self.nodes:
            session.expect_reached(node)
        self.net.cut("node0", "node1")
        end = time.monotonic() + APART
        while time.monotonic() < end:
            session.expect_lost(self.nodes[1])
            session.expect_reached(self.nodes[0])
            session.expect_reached(self.nodes[2])
            time.sleep(PERIOD)
        self.net.heal()
        eventually(lambda: session.is_reached(self.nodes[1]), "requests are carried again")
        for node in self.nodes:
            session.expect_reached(node)


class Session:
    """Of one node, by polling, to which requests come by any."""

    def __init__(self, node):
        with contextlib.closing(Stream(connect(node.port, node.host))) as stream:
            stream.send(request_bytes("GET", POLLING))
            answer = stream.response()
        equal(answer.status, 200)
        self.sid = json.loads(answer.body[1:])["sid"]
        equal(self.post(node, b"40").status, 200)

    def post(self, node, body):
        with contextlib.closing(Stream(connect(node.port, node.host))) as stream:
            stream.send(request_bytes("POST", f"{POLLING}&sid={self.sid}", [("Content-Type", "text/plain")], body))
            return stream.response()

    def is_reached(self, node):
        """A packet that asks for nothing: an event that has no handler."""
        return self.post(node, b'42["nobody handles this"]').status == 200

    def expect_reached(self, node):
        answer = self.post(node, b'42["nobody handles this"]')
        equal((answer.status, answer.body), (200, b"ok"))

    def expect_lost(self, node):
        """It is told so, and not kept waiting."""
        begun = time.monotonic()
        answer = self.post(node, b'42["nobody handles this"]')
        equal(answer.status, 503)
        took = time.monotonic() - begun
        assert took < LIMIT, took
        if faults.VERBOSE and took > PERIOD:
            print(f"    a request to a node that cannot be reached: {answer.status} after {took:.2f} s", flush=True)


def try_form(form, loses_nothing=False):
    with Network("redis", *(f"node{i}" for i in range(NODES))) as net:
        with RedisHost(net) as redis, Apart(net, redis, form) as cluster:
            with cluster.talk:
                cluster.wait_until_heard()
                cluster.from_redis()
                cluster.from_each_other()
                cluster.wait_until_heard()
                cluster.end()
                check(cluster, loses_nothing, LOCAL_LIMIT)
            cluster.stop_nodes()


def test_classic():
    try_form("classic")


def test_streams():
    try_form("streams", loses_nothing=True)


if __name__ == "__main__":
    tests = dict(globals())
    faults.VERBOSE = "--verbose" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--verbose"]
    run(tests)
