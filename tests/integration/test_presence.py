# SPDX-License-Identifier: MIT
"""However a member goes, it has left its room: no ghosts."""

import socket

from harness import CLOSE, TEXT, Demo, equal, eventually, frame_bytes, run


def leaves(demo, room, go):
    """A watcher sees one more, then, after go(guest), one less."""
    watcher = demo.websocket(f"/ws/chat/{room}/")
    equal(watcher.json(), {"presence": 1})
    guest = demo.websocket(f"/ws/chat/{room}/")
    equal(watcher.json(), {"presence": 2})
    equal(guest.json(), {"presence": 2})
    go(guest)
    equal(watcher.json(), {"presence": 1})
    equal(demo.members(room), 1)
    watcher.send_json({"message": "alone"})
    equal(watcher.json(), {"message": "alone"})
    watcher.leave()
    guest.close()
    eventually(lambda: demo.members(room) == 0, "the room is empty")


def test_close_frame(demo):
    leaves(demo, "closing", lambda guest: guest.leave())


def test_reset(demo):
    leaves(demo, "reset", lambda guest: guest.abort())


def test_end_without_a_close_frame(demo):
    leaves(demo, "end", lambda guest: guest.close())


def test_half_close(demo):
    leaves(demo, "half", lambda guest: guest.sock.shutdown(socket.SHUT_WR))


def test_protocol_error(demo):
    leaves(demo, "error", lambda guest: guest.send(b"\xff\xff\xff\xff"))


def test_in_the_middle_of_a_frame(demo):
    def go(guest):
        guest.send(frame_bytes(TEXT, b"x" * 1000)[:500])
        guest.close()

    leaves(demo, "middle", go)


def test_close_frame_and_reset(demo):
    def go(guest):
        guest.send_frame(CLOSE, b"\x03\xe8")
        guest.abort()

    leaves(demo, "both", go)


def test_message_and_reset(demo):
    """What was said last may still be heard, the one who said it is gone."""
    watcher = demo.websocket("/ws/chat/last/")
    equal(watcher.json(), {"presence": 1})
    guest = demo.websocket("/ws/chat/last/")
    equal(watcher.json(), {"presence": 2})
    guest.send_json({"message": "last words"})
    guest.abort()
    while watcher.next_with("presence") != 1:
        pass
    watcher.leave()


def test_gone_without_a_word():
    """A peer that vanished without a FIN is found by the ping that it does not answer."""
    with Demo("--ping-interval-ms", "200", "--pong-timeout-ms", "300") as demo:
        guest = demo.websocket("/ws/chat/silent/")
        equal(guest.json(), {"presence": 1})
        eventually(lambda: demo.members("silent") == 0, "the silent member is gone")
        guest.close()


def test_answered_pings_keep_a_member():
    with Demo("--ping-interval-ms", "150", "--pong-timeout-ms", "4000") as demo:
        ws = demo.websocket("/ws/chat/awake/")
        pings = 0
        while pings < 4:
            frame = ws.frame()
            if frame.opcode == 9:
                ws.send_frame(10, frame.payload)
                pings += 1
        equal(demo.members("awake"), 1)
        ws.leave()


def test_many_at_once(demo):
    guests = [demo.websocket("/ws/chat/crowd/") for _ in range(60)]
    eventually(lambda: demo.members("crowd") == 60, "all are in")
    for i, guest in enumerate(guests):
        (guest.abort, guest.close, guest.send_close)[i % 3]()
    eventually(lambda: demo.members("crowd") == 0, "all are out")
    for guest in guests:
        guest.close()


if __name__ == "__main__":
    run(globals(), lambda: Demo("--loops", "2"))
