# SPDX-License-Identifier: MIT
"""Engine.IO sessions made by hand: requests of the polling transport, and WebSockets."""

import contextlib
import json
import time

import wire
from abuse_cases.raw import ANSWER_LIMIT, Failure, Raw, expect

PATH = "/socket.io/"
POLLING = "EIO=4&transport=polling"
WEBSOCKET = "EIO=4&transport=websocket"
TEXT_PLAIN = ("Content-Type: text/plain;charset=UTF-8",)
SESSION_KEYS = ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]


def head(method, query, headers=(), length=None, path=PATH):
    """The octets of a request head."""
    lines = [f"{method} {path}?{query} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def exchange(server, data, limit=ANSWER_LIMIT):
    """What `data` is answered with: the status and the body; (None, b"") for nothing."""
    with Raw(server, limit) as connection:
        connection.send(data)
        response = connection.response(limit)
        if response is None:
            return None, b""
        return response.status, connection.body(response, limit)


def request(server, method, query, body=None, headers=(), limit=ANSWER_LIMIT):
    """As exchange(), of one request."""
    length = None if body is None else len(body)
    return exchange(server, head(method, query, headers, length) + (body or b""), limit)


def expect_error(answer, status, code):
    """The answer must be one of Engine.IO's errors."""
    seen, body = answer
    expect(seen == status, f"expected {status}, seen {seen}")
    try:
        seen_code = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        raise Failure(f"expected code {code}, seen {body[:60]!r}") from None
    expect(seen_code == code, f"expected code {code}, seen {seen_code}")


class Polling:
    """A session on long polling."""

    def __init__(self, server):
        self.server = server
        status, body = request(server, "GET", POLLING)
        expect(status == 200 and body[:1] == b"0", f"no session: {status} {body[:60]!r}")
        self.handshake = json.loads(body[1:])
        self.sid = self.handshake["sid"]
        self.query = f"{POLLING}&sid={self.sid}"

    @classmethod
    def joined(cls, server, namespace="/"):
        """A session that is connected to a namespace."""
        session = cls(server)
        session.post(b"40" if namespace == "/" else f"40{namespace},".encode())
        session.read(b'"sid"')
        return session

    def get(self, limit=ANSWER_LIMIT):
        """One poll."""
        return request(self.server, "GET", self.query, limit=limit)

    def post(self, body, headers=TEXT_PLAIN, limit=ANSWER_LIMIT):
        """One POST."""
        return request(self.server, "POST", self.query, body, headers, limit)

    def read(self, text, limit=ANSWER_LIMIT):
        """Poll until `text` has come; all that came."""
        deadline, seen = time.monotonic() + limit, b""
        while text not in seen:
            status, body = self.get(max(deadline - time.monotonic(), 0.01))
            expect(status == 200, f"expected {text!r}, seen {status} {body[:60]!r}")
            seen += body
        return seen

    def expect_alive(self):
        """The session must still acknowledge."""
        status, body = self.post(b'420["echo","alive"]')
        expect(status == 200, f"expected a session, seen {status} {body[:60]!r}")
        self.read(b'430["alive"]')

    def expect_gone(self, limit=ANSWER_LIMIT):
        """The session must not be known any more, once a poll has told the client."""
        deadline = time.monotonic() + limit
        while True:
            status, body = request(self.server, "POST", self.query, b"3", TEXT_PLAIN)
            if status == 400 and b'"code":1' in body:
                return
            expect(time.monotonic() < deadline, f"expected no session, seen {status} {body[:60]!r}")
            with contextlib.suppress(Failure):
                self.get(0.1)


class Socket:
    """A session on WebSocket."""

    def __init__(self, server, query=WEBSOCKET, limit=ANSWER_LIMIT, receive_buffer=0):
        self.raw = Raw(server, limit, receive_buffer)
        self.raw.upgrade(f"{PATH}?{query}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    @classmethod
    def opened(cls, server, **options):
        """A session whose open packet was read."""
        socket = cls(server, **options)
        first = socket.text()
        expect(first[:1] == b"0", f"expected an open packet, seen {first[:60]!r}")
        expect(sorted(json.loads(first[1:])) == SESSION_KEYS, f"a strange open packet: {first!r}")
        return socket

    @classmethod
    def joined(cls, server, namespace="/", **options):
        """A session that is connected to a namespace."""
        socket = cls.opened(server, **options)
        socket.send(b"40" if namespace == "/" else f"40{namespace},".encode())
        socket.until(b'"sid"')
        return socket

    def send(self, *messages, opcode=wire.TEXT):
        """Send messages, in one write."""
        return self.raw.send(b"".join(wire.frame(opcode, message) for message in messages))

    def text(self, limit=ANSWER_LIMIT):
        """The next message that is no ping, which is answered."""
        while True:
            frame = self.raw.frame(limit)
            expect(frame is not None, "the connection ended")
            expect(frame.opcode != wire.CLOSE, f"closed: {frame.payload[:20]!r}")
            if frame.payload != b"2":
                return frame.payload
            self.send(b"3")

    def until(self, part, limit=ANSWER_LIMIT):
        """The first message that has this in it."""
        deadline = time.monotonic() + limit
        while part not in (seen := self.text(limit)):
            expect(time.monotonic() < deadline, f"no {part!r} within {limit:g} s")
        return seen

    def expect_alive(self, limit=ANSWER_LIMIT):
        """The session must still acknowledge."""
        self.send(b'429999["echo","alive"]')
        self.until(b'439999["alive"]', limit)

    def expect_closed(self, *codes, limit=ANSWER_LIMIT):
        """A close frame with one of `codes` (None: without), whatever comes first; or the end."""
        while (frame := self.raw.frame(limit)) is not None:
            if frame.opcode == wire.CLOSE:
                code = wire.check_close_payload(frame.payload)
                expect(code in codes, f"expected close {codes}, seen {code}")
                self.send(frame.payload[:2], opcode=wire.CLOSE)
                self.raw.expect_closed(limit)
                return


def canary(server):
    """A fresh session must still be served, on either transport."""
    try:
        with Socket.joined(server) as socket:
            socket.expect_alive()
        Polling.joined(server).post(b"1")
    except (OSError, wire.ProtocolViolation, Failure) as error:
        raise Failure(f"canary: {error or type(error).__name__}") from None
