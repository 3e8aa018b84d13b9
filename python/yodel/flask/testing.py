# SPDX-License-Identifier: MIT
"""The test client of Flask-SocketIO, with the same calls, on clients in memory."""

import uuid

from werkzeug.test import EnvironBuilder

from .memory import MemoryBackend, through_json


class SocketIOTestClient:
    """A client without a network: handlers run in the calls that send to them, one after the other.

    app                 the Flask application
    socketio            its SocketIO
    namespace           to connect to; None: "/"
    query_string        of the request that connects
    headers             of that request
    auth                what the connect handler gets
    flask_test_client   whose cookies are sent along
    """

    def __init__(
        self, app, socketio, namespace=None, query_string=None, headers=None, auth=None, flask_test_client=None
    ):
        if socketio.server.options.message_queue:
            raise RuntimeError(
                "Test client cannot be used with a message queue. Disable the queue on your test configuration."
            )
        self.app = app
        self.socketio = socketio
        self.flask_test_client = flask_test_client
        self.eio_sid = uuid.uuid4().hex
        self.connected = {}
        self.queue = []
        self._clients = {}
        self.connect(namespace=namespace, query_string=query_string, headers=headers, auth=auth)

    @property
    def _backend(self):
        server = self.socketio.server
        for backend in server.backends:
            if isinstance(backend, MemoryBackend):
                return backend
        server.backends.append(MemoryBackend(server))
        return server.backends[-1]

    def is_connected(self, namespace=None):
        """Whether the client is in a namespace."""
        return self.connected.get(namespace or "/", False)

    def _environ(self, query_string, headers):
        url = "/" + self.socketio.server.options.path
        if query_string:
            url += query_string if query_string.startswith("?") else "?" + query_string
        environ = EnvironBuilder(url, headers=headers).get_environ()
        environ["flask.app"] = self.app
        if self.flask_test_client is not None:
            self._add_cookies(environ)
        return environ

    def _add_cookies(self, environ):
        client = self.flask_test_client
        if hasattr(client, "cookie_jar"):  # Werkzeug before 2.3
            client.cookie_jar.inject_wsgi(environ)
        else:
            client._add_cookies_to_wsgi(environ)

    def connect(self, namespace=None, query_string=None, headers=None, auth=None):
        """Connects to a namespace."""
        namespace = namespace or "/"
        server = self.socketio.server
        if self.is_connected(namespace) or not server.accepts(namespace):
            return

        def deliver(kind, event, args):
            self._deliver(namespace, kind, event, args)

        backend = self._backend
        client = backend.enter(namespace, self.eio_sid, deliver)
        self._clients[namespace] = client
        auth = through_json(server.options.json, auth)
        refused = True
        try:
            refused = server.client_connects(
                backend, namespace, client.sid, self.eio_sid, lambda: self._environ(query_string, headers), auth
            )
        finally:
            if refused is not None:
                self._clients.pop(namespace, None)
                backend.leave(client)
        if refused is None and namespace in self._clients:
            self.connected[namespace] = True

    def _deliver(self, namespace, kind, event, args):
        if kind == "disconnect":
            self.connected[namespace] = False
            self._clients.pop(namespace, None)
            return
        if event in ("message", "json"):
            args = args[0] if args else None
        self.queue.append({"name": event, "args": args, "namespace": namespace})

    def _client(self, namespace):
        if not self.is_connected(namespace):
            raise RuntimeError("not connected")
        return self._clients[namespace or "/"]

    def disconnect(self, namespace=None):
        """Leaves a namespace."""
        client = self._client(namespace)
        try:
            self.socketio.server.client_leaves(client.namespace, client.sid, "client disconnect")
        finally:
            self._backend.leave(client)
            self._clients.pop(client.namespace, None)
            self.connected.pop(client.namespace, None)

    def emit(self, event, *args, callback=False, namespace=None, **_):
        """Sends an event.  With callback what the server has answered is returned: one value, or a list."""
        client = self._client(namespace)
        server = self.socketio.server
        args = through_json(server.options.json, list(args))
        answer = server.client_sends(client.namespace, client.sid, event, args)
        if answer is None:
            return None
        answer = through_json(server.options.json, answer)
        if not callback:
            return None
        return answer[0] if len(answer) == 1 else answer

    def send(self, data, json=False, callback=False, namespace=None):
        """Sends the event "message", or "json"."""
        return self.emit("json" if json else "message", data, callback=callback, namespace=namespace)

    def get_received(self, namespace=None):
        """What has come since the last call: dictionaries with name, args and namespace."""
        self._client(namespace)
        namespace = namespace or "/"
        received = [event for event in self.queue if event["namespace"] == namespace]
        self.queue = [event for event in self.queue if event["namespace"] != namespace]
        return received
