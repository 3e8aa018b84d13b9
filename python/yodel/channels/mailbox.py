# SPDX-License-Identifier: MIT
"""What waits in one channel, and who waits for it."""

import asyncio
import collections
import time

QUEUED, WAKE, FULL, GONE = range(4)  # as python/src/asgi_ws_port.h has them


class Mailbox:
    """
    A channel.  All calls are made with the layer's lock.

    port     of a WebSocket: the queue is there, among what the client sends; else None
    loop     where the port is
    owners   how many consumers live by it: it does not expire
    groups   names of those it is in
    """

    __slots__ = ("name", "capacity", "port", "loop", "owners", "groups", "touched", "_items", "_waiters")

    def __init__(self, name, capacity):
        self.name = name
        self.capacity = capacity
        self.port = self.loop = None
        self.owners = 0
        self.groups = set()
        self.touched = time.monotonic()
        self._items = None
        self._waiters = None

    @property
    def is_idle(self):
        """Nobody needs it: it may be forgotten."""
        return not (self.owners or self.groups or self._items or self._waiters)

    @property
    def is_awaited(self):
        """Somebody waits in receive()."""
        return bool(self._waiters)

    def waiting(self):
        """How many messages wait."""
        if self.port is not None:
            return self.port.num_events()
        return len(self._items) if self._items else 0

    def put(self, item):
        """Adds (deadline, message).  Returns QUEUED, FULL, GONE, or WAKE: the port is to be woken."""
        if self.port is not None:
            return self.port.put(item, self.capacity)
        items = self._items
        if items is None:
            items = self._items = collections.deque()
        if len(items) >= self.capacity:
            return FULL
        items.append(item)
        if self._waiters:
            self._wake_one()
        return QUEUED

    def take(self):
        """The first (deadline, message), or None."""
        return self._items.popleft() if self._items else None

    def expire(self, now):
        """Drops what is too old.  Returns how many that were."""
        count, items = 0, self._items
        while items and items[0][0] < now:
            items.popleft()
            count += 1
        return count

    def drop(self):
        """Drops all that waits."""
        self._items = None
        if self.port is not None:
            self.port.drop()

    def wait(self):
        """A future of the running loop that is done when there is something, or was."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if self._waiters is None:
            self._waiters = collections.deque()
        self._waiters.append((loop, future))
        return future

    def unwait(self, future):
        """Its task goes on without it: another one gets what it was woken for."""
        for entry in self._waiters or ():
            if entry[1] is future:
                self._waiters.remove(entry)
                return
        if self._items and self._waiters:
            self._wake_one()

    def _wake_one(self):
        while self._waiters:
            loop, future = self._waiters.popleft()
            try:
                if loop is asyncio._get_running_loop():  # pylint: disable=protected-access
                    loop.call_soon(_set, future)
                else:
                    loop.call_soon_threadsafe(_set, future)
                return
            except RuntimeError:
                pass  # that loop is closed: nobody will go on there

    def open_port(self, port):
        """What waits, and all that comes, goes to a WebSocket's queue."""
        port.open_port()
        self.port, self.loop = port, asyncio.get_running_loop()
        items, self._items = self._items, None
        for item in items or ():
            port.put(item, self.capacity)

    def close_port(self):
        """The consumer has ended."""
        port, self.port, self.loop = self.port, None, None
        if port is not None:
            port.close_port()


def _set(future):
    if not future.done():
        future.set_result(None)
