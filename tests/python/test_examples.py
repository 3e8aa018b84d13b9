# SPDX-License-Identifier: MIT
"""examples/python: its programs are the notes' own, and run serves each with its page."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

import package
from harness import Program, WebSocket, equal, eventually, free_port, http, run

package.require("fastapi", "flask_socketio", "channels")

EXAMPLES = package.ROOT / "examples/python"
POLLING = "/socket.io/?EIO=4&transport=websocket"


class Example(Program):
    """examples/python/run NAME, which says nothing of its port: it is told one."""

    def __init__(self, name, *words):
        self.where = free_port()
        words = [str(EXAMPLES / "run"), name, "--port", str(self.where), *words]
        env = package.environment(PYTHON=package.PYTHON)
        super().__init__(words, f"({self.where})", port_stream="stderr", env=env, limit=60)

        def is_up():
            with contextlib.suppress(OSError):
                return http(self.where, "GET", "/").status == 200
            return False

        eventually(is_up, f"{name} serves its page")

    def __exit__(self, *_):
        self.signal(signal.SIGTERM)  # debug means a reloader, which is to end its child
        self.wait()

    def page(self):
        return http(self.where, "GET", "/").body.decode()


def test_the_programs_are_those_of_the_notes():
    subprocess.run([EXAMPLES / "extract.py", "--check"], check=True)


def test_fastapi():
    with Example("fastapi") as example:
        assert "FastAPI echo" in example.page()
        with WebSocket(example.where, "/ws") as client:
            client.send_text("привет")
            equal(client.message(), "Echo: привет")


def test_the_first_screen_of_the_readme():
    found = re.search(r"^```python\n(.*?)^```$", (package.ROOT / "README.md").read_text(), re.M | re.S)
    with tempfile.TemporaryDirectory() as path, contextlib.ExitStack() as stack:
        pathlib.Path(path, "main.py").write_text(found[1])
        port = free_port()
        words = [package.PYTHON, "-m", "yodel.asgi", "--app-dir", path, "--port", str(port), "main:app"]
        process = subprocess.Popen(words, env={**os.environ, **package.environment()})
        stack.callback(process.wait)
        stack.callback(process.kill)

        def is_up():
            with contextlib.suppress(OSError):
                return http(port, "GET", "/").status == 404
            return False

        eventually(is_up, "it serves")
        with WebSocket(port, "/ws") as client:
            client.send_text("привет")
            equal(client.message(), "привет")


def namespace_client(example, namespace):
    client = WebSocket(example.where, POLLING)
    assert client.message().startswith("0{")
    client.send_text("40" + namespace)
    return client


def events(client, count):
    """The next events, without pings and answers to CONNECT."""
    found = []
    while len(found) < count:
        text = client.message()
        if text.startswith("42"):
            found.append(text[2:])
        elif text == "2":
            client.send_text("3")
    return found


def test_flask_echo():
    with Example("flask-echo") as example:
        assert "<h1>WebSocket Chat</h1>" in example.page()
        with namespace_client(example, "") as first, namespace_client(example, "") as second:
            for client in (first, second):
                assert client.message().startswith("40{")
            first.send_text('42["message","Привет"]')
            for client in (first, second):
                equal([json.loads(text) for text in events(client, 1)], [["message", "Server echoes: Привет"]])


def test_flask_chat():
    with Example("flask-chat") as example:
        assert "Чат (/chat namespace)" in example.page()
        with namespace_client(example, "/chat,") as client:
            welcome = ["server_response", {"data": "Добро пожаловать в чат!"}]
            equal(json.loads(events(client, 1)[0].partition(",")[2]), welcome)
            client.send_text('42/chat,["user_message",{"text":"👋"}]')
            said = ["server_broadcast", {"data": "Пользователь написал: 👋"}]
            equal(json.loads(events(client, 1)[0].partition(",")[2]), said)


def test_channels():
    with Example("channels") as example:
        assert "Room room123" in example.page()
        with WebSocket(example.where, "/ws/chat/room123/") as first, WebSocket(example.where, "/ws/chat/room123/") as second:
            first.send_json({"message": "Привет"})
            for client in (first, second):
                equal(client.json(), {"message": "Привет"})
            equal(http(example.where, "GET", "/say/room123/?text=view").status, 200)
            for client in (first, second):
                equal(client.json(), {"message": "view"})


if __name__ == "__main__":
    run(globals())
