# SPDX-License-Identifier: MIT
"""The echo of the FastAPI example, octet for octet."""

import struct

from harness import (
    CLOSE, CONTINUATION, PING, PONG, TEXT, BINARY_FRAME, Closed, Frame, Stream, close_payload,
    closed_with, connect, equal, frame_bytes, run, upgrade_bytes,
)


def test_handshake_of_the_rfc(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(upgrade_bytes("/ws"))
        lines = stream.until(b"\r\n\r\n").decode().split("\r\n")
    equal(lines[0], "HTTP/1.1 101 Switching Protocols")
    headers = {line.lower() for line in lines[1:]}
    assert "upgrade: websocket" in headers, headers
    assert "connection: upgrade" in headers, headers
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in lines, lines
    assert not any(line.startswith("sec-websocket-extensions") for line in headers), headers


def test_handshake_octet_by_octet(demo):
    with Stream(connect(demo.port)) as stream:
        for octet in upgrade_bytes("/ws"):
            stream.send(bytes([octet]))
        equal(stream.response().status, 101)


def test_text(demo):
    with demo.websocket("/ws") as ws:
        ws.send_text("hello")
        equal(ws.exactly(13), bytes([0x81, 0x0B]) + b"Echo: hello")


def test_russian_text_is_raw_utf8(demo):
    with demo.websocket("/ws") as ws:
        ws.send_text("привет")
        equal(ws.exactly(20), bytes([0x81, 18]) + "Echo: привет".encode())


def test_empty_text(demo):
    with demo.websocket("/ws") as ws:
        ws.send_text("")
        equal(ws.exactly(8), bytes([0x81, 6]) + b"Echo: ")


def test_text_with_zero_characters(demo):
    with demo.websocket("/ws") as ws:
        ws.send_text("a\0b\0")
        equal(ws.message(), "Echo: a\0b\0")


def test_ping(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(PING, b"pp")
        equal(ws.exactly(4), bytes([0x8A, 2]) + b"pp")
        ws.send_frame(PING)
        equal(ws.exactly(2), bytes([0x8A, 0]))


def test_pong_is_ignored(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(PONG, b"unasked")
        ws.send_text("x")
        equal(ws.message(), "Echo: x")


def test_fragments(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(TEXT, b"ab", fin=False)
        ws.send_frame(CONTINUATION, b"cd")
        equal(ws.frame(), Frame(True, 0, TEXT, b"Echo: abcd"))


def test_ping_between_fragments(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(TEXT, "п".encode()[:1], fin=False)
        ws.send_frame(PING, b"now")
        ws.send_frame(CONTINUATION, "п".encode()[1:], fin=False)
        ws.send_frame(CONTINUATION, b"")
        equal(ws.frame(), Frame(True, 0, PONG, b"now"))
        equal(ws.message(), "Echo: п")


def close_is_echoed(demo, payload):
    with demo.websocket("/ws") as ws:
        ws.send_frame(CLOSE, payload)
        equal(ws.rest(), bytes([0x88, len(payload)]) + payload)


def test_close_with_reason(demo):
    close_is_echoed(demo, close_payload(1000, "bye"))


def test_close_without_code(demo):
    close_is_echoed(demo, b"")


def test_close_with_own_code(demo):
    close_is_echoed(demo, close_payload(4001, "own code"))


def test_message_and_close_in_one_segment(demo):
    with demo.websocket("/ws") as ws:
        ws.send(frame_bytes(TEXT, b"last") + frame_bytes(CLOSE, close_payload(1000)))
        equal(ws.message(), "Echo: last")
        equal(ws.message(), Closed(1000, ""))
        equal(ws.rest(), b"")


def test_data_after_close_is_ignored(demo):
    with demo.websocket("/ws") as ws:
        ws.send(frame_bytes(CLOSE, close_payload(1000)) + frame_bytes(TEXT, b"too late"))
        equal(ws.rest(), bytes([0x88, 2, 0x03, 0xE8]))


def test_frames_right_after_the_handshake(demo):
    with demo.websocket("/ws", extra=frame_bytes(TEXT, b"early")) as ws:
        equal(ws.message(), "Echo: early")


def test_frame_octet_by_octet(demo):
    with demo.websocket("/ws") as ws:
        for octet in frame_bytes(TEXT, "медленно".encode()):
            ws.send(bytes([octet]))
        equal(ws.message(), "Echo: медленно")


def test_many_messages_in_one_segment(demo):
    with demo.websocket("/ws") as ws:
        ws.send(b"".join(frame_bytes(TEXT, b"%d" % i) for i in range(500)))
        for i in range(500):
            equal(ws.message(), f"Echo: {i}")


def test_every_length_form(demo):
    with demo.websocket("/ws") as ws:
        for size in (1, 119, 120, 125, 126, 127, 65529, 65535, 65536, 70000):
            ws.send_text("x" * size)
            equal(ws.message(), "Echo: " + "x" * size)


def test_binary_closes_with_1003(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(BINARY_FRAME, b"\x01\x02")
        assert closed_with(ws, 1003).reason, "no reason"


def test_bad_utf8_closes_with_1007(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(TEXT, b"\xc3\x28")
        closed_with(ws, 1007)


def test_unmasked_closes_with_1002(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(TEXT, b"bare", masked=False)
        closed_with(ws, 1002)


def test_over_the_limit_closes_with_1009(demo):
    with demo.websocket("/ws") as ws:
        ws.send(bytes([0x81, 0xFF]) + struct.pack(">Q", (16 << 20) + 1) + bytes(4))
        closed_with(ws, 1009)


def test_plain_request_is_told_to_upgrade(demo):
    answer = demo.get("/ws")
    equal(answer.status, 426)
    equal(answer.headers.get("upgrade", "").lower(), "websocket")


def test_unknown_path(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(upgrade_bytes("/nothing"))
        equal(stream.response().status, 404)


def test_echo_keeps_the_type(demo):
    with demo.websocket("/echo") as ws:
        ws.send_text("текст")
        equal(ws.message(), "текст")
        ws.send_frame(BINARY_FRAME, b"\x00\xff\x80")
        equal(ws.message(), b"\x00\xff\x80")
        ws.send_frame(BINARY_FRAME, b"")
        equal(ws.message(), b"")
        equal(ws.leave(), Closed(1000, ""))


if __name__ == "__main__":
    run(globals())
