# SPDX-License-Identifier: MIT
"""Request contexts of events: each event has its own, and those of one connection differ in little.

Flask takes most of the time of an event to read the environment of the connection again, and to look
for a route that "/socket.io/" never has.  So what the first context of a connection has found is kept,
and later ones begin with it.
"""

import flask
from flask.ctx import RequestContext

_PARTS = {"app", "request", "url_adapter", "flashes", "session", "_after_request_functions", "_cv_tokens"}


class Template:
    """What contexts of a connection have in common: the attributes of a fresh request."""

    __slots__ = ("kind", "attributes", "url_adapter")

    def __init__(self, context):
        self.kind = type(context.request)
        self.attributes = dict(vars(context.request))
        self.url_adapter = context.url_adapter


def can_be_kept(app, context):
    """Whether a context can be made from parts of another: not where the program has made its own kinds of them."""
    return (
        type(app).request_context is flask.Flask.request_context
        and app.request_class.__init__ is flask.Request.__init__
        and type(context) is RequestContext
        and set(vars(context)) == _PARTS
    )


def make(app, environ, template, session):
    """A context to be entered; session may be None: then it is opened."""
    if template is None:
        context = app.request_context(environ)
        context.session = session
        return context
    request = object.__new__(template.kind)
    request.__dict__.update(template.attributes)
    context = object.__new__(RequestContext)
    context.app = app
    context.request = request
    context.url_adapter = None  # entered() gives it: nothing is to be looked for
    context.flashes = None
    context.session = session
    context._after_request_functions = []
    context._cv_tokens = []
    return context


def entered(app, engine, context):
    """To be called in the context, before the program's own code."""
    if engine.template is not None:
        context.url_adapter = engine.template.url_adapter
    elif can_be_kept(app, context):
        engine.template = Template(context)
