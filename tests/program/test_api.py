# SPDX-License-Identifier: MIT
"""The HTTP API over a server of its own (api_server.c): commands, errors, batches, streams, idempotency."""

import base64
import contextlib
import json
import mmap
import os
import pathlib
import resource
import signal
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from harness import LIMIT, Program, Stream, WebSocket, connect, equal, eventually, http, request_bytes, run  # pylint: disable=C0413
from sio_client import SioClient  # pylint: disable=C0413

ALL = ("Authorization", "Bearer all")
SOME = ("Authorization", "Bearer some")
JSON = ("Content-Type", "application/json")


def make_server():
    return Program([os.environ["API_SERVER"]], r"^port (\d+)$")


def post(server, path, body, *headers, key=ALL):
    return http(server.port, "POST", f"/api/v1/{path}", [key, JSON, *headers], json.dumps(body).encode())


def get(server, path, key=ALL):
    return http(server.port, "GET", f"/api/v1/{path}", [key])


def good(response):
    """The body of a success."""
    assert response.status == 200, response
    equal(response.headers["content-type"], "application/json")
    equal(response.headers["cache-control"], "no-store")
    return json.loads(response.body)


def problem(response, status, code):
    """The body of a problem, which its status and code must be."""
    assert response.status == status, response
    equal(response.headers["content-type"], "application/problem+json")
    body = json.loads(response.body)
    equal((body["status"], body["code"]), (status, code))
    return body


def counts(server, room, number):
    rooms = [{"name": room, "count": number}] if number else []
    equal(good(get(server, f"rooms?prefix={room}"))["rooms"], rooms)


def join(server, room, *clients):
    good(post(server, "join", {"of": {"sockets": [client.sid for client in clients]}, "rooms": [room]}))
    counts(server, room, len(clients))


def client_of(server, user=None, **more):
    return SioClient(server.port, auth={**({"user": user} if user else {}), **more})


# Commands.


def test_emit_reaches_whom_it_names(server):
    with client_of(server, "ann") as ann, client_of(server, "bob") as bob:
        join(server, "e1", ann, bob)
        equal(good(post(server, "emit", {"to": {"rooms": ["e1"]}, "event": "a", "args": [1, {"b": None}]})), {"delivered": 2})
        equal(ann.event(), ["a", 1, {"b": None}])
        equal(bob.event(), ["a", 1, {"b": None}])
        good(post(server, "emit", {"to": {"users": ["bob"]}, "event": "b"}))
        equal(bob.event(), ["b"])
        good(post(server, "emit", {"to": {"sockets": [ann.sid]}, "event": "c", "args": ["ü"]}))
        equal(ann.event(), ["c", "ü"])
        good(post(server, "emit", {"to": {"rooms": ["e1"]}, "except": {"users": ["ann"]}, "event": "d"}))
        equal(bob.event(), ["d"])
        good(post(server, "emit", {"to": {"all": True}, "except": {"sockets": [bob.sid]}, "event": "e"}))
        good(post(server, "emit", {"to": {"rooms": ["e1"]}, "event": "end"}))
        equal(ann.event(), ["e"])
        equal(ann.event(), ["end"])
        equal(bob.event(), ["end"])


def test_emit_has_attachments(server):
    with client_of(server) as client:
        data = bytes(range(256))
        good(
            post(
                server,
                "emit",
                {
                    "to": {"sockets": [client.sid]},
                    "event": "data",
                    "args": [{"inner": {"_placeholder": True, "num": 0}}, "x"],
                    "attachments": [base64.b64encode(data).decode()],
                },
            )
        )
        equal(client.event(), ["data", {"inner": data}, "x"])


def keep_busy(clients, over):
    """Naps on the loops of clients: what is sent there waits half of the time."""
    while not over.wait(0.012):
        for client in clients:
            client.emit("nap")


def on(stream, path, body):
    """A command on a connection that stays."""
    stream.send(request_bytes("POST", f"/api/v1/{path}", [ALL, JSON], json.dumps(body).encode()))
    return good(stream.response())


def test_what_is_answered_has_happened(server):
    """For whoever asks next, by any connection, though loops are busy."""
    clients = [client_of(server, "moves") for _ in range(4)]
    streams = [Stream(connect(server.port)) for _ in range(8)]
    over = threading.Event()
    thread = threading.Thread(target=keep_busy, args=(clients[:2], over))
    thread.start()
    try:
        for i in range(400):
            here, there = streams[i % 8], streams[(i + 1 + i // 8 % 7) % 8]
            move = {"of": {"users": ["moves"]}, "rooms": [f"at-once-{i}"]}
            emit = {"to": {"rooms": [f"at-once-{i}"]}, "event": "e"}
            equal((on(here, "join", move), on(there, "emit", emit)), ({"matched": 4}, {"delivered": 4}))
            equal((on(there, "leave", move), on(here, "emit", emit)), ({"matched": 4}, {"delivered": 0}))
    finally:
        over.set()
        thread.join()
    for each in clients + streams:
        each.close()


def answering(client, *arguments):
    def answer():
        _, number = client.event_with_ack()
        client.answer(number, *arguments)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_acknowledgements_name_who_answers(server):
    with client_of(server) as one, client_of(server) as two, client_of(server) as mute:
        threads = [answering(one, "first", 2), answering(two, {"b": bytes([1, 2])}, [3])]
        join(server, "acks", one, two)
        body = good(post(server, "emit", {"to": {"rooms": ["acks"]}, "event": "q", "ack": True}))
        for thread in threads:
            thread.join()
        answers = {ack["sid"]: ack for ack in body["acks"]}
        equal(answers[one.sid]["args"], ["first", 2])
        equal(answers[two.sid]["args"], [{"b": {"_placeholder": True, "num": 0}}, [3]])
        equal(answers[two.sid]["attachments"], ["AQI="])
        equal(body["missing"], [])

        thread = answering(one, 1)
        command = {"to": {"sockets": [one.sid, mute.sid]}, "event": "q", "ack": {"timeout_ms": 300}}
        body = problem(post(server, "emit", command), 504, "ack_timeout")
        thread.join()
        equal([ack["sid"] for ack in body["acks"]], [one.sid])
        equal(body["missing"], [mute.sid])

        thread = answering(one)  # nothing at all is an answer, too
        body = good(post(server, "emit", {"to": {"sockets": [one.sid]}, "event": "q", "ack": True}))
        thread.join()
        equal(body, {"acks": [{"sid": one.sid, "args": []}], "missing": []})

        nobody = [f"n{i}" for i in range(999)]  # some are asked in each turn of the loop
        thread = answering(one, 1)
        command = {"to": {"sockets": [*nobody, one.sid]}, "event": "q", "ack": True}
        body = problem(post(server, "emit", command), 504, "ack_timeout")
        thread.join()
        equal(body["acks"], [{"sid": one.sid, "args": [1]}])
        equal(sorted(body["missing"]), sorted(nobody))

        thread = answering(one, 1)
        command = {"to": {"sockets": [one.sid, mute.sid]}, "event": "q", "ack": {"timeout_ms": 60000, "first": True}}
        equal(len(good(post(server, "emit", command))["acks"]), 1)
        thread.join()


def raw_client(server):
    """A socket without a thread, and its id."""
    websocket = WebSocket(server.port, "/socket.io/?EIO=4&transport=websocket")
    assert websocket.message().startswith("0")
    websocket.send_text("40{}")
    return websocket, json.loads(websocket.message()[2:])["sid"]


def answer_raw(websocket, words):
    packet = websocket.message()
    assert packet.startswith("42"), packet
    websocket.send_text(f"43{packet[2:packet.index('[')]}{words}")


def test_acknowledgements_of_a_crowd(server):
    """More than are asked in one turn, and than a page has; what they answer is bounded in all."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as stack:
        clients = {}
        for _ in range(1100):
            websocket, sid = raw_client(server)
            stack.callback(websocket.close)
            clients[sid] = websocket
        command = {"to": {"all": True}, "event": "q", "ack": {"timeout_ms": 60000}}
        bodies = []
        thread = threading.Thread(target=lambda: bodies.append(good(post(server, "emit", command))))
        thread.start()
        for number, websocket in enumerate(clients.values()):
            answer_raw(websocket, f"[{number},{number}]")
        thread.join()
        numbers = {ack["sid"]: ack["args"] for ack in bodies[0]["acks"]}
        equal(numbers, {sid: [number, number] for number, sid in enumerate(clients)})
        equal(bodies[0]["missing"], [])

        some = list(clients)[:20]
        command = {"to": {"sockets": some}, "event": "q", "ack": {"timeout_ms": 60000}}
        thread = threading.Thread(target=lambda: bodies.append(problem(post(server, "emit", command), 504, "ack_timeout")))
        thread.start()
        for sid in some:
            answer_raw(clients[sid], json.dumps(["x" * 900000]))
        thread.join()
        equal(len(bodies[1]["acks"]), 18)
        equal((len(bodies[1]["missing"]), bodies[1]["oversize"]), (2, 2))


def test_join_leave_and_who_is_there(server):
    with client_of(server, "cid", info={"name": "Cid"}, meta={"secret": 1}) as client:
        equal(good(post(server, "join", {"of": {"users": ["cid"]}, "rooms": ["j1", "j2"]})), {"matched": 1})
        socket = good(get(server, f"sockets/{client.sid}"))
        equal(socket["user"], "cid")
        equal(socket["meta"], {"secret": 1})
        equal(sorted(socket["rooms"]), sorted([client.sid, "user:cid", "j1", "j2"]))
        assert socket["connected_at"].endswith("Z") and socket["address"] == "127.0.0.1", socket
        equal(good(get(server, "presence?room=j1")), {"members": [{"sid": client.sid, "user": "cid", "info": {"name": "Cid"}}], "count": 1})
        counts(server, "j1", 1)
        counts(server, "j2", 1)
        equal(good(get(server, "rooms?prefix=j"))["rooms"], [{"name": "j1", "count": 1}, {"name": "j2", "count": 1}])
        equal(good(post(server, "leave", {"of": {"rooms": ["j1"]}, "rooms": ["j2"]})), {"matched": 1})
        counts(server, "j2", 0)
        equal(good(get(server, "rooms?prefix=j2")), {"rooms": [], "next": None})


def test_update_changes_what_is_kept(server):
    with client_of(server, "dan") as client:
        equal(client.call("who"), ["dan", None])
        equal(good(post(server, "update", {"of": {"users": ["dan"]}, "meta": {"a": [1]}, "expires_at": 4000000000})), {"matched": 1})
        equal(client.call("who"), ["dan", {"a": [1]}])
        equal(good(get(server, f"sockets/{client.sid}"))["expires_at"], 4000000000)
        good(post(server, "update", {"of": {"sockets": [client.sid]}, "meta": None, "expires_at": 0}))
        equal(client.call("who"), ["dan", None])
        assert "expires_at" not in good(get(server, f"sockets/{client.sid}"))


def test_disconnect_for_good_and_come_back(server):
    with client_of(server, "eve") as client:
        equal(good(post(server, "disconnect", {"of": {"users": ["eve"]}, "message": "bye"})), {"matched": 1})
        equal(client.event(), ["yodel:disconnect", {"message": "bye", "reconnect": False}])
        equal(client.event(), ["disconnect"])
    with client_of(server, "eve") as client:
        good(post(server, "disconnect", {"of": {"users": ["eve"]}, "reconnect": True}))
        eventually(lambda: client.failure, "the transport has closed")
        assert not client.has_event(), client.events


def test_pages(server):
    clients = [client_of(server) for _ in range(5)]
    join(server, "pages", *clients)
    seen, query = [], "sockets?room=pages&limit=2"
    while True:
        page = good(get(server, query))
        seen += [socket["sid"] for socket in page["sockets"]]
        if page["next"] is None:
            break
        query = f"sockets?room=pages&limit=2&cursor={page['next']}"
    equal(seen, sorted(client.sid for client in clients))
    equal(good(get(server, "sockets?room=pages&count")), {"count": 5})
    for client in clients:
        client.close()


def test_groups_of_raw_websockets(server):
    websocket = WebSocket(server.port, "/ws/h1")
    equal(websocket.message(), "in")
    good(post(server, "emit", {"to": {"groups": ["h1"]}, "event": "message", "args": ["text"]}))
    equal(websocket.message(), "text")
    command = {"to": {"groups": ["h1"]}, "event": "message", "args": [{"_placeholder": True, "num": 0}], "attachments": ["AQI="]}
    good(post(server, "emit", command))
    equal(websocket.message(), b"\1\2")
    history = good(get(server, "history?group=h1"))
    equal([item.get("text", item.get("attachment")) for item in history["items"]], ["text", "AQI="])
    equal(history["gone"], False)
    later = good(get(server, f"history?group=h1&since={history['items'][0]['offset']}"))
    equal([item["attachment"] for item in later["items"]], ["AQI="])
    equal([item["offset"] for item in good(get(server, "history?group=h1&reverse=1"))["items"]], [item["offset"] for item in history["items"]][::-1])
    members = good(get(server, "presence?group=h1"))
    equal((members["count"], members["members"][0]["info"]), (1, {"raw": True}))
    equal(sorted(members["members"][0]), ["info", "sid"])
    problem(get(server, "history?group=unkept"), 501, "not_enabled")
    problem(get(server, "history?room=r"), 501, "not_enabled")
    websocket.leave()


def test_history_of_rooms(server):
    with client_of(server) as client:
        join(server, "kept1", client)
        told = []
        for i in range(3):
            told.append(good(post(server, "emit", {"to": {"rooms": ["kept1"]}, "event": "e", "args": [i, {"a": None}]})))
            equal(client.event(), ["e", i, {"a": None}])
        good(post(server, "emit", {"to": {"rooms": ["kept1"]}, "event": "e", "history": False}))
        good(post(server, "emit", {"to": {"rooms": ["kept1"]}, "event": "e", "volatile": True}))
        history = good(get(server, "history?room=kept1"))
        equal([(item["event"], item["args"]) for item in history["items"]], [("e", [i, {"a": None}]) for i in range(3)])
        equal(told, [{"offset": item["offset"]} for item in history["items"]])
        later = good(get(server, f"history?room=kept1&since={history['items'][1]['offset']}"))
        equal([item["args"][0] for item in later["items"]], [2])
        equal(good(http(server.port, "DELETE", "/api/v1/history?room=kept1", [ALL])), {})
        equal(good(get(server, "history?room=kept1"))["items"], [])
        equal(good(get(server, f"history?room=kept1&since={history['items'][1]['offset']}"))["gone"], True)
        problem(http(server.port, "DELETE", "/api/v1/history?room=r", [ALL]), 501, "not_enabled")


def test_nodes_and_stats(server):
    equal(good(get(server, "nodes")), {"nodes": [{"id": "n1", "name": "n1", "self": True}]})
    assert good(get(server, "stats"))["connections"] >= 1


# Errors.


def test_every_error_has_its_status(server):
    emit = {"to": {"all": True}, "event": "e"}
    none = http(server.port, "GET", "/api/v1/stats")
    equal(none.headers["www-authenticate"], "Bearer")
    problem(none, 401, "unauthorized")
    problem(get(server, "stats", key=("Authorization", "Bearer al")), 401, "unauthorized")
    problem(get(server, "stats", key=("Authorization", "Basic all")), 401, "unauthorized")
    problem(get(server, "stats?key=all", key=("X-Key", "all")), 401, "unauthorized")
    problem(get(server, "nothing"), 404, "not_found")
    problem(get(server, "sockets/"), 404, "not_found")
    wrong = get(server, "emit")
    equal(wrong.headers["allow"], "POST")
    problem(wrong, 405, "method_not_allowed")
    equal(http(server.port, "PUT", "/api/v1/history", [ALL, JSON], b"{}").headers["allow"], "GET, DELETE")
    problem(http(server.port, "POST", "/api/v1/emit", [ALL, ("Content-Type", "text/plain")], b"{}"), 415, "unsupported_media_type")
    problem(http(server.port, "POST", "/api/v1/emit", [ALL], b"{}"), 415, "unsupported_media_type")
    problem(http(server.port, "POST", "/api/v1/stream", [ALL, JSON], b"{}"), 415, "unsupported_media_type")
    assert "line 1" in problem(http(server.port, "POST", "/api/v1/emit", [ALL, JSON], b"{"), 400, "bad_request")["detail"]
    problem(http(server.port, "POST", "/api/v1/emit", [ALL, JSON], b""), 400, "bad_request")
    problem(http(server.port, "POST", "/api/v1/emit", [ALL, JSON], b'{"a":1,"a":2}'), 400, "bad_request")
    problem(http(server.port, "POST", "/api/v1/emit", [ALL, JSON], b" " * 100001), 413, "too_large")
    body = problem(post(server, "emit", {**emit, "arg": []}), 422, "invalid")
    equal((body["pointer"], "args" in body["detail"]), ("/arg", True))
    equal(problem(get(server, "sockets?limt=1"), 422, "invalid")["pointer"], "/limt")
    equal(problem(get(server, "sockets?limit=x"), 422, "invalid")["pointer"], "/limit")
    problem(get(server, "sockets?room=%zz"), 400, "bad_request")
    problem(get(server, "sockets?room=%ff"), 400, "bad_request")
    problem(get(server, "sockets?room=a&room=b"), 400, "bad_request")
    problem(post(server, "emit", {**emit, "namespace": "/none"}), 404, "unknown_namespace")
    problem(get(server, "sockets/AAAAAAAAAAAAAAAAAAAA"), 404, "unknown_socket")
    absent = {"of": {"sockets": ["AAAAAAAAAAAAAAAAAAAA"]}, "rooms": ["r"]}
    equal(good(post(server, "join", absent)), {"matched": 0})
    problem(post(server, "join", {**absent, "must_exist": True}), 404, "unknown_socket")
    problem(post(server, "emit", {"to": absent["of"], "event": "e", "must_exist": True}), 404, "unknown_socket")
    problem(http(server.port, "DELETE", "/api/v1/history?group=none", [ALL]), 501, "not_enabled")
    equal(http(server.port, "HEAD", "/api/v1/stats", [ALL]).status, 200)


def test_keys_have_scopes_and_a_rate(server):
    public = {"to": {"rooms": ["pub:1"]}, "event": "e"}
    problem(get(server, "stats", key=SOME), 403, "scope")
    problem(post(server, "emit", {**public, "to": {"rooms": ["pub:1", "private"]}}, key=SOME), 403, "scope")
    problem(post(server, "emit", {**public, "to": {"all": True}}, key=SOME), 403, "scope")
    problem(post(server, "join", {"of": {"rooms": ["pub:1"]}, "rooms": ["pub:2"]}, key=SOME), 403, "scope")

    def is_limited():
        response = post(server, "emit", public, key=SOME)
        return response.status == 429 and response

    limited = eventually(is_limited, "the rate holds") or is_limited()
    if limited:
        equal(limited.headers["retry-after"], "1")
    eventually(lambda: post(server, "emit", public, key=SOME).status == 200, "the next second comes")


# Idempotency.


def test_the_same_key_runs_once(server):
    with client_of(server) as client:
        command = {"to": {"sockets": [client.sid]}, "event": "once", "args": [1]}
        key = ("Idempotency-Key", f"k-{client.sid}")
        first = post(server, "emit", command, key)
        again = post(server, "emit", command, key)
        equal(good(first), good(again))
        equal(again.headers["idempotency-replayed"], "true")
        assert "idempotency-replayed" not in first.headers
        problem(post(server, "emit", {**command, "args": [2]}, key), 422, "key_reused")
        client.emit("echo", "end")
        equal(client.event(), ["once", 1])
        equal(client.event(), ["echo", "end"])
        command["event"] = "waits"
        command["ack"] = {"timeout_ms": 60000}
        key = ("Idempotency-Key", f"w-{client.sid}")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(post(server, "emit", command, key)))
        thread.start()
        _, number = client.event_with_ack()
        problem(post(server, "emit", command, key), 409, "in_progress")
        client.answer(number, "now")
        thread.join()
        equal(good(answers[0])["acks"][0]["args"], ["now"])
        equal(good(post(server, "emit", command, key))["acks"][0]["args"], ["now"])


def test_a_client_that_went_finds_its_answer(server):
    with client_of(server) as client:
        command = {"to": {"sockets": [client.sid]}, "event": "waits", "ack": {"timeout_ms": 60000}}
        key = ("Idempotency-Key", f"g-{client.sid}")
        body = json.dumps(command).encode()
        with Stream(connect(server.port)) as stream:
            head = f"POST /api/v1/emit HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer all\r\nContent-Type: application/json\r\nIdempotency-Key: {key[1]}\r\nContent-Length: {len(body)}\r\n\r\n"
            stream.send(head.encode() + body)
            _, number = client.event_with_ack()
        client.answer(number, "later")
        eventually(lambda: post(server, "emit", command, key).status == 200, "the answer is kept")


# Batches.


def test_batch(server):
    with client_of(server) as client:
        to = {"sockets": [client.sid]}
        body = good(
            post(
                server,
                "batch",
                {
                    "commands": [
                        {"id": "1", "emit": {"to": to, "event": "a"}},
                        {"id": "2", "emit": {"to": to, "evnt": "b"}},
                        {"join": {"of": to, "rooms": ["batch"]}},
                        {"id": "4", "emit": {"to": {"rooms": ["batch"]}, "event": "c"}},
                    ]
                },
            )
        )
        results = body["results"]
        equal(results[0], {"id": "1", "ok": {"delivered": 1}})
        equal((results[1]["id"], results[1]["error"]["code"], results[1]["error"]["pointer"]), ("2", "invalid", "/commands/1/emit/evnt"))
        equal(results[2], {"ok": {"matched": 1}})
        equal(results[3], {"id": "4", "ok": {"delivered": 1}})
        equal(client.event(), ["a"])
        equal(client.event(), ["c"])
        command = {"to": {"rooms": ["batch"]}, "event": "d"}
        equal(good(post(server, "emit", command)), {"delivered": 1})
        commands = [{"stats": {}}, {"stat": {}}, {"stats": {}}]
        equal(len(good(post(server, "batch", {"commands": commands, "stop_on_error": True}))["results"]), 2)
        equal(len(good(post(server, "batch", {"commands": commands, "parallel": True}))["results"]), 3)
        equal(good(post(server, "batch", {"commands": []})), {"results": []})
        problem(post(server, "batch", {"commands": [{"stats": {}}] * 21}), 422, "invalid")
        equal(problem(post(server, "batch", {"comands": []}), 422, "invalid")["pointer"], "/comands")
        problem(post(server, "batch", []), 422, "invalid")
        command = {"id": "k", "key": f"b-{client.sid}", "emit": {"to": to, "event": "once"}}
        results = good(post(server, "batch", {"commands": [command, command]}))["results"]
        equal(results, [{"id": "k", "ok": {"delivered": 1}}, {"id": "k", "replayed": True, "ok": {"delivered": 1}}])


# Streams.


class Pipe:
    """A stream of commands."""

    def __init__(self, server):
        self.stream = Stream(connect(server.port))
        self.stream.send(
            b"POST /api/v1/stream HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer all\r\n"
            b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        self.lines = b""
        head = self.stream.until(b"\r\n\r\n")
        assert b" 200 " in head, head

    def send(self, data):
        self.stream.send(b"%x\r\n%s\r\n" % (len(data), data))

    def command(self, value):
        self.send(json.dumps(value).encode() + b"\n")

    def end(self):
        self.stream.send(b"0\r\n\r\n")

    def result(self):
        """The next line; None: the end."""
        while b"\n" not in self.lines:
            size = int(self.stream.until(b"\r\n"), 16)
            self.lines += self.stream.exactly(size)
            self.stream.exactly(2)
            if size == 0:
                return None
        line, _, self.lines = self.lines.partition(b"\n")
        return json.loads(line)


def test_stream_is_in_order(server):
    with client_of(server) as client:
        pipe = Pipe(server)
        pipe.command({"id": "1", "emit": {"to": {"sockets": [client.sid]}, "event": "n", "args": [0]}})
        equal(pipe.result(), {"id": "1", "ok": {}})
        lines = [{"id": str(i), "emit": {"to": {"sockets": [client.sid]}, "event": "n", "args": [i]}} for i in range(1, 2000)]
        lines[700] = {"id": "701", "sockets": {"count": True}}
        sender = threading.Thread(target=lambda: pipe.send(b"\n".join(json.dumps(line).encode() for line in lines) + b"\n\n"))
        sender.start()
        for i in range(1, 2000):
            equal(pipe.result()["id"], str(i))
        sender.join()
        for i in range(2000):
            if i != 701:
                equal(client.event(), ["n", i])
        pipe.send(b'{"id":"x","stats":{"a"')
        pipe.send(b":1}}\nnothing\n")
        equal(pipe.result()["error"]["pointer"], "/stats/a")
        equal(pipe.result()["error"]["code"], "bad_request")
        pipe.send(b'{"id":"last","nodes":{}}')
        pipe.end()
        equal(pipe.result()["id"], "last")
        equal(pipe.result(), None)
        pipe.stream.close()


def test_stream_ends_at_a_line_too_long(server):
    pipe = Pipe(server)
    sender = threading.Thread(target=lambda: pipe.send(b" " * ((1 << 20) + 100000)))
    sender.start()
    equal(pipe.result()["error"]["code"], "too_large")
    equal(pipe.result(), None)
    sender.join()
    pipe.stream.close()


def test_stream_client_that_goes(server):
    with client_of(server) as client:
        pipe = Pipe(server)
        pipe.command({"emit": {"to": {"sockets": [client.sid]}, "event": "q", "ack": {"timeout_ms": 60000}}})
        equal(client.event(), ["q"])
        pipe.stream.abort()
        equal(good(get(server, "nodes"))["nodes"][0]["id"], "n1")


# Memory that ends.

READS = ("sockets?limit=5", "sockets?count", "rooms", "nodes", "history?group=h1", "presence?group=h1", "presence?room=r", "stats")
COMMANDS = [
    ("emit", {"to": {"rooms": ["r"], "users": ["u"]}, "event": "e", "args": [{"_placeholder": True, "num": 0}, "é"], "attachments": ["AAEC"]}),
    ("emit", {"to": {"users": ["nobody"]}, "event": "q", "ack": {"timeout_ms": 1}}),
    ("join", {"of": {"all": True}, "rooms": ["r"]}),
    ("leave", {"of": {"all": True}, "rooms": ["r"]}),
    ("update", {"of": {"users": ["u"]}, "meta": {"a": [1, 2]}, "expires_at": 4000000000}),
    ("batch", {"commands": [{"id": "1", "key": "k", "stats": {}}, {"sockets": {}}, {"presence": {"room": "r"}}]}),
]
SLOW = 5  # seconds after which a request is told of: it may be what makes a test too long


def asked(server, ask, *arguments):
    """An answer; None: the connection had no memory for it, and has ended.  One of the two comes."""
    begun = time.monotonic()
    try:
        return ask(server, *arguments)
    except (ConnectionError, EOFError):
        return None
    except TimeoutError:
        server.signal(signal.SIGUSR1)
        eventually(lambda: "commands that wait" in server.said(), "the server says what it does")
        raise AssertionError(f"no answer in {LIMIT} s, and no end of the connection: {arguments}\n{server.said()}") from None
    finally:
        if (took := time.monotonic() - begun) > SLOW:
            print(f"{took:.1f} s: {arguments}", flush=True)


def is_whole(response, *more):
    """What came is a success, or a problem that says that the server is short of memory; 500 when it was for the words."""
    assert response is None or response.status in (200, 500, 503, *more), response
    if response and response.body and response.headers.get("content-type", "").startswith("application/"):
        json.loads(response.body)


def test_memory_ends_now_and_then():
    for every in (7, 23, 61, 97):
        with Program([os.environ["API_SERVER"]], r"^port (\d+)$", env={"API_FAILS_EVERY": str(every)}) as server:
            for i in range(30):
                path, body = COMMANDS[i % len(COMMANDS)]
                is_whole(asked(server, post, path, body, ("Idempotency-Key", f"key-{i % 20}")))
                for read in ("sockets?limit=5", "rooms", "nodes", "history?group=h1"):
                    is_whole(asked(server, get, read))


class Failing:
    """Which allocations of a server fail."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(bytes(mmap.PAGESIZE))
        self.file.flush()
        self.numbers = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)

    def choose(self, first, num=1):
        """From the next one on, counted from 1; 0: none."""
        self.numbers[4:8] = bytes(4)
        self.numbers[0:12] = struct.pack("=III", 0, first, num)

    def count(self, function):
        """How many there are while something is done, the second time."""
        function()
        self.choose(0)
        function()
        return struct.unpack("=I", self.numbers[0:4])[0]

    def server(self):
        return Program([os.environ["API_SERVER"]], r"^port (\d+)$", env={"API_FAILS_BY": self.file.name})

    def each(self, function, num=1):
        """Calls function with each allocation failing that it makes the server do, in turn, and with none."""
        self.choose(0)
        for first in range(1, self.count(lambda: function("none")) + 4):
            self.choose(first, num)
            function(f"{num}-{first}")
            self.choose(0)


def test_each_allocation_fails():
    failing = Failing()
    with failing.server() as server:
        for num in (1, 3):
            for read in READS:
                failing.each(lambda _, read=read: is_whole(asked(server, get, read)), num)
            for i, (path, body) in enumerate(COMMANDS):
                failing.each(lambda key, path=path, body=body, i=i: is_whole(asked(server, post, path, body, ("Idempotency-Key", f"{i}-{key}"))), num)


def test_who_is_there_is_found_or_memory_ended():
    """What could not be looked at is not taken for absent."""
    failing = Failing()
    with failing.server() as server, client_of(server, "u") as client:
        body = {"of": {"users": ["u"]}, "rooms": ["r"], "must_exist": True}

        def join_it(key):
            response = asked(server, post, "join", body, ("Idempotency-Key", key))
            is_whole(response, *((404,) if client.failure else ()))

        def find_it(_):
            is_whole(asked(server, get, f"sockets/{client.sid}"), *((404,) if client.failure else ()))

        failing.each(join_it)
        failing.each(find_it)


def results_of(server):
    """The lines that a stream of three commands answers with."""
    commands = [{"id": "a", "sockets": {}}, {"id": "b", "emit": {"to": {"rooms": ["r"]}, "event": "e"}}, {"id": "c", "rooms": {}}]
    pipe = Pipe(server)
    try:
        for command in commands:
            pipe.command(command)
        pipe.end()
        lines = []
        while (line := pipe.result()) is not None:
            lines.append(line)
        return lines
    finally:
        pipe.stream.close()


def test_a_stream_that_ends_well_is_whole():
    failing = Failing()
    with failing.server() as server:

        def run_it(_):
            try:
                lines = asked(server, results_of)
            except AssertionError as refused:
                assert " 503 " in str(refused), refused
                return
            # Of a line that could not be read the id is not known.
            assert lines is None or (len(lines) == 3 and all(line.get("id", name) == name for line, name in zip(lines, "abc"))), lines

        failing.each(run_it)


def test_answers_get_lost():
    """What cannot be posted to the loop of who asks is answered for soon, not when all patience is over."""
    with Program([os.environ["API_SERVER"]], r"^port (\d+)$", env={"API_LOSES_POSTS": "1"}) as server:
        for _ in range(12):
            problem(asked(server, get, "sockets"), 503, "overloaded")
            problem(asked(server, get, "rooms"), 503, "overloaded")
        # What was done all the same says so.
        for _ in range(12):
            equal(good(asked(server, post, "emit", {"to": {"rooms": ["kept1"]}, "event": "e"})), {})
        with client_of(server) as one, client_of(server) as two:
            threads = [answering(one, 1), answering(two, 2)]
            command = {"to": {"sockets": [one.sid, two.sid]}, "event": "q", "ack": {"timeout_ms": 60000}}
            problem(asked(server, post, "emit", command), 503, "overloaded")
            for thread in threads:
                thread.join()


if __name__ == "__main__":
    run(globals(), make_server)
