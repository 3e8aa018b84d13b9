# SPDX-License-Identifier: MIT
"""Peers that do not read: memory stays bounded and nobody else waits for them."""

import os
import socket
import threading

from harness import (
    BINARY_FRAME, TEXT, Closed, Demo, WebSocket, connect, equal, eventually, frame_bytes, run,
)

MIB = 1 << 20
CHUNK = 64 * 1024
GROWTH = 48 * MIB  # what the server may grow by while far more is sent at it


def speak_until_congested(demo, speaker):
    """Speaks, hearing each message itself, until the other member has been given up.  How often it spoke."""
    before = demo.stats()["congested"]
    text = os.urandom(CHUNK // 2).hex()
    for i in range(2000):
        speaker.send_json({"message": f"{i} {text}"})
        while "message" not in (heard := speaker.json()):
            pass
        assert heard["message"].startswith(f"{i} "), heard["message"][:40]
        if i % 20 == 0 and demo.stats()["congested"] > before:
            return i + 1
    raise AssertionError("a member that does not read is kept")


def test_deaf_member_of_a_room(demo):
    """It is dropped from the room with 1013; the others get everything."""
    sleeper = demo.websocket("/ws/chat/room/")
    speaker = demo.websocket("/ws/chat/room/")
    while speaker.next_with("presence") != 2:
        pass
    before = demo.memory()
    said = speak_until_congested(demo, speaker)
    assert demo.memory() - before < GROWTH, (before, demo.memory())
    heard = []
    while not isinstance(message := sleeper.message(), Closed):
        if message.startswith('{"message"'):
            heard.append(int(message[12:].split(" ")[0]))
    equal(message.code, 1013)
    equal(heard, list(range(len(heard))), "what it missed is the end, not the middle")
    assert 0 < len(heard) < said, (len(heard), said)
    sleeper.close()
    eventually(lambda: demo.members("room") == 1, "the deaf one has left")
    speaker.leave()


def test_deaf_member_that_stays_deaf(demo):
    """Its close frame cannot be sent; the connection ends all the same."""
    sleeper = demo.websocket("/ws/chat/room/")
    speaker = demo.websocket("/ws/chat/room/")
    while speaker.next_with("presence") != 2:
        pass
    speak_until_congested(demo, speaker)
    eventually(lambda: demo.members("room") == 1, "it is gone")
    speaker.leave()
    sleeper.close()


def test_echo_that_is_never_read(demo):
    """Reading from that peer stops, or it is closed; either way it cannot fill the memory."""
    ws = WebSocket(demo.port, "/slow?delay=0")  # an echo with the limits of the server
    equal(ws.message(), "welcome")
    before = demo.memory()
    ws.sock.settimeout(1)
    frame = frame_bytes(BINARY_FRAME, bytes(CHUNK))
    sent = 0
    try:
        while sent < 256 * MIB:
            ws.sock.sendall(frame)
            sent += CHUNK
    except (socket.timeout, BrokenPipeError, ConnectionResetError):
        pass
    assert sent < 200 * MIB, "everything was taken in"
    assert demo.memory() - before < GROWTH, (before, demo.memory())
    with demo.websocket("/ws") as other:
        other.send_text("x")
        equal(other.message(), "Echo: x")
    ws.close()


def test_pings_that_are_never_read(demo):
    ws = demo.websocket("/ws")
    before = demo.memory()
    ws.sock.settimeout(1)
    burst = frame_bytes(9, bytes(125)) * 500
    sent = 0
    try:
        while sent < 100 * MIB:
            ws.sock.sendall(burst)
            sent += len(burst)
    except (socket.timeout, BrokenPipeError, ConnectionResetError):
        pass
    assert demo.memory() - before < GROWTH, (before, demo.memory())
    equal(demo.get("/health").status, 200)
    ws.close()


def test_slow_but_reading(demo):
    """Who reads late gets every echo, in order: what was taken in is answered."""
    ws = demo.websocket("/echo")
    number = 600
    received = []

    def read():
        for _ in range(number):
            received.append(ws.message())

    reader = threading.Timer(1.0, read)
    reader.start()
    for i in range(number):
        ws.send_frame(BINARY_FRAME, i.to_bytes(4, "big") + bytes(CHUNK))
    reader.join()
    equal([int.from_bytes(message[:4], "big") for message in received], list(range(number)))
    ws.leave()


def test_http_answers_that_are_never_read(demo):
    sock = connect(demo.port)
    sock.settimeout(1)
    before = demo.memory()
    requests = b"GET /style.css HTTP/1.1\r\nHost: a\r\n\r\n" * 500
    sent = 0
    try:
        while sent < 64 * MIB:
            sock.sendall(requests)
            sent += len(requests)
    except (socket.timeout, BrokenPipeError, ConnectionResetError):
        pass
    assert sent < 64 * MIB, "everything was taken in"
    assert demo.memory() - before < GROWTH, (before, demo.memory())
    equal(demo.get("/health").status, 200)
    sock.close()


def test_never_progressing_peer_is_closed():
    with Demo("--send-timeout-ms", "500", "--ping-interval-ms", "60000") as demo:
        ws = demo.websocket("/echo")
        sender = threading.Thread(
            target=lambda: ws.send_frame(TEXT, b"x" * (32 * MIB)), daemon=True
        )
        sender.start()
        eventually(lambda: demo.stats()["messages_out"] > 0, "the echo is queued")
        eventually(lambda: demo.stats()["websockets"] == 0, "the deaf one is closed")
        ws.close()
        sender.join()


if __name__ == "__main__":
    run(globals(), lambda: Demo("--loops", "2"))
