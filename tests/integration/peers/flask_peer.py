# SPDX-License-Identifier: MIT
"""A Flask-SocketIO server on a message queue, which does what /do is told: the other side of tests.

    flask_peer.py REDIS_URL CHANNEL [HOST_ID_FILE]      prints PORT n
"""

# pylint: disable=wrong-import-position
import eventlet

eventlet.monkey_patch()

import base64
import sys

import flask
import flask_socketio
from eventlet import wsgi

URL, CHANNEL = sys.argv[1:3]
app = flask.Flask("peer")
socketio = flask_socketio.SocketIO(
    app, message_queue=URL, channel=CHANNEL, async_mode="eventlet", cors_allowed_origins="*"
)
answers = []  # of callbacks, in the order they came


@socketio.on("join")
def on_join(room):
    flask_socketio.join_room(room)
    return "joined"


@socketio.on("say")
def on_say(room, text):
    flask_socketio.emit("said", {"text": text}, to=room)


def from_json(value):
    """{"$bytes": base64} and {"$tuple": [...]} stand for what JSON has not."""
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        if "$tuple" in value:
            return tuple(from_json(item) for item in value["$tuple"])
        return {name: from_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [from_json(item) for item in value]
    return value


def to_json(value):
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


@app.route("/do", methods=["POST"])
def do():
    """{"call": a method of the server, "args": [...], "options": {...}, "callback": true}"""
    order = flask.request.get_json()
    options = from_json(order.get("options", {}))
    if order.get("callback"):
        options["callback"] = lambda *arguments: answers.append(to_json(arguments))
    getattr(socketio.server, order["call"])(*from_json(order["args"]), **options)
    return "done"


@app.route("/answers")
def get_answers():
    return flask.jsonify(answers)


@app.route("/rooms/<sid>")
def get_rooms(sid):
    return flask.jsonify(socketio.server.rooms(sid))


listener = eventlet.listen(("127.0.0.1", 0))
print(f"PORT {listener.getsockname()[1]}", flush=True)
wsgi.server(listener, app, log_output=False)
