# SPDX-License-Identifier: MIT
"""Flask-SocketIO's calls by its test client: what handlers see, and what clients get.  Needs no extension module."""

import contextlib
import gc
import logging
import os
import sys

import flask_kit
from harness import equal, run

flask_kit.inside()

import flask
from flask import Flask, request, session
from yodel.flask_socketio import (
    ConnectionRefusedError,
    Namespace,
    SocketIO,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)


def make(**options):
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "secret"
    return app, SocketIO(app, **options)


def names(received):
    return [event["name"] for event in received]


def data(received):
    return [(event["name"], event["args"]) for event in received]


@contextlib.contextmanager
def raises(kind, text=""):
    try:
        yield
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}")


def test_send_and_broadcast():
    app, socketio = make()

    @socketio.on("message")
    def on_message(text):
        send(f"echo {text}", broadcast=True)
        return "ok", 2

    @socketio.on("json")
    def on_json(value):
        send(value, json=True)
        emit("both", (1, {"a": b"\x01"}))
        emit("none")
        emit("unicode", "привет 👋")

    a, b = socketio.test_client(app), socketio.test_client(app)
    assert a.is_connected() and not a.is_connected("/other")
    equal(a.send("x", callback=True), ["ok", 2])
    equal(a.get_received(), [{"name": "message", "args": "echo x", "namespace": "/"}])
    equal(data(b.get_received()), [("message", "echo x")])
    equal(a.send({"k": [1]}, json=True, callback=True), [])
    equal(
        data(a.get_received()),
        [("json", {"k": [1]}), ("both", [1, {"a": b"\x01"}]), ("none", []), ("unicode", ["привет 👋"])],
    )
    equal(b.get_received(), [])
    a.disconnect()
    with raises(RuntimeError, "not connected"):
        a.send("x")
    with raises(RuntimeError):
        a.get_received()


def test_registration():
    app = Flask(__name__)
    socketio = SocketIO()

    @socketio.on("early")
    def early(value):
        return ["early", value]

    @socketio.event
    def by_name(value):
        return value

    @socketio.event(namespace="/ns")
    def elsewhere(value):
        return request.namespace

    class Things(Namespace):
        def on_connect(self):
            emit("welcome", rooms())

        def on_thing(self, value):
            self.emit("to-all", value)
            return request.event["message"]

        def on_disconnect(self):
            seen.append(request.sid)

    seen = []
    socketio.on_namespace(Things("/things"))
    socketio.init_app(app)
    socketio.on_event("late", lambda value: {"late": value})
    equal(app.extensions["socketio"], socketio)
    equal(socketio.async_mode, "yodel")
    client = socketio.test_client(app)
    equal(client.emit("early", 1, callback=True), ["early", 1])
    equal(client.emit("by_name", b"\x00\xff", callback=True), b"\x00\xff")
    equal(client.emit("late", None, callback=True), {"late": None})
    equal(client.emit("nobody", 1, callback=True), None)
    client.connect("/ns")
    equal(client.emit("elsewhere", 1, callback=True, namespace="/ns"), "/ns")
    client.connect("/things")
    welcome = client.get_received("/things")
    equal(names(welcome), ["welcome"])
    equal(client.emit("thing", 3, callback=True, namespace="/things"), "thing")
    equal(client.emit("unknown", 3, callback=True, namespace="/things"), None)
    equal(data(client.get_received("/things")), [("to-all", [3])])
    client.disconnect("/things")
    equal(seen, welcome[0]["args"][0])
    client.connect("/nowhere")
    assert not client.is_connected("/nowhere")
    with raises(ValueError):
        socketio.on_namespace(object())


def test_catch_all_handlers():
    app, socketio = make()
    seen = []

    @socketio.on("known")
    def known(value):
        seen.append(("known", value))

    @socketio.on("*")
    def any_event(event, *args):
        seen.append(("*", event, args, request.event["message"], request.namespace))

    @socketio.on("known", namespace="*")
    def any_namespace(value):
        seen.append(("*ns", value, request.namespace))

    @socketio.on("*", namespace="*")
    def anything(event, *args):
        seen.append(("**", event, args, request.namespace))

    @socketio.on("connect", namespace="*")
    def connected():
        seen.append(("connect", request.namespace))

    class All(Namespace):
        def on_thing(self, value):
            seen.append(("class", value, request.namespace))

    client = socketio.test_client(app)
    client.emit("known", 1)
    client.emit("other", 1, 2)
    client.connect("/x")
    client.emit("known", 3, namespace="/x")
    client.emit("other", namespace="/x")
    equal(
        seen,
        [
            ("connect", "/"),
            ("known", 1),
            ("*", "other", (1, 2), "other", "/"),
            ("connect", "/x"),
            ("*ns", 3, "/x"),
            ("**", "other", (), "/x"),
        ],
    )
    del seen[:]
    app, socketio = make()
    socketio.on_namespace(All("*"))
    client = socketio.test_client(app, namespace="/y")
    assert client.is_connected("/y")
    client.emit("thing", 5, namespace="/y")
    equal(seen, [("class", 5, "/y")])


def test_connect():
    app, socketio = make()
    seen = []

    @socketio.on("connect")
    def connect(auth):
        seen.append((auth, request.args.get("q"), request.headers.get("X-Own"), request.sid))
        if auth == "no":
            return False
        if auth == "refuse":
            raise ConnectionRefusedError("not", {"why": 1})
        if auth == "fault":
            raise KeyError("fault")
        emit("hello")

    @socketio.on_error_default
    def error(problem):
        return None

    client = socketio.test_client(app, auth={"t": 1}, query_string="?q=1", headers={"X-Own": "h"})
    assert client.is_connected()
    equal(seen[0][:3], ({"t": 1}, "1", "h"))
    equal(names(client.get_received()), ["hello"])
    for auth in ("no", "refuse"):
        assert not socketio.test_client(app, auth=auth).is_connected()
    assert socketio.test_client(app, auth="fault").is_connected()  # the error handler has taken it


def test_a_type_error_in_connect_is_not_hidden():
    app, socketio = make()
    calls = []

    @socketio.on("connect")
    def connect(auth=None):
        calls.append(auth)
        raise TypeError("own")

    with raises(TypeError, "own"):
        socketio.test_client(app)
    equal(calls, [None])
    equal(socketio.server.environ, {})


def test_rooms():
    app, socketio = make()

    @socketio.on("join")
    def join(room):
        join_room(room)
        emit("joined", room, to=room)

    @socketio.on("leave")
    def leave(room):
        leave_room(room)
        return rooms()

    @socketio.on("close")
    def close(room):
        close_room(room)

    @socketio.on("say")
    def say(room, text):
        emit("said", text, to=room, include_self=False)

    @socketio.on("say-all")
    def say_all(text):
        emit("said", text, broadcast=True, include_self=False)

    @socketio.on("skip")
    def skip(sids, text):
        emit("said", text, broadcast=True, skip_sid=sids)

    @socketio.on("sid")
    def sid():
        return request.sid

    a, b, c = (socketio.test_client(app) for _ in range(3))
    for client in (a, b):
        client.emit("join", "r1")
    c.emit("join", 5)
    equal(c.emit("leave", "none", callback=True), [c.emit("sid", callback=True), 5])
    equal(c.emit("leave", 5, callback=True), [c.emit("sid", callback=True)])
    for client in (a, b, c):
        client.get_received()
    a.emit("say", "r1", "x")
    equal([len(client.get_received()) for client in (a, b, c)], [0, 1, 0])
    a.emit("say", ["r1", c.emit("sid", callback=True)], "x")
    equal([len(client.get_received()) for client in (a, b, c)], [0, 1, 1])
    a.emit("say-all", "x")
    equal([len(client.get_received()) for client in (a, b, c)], [0, 1, 1])
    a.emit("skip", [a.emit("sid", callback=True), b.emit("sid", callback=True)], "x")
    equal([len(client.get_received()) for client in (a, b, c)], [0, 0, 1])
    socketio.emit("server", 1, to="r1")
    socketio.send("all")
    equal([len(client.get_received()) for client in (a, b, c)], [2, 2, 1])
    a.emit("close", "r1")
    a.emit("say", "r1", "x")
    equal(b.get_received(), [])
    manager = socketio.server.manager
    equal(len(list(manager.get_participants("/", None))), 3)
    assert a.emit("sid", callback=True) in manager.rooms["/"][None]
    equal(len(manager.rooms["/"]), 4)
    with raises(ValueError):
        socketio.server.enter_room("nobody", "r")


def test_names_of_rooms():
    from yodel.flask.rooms import listed, to_wire

    equal(to_wire("комната"), "комната")
    equal([to_wire(7), to_wire(7.0), to_wire(True), to_wire(-1)], ["7", "7", "1", "-1"])
    seen = {to_wire(room) for room in ("", "\x1fint:5", "a\0b", "\ud800", ("a", 1), b"a", 1.5, None, frozenset())}
    equal(len(seen), 9)
    assert all("\0" not in name and name.encode() is not None for name in seen)
    with raises(TypeError):
        to_wire({})
    equal(listed(["a", 1]), ["a", "1"])
    equal(listed(None), None)


def test_disconnect():
    app, socketio = make()
    seen = []

    @socketio.on("go")
    def go():
        disconnect()
        seen.append("after")

    @socketio.on("disconnect")
    def gone(reason):
        seen.append((request.sid, reason, rooms()))

    client = socketio.test_client(app)
    sid = next(iter(socketio.server.manager.rooms["/"][None]))
    client.emit("go")
    assert not client.is_connected()
    equal(seen, [(sid, "server disconnect", [sid]), "after"])
    equal(socketio.server.environ, {})
    equal(socketio.server._clients, {})
    equal(socketio.server._engines, {})


def test_errors():
    app, socketio = make()

    @socketio.on("fault")
    @socketio.on("fault", namespace="/a")
    @socketio.on("fault", namespace="/b")
    def fault():
        raise KeyError("fault")

    @socketio.on_error("/a")
    def of_a(error):
        return "a", type(error).__name__, request.event["message"]

    client = socketio.test_client(app)
    with raises(KeyError):
        client.emit("fault")
    client.connect("/a")
    equal(client.emit("fault", namespace="/a", callback=True), ["a", "KeyError", "fault"])

    @socketio.on_error_default
    def default(error):
        emit("error", str(error))
        return "default"

    client.connect("/b")
    equal(client.emit("fault", namespace="/b", callback=True), "default")
    equal(data(client.get_received("/b")), [("error", ["'fault'"])])
    with raises(ValueError):
        socketio.on_error()(5)
    with raises(TypeError):  # arguments that do not fit
        app2, socketio2 = make()
        socketio2.on("one")(lambda one: one)
        socketio2.test_client(app2).emit("one", 1, 2)


def test_managed_sessions():
    app, socketio = make()

    @app.route("/set/<value>")
    def put(value):
        session["value"] = value
        return "ok"

    @app.route("/get")
    def get():
        return session.get("value", "none")

    @socketio.on("set")
    def on_set(value):
        session["value"] = value

    @socketio.on("get")
    @socketio.on("get", namespace="/b")
    def on_get():
        return session.get("value")

    web = app.test_client()
    web.get("/set/http")
    client = socketio.test_client(app, flask_test_client=web)
    equal(client.emit("get", callback=True), "http")
    client.emit("set", "socket")
    equal(client.emit("get", callback=True), "socket")
    equal(web.get("/get").text, "http")
    client.connect("/b")
    equal(client.emit("get", callback=True, namespace="/b"), "socket")
    equal(socketio.test_client(app).emit("get", callback=True), [])


def test_sessions_of_flask():
    app, socketio = make(manage_session=False)
    saved = []

    class Interface(flask.sessions.SecureCookieSessionInterface):
        def save_session(self, app, session, response):
            saved.append(dict(session))
            super().save_session(app, session, response)

    app.session_interface = Interface()

    @socketio.on("set")
    def on_set(value):
        session["value"] = value

    @socketio.on("get")
    def on_get():
        return session.get("value")

    client = socketio.test_client(app)
    client.emit("set", 1)
    equal(saved, [{"value": 1}])
    equal(client.emit("get", callback=True), [])  # the cookie is that of the connection
    equal(saved, [{"value": 1}])


def test_sessions_of_the_server():
    app, socketio = make()
    client = socketio.test_client(app)
    sid = next(iter(socketio.server.manager.rooms["/"][None]))
    with socketio.server.session(sid) as own:
        own["a"] = 1
    equal(socketio.server.get_session(sid), {"a": 1})
    socketio.server.save_session(sid, {"b": 2})
    equal(socketio.server.get_session(sid), {"b": 2})
    client.disconnect()
    with raises(ValueError):
        socketio.server.get_session(sid)
    socketio.server.save_session(sid, {"c": 3})
    equal(socketio.server._engines, {})


def test_a_session_that_is_held_does_not_bring_a_client_back():
    app, socketio = make()  # P13

    @socketio.on("hold")
    def hold():
        with socketio.server.session(request.sid) as own:
            own["a"] = 1
            disconnect()

    client = socketio.test_client(app)
    client.emit("hold")
    server = socketio.server
    equal((server._engines, server._clients, server.environ), ({}, {}, {}))


def test_refused_clients_leave_nothing():
    app, socketio = make()  # P13
    socketio.on("connect")(lambda: False)
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            socketio.test_client(app)
        before = len(gc.get_objects())
        for _ in range(500):
            socketio.test_client(app)
        equal(socketio.server.environ, {})
        equal(socketio.server._clients, {})
        gc.collect()
        assert len(gc.get_objects()) < before + 500
    finally:
        gc.enable()


def test_each_event_has_a_context_of_its_own():
    for own_request in (False, True):
        app, socketio = make()
        made, ended = [], []
        if own_request:

            class Request(flask.Request):
                def __init__(self, *args, **kwargs):
                    super().__init__(*args, **kwargs)
                    made.append(self)

            app.request_class = Request

        @app.route("/page")
        def page():
            return ""

        @app.teardown_request
        def teardown(error):
            ended.append(type(error).__name__)

        @socketio.on("look")
        def look():
            seen = [hasattr(request, "mine"), hasattr(flask.g, "mine"), flask.session.get("mine")]
            request.mine = flask.g.mine = session["mine"] = 1
            seen += [flask.url_for("page"), request.args["q"], request.url_rule, request.cookies.get("c")]
            return seen + [request.environ["flask.app"] is app, request.method, request.path]

        @socketio.on("fault")
        def fault():
            raise KeyError

        client = socketio.test_client(app, query_string="q=5", headers={"Cookie": "c=d"})
        same = ["/page", "5", None, "d", True, "GET", "/socket.io"]
        equal(client.emit("look", callback=True), [False, False, None, *same])
        for _ in range(3):
            equal(client.emit("look", callback=True), [False, False, 1, *same])
        with raises(KeyError):
            client.emit("fault")
        equal(ended, ["NoneType"] * 4 + ["KeyError"])
        equal(len(made), 5 if own_request else 0)


def test_json_option():
    class Own:
        calls = []

        @staticmethod
        def dumps(value, **options):
            Own.calls.append("dumps")
            return flask.json.provider.DefaultJSONProvider(app).dumps(value)

        @staticmethod
        def loads(text, **options):
            Own.calls.append("loads")
            return flask.json.provider.DefaultJSONProvider(app).loads(text)

    app, socketio = make(json=Own)
    socketio.on("x")(lambda value: value)
    equal(socketio.test_client(app).emit("x", [1], callback=True), [1])
    assert {"dumps", "loads"} <= set(Own.calls)
    app, socketio = make(json=flask.json)
    import datetime

    @socketio.on("date")
    def date():
        emit("date", datetime.date(2020, 1, 2))

    client = socketio.test_client(app)
    client.emit("date")
    equal(data(client.get_received()), [("date", ["Thu, 02 Jan 2020 00:00:00 GMT"])])


def test_options():
    for wrong in (
        {"async_mode": "none"},
        {"serializer": "pickle"},
        {"message_queue": "kafka://x"},
        {"client_manager": object()},
        {"json": 5},
        {"transports": ["smoke"]},
    ):
        with raises(ValueError):
            make(**wrong)
    app, socketio = make(async_mode="eventlet", ping_interval=(3, 1), path="/own/", cors_allowed_origins="*")
    options = socketio.server.options
    equal((options.path, options.ping_interval, options.ping_grace), ("own", 3, 1))
    equal(make(resource="res")[1].server.options.path, "res")
    from yodel.flask.options import queue_form_of

    equal([queue_form_of(v) for v in ((5, 7, 2), (5, 14, 2), (5, 15, 1))], ["pickle", "bare", "list"])


def test_handlers_of_a_sender_that_gets_an_application():
    socketio = SocketIO(message_queue="redis://127.0.0.1:1/0")
    socketio.on("early")(lambda: "early")
    socketio.on_namespace(Namespace("/things"))
    app = Flask(__name__)
    socketio.server_options.pop("message_queue")
    socketio.init_app(app)
    equal(socketio.test_client(app).emit("early", callback=True), "early")
    assert socketio.test_client(app, namespace="/things").is_connected("/things")


def test_a_middleware_that_refuses():
    from yodel.flask.memory import MemoryBackend

    app, socketio = make()
    backend = MemoryBackend(socketio.server)
    equal(
        socketio.server.client_connects(backend, "/", "sid", "engine", lambda: None, None),
        {"message": "Connection rejected by server"},
    )
    equal((socketio.server._clients, socketio.server._engines), ({}, {}))


def test_queue_and_test_client():
    app, socketio = make(message_queue="redis://localhost:1/0")
    with raises(RuntimeError, "message queue"):
        socketio.test_client(app)


def test_blueprints_and_several_apps():
    one, first = make()
    two, second = make()
    blueprint = flask.Blueprint("b", __name__)

    @first.on("which")
    def of_one():
        return flask.current_app._get_current_object() is one

    @second.on("which")
    def of_two():
        emit("is", flask.current_app._get_current_object() is two, broadcast=True)

    @blueprint.route("/say")
    def say():
        first.emit("said", "by http")
        return "ok"

    one.register_blueprint(blueprint)
    a, b = first.test_client(one), second.test_client(two)
    equal(a.emit("which", callback=True), True)
    b.emit("which")
    equal(data(b.get_received()), [("is", [True])])
    equal(a.get_received(), [])
    equal(one.test_client().get("/say").text, "ok")
    equal(data(a.get_received()), [("said", ["by http"])])


def test_background_tasks():
    app, socketio = make()
    client = socketio.test_client(app)

    def task(word, times):
        for _ in range(times):
            socketio.sleep(0)
            socketio.emit("task", word)

    socketio.start_background_task(task, "w", times=3).join(10)
    equal(data(client.get_received()), [("task", ["w"])] * 3)


def test_other_servers_do_not_have_it():
    app, socketio = make()
    answer = app.test_client().get("/socket.io/?EIO=4&transport=polling")
    equal(answer.status_code, 503)


def test_the_name_of_the_original():
    import importlib

    import yodel.flask

    before = sys.modules["flask_socketio"]
    try:
        yodel.flask.install()
        import flask_socketio

        assert flask_socketio.SocketIO is SocketIO
        importlib.import_module("flask_socketio.namespace")
    finally:
        sys.modules["flask_socketio"] = before


if __name__ == "__main__":
    logging.getLogger("yodel.error").setLevel(logging.ERROR)
    run(globals())
