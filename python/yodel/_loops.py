# SPDX-License-Identifier: MIT
"""Loops of asyncio that a server can live in, and what it lives in there.

A server is a guest in a loop of libuv: uvloop's own, or one of ours under a selector of asyncio's.
"""

import asyncio
import functools
import os
import selectors
import sys
import weakref

from yodel import _yodel


class Selector(selectors.BaseSelector):
    """A selector on a loop of libuv, in which servers live beside asyncio's descriptors."""

    def __init__(self):
        self.uv = _yodel.UvLoop()
        self._keys = {}

    @staticmethod
    def _number(fileobj):
        return fileobj if isinstance(fileobj, int) else int(fileobj.fileno())

    def _known(self, fileobj):
        """The descriptor of a registered object, which may be closed by now."""
        try:
            number = self._number(fileobj)
        except ValueError:
            number = -1
        if number in self._keys:
            return number
        for key in self._keys.values():
            if key.fileobj is fileobj:
                return key.fd
        raise KeyError(f"{fileobj!r} is not registered")

    def register(self, fileobj, events, data=None):
        number = self._number(fileobj)
        if number in self._keys:
            raise KeyError(f"{fileobj!r} (FD {number}) is already registered")
        self.uv.watch(number, events)
        key = self._keys[number] = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj):
        number = self._known(fileobj)
        self.uv.unwatch(number)
        return self._keys.pop(number)

    def modify(self, fileobj, events, data=None):
        number = self._known(fileobj)
        if events != self._keys[number].events:
            self.uv.watch(number, events)
        key = self._keys[number] = self._keys[number]._replace(events=events, data=data)
        return key

    def select(self, timeout=None):
        keys = self._keys
        return [(keys[number], events & keys[number].events)
                for number, events in self.uv.poll(timeout) if number in keys]

    def get_key(self, fileobj):
        return self._keys[self._known(fileobj)]

    def get_map(self):
        return self._keys

    def close(self):
        self._keys.clear()
        self.uv.close()


class SelectorLoop(asyncio.SelectorEventLoop):
    """The standard library's loop on such a selector."""

    def __init__(self):
        self.yodel_selector = Selector()
        super().__init__(self.yodel_selector)


def _uvloop():
    """The module uvloop, if it is there and its libuv is the one this package uses; else None."""
    try:
        import uvloop
        from uvloop import loop as core
    except ImportError:
        return None
    return uvloop if _yodel.same_libuv(core.__file__) else None


_hosts = weakref.WeakSet()  # loops in which servers have been


def _after_fork():
    """In a child of fork(): what the parent serves is none of its business."""
    for loop in list(_hosts):
        for server in loop.yodel_servers:
            server.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _close(loop):
    """What loop.close() is once a server has come: those that are left are cut off before.

    uvloop takes every handle that it finds in its loop for its own; the standard library's would
    lose the selector under the server."""
    if loop.is_running():
        raise RuntimeError("Cannot close a running event loop")
    for server in list(loop.yodel_servers):
        server.stop()
        server.stop()
        while not server.is_over:
            loop.run_until_complete(asyncio.sleep(0))
    loop.yodel_servers.clear()
    type(loop).close(loop)


def new_event_loop(kind="auto"):
    """A new loop: "uvloop", "asyncio", or "auto" for the first of these that can be had."""
    if kind not in ("auto", "uvloop", "asyncio"):
        raise ValueError(f"no such loop: {kind}")
    if kind != "asyncio":
        uvloop = _uvloop()
        if uvloop is not None:
            return uvloop.new_event_loop()
        if kind == "uvloop":
            raise RuntimeError("uvloop is not installed, or brings a libuv of its own")
    return SelectorLoop()


def guest_of(loop):
    """What a server needs to live in a loop: the `guest` of _yodel.AsgiServer."""
    guest = _guest_of(loop)
    if not hasattr(loop, "yodel_servers"):
        loop.yodel_servers = set()
        loop.close = functools.partial(_close, loop)
        _hosts.add(loop)
    return guest


def _guest_of(loop):
    if isinstance(loop, SelectorLoop):
        return loop.yodel_selector.uv
    core = sys.modules.get("uvloop.loop")
    if core is not None and isinstance(loop, core.Loop):
        if not _yodel.same_libuv(core.__file__):
            raise RuntimeError("this uvloop brings a libuv of its own: use yodel._loops.new_event_loop()")
        return core.libuv_get_loop_t_ptr(loop)
    raise TypeError("neither uvloop's loop nor one of yodel._loops.new_event_loop()")
