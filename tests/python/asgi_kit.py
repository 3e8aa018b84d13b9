# SPDX-License-Identifier: MIT
"""Starts python3 -m yodel.asgi for a test, and uvicorn beside it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile

import harness
import package
from harness import equal, eventually, http, skip

harness.TEST_LIMIT = 400  # many tests start many servers, on a machine that may be busy
APPS = package.HERE / "apps"
LONG = 60.0  # seconds for what a busy machine may take


def need(*modules):
    """Skips a test when the interpreter lacks a module."""
    for module in modules:
        done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False, cwd="/")
        if done.returncode:
            skip(f"no module {module}")


class Server:
    """
    A server of ASGI applications, started here, whose log is read from a file.

    words   those after the program: "app:app" and options
    port    that it listens on, from its log; None when there is none
    """

    program = ["-m", "yodel.asgi"]
    running = r"running on (?:https?://[^\s:]*|https?://\[[^\]]*\]):(\d+)"
    ready = r"running on"

    def __init__(self, *words, wait=True, cwd=APPS, env=None, **options):
        self.log = tempfile.NamedTemporaryFile(mode="w+", errors="replace", prefix="yodel-asgi")
        self.process = subprocess.Popen(
            [sys.executable, *self.program, *words],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **package.environment(**(env or {}))},
            **options,
        )
        self.pid = self.process.pid
        self.port = None
        if wait:
            try:
                self.until(self.ready)
                found = re.search(self.running, self.said())
                self.port = int(found.group(1)) if found else None
            except BaseException:
                self.kill()
                raise

    def said(self):
        """Its log so far."""
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def until(self, pattern, times=1, timeout=LONG):
        """Waits until the log has a line that matches, `times` times."""

        def there():
            said = self.said()
            if len(re.findall(pattern, said, re.M)) >= times:
                return True
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {said}"
            return False

        try:
            eventually(there, f"the log says {pattern!r}", timeout)
        except AssertionError:
            print(self.said(), flush=True)
            raise

    def signal(self, number):
        """Sends a signal to it."""
        os.kill(self.pid, number)

    def wait(self, timeout=LONG):
        """Its exit status."""
        return self.process.wait(timeout)

    def stop(self):
        """Asks it to end; it must, with status 0 and no word from a sanitizer."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            equal(self.wait(), 0, "exit status")
            said = self.said()
            assert "Sanitizer" not in said and "runtime error" not in said, said[-4000:]
        except BaseException:
            print(self.said()[-6000:], flush=True)
            raise
        finally:
            self.kill()

    def kill(self):
        """Ends it in any case, and those that it has started."""
        if self.process.poll() is None:
            for pid in self.children():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self.log.close()

    def children(self):
        """The process ids of its children."""
        with contextlib.suppress(OSError):
            with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
                return [int(word) for word in file.read().split()]
        return []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            print(self.said()[-6000:], flush=True)
            self.kill()

    def get(self, path, **options):
        """One request on a connection of its own."""
        return http(self.port, "GET", path, **options)

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024

    def descriptors(self):
        """How many descriptors it holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Uvicorn(Server):
    """Debian's uvicorn, for what is compared."""

    program = ["-m", "uvicorn"]


def serve(*words, **options):
    """A server of the test's own application, on a free port."""
    return Server(*words, "--port", "0", **options)
