# SPDX-License-Identifier: MIT
"""yodel serve: what a back end is told by webhooks, and what its answers do."""

import contextlib
import json
import signal
import threading
import time

from harness import LIMIT, Refused, WebSocket, equal, eventually, http, in_time, run
from hooked_server import SECRET as HOOK_SECRET
from hooked_server import Hooked, Hooks, hooked
from sio_client import ConnectError
from tokens import SECRET, token


def metric(server, name):
    body = http(server.internal, "GET", "/metrics").body.decode()
    lines = [line for line in body.splitlines() if line.startswith(name)]
    assert len(lines) == 1, (name, lines)
    return float(lines[0].split(" ")[1])


def counted(server, name, value):
    eventually(lambda: metric(server, name) == value, f"{name} is {value}")


def refusal(server, **options):
    try:
        server.client(**options).close()
    except ConnectError as error:
        return error.args[0]
    raise AssertionError("was let in")


def is_sent_away(server, **options):
    """Whether the connection ends without a refusal, so that a client comes back."""
    try:
        server.client(**options).close()
    except ConnectError as error:
        raise AssertionError(f"was refused: {error}") from error
    except (AssertionError, OSError):
        return True
    return False


def test_a_socket_from_its_beginning_to_its_end():
    answers = {
        "connect": {"user": "ann", "meta": {"n": 1}, "rooms": ["lobby"], "data": {"hi": 1}, "actions": [{"emit": {"event": "welcome", "args": [1]}}]},
        "say": {"ack": [7, "x"], "actions": [{"join": {"rooms": ["more"]}}, {"emit": {"event": "heard", "to": {"rooms": ["more"]}}}], "meta": {"n": 2}},
    }
    with hooked(answers) as (backend, server):
        with server.client(auth={"k": "v"}, headers=[("User-Agent", "me"), ("Cookie", "secret=1")]) as client:
            equal(client.event(), ["yodel:hello", {"hi": 1}])
            equal(client.event(), ["welcome", 1])
            equal(client.call("say", {"a": [1]}), [7, "x"])
            equal(client.event(), ["heard"])
            sid = client.sid
        backend.until("disconnected")
        equal(backend.kinds(), ["connect", "connected", "say", "disconnected"])
        connect, connected, say, gone = backend.events
        equal([event["seq"] for event in backend.events], [1, 2, 3, 4])
        equal({event["socket"]["sid"] for event in backend.events}, {sid})
        equal((connect["auth"], connect["headers"], connect["query"]["EIO"], connect["recovered"]), ({"k": "v"}, {"user-agent": "me"}, "4", False))
        equal((connect["socket"]["user"], connected["socket"]["user"], connected["socket"]["meta"]), (None, "ann", {"n": 1}))
        equal((say["args"], say["ack"], say["socket"]["transport"]), ([{"a": [1]}], True, "websocket"))
        equal((say["socket"]["address"], type(say["socket"]["port"])), ("127.0.0.1", int))
        equal((gone["reason"], sorted(gone["rooms"]), gone["socket"]["meta"]), ("transport close", ["lobby", "more", "user:ann"], {"n": 2}))
        assert "secret=1" not in json.dumps(backend.events)
        counted(server, 'yodel_webhook_requests_total{webhook="main",kind="connect",outcome="ok"}', 1)
        counted(server, 'yodel_webhook_queue_events{webhook="main"}', 0)
        counted(server, 'yodel_auth_total{method="webhook",outcome="accepted"}', 1)


def test_traces_go_along():
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with hooked() as (backend, server):
        with server.client(headers=[("traceparent", trace)]) as client:
            backend.until("connected")
            client.emit("x")
            backend.until("event")
        server.client(headers=[("traceparent", trace.upper())]).close()
        WebSocket(server.port, "/ws/a", headers=[("traceparent", trace)]).close()
        backend.until("disconnected", 3)
        seen = [(request.headers["yodel-kind"], request.headers.get("traceparent")) for request in backend.requests]
        equal([with_trace for kind, with_trace in seen if kind in ("connect", "event")], [trace, trace, None, trace])


def test_refusals():
    with hooked({"connect": {"reject": {"message": "no", "data": {"why": 1}}}}) as (backend, server):
        equal(refusal(server), {"message": "no", "data": {"why": 1}})
        backend.answers["connect"] = (403, {"message": "away"})
        equal(refusal(server), {"message": "away"})
        backend.answers["connect"] = (401, "")
        equal(refusal(server), {"message": "not authorized"})
        backend.answers["connect"] = {"rooms": ["x" * 255] * 1, "user": "u"}
        server.client().close()
        backend.until("disconnected")
        equal(len(backend.of("disconnected")), 1)


def test_passing_troubles_send_clients_away():
    troubles = [(500, ""), (503, ""), (429, ""), (404, ""), (302, ""), (200, "<html>"), (200, {"rooms": 7}), (204, "")]
    with hooked(hook=", circuit: {failures: 1000}") as (backend, server):
        for trouble in troubles[:-1]:
            backend.answers["connect"] = trouble
            assert is_sent_away(server), trouble
        backend.answers["connect"] = troubles[-1]
        server.client().close()
        # What a wrong answer was given to may be known there: it is told of the end.
        backend.until("disconnected", 3)


def test_hostile_back_ends():
    for path in ("/drop", "/reset", "/half", "/half_head", "/garbage", "/endless", "/trickle", "/long_head", "/hang"):
        with contextlib.closing(Hooks()) as backend:
            with Hooked(backend, hook=", timeout: 400ms, connect_timeout: 100ms, answer: 64KiB", url=backend.url(path)) as server:
                assert is_sent_away(server), path
                equal(server.yodel.status(server.internal, "/health/live"), 200)


def test_nobody_there():
    with contextlib.closing(Hooks()) as backend:
        dead = backend.url("/hook", refused=True)
        circuit = ", attempts: 1, kinds: [connect, event], circuit: {failures: 3, open: 1h, max: 1h}"
        one = "server: {loops: 1}"
        with Hooked(backend, url=dead, hook=circuit, more=one) as server:
            for _ in range(4):
                assert is_sent_away(server)
            counted(server, 'yodel_webhook_circuit_open{webhook="main"}', 1)
            eventually(lambda: "connect has no answer: " in server.yodel.said(), "a line in the log")
            equal(server.yodel.said().count('"webhook.failed"'), 1, "one line for all that follow")
            counted(server, 'yodel_webhook_requests_total{webhook="main",kind="connect",outcome="network"}', 3)
            server.reload(url=dead, hook=circuit + ", on_unavailable: deny", more=one)
            equal(refusal(server)["message"], "unavailable")
            server.reload(url=dead, hook=circuit + ", on_unavailable: allow", more=one)
            with server.client() as client:
                client.emit("lost")
                counted(server, 'yodel_webhook_dropped_events_total{webhook="main",reason="circuit"}', 4)


def test_events_come_in_order_and_joined():
    all_are_sent = threading.Event()

    def slow(event):
        all_are_sent.wait(LIMIT)
        return {"ack": [event["args"][0] * 2]}

    with hooked({"n": slow}, hook=", timeout: 20s") as (backend, server):
        with server.client() as client:
            calls = [client.begin_call("n", number) for number in range(200)]
            all_are_sent.set()
            equal([client.end_call(call) for call in calls], [[2 * number] for number in range(200)])
        backend.until("disconnected")
        equal([event["args"][0] for event in backend.of("event")], list(range(200)))
        assert len(backend.requests) < 100, len(backend.requests)


def test_events_of_a_user_come_one_after_the_other():
    going, most = [], []

    def slow(event):
        going.append(event["socket"]["user"])
        most.append(going.count(event["socket"]["user"]))
        time.sleep(0.01)
        going.remove(event["socket"]["user"])
        return {"ack": [1]}

    answers = {"connect": lambda event: {"user": event["auth"]["user"]}, "event": slow}
    with hooked(answers, hook=", order: user, batch: {events: 1}", more="server: {loops: 2}") as (backend, server):
        clients = [server.client(auth={"user": f"u{number % 2}"}) for number in range(8)]
        backend.until("connected", 8)
        calls = [(client, client.begin_call("x")) for _ in range(10) for client in clients]
        for client, call in calls:
            equal(client.end_call(call), [1])
        equal(max(most), 1)
        for client in clients:
            client.close()
        backend.until("disconnected", 8)


def test_binary_both_ways():
    with hooked({"b": lambda event: {"ack": event["args"], "attachments": event["attachments"]}}) as (backend, server):
        with server.client() as client:
            client.emit("b", b"\x00\xff", {"x": b"abc"})
        equal(backend.until("event")[0]["attachments"], ["AP8=", "YWJj"])
        equal(backend.of("event")[0]["args"], [{"_placeholder": True, "num": 0}, {"x": {"_placeholder": True, "num": 1}}])


def test_a_failed_event_has_no_acknowledgement():
    with hooked({"bad": (500, ""), "good": {"ack": [1]}}, hook=", on_failure: disconnect") as (backend, server):
        with server.client() as client:
            bad = client.begin_call("bad")
            client.until_lost()
            assert bad not in client.answers
        backend.until("disconnected")
        server.reload()
        with server.client() as client:
            backend.until("connected", 2)
            client.begin_call("bad")
            eventually(lambda: any(b'"bad"' in request.body for request in backend.requests[-2:]), "it is told")
            equal(client.call("good"), [1])
            equal(list(client.answers), [])


def test_what_is_answered_to_a_goodbye_is_done():
    left = lambda event: {"actions": [{"emit": {"event": "lost"}}, {"emit": {"event": "left", "to": {"rooms": event["rooms"]}, "args": [event["socket"]["user"]]}}]}  # noqa: E731
    with hooked({"connect": lambda event: {"user": event["auth"]["n"], "rooms": ["lobby"]}, "disconnected": left}) as (_, server):
        with server.client(auth={"n": "ann"}) as ann:
            server.client(auth={"n": "bob"}).close()
            equal(ann.event(), ["left", "bob"])


def test_a_client_that_leaves_while_it_is_asked_for():
    left = threading.Event()

    def wait(_):
        left.wait(LIMIT)
        return {"user": "late"}

    with hooked({"connect": wait}) as (backend, server):
        websocket = WebSocket(server.port, "/socket.io/?EIO=4&transport=websocket")
        websocket.message()
        websocket.send_text("40")
        backend.until_asked("connect")
        websocket.close()
        server.is_left()
        left.set()
        backend.until("connect")
        gone = backend.until("disconnected")[0]
        equal((gone["reason"], gone["rooms"]), ("transport close", []))
        equal(backend.kinds(), ["connect", "disconnected"])


def test_notices_outlive_a_back_end_that_is_away():
    with hooked({"connected": (503, ""), "disconnected": (503, "")}, hook=", retry: {min: 50ms, max: 200ms}, circuit: {open: 50ms, max: 100ms}") as (backend, server):
        for _ in range(5):
            server.client().close()
        eventually(lambda: len(backend.requests) > 20, "it was tried")
        backend.answers.clear()
        backend.until("disconnected", 5)
        equal(len(backend.of("connected")), 5)
        by_sid = {}
        for event in backend.events:
            by_sid.setdefault(event["socket"]["sid"], []).append((event["seq"], event["kind"]))
        for events in by_sid.values():
            equal(events, [(1, "connect"), (2, "connected"), (3, "disconnected")])


def test_all_is_told_before_the_end():
    with hooked() as (backend, server):
        clients = [server.client() for _ in range(20)]
        backend.until("connected", 20)
        server.yodel.signal(signal.SIGTERM)
        equal(server.yodel.process.wait(30), 0)
        backend.until("disconnected", 20)
        equal(len({event["id"] for event in backend.of("disconnected")}), 20)
        for client in clients:
            client.close()


def test_the_flush_at_the_end():
    with hooked({"disconnected": (503, "")}) as (backend, server):
        server.client().close()
        eventually(lambda: any(b'"disconnected"' in request.body for request in backend.requests), "it was tried")
        server.yodel.signal(signal.SIGTERM)
        time.sleep(0.5)
        backend.answers.clear()
        equal(server.yodel.process.wait(30), 0)
        equal(len(backend.of("disconnected")), 1)


def test_ids_of_many_loops():
    names = ("main", "b", "c")
    spaces = "[" + ", ".join(f"{{name: /{name}, auth: required, webhook: {name}}}" for name in names) + "]"
    with contextlib.closing(Hooks()) as backend:
        others = "".join(f"}}, {{name: {name}, url: '{backend.url('/hook')}', secret: {HOOK_SECRET}" for name in names[1:])
        with Hooked(backend, hook=others, spaces=spaces, more="server: {loops: 18}") as server:
            for _ in range(50):
                websocket = WebSocket(server.port, "/socket.io/?EIO=4&transport=websocket")
                for name in names:
                    websocket.send_text(f"40/{name},")
                while (message := websocket.message())[:4] != "40/c":
                    assert message[0] in "04", message
                websocket.close()
            backend.until("disconnected", 150)
            equal(len({event["id"] for event in backend.events}), len(backend.events))


def test_410_disables_until_a_reload():
    with hooked({"event": (410, "")}) as (backend, server):
        with server.client() as client:
            client.emit("x")
            eventually(lambda: "webhook.disabled" in server.yodel.said(), "it is told")
            assert is_sent_away(server)
            backend.answers.clear()
            server.reload()
            eventually(lambda: client.emit("y") or "y" in backend.kinds(), "it is used again")


def test_tokens_and_the_last_word():
    more = "auth: {methods: [jwt, webhook], jwt: {keys: [{secret: '" + SECRET + "'}]}}"
    with hooked(more=more) as (backend, server):
        with server.client(auth={"token": token(sub="ann")}):
            backend.until("connected")
        connect, connected = backend.of("connect")[0], backend.of("connected")[0]
        equal((connect["claims"]["sub"], connect["socket"]["user"], connected["socket"]["user"]), ("ann", "ann", "ann"))
        equal(refusal(server, auth={"token": "no"})["message"], "unauthorized")
        equal(refusal(server), {"message": "forbidden", "data": {"code": "user_missing"}})
        assert "claims" not in backend.until("connect", 2)[1]
        eventually(lambda: "connect was answered without a user" in server.yodel.said(), "the log says why")
        backend.answers["connect"] = {"user": "bob"}
        with server.client():
            equal(backend.until("connected", 2)[1]["socket"]["user"], "bob")
        backend.answers["connect"] = {"reject": {"message": "no"}}
        equal(refusal(server, auth={"token": token(sub="ann")}), {"message": "no"})


def test_somebody_must_be_named():
    """By the answer, unless nobody need be; who cannot be asked is not refused for good."""
    more = "auth: {methods: [webhook]}"
    with hooked({"connect": (204, "")}, more=more) as (backend, server):
        equal(refusal(server)["data"], {"code": "user_missing"})
        backend.until("disconnected")
        try:
            WebSocket(server.port, "/ws/a").close()
        except Refused as error:
            equal(error.response.status, 401)
        else:
            raise AssertionError("a WebSocket was let in")
        backend.until("disconnected", 2)
        server.reload(hook=", on_unavailable: allow", more=more)
        backend.answers["connect"] = (500, "")
        assert is_sent_away(server)
        server.reload(more=more, spaces="[{name: /, auth: optional, webhook: main}]")
        backend.answers["connect"] = (204, "")
        with server.client():
            backend.until("connected")
        server.reload(more="auth: {methods: [webhook], anonymous: true}")
        with server.client():
            backend.until("connected", 2)


def test_refresh():
    soon = lambda _: {"user": "ann", "expires_at": int(time.time()) + 5}  # noqa: E731
    later = lambda event: {"expires_at": event["expires_at"] + 3600, "actions": [{"emit": {"event": "refreshed"}}]}  # noqa: E731
    hook = ", kinds: [connect, refresh, disconnected]"
    with hooked({"connect": soon, "refresh": later}, hook=hook) as (backend, server):
        with server.client() as client:
            equal(client.event(), ["refreshed"])
            backend.answers["refresh"] = {"expired": True}
        equal(len(backend.of("refresh")), 1)
        with server.client() as client:
            client.until_lost()
        backend.answers["refresh"] = (500, "")
        with server.client() as client:
            equal(client.event()[0], "yodel:expiring")


def comes_back_within(delay):
    answers = {
        "connect": lambda event: {"rooms": event["auth"]["rooms"]},
        "leave": lambda event: {"actions": [{"leave": {"rooms": event["args"]}}]},
        "vacated": {"actions": [{"emit": {"event": "empty", "to": {"rooms": ["other"]}}}]},
    }
    hook = ", kinds: [connect, event, occupied, vacated]"
    more = 'rooms: [{match: "r:*", occupancy_events: true, vacated_delay: DELAY}]'.replace("DELAY", f"{delay * 1000:.0f}ms")
    with hooked(answers, hook=hook, more=more) as (backend, server):
        with server.client(auth={"rooms": ["r:1", "other"]}) as first:
            with server.client(auth={"rooms": ["r:1"]}):
                first.emit("leave", "r:1")
                backend.until("event")
                begun = time.monotonic()
            server.client(auth={"rooms": ["r:1"]}).close()
            if time.monotonic() - begun > delay:
                return False
            equal(first.event(), ["empty"])
        with server.client(auth={"rooms": ["r:1", "r:2"]}):
            backend.until("occupied", 3)
            server.yodel.signal(signal.SIGTERM)
            equal(server.yodel.process.wait(30), 0)
        told = [(event["kind"], event["namespace"], event["room"], event["count"]) for event in backend.events if event["kind"] in ("occupied", "vacated")]
        equal(told[:2], [("occupied", "/", "r:1", 1), ("vacated", "/", "r:1", 0)])
        equal(sorted(told[2:4]), [("occupied", "/", "r:1", 1), ("occupied", "/", "r:2", 1)])
        equal(sorted(told[4:]), [("vacated", "/", "r:1", 0), ("vacated", "/", "r:2", 0)])
        assert not [event for event in backend.events if event["kind"] == "occupied" and "socket" in event]
    return True


def test_rooms_that_somebody_is_in():
    in_time(comes_back_within, 0.3)


def test_answers_that_may_be_kept():
    answer = {"user": "ann", "rooms": ["lobby"], "actions": [{"emit": {"event": "welcome"}}]}
    with hooked({"connect": answer}, hook=", cache: 1h, forward_headers: [x-key]", more="server: {loops: 1}") as (backend, server):
        backend.headers = [("Cache-Control", "max-age=3600")]
        for _ in range(3):
            with server.client(auth={"k": 1}) as client:
                equal(client.event(), ["welcome"])
        backend.until("disconnected", 3)
        equal((len(backend.of("connect")), len(backend.of("connected"))), (1, 3))
        equal({(event["socket"]["user"], *event["rooms"]) for event in backend.of("disconnected")}, {("ann", "user:ann", "lobby")})
        server.client(auth={"k": 2}).close()
        server.client(auth={"k": 1}, path="/socket.io/", headers=[("X-Key", "1")]).close()
        backend.until("connect", 3)
        backend.answers["connect"] = (403, {"message": "no", "data": 1})
        for _ in range(2):
            equal(refusal(server, auth={"k": 3}), {"message": "no", "data": 1})
        equal([request.headers["yodel-kind"] for request in backend.requests].count("connect"), 4)
        backend.answers["connect"] = {**answer, "actions": []}
        for _ in range(2):
            WebSocket(server.port, "/ws/a?k=1").close()
        equal(len(backend.of("connect")), 4)
        backend.headers = [("Cache-Control", "no-store, max-age=3600")]
        for _ in range(2):
            server.client(auth={"k": 4}).close()
        backend.until("connect", 6)
        server.reload(hook=", cache: 1h", more="server: {loops: 1}")
        server.client(auth={"k": 1}).close()
        backend.until("connect", 7)


def test_by_path_and_unix_socket():
    with contextlib.closing(Hooks()) as backend:
        spaces = "[{name: /, auth: required, webhook: main}, {name: /ä, auth: required, webhook: main}]"
        with Hooked(backend, spaces=spaces, url=backend.unix_url("/on/{kind}/{namespace}")) as server:
            server.client().close()
            backend.until("disconnected")
            server.client("/ä").close()
            backend.until("disconnected", 2)
        paths = [request.path for request in backend.requests]
        assert "/on/connect/" in paths and "/on/node_started/" in paths, paths
        equal(paths[-1], "/on/disconnected/%C3%A4")


run(dict(globals()))
