# SPDX-License-Identifier: MIT
"""yodel serve: which rooms have history, by patterns, in namespaces that a reload adds, and on two nodes with Redis."""

import hashlib
import json
import signal

from harness import equal, eventually, http, run
from redis_server import RedisServer
from sio_client import SioClient, until_it_arrives
from yodel_program import Yodel, folder

CONFIG = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [api, metrics, health]}
shutdown: {spread: 0s, drain: 3s, webhook_flush: 1s}
api: {keys: [{name: all, sha256: HASH, scopes: [emit, rooms, read, admin, process]}]}
"""
HEADERS = [("Authorization", "Bearer first"), ("Content-Type", "application/json")]
PATTERNS = 'rooms: [{match: "*:quiet"}, {match: "a*:*:z", history: {size: 3}}, {match: "lobby", history: {size: 2, ttl: 1m}}]\n'


class Server:
    """One node; its rooms and namespaces change by reloads."""

    def __init__(self, text, namespaces="/", more=""):
        self.folder, self.more = folder(), more
        self.path = self.folder.__enter__() / "yodel.yaml"  # pylint: disable=unnecessary-dunder-call
        self.write(text, namespaces)
        self.yodel = Yodel("-c", str(self.path))
        self.port = self.yodel.port

    def write(self, text, namespaces):
        spaces = ", ".join(f"{{name: {name}, auth: none}}" for name in namespaces.split())
        self.path.write_text(CONFIG.replace("HASH", hashlib.sha256(b"first").hexdigest()) + self.more + f"namespaces: [{spaces}]\n" + text)

    def reload(self, text, namespaces="/"):
        """By SIGHUP; returns the lines that it has added to the log."""
        before, had = self.yodel.said().count("reload: done"), len(self.yodel.said())
        self.write(text, namespaces)
        self.yodel.signal(signal.SIGHUP)
        eventually(lambda: self.yodel.said().count("reload: done") > before, "the reload is done")
        return self.yodel.said()[had:]

    def call(self, method, path, body=None):
        response = http(self.yodel.internal, method, f"/api/v1/{path}", HEADERS, json.dumps(body).encode() if body is not None else b"")
        return response.status, json.loads(response.body)

    def emit(self, room, *args, namespace="/"):
        status, body = self.call("POST", "emit", {"namespace": namespace, "to": {"rooms": [room]}, "event": "e", "args": list(args)})
        equal(status, 200, body)
        return body

    def kept(self, room, namespace="/"):
        """The first argument of each kept event; None: no history is kept."""
        status, body = self.call("GET", f"history?room={room.replace('#', '%23')}&namespace={namespace}")
        if status == 501:
            equal(body["code"], "not_enabled")
            return None
        equal(status, 200, body)
        return [item["args"][0] for item in body["items"]]

    def join(self, client, *rooms, namespace="/"):
        equal(self.call("POST", "join", {"namespace": namespace, "of": {"sockets": [client.sid]}, "rooms": list(rooms)})[0], 200)

    def __enter__(self):
        self.yodel.__enter__()
        return self

    def __exit__(self, *error):
        self.yodel.__exit__(*error)
        self.folder.__exit__(*error)


def test_patterns_have_stars_anywhere():
    with Server(PATTERNS, "/ /chat") as server:
        for room, kept in (
            ("a:b:z", [1]),
            ("a1:2:3:z", [1]),
            ("a:z", None),
            ("a:b:z:quiet", None),
            ("lobby", [1]),
            ("x#lobby", None),
            ("lobby#", None),
        ):
            for namespace in ("/", "/chat"):
                server.emit(room, 1, namespace=namespace)
                equal(server.kept(room, namespace), kept, room)
                if kept is None:
                    equal(server.call("DELETE", f"history?room={room.replace('#', '%23')}&namespace={namespace}")[0], 501)
        equal(server.call("DELETE", "history?room=lobby&namespace=/chat")[0], 200)
        equal([server.kept("lobby", "/chat"), server.kept("lobby")], [[], [1]])


def test_namespaces_of_a_reload_have_history_at_once():
    with Server(PATTERNS) as server:
        said = server.reload(PATTERNS, "/ /late")
        assert "needs a restart" not in said, said
        with SioClient(server.port, "/late") as client:
            server.join(client, "lobby", namespace="/late")
            for number in range(3):
                server.emit("lobby", number, namespace="/late")
                equal(client.event(), ["e", number])
            equal(server.kept("lobby", "/late"), [1, 2])
            equal(server.kept("lobby"), [])


def test_a_reload_changes_what_is_kept():
    with Server("") as server, SioClient(server.port) as client:
        server.join(client, "lobby")
        server.emit("lobby", 0)
        equal([client.event(), server.kept("lobby")], [["e", 0], None])
        said = server.reload('rooms: [{match: "l*y", history: {size: 3}}]\n')
        assert "reload: rooms.l*y has changed" in said and "needs a restart" not in said, said
        for number in range(1, 4):
            server.emit("lobby", number)
            equal(client.event(), ["e", number])
        equal(server.kept("lobby"), [1, 2, 3])
        said = server.reload('rooms: [{match: "l*y", history: {size: 2}}]\n')
        assert "rooms.l*y.history.size has changed" in said and "needs a restart" not in said, said
        server.emit("lobby", 4)
        equal([client.event(), server.kept("lobby")], [["e", 4], [3, 4]])
        server.reload('rooms: [{match: "lo*"}, {match: "l*y", history: {size: 2}}]\n')
        server.emit("lobby", 5)
        equal([client.event(), server.kept("lobby")], [["e", 5], None])
        said = server.reload('rooms: [{match: "l*y", history: {size: 2, ttl: 1h}}, {match: "lo*"}]\n')
        assert "needs a restart" not in said, said
        equal(server.kept("lobby"), [3, 4])
        said = server.reload('rooms: [{match: "l*y", history: {size: 2, ttl: 1s}}, {match: "lo*"}]\n')
        assert "needs a restart" not in said, said
        server.emit("lobby", 6)
        equal(client.event(), ["e", 6])
        eventually(lambda: server.kept("lobby") == [], "what is kept by the new ttl has gone")
        # What the process refuses changes nothing.
        server.path.write_text(server.path.read_text().replace("l*y", "other").replace("size: 2", "size: two"))
        before = server.yodel.said().count("all stays as it was")
        server.yodel.signal(signal.SIGHUP)
        eventually(lambda: server.yodel.said().count("all stays as it was") > before, "the reload is refused")
        assert server.kept("lobby") is not None and server.kept("other") is None


def offsets(server, room):
    return [item["offset"] for item in server.call("GET", f"history?room={room}")[1]["items"]]


def test_an_emit_is_told_its_offset():
    with Server(PATTERNS) as server:
        told = [server.emit("lobby", number) for number in range(2)]
        equal([list(body) for body in told], [["offset"]] * 2)
        equal([body["offset"] for body in told], offsets(server, "lobby"))
        equal(server.call("GET", f"history?room=lobby&since={told[0]['offset']}")[1]["items"][0]["args"], [1])
        equal(server.emit("other", 1), {"delivered": 0})
        command = {"to": {"rooms": ["lobby"]}, "event": "e", "args": [2]}
        equal(server.call("POST", "emit", {**command, "history": False})[1], {"delivered": 0})
        equal(server.call("POST", "emit", {**command, "to": {"rooms": ["lobby", "other"]}})[1], {"delivered": 0})
        results = server.call("POST", "batch", {"commands": [{"emit": command}, {"emit": command}]})[1]["results"]
        equal([result["ok"]["offset"] for result in results], offsets(server, "lobby"))
        status, body = server.call("POST", "emit", {"to": {"groups": ["lobby"]}, "event": "message", "args": ["x"]})
        equal([status, [body["offset"]]], [200, [item["offset"] for item in server.call("GET", "history?group=lobby")[1]["items"]]])
        equal(server.call("POST", "emit", {"to": {"groups": ["lobby", "lobby"]}, "event": "message", "args": ["x"]}), (200, {}))


def test_an_emit_is_answered_without_redis():
    with RedisServer() as redis:
        with node(redis, "redis", PATTERNS) as server, SioClient(server.port) as client:
            server.join(client, "lobby")
            equal([server.emit("lobby", 0)["offset"]], offsets(server, "lobby"))
            equal(client.event(), ["e", 0])
            redis.kill()
            for number in range(1, 4):
                equal(server.emit("lobby", number), {})
                equal(client.event(), ["e", number])
            redis.start()
            eventually(lambda: "offset" in server.emit("lobby", 4), "Redis takes it")


def node(redis, adapter, text, name="n1"):
    more = f'redis: {{url: "{redis.url}", adapter: {adapter}, lease: 2s}}\nserver: {{id: {name}}}\n'
    return Server(text, more=more)


def follows(server, room, own, other):
    """Waits until the other node follows the room, which may take a moment after a join or a reload."""

    def emit(arg):
        server.emit(room, arg)
        equal(own.event(), ["e", arg])

    until_it_arrives(emit, other)


def test_two_nodes_with_redis():
    with RedisServer() as redis:
        for adapter in ("redis", "sharded", "streams"):
            none = 'rooms: [{match: "none"}]\n'
            with node(redis, adapter, none) as one, node(redis, adapter, none, "n2") as two:
                for server in (one, two):
                    eventually(lambda server=server: len(server.call("GET", "nodes")[1]["nodes"]) == 2, "two nodes")
                room = f"a:{adapter}:z"
                with SioClient(one.port) as near, SioClient(two.port) as far:
                    one.join(near, room)
                    two.join(far, room)
                    follows(one, room, near, far)
                    one.emit(room, 0)
                    equal([near.event(), far.event()], [["e", 0]] * 2)
                    # Members are there already; both nodes keep their room from now on.
                    for server in (one, two):
                        server.reload(PATTERNS, "/ /late")
                    follows(one, room, near, far)
                    follows(two, room, far, near)
                    one.emit(room, 1)
                    two.emit(room, 2)
                    equal([[client.event(), client.event()] for client in (near, far)], [[["e", 1], ["e", 2]]] * 2)
                    for server in (one, two):
                        equal(server.kept(room)[-2:], [1, 2])
                    # And those of a namespace that the reload has made.
                    with SioClient(two.port, "/late") as late:
                        two.join(late, "lobby", namespace="/late")
                        until_it_arrives(lambda arg: one.emit("lobby", arg, namespace="/late"), late)
                        equal(two.kept("lobby", "/late")[-1], "arrived")
                        equal(one.call("DELETE", "history?room=lobby&namespace=/late")[0], 200)
                        equal(two.kept("lobby", "/late"), [])
                    # Where one node does not keep it any more its members get what the other one keeps.
                    two.reload(none)
                    one.emit(room, 3)
                    equal([near.event(), far.event()], [["e", 3]] * 2)
                    equal([one.kept(room), two.kept(room)], [[1, 2, 3], None])
                    two.emit(room, 4)
                    equal([near.event(), far.event()], [["e", 4]] * 2)
                    assert not near.has_event() and not far.has_event()


run(dict(globals()))
