# SPDX-License-Identifier: MIT
"""The Flask side: app.py REDIS_URL PORT"""

# pylint: disable=wrong-import-position
import eventlet

eventlet.monkey_patch()

import sys

from flask import Flask
from flask_socketio import SocketIO, emit, join_room

app = Flask("room")
socketio = SocketIO(app, message_queue=sys.argv[1], async_mode="eventlet", cors_allowed_origins="*")


@socketio.on("connect")
def on_connect():
    join_room("lobby")


@socketio.on("say")
def on_say(message):
    emit("said", {"text": message["text"], "server": "Flask"}, to="lobby")


socketio.run(app, host="127.0.0.1", port=int(sys.argv[2]))
