# SPDX-License-Identifier: MIT
"""The server under test as a process: start, stop, and what it costs."""

import contextlib
import ctypes
import os
import random
import resource
import shlex
import signal
import socket
import subprocess
import time

START_LIMIT = 30.0
STOP_LIMIT = 3.0
SANITIZER_SPACE = 1 << 40  # shadow memory; no ordinary process reserves that much
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # the server must not outlive the suite
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class StartError(Exception):
    """The server did not come up."""


_ours = []  # names of ports, as in tests/integration/harness.py: no other test has one of the same name


def free_port():
    """A TCP port nobody listens on right now, below those that the system gives to connections meanwhile."""
    while True:
        port = random.randrange(10000, 32000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            name.bind(f"\0yodel-test-port-{port}")
            _ours.append(name)
            return port


class Server:
    """A running server, started here or found running; without a pid nothing is measured."""

    def __init__(self, host, port, pid=None, process=None):
        self.host = host
        self.port = port
        self.pid = pid
        self.process = process

    @classmethod
    def start(cls, command, extra="", limits=()):
        """Start `command` on a free port; `limits` are (resource, value) pairs."""
        port = free_port()
        words = shlex.split(command.replace("{port}", str(port))) + shlex.split(extra)

        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            for kind, value in limits:
                resource.setrlimit(kind, (value, value))

        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=prepare,
            start_new_session=True,
        )
        server = cls("127.0.0.1", port, process.pid, process)
        try:
            server._await_listening()
        except BaseException:
            server.stop()
            raise
        return server

    def _await_listening(self):
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if not self.alive():
                raise StartError(f"the server ended with status {self.process.returncode}")
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise StartError(f"the server does not listen on port {self.port}")

    def alive(self):
        """Whether the process still runs; unknown counts as yes."""
        return self.process is None or self.process.poll() is None

    def signal(self, number):
        """Send a signal to the process."""
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout):
        """The exit status, or None if it still runs after `timeout` seconds."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        """End the process and everything it started."""
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        if self.wait(STOP_LIMIT) is None:
            self.signal(signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    # Measuring.

    def _status_kib(self, field):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        return 0

    def rss(self):
        """Resident memory in octets."""
        return self._status_kib("VmRSS") * 1024

    def sanitized(self):
        """Whether a sanitizer is linked in, which makes memory limits meaningless."""
        return self._status_kib("VmSize") * 1024 > SANITIZER_SPACE

    def peak_rss(self):
        """The largest resident memory since the last reset_peak()."""
        return self._status_kib("VmHWM") * 1024

    def reset_peak(self):
        """Forget the peak; False if the kernel does not let us."""
        try:
            with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as control:
                control.write("5")
        except OSError:
            return False
        return True

    def descriptors(self):
        """How many file descriptors are open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def busy_share(self, seconds):
        """Of a core, for about so long."""
        before, started = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / (time.monotonic() - started)

    def cpu_seconds(self):
        """CPU time used so far, user and system."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
