# SPDX-License-Identifier: MIT
"""Three nodes and a Redis: messages, members, presence; killed, stopped, cut off, restarted."""

import contextlib
import os
import pathlib
import signal
import time

from harness import BINARY, TEXT, WebSocket, equal, eventually, run
from line_program import LineProgram
from redis_server import RedisServer

APP = os.environ.get("YODEL_NODESAPP", str(pathlib.Path(BINARY).parent / "yodel-nodesapp"))


class Node(LineProgram):
    """A process of nodes_app."""

    def __init__(self, redis, name, loops=2):
        super().__init__(name, [APP, redis.url, name, str(loops)])

    def num_nodes(self):
        return int(self.ask("nodes", r"nodes (\d+)")[1])

    def seen(self):
        """Of the first watcher: count, joined, left."""
        found = self.ask("count", r"count (\d+) joined (\d+) left (\d+) changed \d+")
        return tuple(int(number) for number in found.groups())

    def join(self, group, document=""):
        socket = WebSocket(self.port, f"/{group}" + (f"?{document}" if document else ""))
        self.sockets.append(socket)
        return socket


@contextlib.contextmanager
def cluster(num=3):
    with RedisServer() as redis:
        nodes = []
        try:
            nodes += [Node(redis, f"n{i}") for i in range(num)]
            for node in nodes:
                eventually(lambda node=node: node.num_nodes() == num, "all know all")
            yield (redis, *nodes)
            for node in nodes:
                if node.process.poll() is None:
                    node.end()
        finally:
            for node in nodes:
                if node.process.poll() is None:
                    node.kill()


def texts(socket, num):
    got = []
    for _ in range(num):
        frame = socket.frame()
        equal(frame.opcode, TEXT)
        got.append(frame.payload.decode())
    return got


def test_messages_reach_members_of_all_nodes():
    with cluster() as (redis, *nodes):
        sockets = [node.join("room") for node in nodes for _ in range(2)]
        eventually(lambda: redis.num_subscribers("yodel:group:groups0:room") == 3, "all listen")
        for i in range(50):
            sockets[0].send_text(f"message {i}")
        for socket in sockets:
            equal(texts(socket, 50), [f"message {i}" for i in range(50)])
        found = nodes[1].ask("members room", r"members (\d+) missing (\d+) result (\w+)")
        equal(found.groups(), ("6", "0", "YODEL_OK"))
        found = nodes[2].ask("counted room", r"counted (\d+) missing (\d+) result (\w+)")
        equal(found.groups(), ("6", "0", "YODEL_OK"))


def test_a_killed_node_takes_its_members_once():
    with cluster() as (redis, first, second, third):
        for node in (first, first, second):
            node.say("watch room")
        for i in range(100):
            third.join("room", f"{i}")
        first.join("room", "1")
        eventually(lambda: first.seen() == (101, 202, 0), "all are known to two watchers")
        eventually(lambda: second.seen() == (101, 101, 0), "and to the third")
        third.kill()
        first.wait("left n2")
        eventually(lambda: first.seen() == (1, 202, 200), "100 leaves each")
        eventually(lambda: second.seen() == (1, 101, 100), "here too")
        again = Node(redis, "n2")
        first.wait("joined n2")
        again.join("room", "2")
        eventually(lambda: first.seen() == (2, 204, 200), "its new one, and no ghosts")
        eventually(lambda: second.seen() == (2, 102, 100), "here too")
        again.end()
        first.wait("left n2")
        eventually(lambda: first.seen() == (1, 204, 202), "in order")
        found = first.ask("stats", r"stats nodes=(\d+) lost=(\d+) malformed=(\d+).*")
        equal(found.groups()[:2], ("1", "1"))  # it said so: only the one that was killed was missed


def test_a_stopped_node_is_gone_and_returns():
    with cluster() as (redis, first, second, third):
        first.say("watch room")
        third.say("watch room")
        third.join("room", "3")
        second.join("room", "2")
        eventually(lambda: first.seen() == (2, 2, 0), "both")
        eventually(lambda: third.seen() == (2, 2, 0), "both")
        os.kill(third.process.pid, signal.SIGSTOP)
        found = first.ask("members room", r"members (\d+) missing (\d+) result (\w+)")
        equal(found.groups(), ("1", "1", "YODEL_ERR_CLOSED"))  # as soon as it is lost
        eventually(lambda: first.seen() == (1, 2, 1), "it has left")
        os.kill(third.process.pid, signal.SIGCONT)
        eventually(lambda: first.seen() == (2, 3, 1), "and come again")
        time.sleep(1)
        equal(third.seen(), (2, 2, 0))  # who was stopped judges nobody


def test_redis_is_restarted_and_paused():
    with cluster() as (redis, first, second, third):
        first.say("watch room")
        second.join("room", "2")
        eventually(lambda: first.seen() == (1, 1, 0), "it is there")
        redis.kill()
        third.join("room", "3")
        time.sleep(3)
        redis.restart()
        eventually(lambda: first.seen() == (2, 2, 0), "what was missed is made good")
        redis.pause()
        time.sleep(8)
        redis.resume()
        eventually(lambda: first.num_nodes() == 3, "all are there")
        time.sleep(2)
        equal(first.seen(), (2, 2, 0))
        for node in (first, second, third):
            node.none("left n.")


def test_garbage_is_counted():
    with cluster(2) as (redis, first, second):
        first.say("watch room")
        second.join("room", "2")
        eventually(lambda: first.seen() == (1, 1, 0), "it is there")
        for channel in ("yodel:nodes", "yodel:all", "yodel:group:groups0:\1room"):
            for payload in (b"", b"\0", b"\xff" * 100, os.urandom(300), b"{}", b"\1" * 50):
                redis.call("PUBLISH", channel, payload)
        for key in redis.call("KEYS", "yodel:*"):
            redis.call("SET", key, b"garbage")
        time.sleep(3)  # nodes look at what they have written

        def stats():
            return first.ask("stats", r"stats nodes=(\d+) lost=(\d+) malformed=(\d+).*")

        eventually(lambda: int(stats()[3]) >= 10, "it is counted")
        equal(stats().groups()[:2], ("1", "0"))
        second.join("room", "3")
        eventually(lambda: first.seen() == (2, 2, 0), "all goes on")


if __name__ == "__main__":
    run(globals())
