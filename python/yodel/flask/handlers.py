# SPDX-License-Identifier: MIT
"""Which function handles an event, and with which arguments it is called."""

import inspect

RESERVED = ("connect", "disconnect")


def takes(function, count):
    """Whether a function can be called with so many positional arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def call_with_at_most(function, args):
    """Calls a function with the arguments, or with fewer of the last ones when it has no place for them.

    Decided from its signature, so that a TypeError from inside the function is what it is.
    """
    count = len(args)
    while count and not takes(function, count):
        count -= 1
    return function(*(args[:count] if takes(function, count) else args))


class Bound:
    """A handler that SocketIO.on() has registered: called in the context of a request."""

    __slots__ = ("socketio", "function", "message")

    def __init__(self, socketio, function, message):
        self.socketio = socketio
        self.function = function
        self.message = message

    def run(self, namespace, event, sid, args):
        lead = (event,) if self.message == "*" else ()
        return self.socketio._handle_event(self.function, event, namespace, sid, *lead, *args)

    def __call__(self, sid, *args):
        raise TypeError("a handler of Flask-SocketIO is called by its server")


class Table:
    """The handlers of a server: functions by namespace and event, and objects by namespace."""

    def __init__(self):
        self.functions = {}
        self.objects = {}

    def add(self, event, handler, namespace):
        self.functions.setdefault(namespace, {})[event] = handler

    def find(self, event, namespace):
        """The function for an event and the words that python-socketio's own handlers get first.

        The order is that of python-socketio since 5.10: this event of this namespace, any event of
        it, this event of any namespace, any event of any.
        """
        any_event = event not in RESERVED
        here = self.functions.get(namespace, {})
        if event in here:
            return here[event], ()
        if any_event and "*" in here:
            return here["*"], (event,)
        everywhere = self.functions.get("*", {})
        if event in everywhere:
            return everywhere[event], (namespace,)
        if any_event and "*" in everywhere:
            return everywhere["*"], (event, namespace)
        return None, ()

    def find_object(self, namespace):
        """The class-based namespace, and whether it is the one for all."""
        if namespace in self.objects:
            return self.objects[namespace], False
        return self.objects.get("*"), True

    def namespaces(self):
        """Those that have a handler; "*" stands for any."""
        return {*self.functions, *self.objects}

    def has(self, event, namespace):
        """Whether anything would be called for this event of this namespace."""
        return self.find(event, namespace)[0] is not None or self.find_object(namespace)[0] is not None
