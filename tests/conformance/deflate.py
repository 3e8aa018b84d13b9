# SPDX-License-Identifier: MIT
"""permessage-deflate (RFC 7692) on the client's side."""

import zlib
from typing import NamedTuple

import wire

NAME = "permessage-deflate"
TAIL = b"\x00\x00\xff\xff"
RSV1 = 4
DEFAULT_BITS = 15
SMALLEST_ZLIB_BITS = 9  # zlib cannot deflate raw with a window of 256 octets
FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
BITS = ("server_max_window_bits", "client_max_window_bits")


class Agreement(NamedTuple):
    """What the server answered; None for bits means that they were not mentioned."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = None
    client_max_window_bits: int = None


def parse_agreement(header):
    """Parse the server's Sec-WebSocket-Extensions; None if it is missing."""
    if header is None:
        return None
    name, *parameters = [part.strip() for part in header.split(";")]
    if name != NAME or "," in header:
        raise wire.ProtocolViolation(f"unexpected extension answer: {header}")
    values = {}
    for parameter in parameters:
        key, _, value = (part.strip() for part in parameter.partition("="))
        if key in values:
            raise wire.ProtocolViolation(f"{key} twice in the extension answer")
        values[key] = parse_value(key, value.strip('"'))
    return Agreement(**values)


def parse_value(key, value):
    """The value of one parameter of the answer."""
    if key in FLAGS and not value:
        return True
    if key in BITS and value.isdigit() and 8 <= int(value) <= 15 and value[0] != "0":
        return int(value)
    raise wire.ProtocolViolation(f"illegal extension parameter {key}={value}")


class Compressor:
    """Makes the payloads of compressed messages."""

    def __init__(self, agreement, level=6):
        self._bits = agreement.client_max_window_bits or DEFAULT_BITS
        self._keeps = not agreement.client_no_context_takeover
        self._level = level if self._bits >= SMALLEST_ZLIB_BITS else 0
        self._stream = None

    def compress(self, message):
        """The payload of `message`, without the tail RFC 7692 removes."""
        if self._stream is None or not self._keeps:
            bits = max(self._bits, SMALLEST_ZLIB_BITS)
            self._stream = zlib.compressobj(self._level, zlib.DEFLATED, -bits)
        data = self._stream.compress(message) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return data[: -len(TAIL)]


class Decompressor:
    """Inflates the server's messages with no larger a window than was agreed."""

    def __init__(self, agreement):
        self._bits = agreement.server_max_window_bits or DEFAULT_BITS
        self._keeps = not agreement.server_no_context_takeover
        self._stream = None

    def decompress(self, payload):
        """The message in `payload`."""
        if self._stream is None or not self._keeps or self._stream.eof:
            self._stream = zlib.decompressobj(-self._bits)
        try:
            return self._stream.decompress(payload + TAIL)
        except zlib.error as error:
            raise wire.ProtocolViolation(f"cannot inflate a message: {error}") from None
