# SPDX-License-Identifier: MIT
"""Answers in parts and server-sent events, over real sockets, with the examples `events` and `export`."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import time

from harness import BINARY, LIMIT, Program, WebSocket, connect, connections, equal, eventually, http, run

FOLDER = pathlib.Path(os.environ.get("YODEL_EXAMPLES", pathlib.Path(BINARY).parent / "examples"))
ROWS = 200000


def example(name):
    return Program([str(FOLDER / name), "127.0.0.1:0"], r"listening on port (\d+)$", port_stream="stderr")


class Reader:
    """A client that reads one answer in chunks, as it comes."""

    def __init__(self, port, path="/events", headers=(), method="GET", version="1.1"):
        self.socket = connect(port)
        self.socket.settimeout(LIMIT)
        lines = [f"{method} {path} HTTP/{version}", "Host: a", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.left = b""
        self.text = b""
        self.ended = False
        while b"\r\n\r\n" not in self.left:
            self._more()
        self.head, self.left = self.left.split(b"\r\n\r\n", 1)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.left += data

    def _chunk(self):
        while b"\r\n" not in self.left:
            self._more()
        size, rest = self.left.split(b"\r\n", 1)
        size = int(size, 16)
        while len(rest) < size + 2:
            self._more()
            rest = self.left.split(b"\r\n", 1)[1]
        equal(rest[size : size + 2], b"\r\n")
        self.left = rest[size + 2 :]
        self.ended = size == 0
        return rest[:size]

    def event(self):
        """The next event, as its lines; without comments and retry times."""
        while True:
            while b"\n\n" not in self.text:
                if self.ended:
                    return None
                self.text += self._chunk()
            event, self.text = self.text.split(b"\n\n", 1)
            if event and not event.startswith((b":", b"retry:")):
                return event.decode().split("\n")

    def close(self):
        self.socket.close()

    def reset(self):
        """Breaks the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def say(port, text):
    equal(http(port, "POST", "/say", body=text.encode()).status, 200)


def test_events_reach_readers_and_websockets():
    with example("events") as program:
        first, second = Reader(program.port), Reader(program.port)  # the head does not wait for an event
        assert b"content-type: text/event-stream" in first.head.lower()
        assert b"x-accel-buffering: no" in first.head.lower()
        with WebSocket(program.port, "/ws") as ws:
            say(program.port, "привет\nevent: x\r\n y")
            lines = ["event: news", "id: 1", "data: привет", "data: event: x", "data:  y"]
            equal(first.event(), lines)
            equal(second.event(), lines)
            equal(ws.message(), "привет\nevent: x\r\n y")
        first.close()
        second.reset()


def test_events_catch_up():
    with example("events") as program:
        for i in range(1, 101):
            say(program.port, f"text {i}")
        reader = Reader(program.port, headers=["Last-Event-ID: 98"])
        equal(reader.event(), ["event: news", "id: 99", "data: text 99"])
        equal(reader.event(), ["event: news", "id: 100", "data: text 100"])
        old = Reader(program.port, path="/events?lastEventId=1")
        equal(old.event(), ["event: news", "id: 37", "data: text 37"])
        reader.close()
        old.close()


def test_events_head_and_next_request():
    with example("events") as program:
        stream = connect(program.port)
        stream.sendall(b"HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n")
        stream.sendall(b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        stream.settimeout(LIMIT)
        seen = b""
        while data := stream.recv(65536):
            seen += data
        head, rest = seen.split(b"\r\n\r\n", 1)
        assert b"transfer-encoding" not in head.lower(), head
        assert rest.startswith(b"HTTP/1.1 404"), rest
        stream.close()


def test_events_of_clients_that_go():
    with example("events") as program:
        say(program.port, "up")
        eventually(lambda: connections(program.port) == 0, "the connection of that is gone")
        at_rest = program.descriptors()
        readers = [Reader(program.port) for _ in range(30)]
        eventually(lambda: program.descriptors() == at_rest + 30, "all are there")
        for i, reader in enumerate(readers):
            if i % 3 == 0:
                reader.close()
            elif i % 3 == 1:
                reader.reset()
            else:
                reader.socket.shutdown(socket.SHUT_WR)
        eventually(lambda: program.descriptors() == at_rest, "all are gone, though nothing was sent")
        for reader in readers:
            reader.close()


def stop_with_readers():
    """100 readers get a last event and the last chunk.  How long that takes."""
    with example("events") as program:
        readers = [Reader(program.port) for _ in range(100)]
        begun = time.monotonic()
        program.signal(signal.SIGTERM)
        for reader in readers:
            equal(reader.event(), ["event: stop", "data: back soon"])
            equal(reader.event(), None)
            reader.close()
        equal(program.wait(), 0)
        return time.monotonic() - begun


def test_events_stop():
    """L10: long before the time of a stop is over, which is 5 s; on a busy machine at the second or third time."""
    assert any(stop_with_readers() < 4 for _ in range(5)), "it waited for the end of the stop"


def whole(port, version):
    """The body of an export, out of its chunks if it comes in some."""
    stream = connect(port)
    stream.settimeout(LIMIT)
    stream.sendall(f"GET /squares.csv HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    seen = bytearray()
    while data := stream.recv(1 << 20):
        seen += data
    stream.close()
    at = seen.index(b"\r\n\r\n") + 4
    equal(b"chunked" in seen[:at].lower(), version == "1.1")
    if version == "1.0":
        return bytes(seen[at:])
    parts = []
    while True:
        end = seen.index(b"\r\n", at)
        size = int(seen[at:end], 16)
        parts.append(bytes(seen[end + 2 : end + 2 + size]))
        at = end + 4 + size
        if size == 0:
            equal(at, len(seen))
            return b"".join(parts)


def test_export_is_whole():
    with example("export") as program:
        body = whole(program.port, "1.1")
        rows = body.decode().split("\n")
        equal(len(rows), ROWS + 1)
        equal(rows[1000], "1000,1000000")
        equal(rows[ROWS - 1], f"{ROWS - 1},{(ROWS - 1) ** 2}")
        assert whole(program.port, "1.0") == body


def test_export_of_slow_readers_costs_little():
    with example("export") as program:
        before = program.memory()
        readers = [Reader(program.port, "/squares.csv") for _ in range(10)]
        time.sleep(0.3)
        assert program.memory() - before < 60 << 20, "more than the limit of each is kept"
        for reader in readers:
            reader.reset()
        with contextlib.closing(Reader(program.port, "/squares.csv")) as reader:
            assert reader._chunk() == b"0,0\n"


if __name__ == "__main__":
    run(globals())
