# SPDX-License-Identifier: MIT
"""Runs a handler of Flask-SocketIO: request context, session, error handlers."""

from flask.sessions import SessionMixin
from socketio.exceptions import ConnectionRefusedError

from . import contexts
from .handlers import call_with_at_most
from .server import NOT_HANDLED


class ManagedSession(dict, SessionMixin):
    """A client's own session: a dictionary that has what flask.session has."""


def handle(socketio, handler, message, namespace, sid, args):
    """Calls handler as the one of an event, and gives what it gives.

    message   the event's name; None: a callback of emit()
    args      connect: the environment and the authentication; disconnect: the reason
    """
    if namespace == "*":  # of a class-based namespace for all
        namespace, sid, args = sid, args[0], args[1:]
    engine = socketio.server.engine_of(sid, namespace)
    if engine is None:
        return NOT_HANDLED  # the client has gone
    environ = engine.environ
    app = environ["flask.app"]
    saved = environ.get("saved_session") if socketio.manage_session else None
    context = contexts.make(app, environ, engine.template, saved)
    with context:
        contexts.entered(app, engine, context)
        session = _session(socketio, context, environ)
        request = context.request
        request.sid = sid
        request.namespace = namespace
        request.event = {"message": message, "args": args}
        try:
            result = _call(handler, message, args)
        except ConnectionRefusedError:
            raise
        except Exception as error:
            answer = socketio.exception_handlers.get(namespace, socketio.default_exception_handler)
            if answer is None:
                raise
            return answer(error)
        if not socketio.manage_session and getattr(session, "modified", True):
            app.session_interface.save_session(app, session, app.response_class())
        return result


def _session(socketio, context, environ):
    """The session of this call."""
    if not socketio.manage_session:
        return context.session
    if "saved_session" not in environ:
        environ["saved_session"] = context.session = ManagedSession(context.session)
    return context.session


def _call(handler, message, args):
    if message == "connect":
        return call_with_at_most(handler, (args[1],))
    if message == "disconnect":
        return call_with_at_most(handler, args)
    return handler(*args)
