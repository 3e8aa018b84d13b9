# SPDX-License-Identifier: MIT
"""class Layer: groups and channels in the memory of a process."""

import asyncio
import contextlib
import logging
import os
import threading
import time
import uuid
import weakref

from channels.exceptions import ChannelFull

from yodel.channels import copies, names
from yodel.channels.mailbox import FULL, GONE, WAKE, Mailbox

log = logging.getLogger("yodel.channels")

MOST_CHANNELS = 100_000  # with messages or memberships that nobody lives by
_layers = weakref.WeakSet()
_running = asyncio._get_running_loop  # pylint: disable=protected-access


def _make_far(layer, directory, hosts, prefix, symmetric_encryption_keys):
    """The layer's link with other processes, or None."""
    if hosts is not None:
        from yodel.channels.redis_link import RedisLink  # wants redis and msgpack

        return RedisLink(layer, hosts, prefix, symmetric_encryption_keys)
    if symmetric_encryption_keys:
        raise ValueError("symmetric_encryption_keys are for a layer with hosts")
    directory = directory or os.environ.get("YODEL_CHANNELS_DIR")
    if directory:
        from yodel.channels.local_link import LocalLink

        return LocalLink(layer, os.path.join(directory, prefix))
    return None


class Layer:
    """
    A channel layer: "BACKEND": "yodel.channels.Layer".

    expiry            seconds after which a message that nobody has received is dropped
    group_expiry      seconds after which a channel that no consumer lives by leaves its groups
    capacity          messages that may wait in a channel
    channel_capacity  {pattern: capacity} of some channels
    hosts             of Redis: shared with all processes that use it, of channels_redis too
    prefix            of names there
    symmetric_encryption_keys   for messages in Redis: the first encrypts, all decrypt
    directory         shared with all processes of this machine that are given the same; workers of one
                      server have one by themselves

    Every method may be called in any thread and any event loop.
    """

    extensions = ["groups", "flush"]
    MAX_NAME_LENGTH = names.LONGEST + 1

    def __init__(
        self,
        expiry=60,
        group_expiry=86400,
        capacity=100,
        channel_capacity=None,
        hosts=None,
        prefix="asgi",
        symmetric_encryption_keys=None,
        directory=None,
    ):
        self.expiry = _seconds("expiry", expiry)
        self.group_expiry = _seconds("group_expiry", group_expiry)
        self.capacity = capacity
        self.capacities = names.Capacities(capacity, channel_capacity)
        self._begin()
        self._counts = {"sent": 0, "delivered": 0, "full": 0, "expired": 0, "gone": 0}
        self._sweep_at = 0.0
        self._complain_at = 0.0
        self._far = _make_far(self, directory, hosts, prefix, symmetric_encryption_keys)
        _layers.add(self)

    def _begin(self):
        self.process = uuid.uuid4().hex
        self._lock = threading.RLock()
        self._boxes = {}  # name: Mailbox
        self._num_owned = 0  # of them, by consumers
        self._groups = {}  # name: {channel: Mailbox}

    def after_fork(self):
        """In a child of fork(): consumers, and what is known of us elsewhere, are the parent's."""
        self._begin()
        if self._far is not None:
            self._far.after_fork(self.process)

    def get_capacity(self, channel):
        """How many messages may wait in a channel."""
        return self.capacities.of(channel)

    # channels

    async def new_channel(self, prefix="specific"):
        """A new name of a channel of this process."""
        prefix = prefix.rstrip(".")
        if self._far is not None and prefix != "specific":
            self._far.note_prefix(prefix)
        return f"{prefix}.{self.process}!{uuid.uuid4().hex}"

    async def send(self, channel, message):
        """Sends a message to a channel; ChannelFull if as many wait there as may."""
        names.check_channel(channel)
        names.check_message(message)
        self._sweep()
        if self._far is not None and self._far.is_far(channel):
            await self._reach()
            future = self._far.send(channel, message)
            if future is not None:
                await self._sent_far(channel, future)
                return
        make = copies.maker(message)
        with self._lock:
            self._counts["sent"] += 1
            if self._fan_out((self._box(channel),), make) == FULL:
                raise ChannelFull(channel)

    async def _reach(self):
        """Until the others that are there can be reached."""
        future = self._far.ready()
        if future is not None:
            await asyncio.wrap_future(future)

    async def _sent_far(self, channel, future):
        code = await asyncio.wrap_future(future)
        self._counts["sent"] += 1
        if code == FULL:
            self._counts["full"] += 1
            raise ChannelFull(channel)
        self._counts["gone"] += code == GONE

    async def receive(self, channel):
        """The first message that comes through a channel; of several that wait here, one gets it."""
        names.check_channel(channel)
        self._sweep()
        while True:
            with self._lock:
                box = self._box(channel)
                item = self._take(box)
                if item is not None:
                    self._forget_if_idle(box)
                    return item[1]
                future = box.wait()
            if self._far is not None:
                self._far.listen(channel)
            try:
                await future
            except BaseException:
                with self._lock:
                    box.unwait(future)
                    self._forget_if_idle(box)
                raise

    def _take(self, box):
        now = box.touched = time.monotonic()
        self._counts["expired"] += box.expire(now)
        return box.take()

    # groups

    async def group_add(self, group, channel):
        """Puts a channel into a group."""
        names.check_group(group)
        names.check_channel(channel)
        self._sweep()
        if self._far is not None and self._far.is_far(channel):
            await self._reach()
            future = self._far.change(group, channel, True)
            if future is not None:
                await asyncio.wrap_future(future)
                return
        with self._lock:
            box = self._box(channel)
            box.touched = time.monotonic()
            box.groups.add(group)
            members = self._groups.get(group)
            if members is None:
                members = self._groups[group] = {}
            members[channel] = box
            future = self._far.join(group) if self._far is not None else None
        if future is not None:
            await asyncio.wrap_future(future)

    async def group_discard(self, group, channel):
        """Takes a channel out of a group; not being in it is no error."""
        names.check_group(group)
        names.check_channel(channel)
        if self._far is not None and self._far.is_far(channel):
            await self._reach()
            future = self._far.change(group, channel, False)
            if future is not None:
                await asyncio.wrap_future(future)
        self.discard_here(group, channel)

    def add_here(self, group, channel):
        """Another process puts a consumer of this one into a group."""
        with self._lock:
            box = self._boxes.get(channel)
            if box is not None and box.owners:
                box.groups.add(group)
                self._groups.setdefault(group, {})[channel] = box

    def discard_here(self, group, channel):
        """group_discard() of a channel of this process."""
        with self._lock:
            box = self._boxes.get(channel)
            if box is not None:
                self._leave(box, group)
                self._forget_if_idle(box)

    async def group_send(self, group, message):
        """Sends a message to all channels of a group; those that are full do not get it."""
        names.check_group(group)
        names.check_message(message)
        self._sweep()
        future = None
        if self._far is not None:
            await self._reach()
            future = self._far.publish(group, message)
        self._counts["sent"] += 1
        self.deliver_group(group, message)
        if future is not None:
            await asyncio.wrap_future(future)

    def deliver_group(self, group, message):
        """Gives a message to the members here."""
        make = copies.maker(message)
        with self._lock:
            members = self._groups.get(group)
            if members:
                self._fan_out(tuple(members.values()), make)

    def deliver(self, channel, message):
        """Gives a message that has come from another process to a channel here."""
        make = copies.maker(message)
        with self._lock, contextlib.suppress(ChannelFull):
            self._fan_out((self._box(channel),), make)

    def is_awaited(self, channel):
        """Whether somebody waits for a message of it."""
        with self._lock:
            box = self._boxes.get(channel)
            return box is not None and box.is_awaited

    def hand_over(self, channel):
        """Another process receives from a plain channel, for which nobody has here: it gets what waits."""
        while self._far.is_far(channel):
            with self._lock:
                box = self._boxes.get(channel)
                item = self._take(box) if box is not None else None
                if box is not None:
                    self._forget_if_idle(box)
            if item is None:
                return
            if self._far.send(channel, item[1]) is None:
                self.deliver(channel, item[1])
                return

    def _group_ends(self, group):
        """A group's last member here has left; with the lock."""
        if self._far is not None:
            self._far.leave(group)

    def _leave(self, box, group):
        members = self._groups.get(group)
        box.groups.discard(group)
        if members is None or members.pop(box.name, None) is None or members:
            return
        del self._groups[group]
        self._group_ends(group)

    # delivery

    def _fan_out(self, boxes, make):
        """
        Puts a copy of a message into each of these; with the lock, so that all members of a group
        get its messages in one order.  Returns what the last one said.
        """
        deadline, here = time.monotonic() + self.expiry, _running()
        ports, far, full, gone, code = [], None, 0, 0, None
        for box in boxes:
            code = box.put((deadline, make()))
            if code == WAKE:
                if box.loop is here:
                    ports.append(box.port)
                else:
                    far = far or {}
                    far.setdefault(box.loop, []).append(box.port)
            elif code == FULL:
                code = self._put_again(box, (deadline, make()))
                full += code == FULL
            elif code == GONE:
                gone += 1
        counts = self._counts
        counts["delivered"] += len(boxes) - full - gone
        if full or gone:
            counts["full"] += full
            counts["gone"] += gone
            self._complain(full)
        if ports:
            here.call_soon(_wake, ports)
        for loop, those in far.items() if far else ():
            _wake_there(loop, those)
        return code

    def _put_again(self, box, item):
        """A channel is full: perhaps of what is too old."""
        expired = box.expire(time.monotonic())
        self._counts["expired"] += expired
        return box.put(item) if expired else FULL

    def _complain(self, full):
        now = time.monotonic()
        if full and now >= self._complain_at:
            self._complain_at = now + 10
            log.warning("%d channels were full (capacity %d): they did not get a message.", full, self.capacity)

    # the life of channels

    def _box(self, name):
        box = self._boxes.get(name)
        if box is None:
            if len(self._boxes) - self._num_owned >= MOST_CHANNELS:
                raise ChannelFull(name)
            box = self._boxes[name] = Mailbox(name, self.capacities.of(name))
        return box

    def _forget_if_idle(self, box):
        if box.is_idle and self._boxes.get(box.name) is box:
            del self._boxes[box.name]

    def begin_consumer(self, channel, port=None):
        """
        A consumer lives by this channel from now on; its memberships last as long as it does.

        port   of its WebSocket, which then is its queue; or None
        """
        with self._lock:
            box = self._box(channel)
            box.owners += 1
            self._num_owned += box.owners == 1
            if port is not None:
                box.open_port(port)
        if self._far is not None:
            self._far.listen(channel)

    def end_consumer(self, channel):
        """It has ended, in whatever way: its channel leaves all groups."""
        with self._lock:
            box = self._boxes.get(channel)
            if box is None:
                return
            box.close_port()
            box.owners -= 1
            if box.owners == 0:
                self._num_owned -= 1
                self._remove(box)

    def _remove(self, box):
        for group in tuple(box.groups):
            self._leave(box, group)
        box.drop()
        self._forget_if_idle(box)

    def note_expired(self):
        """A consumer has taken a message that was too old from its WebSocket's queue."""
        self._counts["expired"] += 1

    def _sweep(self):
        """Now and then: drops old messages, and memberships by which no consumer lives."""
        now = time.monotonic()
        if now < self._sweep_at:
            return
        with self._lock:
            self._sweep_at = now + min(max(self.expiry / 4, 0.05), 15)
            for box in list(self._boxes.values()):
                self._counts["expired"] += box.expire(now)
                if not box.owners and box.groups and box.touched + self.group_expiry < now:
                    for group in tuple(box.groups):
                        self._leave(box, group)
                self._forget_if_idle(box)

    # the rest

    async def flush(self):
        """Drops all messages and groups; with hosts, also those of all other processes."""
        with self._lock:
            for group in list(self._groups):
                del self._groups[group]
                self._group_ends(group)
            for box in list(self._boxes.values()):
                box.groups.clear()
                box.drop()
                self._forget_if_idle(box)
        if self._far is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._far.flush)

    async def close(self):
        """Ends the connections with other processes, unless there are members."""
        if self._far is not None and not self._groups:
            await asyncio.get_running_loop().run_in_executor(None, self._far.close)

    close_pools = close

    async def wait_received(self):
        """There is nothing to wait for."""

    def stats(self):
        """
        Counters: messages sent here, and what has become of them at the channels of this process:
        delivered into their queues, not (full: capacity; gone: the client has left), or dropped from
        there (expired).  And how many channels and groups there are, and messages that wait.
        """
        with self._lock:
            waiting = sum(box.waiting() for box in self._boxes.values())
            far = self._far.stats() if self._far is not None else {}
            now = {"channels": len(self._boxes), "groups": len(self._groups), "waiting": waiting}
            return {**far, **self._counts, **now}


def _after_fork():
    for layer in list(_layers):
        layer.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _wake(ports):
    for port in ports:
        port.wake()


def _wake_there(loop, ports):
    try:
        loop.call_soon_threadsafe(_wake, ports)
    except RuntimeError:
        pass  # that loop is closed, and with it the consumers


def _seconds(what, value):
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{what} is a number of seconds, not {value!r}")
    return value
