# SPDX-License-Identifier: MIT
"""
The layer in Redis, beside processes of channels_redis: what a process does there for all its
consumers.

A group has one member for each process of ours.  One thread writes, in the order of the calls and
in batches; one for each host reads what comes for this process, and one for each plain channel that
somebody waits for here.  They start when they are needed first.
"""

import atexit
import collections
import concurrent.futures
import contextlib
import itertools
import logging
import threading
import time
import weakref

import redis

from yodel.channels import redis_form
from yodel.channels.mailbox import FULL, QUEUED

log = logging.getLogger("yodel.channels")

LEASE = 300  # seconds after which others drop the memberships of a process that was killed
MOST_BYTES = 8 * 1024 * 1024  # of messages that wait for Redis
MOST_HELD = 1000  # messages that wait for one process whose key is full
BATCH = 200
AGAIN = 0.05  # seconds between attempts for a key that is full
BLOCK = 2  # seconds that a reader waits in Redis
ERRORS = (redis.RedisError, OSError)


def _client(host, **more):
    host = {**host, **more}
    if "address" in host:
        return redis.Redis.from_url(host.pop("address"), **host)
    if "master_name" in host:
        name, sentinels = host.pop("master_name"), host.pop("sentinels")
        kwargs = host.pop("sentinel_kwargs", None)
        return redis.sentinel.Sentinel(sentinels, sentinel_kwargs=kwargs, **host).master_for(name)
    return redis.Redis(**host)


def _future():
    """One that cannot be cancelled: who waits for it no more is no affair of the thread."""
    future = concurrent.futures.Future()
    future.set_running_or_notify_cancel()
    return future


class Held:
    """Messages for a key that is full."""

    def __init__(self):
        self.items = collections.deque()  # (deadline, data)
        self.capacity = 0


class RedisLink:
    """
    A layer's side in Redis.

    layer   whose groups and channels these are; not kept
    """

    def __init__(self, layer, hosts, prefix, symmetric_encryption_keys):
        self._layer = weakref.ref(layer)
        self._hosts = redis_form.decode_hosts(hosts)
        if not isinstance(prefix, str):
            raise ValueError("prefix is a string")
        self._prefix = prefix
        self._expiry = layer.expiry
        self._group_expiry = layer.group_expiry
        self._lease = min(LEASE, self._group_expiry)
        self._capacity_of = layer.capacities.of  # and not the layer's own
        self._codec = redis_form.Codec(symmetric_encryption_keys, int(self._expiry) + 10)
        self._numbers = itertools.count(1)
        self._next_host = itertools.cycle(range(len(self._hosts)))
        self._counts = {"published": 0, "received": 0, "malformed": 0, "held_full": 0, "lost": 0, "dropped": 0}
        self._reset(layer.process)
        atexit.register(_close_at_exit, weakref.ref(self))
        weakref.finalize(layer, self.close, 0).atexit = False

    def _reset(self, process):
        """As in a process that has none of the threads."""
        self._condition = threading.Condition()
        self._process = f".{process}!"
        self._own = f"specific{self._process}"
        self._ops = collections.deque()
        self._bytes = 0
        self._owns = [self._own]  # what names of channels of this process begin with
        self._groups = {}  # name: our member's name in Redis
        self._by_member = {}
        self._joining = {}  # group: future
        self._held = {}  # key: Held
        self._score = 0.0
        self._renew_at = 0.0
        self._stopped = False
        self._writer = None
        self._listeners = {}
        self._clients = [_client(host, socket_timeout=5, socket_connect_timeout=5) for host in self._hosts]

    def after_fork(self, process):
        """In a child: the connections and memberships are the parent's."""
        self._reset(process)

    # what the layer calls, in any thread

    def is_far(self, channel):
        """Whether messages to a channel go through Redis."""
        return self._process not in channel

    def ready(self):
        """There is nothing to wait for."""

    def join(self, group):
        """A future of when a group that has members here is known to Redis, or that could not be told; or None."""
        with self._condition:
            if group in self._groups:
                return self._joining.get(group)
            member = f"{self._own}g{next(self._numbers):016x}"
            self._groups[group], self._by_member[member] = member, group
            return self._put_op(("join", group, member), self._joining.setdefault(group, _future()))

    def change(self, group, channel, is_member):
        """Puts a channel of another process into a group, or takes it out.  Returns a future."""
        with self._condition:
            return self._put_op(("add" if is_member else "leave", group, channel), _future())

    def note_prefix(self, prefix):
        """Names with this prefix are made, and read here."""
        with self._condition:
            if prefix + self._process not in self._owns:
                self._owns = [*self._owns, prefix + self._process]

    def leave(self, group):
        """The last member here has left."""
        with self._condition:
            member = self._groups.pop(group, None)
            if member is not None:
                del self._by_member[member]
                self._put_op(("leave", group, member), _future())

    def publish(self, group, message):
        """Sends to the members of other processes.  Returns a future."""
        return self._send(("publish", group), message)

    def send(self, channel, message):
        """Sends to a channel.  Returns a future of QUEUED or FULL, or of an exception of Redis."""
        return self._send(("send", channel), message)

    def _send(self, op, message):
        packed = self._codec.pack(message)
        with self._condition:
            if self._bytes + len(packed[1]) > MOST_BYTES:
                self._counts["dropped"] += 1
                future = _future()
                future.set_result(FULL)
                return future
            self._bytes += len(packed[1])
            return self._put_op((*op, packed), _future())

    def listen(self, channel):
        """Somebody waits for a channel."""
        with self._condition:
            self._begin()
            if "!" in channel:
                return
            for index in range(len(self._hosts)):
                if (channel, index) not in self._listeners:
                    self._listeners[channel, index] = self._thread(self._listen, channel, index)

    def flush(self):
        """Deletes all keys of the prefix."""
        for client in self._clients:
            client.eval(redis_form.FLUSH, 0, self._prefix + "*")
        self._renew_soon()

    def _renew_soon(self):
        with self._condition:
            self._renew_at = 0.0
            self._condition.notify()

    def close(self, limit=10):
        """Leaves the groups and ends the threads, within `limit` seconds."""
        with self._condition:
            for group in list(self._groups):
                self.leave(group)
            self._stopped = True
            writer = self._writer
            self._condition.notify()
        if writer is not None and limit:
            writer.join(limit)

    def stats(self):
        """Counters, and what waits."""
        with self._condition:
            waiting = len(self._ops) + sum(len(one.items) for one in list(self._held.values()))
            return {**self._counts, "waiting_for_redis": waiting}

    # threads

    def _thread(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, name="yodel.channels", daemon=True)
        thread.start()
        return thread

    def _begin(self):
        self._stopped = False
        if self._writer is None or not self._writer.is_alive():
            self._writer = self._thread(self._write)
            for index in range(len(self._hosts)):
                self._thread(self._read, index, self._writer)

    def _put_op(self, op, future):
        self._begin()
        self._ops.append((op, future))
        self._condition.notify()
        return future

    # writing

    def _write(self):
        while True:
            with self._condition:
                self._condition.wait_for(self._is_due, self._idle_time())
                batch = [self._ops.popleft() for _ in range(min(len(self._ops), BATCH))]
                self._bytes -= sum(len(op[2][1]) for op, _ in batch if op[0] in ("publish", "send"))
                if not batch and self._stopped:
                    self._writer = None
                    return
            try:
                self._renew()
                self._do(batch)
                self._try_held()
            except ERRORS as problem:
                self._fail(batch, problem)

    def _is_due(self):
        return self._ops or self._stopped or self._renew_at <= time.monotonic()

    def _idle_time(self):
        return AGAIN if self._held else max(0.0, min(self._renew_at - time.monotonic(), 60.0))

    def _fail(self, batch, problem):
        """Redis does not answer: whether it has what was under way is not known."""
        log.error("Redis: %s", problem)
        self._renew_at = time.monotonic() + 1.0
        for op, future in batch:
            if op[0] == "join":
                self._joined(op[1], future)
            elif op[0] == "send" and not future.done():
                self._counts["lost"] += 1
                future.set_exception(problem)
            elif not future.done():
                self._counts["lost"] += op[0] == "publish"
                future.set_result(None)

    def _joined(self, group, future):
        with self._condition:
            if self._joining.get(group) is future:
                del self._joining[group]
        if not future.done():
            future.set_result(None)

    def _lease_score(self):
        """So that others drop the membership when it has not been renewed for the lease."""
        return time.time() - self._group_expiry + self._lease

    def _add(self, pipes, group, member, score):
        key = f"{self._prefix}:group:{group}"
        pipe = self._pipe(pipes, redis_form.shard(group, len(self._hosts)))
        pipe.zadd(key, {member: score})
        pipe.expire(key, int(self._group_expiry))

    def _pipe(self, pipes, index):
        if index not in pipes:
            pipes[index] = self._clients[index].pipeline(transaction=False)
        return pipes[index]

    def _renew(self):
        now = time.monotonic()
        if now < self._renew_at:
            return
        with self._condition:
            groups = list(self._groups.items())
        for first in range(0, len(groups), 1000):
            pipes = {}
            for group, member in groups[first : first + 1000]:
                self._add(pipes, group, member, self._lease_score())
            for pipe in pipes.values():
                pipe.execute()
        self._renew_at = now + self._lease / 3

    def _do(self, batch):
        """Two turns with Redis: memberships, and who is in a group; then the messages."""
        pipes, asked = {}, []
        for op, _ in batch:
            if op[0] == "join":
                self._add(pipes, op[1], op[2], self._lease_score())
            elif op[0] == "add":
                self._add(pipes, op[1], op[2], time.time())
            elif op[0] == "leave":
                index = redis_form.shard(op[1], len(self._hosts))
                self._pipe(pipes, index).zrem(f"{self._prefix}:group:{op[1]}", op[2])
            elif op[0] == "publish":
                asked.append(self._ask(pipes, op[1]))
        answers = {index: pipe.execute() for index, pipe in pipes.items()}
        members = iter([answers[index][place] for index, place in asked])
        sends = []
        for op, future in batch:
            if op[0] == "publish":
                sends += [(*send, future) for send in self._targets(op[2], next(members))]
            elif op[0] == "send":
                sends.append((*self._target(op[1], op[2]), future))
        self._send_all(sends, {id(future) for op, future in batch if op[0] == "send"})
        for op, future in batch:
            if op[0] == "join":
                self._joined(op[1], future)
            elif not future.done():
                future.set_result(QUEUED)

    def _ask(self, pipes, group):
        index = redis_form.shard(group, len(self._hosts))
        pipe, key = self._pipe(pipes, index), f"{self._prefix}:group:{group}"
        pipe.zremrangebyscore(key, 0, int(time.time()) - int(self._group_expiry))
        pipe.zrange(key, 0, -1)
        return index, len(pipe) - 1

    def _targets(self, packed, members):
        """(host, key, data, capacity) for each process but ours that has members."""
        by_key = {}
        for member in members:
            name = member.decode(errors="replace")
            if not name.startswith(self._own + "g"):  # our own member
                by_key.setdefault(redis_form.non_local(name), []).append(name)
        for name, channels in by_key.items():
            index = redis_form.shard(name, len(self._hosts))
            yield index, self._prefix + name, self._codec.encode(packed, channels), self._capacity_of(channels[0])

    def _target(self, channel, packed):
        name = redis_form.non_local(channel)
        own = "!" in channel
        index = redis_form.shard(name, len(self._hosts)) if own else next(self._next_host)
        data = self._codec.encode(packed, channel if own else None)
        return index, self._prefix + name, data, self._capacity_of(channel)

    def _send_all(self, sends, direct):
        """Gives messages to Redis, or keeps those of groups for keys that are full."""
        by_host = {}
        for index, key, data, capacity, future in sends:
            if (index, key) in self._held and id(future) not in direct:
                self._hold(index, key, data, capacity)
            else:
                by_host.setdefault(index, []).append((key, data, capacity, future))
        for index, those in by_host.items():
            full = self._eval(index, [one[:3] for one in those])
            for place in full:
                key, data, capacity, future = those[place]
                if id(future) in direct:
                    future.set_result(FULL)
                else:
                    self._hold(index, key, data, capacity)

    def _eval(self, index, those):
        """Sends (key, data, capacity); returns the positions of those that there was no room for."""
        now, full = time.time(), []
        for first in range(0, len(those), 500):
            part = those[first : first + 500]
            scores = [self._next_score() for _ in part]
            keys, data, capacities = zip(*part)
            words = [*keys, *data, *capacities, *scores, int(now) - int(self._expiry), int(self._expiry)]
            answer = self._clients[index].eval(redis_form.SEND, len(part), *words)
            full += [first + place - 1 for place in answer]
        self._counts["published"] += len(those) - len(full)
        return full

    def _next_score(self):
        """Now; and later than ever before, so that the order is that of the calls."""
        self._score = max(time.time(), self._score + 1e-6)
        return self._score

    def _hold(self, index, key, data, capacity):
        held = self._held.setdefault((index, key), Held())
        held.capacity = capacity
        if len(held.items) >= MOST_HELD:
            self._counts["held_full"] += 1
        else:
            held.items.append((time.monotonic() + self._expiry, data))

    def _try_held(self):
        now = time.monotonic()
        for place, held in list(self._held.items()):
            while held.items and held.items[0][0] < now:
                held.items.popleft()
                self._counts["held_full"] += 1
            some = list(itertools.islice(held.items, 100))
            if some:
                full = self._eval(place[0], [(place[1], data, held.capacity) for _, data in some])
                for _ in range(len(some) - len(full)):
                    held.items.popleft()
            if not held.items:
                del self._held[place]

    # reading; no local variable keeps the layer while a thread waits

    def _pops(self, index, keys, goes_on):
        """(key, data, score) of what comes to keys(), while goes_on(); of ours many at once, in their order."""
        client = _client(self._hosts[index], socket_timeout=BLOCK + 10, socket_connect_timeout=5)
        pause = 0.1
        while goes_on():
            try:
                if pause > 0.1:  # it may have forgotten all
                    client.ping()
                    self._renew_soon()
                first = client.bzpopmin(keys(), timeout=BLOCK)
                more = client.zpopmin(first[0], BATCH) if first and b"!" in first[0] else ()
                pause = 0.1
            except ERRORS as problem:
                log.debug("Redis: %s", problem)
                time.sleep(pause)
                pause = min(2 * pause, 1.0)
                continue
            yield from [first[1:], *more] if first else ()
        client.close()

    def _read(self, index, writer):
        """What comes for this process."""

        def keys():
            return [self._prefix + own for own in self._owns]

        for data, score in self._pops(index, keys, lambda: writer.is_alive() and self._layer() is not None):
            self._take(data, score)

    def _take(self, data, score):
        layer, decoded = self._layer(), self._decoded(data)
        if layer is None or decoded is None:
            return
        if score < time.time() - self._expiry:
            layer.note_expired()
            return
        names, message = decoded
        for name in names:
            group = self._by_member.get(name)
            if group is not None:
                layer.deliver_group(group, message)
            elif not self.is_far(name):
                layer.deliver(name, message)

    def _decoded(self, data):
        try:
            decoded = self._codec.decode(data)
        except ValueError:
            self._counts["malformed"] += 1
            return None
        self._counts["received"] += 1
        return decoded

    def _is_awaited(self, channel):
        layer = self._layer()
        return layer is not None and not self._stopped and layer.is_awaited(channel)

    def _listen(self, channel, index):
        """What comes for a plain channel, as long as somebody waits for it."""

        def goes_on():
            if self._is_awaited(channel):
                return True
            with self._condition:
                self._listeners.pop((channel, index), None)
            if self._is_awaited(channel):  # since just now
                self.listen(channel)
            return False

        for data, score in self._pops(index, lambda: [self._prefix + channel], goes_on):
            if self._is_awaited(channel):
                self._take_plain(channel, data, score)
                continue
            with contextlib.suppress(*ERRORS):  # no more: somebody else gets it
                self._clients[index].zadd(self._prefix + channel, {data: score})

    def _take_plain(self, channel, data, score):
        layer, decoded = self._layer(), self._decoded(data)
        if layer is not None and decoded is not None and score >= time.time() - self._expiry:
            layer.deliver(channel, decoded[1])


def _close_at_exit(reference):
    link = reference()
    if link is not None:
        link.close()
