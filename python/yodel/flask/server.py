# SPDX-License-Identifier: MIT
"""Server: what a program, Flask-SocketIO and class-based namespaces know as socketio.Server.

It holds the handlers and the clients' environments and sessions, and hands what is sent to a
backend: the one of the extension module when the server runs (native.py), one in memory for the
test client (memory.py), one that only publishes (publish.py).
"""

import contextlib
import logging
import queue
import threading
import time
import uuid

from socketio import exceptions
from socketio import namespace as class_based

from . import options as options_of
from . import rooms as names
from .handlers import Bound, Table, call_with_at_most
from .manager import Manager
from .publish import PublishBackend

log = logging.getLogger("yodel.error")
NOT_HANDLED = object()
_REFUSED = {"message": "Connection rejected by server"}


class Engine:
    """One connection of a client, which its namespaces share: the environment and the sessions."""

    __slots__ = ("id", "environ", "sessions", "users", "template")

    def __init__(self, id, environ):
        self.id = id
        self.environ = environ
        self.sessions = {}
        self.users = 0
        self.template = None  # of contexts.py


class Client:
    """A client in a namespace."""

    __slots__ = ("sid", "namespace", "engine", "backend", "leaving", "names")

    def __init__(self, sid, namespace, engine, backend):
        self.sid = sid
        self.namespace = namespace
        self.engine = engine
        self.backend = backend
        self.leaving = False
        self.names = {}  # of rooms that are no text: what the program calls them


class EngineIO:
    """The part of engineio.Server that programs use."""

    async_mode = "yodel"

    def __init__(self, server):
        self._server = server

    def generate_id(self):
        return uuid.uuid4().hex

    def create_event(self, *args, **kwargs):
        return threading.Event(*args, **kwargs)

    def create_queue(self, *args, **kwargs):
        return queue.Queue(*args, **kwargs)

    def get_queue_empty_exception(self):
        return queue.Empty

    def start_background_task(self, target, *args, **kwargs):
        return self._server.start_background_task(target, *args, **kwargs)

    def sleep(self, seconds=0):
        return self._server.sleep(seconds)


class Server:
    """The server that a program's handlers belong to.

    client_manager, logger, serializer, json, always_connect, namespaces and the options of
    Engine.IO are those of socketio.Server, and message_queue and channel those of Flask-SocketIO.
    """

    reserved_events = ["connect", "disconnect"]
    not_handled = NOT_HANDLED

    def __init__(self, write_only=False, **kwargs):
        self.options = options_of.read(kwargs, write_only)
        self.logger = _logger(self.options.logger)
        self.async_mode = "yodel"
        self.async_handlers = self.options.async_handlers
        self.always_connect = self.options.always_connect
        self.environ = {}  # by the id of the connection
        self.table = Table()
        self.manager = Manager(self)
        self.eio = EngineIO(self)
        self.backends = [PublishBackend(self.options)] if write_only and self.options.message_queue else []
        self._clients = {}  # by namespace and sid
        self._engines = {}  # by id
        self._lock = threading.Lock()

    # ---- handlers

    @property
    def handlers(self):
        return self.table.functions

    @property
    def namespace_handlers(self):
        return self.table.objects

    def is_asyncio_based(self):
        return False

    def take_handlers_of(self, other):
        """Registers what another server has: one that was made before there was an application."""
        self.table.functions.update(other.table.functions)
        for handler in other.table.objects.values():
            self.register_namespace(handler)

    def on(self, event, handler=None, namespace=None):
        """Registers a handler, or gives a decorator that does."""
        namespace = namespace or "/"

        def register(function):
            self.table.add(event, function, namespace)
            for backend in self.backends:
                backend.add_namespace(namespace)
            return function

        if handler is None:
            return register
        register(handler)

    def event(self, *args, **kwargs):
        """A decorator: the function's name is the event's."""
        if len(args) == 1 and not kwargs and callable(args[0]):
            return self.on(args[0].__name__)(args[0])
        return lambda function: self.on(function.__name__, *args, **kwargs)(function)

    def register_namespace(self, handler):
        """Registers an object with the handlers of a namespace."""
        if not isinstance(handler, class_based.Namespace):
            raise ValueError("Not a namespace instance")
        handler._set_server(self)
        self.table.objects[handler.namespace] = handler
        for backend in self.backends:
            backend.add_namespace(handler.namespace)

    def accepts(self, namespace):
        """Whether clients may connect to a namespace."""
        if namespace == "/":
            return True
        known = self.table.namespaces() | set(self.options.namespaces or ())
        return namespace in known or "*" in known

    def trigger(self, event, namespace, sid, *args):
        """Calls the handler of an event.  Gives what it gives, NOT_HANDLED when there is none."""
        handler, lead = self.table.find(event, namespace)
        if isinstance(handler, Bound):
            return handler.run(namespace, event, sid, args)
        if handler is not None:
            if event in self.reserved_events:
                return call_with_at_most(handler, (*lead, sid, *args))
            return handler(*lead, sid, *args)
        handler, for_all = self.table.find_object(namespace)
        if handler is None or not _has_method(handler, event):
            return NOT_HANDLED
        lead = (namespace,) if for_all else ()
        return handler.trigger_event(event, *lead, sid, *args)

    # ---- what clients do: called by backends, for one client one after the other

    def client_connects(self, backend, namespace, sid, engine_id, make_environ, auth):
        """Runs the connect handler.  Gives None when the client is in, else what it is told."""
        with self._lock:
            engine = self._engine(engine_id)
            client = Client(sid, namespace, engine, backend)
            self._clients[namespace, sid] = client
        try:
            if engine.environ is None:
                environ = make_environ()
                if environ is None:  # a middleware has refused it
                    self.forget(client)
                    return _REFUSED
                engine.environ = self.environ[engine_id] = environ
            result = self.trigger("connect", namespace, sid, engine.environ, auth)
        except exceptions.ConnectionRefusedError as refused:
            self.forget(client)
            return refused.error_args
        except ConnectionRefusedError:
            self.forget(client)
            return {"message": "Connection refused by server"}
        except BaseException:
            self.forget(client)
            raise
        if result is False:
            self.forget(client)
            return _REFUSED
        return None

    def client_sends(self, namespace, sid, event, args):
        """Runs the handler of an event.  Gives the arguments of the answer, None for no answer."""
        client = self._clients.get((namespace, sid))
        if client is None or client.leaving:
            return None
        self.logger.info('received event "%s" from %s [%s]', event, sid, namespace)
        result = self.trigger(event, namespace, sid, *args)
        if result is NOT_HANDLED:
            return None
        return answer_of(result)

    def client_leaves(self, namespace, sid, reason):
        """Runs the disconnect handler; afterwards nothing of the client is kept."""
        client = self._clients.get((namespace, sid))
        if client is None:
            return
        client.leaving = True
        try:
            self.trigger("disconnect", namespace, sid, reason)
        finally:
            self.forget(client)

    def forget(self, client):
        """Drops what is kept of a client."""
        with self._lock:
            if self._clients.pop((client.namespace, client.sid), None) is not client:
                return
            engine = client.engine
            engine.users -= 1
            if engine.users:
                return
            del self._engines[engine.id]
            self.environ.pop(engine.id, None)
        if engine.environ is not None:
            engine.environ.pop("werkzeug.request", None)  # which refers to the environment

    def _engine(self, engine_id):
        """The connection, which is counted once more."""
        engine = self._engines.get(engine_id)
        if engine is None:
            engine = self._engines[engine_id] = Engine(engine_id, None)
        engine.users += 1
        return engine

    # ---- sending

    def emit(self, event, data=None, to=None, room=None, skip_sid=None, namespace=None, callback=None, **kwargs):
        """Emits an event to everyone in a namespace, to rooms, or to one client by its sid.

        data: a tuple stands for several arguments, None for none; bytes may stand anywhere in it.
        callback: called with the arguments of the answer of each client that is reached.
        ignore_queue: the clients of this process only.
        """
        namespace = namespace or "/"
        target = to or room
        self.logger.info('emitting event "%s" to %s [%s]', event, target or "all", namespace)
        for backend in self.backends:
            backend.emit(
                event,
                data,
                to=names.listed(target or None),
                skip_sid=names.listed(skip_sid),
                namespace=namespace,
                callback=callback,
                ignore_queue=bool(kwargs.get("ignore_queue")),
            )

    def send(self, data, to=None, room=None, skip_sid=None, namespace=None, callback=None, **kwargs):
        """Emits the event "message"."""
        self.emit("message", data, to, room, skip_sid, namespace, callback, **kwargs)

    def call(self, event, data=None, to=None, sid=None, namespace=None, timeout=60, **kwargs):
        """Emits to one client and waits for its answer.  Raises TimeoutError of socketio.exceptions."""
        if to is None and sid is None:
            raise ValueError("Cannot use call() to broadcast.")
        for backend in self.backends:
            try:
                args = backend.call(
                    event,
                    data,
                    to=names.to_wire(to or sid),
                    namespace=namespace or "/",
                    timeout=timeout,
                    ignore_queue=bool(kwargs.get("ignore_queue")),
                )
            except TimeoutError:
                raise exceptions.TimeoutError() from None
            return args if len(args) > 1 else args[0] if args else None
        raise exceptions.TimeoutError()

    # ---- rooms

    def enter_room(self, sid, room, namespace=None):
        """Puts a client into a room.  Raises ValueError when it is not in the namespace."""
        name = names.to_wire(room)
        client = self._clients.get((namespace or "/", sid))
        if client is not None:
            if name != room:
                client.names[name] = room
            client.backend.enter_room(sid, name, client.namespace)
            return
        if not self.options.message_queue:
            raise ValueError("sid is not connected to requested namespace")
        for backend in self.backends:  # it may be another process's
            backend.enter_room(sid, name, namespace or "/")

    def leave_room(self, sid, room, namespace=None):
        """Takes a client out of a room; nothing happens when it is not there."""
        name = names.to_wire(room)
        client = self._clients.get((namespace or "/", sid))
        if client is not None:
            client.backend.leave_room(sid, name, client.namespace)
            client.names.pop(name, None)
        elif self.options.message_queue:
            for backend in self.backends:  # it may be another process's
                backend.leave_room(sid, name, namespace or "/")

    def close_room(self, room, namespace=None):
        """Takes everyone out of a room."""
        name = names.to_wire(room)
        for backend in self.backends:
            backend.close_room(name, namespace or "/")
        for client in list(self._clients.values()) if name != room else ():
            client.names.pop(name, None)

    def rooms(self, sid, namespace=None):
        """The rooms of a client, its own among them."""
        client = self._clients.get((namespace or "/", sid))
        return self.rooms_of(client) if client else []

    def rooms_of(self, client):
        """The same for an object of Client."""
        return [client.names.get(name, name) for name in client.backend.rooms(client.sid, client.namespace)]

    def _client(self, sid, namespace):
        client = self._clients.get((namespace or "/", sid))
        if client is None:
            raise ValueError("sid is not connected to requested namespace")
        return client

    # ---- sessions and clients

    def get_session(self, sid, namespace=None):
        """The session of a client in a namespace, a dictionary."""
        client = self._client(sid, namespace)
        return client.engine.sessions.setdefault(client.namespace, {})

    def save_session(self, sid, session, namespace=None):
        """Replaces the session of a client in a namespace."""
        client = self._clients.get((namespace or "/", sid))
        if client is not None:
            client.engine.sessions[client.namespace] = session

    @contextlib.contextmanager
    def session(self, sid, namespace=None):
        """The session of a client, saved at the end of the with block."""
        session = self.get_session(sid, namespace)
        try:
            yield session
        finally:
            self.save_session(sid, session, namespace)

    def get_environ(self, sid, namespace=None):
        """The WSGI environment of a client's connection; None when it is not there."""
        client = self._clients.get((namespace or "/", sid))
        return client.engine.environ if client else None

    def engine_of(self, sid, namespace=None):
        """The connection of a client; None when it is not there, or has no environment yet."""
        client = self._clients.get((namespace or "/", sid))
        return client.engine if client and client.engine.environ is not None else None

    def transport(self, sid, namespace=None):
        """The transport of a client, "polling" or "websocket"."""
        client = self._client(sid, namespace)
        return client.backend.transport(sid, client.namespace)

    def disconnect(self, sid, namespace=None, ignore_queue=False):
        """Disconnects a client from a namespace."""
        namespace = namespace or "/"
        client = self._clients.get((namespace, sid))
        if client is not None:
            if not client.leaving:
                client.leaving = True
                client.backend.disconnect(sid, namespace)
        elif not ignore_queue:
            for backend in self.backends:
                backend.disconnect(sid, namespace)

    # ---- tasks

    def start_background_task(self, target, *args, **kwargs):
        """Runs a function in a thread of its own, and gives the thread, which can be joined."""
        thread = threading.Thread(target=target, args=args, kwargs=kwargs, daemon=True)
        thread.start()
        return thread

    def sleep(self, seconds=0):
        """Sleeps; other threads run."""
        time.sleep(seconds)

    def shutdown(self):
        """Ends a running server as SocketIO.stop() does."""
        for backend in self.backends:
            backend.stop()


def answer_of(result):
    """A value as a list of arguments: a tuple is several, None is none."""
    if result is None:
        return []
    return list(result) if isinstance(result, tuple) else [result]


def _has_method(handler, event):
    """Whether a class-based namespace handles an event: by a method, or by a dispatch of its own."""
    if hasattr(handler, "on_" + event):
        return True
    own = type(handler).trigger_event
    return own.__module__.partition(".")[0] not in ("flask_socketio", "socketio")


def _logger(logger):
    if not isinstance(logger, bool):
        return logger
    own = logging.getLogger("yodel.socketio")
    own.setLevel(logging.INFO if logger else logging.ERROR)
    return own
