# SPDX-License-Identifier: MIT
"""permessage-deflate (RFC 7692) with and without context takeover."""

import os
import zlib

from harness import (
    BINARY_FRAME, CONTINUATION, TEXT, Closed, Demo, closed_with, equal, run,
)

TAIL = b"\x00\x00\xff\xff"
LONG_TEXT = "Джодль ихо! " * 60


class Deflated:
    """A WebSocket with the extension, and our own compressor on it."""

    def __init__(self, demo, path, offer="permessage-deflate", bits=15):
        self.ws = demo.websocket(path, headers=[("Sec-WebSocket-Extensions", offer)])
        answer = self.ws.answer.headers.get("sec-websocket-extensions", "")
        name, *parameters = [part.strip() for part in answer.split(";")]
        equal(name, "permessage-deflate")
        self.parameters = dict((p.split("=") + [""])[:2] for p in parameters)
        self.bits = bits
        self.deflater = zlib.compressobj(9, zlib.DEFLATED, -bits)
        self.inflater = zlib.decompressobj(-15)
        self.client_forgets = "client_no_context_takeover" in self.parameters
        self.server_forgets = "server_no_context_takeover" in self.parameters

    def compress(self, data):
        if self.client_forgets:
            self.deflater = zlib.compressobj(9, zlib.DEFLATED, -self.bits)
        compressed = self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
        assert compressed.endswith(TAIL)
        return compressed[:-4]

    def send(self, data, opcode=TEXT):
        self.ws.send_frame(opcode, self.compress(data), rsv=4)

    def frame(self):
        """The next frame and what is in it."""
        frame = self.ws.frame()
        if not frame.rsv:
            return frame, frame.payload
        equal(frame.rsv, 4)
        if self.server_forgets:
            self.inflater = zlib.decompressobj(-15)
        return frame, self.inflater.decompress(frame.payload + TAIL)

    def echo(self, data, opcode=TEXT):
        """The payload of the echo as it came; its content must be the same."""
        self.send(data, opcode)
        frame, content = self.frame()
        equal(frame.opcode, opcode)
        equal(content, data)
        return frame

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ws.close()


def test_hello(demo):
    """The octets of RFC 7692, 7.2.3.1 and 7.2.3.2."""
    with Deflated(demo, "/echo") as peer:
        equal(peer.parameters, {})
        first = bytes.fromhex("f248cdc9c90700")
        peer.ws.send_frame(TEXT, first, rsv=4)
        frame, content = peer.frame()
        equal((frame.rsv, content), (4, b"Hello"))
        peer.ws.send_frame(TEXT, bytes.fromhex("f200110000"), rsv=4)
        frame, content = peer.frame()
        equal(content, b"Hello")
        assert len(frame.payload) < len(first), frame


def test_context_takeover_saves(demo):
    data = os.urandom(300).hex().encode()
    with Deflated(demo, "/echo") as peer:
        first = len(peer.echo(data).payload)
        second = len(peer.echo(data).payload)
        assert second < first / 4, (first, second)


def test_every_size(demo):
    with Deflated(demo, "/echo") as peer:
        for size in (0, 1, 2, 125, 126, 4096, 32768, 65535, 65536, 1 << 20):
            peer.echo((b"0123456789abcdef" * (size // 16 + 1))[:size], BINARY_FRAME)
            peer.echo(os.urandom(size), BINARY_FRAME)


def test_without_takeover_by_the_client(demo):
    with Deflated(demo, "/echo", "permessage-deflate; client_no_context_takeover") as peer:
        for _ in range(3):
            peer.client_forgets = True
            peer.echo(LONG_TEXT.encode())


def test_without_takeover_by_the_server(demo):
    with Deflated(demo, "/echo", "permessage-deflate; server_no_context_takeover") as peer:
        assert peer.server_forgets, peer.parameters
        sizes = {len(peer.echo(LONG_TEXT.encode()).payload) for _ in range(3)}
        equal(len(sizes), 1, "sizes of the same message")


def test_windows_of_every_size(demo):
    data = b"".join(b"%d %d," % (i, i * i % 1000) for i in range(6000))
    for bits in range(9, 16):
        offer = f"permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}"
        with Deflated(demo, "/echo", offer, bits) as peer:
            if bits < 15:
                equal(peer.parameters.get("server_max_window_bits"), str(bits))
            else:
                assert peer.parameters.get("server_max_window_bits") in (None, "15")
            peer.inflater = zlib.decompressobj(-bits)  # a longer reach would fail in it
            for _ in range(2):
                peer.echo(data, BINARY_FRAME)


def test_offers_that_are_declined(demo):
    for offer in (
        "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover=1", "x-webkit-deflate-frame",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    ):
        with demo.websocket("/echo", headers=[("Sec-WebSocket-Extensions", offer)]) as ws:
            equal(ws.answer.headers.get("sec-websocket-extensions"), None, offer)
            ws.send_text("plain")
            equal(ws.message(), "plain")


def test_second_offer_is_taken(demo):
    offer = "permessage-deflate; server_max_window_bits=99, permessage-deflate"
    with Deflated(demo, "/echo", offer) as peer:
        equal(peer.parameters, {})
        peer.echo(LONG_TEXT.encode())


def test_uncompressed_messages_in_between(demo):
    with Deflated(demo, "/echo") as peer:
        peer.echo(LONG_TEXT.encode())
        peer.ws.send_frame(TEXT, b"as it is")
        _, content = peer.frame()
        equal(content, b"as it is")
        peer.echo(LONG_TEXT.encode())


def test_fragments(demo):
    with Deflated(demo, "/echo") as peer:
        for _ in range(2):
            octets = peer.compress(LONG_TEXT.encode())
            peer.ws.send_frame(TEXT, octets[:1], fin=False, rsv=4)
            for i in range(1, len(octets)):
                peer.ws.send_frame(CONTINUATION, octets[i : i + 1], fin=False)
            peer.ws.send_frame(CONTINUATION)
            _, content = peer.frame()
            equal(content.decode(), LONG_TEXT)


def test_shared_compressor(demo):
    """/ws compresses without takeover, and only what is worth it."""
    with Deflated(demo, "/ws", "permessage-deflate; client_max_window_bits") as peer:
        assert peer.server_forgets and peer.client_forgets, peer.parameters
        peer.send(b"short")
        frame, content = peer.frame()
        equal((frame.rsv, content), (0, b"Echo: short"))
        for _ in range(3):
            peer.send(LONG_TEXT.encode())
            frame, content = peer.frame()
            equal(frame.rsv, 4)
            equal(content.decode(), "Echo: " + LONG_TEXT)
            assert len(frame.payload) < len(content) / 3, len(frame.payload)


def test_room_of_unlike_members(demo):
    """A group message goes to members with, without and with another window, each in its form."""
    offers = ("permessage-deflate", "permessage-deflate; server_max_window_bits=10")
    members = [Deflated(demo, "/ws/chat/mixed/", offer) for offer in offers]
    plain = demo.websocket("/ws/chat/mixed/")
    while plain.next_with("presence") != 3:
        pass
    plain.send_json({"message": LONG_TEXT})
    plain.send_json({"message": "short"})
    equal(plain.next_with("message"), LONG_TEXT)
    equal(plain.next_with("message"), "short")
    for member in members:
        heard = []
        while len(heard) < 2:
            frame, content = member.frame()
            if b"message" in content:
                heard.append((frame.rsv, content.decode()))
        equal(heard, [(4, '{"message":"' + LONG_TEXT + '"}'), (0, '{"message":"short"}')])
        member.ws.close()
    plain.leave()


def refuses(demo, code, *frames):
    with Deflated(demo, "/echo") as peer:
        for opcode, payload, options in frames:
            peer.ws.send_frame(opcode, payload, **options)
        closed_with(peer.ws, code)


def test_garbage(demo):
    refuses(demo, 1007, (TEXT, b"\xff\xff\xff\xff\xff", {"rsv": 4}))
    refuses(demo, 1002, (9, b"ping", {"rsv": 4}))
    refuses(demo, 1002, (TEXT, b"", {"rsv": 2}))
    refuses(demo, 1002, (TEXT, b"a", {"fin": False}), (CONTINUATION, b"b", {"rsv": 4}))


def test_bad_utf8_inside(demo):
    with Deflated(demo, "/echo") as peer:
        peer.send(b"ok \xff")
        closed_with(peer.ws, 1007)


def test_without_the_extension_rsv1_is_wrong(demo):
    with demo.websocket("/echo") as ws:
        ws.send_frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=4)
        closed_with(ws, 1002)


def test_bomb(demo):
    """1 GiB of zeroes in a megabyte: closed with 1009 long before it is all inflated."""
    before = demo.memory()
    with Deflated(demo, "/ws") as peer:
        peer.deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        block = bytes(1 << 24)
        bomb = b"".join(peer.deflater.compress(block) for _ in range(64))
        bomb += peer.deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
        peer.ws.send_frame(BINARY_FRAME, bomb, rsv=4)
        while not isinstance(message := peer.ws.message(), Closed):
            pass
        equal(message.code, 1009)
    assert demo.memory() - before < 64 << 20, (before, demo.memory())


if __name__ == "__main__":
    run(globals(), lambda: Demo("--loops", "1"))
