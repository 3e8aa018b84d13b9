# SPDX-License-Identifier: MIT
"""Flask-SocketIO on Yodel: in place of "from flask_socketio import ...", the same names.

SocketIO is a subclass of the installed flask_socketio.SocketIO, from which come the registration of
handlers, emit() and its like, the functions that know the current client, and class-based
namespaces.  What is Yodel's is the server: connections, Socket.IO, rooms and delivery in C,
handlers in threads, and the Flask application's own routes beside them.

    from flask import Flask
    from yodel.flask_socketio import SocketIO, emit

    app = Flask(__name__)
    socketio = SocketIO(app)

    @socketio.on("say")
    def say(text):
        emit("said", text, broadcast=True)

    socketio.run(app)
"""

import flask
import flask_socketio as _original
from flask_socketio import (
    ConnectionRefusedError,
    Namespace,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)

from .flask import events as _events
from .flask import running as _running
from .flask.handlers import Bound as _Bound
from .flask.middleware import Middleware as _Middleware
from .flask.plan import Launch as _Launch
from .flask.server import Server as _Server
from .flask.testing import SocketIOTestClient

__all__ = [
    "ConnectionRefusedError",
    "Namespace",
    "SocketIO",
    "SocketIOTestClient",
    "call",
    "close_room",
    "disconnect",
    "emit",
    "join_room",
    "leave_room",
    "rooms",
    "send",
]
__path__ = _original.__path__  # "import flask_socketio.namespace" works where this module stands for it
__version__ = getattr(_original, "__version__", None)


class _AppJSON:
    """flask.json, which works in the context of an application only."""

    def __init__(self, app):
        self._app = app

    def dumps(self, *args, **kwargs):
        with self._app.app_context():
            return flask.json.dumps(*args, **kwargs)

    def loads(self, *args, **kwargs):
        with self._app.app_context():
            return flask.json.loads(*args, **kwargs)


class SocketIO(_original.SocketIO):
    """A Flask-SocketIO server on Yodel; arguments and calls are those of flask_socketio.SocketIO.

    app              the Flask application; None: init_app() follows
    manage_session   True: each client has a session of its own, a copy of Flask's; False: Flask's
    message_queue    the URL of a Redis server that is shared with other processes; without an app
                     this object only sends
    channel          on it; "flask-socketio"
    path, resource   where Socket.IO is; "socket.io"
    and those of socketio.Server and engineio.Server, see docs/python.md
    """

    def init_app(self, app, **kwargs):
        """Makes the server, for an application where there is one."""
        self.server_options.update(kwargs)
        options = {**self.server_options, **_Launch.overrides.socketio}
        self.manage_session = options.pop("manage_session", self.manage_session)
        if options.get("json") is flask.json and app is not None:
            options["json"] = _AppJSON(app)
        before = self.server
        self.server = _Server(write_only=app is None, **options)
        if before is not None:
            self.server.take_handlers_of(before)
        self.async_mode = self.server.async_mode
        for message, handler, namespace in self.handlers:
            self.server.on(message, handler, namespace=namespace)
        for handler in self.namespace_handlers:
            self.server.register_namespace(handler)
        if app is not None:
            app.extensions["socketio"] = self
            self.sockio_mw = _Middleware(app, self.server.options.path)
            app.wsgi_app = self.sockio_mw

    def on(self, message, namespace=None):
        """A decorator that registers the handler of an event; "*" is any event, or any namespace."""
        namespace = namespace or "/"

        def register(function):
            handler = _Bound(self, function, message)
            if self.server:
                self.server.on(message, handler, namespace=namespace)
            else:
                self.handlers.append((message, handler, namespace))
            return function

        return register

    def _handle_event(self, handler, message, namespace, sid, *args):
        return _events.handle(self, handler, message, namespace, sid, args)

    def run(self, app, host=None, port=None, **kwargs):
        """Serves the application until a signal or stop() ends it.

        host, port         where; 127.0.0.1 and 5000, or the port of SERVER_NAME
        debug              the debugger, and with use_reloader (which it turns on) the reloader
        reloader_options   extra_files, exclude_patterns, interval
        log_output         lines for requests; as debug is
        ssl_context        ("cert.pem", "key.pem"); certfile and keyfile say the same
        threads, loops     how many threads run handlers at most, and how many C loops there are
        """
        _running.run(self, app, host, port, **kwargs)

    def stop(self):
        """Ends a running server; run() returns."""
        self.server.shutdown()

    def test_client(
        self, app, namespace=None, query_string=None, headers=None, auth=None, flask_test_client=None
    ):
        """A client without a network, for tests."""
        return SocketIOTestClient(
            app,
            self,
            namespace=namespace,
            query_string=query_string,
            headers=headers,
            auth=auth,
            flask_test_client=flask_test_client,
        )
