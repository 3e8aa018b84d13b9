#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Back-pressure of ASGI WebSockets: who does not take what is sent makes the sender wait, and costs no memory."""

import os
import select

from package import SANITIZED, AsgiProgram, harness, require

require()
equal = harness.equal
MIB = 1 << 20
TOTAL = int(os.environ.get("YODEL_PYTHON_FLOW_MIB", "64")) * MIB
ROOM = 4 * MIB  # what a peer may cost; the sanitizer's own memory is not counted
STUCK = 1.0  # seconds without progress: more only makes it surer that it is stuck


def grown(server, before):
    """Checks the resident memory."""
    more = server.memory() - before
    assert SANITIZED or more < ROOM, f"grown by {more} bytes"


def fill(sock, data):
    """Sends until nothing more is taken; returns how many bytes were."""
    sent = 0
    view = memoryview(data)
    while sent < len(data) and select.select([], [sock], [], STUCK)[1]:
        try:
            sent += sock.send(view[sent : sent + (1 << 18)], 0x40)  # MSG_DONTWAIT
        except BlockingIOError:
            pass
    return sent


def test_a_handler_that_sleeps(server):
    with server.websocket("/count") as websocket:
        frame = harness.frame_bytes(harness.BINARY_FRAME, bytes(1 << 16))
        block = frame * 64
        before = server.memory()
        sent, left = 0, b""
        while sent < TOTAL:  # what the kernel's buffers take, and the inbox
            left = block
            taken = fill(websocket.sock, left)
            left = left[taken:]
            sent += taken
            if left:
                break
        assert left, "it took everything"
        assert sent < 32 * MIB, sent
        grown(server, before)
        server.ask("/open_gate")
        websocket.send(left)
        blocks = 1 + sent // len(block)
        while blocks * len(block) < TOTAL:
            websocket.send(block)
            blocks += 1
        grown(server, before)
        websocket.send_close(1000)
        equal(websocket.message(), harness.Closed(1000, ""))
    equal(server.ask("/see"), [[blocks * 64, blocks * 64 << 16]])


def test_many_small_messages(server):
    with server.websocket("/slow") as websocket:
        number = 3000
        websocket.send(b"".join(harness.frame_bytes(harness.TEXT, b"%d" % i) for i in range(number)))
        harness.eventually(lambda: server.ask("/stats")["messages_in"] > 0, "some have come")
        server.ask("/open_gate")
        websocket.send_close(1000)
        equal(websocket.message(), harness.Closed(1000, ""))
    seen = server.ask("/see")
    equal([event.get("text") for event in seen], [str(i) for i in range(number)] + [None])


def test_a_client_that_does_not_read(server):
    for leaves in (False, True):
        before = server.memory()
        with server.websocket("/pour/2000/65536") as websocket:
            counts = []

            def waits():
                counts.append(server.ask("/see"))
                return len(counts) > 3 and counts[-1] == [] and counts[-2] == []

            harness.eventually(waits, "send() waits")
            grown(server, before)
            if leaves:
                websocket.abort()
                harness.eventually(lambda: any(server.ask("/see")), "send() has raised")
                continue
            for _ in range(2000):
                equal(len(websocket.message()), 65536)
            websocket.leave()


def test_sends_of_several_tasks_wait_in_order(server):
    with server.websocket("/crowd/50/100000") as websocket:
        harness.eventually(lambda: server.ask("/stats")["congested"] > 0, "they wait")
        seen = [websocket.message()[:3] for _ in range(50)]
        equal(seen, [b"%03d" % i for i in range(50)])
        websocket.leave()


def test_p9_megabytes_in_scopes(server):
    server.ask("/nogc")
    for _ in range(20):
        server.ask("/big_scope")
    before = server.memory()
    for _ in range(200):
        server.ask("/big_scope")
    grown(server, before)


harness.run(globals(), lambda: AsgiProgram("ws_app:app", ws_per_message_deflate=False))
