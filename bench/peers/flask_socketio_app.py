# SPDX-License-Identifier: MIT
"""Flask-SocketIO: message is sent back, broadcast goes to all, on all nodes of a Redis.

Usage: flask_socketio_app.py PORT [eventlet|gevent [REDIS_PORT]]
"""

import sys

IS_MAIN = __name__ == "__main__"  # else another server runs `app`
MODE = (sys.argv[2] if len(sys.argv) > 2 else "eventlet") if IS_MAIN else None
PORT = int(sys.argv[1]) if IS_MAIN and len(sys.argv) > 1 else 0
QUEUE = f"redis://127.0.0.1:{sys.argv[3]}/0" if IS_MAIN and len(sys.argv) > 3 else None

if QUEUE:
    if MODE == "gevent":
        from gevent import monkey

        monkey.patch_all()
    else:
        import eventlet

        eventlet.monkey_patch()

from flask import Flask  # noqa: E402
from flask_socketio import SocketIO, emit  # noqa: E402

app = Flask(__name__)
socketio = SocketIO(app, async_mode=MODE, message_queue=QUEUE)


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


if IS_MAIN:
    serve_eventlet() if MODE == "eventlet" else serve_gevent()
