# SPDX-License-Identifier: MIT
"""script/cluster: three nodes behind a balancer that sends each request to the next one."""

import contextlib
import json
import os
import re
import shutil
import sys

from harness import BINARY, ROOT, Program, WebSocket, equal, eventually, free_port, http, run

POLLING = "/socket.io/?EIO=4&transport=polling"


@contextlib.contextmanager
def cluster(*words):
    port = free_port()
    script = str(ROOT / "script/cluster")
    program = Program(
        [script, "--port", str(port), *words],
        r"Yodel demo, 3 nodes, on http://localhost:(\d+)",
        env={"YODEL_DEMO": BINARY},
        limit=60,
    )
    with program:
        equal(program.port, port, "the port")
        yield program


def nodes(port):
    """What the node says that gets the next request."""
    return json.loads(http(port, "GET", "/nodes").body)


class Polling:
    """A session whose every request is a connection of its own, so each goes to another node."""

    def __init__(self, port):
        self.port = port
        opened = http(port, "GET", POLLING)
        self.path = POLLING + "&sid=" + json.loads(opened.body[1:])["sid"]
        self.send("40")
        eventually(lambda: self.receive().startswith("40{"), "the namespace is entered")

    def send(self, packet):
        equal(http(self.port, "POST", self.path, body=packet.encode()).body, b"ok", packet)

    def receive(self):
        answer = http(self.port, "GET", self.path)
        equal(answer.status, 200, answer.body)
        return answer.body.decode()


def meet(port):
    """Every node has heard from the others, so Redis is there for all."""
    eventually(lambda: all(len(nodes(port)["nodes"]) == 3 for _ in range(3)), "three are known by each")


def test_every_node_knows_the_others():
    with cluster("--form", "nodes") as program:
        meet(program.port)
        seen = [nodes(program.port) for _ in range(9)]
        equal({node["node"] for node in seen}, {"node-1", "node-2", "node-3"}, "in turn")
        for node in seen:
            equal(sorted(node["nodes"]), ["node-1", "node-2", "node-3"], node["node"])


def test_polling_needs_no_sticky_sessions():
    with cluster() as program:
        session = Polling(program.port)
        for number in range(6):
            session.send(f'42{number}["node"]')
            equal(re.match(r"43(\d+)", session.receive())[1], str(number), "the answer")


def test_a_room_is_on_all_nodes():
    with cluster() as program:
        meet(program.port)
        for turn in range(10):  # each in a room of its own, whose first members they are on their nodes
            members = [WebSocket(program.port, f"/ws/chat/cluster{turn}/") for _ in range(3)]
            for number, speaker in enumerate(members):
                speaker.send_json({"message": f"from {number}"})
                for member in members:
                    equal(member.next_with("message"), f"from {number}", "heard once")
            for member in members:
                member.leave()


if __name__ == "__main__":
    if not (shutil.which("redis-server") and (shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"))):
        sys.exit("script/cluster needs redis-server and nginx")
    run(globals())
