# SPDX-License-Identifier: MIT
"""Thirty restarts, one after the other, under WebSockets that stay: old processes end, and do not pile up."""

import contextlib
import os
import select
import socket
import struct
import tempfile
import threading
import time

from harness import LIMIT, equal, run
from test_takeover import Chain

RESTARTS, EVERY = 30, 0.8  # seconds
DRAIN_MS, SPREAD_MS = 2000, 1000
LATE = 20  # seconds that a process may end after that: the machine may be busy
CLIENTS, DEAF = 300, 15  # the deaf ones never answer a close frame
ASK = (
    b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Client:
    """A WebSocket that comes back as soon as it is closed."""

    def __init__(self, crowd, is_deaf):
        self.crowd, self.is_deaf = crowd, is_deaf
        self.socket = self.told = None
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.crowd.port), LIMIT)
        self.socket.sendall(ASK)
        self.said, self.is_open, self.told = b"", False, False
        self.crowd.clients[self.socket.fileno()] = self
        self.crowd.poll.register(self.socket, select.EPOLLIN)

    def leave(self):
        self.crowd.poll.unregister(self.socket)
        del self.crowd.clients[self.socket.fileno()]
        self.socket.close()

    def read(self):
        try:
            data = self.socket.recv(4096)
        except ConnectionResetError:
            data = b""
        self.said += data
        if not self.is_open and b"\r\n\r\n" in self.said:
            head, _, self.said = self.said.partition(b"\r\n\r\n")
            self.is_open = head.startswith(b"HTTP/1.1 101")
        if self.is_open and not self.told and self.said[:1] == b"\x88" and len(self.said) >= 4:
            self.told = True
            self.crowd.closes.append((time.monotonic(), struct.unpack(">H", self.said[2:4])[0]))
            if not self.is_deaf:
                self.socket.sendall(b"\x88\x82\0\0\0\0" + self.said[2:4])
                data = b""
        if not data:
            self.crowd.lost += not self.told
            self.leave()
            self.connect()


class Crowd(threading.Thread):
    """All clients, in one thread."""

    def __init__(self, port):
        super().__init__()
        self.port, self.poll = port, select.epoll()
        self.clients, self.closes, self.lost = {}, [], 0
        self.is_over, self.error = False, None
        for i in range(CLIENTS):
            Client(self, i < DEAF)

    def run(self):
        try:
            while not self.is_over:
                for fd, _ in self.poll.poll(0.05):
                    if fd in self.clients:
                        self.clients[fd].read()
        except OSError as error:
            self.error = error

    def end(self):
        self.is_over = True
        self.join()
        for client in list(self.clients.values()):
            client.leave()
        self.poll.close()


def cpu_seconds(program):
    """What a process has used, or None when it is gone."""
    with contextlib.suppress(OSError, IndexError):
        with open(f"/proc/{program.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        if fields[0] != "Z":
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


class Old:
    """A process that was told to stop."""

    def __init__(self, program):
        self.program, self.begin = program, time.monotonic()
        self.cpu = self.cpu_before = cpu_seconds(program) or 0
        self.took = None

    def look(self):
        cpu = cpu_seconds(self.program)
        if cpu is not None:
            self.cpu = cpu
        elif self.took is None:
            self.took = time.monotonic() - self.begin


def test_old_processes_end_and_closes_are_spread():
    with tempfile.TemporaryDirectory() as folder:
        demos = Chain(folder, "--loops", "2", "--drain-ms", str(DRAIN_MS), "--spread-ms", str(SPREAD_MS))
        crowd = Crowd(demos.port)
        try:
            crowd.start()
            check(demos, crowd)
        finally:
            crowd.end()
            demos.end()


def check(demos, crowd):
    old, most, spreads = [], 0, []
    for _ in range(RESTARTS):
        begin, before = time.monotonic(), len(crowd.closes)
        old.append(Old(demos.restart()))
        is_over = False
        while not is_over:  # a restart alone may take longer on a busy machine
            is_over = time.monotonic() >= begin + EVERY
            for one in old:
                one.look()
            most = max(most, sum(one.took is None for one in old))
            time.sleep(0.05)
        times = [at for at, _ in crowd.closes[before:]]
        spreads.append(max(times) - min(times) if times else 0)
    deadline = time.monotonic() + DRAIN_MS / 1000 + LATE + 1
    while time.monotonic() < deadline and any(one.took is None for one in old):
        time.sleep(0.05)
        for one in old:
            one.look()
    assert crowd.error is None, crowd.error
    assert all(one.took is not None for one in old), "an old process stays"
    assert all(one.took < DRAIN_MS / 1000 + LATE for one in old), [one.took for one in old]
    assert most <= (DRAIN_MS / 1000 + LATE) / EVERY + 1, f"{most} at a time"
    equal({code for _, code in crowd.closes}, {1001})
    equal(crowd.lost, 0)
    assert len(crowd.closes) > RESTARTS * CLIENTS / 4, len(crowd.closes)
    assert sorted(spreads)[RESTARTS // 2] > SPREAD_MS / 2000, spreads
    used = [one.cpu - one.cpu_before for one in old]
    assert max(used) < 1 and sum(used) / RESTARTS < 0.3, used


if __name__ == "__main__":
    run(globals())
