# SPDX-License-Identifier: MIT
"""yodel serve: plain WebSockets and streams for EventSource, by their tokens."""

import hashlib
import json
import time

from event_source import Events
from harness import Refused, WebSocket, closed_with, equal, eventually, http, run
from sio_client import SioClient
from tokens import OTHER, SECRET, let_in_briefly, token
from yodel_program import Yodel, file

CONFIG = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [api, metrics, health]}
namespaces: [{name: /, auth: none, personal_room: "user:{user}"}]
websockets:
  - {path: "/open/{room}", auth: none}
  - {path: "/ws/{room}", auth: required}
  - {path: "/maybe", auth: optional}
events: [{path: /events, rooms: token}, {path: /chosen, rooms: query}]
rooms: [{match: "kept:*", history: {size: 2}}, {match: "seen", presence: true}]
limits: {rooms_per_socket: 3}
shutdown: {spread: 0s}
auth: {methods: [jwt], jwt: {keys: [{secret: SECRET}], leeway: 0s, sources: [authorization, "query:t"]}}
api: {keys: [{name: all, sha256: HASH, scopes: [emit, rooms, read, admin]}]}
"""


def serve(extra=""):
    text = CONFIG.replace("SECRET", SECRET).replace("HASH", hashlib.sha256(b"first").hexdigest()) + extra
    with file(text) as path:
        return Yodel("-c", path)


def call(server, method, path, body=None):
    headers = [("Authorization", "Bearer first"), ("Content-Type", "application/json")]
    response = http(server.internal, method, f"/api/v1/{path}", headers, json.dumps(body).encode() if body is not None else b"")
    equal(response.status, 200, response.body)
    return json.loads(response.body)


def send(server, group, text):
    call(server, "POST", "emit", {"to": {"groups": [group]}, "event": "message", "args": [text]})


def open_now(server, name, number):
    line = f"\n{name} {number}\n".encode()
    eventually(lambda: line in http(server.internal, "GET", "/metrics").body, f"{number} are open")


def bearer(shown):
    return [("Authorization", f"Bearer {shown}")]


def status(server, path, headers=()):
    """Of a handshake that is refused."""
    try:
        WebSocket(server.port, path, headers).close()
    except Refused as refused:
        return refused.response.status
    return 101


def test_websockets():
    with serve() as server:
        with WebSocket(server.port, "/open/a") as one, WebSocket(server.port, "/open/a") as two:
            open_now(server, 'yodel_connections{transport="raw_websocket"}', 2)
            send(server, "a", "hello")
            equal([one.message(), two.message()], ["hello"] * 2)
            one.send_text("to nobody")
            counted = b'yodel_client_events_total{kind="other",outcome="refused"} 1\n'
            eventually(lambda: counted in http(server.internal, "GET", "/metrics").body, "it is counted")
            send(server, "b", "not for them")
            send(server, "a", "again")
            equal([one.message(), two.message()], ["again"] * 2)
        open_now(server, 'yodel_connections{transport="raw_websocket"}', 0)
        equal(status(server, "/ws/a"), 401)
        equal(status(server, "/ws/a", bearer(token(secret=OTHER))), 401)
        equal(status(server, "/ws/a", bearer(token())), 403)
        equal(status(server, "/ws/a", bearer(token(yodel={"can": {"join": ["b*"]}}))), 403)
        equal(status(server, "/ws/a", bearer(token(yodel={"join": ["a"], "namespaces": ["/"]}))), 403)
        equal(status(server, "/ws/a", bearer(token(yodel={"join": ["a", "b", "c"]}))), 403)
        equal(status(server, "/maybe"), 101)
        equal(status(server, "/maybe", bearer("x")), 401)
        equal(status(server, "/open/a", [("Origin", "http://other.example")]), 403)
        equal(http(server.internal, "GET", "/open/a").status, 426)
        with WebSocket(server.port, "/ws/a?t=" + token("ann", yodel={"can": {"join": ["a"]}, "join": ["news"]})) as ws:
            send(server, "a", "1")
            send(server, "news", "2")
            equal([ws.message(), ws.message()], ["1", "2"])


def test_a_websocket_ends_with_its_token():
    with serve() as server:
        websocket, _ = let_in_briefly(lambda shown: WebSocket(server.port, "/ws/a", bearer(shown)), Refused, yodel={"join": ["a"]})
        closed_with(websocket, 4001)


def test_a_room_that_a_reader_has_twice_counts_once():
    """The personal room may be among those of the token, as of a reader of whom a webhook is asked."""
    with serve() as server:
        shown = token("ann", yodel={"join": ["a", "b", "user:ann"]})
        with Events(server, "/events", bearer(shown)) as events:
            call(server, "POST", "emit", {"to": {"rooms": ["user:ann"]}, "event": "x", "args": [1]})
            call(server, "POST", "emit", {"to": {"rooms": ["b"]}, "event": "x", "args": [2]})
            equal([events.event()[1][0] for _ in range(2)], [1, 2])
        equal(http(server.port, "GET", "/events", bearer(token("ann", yodel={"join": ["a", "b", "c"]}))).status, 403)


def test_presence_and_history():
    with serve() as server:
        grants = {"join": ["seen"], "info": {"name": "Ann"}}
        with WebSocket(server.port, "/ws/seen", bearer(token("ann", yodel=grants))):
            members = call(server, "GET", "presence?group=seen")["members"]
            equal([(each["user"], each["info"]) for each in members], [("ann", {"name": "Ann"})])
        for number in range(3):
            send(server, "kept:1", str(number))
        shown = lambda: [each["text"] for each in call(server, "GET", "history?group=kept:1")["items"]]
        eventually(lambda: shown() == ["1", "2"], "two are kept")


def test_event_streams():
    with serve() as server:
        for path, headers, expected in (
            ("/events", [], 401),
            ("/events", bearer(token(secret=OTHER)), 401),
            ("/events", bearer(token(yodel={"join": list("abc")})), 403),
            ("/chosen", bearer(token()), 400),
            ("/chosen?rooms=a", bearer(token()), 403),
            ("/chosen?rooms=a,b,c,d", bearer(token(yodel={"can": {"join": ["*"]}})), 403),
        ):
            equal(http(server.port, "GET", path, headers).status, expected, path)
        equal(http(server.internal, "GET", "/events", bearer(token())).status, 404)
        equal(http(server.port, "HEAD", "/events", bearer(token())).status, 200)
        joined = token("ann", yodel={"join": ["news"]})
        chosen = token("bob", yodel={"can": {"join": ["n*"]}})
        with Events(server, "/events", bearer(joined)) as ann, Events(server, "/chosen?rooms=news,n2", bearer(chosen)) as bob:
            open_now(server, 'yodel_connections{transport="event_stream"}', 2)
            call(server, "POST", "emit", {"to": {"rooms": ["news"]}, "event": "said", "args": ["x", 1]})
            for stream in (ann, bob):
                stream.until(b'event: said\ndata: ["x",1]\n\n')
            call(server, "POST", "emit", {"to": {"users": ["ann"]}, "event": "private"})
            call(server, "POST", "emit", {"to": {"rooms": ["n2"]}, "event": "second"})
            ann.until(b"event: private\n")
            bob.until(b"event: second\n")
            send(server, "news", "raw")
            for stream in (ann, bob):
                stream.until(b"data: raw\n")
        open_now(server, 'yodel_connections{transport="event_stream"}', 0)


def test_an_event_stream_ends_with_its_token():
    with serve() as server:
        stream, _ = let_in_briefly(lambda shown: Events(server, "/events", bearer(shown)), AssertionError, yodel={"join": ["a"]})
        with stream:
            stream.until(b"0\r\n\r\n")


run(dict(globals()))
