# SPDX-License-Identifier: MIT
"""A connection that sends any octets, and readers that insist on time limits."""

import select
import socket
import struct
import time

import deflate
import wire

ANSWER_LIMIT = 30.0  # for a hang; how much work an answer is, Context.little_work() judges
SOON = 8.0  # at once, on any machine: less than the server's limit for the head of a request
CANARY_TEXT = b"canary \xf0\x9f\x90\xa4"


class Failure(Exception):
    """The server gave a wrong answer; the text says which was expected."""


def expect(condition, message):
    """Fail with `message` unless `condition`."""
    if not condition:
        raise Failure(message)


class Raw:
    """A TCP connection to the server."""

    def __init__(self, server, timeout=ANSWER_LIMIT, receive_buffer=0):
        self.server = server
        self.agreement = None
        self._parser = wire.FrameParser()
        self._ended = False
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(timeout)
        self._socket.connect((server.host, server.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    # Sending.

    def send(self, data, chop=0, delay=0.0):
        """Send octets; an end of the connection meanwhile is noticed by reading."""
        pieces = [data] if not chop else (data[i : i + chop] for i in range(0, len(data), chop))
        try:
            for piece in pieces:
                self._socket.sendall(piece)
                if delay:
                    time.sleep(delay)
        except OSError:
            return False
        return True

    def send_for(self, data, seconds):
        """Send until all is sent or nothing could be sent for some time; the octets sent."""
        view, sent, deadline = memoryview(data), 0, time.monotonic() + seconds
        self._socket.settimeout(0.3)
        try:
            while sent < len(view) and time.monotonic() < deadline:
                sent += self._socket.send(view[sent : sent + (1 << 18)])
        except OSError:
            pass
        return sent

    def half_close(self):
        """Send FIN, keep reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close with RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self):
        """Close in the ordinary way."""
        self._socket.close()

    # Reading.

    def read_some(self, deadline):
        """What arrives next; b"" at the end; raises TimeoutError at the deadline."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            return self._socket.recv(1 << 18)
        except ConnectionError:
            return b""

    def is_ended(self, limit):
        """Whether the server ends the connection within `limit` seconds, though nothing is read."""
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(limit * 1000))

    def read_until_end(self, limit):
        """Everything until the server closes; None if it does not within `limit` seconds."""
        deadline, data = time.monotonic() + limit, bytearray()
        try:
            while chunk := self.read_some(deadline):
                data += chunk
        except TimeoutError:
            return None
        return bytes(data)

    def response(self, limit=ANSWER_LIMIT):
        """The next HTTP response head; None if the connection ends without one."""
        deadline, data = time.monotonic() + limit, b""
        while b"\r\n\r\n" not in data:
            try:
                chunk = self.read_some(deadline)
            except TimeoutError:
                raise Failure(f"no HTTP answer within {limit:g} s") from None
            if not chunk:
                expect(not data, f"the connection ended inside a response head: {data[:60]!r}")
                return None
            data += chunk
        head, _, rest = data.partition(b"\r\n\r\n")
        self._parser.feed(rest)
        return wire.parse_response(head)

    def body(self, response, limit=ANSWER_LIMIT):
        """The body of `response`, by Content-Length or to the end of the connection."""
        data = bytearray(self._parser.pending())
        length = response.get("content-length")
        deadline = time.monotonic() + limit
        while length is None or len(data) < int(length):
            try:
                chunk = self.read_some(deadline)
            except TimeoutError:
                raise Failure("the response body is incomplete") from None
            if not chunk:
                break
            data += chunk
        return bytes(data)

    def expect_closed(self, limit=ANSWER_LIMIT):
        """The server must end the connection in time; what it still sent is returned."""
        data = self.read_until_end(limit)
        expect(data is not None, f"expected the connection to be closed within {limit:g} s")
        return data

    # WebSocket.

    def upgrade(self, path="/echo", offer=None, headers=(), together=b""):
        """A proper opening handshake; `together` follows in the same segment."""
        key = wire.new_key()
        extra = [*headers]
        if offer:
            extra.append(f"Sec-WebSocket-Extensions: {offer}")
        host = f"{self.server.host}:{self.server.port}"
        self.send(wire.handshake_request(path, host, key, extra) + together)
        response = self.response()
        expect(response is not None, "the connection ended during a proper handshake")
        wire.check_upgrade(response, key)
        self.agreement = deflate.parse_agreement(response.get("sec-websocket-extensions"))
        return response

    def frame(self, limit=ANSWER_LIMIT):
        """The next frame, or None at the end of the connection."""
        deadline = time.monotonic() + limit
        while (frame := self._parser.next()) is None:
            if self._ended:
                return None
            try:
                chunk = self.read_some(deadline)
            except TimeoutError:
                raise Failure(f"no frame and no end within {limit:g} s") from None
            self._ended = not chunk
            self._parser.feed(chunk)
        return frame

    def expect_frame(self, opcode, payload, limit=ANSWER_LIMIT):
        """The next frame must be exactly this one."""
        seen = self.frame(limit)
        wanted = f"expected opcode {opcode} with {payload[:40]!r} ({len(payload)} octets)"
        expect(seen is not None, f"{wanted}, seen the end of the connection")
        same = seen.opcode == opcode and seen.payload == payload and seen.fin and not seen.rsv
        expect(same, f"{wanted}, seen {describe(seen)}")

    def expect_echo(self, opcode=wire.TEXT, payload=b"hello", limit=ANSWER_LIMIT):
        """Send a message and take its echo."""
        self.send(wire.frame(opcode, payload))
        self.expect_frame(opcode, payload, limit)

    def expect_close(self, *codes, limit=ANSWER_LIMIT):
        """The next frame must be a close with one of `codes` (None: without); then the end."""
        seen = self.frame(limit)
        wanted = "expected close " + "/".join(map(str, codes))
        expect(seen is not None, f"{wanted}, seen the end of the connection")
        expect(seen.opcode == wire.CLOSE, f"{wanted}, seen {describe(seen)}")
        code = wire.check_close_payload(seen.payload)
        expect(code in codes, f"{wanted}, seen {code}")
        self.send(wire.frame(wire.CLOSE, seen.payload[:2]))
        self.expect_closed(limit)
        return seen.payload[2:]


def describe(frame):
    """A frame in words."""
    if frame.opcode == wire.CLOSE:
        return f"close {wire.check_close_payload(frame.payload)}"
    return f"opcode {frame.opcode} with {frame.payload[:40]!r} ({len(frame.payload)} octets)"


def canary(server):
    """A fresh connection must still be echoed; returns the seconds it took."""
    started = time.monotonic()
    try:
        with Raw(server) as connection:
            connection.upgrade()
            connection.expect_echo(payload=CANARY_TEXT)
    except (OSError, wire.ProtocolViolation, Failure) as error:
        raise Failure(f"canary: {error or type(error).__name__}") from None
    return time.monotonic() - started
