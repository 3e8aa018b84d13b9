# SPDX-License-Identifier: MIT
"""Clients that write down what they say and get, and a checker over what they have written.

Every client says numbered events to one room: ["say", ROOM, sender, number].  Members of the room get
["said", sender, number]; the others must get nothing.
"""

import collections
import contextlib
import threading
import time

from harness import Program
from sio_client import SioClient

ROOM = "room"
UNDER_WAY = 0.25  # seconds that an event may be under way


class Client(SioClient):
    """One client in one namespace; its history is .sent, number -> time, and .got, a list of Got."""

    def __init__(self, port, node, name, is_member, host="127.0.0.1"):
        self.node, self.name, self.is_member = node, name, is_member
        self.sent, self.got, self.ended = {}, [], None
        super().__init__(port, host=host)
        if is_member:
            self.call("join", ROOM)
        self.joined = time.monotonic()

    def _take(self, message):
        now = time.monotonic()
        super()._take(message)
        with self.changed:
            for kind, _, body in self.events:
                self.got.append(Got(now, *body[1:3]) if kind == "2" else Got(now, None, None))
            self.events.clear()

    def say(self):
        """The next number; not when it has ended."""
        if self.ended is not None:
            return
        number = len(self.sent)
        self.sent[number] = time.monotonic()
        try:
            self.emit("say", ROOM, self.name, number)
        except OSError:
            self.end()

    def end(self):
        if self.ended is None:
            self.ended = time.monotonic()
            with contextlib.suppress(OSError):
                self.close()


Got = collections.namedtuple("Got", "at sender number")


class Talk:
    """All clients, and the thread that has each of them say something every `period` seconds."""

    def __init__(self, period):
        self.period, self.clients, self.gone = period, [], []
        self.lock, self.stopped, self.failure = threading.Lock(), threading.Event(), None
        self.stalls = []  # (when, how long) this machine had no time for a thread that was due
        self.thread = threading.Thread(target=self._run, daemon=True)

    def add(self, client):
        with self.lock:
            self.clients.append(client)

    def end_node(self, node):
        """Its clients have gone with it; their histories are kept."""
        with self.lock:
            for client in [client for client in self.clients if client.node == node]:
                client.end()
                self.clients.remove(client)
                self.gone.append(client)

    def _run(self):
        try:
            while not self._wait():
                with self.lock:
                    for client in self.clients:
                        client.say()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def _wait(self):
        begun = time.monotonic()
        is_over = self.stopped.wait(self.period)
        late = time.monotonic() - begun - self.period
        if late > 0.02:
            self.stalls.append((begun, late))
        return is_over

    def has_all_come(self):
        """Every member has the last event of everybody."""
        members = [client for client in self.clients if client.is_member]
        last = {client.name: len(client.sent) - 1 for client in self.clients if client.sent}
        return all(last.items() <= {got.sender: got.number for got in list(member.got)}.items() for member in members)

    def stop(self):
        self.stopped.set()
        self.thread.join()
        assert self.failure is None, self.failure

    def close(self):
        self.stopped.set()
        if self.thread.is_alive():
            self.thread.join()
        for client in self.clients:
            client.end()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.close()


class Fault:
    """What is done to the cluster, from .began to .healed; all is as before from .settled on; node: the one it is done
    to, or None."""

    def __init__(self, name, node=None, ends_clients=False):
        self.name, self.node, self.ends_clients = name, node, ends_clients
        self.began, self.healed, self.settled, self.ended = time.monotonic(), None, None, None

    def has(self, at):
        return self.began <= at < self.ended


class Checker:
    """Judges the histories.  loses_nothing: every event comes to every member exactly once.  stalls: of Talk."""

    def __init__(self, clients, faults, loses_nothing, local_limit, stalls=()):
        self.clients, self.faults, self.stalls = clients, faults, stalls
        self.loses_nothing, self.local_limit = loses_nothing, local_limit
        self.members = [client for client in clients if client.is_member]
        self.when = {client.name: self._index(client) for client in clients}

    @staticmethod
    def _index(client):
        """(sender, number) -> when it came; twice is an error."""
        when = {}
        for got in client.got:
            key = got.sender, got.number
            assert got.sender is not None, f"{client.name} was disconnected"
            assert key not in when, f"{client.name} has {key} twice, {got.at - when[key]:.3f} s apart"
            when[key] = got.at
        return when

    def check(self):
        for client in self.clients:
            if client.is_member:
                self._check_order(client)
            else:
                assert not client.got, f"{client.name} is no member, and has {client.got[:3]}"
        for sender in self.clients:
            for member in self.members:
                self._check_pair(sender, member)
        self._check_of_the_dead()

    def _check_order(self, member):
        last = {}
        for got in member.got:
            before = last.get(got.sender, -1)
            assert got.number > before, f"{member.name} has {got.sender} {got.number} after {before}"
            last[got.sender] = got.number

    def _check_pair(self, sender, member):
        """What must have come has come; local delivery at once, but for a node that is stopped itself."""
        for number, at in self._both_there(sender, member):
            came = self.when[member.name].get((sender.name, number))
            what = f"{sender.name} {number} to {member.name}, {self._place(at)}"
            if sender.node == member.node:
                assert came is not None, f"lost on its own node: {what}"
                if not self._stopped(member.node, at):
                    limit = self.local_limit + self._stalled(at, came)
                    assert came - at < limit, f"{came - at:.3f} s on its own node: {what}"
            elif self.loses_nothing or self._healthy(at):
                assert came is not None, f"lost: {what}"

    def _both_there(self, sender, member):
        """What was said while both were there, less the last moments before one of them has gone."""
        end = min(client.ended or float("inf") for client in (sender, member)) - 1.0
        begin = member.joined
        return [(number, at) for number, at in sender.sent.items() if begin <= at < end]

    def _check_of_the_dead(self):
        """An event of a client that has gone comes to all members of the other nodes, or to none."""
        if not self.loses_nothing:
            return
        for sender in self.clients:
            if sender.ended is None:
                continue
            others = [m for m in self.members if m.node != sender.node and m.ended is None]
            seen = {frozenset(n for s, n in self.when[m.name] if s == sender.name) for m in others}
            assert len(seen) <= 1, f"{sender.name} has gone, and its events came to some only"

    def _stalled(self, begin, end):
        return sum(late for at, late in self.stalls if at < end and at + late > begin)

    def _stopped(self, node, at):
        """Whether it could not serve anybody, or has only just begun to again."""
        return any(
            fault.node == node and fault.began - 1.0 <= at < fault.settled for fault in self.faults
        )

    def _healthy(self, at):
        """Not during a fault, nor in the time after it that it may take to be whole again."""
        return not any(fault.began - 1.0 <= at < fault.settled for fault in self.faults)

    def _place(self, at):
        for fault in self.faults:
            if fault.has(at):
                return f"{at - fault.healed:+.3f} s from the end of '{fault.name}'"
        return "before all faults"

    # what is measured

    def measure(self, fault):
        """Of a fault: the slowest local delivery, how long after it remote delivery was whole again, and
        how many of the events for other nodes were lost.  What is said just ahead of the next fault is lost by that."""
        slowest, lost, wanted, back = 0.0, 0, 0, 0.0
        end = fault.ended - UNDER_WAY
        for sender in self.clients:
            for member in self.members:
                local, back_there = sender.node == member.node, None
                for number, at in self._both_there(sender, member):
                    if not fault.began <= at < end:
                        continue
                    came = self.when[member.name].get((sender.name, number))
                    if local and came is not None and fault.node != member.node:
                        slowest = max(slowest, came - at)
                    if not local:
                        wanted, lost = wanted + 1, lost + (came is None)
                        if came is not None and at >= fault.healed and back_there is None:
                            back_there = came - fault.healed
                if back_there is not None:
                    back = max(back, back_there)
        return {"slowest local": slowest, "remote back": back, "lost": lost, "of": wanted}


class Node(Program):
    """A process of the cluster, on a free port."""

    host = "127.0.0.1"

    def __init__(self, words):
        super().__init__([*words, "--port", "0"], r"^PORT (\d+)$")
