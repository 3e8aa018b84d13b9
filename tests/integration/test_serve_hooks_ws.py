# SPDX-License-Identifier: MIT
"""yodel serve: what a back end is told of plain WebSockets, and what its answers do."""

import hashlib
import threading
import time

from harness import LIMIT, Closed, Refused, WebSocket, connect, equal, eventually, http, run, upgrade_bytes
from hooked_server import hooked


def refused(server, status, path="/ws/a"):
    try:
        WebSocket(server.port, path).close()
    except Refused as error:
        equal(error.response.status, status)
        return error.response.body
    raise AssertionError("was let in")


def closed(websocket):
    """The code of its close frame."""
    while not isinstance(message := websocket.message(), Closed):
        pass
    return message.code


def test_from_its_beginning_to_its_end():
    answers = {
        "connect": {"user": "ann", "meta": 1, "rooms": ["more"], "data": {"hi": 1}, "actions": [{"emit": {"event": "message", "args": ["welcome"]}}]},
        "message": lambda event: {
            "meta": 2,
            "actions": [
                {"emit": {"event": "message", "args": event["args"], "attachments": event.get("attachments", [])}},
                {"emit": {"event": "message", "args": ["to all"], "to": {"groups": ["lobby"]}}},
                {"join": {"rooms": ["third"]}},
                {"leave": {"rooms": ["more"]}},
            ],
        },
    }
    with hooked(answers) as (backend, server):
        with WebSocket(server.port, "/ws/lobby?a=1&b=x%20y+z&a=2&c", headers=[("User-Agent", "me")]) as websocket:
            equal(websocket.message(), '{"hi":1}')
            equal(websocket.message(), "welcome")
            websocket.send_text("hello")
            equal(websocket.message(), "hello")
            equal(websocket.message(), "to all")
            websocket.send_frame(2, b"\x00\xff")
            equal(websocket.message(), b"\x00\xff")
        gone = backend.until("disconnected")[0]
        equal(backend.kinds(), ["connect", "connected", "message", "message", "disconnected"])
        connect, _, first, second, _ = backend.events
        equal([event["seq"] for event in backend.events], [1, 2, 3, 4, 5])
        equal((connect["query"], connect["headers"], connect["url"]), ({"a": "1", "b": "x y z", "c": ""}, {"user-agent": "me"}, "/ws/lobby?a=1&b=x%20y+z&a=2&c"))
        equal((connect["socket"]["namespace"], connect["socket"]["user"], first["socket"]["user"]), ("/ws/lobby", None, "ann"))
        equal((first["args"], first["ack"], first["socket"]["meta"], second["socket"]["meta"]), (["hello"], False, 1, 2))
        equal((second["args"], second["attachments"]), ([{"_placeholder": True, "num": 0}], ["AP8="]))
        equal((sorted(gone["rooms"]), gone["socket"]["meta"]), (["lobby", "third"], 2))
        assert gone["socket"]["sid"].startswith("specific."), gone


def test_it_has_one_name():
    api = "api: {keys: [{name: k, sha256: %s, scopes: [read]}]}" % hashlib.sha256(b"k").hexdigest()
    with hooked(more=api) as (backend, server), WebSocket(server.port, "/ws/lobby"):
        told = backend.until("connected")[0]["socket"]["sid"]
        members = http(server.internal, "GET", "/api/v1/presence?group=lobby", [("Authorization", "Bearer k")]).json()["members"]
        equal([member["sid"] for member in members], [told])


def test_refusals():
    with hooked({"connect": {"reject": {"message": "no", "data": {"why": 1}}}}) as (backend, server):
        equal(refused(server, 403), b'{"why":1}')
        backend.answers["connect"] = (403, {"message": "away"})
        assert b"away" in refused(server, 403)
        backend.answers["connect"] = (500, "")
        refused(server, 503)
        backend.answers["connect"] = {"rooms": [str(number) for number in range(300)]}
        refused(server, 403)
        backend.until("disconnected")
        equal(len(backend.of("disconnected")), 1)


def test_a_refusal_that_was_kept_says_the_same():
    with hooked({"connect": (403, {"message": "away"})}, hook=", cache: 1m", more="server: {loops: 1}") as (backend, server):
        backend.headers = [("Cache-Control", "max-age=60")]
        for _ in range(3):
            assert b"away" in refused(server, 403)
        equal([request.headers["yodel-kind"] for request in backend.requests].count("connect"), 1)


def test_one_that_leaves_while_it_is_asked_for():
    left = threading.Event()

    def wait(_):
        left.wait(LIMIT)
        return {}

    with hooked({"connect": wait}) as (backend, server):
        with connect(server.port) as sock:
            sock.sendall(upgrade_bytes("/ws/a"))
            backend.until_asked("connect")
        server.is_left()
        left.set()
        gone = backend.until("disconnected")[0]
        equal((gone["reason"], backend.kinds()), ("transport close", ["connect", "disconnected"]))


def test_it_is_sent_away():
    answers = {
        "message": lambda event: {"actions": [{"disconnect": {"message": "enough", "reconnect": event["args"][0] == "again"}}]},
    }
    with hooked(answers) as (backend, server):
        for text, code in (("again", 1012), ("ban", 1008)):
            with WebSocket(server.port, "/ws/a") as websocket:
                websocket.send_text(text)
                equal(closed(websocket), code)
        gone = backend.until("disconnected", 2)  # of two sockets: in any order
        equal({each["code"] for each in gone}, {1012, 1008})
        backend.answers["message"] = (500, "")
        server.reload(hook=", on_failure: disconnect")
        with WebSocket(server.port, "/ws/a") as websocket:
            websocket.send_text("x")
            equal(closed(websocket), 1012)


def test_the_end_of_its_time():
    soon = lambda _: {"expires_at": int(time.time()) + 5}  # noqa: E731
    more = lambda event: {"expires_at": event["expires_at"] + 3600, "actions": [{"emit": {"event": "message", "args": ["later"]}}]}  # noqa: E731
    with hooked({"connect": soon, "refresh": more}, hook=", kinds: [connect, refresh]") as (backend, server):
        with WebSocket(server.port, "/ws/a") as websocket:
            equal(websocket.message(), "later")
        backend.answers["refresh"] = {"expired": True}
        with WebSocket(server.port, "/ws/a") as websocket:
            equal(closed(websocket), 4001)


def test_one_that_says_much_is_held():
    def slow(event):
        time.sleep(0.2 if event["args"][0] == "0" else 0)
        return {}

    with hooked({"message": slow}) as (backend, server):
        with WebSocket(server.port, "/ws/a") as websocket:
            for number in range(1000):
                websocket.send_text(str(number))
            eventually(lambda: len(backend.of("event")) == 1000, "all have come")
        equal([event["args"][0] for event in backend.of("event")], [str(number) for number in range(1000)])


run(dict(globals()))
