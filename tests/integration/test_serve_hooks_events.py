# SPDX-License-Identifier: MIT
"""yodel serve: what a back end is told of readers of events (EventSource), and what its answers do."""

import json
import re
import signal
import threading
import time

from event_source import Events, Refused
from harness import LIMIT, connect, equal, eventually, http, request_bytes, run
from hooked_server import hooked


def refused(server, status, path="/events", headers=()):
    try:
        Events(server, path, headers).close()
    except Refused as error:
        equal(error.response.status, status)
        return error.response.body
    raise AssertionError("was let in")


def sent_away(server, path="/events"):
    """It has a stream, so that an EventSource comes again, that ends with the time to wait."""
    response = http(server.port, "GET", path, [("Accept", "text/event-stream")])
    equal((response.status, response.headers["content-type"].split(";")[0]), (200, "text/event-stream"))
    wait = re.fullmatch(rb"retry: (\d+)\n\n", response.body)
    assert wait and 1000 <= int(wait[1]) < 5000, response.body


def emit(server, to, event, *arguments):
    body = json.dumps({"to": to, "event": event, "args": arguments}).encode()
    response = http(server.internal, "POST", "/api/v1/emit", [("Authorization", "Bearer k"), ("Content-Type", "application/json")], body)
    equal(response.status, 200, response.body)
    return json.loads(response.body)


API = "api: {keys: [{name: k, sha256: 8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a, scopes: [emit, read]}]}"


def test_from_its_beginning_to_its_end():
    answers = {
        "connect": {
            "user": "ann",
            "meta": {"a": 1},
            "rooms": ["news"],
            "data": {"hi": 1},
            "actions": [{"emit": {"event": "welcome", "args": [1, "x"]}}, {"join": {"rooms": ["more"]}}, {"leave": {"rooms": ["news"]}}],
        }
    }
    with hooked(answers, more=API) as (backend, server):
        with Events(server, "/events?a=1", [("User-Agent", "me")]) as reader:
            equal(reader.event(), ("yodel:hello", [{"hi": 1}]))
            equal(reader.event(), ("welcome", [1, "x"]))
            backend.until("connected")
            for room in ("news", "more"):
                emit(server, {"rooms": [room]}, "said", room)
            emit(server, {"users": ["ann"]}, "own")
            equal([reader.event(), reader.event()], [("said", ["more"]), ("own", [])])
        gone = backend.until("disconnected")[0]
        equal(backend.kinds(), ["connect", "connected", "disconnected"])
        connect_event = backend.events[0]
        equal([event["seq"] for event in backend.events], [1, 2, 3])
        equal((connect_event["query"], connect_event["headers"], connect_event["url"]), ({"a": "1"}, {"user-agent": "me"}, "/events?a=1"))
        about = backend.events[1]["socket"]
        equal((about["namespace"], about["transport"], about["user"], about["meta"]), ("/events", "eventsource", "ann", {"a": 1}))
        equal((sorted(gone["rooms"]), gone["reason"]), (["more", "user:ann"], "transport close"))
        assert about["sid"].startswith("events.") and gone["duration_ms"] >= 0, gone


def test_rooms_of_the_query():
    with hooked({"connect": {"user": "ann", "rooms": ["a", "b"]}}, more=API) as (backend, server):
        with Events(server, "/chosen?rooms=b") as reader:
            backend.until("connected")
            equal(emit(server, {"rooms": ["a"]}, "no")["delivered"], 0)
            emit(server, {"rooms": ["b"]}, "yes")
            equal(reader.event(), ("yes", []))
        backend.until("disconnected")
        refused(server, 403, "/chosen?rooms=b,c")  # it was let in by the back end, which is told
        equal(backend.until("disconnected", 2)[1]["rooms"], ["b"])
        refused(server, 400, "/chosen")
        equal(len(backend.of("connect")), 2)


def test_refusals():
    with hooked({"connect": {"reject": {"message": "no", "data": {"why": 1}}}}, hook=", cache: 1m", more="server: {loops: 1}") as (backend, server):
        equal(refused(server, 403), b'{"why":1}')
        backend.answers["connect"] = (403, {"message": "away"})
        backend.headers = [("Cache-Control", "max-age=60")]
        assert b"away" in refused(server, 403, "/events?b")
        assert b"away" in refused(server, 403, "/events?b")  # which was kept
        backend.headers = []
        equal([request.headers["yodel-kind"] for request in backend.requests].count("connect"), 2)
        backend.answers["connect"] = {"rooms": [str(number) for number in range(300)]}
        refused(server, 403, "/events?c")
        equal(backend.until("disconnected")[0]["reason"], "transport close")
        equal(http(server.internal, "GET", "/events").status, 404)


def test_a_passing_trouble_is_not_final():
    with hooked({"connect": (500, "")}, hook=", circuit: {failures: 1000}") as (backend, server):
        sent_away(server)
        for answer in ((429, ""), (200, "no JSON"), (302, "")):
            backend.answers["connect"] = answer
            sent_away(server)
        server.reload(hook=", on_unavailable: deny")
        backend.answers["connect"] = (500, "")
        refused(server, 403)
        server.reload(hook=", on_unavailable: allow")
        with Events(server, "/events"):
            backend.until("connected")


def test_somebody_must_be_named():
    more = "auth: {methods: [webhook]}"
    with hooked({"connect": {}}, more=more) as (backend, server):
        refused(server, 401)
        equal(backend.until("disconnected")[0]["reason"], "transport close")
        eventually(lambda: "connect was answered without a user" in server.yodel.said(), "the log says why")
        backend.answers["connect"] = {"user": "ann"}
        with Events(server, "/events"):
            backend.until("connected")
        server.reload(hook=", on_unavailable: allow", more=more)
        backend.answers["connect"] = (500, "")
        sent_away(server)


def test_one_that_leaves_while_it_is_asked_for():
    left = threading.Event()

    def wait(_):
        left.wait(LIMIT)
        return {"user": "ann"}

    with hooked({"connect": wait}) as (backend, server):
        with connect(server.port) as sock:
            sock.sendall(request_bytes("GET", "/events", [("Accept", "text/event-stream")]))
            backend.until_asked("connect")
        server.is_left()
        left.set()
        gone = backend.until("disconnected")[0]
        equal((gone["reason"], backend.kinds()), ("transport close", ["connect", "disconnected"]))


def test_one_that_only_asks_for_the_head():
    with hooked({"connect": {"user": "ann", "rooms": ["a"]}}) as (backend, server):
        equal(http(server.port, "HEAD", "/events").status, 200)
        backend.until("disconnected")
        equal(backend.kinds(), ["connect", "connected", "disconnected"])


def test_the_end_of_its_time():
    soon = lambda _: {"user": "ann", "expires_at": int(time.time()) + 5}  # noqa: E731
    more = lambda event: {"expires_at": event["expires_at"] + 3600, "actions": [{"emit": {"event": "later"}}]}  # noqa: E731
    with hooked({"connect": soon, "refresh": more}, hook=", kinds: [connect, refresh]") as (backend, server):
        with Events(server, "/events") as reader:
            equal(reader.event(), ("later", []))
        backend.answers["refresh"] = {"expired": True}
        with Events(server, "/events") as reader:
            assert reader.ended()


def test_it_is_sent_away():
    answers = {"connect": {"user": "ann", "actions": [{"disconnect": {"reconnect": True}}]}}
    with hooked(answers) as (backend, server):
        with Events(server, "/events") as reader:
            assert reader.ended()
        equal(backend.until("disconnected")[0]["reason"], "server namespace disconnect")


def test_all_are_told_at_the_end():
    with hooked({"connect": lambda event: {"user": event["query"]["n"], "rooms": ["all"]}}) as (backend, server):
        readers = [Events(server, f"/events?n={number}") for number in range(20)]
        backend.until("connected", 20)
        server.yodel.signal(signal.SIGTERM)
        assert all(reader.ended() for reader in readers)
        for reader in readers:
            reader.sock.close()
        server.yodel.process.wait(30)
        # What was under way may come twice, with the same id.
        gone = {event["id"]: event["socket"]["user"] for event in backend.of("disconnected")}
        equal(sorted(gone.values(), key=int), [str(number) for number in range(20)])


def test_a_reload_changes_its_back_end():
    with hooked({"connect": {"user": "ann"}}) as (backend, server):
        with Events(server, "/events") as reader:
            backend.until("connected")
            server.reload(hook=", kinds: [connect, disconnected], batch: {events: 1}")
            with Events(server, "/events"):
                eventually(lambda: len(backend.of("connect")) == 2, "the second is asked for")
            assert not reader.kept, reader.kept
        backend.until("disconnected", 2)
        equal(len(backend.of("connected")), 1)


run(dict(globals()))
