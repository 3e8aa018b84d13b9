# SPDX-License-Identifier: MIT
"""One Socket.IO service with Flask-SocketIO and python-socketio, by Redis."""

import base64
import contextlib
import importlib.util
import json
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import time

from harness import ROOT, Program, equal, eventually, http, run, skip
from redis_server import RedisServer
from sio_client import SioClient

APPS = os.environ.get("YODEL_TESTAPPS", str(ROOT / "build/dev/yodel-testapps"))
PEERS = pathlib.Path(__file__).parent / "peers"
CHANNEL = "flask-socketio"
LIST, BARE, PLAIN, PICKLE = range(4)
QUIET = 0.3  # seconds in which what should not come would have come


def b64(data):
    return {"$bytes": base64.b64encode(data).decode()}


def many(*values):
    return {"$tuple": list(values)}


def need_python():
    for module in ("flask_socketio", "socketio", "redis", "eventlet"):
        if importlib.util.find_spec(module) is None:
            skip(f"{module} is not installed (see packages.txt)")


class Yodel(Program):
    """features-app on the channel; ctl() is its remote control."""

    def __init__(self, redis, data=PICKLE, channel=CHANNEL):
        words = ["--port", "0", "--redis", redis.url, "--python", channel, "--python-data", str(data)]
        super().__init__([APPS, "features-app", *words], r"^PORT (\d+)$")
        self.channel, self.redis = channel, redis
        self.control = SioClient(self.port, "/ctl")

    def client(self, namespace="/"):
        client = SioClient(self.port, namespace)
        while client.has_event(0.05):
            client.event()
        return client

    def ctl(self, call, *args, nsp="/", chain=()):
        command = {"nsp": nsp, "chain": list(chain), "call": call, "args": list(args)}
        return self.control.call("ctl", command)[0]

    def stats(self):
        return self.control.call("python-stats")[0]

    def stop(self):
        self.control.close()
        super().stop()


class Flask(Program):
    """A Flask-SocketIO server of Debian's."""

    def __init__(self, redis, channel=CHANNEL):
        need_python()
        super().__init__([sys.executable, str(PEERS / "flask_peer.py"), redis.url, channel], r"^PORT (\d+)$")
        self.client().close()  # it subscribes with the first request

    def do(self, call, *args, callback=False, **options):
        order = {"call": call, "args": args, "options": options, "callback": callback}
        answer = http(
            self.port, "POST", "/do", [("Content-Type", "application/json")], json.dumps(order).encode()
        )
        equal(answer.status, 200, answer.body[-500:])

    def answers(self):
        return http(self.port, "GET", "/answers").json()

    def client(self, namespace="/"):
        return SioClient(self.port, namespace)

    def stop(self):
        self.kill()


@contextlib.contextmanager
def world(*makers):
    """A Redis and programs on it; all have subscribed when it begins."""
    with RedisServer() as redis, contextlib.ExitStack() as stack:
        programs = [stack.enter_context(make(redis)) for make in makers]
        channel = programs[0].channel if programs else CHANNEL
        eventually(lambda: redis.num_subscribers(channel) == len(programs), "all have subscribed")
        yield (redis, *programs)


def emit_outside(redis, kind, *orders):
    """Runs a process that emits and ends."""
    need_python()
    lines = "".join(json.dumps({"call": "emit", "args": args, "options": options}) + "\n" for args, options in orders)
    subprocess.run(
        [sys.executable, str(PEERS / "flask_emit.py"), redis.url, CHANNEL, kind],
        input=lines.encode(),
        check=True,
        timeout=100,
    )


def is_quiet(*clients):
    time.sleep(QUIET)
    for client in clients:
        assert not client.has_event(), client.events


# Debian's python-socketio, which writes pickles.


def test_emits_of_a_process_without_clients():
    need_python()
    with world(Yodel) as (redis, yodel):
        a, b = yodel.client(), yodel.client()
        chat = yodel.client("/chat")
        orders = [
            (["one", {"a": [1, None, True, 1.5, "д"]}], {}),
            (["several", many(1, "two", [3])], {}),
            (["a list", [1, 2]], {}),
            (["nothing", None], {}),
            (["binary", {"x": b64(b"\0\xff"), "y": [b64(b"")]}], {}),
            (["to a", 1], {"room": a.sid}),
            (["not a", 2], {"skip_sid": a.sid}),
            (["chat", "hello"], {"namespace": "/chat"}),
        ]
        emit_outside(redis, "manager", *orders)
        for client in (a, b):
            equal(client.event(), ["one", {"a": [1, None, True, 1.5, "д"]}])
            equal(client.event(), ["several", 1, "two", [3]])
            equal(client.event(), ["a list", [1, 2]])
            equal(client.event(), ["nothing"])
            equal(client.event(), ["binary", {"x": b"\0\xff", "y": [b""]}])
        equal(a.event(), ["to a", 1])
        equal(b.event(), ["not a", 2])
        equal(chat.event(), ["chat", "hello"])
        is_quiet(a, b, chat)
        emit_outside(redis, "flask", (["flask", {"x": 1}], {"to": b.sid}), (["all", many(1, 2)], {}))
        equal(b.event(), ["flask", {"x": 1}])
        equal(a.event(), ["all", 1, 2])
        equal(b.event(), ["all", 1, 2])


def test_one_room_with_flask():
    with world(Yodel, Flask) as (_, yodel, flask):
        ours, theirs = yodel.client(), flask.client()
        ours.call("join", "room")
        equal(theirs.call("join", "room"), ["joined"])
        flask.do("emit", "from flask", {"n": 1}, to="room")
        equal(ours.event(), ["from flask", {"n": 1}])
        equal(theirs.event(), ["from flask", {"n": 1}])
        yodel.ctl("emit", "from yodel", {"n": 2}, chain=[["to", "room"]])
        equal(ours.event(), ["from yodel", {"n": 2}])
        equal(theirs.event(), ["from yodel", {"n": 2}])
        theirs.emit("say", "room", "hello")
        equal(ours.event(), ["said", {"text": "hello"}])
        equal(theirs.event(), ["said", {"text": "hello"}])
        # several arguments, binary, none: both ways
        yodel.ctl("emit", "several", 1, [2], None)
        yodel.ctl("emit", "binary", {"$bin": [0, 255]}, chain=[["to", "room"]])
        yodel.ctl("emit", "nothing", chain=[["except", [ours.sid]]])
        equal(theirs.event(), ["several", 1, [2], None])
        equal(theirs.event(), ["binary", b"\0\xff"])
        equal(theirs.event(), ["nothing"])
        flask.do("emit", "back", many(1, b64(b"\1")), skip_sid=theirs.sid)
        equal(ours.until("back"), [1, b"\1"])
        is_quiet(theirs)


def test_callbacks_both_ways():
    with world(Yodel, Yodel, Flask, Flask) as (redis, yodel, third, flask, other):
        with redis.client() as spy:
            spy.call("SUBSCRIBE", CHANNEL)
            ours, theirs = third.client(), flask.client()
            flask.do("emit", "q", 7, to=ours.sid, callback=True)
            event, number = ours.event_with_ack()
            equal(event, ["q", 7])
            ours.answer(number, "reply", {"x": [1]})
            eventually(lambda: flask.answers() == [["reply", {"x": [1]}]], "the callback is called")
            ask = yodel.control.begin_call(
                "ctl",
                {"nsp": "/", "chain": [["timeout", 5000], ["to", theirs.sid]], "call": "emitWithAck", "args": ["q", 8]},
            )
            event, number = theirs.event_with_ack()
            equal(event, ["q", 8])
            theirs.answer(number, "yes", 9)
            equal(yodel.control.end_call(ask)[0], {"ok": ["yes"]})
            equal(other.answers(), [])
            said = [pickle.loads(spy.read()[2]) for _ in range(4)]
            spy.socket.settimeout(QUIET)
            with contextlib.suppress(TimeoutError):
                while True:
                    said.append(pickle.loads(spy.read()[2]))
            equal([message["method"] for message in said], ["emit", "callback", "emit", "callback"])


def test_callback_of_nobody_and_binary_answers():
    with world(Yodel, Flask) as (redis, yodel, flask):
        ours = yodel.client()
        with redis.client() as spy:
            spy.call("SUBSCRIBE", CHANNEL)
            order = {"method": "emit", "event": "q", "data": 1, "room": ours.sid, "host_id": "0" * 32}
            redis.call("PUBLISH", CHANNEL, pickle.dumps({**order, "callback": (ours.sid, "/", 3)}))
            _, number = ours.event_with_ack()
            ours.answer(number, b"\1\2", "x")
            spy.read()
            expected = {"method": "callback", "host_id": "0" * 32, "sid": ours.sid, "namespace": "/", "id": 3}
            equal(pickle.loads(spy.read()[2]), {**expected, "args": [b"\1\2", "x"]})
        flask.do("emit", "q", 1, to=ours.sid, callback=True)
        _, number = ours.event_with_ack()
        ours.answer(number, b"\1\2", "x")
        eventually(lambda: flask.answers() == [[b64(b"\1\2"), "x"]], "binary comes back")


def test_disconnect_and_close_room():
    with world(Yodel, Flask) as (_, yodel, flask):
        first, second, theirs = yodel.client(), yodel.client(), flask.client()
        for client in (first, second, theirs):
            client.call("join", "room")
        flask.do("disconnect", first.sid)
        equal(first.event(), ["disconnect"])
        flask.do("disconnect", first.sid)  # it has just left: nothing, and the listener lives
        flask.do("emit", "gone", 1, to=first.sid)
        flask.do("emit", "still", 1, to="room")
        equal(second.event(), ["still", 1])
        equal(theirs.event(), ["still", 1])
        flask.do("close_room", "room")
        flask.do("emit", "nobody", 1, to="room")
        flask.do("emit", "all", 2)
        equal(second.event(), ["all", 2])
        equal(theirs.event(), ["all", 2])
        for client in (second, theirs):
            client.call("join", "other")
        yodel.ctl("socketsLeave", "other", chain=[["in", "other"]])
        yodel.ctl("emit", "nobody", chain=[["to", "other"]])
        yodel.ctl("disconnectSockets", chain=[["in", theirs.sid]])
        equal(theirs.event(), ["disconnect"])
        is_quiet(second)


# The newer versions, which write JSON: exactly the bytes that they publish.


def message_of(event, data, **others):
    names = {"namespace": "/", "room": None, "skip_sid": None, "callback": None, "host_id": "a" * 32}
    return json.dumps({"method": "emit", "event": event, **data, **{**names, **others}})


def test_lists_of_5_15_1():
    with world(lambda redis: Yodel(redis, LIST)) as (redis, yodel):
        ours = yodel.client()
        redis.call("PUBLISH", CHANNEL, message_of("a", {"data": [{"x": "д"}], "binary": False}))
        redis.call("PUBLISH", CHANNEL, message_of("b", {"data": [1, [2]], "binary": False}))
        binary = [[{"_placeholder": True, "num": 0}, 1], "AAH/"]
        redis.call("PUBLISH", CHANNEL, message_of("c", {"data": binary, "binary": True}, room=[ours.sid, "x"]))
        equal(ours.event(), ["a", {"x": "д"}])
        equal(ours.event(), ["b", 1, [2]])
        equal(ours.event(), ["c", b"\0\1\xff", 1])
        for method in ("enter_room", "leave_room"):
            order = {"method": method, "sid": ours.sid, "room": "r", "namespace": "/", "host_id": "a" * 32}
            redis.call("PUBLISH", CHANNEL, json.dumps(order))
            redis.call("PUBLISH", CHANNEL, message_of(method, {"data": [], "binary": False}, room="r"))
        redis.call("PUBLISH", CHANNEL, message_of("behind", {"data": [], "binary": False}))
        equal(ours.event(), ["enter_room"])
        equal(ours.event(), ["behind"])
        with redis.client() as spy:
            spy.call("SUBSCRIBE", CHANNEL)
            yodel.ctl("emit", "d", 1, {"$bin": [1]}, chain=[["to", "r"]])
            said = json.loads(spy.read()[2])
            equal(said["data"], [[1, {"_placeholder": True, "num": 0}], "AQ=="])
            equal((said["binary"], said["room"], said["skip_sid"], said["callback"]), (True, "r", None, None))
            yodel.ctl("socketsJoin", "q", chain=[["in", "a" * 20]])
            equal(json.loads(spy.read()[2])["method"], "enter_room")
        is_quiet(ours)


def test_bare_values_of_5_14():
    with world(lambda redis: Yodel(redis, BARE)) as (redis, yodel):
        ours = yodel.client()
        redis.call("PUBLISH", CHANNEL, message_of("a", {"data": {"x": 1}}))
        redis.call("PUBLISH", CHANNEL, message_of("b", {"data": [1, 2], "binary": False}))
        redis.call("PUBLISH", CHANNEL, message_of("c", {"data": None, "binary": False}))
        binary = [{"_placeholder": True, "num": 0}, "AAH/"]
        redis.call("PUBLISH", CHANNEL, message_of("d", {"data": binary, "binary": True}))
        equal(ours.event(), ["a", {"x": 1}])
        equal(ours.event(), ["b", [1, 2]])
        equal(ours.event(), ["c"])
        equal(ours.event(), ["d", b"\0\1\xff"])
        with redis.client() as spy:
            spy.call("SUBSCRIBE", CHANNEL)
            yodel.ctl("emit", "two", 1, 2)  # 5.14 has no form for it
            yodel.ctl("emit", "one", [1])
            said = json.loads(spy.read()[2])
            equal((said["event"], said["data"]), ("one", [1]))
        equal(yodel.stats()["unable"], 1)


def test_plain_values_for_debian():
    """JSON with one argument is understood by readers of pickles as well."""
    with world(lambda redis: Yodel(redis, PLAIN), Flask) as (_, yodel, flask):
        theirs = flask.client()
        yodel.ctl("emit", "a", {"x": [1]})
        yodel.ctl("emit", "b", 1, 2)
        yodel.ctl("emit", "c", "text")
        equal(theirs.event(), ["a", {"x": [1]}])
        equal(theirs.event(), ["c", "text"])
        equal(yodel.stats()["unable"], 1)


# What is wrong.


def test_kombu_on_redis():
    """A KombuManager that only writes is understood, on a channel of another name; who is on the plain one hears nothing."""
    if importlib.util.find_spec("kombu") is None:
        skip("kombu is not installed (see packages.txt)")
    theirs = f"/0.{CHANNEL}"
    with world(Yodel) as (redis, yodel), Yodel(redis, channel=theirs) as listener:
        eventually(lambda: redis.num_subscribers(theirs) == 1, "the other one has subscribed")
        ours, other = yodel.client(), listener.client()
        orders = [(["by kombu", {"a": [1, None]}], {}), (["binary", b64(b"\0\xff")], {"to": other.sid})]
        emit_outside(redis, "kombu", *orders)
        equal(other.event(), ["by kombu", {"a": [1, None]}])
        equal(other.event(), ["binary", b"\0\xff"])
        equal(listener.stats()["malformed"] + listener.stats()["refused"], 0, listener.stats())
        equal(yodel.stats()["received"], 0)
        emit_outside(redis, "manager", (["by the manager", 3], {}))
        equal(ours.event(), ["by the manager", 3])
        is_quiet(ours, other)


class Bomb:
    """Creates a file wherever it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_hostile_messages():
    with world(Yodel) as (redis, yodel), tempfile.TemporaryDirectory() as folder:
        ours = yodel.client()
        path = f"{folder}/executed"
        bombs = [pickle.dumps({"method": "emit", "event": "x", "data": Bomb(path)}, n) for n in (2, 3, 4, 5)]
        laughs = b"\x80\x04(]q\x00" + b"".join(b"]q%c(h%ch%ce" % (i + 1, i, i) for i in range(8, 60)) + b"t."
        whole = pickle.dumps({"method": "emit", "event": "x", "data": list(range(1000))})
        others = [b"", b"\x80", b"{", b"[]", b"null", b"\xff" * 100, b"[" * 100000, whole[:50], laughs]
        others += [b'{"method": "emit", "event": 1, "data": 2}', b'{"method": {}}', b"x" * (5 << 20)]
        for message in [*bombs, *others]:
            redis.call("PUBLISH", CHANNEL, message)
        redis.call("PUBLISH", CHANNEL, message_of("alive", {"data": 1}))
        equal(ours.event(), ["alive", 1])
        assert not os.path.exists(path)
        stats = yodel.stats()
        equal((stats["refused"], stats["malformed"]), (len(bombs), len(others)))


def test_redis_comes_back():
    with world(Yodel) as (redis, yodel):
        ours = yodel.client()
        redis.kill()
        yodel.ctl("emit", "alone", 1)
        equal(ours.event(), ["alone", 1])
        redis.restart()
        eventually(lambda: redis.num_subscribers(CHANNEL) == 1, "it has subscribed again")
        redis.call("PUBLISH", CHANNEL, message_of("again", {"data": 1}))
        equal(ours.event(), ["again", 1])


if __name__ == "__main__":
    run(globals())
