# SPDX-License-Identifier: MIT
"""The examples with other servers: one script each starts all, and one room has the clients of both."""

import importlib.util
import shutil
import sys

from harness import EXAMPLES, ROOT, Program, WebSocket, equal, eventually, http, run, skip
from sio_client import SioClient


MEETING = "is anybody there?"


class Script(Program):
    """A run.py on free ports."""

    def __init__(self, name, env=None):
        if not (EXAMPLES / name).exists():
            skip(f"{name} is not built")
        words = [sys.executable, str(ROOT / "examples" / name / "run.py"), "--port", "0", "--other-port", "0"]
        super().__init__([*words, "--yodel", str(EXAMPLES / name)], r"^PORTS (\d+ \d+)$", env=env, convert=str, limit=150)
        self.port, self.other_port = map(int, self.port.split())

    def has_page(self):
        page = http(self.port, "GET", "/room.html")
        equal((page.status, b"One room, two servers" in page.body), (200, True))


def meet(ours, theirs, other):
    """Until what either says reaches the other: what was published before somebody had subscribed is lost."""

    def reaches(speaker, listener, server):
        speaker.emit("say", {"text": MEETING})
        while listener.has_event(0.3):
            if listener.event()[1]["server"] == server:
                return True
        return False

    eventually(lambda: reaches(ours, theirs, "Yodel"), "the other server hears ours")
    eventually(lambda: reaches(theirs, ours, other), "and ours hears it")


def next_of(client):
    """The next event of a client; from the meeting some are under way yet."""
    while (event := client.event())[1]["text"] == MEETING:
        pass
    return event


def talk(ours, theirs, other):
    """What either says both hear, once."""
    meet(ours, theirs, other)
    ours.emit("say", {"text": "hello"})
    theirs.emit("say", {"text": "привет"})
    expected = [["said", {"text": "hello", "server": "Yodel"}], ["said", {"text": "привет", "server": other}]]
    for client in (ours, theirs):
        heard = sorted([next_of(client), next_of(client)], key=lambda event: event[1]["server"] != "Yodel")
        equal(heard, expected)
    for client in (ours, theirs):
        client.emit("say", {"text": "once"})
        equal(next_of(client)[1]["text"], "once", "nothing came twice")


def test_with_flask():
    if importlib.util.find_spec("flask_socketio") is None:
        skip("python3-flask-socketio is not installed")
    with Script("with_flask") as script:
        script.has_page()
        with SioClient(script.port) as ours, SioClient(script.other_port) as theirs:
            talk(ours, theirs, "Flask")


def test_with_node():
    modules = ROOT / "tests/node_modules"
    if shutil.which("node") is None or not (modules / "ioredis").exists():
        skip("node or its packages are not installed")
    with Script("with_node", {"NODE_PATH": str(modules)}) as script:
        script.has_page()
        with SioClient(script.port) as ours, SioClient(script.other_port) as theirs:
            talk(ours, theirs, "Node")


def test_with_django():
    if any(importlib.util.find_spec(module) is None for module in ("channels_redis", "daphne")):
        skip("python3-channels-redis or daphne is not installed")
    with Script("with_django") as script:
        script.has_page()
        with WebSocket(script.port, "/ws/lobby/") as ours, WebSocket(script.other_port, "/ws/lobby/") as theirs:
            for client, text, server in ((ours, "hello", "Yodel"), (theirs, "привет", "Django")):
                client.send_json({"text": text})
                for other in (ours, theirs):
                    equal(other.json(), {"text": text, "server": server})
            http(script.other_port, "GET", "/say/?text=view")
            for client in (ours, theirs):
                equal(client.json(), {"text": "view", "server": "a view of Django"})


if __name__ == "__main__":
    run(globals())
