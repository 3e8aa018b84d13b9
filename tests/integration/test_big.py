# SPDX-License-Identifier: MIT
"""Big messages, whole and in pieces."""

import os
import struct
import threading

from harness import (
    BINARY_FRAME, CONTINUATION, PING, PONG, TEXT, Demo, closed_with, equal, eventually, run,
)

MIB = 1 << 20


def exchange(ws, send, expected):
    """Runs send() in a thread of its own, as an echo may come before all is sent."""
    sender = threading.Thread(target=send)
    sender.start()
    message = ws.message()
    sender.join()
    assert message == expected, f"{len(message)} octets or characters came back"


def test_16_mib_binary(demo):
    data = os.urandom(16 * MIB)
    with demo.websocket("/echo") as ws:
        exchange(ws, lambda: ws.send_frame(BINARY_FRAME, data), data)
        ws.leave()


def test_16_mib_text(demo):
    text = "Йодль " * (16 * MIB // 11)
    with demo.websocket("/echo") as ws:
        exchange(ws, lambda: ws.send_text(text), text)
        ws.leave()


def test_16_mib_in_pieces(demo):
    data = os.urandom(16 * MIB)
    size = 100_003

    def send():
        for start in range(0, len(data), size):
            end = start + size
            ws.send_frame(
                BINARY_FRAME if start == 0 else CONTINUATION, data[start:end], fin=end >= len(data)
            )

    with demo.websocket("/echo") as ws:
        exchange(ws, send, data)
        ws.leave()


def test_many_tiny_pieces(demo):
    text = "дробь" * 4000
    octets = text.encode()

    def send():
        for i, octet in enumerate(octets):
            last = i == len(octets) - 1
            ws.send_frame(TEXT if i == 0 else CONTINUATION, bytes([octet]), fin=last)

    with demo.websocket("/echo") as ws:
        exchange(ws, send, text)
        ws.leave()


def test_empty_pieces(demo):
    with demo.websocket("/echo") as ws:
        ws.send_frame(TEXT, b"a", fin=False)
        for _ in range(2000):
            ws.send_frame(CONTINUATION, b"", fin=False)
        ws.send_frame(CONTINUATION, b"b")
        equal(ws.message(), "ab")
        ws.leave()


def test_exactly_the_limit(demo):
    text = "x" * (16 * MIB)
    with demo.websocket("/ws") as ws:
        exchange(ws, lambda: ws.send_text(text), "Echo: " + text)
        ws.leave()


def test_one_over_the_limit_in_pieces(demo):
    with demo.websocket("/ws") as ws:
        ws.send_frame(TEXT, b"x" * (16 * MIB), fin=False)
        ws.send(bytes([0x80, 0x81, 0, 0, 0, 0, 0x78]))
        closed_with(ws, 1009)


def test_announced_lengths(demo):
    for size, code in ((64 * MIB + 1, 1009), (1 << 40, 1009), (1 << 62, 1009)):
        with demo.websocket("/echo") as ws:
            ws.send(bytes([0x82, 0xFF]) + struct.pack(">Q", size) + bytes(4))
            closed_with(ws, code)


def test_announcing_costs_no_memory(demo):
    before = demo.memory()
    sockets = [demo.websocket("/echo") for _ in range(30)]
    for ws in sockets:
        ws.send(bytes([0x82, 0xFF]) + struct.pack(">Q", 60 * MIB) + bytes(4) + b"a few octets")
    equal(demo.get("/health").status, 200)
    assert demo.memory() - before < 64 * MIB, (before, demo.memory())
    for ws in sockets:
        ws.abort()
    eventually(lambda: demo.stats()["websockets"] == 0, "all are gone")


def test_ping_while_a_message_is_on_its_way(demo):
    data = os.urandom(2 * MIB)
    with demo.websocket("/echo") as ws:
        ws.send_frame(BINARY_FRAME, data[:MIB], fin=False)
        ws.send_frame(PING, b"meanwhile")
        frame = ws.frame()
        equal((frame.opcode, frame.payload), (PONG, b"meanwhile"))
        exchange(ws, lambda: ws.send_frame(CONTINUATION, data[MIB:]), data)
        ws.leave()


def test_memory_comes_back(demo):
    data = bytes(16 * MIB)
    with demo.websocket("/echo") as ws:
        for _ in range(3):
            exchange(ws, lambda: ws.send_frame(BINARY_FRAME, data), data)
        before = demo.memory()
        for _ in range(6):
            exchange(ws, lambda: ws.send_frame(BINARY_FRAME, data), data)
        ws.leave()
    assert demo.memory() < before + 32 * MIB, (before, demo.memory())


if __name__ == "__main__":
    run(globals(), lambda: Demo("--loops", "1"))
