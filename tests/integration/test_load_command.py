# SPDX-License-Identifier: MIT
"""yodel load: it counts what it says, with yodel serve, with the demo, and with servers that stop, lose, repeat and hang up."""

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import time

from harness import ACCEPT_GUID, TEXT, Demo, connections, equal, eventually, frame_bytes, mask_bytes, run
from hostile_backend import make_certificate
from yodel_program import Yodel, folder, yodel

CONFIG = """
listen: [{name: public, address: "127.0.0.1:0"}, {name: internal, address: "127.0.0.1:0", serve: [health]}]
namespaces: [{name: /, auth: optional, relay: [{event: load, to: rooms}]}]
auth: {methods: [jwt], jwt: {algorithms: [HS256], keys: [{secret_file: SECRET}]}}
shutdown: {spread: 0s}
"""


@contextlib.contextmanager
def serving():
    """A server, and the file of a token that may join rooms."""
    with folder() as path:
        (path / "secret").touch(mode=0o600)
        (path / "secret").write_text("0123456789" * 4)
        (path / "token").touch(mode=0o600)
        can = ["--can", "join=load-*", "--can", "emit=load"]
        (path / "token").write_text(yodel("token", "sign", "--key-file", str(path / "secret"), "--user", "ann", *can)[0])
        (path / "yodel.yaml").write_text(CONFIG.replace("SECRET", str(path / "secret")))
        with Yodel("-c", str(path / "yodel.yaml")) as server:
            yield f"http://127.0.0.1:{server.port}", str(path / "token")


def load(*words, status=0):
    return json.loads(yodel("load", *words, "-o", "json", status=status)[0])


def test_acks_and_broadcasts_of_the_server():
    with serving() as (url, token):
        words = ["--token-file", token, "--clients", "12", "--rooms", "3", "--rate", "200/s", "--duration", "500ms"]
        seen = load(url, *words, "--message", 'load "%m"', "--await", "ack,broadcast", "--max-errors", "0")
        equal((seen["connected"], seen["sent"], seen["acked"]), (12, 100, 100))
        # Four clients in each room: three others have each message.
        equal((seen["broadcast"], seen["expected"], seen["errors"]), (300, 300, 0))
        equal([seen["ms"][what]["count"] for what in ("connect", "ack", "broadcast", "echo")], [12, 100, 300, 0])
        assert seen["ms"]["ack"]["p50"] <= seen["ms"]["ack"]["p99"] <= seen["ms"]["ack"]["p99_9"] <= seen["ms"]["ack"]["max"]
        # Without a token nobody may join or send: refused, and seen.
        seen = load(url, "--clients", "2", "--rooms", "1", "--rate", "10/s", "--duration", "200ms", "--timeout", "4s")
        equal(seen["refused_joins"], 2)
        # An event that nobody takes is acked with an error.
        words = ["--clients", "2", "--rate", "20/s", "--duration", "200ms", "--message", 'other "%m"']
        seen = load(url, *words, "--max-errors", "0", status=1)
        equal((seen["sent"], seen["acked"], seen["refused_messages"], seen["errors"]), (4, 4, 4, 4))
        assert "forbidden" in seen["first_failure"], seen
        # What was not measured is not fast.
        _, said = yodel("load", url, *words, "--await", "none", "--rate", "0/s", "--max-p99", "1s", status=1)
        assert "there is no p99" in said, said


def test_echoes_of_the_demo(demo):
    url = f"ws://127.0.0.1:{demo.port}/echo"
    seen = load(url, "--clients", "50", "--rate", "1000/s", "--duration", "500ms", "--size", "2KiB", "--max-errors", "0")
    equal((seen["sent"], seen["echoed"], seen["missing"]), (500, 500, 0))
    assert demo.stats()["bytes_in"] > 500 * 2048
    eventually(lambda: connections(demo.port) == 0, "nobody is left")
    text, _ = yodel("load", url, "--clients", "2", "--duration", "100ms", "--rate", "0/s")
    assert re.search(r"^connect +[\d.]+ ", text, re.M) and "echo" not in text, text


def test_clients_come_and_go(demo):
    url = f"ws://127.0.0.1:{demo.port}/echo"
    seen = load(url, "--clients", "20", "--rate", "100/s", "--reconnect", "50/s", "--duration", "1s", "--max-errors", "0")
    # Those that go last need not be back in time.
    assert 20 < seen["came_back"] <= 49, seen
    equal(seen["connected"], 20 + seen["came_back"])


def test_thousands_of_clients(demo):
    url = f"ws://127.0.0.1:{demo.port}/echo"
    seen = load(url, "--clients", "2000", "--ramp", "5000/s", "--rate", "2000/s", "--duration", "1s", "--max-errors", "0", "--timeout", "30s")
    equal((seen["connected"], seen["sent"], seen["echoed"]), (2000, 2000, 2000))


class Echo:
    """A server of WebSockets, a thread for each, which does with each text what it is told."""

    def __init__(self, treat, refuse=False, greeting=b""):
        self.treat, self.refuse, self.greeting, self.number = treat, refuse, greeting, 0
        self.server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"ws://127.0.0.1:{self.server.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.server.accept()[0],), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError, AttributeError, ValueError), sock, sock.makefile("rb") as file:
            head = b"".join(iter(file.readline, b"\r\n"))
            if self.refuse:
                sock.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            key = re.search(rb"(?i)sec-websocket-key: (\S+)", head).group(1)
            accept = base64.b64encode(hashlib.sha1(key + ACCEPT_GUID).digest()).decode()
            sock.sendall(f"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode() + self.greeting)
            while True:
                opcode, size = file.read(2)
                size = int.from_bytes(file.read(2), "big") if size == 0xFE else size & 0x7F
                mask = file.read(4)
                text = mask_bytes(file.read(size), mask)
                if opcode & 15 == 8:
                    sock.sendall(frame_bytes(8, text, masked=False))
                    return
                self.number += 1
                self.treat(self, sock, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def answer(sock, text):
    sock.sendall(frame_bytes(TEXT, text, masked=False))


def test_a_server_that_stands_still_is_seen_in_all_that_was_due():
    """It stands still once, for a second: of 100 messages of that second one waits for all of it, and half for half of it."""

    def treat(echo, sock, text):
        if echo.number == 50:
            time.sleep(1)
        answer(sock, text)

    with Echo(treat) as echo:
        seen = load(echo.url, "--clients", "1", "--rate", "100/s", "--duration", "2s", "--max-p99", "400ms", status=1)
        equal((seen["sent"], seen["echoed"]), (200, 200))
        # A client that waits for each answer would have one slow message in 100; here it is a quarter of all that waited
        # for half a second and more.
        assert seen["ms"]["echo"]["p90"] >= 400, seen
        assert seen["ms"]["echo"]["max"] >= 900, seen


def test_what_is_lost_is_counted():
    def treat(echo, sock, text):
        if echo.number % 4 != 0:
            answer(sock, text)

    with Echo(treat) as echo:
        words = ["--clients", "3", "--rate", "100/s", "--duration", "400ms", "--timeout", "4s"]
        seen = load(echo.url, *words, "--max-errors", "9", status=1)
        equal((seen["sent"], seen["echoed"], seen["missing"], seen["errors"]), (40, 30, 10, 10))
        load(echo.url, *words, "--max-errors", "50%")
        seen = load(echo.url, *words, "--await", "none", "--max-errors", "0")
        equal((seen["sent"], seen["missing"], seen["ms"]["echo"]["count"]), (40, 0, 30))


def test_connections_that_are_cut_are_counted():
    def treat(echo, sock, text):
        if echo.number == 3:
            sock.shutdown(socket.SHUT_RDWR)
        else:
            answer(sock, text)

    with Echo(treat) as echo:
        seen = load(echo.url, "--clients", "2", "--rate", "20/s", "--duration", "2s", "--timeout", "5s", "--max-errors", "1", status=1)
        equal((seen["lost"], seen["connected"], seen["missing"]), (1, 3, 1))
        assert seen["first_failure"], seen


def test_messages_of_others_and_of_nobody():
    """Whatever comes is no more than what it is: marks of another run, broken ones, and much else."""

    def treat(_, sock, text):
        for other in (b"yl00000000:0:1:", text[:11] + b"7:1:", text[:11] + b"0", text[:11] + b"0:99999999999999999999:", b"", b"x" * 60000):
            answer(sock, other)
        answer(sock, text)

    with Echo(treat) as echo:
        seen = load(echo.url, "--clients", "1", "--rate", "20/s", "--duration", "500ms", "--max-errors", "0")
        equal((seen["sent"], seen["echoed"], seen["broadcast"]), (10, 10, 0))


OPEN = frame_bytes(TEXT, b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}', masked=False)


def test_acks_that_are_wrong_and_joins_without_an_answer():
    """It acks a message twice, and one that nobody has sent, and no join."""

    def treat(_, sock, text):
        if text.startswith(b"40"):
            answer(sock, b'40{"sid":"y"}')
        elif found := re.match(rb'42(\d+)\["message"', text):
            for number in (found[1], found[1], b"99999", b"0"):
                answer(sock, b"43" + number + b"[]")

    with Echo(treat, greeting=OPEN) as echo:
        url = echo.url.replace("ws:", "http:")
        words = ["--clients", "2", "--rooms", "1", "--rate", "20/s", "--duration", "500ms", "--timeout", "4s"]
        seen = load(url, *words)
        equal((seen["sent"], seen["acked"], seen["wrong_acks"], seen["refused_joins"]), (10, 10, 30, 2))
        equal(seen["first_failure"], "no answer in time: to join")


def test_tls():
    with folder() as path:
        key, cert = make_certificate(path)
        with Demo("--host", "127.0.0.1", tls=(cert, key)) as demo:
            url = f"wss://127.0.0.1:{demo.port}/echo"
            words = ["--clients", "20", "--rate", "100/s", "--duration", "500ms", "--size", "100KiB", "--max-errors", "0"]
            seen = load(url, *words, "--ca", cert)
            equal((seen["sent"], seen["echoed"]), (50, 50))
            load(url, *words, status=69)


def test_nobody_can_connect():
    with Echo(None, refuse=True) as echo:
        seen = load(echo.url, "--clients", "3", "--duration", "100ms", status=77)
        equal((seen["connected"], seen["failed"]), (0, 3))
    load(echo.url, "--clients", "3", "--duration", "100ms", status=69)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}/"
        load(url, "--clients", "3", "--timeout", "300ms", status=75)


def test_wrong_words():
    url = "http://127.0.0.1:1/"
    for words in (
        [],
        [url, url],
        ["http://127.0.0.1:1/events"],
        [url, "--clients", "0"],
        [url, "--rate", "100"],
        [url, "--rate", "0x10/s"],
        [url, "--rate", "1e3/s"],
        [url, "--rate", "1./s"],
        [url, "--rate", " 1/s"],
        [url, "--ramp", "0/s"],
        [url, "--size", "9MiB"],
        [url, "--duration", "5"],
        [url, "--await", "all"],
        [url, "--max-errors", "x"],
        [url, "--max-errors", "0x1p-1%"],
        [url, "--max-errors", "+1"],
        [url, "--message", "x {"],
        ["ws://127.0.0.1:1/", "--await", "ack"],
    ):
        yodel("load", *words, status=64)
    yodel("load", "--help")


run(dict(globals()))
