# SPDX-License-Identifier: MIT
"""What an abuse case is."""

import contextlib
import time
from dataclasses import dataclass
from typing import Callable

from abuse_cases.raw import ANSWER_LIMIT, Failure, expect
from abuse_cases.server import Server

MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """`check(context)` raises Failure if the server's answer is wrong."""

    id: str
    what: str
    check: Callable
    measures: bool = False  # needs the pid of the server
    starts: bool = False  # starts a server of its own
    waits: bool = False  # mostly waits, on a server of its own: may run beside others
    option: str = None  # needs this option

    @property
    def group(self):
        """The letter of the group."""
        return self.id[0]


@dataclass
class Context:
    """What a check may use."""

    server: Server
    options: object

    def limit(self, name):
        """A time limit of the impatient server in seconds: header, body, close, ..."""
        return getattr(self.options, f"{name}_timeout_ms") / 1000

    @contextlib.contextmanager
    def own_server(self, extra="", limits=()):
        """Another server, with extra arguments and resource limits."""
        server = Server.start(self.options.server, extra, limits)
        try:
            yield server
        finally:
            server.stop()

    @contextlib.contextmanager
    def impatient_server(self):
        """Another server, with the arguments that make its time limits short."""
        with self.own_server(self.options.slow_args) as server:
            yield server

    @contextlib.contextmanager
    def bounded_memory(self, limit, server=None):
        """Resident memory must never grow by more than `limit` octets in this block."""
        server = server or self.server
        if server.pid is None or server.sanitized() or not server.reset_peak():
            yield
            return
        before = server.rss()
        yield
        if server.alive():
            grown = server.peak_rss() - before
            expect(
                grown <= limit,
                f"memory grew by {grown / MIB:.1f} MiB, expected at most {limit / MIB:.1f} MiB",
            )

    @contextlib.contextmanager
    def little_work(self, limit):
        """The server's processor must not be busy for more than `limit` seconds in this block; where that is not known,
        nor may it last longer."""
        clock = self.server.cpu_seconds if self.server.pid else time.monotonic
        before = clock()
        yield
        seconds = clock() - before
        expect(seconds <= limit, f"it took {seconds * 1000:.0f} ms, expected at most {limit * 1000:.0f} ms")

    @contextlib.contextmanager
    def bounded_descriptors(self, slack=2, server=None):
        """No file descriptor may be left over after this block."""
        server = server or self.server
        before = server.descriptors() if server.pid else None
        yield
        if before is not None:
            wait_until(
                lambda: server.descriptors() <= before + slack,
                ANSWER_LIMIT,
                lambda: f"{server.descriptors() - before} descriptors are left open",
            )


def wait_until(condition, limit, complaint):
    """Poll `condition` for at most `limit` seconds, then fail with `complaint()`."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(complaint())
        time.sleep(0.02)
