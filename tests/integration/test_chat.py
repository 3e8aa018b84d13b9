# SPDX-License-Identifier: MIT
"""The chat of the Django Channels example: rooms, typed events, presence."""

import sys

from harness import BINARY_FRAME, TEXT, Closed, Refused, closed_with, equal, eventually, refused, run

PATH = "/ws/chat/{}/"


def enter(demo, room, present=None):
    """A member of the room who has been told how many there are."""
    ws = demo.websocket(PATH.format(room))
    seen = ws.json()
    if present is not None:
        equal(seen, {"presence": present})
    return ws


def test_sender_and_others_hear(demo):
    a = enter(demo, "hear", 1)
    b = enter(demo, "hear", 2)
    equal(a.json(), {"presence": 2})
    a.send_json({"message": "Привет 👋"})
    for ws in (a, b):
        equal(ws.message(), '{"message":"Привет 👋"}')
    b.leave()
    equal(a.json(), {"presence": 1})
    a.leave()


def test_rooms_are_apart(demo):
    in_one = [enter(demo, "one") for _ in range(2)]
    in_two = [enter(demo, "two") for _ in range(2)]
    in_one[0].send_json({"message": "for one"})
    in_two[1].send_json({"message": "for two"})
    for ws in in_one:
        equal(ws.next_with("message"), "for one")
    for ws in in_two:
        equal(ws.next_with("message"), "for two")
    for ws in in_one + in_two:
        ws.send_json({"message": "end"})
    # Each hears the two ends of its own room and nothing else.
    for ws in in_one + in_two:
        equal([ws.next_with("message"), ws.next_with("message")], ["end", "end"])
        ws.leave()


def test_one_client_in_two_rooms(demo):
    first, second = enter(demo, "left", 1), enter(demo, "right", 1)
    first.send_json({"message": 1})
    second.send_json({"message": 2})
    equal(first.json(), {"message": 1})
    equal(second.json(), {"message": 2})
    first.leave()
    second.leave()


def test_any_json_value(demo):
    ws = enter(demo, "values", 1)
    for value in (
        "", 0, -7, 70000, 1.5, True, False, None, [], {}, [1, None, True, 1.5, -7, 70000],
        {"a": {"b": ["ж", "\u0001"]}}, "\"\\/\b\f\n\r\t", 2**53, "😀" * 100,
    ):
        ws.send_json({"message": value})
        equal(ws.json(), {"message": value})
    ws.leave()


def test_values_beyond_what_c_holds(demo):
    """JSON that is valid is relayed, also where a C program has no type for it."""
    ws = enter(demo, "beyond", 1)
    for text, value in (
        (b'"a\\u0000b"', "a\0b"),
        (b'{"k\\u0000":1}', {"k\0": 1}),
        (b"12345678901234567890", 12345678901234567890.0),
        (b"1e400", sys.float_info.max),
        (b'"\\ud83d"', "\ufffd"),
    ):
        ws.send_frame(TEXT, b'{"message":' + text + b"}")
        equal(ws.json(), {"message": value})
    ws.leave()


def test_further_keys_are_not_passed_on(demo):
    ws = enter(demo, "keys", 1)
    ws.send_json({"type": "chat.presence", "message": "m", "other": 1})
    equal(ws.json(), {"message": "m"})
    ws.leave()


def test_burst_keeps_its_order(demo):
    sender, listener = enter(demo, "burst"), enter(demo, "burst")
    for i in range(20):
        sender.send_json({"message": i})
    for ws in (sender, listener):
        equal([ws.next_with("message") for _ in range(20)], list(range(20)))
        ws.leave()


def bad_message(demo, opcode, payload, code):
    eventually(lambda: demo.members("bad") == 0, "the one before has left")
    ws = enter(demo, "bad", 1)
    ws.send_frame(opcode, payload)
    assert closed_with(ws, code).reason, "no reason"


def test_bad_messages(demo):
    for text in (b"", b"hello", b"{", b"[]", b'"x"', b'{"massage":1}', b'{"message":1} x'):
        bad_message(demo, TEXT, text, 1007)
    bad_message(demo, BINARY_FRAME, b'{"message":"x"}', 1003)


def test_deep_json_is_refused(demo):
    bad_message(demo, TEXT, b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 1007)


def test_a_bad_message_leaves_the_others_alone(demo):
    good, bad = enter(demo, "fault", 1), enter(demo, "fault", 2)
    equal(good.json(), {"presence": 2})
    bad.send_text("nonsense")
    closed_with(bad, 1007)
    equal(good.json(), {"presence": 1})
    good.send_json({"message": "still here"})
    equal(good.json(), {"message": "still here"})
    good.leave()


def test_close_code_comes_back(demo):
    ws = enter(demo, "codes", 1)
    equal(ws.leave(4005), Closed(4005, ""))


def test_paths_that_are_no_room(demo):
    for path in (
        "/ws/chat/", "/ws/chat//", "/ws/chat/a-b/", "/ws/chat/a/b/", "/ws/chat/a",
        "/zz/ws/chat/x/", "/ws/chat/a%2Fb/", "/ws/chat/a/%0A",
    ):
        equal(refused(demo.websocket, path).status, 404, path)


def test_room_in_russian(demo):
    path = "/ws/chat/%D0%BA%D0%BE%D0%BC%D0%BD%D0%B0%D1%82%D0%B0/"
    ws = demo.websocket(path)
    equal(ws.json(), {"presence": 1})
    equal(demo.members("%D0%BA%D0%BE%D0%BC%D0%BD%D0%B0%D1%82%D0%B0"), 1)
    ws.send_json({"message": "да"})
    equal(ws.json(), {"message": "да"})
    ws.leave()


def test_longest_room_name(demo):
    ws = enter(demo, "r" * 250, 1)
    ws.leave()
    try:
        demo.websocket(PATH.format("r" * 251))
    except Refused as refusal:
        equal(refusal.response.status, 404)
    else:
        raise AssertionError("was accepted")


def test_presence_counts_sockets(demo):
    members = []
    for i in range(1, 6):
        members.append(enter(demo, "count", i))
        for earlier in members[:-1]:
            equal(earlier.json(), {"presence": i})
    for left in range(4, 0, -1):
        members.pop().leave()
        for ws in members:
            equal(ws.json(), {"presence": left})
    members.pop().leave()


if __name__ == "__main__":
    run(globals())
