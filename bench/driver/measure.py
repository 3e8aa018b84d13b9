# SPDX-License-Identifier: MIT
"""Starts a server, loads it, ends it; and does so in turn for all servers of a scenario."""

import json
import os
import select
import socket
import statistics
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from .certificate import certificate

START_SECONDS = 30
STOP_SECONDS = 5
NODES_MEET_SECONDS = 1  # in which they subscribe to what the others publish
WORKERS_START_SECONDS = 3  # in which those after the first one listen, too
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


def wait_for_listener(process, port):
    """That of a server that does not say its port."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return port
        except OSError:
            time.sleep(0.05)
    raise MeasureError("it did not start")


def server_command(server, tls, redis_port, port):
    values = {"{port}": "0", "{redis}": str(redis_port), "{free}": str(port)}
    parts = server.command
    if tls:
        cert, key = certificate()
        values |= {"{cert}": str(cert), "{key}": str(key)}
        parts = (*server.command, *server.tls_arguments)
    return [values.get(part, part) for part in parts]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_redis(port):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(7) == b"+PONG\r\n":
                    return
        except OSError:
            time.sleep(0.02)
    raise MeasureError("Redis did not start")


@contextmanager
def running_redis():
    """Runs a Redis that keeps nothing, beside the client; yields its port."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(
        pinned(CLIENT_CPU, [*command, "--appendonly", "no"]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_for_redis(port)
            yield port
        finally:
            stop(process)


@contextmanager
def running(server, tls=False, redis_port=0, spreads=False, rest=WORKERS_START_SECONDS):
    """Runs a server; yields its pid and port.  rest: seconds for the workers of one that spreads."""
    port = free_port() if server.is_silent else 0
    command = server_command(server, tls, redis_port, port)
    with subprocess.Popen(
        command if spreads else pinned(SERVER_CPU, command),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **server.environment},
    ) as process:
        try:
            port = wait_for_listener(process, port) if port else wait_for_port(process)
            if spreads:
                time.sleep(rest)
            yield process.pid, port
        finally:
            stop(process)


@contextmanager
def running_nodes(server, scenario):
    """Runs as many servers as the scenario wants; yields what the load generator is told of them."""
    with ExitStack() as stack:
        if scenario.nodes == 1:
            pid, port = stack.enter_context(running(server, scenario.tls, spreads=scenario.spreads))
            yield ["--pid", str(pid), "--port", str(port)]
            return
        redis_port = stack.enter_context(running_redis())
        nodes = [stack.enter_context(running(server, False, redis_port)) for _ in range(2)]
        time.sleep(NODES_MEET_SECONDS)
        (pid, port), (other_pid, other_port) = nodes
        if scenario.measures_other:
            yield ["--pid", str(other_pid), "--port", str(port)]
        else:
            pair = ["--pair-pid", str(other_pid), "--pair-port", str(other_port)]
            yield ["--pid", str(pid), "--port", str(port), *pair]


def load_command(load, server, scenario, effort, target, rate):
    endpoint = server.endpoints[scenario.kind]
    return [
        str(load),
        *scenario.arguments(endpoint.mode, rate),
        *effort.arguments(),
        *target,
        *("--path", endpoint.path, "--send", endpoint.send, "--expect", endpoint.expect),
    ]


def measure_once(load, server, scenario, effort, rate=None):
    """One run against fresh servers; the figures of the load generator.  rate: messages a second
    that are sent whatever is answered."""
    with running_nodes(server, scenario) as target:
        command = load_command(load, server, scenario, effort, target, rate)
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


CAPACITY_ROUNDS = 3


def capacity_of(load, server, scenario, effort, tell):
    """Messages a second that the server can be sent when the next one waits for the last one."""
    tell(f"{scenario.name}: capacity of {server.title}")
    runs = [measure_once(load, server, scenario, effort) for _ in range(CAPACITY_ROUNDS)]
    per_second = statistics.median(figures["per_second"] for figures in runs)
    return per_second / (scenario.connections if scenario.mode == "broadcast" else 1)


def measure_scenario(load, servers, scenario, effort, tell, rate=None):
    """Rounds of all servers in turn: A B C A B C.  A server's list has None for a failed round."""
    results = {server.name: [] for server in servers}
    rounds = min(effort.rounds, scenario.max_rounds)
    for number in range(1, rounds + 1):
        for server in servers:
            tell(f"{scenario.name}: round {number} of {rounds}: {server.title}")
            try:
                figures = measure_once(load, server, scenario, effort, rate)
            except MeasureError as error:
                tell(f"{scenario.name}: {server.title} failed: {error}")
                figures = None
            results[server.name].append(figures)
    return results
