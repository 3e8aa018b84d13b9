# SPDX-License-Identifier: MIT
"""The notes' programs, byte for byte: their pages, and what is said on the wire beside the original server."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import flask_kit  # first: it finds the harness
from package import harness
from flask_notes import CHAT, CHAT_PAGE, ECHO, ECHO_PAGE
from harness import equal, run

flask_kit.outside()
harness.TEST_LIMIT = 200

START_ORIGINAL = """
import sys
sys.modules.update(eventlet=None, gevent=None)  # in threads, whatever is installed
import app
app.socketio.run(app.app, port=0, allow_unsafe_werkzeug=True)
"""
PLACE = "/socket.io/?EIO=4&transport=polling"
PAGE_CLIENT = """
import { io } from "socket.io-client-4.5.4";
const [url, place, event, text] = process.argv.slice(2);
const socket = io(url + place);
const got = [];
socket.onAny((...args) => { got.push(args); if (args[0] !== "server_response") end(); });
socket.on("connect", () => socket.emit(event, event === "message" ? text : { text }));
function end() { console.log(JSON.stringify(got)); socket.disconnect(); }
"""


@contextlib.contextmanager
def program(text, page):
    """A folder with a program and its page."""
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        (folder / "templates").mkdir()
        (folder / "app.py").write_text(text, encoding="utf-8")
        (folder / "templates" / "index.html").write_text(page, encoding="utf-8")
        yield folder


class Polling:
    """A client by polling that keeps what it was told, sids put away."""

    def __init__(self, port):
        self.port = port
        self.pending = []
        opened = self._get("")
        handshake = json.loads(opened[1:])
        self.query = f"&sid={handshake['sid']}"

    def _get(self, query):
        answer = harness.http(self.port, "GET", PLACE + query)
        assert answer.status == 200, answer
        return answer.body.decode()

    def say(self, packet):
        answer = harness.http(self.port, "POST", PLACE + self.query, body=("4" + packet).encode())
        equal((answer.status, answer.body.lower()), (200, b"ok"))

    def hear(self):
        """The next packet that is no ping and no NOOP."""
        while not self.pending:
            for packet in self._get(self.query).split("\x1e"):
                if packet[0] == "2":
                    harness.http(self.port, "POST", PLACE + self.query, body=b"3")
                elif packet[0] != "6":
                    self.pending.append(packet)
        return plain(self.pending.pop(0))

    def until(self, start):
        """What is heard up to a packet of a kind."""
        heard = []
        while not heard or not heard[-1][0].startswith(start):
            heard.append(self.hear())
        return heard


def plain(packet):
    """A packet as its head and its value, without sids."""
    head, body = re.match(r"(\d+(?:/[^,]*,)?\d*)(.*)", packet, re.S).groups()
    value = json.loads(body) if body else None
    if isinstance(value, dict) and "sid" in value:
        value["sid"] = "*"
    return head, value


def echo_dialogue(port):
    a, b = Polling(port), Polling(port)
    for client in (a, b):
        client.say("0")
    heard = [a.until("40"), b.until("40")]
    a.say('2["message","Привет"]')
    heard += [a.until("42"), b.until("42")]
    a.say('21["message","with ack"]')
    heard += [sorted([a.hear(), a.hear()]), b.until("42")]
    a.say('22["nohandler",1]')
    a.say('2["message","x","y"]')
    a.say('23["message",{"a":[1,null,1.5]}]')
    heard += [sorted([a.hear(), a.hear()]), b.until("42")]
    a.say("0/nope,")
    heard.append(a.until("44")[-1][0])
    a.say("1")
    b.say('24["message","last"]')
    heard.append(sorted([b.hear(), b.hear()]))
    return heard


def chat_dialogue(port):
    a, b = Polling(port), Polling(port)
    a.say("0/chat,")
    b.say('0/chat,{"token":"abc"}')
    heard = [sorted([a.hear(), a.hear()]), sorted([b.hear(), b.hear()])]
    a.say('2/chat,["user_message",{"text":"Всем привет 👋"}]')
    heard += [a.until("42"), b.until("42")]
    a.say('2/chat,7["user_message",{"text":"ack"}]')
    heard += [sorted([a.hear(), a.hear()]), b.until("42")]
    a.say('2/chat,8["user_message",{}]')
    a.say('2/chat,9["user_message",{"text":"after a fault"}]')
    heard += [sorted([a.hear(), a.hear()]), b.until("42")]
    a.say("0/nope,")
    heard.append(a.until("44")[-1][0])
    a.say("1/chat,")
    b.say('2/chat,["user_message",{"text":"alone"}]')
    heard.append(b.until("42"))
    return heard


def beside(text, page, dialogue):
    with program(text, page) as folder:
        with flask_kit.on_yodel("app.py", cwd=folder) as server:
            ours = (server.get("/").body, dialogue(server.port))
        with flask_kit.Original(["-c", START_ORIGINAL], cwd=folder).ready() as server:
            theirs = (server.get("/").body, dialogue(server.port))
        equal(ours[0], theirs[0])
        assert ours[0].decode() == page.rstrip("\n") or text is CHAT  # which has no route
        for number, (our, their) in enumerate(zip(ours[1], theirs[1], strict=True)):
            equal(our, their, f"step {number}")


def test_echo_beside_the_original():
    beside(ECHO, ECHO_PAGE, echo_dialogue)


def test_chat_beside_the_original():
    beside(CHAT, CHAT_PAGE, chat_dialogue)


def page_client(port, *words):
    """The client of the pages: what it was told."""
    if shutil.which("node") is None:
        harness.skip("node is not installed")
    with tempfile.NamedTemporaryFile("w", suffix=".mjs", dir=flask_kit.HERE) as script:
        script.write(PAGE_CLIENT)
        script.flush()
        done = subprocess.run(
            ["node", script.name, f"http://127.0.0.1:{port}", *words], stdout=subprocess.PIPE, timeout=100, check=True
        )
    return json.loads(done.stdout)


def test_the_client_of_the_echo_page():
    with program(ECHO, ECHO_PAGE) as folder, flask_kit.on_yodel("app.py", cwd=folder) as server:
        equal(page_client(server.port, "/", "message", "Привет"), [["message", "Server echoes: Привет"]])
        server.until_said("Received: Привет")


def test_the_client_of_the_chat_page():
    with program(CHAT, CHAT_PAGE) as folder, flask_kit.on_yodel("app.py", cwd=folder) as server:
        equal(
            page_client(server.port, "/chat", "user_message", "Всем"),
            [
                ["server_response", {"data": "Добро пожаловать в чат!"}],
                ["server_broadcast", {"data": "Пользователь написал: Всем"}],
            ],
        )
        server.until_said("Клиент подключился к /chat")


if __name__ == "__main__":
    run(globals())
