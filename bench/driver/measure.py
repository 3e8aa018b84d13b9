# SPDX-License-Identifier: MIT
"""Starts a server, loads it, ends it; and does so in turn for all servers of a scenario."""

import json
import os
import select
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass

from .certificate import certificate

START_SECONDS = 30
STOP_SECONDS = 5
SERVER_CPU, CLIENT_CPU = "1", "0"


class MeasureError(Exception):
    """A server did not start, or the load generator gave up."""


@dataclass(frozen=True)
class Effort:
    rounds: int
    warmup: float  # seconds
    seconds: float  # measured
    stall: float = 30  # seconds without progress before the load generator gives up

    def arguments(self):
        return [
            *("--warmup", str(self.warmup)),
            *("--seconds", str(self.seconds)),
            *("--timeout", str(self.stall)),
        ]

    def deadline(self):
        """Seconds after which a run of the load generator is ended."""
        return self.warmup + self.seconds + 4 * self.stall


def pinned(cpu, command):
    """The command on one CPU, so that server and client do not share one; needs two."""
    if len(os.sched_getaffinity(0)) < 2:
        return command
    return ["taskset", "-c", cpu, *command]


def wait_for_port(process):
    deadline = time.monotonic() + START_SECONDS
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        byte = os.read(process.stdout.fileno(), 1) if ready else b""
        if not byte:
            raise MeasureError("it did not start")
        line += byte
    word, _, port = line.decode().partition(" ")
    if word != "PORT" or not port.strip().isdigit():
        raise MeasureError(f"it said {line!r} where PORT n was expected")
    return int(port)


def stop(process):
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def server_command(server, tls):
    if not tls:
        return [part.replace("{port}", "0") for part in server.command]
    cert, key = certificate()
    values = {"{port}": "0", "{cert}": str(cert), "{key}": str(key)}
    return [values.get(part, part) for part in (*server.command, *server.tls_arguments)]


@contextmanager
def running(server, tls):
    """Runs a server; yields its pid and port."""
    command = server_command(server, tls)
    with subprocess.Popen(
        pinned(SERVER_CPU, command),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **server.environment},
    ) as process:
        try:
            yield process.pid, wait_for_port(process)
        finally:
            stop(process)


def load_command(load, server, scenario, effort, pid, port):
    endpoint = server.endpoints[scenario.kind]
    return [
        str(load),
        *scenario.arguments(endpoint.mode),
        *effort.arguments(),
        *("--pid", str(pid), "--port", str(port), "--path", endpoint.path),
        *("--send", endpoint.send, "--expect", endpoint.expect),
    ]


def measure_once(load, server, scenario, effort):
    """One run against a fresh server; the figures of the load generator."""
    with running(server, scenario.tls) as (pid, port):
        command = load_command(load, server, scenario, effort, pid, port)
        try:
            done = subprocess.run(
                pinned(CLIENT_CPU, command),
                capture_output=True,
                text=True,
                timeout=effort.deadline(),
            )
        except subprocess.TimeoutExpired:
            raise MeasureError("the load generator did not end in time") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise MeasureError(said[0] if said else f"the load generator ended with {done.returncode}")
    return json.loads(done.stdout)


def measure_scenario(load, servers, scenario, effort, tell):
    """Rounds of all servers in turn: A B C A B C.  A server's list has None for a failed round."""
    results = {server.name: [] for server in servers}
    rounds = min(effort.rounds, scenario.max_rounds)
    for number in range(1, rounds + 1):
        for server in servers:
            tell(f"{scenario.name}: round {number} of {rounds}: {server.title}")
            try:
                figures = measure_once(load, server, scenario, effort)
            except MeasureError as error:
                tell(f"{scenario.name}: {server.title} failed: {error}")
                figures = None
            results[server.name].append(figures)
    return results
