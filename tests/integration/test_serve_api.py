# SPDX-License-Identifier: MIT
"""yodel serve: the HTTP API on its listeners, its keys and their exchange, what it counts."""

import hashlib
import json
import os
import socket

from harness import Stream, equal, eventually, http, request_bytes, run
from sio_client import ConnectError, SioClient
from yodel_program import Configured, Yodel, folder, yodel

JSON = ("Content-Type", "application/json")


def hashed(key):
    return hashlib.sha256(key.encode()).hexdigest()


def config(path, keys, namespaces="{name: /, auth: none, personal_room: 'user:{user}'}"):
    return f"""
listen:
  - {{name: public, address: "127.0.0.1:0"}}
  - {{name: internal, address: "127.0.0.1:0", serve: [api, metrics, health]}}
  - {{name: file, address: "unix:{path}/api.sock", mode: "0600", serve: [api]}}
namespaces: [{namespaces}]
api: {{commands: 3, keys: [{", ".join(keys)}]}}
shutdown: {{spread: 0s}}
"""


ALL = f"{{name: all, sha256: {hashed('first')}, scopes: [emit, rooms, read, admin]}}"
SOME = f"{{name: some, sha256: {hashed('second')}, scopes: [emit], rooms: ['pub:*'], namespaces: [/], rate: 2/h}}"


class Server(Configured):
    def __init__(self, keys, more=""):
        super().__init__(lambda path: config(path, keys) + more)

    def call(self, method, path, body=None, key="first", port=None):
        headers = [("Authorization", f"Bearer {key}")] if key else []
        return http(
            port or self.yodel.internal,
            method,
            f"/api/v1/{path}",
            [*headers, JSON],
            json.dumps(body).encode() if body is not None else b"",
        )

    def code(self, *words, **options):
        response = self.call(*words, **options)
        return 200 if response.status == 200 else (response.status, json.loads(response.body)["code"])



def emit(room, event="said", namespace="/"):
    return {"namespace": namespace, "to": {"rooms": [room]}, "event": event, "args": [1]}


def test_commands_reach_clients():
    with Server([ALL, SOME]) as server, SioClient(server.yodel.port) as client:
        equal(server.code("POST", "join", {"of": {"sockets": [client.sid]}, "rooms": ["pub:1"]}), 200)
        eventually(lambda: b'"count":1' in server.call("GET", "rooms?prefix=pub").body, "it has joined")
        equal(server.code("POST", "emit", emit("pub:1")), 200)
        equal(client.event(), ["said", 1])
        # The other key: its rooms, its scope, its rate.
        equal(server.code("POST", "emit", emit("pub:1"), key="second"), 200)
        equal(client.event(), ["said", 1])
        equal(server.code("POST", "emit", emit("private"), key="second"), (403, "scope"))
        equal(server.code("GET", "sockets", key="second"), (403, "scope"))
        equal(server.code("POST", "emit", emit("pub:1"), key="second"), 200)
        equal(server.code("POST", "emit", emit("pub:1"), key="second"), (429, "rate_limited"))
        for key in ("third", ""):
            equal(server.code("GET", "stats", key=key), (401, "unauthorized"))
        equal(server.call("GET", "stats", port=server.yodel.port).status, 404)
        equal(server.call("GET", "nodes", key="first").status, 200)
        equal(server.code("POST", "batch", {"commands": [{"stats": {}}] * 4}), (422, "invalid"))


def test_updates_are_of_every_namespace():
    with Server([ALL]) as server, SioClient(server.yodel.port) as client:
        equal(server.code("POST", "update", {"of": {"all": True}, "meta": {"a": 1}}), 200)
        show = lambda: json.loads(server.call("GET", f"sockets/{client.sid}").body)
        eventually(lambda: show().get("meta") == {"a": 1}, "the update is seen")


def test_a_unix_socket_needs_no_key():
    with Server([]) as server:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(server.path / "api.sock"))
            sock.settimeout(30)
            stream = Stream(sock)
            stream.send(request_bytes("GET", "/api/v1/config"))
            response = stream.response()
            equal(response.status, 200)
            equal(json.loads(response.body)["api"]["commands"], 3)
            stream.send(request_bytes("GET", "/api/v1/stats", [("Authorization", "Bearer wrong")]))
            equal(stream.response().status, 401)
            stream.send(request_bytes("GET", "/metrics"))
            equal(stream.response().status, 404)
        equal(os.stat(server.path / "api.sock").st_mode & 0o777, 0o600)


def test_rooms_have_history():
    with Server([ALL], 'rooms: [{match: "kept:*", history: {size: 2}}]\n') as server, SioClient(server.yodel.port) as client:
        to = {"of": {"sockets": [client.sid]}, "rooms": ["kept:1", "open"]}
        equal(server.code("POST", "join", to), 200)
        for number in range(3):
            for room in ("kept:1", "open"):
                command = {"to": {"rooms": [room]}, "event": "e", "args": [number]}
                equal(server.code("POST", "emit", command), 200)
                equal(client.event(), ["e", number])
        kept = json.loads(server.call("GET", "history?room=kept:1").body)
        equal([(item["event"], item["args"]) for item in kept["items"]], [("e", [1]), ("e", [2])])
        equal(server.code("GET", "history?room=open"), (501, "not_enabled"))
        equal(server.code("DELETE", "history?room=kept:1"), 200)
        equal(json.loads(server.call("GET", "history?room=kept:1").body)["items"], [])


def test_a_unix_socket_is_for_some_users():
    with folder() as path:
        for users, status in ((f"{os.getuid()}", 200), (f"{os.getuid() + 1}, 4294967294", 401)):
            text = config(path, []).replace("{commands:", f"{{unix_users: [{users}], commands:")
            (path / "yodel.yaml").write_text(text)
            with Yodel("-c", str(path / "yodel.yaml")):
                equal(http(0, "GET", "/api/v1/stats", host=str(path / "api.sock")).status, status)
        (path / "yodel.yaml").write_text(config(path, []).replace("{commands:", "{unix_users: [no such user], commands:"))
        assert "there is no user no such user" in yodel("serve", "-c", str(path / "yodel.yaml"), status=78)[1]


def test_the_configuration_is_shown_without_secrets():
    with Server([ALL, SOME]) as server:
        body = server.call("GET", "config").body
        equal([key["name"] for key in json.loads(body)["api"]["keys"]], ["all", "some"])
        assert hashed("first") not in body.decode(), body
        equal(server.code("GET", "config", key="second"), (403, "scope"))


def test_keys_are_exchanged():
    fresh = f"{{name: fresh, sha256: {hashed('third')}, scopes: [read, emit, admin]}}"
    with Server([ALL, SOME]) as server, SioClient(server.yodel.port) as client:
        with socket.create_connection(("127.0.0.1", server.yodel.internal), 30) as sock:
            pipe = Stream(sock)
            pipe.send(
                b"POST /api/v1/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer first\r\n"
                b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            line = b'{"stats":{}}\n'
            chunk = b"%x\r\n%s\r\n" % (len(line), line)
            pipe.send(chunk)
            pipe.until(b'"ok"')
            server.reload(
                config(server.path, [fresh], "{name: /, auth: none}, {name: /new, auth: none, personal_room: 'u:{user}'}")
            )
            pipe.send(chunk)
            pipe.until(b'"unauthorized"')
        equal(server.code("GET", "stats"), (401, "unauthorized"))
        equal(server.code("GET", "stats", key="third"), 200)
        # A namespace of the reload: the API finds it, and its users' rooms.
        with SioClient(server.yodel.port, "/new") as other:
            equal(server.code("POST", "emit", {"namespace": "/new", "to": {"all": True}, "event": "e"}, key="third"), 200)
            equal(other.event(), ["e"])
        to_user = {"namespace": "/new", "to": {"users": ["u7"]}, "event": "e"}
        equal(server.code("POST", "emit", to_user, key="third"), 200)
        equal(server.code("POST", "emit", to_user | {"namespace": "/"}, key="third"), (501, "not_enabled"))
        equal(server.code("POST", "emit", to_user | {"namespace": "/no"}, key="third"), (404, "unknown_namespace"))
        # A configuration that is refused changes no key.
        server.reload(config(server.path, [ALL]) + "log: {level: debg}\n", "all stays as it was")
        equal(server.code("GET", "stats"), (401, "unauthorized"))
        equal(server.code("GET", "stats", key="third"), 200)
        # One that a reload took away lets nobody in any more; who is in stays.
        server.reload(config(server.path, [fresh], "{name: /new, auth: none}"))
        for name in ("/", "/never"):
            try:
                SioClient(server.yodel.port, name)
                raise AssertionError(name)
            except ConnectError as error:
                equal(error.args[0], {"message": "Invalid namespace"})
        equal(server.code("POST", "emit", {"to": {"all": True}, "event": "still"}, key="third"), 200)
        equal(client.event(), ["still"])


def test_commands_are_counted():
    with Server([ALL]) as server:
        assert 'yodel_api_requests_total{command="emit",code="ok",key="all"} 0\n' in server.metrics()
        equal(server.code("GET", "stats"), 200)
        equal(server.code("POST", "emit", {"event": "e"}), (422, "invalid"))
        metrics = server.metrics()
        for line in (
            'yodel_api_requests_total{command="stats",code="ok",key="all"} 1\n',
            'yodel_api_requests_total{command="emit",code="invalid",key="all"} 1\n',
            'yodel_api_request_duration_seconds_count{command="stats"} 1\n',
            'yodel_api_request_duration_seconds_bucket{command="stats",le="+Inf"} 1\n',
        ):
            assert line in metrics, line


run(dict(globals()))
