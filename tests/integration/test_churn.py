# SPDX-License-Identifier: MIT
"""Connections that come and go in every way leave nothing behind."""

import threading

from harness import (
    TEXT, Demo, Stream, connect, equal, eventually, frame_bytes, request_bytes, run, upgrade_bytes,
)

ROUNDS = 60
THREADS = 4
MIB = 1 << 20


def finish_request(demo):
    stream = Stream(connect(demo.port))
    stream.send(request_bytes("GET", "/health"))
    stream.response()
    stream.close()


def drop_before_the_answer(demo):
    stream = Stream(connect(demo.port))
    stream.send(request_bytes("GET", "/later?delay=20"))
    stream.abort()


def drop_in_the_head(demo):
    stream = Stream(connect(demo.port))
    stream.send(b"GET / HTTP/1.1\r\nHo")
    stream.close()


def say_nothing(demo):
    Stream(connect(demo.port)).abort()


def break_the_protocol(demo):
    stream = Stream(connect(demo.port))
    stream.send(upgrade_bytes("/ws") + bytes([0xF1, 0x80, 0, 0, 0, 0]))
    stream.abort()


def leave_politely(demo):
    demo.websocket("/ws/chat/churn/").leave()


def leave_rudely(demo):
    ws = demo.websocket("/ws/chat/churn/")
    ws.send_json({"message": "bye"})
    ws.abort()


def leave_without_a_close_frame(demo):
    ws = demo.websocket("/ws/chat/churn/")
    ws.send(frame_bytes(TEXT, b"x" * 200)[:100])
    ws.close()


def drop_at_the_upgrade(demo):
    stream = Stream(connect(demo.port))
    stream.send(upgrade_bytes("/ws/chat/churn/"))
    stream.abort()


def drop_while_undecided(demo):
    stream = Stream(connect(demo.port))
    stream.send(upgrade_bytes("/slow?delay=10"))
    stream.abort()


def deflate_and_drop(demo):
    offer = [("Sec-WebSocket-Extensions", "permessage-deflate")]
    ws = demo.websocket("/echo", headers=offer)
    ws.send_frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=4)
    ws.frame()
    ws.abort()


WAYS = (
    finish_request, drop_before_the_answer, drop_in_the_head, say_nothing, break_the_protocol,
    leave_politely, leave_rudely, leave_without_a_close_frame, drop_at_the_upgrade,
    drop_while_undecided, deflate_and_drop,
)


def churn(demo, rounds):
    faults = []

    def come_and_go(offset):
        try:
            for i in range(rounds):
                WAYS[(i + offset) % len(WAYS)](demo)
        except Exception as fault:  # pylint: disable=broad-except
            faults.append(fault)

    threads = [threading.Thread(target=come_and_go, args=(i * 3,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(faults, [], "faults")


def settle(demo):
    """Waits until nobody but the asker is connected."""
    eventually(lambda: demo.stats()["connections"] == 1, "only the asker is connected")
    eventually(lambda: demo.members("churn") == 0, "the room is empty")
    equal(demo.stats()["websockets"], 0)


def test_each_way_alone(demo):
    for way in WAYS:
        for _ in range(5):
            way(demo)
        equal(demo.get("/health").status, 200, way.__name__)
    settle(demo)


def test_all_at_once(demo):
    churn(demo, ROUNDS)
    settle(demo)
    descriptors, memory = demo.descriptors(), demo.memory()
    for _ in range(3):
        churn(demo, ROUNDS)
    settle(demo)
    eventually(lambda: demo.descriptors() <= descriptors, "all descriptors are closed")
    assert demo.memory() < memory + 16 * MIB, (memory, demo.memory())


def test_many_open_at_once(demo):
    settle(demo)
    before = demo.descriptors()
    sockets = [demo.websocket("/ws/chat/churn/") for _ in range(300)]
    equal(demo.members("churn"), 300)
    for i, ws in enumerate(sockets):
        ws.abort() if i % 2 else ws.close()
    settle(demo)
    eventually(lambda: demo.descriptors() <= before, "all descriptors are closed")


if __name__ == "__main__":
    run(globals(), lambda: Demo("--loops", "2"))
