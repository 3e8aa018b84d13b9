# SPDX-License-Identifier: MIT
"""The backend of a running server: SioServer of the extension module, and the threads that run handlers."""

import logging
import os
import queue
import signal
import weakref

from .._yodel import SioServer
from . import middleware
from .access import Logged
from .pool import Pool

log = logging.getLogger("yodel.error")
SIGNALS = (signal.SIGTERM, signal.SIGINT)
_REFUSED = "Connection rejected by server"
_SLACK = 2.0  # seconds that handlers have beyond the time in which connections end


def server_options(options, plan, namespaces):
    """The arguments of SioServer for a program's options and a plan."""
    cors = options.cors_allowed_origins
    return {
        "listen": [_listener(plan)],
        "loops": plan.loops,
        "path": f"/{options.path}/",
        "namespaces": sorted(namespaces),
        "always_connect": options.always_connect,
        "ping_interval": options.ping_interval + options.ping_grace,
        "ping_timeout": options.ping_timeout,
        "max_http_buffer_size": options.max_http_buffer_size,
        "cookie": _cookie(options.cookie),
        "cors_allowed_origins": [] if callable(cors) else list(cors) if isinstance(cors, (tuple, set)) else cors,
        "check_sessions": callable(cors),
        "cors_credentials": options.cors_credentials,
        "allow_upgrades": options.allow_upgrades,
        "transports": options.transports,
        "compression_threshold": options.compression_threshold if options.http_compression else None,
        "serializer": options.serializer,
        "json": options.json,
        "message_queue": options.message_queue,
        "channel": options.channel,
        "queue_form": options.queue_form,
    }


def _listener(plan):
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    listener = {"address": f"unix:{plan.unix}" if plan.unix else f"{host}:{plan.port}"}
    if plan.certfile:
        listener.update(tls_cert=plan.certfile, tls_key=plan.keyfile or plan.certfile)
    if plan.trusted:
        listener["trusted"] = list(plan.trusted)
    return listener


def _cookie(cookie):
    """Attributes may be functions, which are called once."""
    if not isinstance(cookie, dict):
        return cookie
    return {name: value() if callable(value) else value for name, value in cookie.items()}


class NativeBackend:
    """Serves a Flask application and its Socket.IO server.

    server   Server of server.py
    app      the Flask application
    plan     Plan of plan.py
    """

    def __init__(self, server, app, plan):
        self.server = server
        self.app = app
        self.plan = plan
        self.wishes = queue.SimpleQueue()  # what run() is asked for: "stop", "reload"
        namespaces = {"/"} | server.table.namespaces() | set(server.options.namespaces or ())
        self.sio = SioServer(**server_options(server.options, plan, namespaces))
        self._wsgi = Logged(app) if plan.log_output else app
        self._handlers = {
            SioServer.CONNECT: self._connect,
            SioServer.EVENT: self._event,
            SioServer.DISCONNECT: self._disconnect,
            SioServer.ACK: self._ack,
            SioServer.HTTP: self._http,
            SioServer.LOG: self._log,
            SioServer.CHECK: self._check,
        }
        self._signals = {}  # what was set before, by number
        self._pool = Pool(self.sio.worker, self._run, plan.threads)

    def start(self):
        self.server.backends.append(self)
        os.register_at_fork(after_in_child=_Forked(self))
        self._pool.start()
        self.sio.start()

    def take_signals(self):
        """Has SIGTERM and SIGINT end the server, where the program has no handlers of its own; from the main thread."""
        for number in SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._signals[number] = signal.signal(number, lambda number, frame: self.wishes.put(number))

    def give_back_signals(self):
        """Has them do what they did before."""
        for number, handler in self._signals.items():
            signal.signal(number, handler)
        self._signals = {}

    def stop(self):
        """Asks run() to end; from any thread."""
        self.wishes.put("stop")

    def end(self, drain):
        """Ends connections, then handlers.  Gives how many handlers did not end in time."""
        self.sio.stop(drain)
        self.sio.join(drain + _SLACK)
        left = self._pool.join(_SLACK)
        self.server.backends.remove(self)
        return left

    # ---- items, in the threads of the pool

    def _run(self, worker, item):
        try:
            self._handlers[item[0]](worker, item)
        except SystemExit:
            log.warning("a handler called exit(), which ends only the handler")
        except BaseException:
            log.exception("Exception in the handler of %s", _name_of(item))

    def _connect(self, worker, item):
        _, sid, namespace, environ, auth = item
        engine_id = self.sio.eio_sid(sid, namespace)
        if engine_id is None:
            worker.refuse(_REFUSED)  # it has gone
            return
        try:
            refused = self.server.client_connects(
                self, namespace, sid, engine_id, lambda: middleware.seen_by(self.app, environ), auth
            )
        except BaseException:
            worker.refuse(_REFUSED)
            raise
        if refused is None:
            worker.accept()
        elif "data" in refused:
            worker.refuse(refused["message"], refused["data"])
        else:
            worker.refuse(refused["message"])

    def _event(self, worker, item):
        _, sid, namespace, event, args, wants_answer = item
        answer = self.server.client_sends(namespace, sid, event, args)
        if wants_answer and answer is not None:
            worker.ack(tuple(answer))

    def _disconnect(self, worker, item):
        _, sid, namespace, reason = item
        self.server.client_leaves(namespace, sid, reason)

    def _ack(self, worker, item):
        _, _, _, callback, answers = item
        for args in answers:
            callback(*args)

    def _http(self, worker, item):
        item[1].run(self._wsgi)

    def _log(self, worker, item):
        log.log(item[1], "%s", item[2])

    def _check(self, worker, item):
        environ = item[1]
        origin = environ.get("HTTP_ORIGIN")
        allowed = self.server.options.cors_allowed_origins
        if origin is None or self._is_allowed(allowed, origin, environ):
            worker.accept()
        else:
            worker.refuse("Not an accepted origin.")

    def _is_allowed(self, allowed, origin, environ):
        try:
            return allowed(origin, environ)
        except TypeError:
            return allowed(origin)

    # ---- what Server asks for

    def emit(self, event, data=None, **where):
        try:
            self.sio.emit(event, data, **where)
        except OSError as error:
            log.warning("the event %r was not sent to all: %s", event, error)

    def call(self, event, data=None, **where):
        return self.sio.call(event, data, **where)

    def enter_room(self, sid, room, namespace=None):
        self.sio.enter_room(sid, room, namespace)

    def leave_room(self, sid, room, namespace=None):
        self.sio.leave_room(sid, room, namespace)

    def close_room(self, room, namespace=None):
        self.sio.close_room(room, namespace)

    def rooms(self, sid, namespace=None):
        return self.sio.rooms(sid, namespace)

    def disconnect(self, sid, namespace=None):
        self.sio.disconnect(sid, namespace)

    def transport(self, sid, namespace=None):
        return self.sio.transport(sid, namespace)

    def add_namespace(self, name):
        self.sio.add_namespace(name)


class _Forked:
    """Called in a child of fork(): what it has got of a server is of no use to it.

    It would keep the port, and would not end by SIGTERM, which is how multiprocessing ends its children.
    """

    def __init__(self, backend):
        self._backend = weakref.ref(backend)

    def __call__(self):
        backend = self._backend()
        if backend is not None:
            backend.sio.after_fork()
            backend.give_back_signals()


def _name_of(item):
    names = {SioServer.CONNECT: "connect", SioServer.DISCONNECT: "disconnect", SioServer.ACK: "a callback"}
    if item[0] == SioServer.EVENT:
        return f"{item[3]!r} [{item[2]}]"
    return names.get(item[0], "an HTTP request")
