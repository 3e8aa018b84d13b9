# SPDX-License-Identifier: MIT
"""RFC 6455 on the client's side: frames, masking, and the opening handshake."""

import base64
import hashlib
import os
import struct
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

HANDSHAKE_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class ProtocolViolation(Exception):
    """The server sent something RFC 6455 forbids."""


class Frame(NamedTuple):
    """One frame as received."""

    fin: bool
    rsv: int
    opcode: int
    payload: bytes


def mask(payload, key):
    """XOR `payload` with the repeated four octets of `key`."""
    size = len(payload)
    if size == 0 or key == b"\0\0\0\0":
        return bytes(payload)
    stream = (key * ((size + 3) // 4))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(stream, "little")
    return mixed.to_bytes(size, "little")


def encode_length(size, masked):
    """The second header octet and the extended length, in the shortest form."""
    bit = 0x80 if masked else 0
    if size < 126:
        return bytes((bit | size,))
    if size < 65536:
        return struct.pack("!BH", bit | 126, size)
    return struct.pack("!BQ", bit | 127, size)


def frame(opcode, payload=b"", fin=True, rsv=0, key=None):
    """A masked client frame. `rsv` is the three bits as a number 0..7."""
    if key is None:
        key = os.urandom(4)
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    return bytes((first,)) + encode_length(len(payload), True) + key + mask(payload, key)


def fragments(opcode, payload, size, rsv=0):
    """`payload` as a message of frames of at most `size` octets."""
    count = max(1, -(-len(payload) // size))
    for index in range(count):
        part = payload[index * size : (index + 1) * size]
        yield frame(
            opcode if index == 0 else CONTINUATION,
            part,
            fin=index == count - 1,
            rsv=rsv if index == 0 else 0,
        )


def close_payload(code=None, reason=b""):
    """The payload of a close frame; without a code it is only the reason."""
    if code is None:
        return reason
    return struct.pack("!H", code) + reason


class FrameParser:
    """Cuts a stream of octets into the server's frames."""

    def __init__(self):
        self._buffer = bytearray()
        self._offset = 0

    def feed(self, data):
        """Append what was read from the socket."""
        if self._offset:
            del self._buffer[: self._offset]
            self._offset = 0
        self._buffer += data

    def pending(self):
        """The octets that are not yet a whole frame."""
        return bytes(self._buffer[self._offset :])

    def next(self):
        """The next whole frame, or None."""
        buffer, start = self._buffer, self._offset
        available = len(buffer) - start
        if available < 2:
            return None
        first, second = buffer[start], buffer[start + 1]
        if second & 0x80:
            raise ProtocolViolation("the server masked a frame")
        header, size = self._length(start, second & 0x7F, available)
        if header is None or available < header + size:
            return None
        begin = start + header
        self._offset = begin + size
        payload = bytes(buffer[begin : self._offset])
        return Frame(bool(first & 0x80), first >> 4 & 7, first & 0x0F, payload)

    def _length(self, start, short, available):
        if short < 126:
            return 2, short
        width, minimum = (2, 126) if short == 126 else (8, 65536)
        if available < 2 + width:
            return None, 0
        size = int.from_bytes(self._buffer[start + 2 : start + 2 + width], "big")
        if size < minimum:
            raise ProtocolViolation(f"length {size} was not sent in its shortest form")
        return 2 + width, size


def check_close_payload(payload):
    """The close code in `payload`, None without one; raises for an illegal payload."""
    if not payload:
        return None
    if len(payload) == 1:
        raise ProtocolViolation("close frame with a payload of one octet")
    code = struct.unpack("!H", payload[:2])[0]
    if code < 1000 or 1004 <= code <= 1006 or 1015 <= code < 3000 or code > 4999:
        raise ProtocolViolation(f"close frame with the illegal code {code}")
    try:
        payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolViolation("close reason is not UTF-8") from None
    return code


def new_key():
    """A fresh Sec-WebSocket-Key."""
    return base64.b64encode(os.urandom(16)).decode("ascii")


def accept_value(key):
    """The Sec-WebSocket-Accept that answers `key`."""
    digest = hashlib.sha1(key.encode("ascii") + HANDSHAKE_GUID).digest()
    return base64.b64encode(digest).decode("ascii")


def handshake_request(path, host, key, extra=()):
    """The octets of a proper opening handshake; `extra` are whole header lines."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *extra,
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class Response(NamedTuple):
    """An HTTP response head; `headers` are (lower-case name, value) pairs in order."""

    status: int
    headers: tuple

    def get(self, name):
        """The value of the only header `name`; several are joined with commas."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


def parse_response(head):
    """Parse a response head without its empty line."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
        raise ProtocolViolation(f"not a status line: {lines[0][:60]!r}")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ProtocolViolation(f"not a header line: {line[:60]!r}")
        headers.append((name.lower(), value.strip()))
    return Response(int(parts[1]), tuple(headers))


def check_upgrade(response, key):
    """Raise unless `response` accepts the handshake made with `key`."""
    if response.status != 101:
        raise ProtocolViolation(f"handshake answered with {response.status}")
    if (response.get("upgrade") or "").lower() != "websocket":
        raise ProtocolViolation("101 without Upgrade: websocket")
    tokens = [token.strip() for token in (response.get("connection") or "").lower().split(",")]
    if "upgrade" not in tokens:
        raise ProtocolViolation("101 without Connection: Upgrade")
    if response.get("sec-websocket-accept") != accept_value(key):
        raise ProtocolViolation("wrong Sec-WebSocket-Accept")
