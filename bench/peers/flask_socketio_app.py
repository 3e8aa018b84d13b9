# SPDX-License-Identifier: MIT
"""Flask-SocketIO: message is sent back, broadcast goes to all.

Usage: flask_socketio_app.py PORT [eventlet|gevent]
"""

import sys

MODE = sys.argv[2] if len(sys.argv) > 2 else "eventlet"
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 0

from flask import Flask  # noqa: E402
from flask_socketio import SocketIO, emit  # noqa: E402

app = Flask(__name__)
socketio = SocketIO(app, async_mode=MODE)


@socketio.on("message")
def on_message(data):
    emit("message", data)


@socketio.on("broadcast")
def on_broadcast(data):
    emit("broadcast", data, broadcast=True)


def serve_eventlet():
    import eventlet
    import eventlet.wsgi

    listener = eventlet.listen(("127.0.0.1", PORT), backlog=4096)
    print("PORT", listener.getsockname()[1], flush=True)
    eventlet.wsgi.server(listener, app, log_output=False, max_size=20000)


def serve_gevent():
    from gevent.pywsgi import WSGIServer
    from geventwebsocket.handler import WebSocketHandler

    server = WSGIServer(
        ("127.0.0.1", PORT), app, handler_class=WebSocketHandler, log=None, backlog=4096
    )
    server.start()
    print("PORT", server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve_eventlet() if MODE == "eventlet" else serve_gevent()
