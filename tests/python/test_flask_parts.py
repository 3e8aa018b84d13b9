# SPDX-License-Identifier: MIT
"""Parts of yodel.flask by themselves: the pool, the backend of a server, the publisher.  Needs no extension module."""

import json
import logging
import os
import pickle
import queue
import shutil
import socket
import sys
import threading
import time
import types

import flask_kit  # first: it finds the harness
from package import harness
from harness import equal, eventually, run

flask_kit.inside()

from flask import Flask, request
from redis_server import RedisServer
from yodel.flask.pool import FIRST, Pool
from yodel.flask.publish import Redis, encode


# ---- the pool


class Work:
    """Items for a pool, as SioServer's workers give them."""

    def __init__(self):
        self.items = queue.Queue()

    def next(self, timeout=None):
        try:
            return self.items.get(timeout=timeout)
        except queue.Empty:
            return ()

    def end(self, count):
        for _ in range(count):
            self.items.put(None)


def test_the_pool_grows_while_handlers_block():
    work, let_go, running = Work(), threading.Event(), []

    def block(worker, item):
        running.append(item)
        let_go.wait(40)

    pool = Pool(lambda: work, block, 20)
    pool.start()
    for number in range(20):
        work.items.put((number,))
    eventually(lambda: len(running) == 20, "20 handlers block at once", 40)
    work.items.put((20,))
    time.sleep(0.1)
    equal(len(running), 20)  # the limit
    let_go.set()
    eventually(lambda: len(running) == 21, "the last one", 40)
    work.end(20)
    equal(pool.join(40), 0)


def test_the_pool_ends_what_it_does_not_need():
    work, gate = Work(), threading.Event()
    pool = Pool(lambda: work, lambda worker, item: gate.wait(40), FIRST + 3)
    import yodel.flask.pool as module

    before, module.LINGER = module.LINGER, 0.1
    try:
        pool.start()
        for number in range(FIRST + 3):
            work.items.put((number,))
        eventually(lambda: len(pool) == FIRST + 3, "it grows", 40)
        gate.set()
        eventually(lambda: len(pool) == FIRST, "it shrinks", 40)
    finally:
        module.LINGER = before
    work.end(FIRST)
    equal(pool.join(40), 0)


def test_a_handler_that_does_not_end_is_counted():
    work, gate = Work(), threading.Event()
    pool = Pool(lambda: work, lambda worker, item: gate.wait(40), 2)
    pool.start()
    work.items.put((1,))
    eventually(lambda: work.items.empty(), "it is taken", 40)
    work.end(2)
    equal(pool.join(0.3), 1)
    gate.set()
    equal(pool.join(40), 0)


# ---- the backend


class FakeSio:
    """SioServer, as the backend sees it: tests put in items, and see what workers and calls have said."""

    CONNECT, EVENT, DISCONNECT, ACK, HTTP, LOG, CHECK = range(1, 8)
    NOTHING = object()

    def __init__(self, **options):
        self.options = options
        self.items = queue.Queue()
        self.said = []
        self.ports = (1,)

    def worker(self):
        return FakeWorker(self)

    def start(self):
        self.said.append("start")

    def stop(self, drain):
        self.said.append("stop")
        for _ in range(100):
            self.items.put(None)

    def join(self, timeout=None):
        return True

    def after_fork(self):
        self.said.append("after_fork")

    def eio_sid(self, sid, namespace=None):
        return None if sid == "gone" else "engine"

    def rooms(self, sid, namespace=None):
        return [sid]

    def emit(self, event, data=None, **where):
        if event == "congested":
            raise OSError(11, "congested")
        self.said.append(("emit", event, data, where["to"], where["skip_sid"], where["namespace"]))
        if where["callback"]:
            self.items.put((self.ACK, None, "/", where["callback"], [(1, 2), ()]))

    def call(self, event, data=None, **where):
        if event == "late":
            raise TimeoutError
        return {"none": (), "one": (1,), "two": (1, 2)}[event]

    def disconnect(self, sid, namespace=None):
        self.items.put((self.DISCONNECT, sid, namespace, "server disconnect"))


class FakeWorker:
    def __init__(self, sio):
        self.sio = sio

    def next(self, timeout=None):
        try:
            return self.sio.items.get(timeout=timeout)
        except queue.Empty:
            return ()

    def accept(self):
        self.sio.said.append("accept")

    def refuse(self, message=None, data=FakeSio.NOTHING):
        self.sio.said.append(("refuse", message) + (() if data is FakeSio.NOTHING else (data,)))

    def ack(self, args):
        self.sio.said.append(("ack", args))


def serve(socketio, app, **plan):
    """A backend on a fake; gives it and the fake."""
    fake = types.ModuleType("yodel._yodel")
    fake.SioServer = FakeSio
    before = sys.modules.get("yodel._yodel")
    sys.modules["yodel._yodel"] = fake
    sys.modules.pop("yodel.flask.native", None)
    try:
        from yodel.flask.native import NativeBackend
        from yodel.flask.plan import Plan

        backend = NativeBackend(socketio.server, app, Plan(**plan))
    finally:
        sys.modules.pop("yodel.flask.native", None)
        del sys.modules["yodel._yodel"]
        if before is not None:
            sys.modules["yodel._yodel"] = before
    backend.start()
    return backend, backend.sio


def make(**options):
    from yodel.flask_socketio import SocketIO

    app = Flask(__name__)
    app.config["SECRET_KEY"] = "secret"
    return app, SocketIO(app, **options)


def environ():
    from werkzeug.test import EnvironBuilder

    return EnvironBuilder("/socket.io/?q=1").get_environ()


def said(sio, count):
    eventually(lambda: len(sio.said) >= count, f"{count} things said: {sio.said}", 40)
    return sio.said[1:]  # after "start"


def test_items_of_a_client():
    from yodel.flask_socketio import ConnectionRefusedError, emit

    app, socketio = make()

    @socketio.on("connect")
    def connect(auth):
        if auth == "no":
            return False
        if auth == "data":
            raise ConnectionRefusedError("word", 5)
        if auth == "fault":
            raise KeyError(auth)
        emit("hello", request.args["q"])
        return None

    @socketio.on("two")
    def two(value):
        return value, 2

    @socketio.on("fault")
    def fault():
        raise KeyError("fault")

    @socketio.on("leave")
    def leave():
        sys.exit(3)

    backend, sio = serve(socketio, app)
    for auth in ("no", "data", "fault"):
        sio.items.put((sio.CONNECT, "x", "/", environ(), auth))
        said(sio, len(sio.said) + 1)
    equal(
        said(sio, 4),
        [("refuse", "Connection rejected by server"), ("refuse", "word", 5), ("refuse", "Connection rejected by server")],
    )
    equal(socketio.server.environ, {})
    del sio.said[1:]
    sio.items.put((sio.CONNECT, "gone", "/", environ(), None))
    equal(said(sio, 2), [("refuse", "Connection rejected by server")])
    del sio.said[1:]
    sio.items.put((sio.CONNECT, "a", "/", environ(), None))
    equal(said(sio, 3), [("emit", "hello", "1", "a", None, "/"), "accept"])
    del sio.said[1:]
    for event in (("fault", ()), ("leave", ()), ("two", (1, 2)), ("two", (1,)), ("nobody", ())):
        sio.items.put((sio.EVENT, "a", "/", *event, True))
        time.sleep(0.05)
    equal(said(sio, 2), [("ack", (1, 2))])
    sio.items.put((sio.DISCONNECT, "a", "/", "transport close"))
    eventually(lambda: not socketio.server._clients, "the client is forgotten", 40)
    equal(socketio.server.environ, {})
    equal(backend.end(1), 0)
    equal(socketio.server.backends, [])


def test_what_is_asked_of_the_server():
    from socketio.exceptions import TimeoutError as SocketIOTimeout

    app, socketio = make(
        ping_interval=(20, 5),
        path="own",
        cors_allowed_origins=lambda origin: origin == "good",
        cookie={"name": "io", "path": lambda: "/x"},
        namespaces=["/extra"],
        http_compression=False,
    )
    answers = []
    backend, sio = serve(socketio, app, loops=3, unix="/tmp/x", certfile="cert")
    options = sio.options
    equal((options["path"], options["ping_interval"], options["loops"]), ("/own/", 25, 3))
    equal(options["listen"], [{"address": "unix:/tmp/x", "tls_cert": "cert", "tls_key": "cert"}])
    equal((options["cookie"], options["check_sessions"]), ({"name": "io", "path": "/x"}, True))
    equal((options["namespaces"], options["compression_threshold"]), (["/", "/extra"], None))
    socketio.emit("ev", ("a", b"b"), to=[5, "r"], skip_sid="s", callback=lambda *args: answers.append(args))
    socketio.emit("congested")
    equal(said(sio, 2), [("emit", "ev", ("a", b"b"), ["5", "r"], "s", "/")])
    eventually(lambda: answers == [(1, 2), ()], "the answers", 40)
    equal([socketio.call(word, to="x") for word in ("none", "one", "two")], [None, 1, (1, 2)])
    try:
        socketio.call("late", to="x")
        raise AssertionError("no time limit")
    except SocketIOTimeout:
        pass
    for origin in ("good", "bad", None):
        item = environ()
        if origin:
            item["HTTP_ORIGIN"] = origin
        sio.items.put((sio.CHECK, item))
        said(sio, len(sio.said) + 1)
    equal(said(sio, 5)[1:], ["accept", ("refuse", "Not an accepted origin."), "accept"])
    socketio.stop()
    equal(backend.wishes.get(timeout=40), "stop")
    backend.end(1)


def test_middleware_sees_clients():
    from werkzeug.middleware.proxy_fix import ProxyFix
    from yodel.flask.middleware import seen_by

    app, socketio = make()
    equal(seen_by(app, {"A": 1}), {"A": 1, "flask.app": app})
    app.wsgi_app = ProxyFix(app.wsgi_app)
    before = {**environ(), "REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
    seen = seen_by(app, before)
    equal((seen["REMOTE_ADDR"], seen["flask.app"]), ("192.0.2.7", app))
    assert "yodel.capture" not in seen

    def refuse(environ, start_response):
        start_response("401 No", [])
        return [b"no"]

    app.wsgi_app = refuse
    equal(seen_by(app, environ()), None)


# ---- the publisher


def test_forms_of_messages():
    message = {"method": "emit", "event": "e", "data": ("a", b"\x00"), "room": None}
    equal(pickle.loads(encode(message, "pickle")), message)
    equal(json.loads(encode(message, "list"))["data"], [["a", {"_placeholder": True, "num": 0}], "AA=="])
    equal(json.loads(encode({**message, "data": {"k": 1}}, "list"))["data"], [{"k": 1}])
    equal(json.loads(encode({**message, "data": None}, "list"))["data"], [])
    equal(json.loads(encode({**message, "data": {"k": 1}}, "bare"))["data"], {"k": 1})
    equal(json.loads(encode({"method": "close_room", "room": "r"}, "bare")), {"method": "close_room", "room": "r"})


def test_publishing():
    from yodel.flask_socketio import SocketIO

    if shutil.which("redis-server") is None:
        harness.skip("redis-server is not installed")
    with RedisServer(password="secret") as redis:
        url = f"redis://:secret@127.0.0.1:{redis.port}/0"
        socketio = SocketIO(message_queue=url, channel="own", queue_form="list")
        got = queue.Queue()
        with socket.create_connection(("127.0.0.1", redis.port)) as link:
            link.sendall(b"AUTH secret\r\nSUBSCRIBE own\r\n")
            thread = threading.Thread(target=listen, args=(link, got), daemon=True)
            thread.start()
            eventually(lambda: redis.call("PUBSUB", "NUMSUB", "own")[1] == 1, "it listens", 40)
            socketio.emit("ev", {"a": "я"}, to="r", namespace="/x", skip_sid="s")
            message = got.get(timeout=40)
            assert message.pop("host_id")
            equal(
                message,
                {
                    "method": "emit",
                    "event": "ev",
                    "data": [{"a": "я"}],
                    "binary": False,
                    "namespace": "/x",
                    "room": "r",
                    "skip_sid": "s",
                    "callback": None,
                },
            )
            redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            socketio.close_room("r")  # on a new connection
            equal(got.get(timeout=40)["method"], "close_room")
            socketio.server.disconnect("s")
            equal(got.get(timeout=40)["method"], "disconnect")
            try:
                socketio.emit("ev", callback=print)
                raise AssertionError("a callback")
            except RuntimeError:
                pass
        try:
            Redis(f"redis://:wrong@127.0.0.1:{redis.port}").command("PING")
            raise AssertionError("a wrong password")
        except OSError as error:
            assert "WRONGPASS" in str(error) or "invalid" in str(error), error


def listen(link, got):
    """Puts the JSON of published messages into a queue."""
    with link.makefile("rb") as file:
        for line in file:
            if line.startswith(b"{"):
                got.put(json.loads(line))


# ---- the reloader


def test_files_that_change():
    import tempfile

    from yodel.flask.reloader import Files

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        files = Files(extra_files=[file.name])
        equal(files.changed(), None)
        os.utime(file.name, ns=(5, 5))
        equal(files.changed(), file.name)
        equal(files.changed(), None)
        ignored = Files(extra_files=[file.name], exclude_patterns=["*.txt"])
        os.utime(file.name, ns=(6, 6))
        equal(ignored.changed(), None)


def test_plans():
    from yodel.flask import plan as plans

    app = Flask(__name__)
    noted = []
    plan = plans.make(app, None, None, {"debug": True, "own": 1, "extra_files": ["x"]}, noted.append)
    equal((plan.host, plan.port, plan.use_reloader, plan.log_output), ("127.0.0.1", 5000, True, True))
    equal((plan.reloader_options, noted), ({"extra_files": ["x"]}, ["own"]))
    app.config["SERVER_NAME"] = "name:8081"
    given = {"ssl_context": ("c", "k"), "use_reloader": False, "threads": 3}
    plan = plans.make(app, "::1", None, given, noted.append)
    equal((plan.host, plan.port, plan.certfile, plan.keyfile, plan.threads), ("::1", 8081, "c", "k", 3))
    for wrong in ("adhoc", object()):
        try:
            plans.make(app, None, 1, {"ssl_context": wrong}, noted.append)
            raise AssertionError("an ssl_context")
        except ValueError:
            pass
    plans.Launch.overrides = plans.Overrides(port=7, debug=False)
    try:
        equal(plans.make(app, None, 1, {"debug": True}, noted.append).port, 7)
        equal(plans.make(app, None, 1, {"debug": True}, noted.append).use_reloader, False)
    finally:
        plans.Launch.overrides = plans.Overrides()


if __name__ == "__main__":
    logging.getLogger("yodel.error").setLevel(logging.CRITICAL)
    run(globals())
