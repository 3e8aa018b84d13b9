#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a command against a server, and check how the server ends.

    with_server.py SERVER [ARGUMENT...] -- COMMAND [ARGUMENT...]

{port} in both is a free port, {pid} in the command is the server's.  The server must accept
connections within 30 s; after the command it gets SIGTERM and must end with status 0 within 30 s,
with no process left and no report of a sanitizer.  The status is the command's, or 1."""

import contextlib
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_LIMIT = 30.0
STOP_LIMIT = 30.0
REPORT = re.compile(rb"(Address|Leak|Thread|Memory)Sanitizer|runtime error:|^DEADLYSIGNAL", re.M)
PR_SET_PDEATHSIG = 1


_ours = []  # names of ports, as in tests/integration/harness.py: no other test has one of the same name


def free_port():
    """A port to listen at later, below those that the system gives to connections meanwhile."""
    while True:
        port = random.randrange(10000, 32000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            name.bind(f"\0yodel-test-port-{port}")
            _ours.append(name)
            return port


def die_with_parent():
    """In a child: end when this program is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(words, output=None):
    """Start a program in a process group of its own."""
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def await_listening(server, port):
    """Whether the server accepts connections in time."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def group_is_left(pid):
    """Whether a process group has members; they are then ended."""
    try:
        os.killpg(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def stop(server):
    """End the server; the problems with how it ended."""
    problems = []
    if server.poll() is not None:
        problems.append(f"the server ended by itself, status {server.returncode}")
    else:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_LIMIT)
            if server.returncode != 0:
                problems.append(f"the server ended with status {server.returncode} after SIGTERM")
        except subprocess.TimeoutExpired:
            problems.append(f"the server did not end within {STOP_LIMIT:g} s of SIGTERM")
            server.kill()
            server.wait()
    if group_is_left(server.pid):
        problems.append("the server left a process behind")
    return problems


def run_command(words):
    """The command's status; nothing of it is left."""
    command = start(words)
    try:
        return command.wait()
    finally:
        group_is_left(command.pid)


def main():
    """Start, run, stop, judge."""
    split = sys.argv.index("--")
    port = free_port()
    with tempfile.TemporaryFile() as output:
        server = start([word.replace("{port}", str(port)) for word in sys.argv[1:split]], output)
        status = 1
        problems = []
        try:
            if await_listening(server, port):
                values = {"{port}": str(port), "{pid}": str(server.pid)}
                words = sys.argv[split + 1 :]
                for name, value in values.items():
                    words = [word.replace(name, value) for word in words]
                status = run_command(words)
            else:
                problems.append(f"the server does not listen on port {port}")
        finally:
            problems += stop(server)
        output.seek(0)
        text = output.read()
        if REPORT.search(text):
            problems.append("the server's output has a sanitizer's report")
    if problems or status not in (0, 77):
        sys.stdout.write(text[-20000:].decode("utf-8", "replace"))
        print("\n".join(problems))
    sys.exit(1 if problems else status)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
main()
