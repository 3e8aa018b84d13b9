# SPDX-License-Identifier: MIT
"""A Flask-SocketIO program with everything that it documents; it knows nothing of Yodel."""

import os
import sys
import threading
import time

from flask import Flask, abort, request, session, stream_with_context
from flask_socketio import (
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

app = Flask(__name__)
app.config["SECRET_KEY"] = "secret"
options = eval(os.environ.get("FEATURES_OPTIONS", "{}"))  # a literal of the test's
socketio = SocketIO(app, **options)
log = []  # what handlers have seen
answers = []  # of callbacks


# ---- routes


@app.route("/")
def index():
    return "features"


@app.route("/log")
def get_log():
    return {"log": log, "answers": answers}


@app.route("/emit")
def http_emit():
    socketio.emit("notification", {"data": request.args.get("text")}, namespace=request.args.get("ns", "/"))
    return "emitted"


@app.route("/body", methods=["POST"])
def body():
    return request.get_data()


@app.route("/form", methods=["POST"])
def form():
    return {"form": request.form, "files": {name: len(file.read()) for name, file in request.files.items()}}


@app.route("/stream")
def stream():
    def parts():
        try:
            for number in range(int(request.args.get("n", "3"))):
                yield f"part {number}\n"
        finally:
            log.append("stream closed")

    return app.response_class(stream_with_context(parts()), mimetype="text/plain")


@app.route("/session/<value>")
def put_session(value):
    session["value"] = value
    return "ok"


@app.route("/session")
def get_session():
    return session.get("value", "none")


@app.route("/fault")
def http_fault():
    raise KeyError("fault of a route")


@app.route("/missing")
def missing():
    abort(404)


@app.route("/where")
def where():
    return f"{request.remote_addr} {request.scheme} {request.host}"


@app.route("/state")
def state():
    server = socketio.server
    return {"environ": len(server.environ), "clients": len(list(server.manager.get_namespaces()))}


@app.route("/threads")
def threads():
    return str(threading.active_count())


@app.route("/stop")
def stop():
    socketio.stop()
    return "stopping"


# ---- the namespace "/"


@socketio.on("connect")
def connected():
    log.append(["connect", request.namespace])


@socketio.on("disconnect")
def disconnected():
    log.append(["disconnect", sorted(set(rooms()) - {request.sid})])


@socketio.on("message")
def message(text):
    send(f"Server echoes: {text}", broadcast=True)


@socketio.on("json")
def json_message(value):
    send(value, json=True)


@socketio.on("echo")
def echo(*args):
    emit("echo", args)
    return args


@socketio.event
def nothing(*args):
    return None


@socketio.event
def one(value):
    return [value]


@socketio.event
def own_sid():
    return request.sid


@socketio.event
def event_of():
    return request.event["message"], list(request.event["args"])


@socketio.on("join")
def join(data):
    join_room(data["room"])
    emit("room_message", f"in {data['room']}", to=data["room"])


@socketio.on("leave")
def leave(room):
    leave_room(room)
    return sorted(map(str, rooms()))


@socketio.on("rooms")
def my_rooms():
    return [room if isinstance(room, int) else str(room) for room in rooms()]


@socketio.on("close_room")
def close_it(room):
    close_room(room)


@socketio.on("room_say")
def room_say(room, text, include_self=True):
    emit("said", text, to=room, include_self=include_self)
    return "sent", len(text)


@socketio.on("skip")
def skip(sids, text):
    emit("said", text, broadcast=True, skip_sid=sids)


@socketio.on("alias")
def alias(room, text):
    emit("said", text, room=room)


@socketio.on("bin")
def binary(data):
    emit("bin_back", {"a": data, "b": b"\x00\xff", "n": len(data)})
    return data


@socketio.on("fault")
def fault():
    raise KeyError("fault")


@socketio.on("slow")
def slow(name, seconds):
    time.sleep(seconds)
    emit("slow", name)


@socketio.on("in_order")
def in_order(number):
    time.sleep(0.002 * (number % 3))
    log.append(number)


@socketio.on("ask")
def ask(value):
    emit("question", value, callback=answered)


def answered(*args):
    answers.append(list(args))
    emit("answered", list(args))


@socketio.on("call")
def call_back(value):
    return call("question", value, timeout=20)


@socketio.on("call_timeout")
def call_timeout():
    try:
        call("unanswered", timeout=0.05)
    except Exception as error:
        return type(error).__name__
    return None


@socketio.on("go")
def go():
    disconnect()


@socketio.on("task")
def task(word):
    socketio.start_background_task(background, word, request.sid)


def background(word, sid):
    socketio.sleep(0.01)
    socketio.emit("task", word, to=sid)


@socketio.on("session")
def session_value(value=None):
    if value is not None:
        session["value"] = value
    return session.get("value", "none")


@socketio.on("environ")
def environ():
    return {
        "method": request.method,
        "path": request.path,
        "query": request.args.get("q"),
        "header": request.headers.get("X-Own"),
        "address": request.remote_addr,
    }


@socketio.on("*")
def any_event(event, *args):
    return "any", event, list(args)


# ---- others


@socketio.on("connect", namespace="/chat")
def chat_connect(auth):
    emit("server_response", {"data": "Добро пожаловать в чат!", "auth": auth})


@socketio.on("user_message", namespace="/chat")
def chat_message(data):
    emit("server_broadcast", {"data": data["text"]}, broadcast=True)


@socketio.on("connect", namespace="/refuse")
def refuse(auth):
    how = auth and auth.get("how")
    if how == "false":
        return False
    if how == "message":
        raise ConnectionRefusedError("go away")
    if how == "data":
        raise ConnectionRefusedError("go away", {"code": 7})
    if how == "plain":
        raise ConnectionRefusedError
    if how == "fault":
        raise KeyError("fault of connect")
    emit("welcome")
    return None


class Things(Namespace):
    def on_connect(self):
        log.append("things connect")

    def on_disconnect(self):
        log.append("things disconnect")

    def on_thing(self, value):
        self.emit("thing", value)
        return "thing", value

    def on_enter(self, room):
        join_room(room)
        self.send("entered", room=room)


socketio.on_namespace(Things("/things"))


@socketio.on("fault", namespace="/errors")
def error_fault():
    raise KeyError("fault")


@socketio.on("default", namespace="/errors2")
def error_default():
    raise ValueError("fault")


@socketio.on_error("/errors")
def error_handler(error):
    return "error", type(error).__name__


@socketio.on_error("/errors2")
def error_handler_2(error):
    emit("error", str(error))
    return type(error).__name__


if __name__ == "__main__":
    more = {"allow_unsafe_werkzeug": True} if socketio.async_mode == "threading" else {}
    socketio.run(app, port=int(sys.argv[1]) if len(sys.argv) > 1 else None, **more)
