#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Consumers of Channels on our server: one queue for client and channel, beside daphne where that is to be had."""

import importlib.util
import json

import channels_kit
from package import harness

channels_kit.inside()

from channels_kit import MEMORY, Daphne, Yodel, leave, members, release

equal, eventually = harness.equal, harness.eventually


# -- beside the original --


def transcript(server):
    """What a conversation of several clients looks like to them."""
    seen = []
    one, two = members(server, "r1", 2)
    (other,) = members(server, "r2", 1)
    for value in ("Привет 👋", {"a": [1, None, True, 1.5, -7, 70000]}, ""):
        one.send_json({"message": value})
        seen += [one.message(), two.message()]
    for number in range(20):
        two.send_json({"message": number})
    seen += [[one.message() for _ in range(20)], [two.message() for _ in range(20)]]
    other.send_json({"message": "r2"})
    seen.append(other.message())
    other.send_text("no JSON")
    seen.append(other.frame().payload[:2])  # 1011; a reason is not compared
    one.leave()
    two.send_json({"message": "alone"})
    seen.append(two.message())
    leave(two)
    for path in ("sync", "json"):
        with server.websocket(f"/ws/{path}/") as websocket:
            websocket.send_json(["hello"])
            seen.append(websocket.message())
            if path == "json":
                websocket.send_json("close")
                seen.append(websocket.frame().payload[:2])
    with server.websocket("/ws/own/") as websocket:
        websocket.send_text("50")
        seen.append([websocket.message() for _ in range(50)])
    return seen


def test_the_notes_chat_beside_daphne():
    with Yodel() as server:
        ours = transcript(server)
    equal(ours[0], '{"message": "\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442 \\ud83d\\udc4b"}')
    for layer in (MEMORY, "yodel.channels.Layer"):
        with Daphne(layer) as original:
            equal(ours, transcript(original), layer)


def test_the_notes_chat_in_uvloop():
    if importlib.util.find_spec("uvloop") is None:
        harness.skip("uvloop is not installed")
    with Yodel("uvloop") as server:
        transcript(server)


# -- the life of members --


def test_an_exception_leaves_no_member(server):
    one, two = members(server, "wrong", 2)
    before = server.stats()["channels"]
    one.send_text("no JSON")
    harness.closed_with(one, 1011)
    eventually(lambda: server.stats()["channels"] == before - 1, "its channel is gone")
    two.send_json({"message": 1})
    equal(two.json(), {"message": 1})
    leave(two)


def test_an_abort_leaves_no_member(server):
    websockets = members(server, "aborted", 20)
    for websocket in websockets:
        websocket.abort()
    eventually(lambda: server.stats()["groups"] == 0, "all memberships are gone")
    eventually(lambda: server.stats()["channels"] == 1, "all channels but that of who asks")


def test_p14_a_client_that_leaves_a_busy_consumer():
    with Yodel() as server:
        (busy,) = members(server, "r1", 1, "busy")
        (one,) = members(server, "r1", 1)
        busy.send_text("work")
        eventually(lambda: ["busy", "work"] in server.stats()["seen"], "it is busy")
        for number in range(5):
            one.send_json({"message": number})
            equal(one.json(), {"message": number})
        equal(server.stats()["waiting"], 5, "they wait for it")
        busy.send_close(1000)
        eventually(lambda: server.stats()["waiting"] == 0, "nobody will get them")
        for number in range(30):
            one.send_json({"message": number})
            equal(one.json(), {"message": number})
        stats = server.stats()
        equal((stats["waiting"], stats["gone"]), (0, 30), "nothing more is queued")
        release(server)
        end = ["disconnect", "chat_r1", 1000]
        eventually(lambda: end in server.stats()["seen"], "disconnect() runs")
        seen = server.stats()["seen"]
        assert seen.index(["done", "work"]) < seen.index(end), "after the handler, which sent to nobody"
        eventually(lambda: server.stats()["channels"] == 2, "the membership is gone")
        leave(one)
        equal(server.stop(), None)


def test_a_busy_consumer_gets_all_in_order():
    """Its client's messages and its channel's are one queue."""
    with Yodel() as server:
        (busy,) = members(server, "r1", 1, "busy")
        (one,) = members(server, "r1", 1)
        busy.send_text("a")
        eventually(lambda: ["busy", "a"] in server.stats()["seen"], "it is busy")
        for number in range(60):
            one.send_json({"message": number})
            one.message()
        busy.send_text("b")
        release(server)
        equal(busy.message(), "a")
        for number in range(60):
            equal(busy.json(), {"message": number})
        equal(busy.message(), "b")
        leave(busy, one)


def test_a_full_channel_is_told():
    with Yodel(env={"CHAT_CONFIG": '{"capacity": 10}'}) as server:
        (busy,) = members(server, "r1", 1, "busy")
        (one,) = members(server, "r1", 1)
        busy.send_text("a")
        eventually(lambda: ["busy", "a"] in server.stats()["seen"], "it is busy")
        for number in range(30):
            one.send_json({"message": number})
            one.message()
        stats = server.stats()
        equal((stats["full"], stats["waiting"]), (20, 10))
        release(server)
        equal(busy.message(), "a")
        for number in range(10):
            equal(busy.json(), {"message": number})
        leave(busy, one)


def test_what_one_consumer_changes_no_other_sees(server):
    websockets = members(server, "m", 5, "mutating")
    websockets[0].send_json({"message": ["m"]})
    lists = [websocket.json()["message"] for websocket in websockets]
    assert all(len(one) == 2 and one[0] == "m" for one in lists), lists
    equal(len({one[1] for one in lists}), 5)
    leave(*websockets)


def test_a_consumer_that_sends_to_itself_lets_others_live(server):
    with server.websocket("/ws/own/") as websocket:
        websocket.send_text("100")  # capacity
        equal([websocket.message() for _ in range(100)], [str(number) for number in range(100)])


def test_p15_a_view_with_many_threads_and_loops():
    """50 threads of a request, each with 20 loops that end at once, and a client that gets all of it."""
    with Yodel(env={"CHAT_CONFIG": json.dumps({"capacity": 5000})}) as server:
        (one,) = members(server, "r1", 1)
        for _ in range(2):
            equal(harness.http(server.port, "GET", "/storm/r1/50/20/").status, 200)
            seen = [one.json()["message"] for _ in range(1000)]
            for thread in range(50):
                equal([turn for number, turn in seen if number == thread], list(range(20)))
        stats = server.stats()
        equal((stats["full"], stats["waiting"]), (0, 0))
        equal(harness.http(server.port, "GET", "/say/r1/?text=hello").status, 200)
        equal(one.json(), {"message": "hello"})
        leave(one)


def test_nothing_grows(server):
    def turn(count):
        for _ in range(count):
            one, two = members(server, "grow", 2)
            one.send_json({"message": [1]})
            two.message()
            two.abort()
            leave(one)

    turn(100)
    before = server.memory()
    turn(300)
    assert server.memory() - before < 3 * 1024 * 1024, server.memory() - before
    eventually(lambda: server.stats()["channels"] == 1, "channels")


harness.run(globals(), Yodel)
