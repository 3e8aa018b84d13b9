# SPDX-License-Identifier: MIT
"""Programs that are told what to do by lines, and say by lines what has come."""

import os
import re
import select
import subprocess
import time

from harness import LIMIT, SANITIZER_ENV, equal
from redis_server import die_with_parent


class LineProgram:
    """
    A process: lines go in, lines come out, of which the first says its port.

    sockets   of its clients, which are closed with it
    """

    def __init__(self, name, words):
        self.name = name
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **SANITIZER_ENV},
            preexec_fn=die_with_parent,
        )
        self.buffer, self.lines, self.sockets = b"", [], []
        self.port = int(self.wait(r"PORT (\d+)")[1])

    def _read(self, timeout):
        if not select.select([self.process.stdout], [], [], max(timeout, 0))[0]:
            return
        self.buffer += os.read(self.process.stdout.fileno(), 65536)
        *lines, self.buffer = self.buffer.split(b"\n")
        self.lines += [line.decode() for line in lines]

    def wait(self, pattern, limit=LIMIT):
        """The next line that matches; takes it and what came before."""
        deadline = time.monotonic() + limit
        while True:
            for i, line in enumerate(self.lines):
                found = re.fullmatch(pattern, line)
                if found:
                    del self.lines[: i + 1]
                    return found
            assert time.monotonic() < deadline, f"{self.name}: no {pattern!r} in {self.lines}"
            self._read(deadline - time.monotonic())

    def none(self, pattern):
        """No such line has come."""
        self._read(0)
        assert not [line for line in self.lines if re.fullmatch(pattern, line)], self.lines

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, line, pattern):
        self.say(line)
        return self.wait(pattern)

    def end(self):
        """In order."""
        self.say("stop")
        equal(self.process.wait(LIMIT), 0)
        self.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        """Its ends of pipes, and the clients'."""
        self.process.stdin.close()
        self.process.stdout.close()
        for socket in self.sockets:
            socket.close()
        self.sockets = []
