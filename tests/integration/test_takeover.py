# SPDX-License-Identifier: MIT
"""One process takes the listening sockets over from another, and no client is let down."""

import contextlib
import os
import pathlib
import select
import signal
import socket
import stat
import tempfile
import threading
import time

from harness import BINARY, LIMIT, PUBLIC, Closed, Program, WebSocket, equal, eventually, http, run

DRAIN_MS, SPREAD_MS = 3000, 1000


class Chain:
    """Demos that follow each other on one port."""

    def __init__(self, folder, *words):
        self.path = str(pathlib.Path(folder) / "takeover")
        self.words = words
        self.port = None
        self.old = []
        self.now = self.start()
        self.port = self.now.port
        try:
            eventually(lambda: is_up(self.port), "the first one answers")
        except BaseException:
            self.kill()
            raise

    def start(self, *words):
        return Program(
            [BINARY, "--port", "0", "--public", PUBLIC, "--drain-ms", str(DRAIN_MS)]
            + ["--spread-ms", str(SPREAD_MS), "--takeover", self.path, *self.words, *words],
            r"^PORT (\d+)$",
        )

    def restart(self, *words):
        before = self.now
        self.old.append(before)  # it is killed in the end, whatever becomes of the next one
        self.now = self.start(*words)
        equal(self.now.port, self.port)
        return before

    def end(self):
        try:
            for program in self.old:
                program.stop(ask=False)  # it ends by itself, and may not catch signals any more
            if self.now.alive():  # it has a port before it catches signals
                eventually(lambda: is_up(self.port), "the last one answers")
            self.now.stop()
        finally:
            self.kill()

    def kill(self):
        for program in (*self.old, self.now):
            program.kill()


@contextlib.contextmanager
def chain(*words):
    with tempfile.TemporaryDirectory() as folder:
        demos = Chain(folder, *words)
        try:
            yield demos
            demos.end()
        finally:
            demos.kill()


def is_up(port):
    return http(port, "GET", "/").status == 200


def test_successor_gets_the_port_and_the_old_one_ends():
    with chain("--loops", "2") as demos:
        assert is_up(demos.port)
        mode = stat.S_IMODE(os.stat(demos.path).st_mode)
        equal(mode, 0o600)
        old = demos.restart("--loops", "1")
        equal(old.wait(), 0)
        for _ in range(20):
            assert is_up(demos.port)
        assert os.path.exists(demos.path)
        old = demos.restart("--loops", "3")
        equal(old.wait(), 0)
        for _ in range(20):
            assert is_up(demos.port)


def test_those_who_wait_to_be_accepted_are_answered():
    """A stopped process accepts nobody: they wait in the queues of its sockets, one a loop."""
    with chain("--loops", "4") as demos:
        demos.now.signal(signal.SIGSTOP)
        waiting = []
        for _ in range(50):
            client = socket.create_connection(("127.0.0.1", demos.port), LIMIT)
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            waiting.append(client)
        threading.Timer(0.5, demos.now.signal, [signal.SIGCONT]).start()
        demos.restart("--loops", "1")
        for client in waiting:
            client.settimeout(LIMIT)
            assert client.recv(100).startswith(b"HTTP/1.1 200")
            client.close()


def test_old_one_stays_when_its_successor_fails():
    with chain("--loops", "2") as demos:
        for words in (["--public", "/nowhere/at/all"], ["--tls", "/nowhere", "/nowhere"]):
            with contextlib.suppress(AssertionError):
                demos.start(*words)
            assert demos.now.alive()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as lazy:
            lazy.connect(demos.path)  # gets the sockets, and never says that it is ready
            _, fds, _, _ = socket.recv_fds(lazy, 1000, 64)
            assert fds
            for fd in fds:
                os.close(fd)
            time.sleep(1)
            for _ in range(20):
                assert is_up(demos.port)
        time.sleep(0.3)
        assert demos.now.alive() and is_up(demos.port)
        demos.restart()


def test_idle_connections_are_answered_or_ended_but_not_reset():
    with chain("--loops", "2") as demos:
        clients = [socket.create_connection(("127.0.0.1", demos.port), LIMIT) for _ in range(100)]
        request = b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n"
        for client in clients:
            client.sendall(request)
            assert client.recv(10000).startswith(b"HTTP/1.1 ")
        demos.restart()
        begin = time.monotonic()

        def are_many():
            """begin is a moment when they were few."""
            nonlocal begin
            now = time.monotonic()
            if len(select.select(clients, [], [], 0)[0]) > 20:
                return True
            begin = now
            return False

        eventually(are_many, "some have been ended")
        answered = 0
        for client in clients:
            client.sendall(request)
        for client in clients:
            answer = client.recv(10000)  # a reset would be an error
            assert answer == b"" or b"onnection: close" in answer
            answered += answer != b""
        took = time.monotonic() - begin
        assert answered < 80, answered
        assert answered > 20 or took > SPREAD_MS / 2000, (answered, took)
        for client in clients:
            client.close()


def test_websockets_are_closed_in_waves():
    """Seen by a client that may not run for a while, so it is looked for a part of the spread."""
    with chain("--loops", "2", "--stop-code", "1012", "--spread-ms", "2000") as demos:
        clients = [WebSocket(demos.port, "/ws") for _ in range(40)]
        ends = []

        def wait(ws):
            message = ws.message()
            while not isinstance(message, Closed):
                message = ws.message()
            ends.append((time.monotonic(), message.code))
            ws.send_close(message.code)

        threads = [threading.Thread(target=wait, args=[ws]) for ws in clients]
        for thread in threads:
            thread.start()
        demos.restart()
        for thread in threads:
            thread.join(LIMIT)
        equal(len(ends), 40)
        assert all(code == 1012 for _, code in ends)
        times = sorted(at for at, _ in ends)
        assert times[-1] - times[0] > 0.5, times


if __name__ == "__main__":
    run(globals())
