# SPDX-License-Identifier: MIT
"""How CPU time and memory grow with the connections: 100 to 100,000 of them."""

import time
from dataclasses import replace

from .fleet import cpu_per_operation_us, kernel_bytes, running_fleet, sum_of
from .measure import MeasureError

NUMBERS = (100, 1000, 10000, 100000)
ACTIVE = 100  # connections that echo while the others rest
SECONDS = 2  # at least; all of them need longer for a turn
SETTLE_SECONDS = 1
TRIM_SECONDS = 14  # until memory has gone back to the system: a server may trim once in 10 s
HEARTBEAT_SECONDS = 26  # after which Engine.IO's pings have begun
WATCHED_SECONDS = 8
CHURN_ROUNDS, CHURN_EACH = 10, 10000

# Kind of load, by that of the endpoint: the mode of the load generators.
MODES = {
    "echo": "hold",
    "broadcast": "hold-broadcast",
    "sio-echo": "sio-hold",
    "sio-broadcast": "sio-hold-broadcast",
}


def with_loops(server, loops):
    """The same server on so many loops; None when it has but one."""
    if "--loops" not in server.command:
        return server if loops == 1 else None
    at = server.command.index("--loops") + 1
    command = (*server.command[:at], str(loops), *server.command[at + 1 :])
    return replace(server, command=command)


def seconds_for(connections):
    return max(SECONDS, 4 * connections / 100000)


def echo_figures(answers):
    return {
        "cpu_us": cpu_per_operation_us(answers),
        "per_second": sum_of(answers, "per_second"),
        "p50_us": max(answer["p50_us"] for answer in answers),
        "p99_us": max(answer["p99_us"] for answer in answers),
        "p999_us": max(answer["p999_us"] for answer in answers),
    }


def measure_opening(fleet):
    """Opens all, the first ones before memory is read for the first time."""
    first = min(100, fleet.connections // 10)
    fleet.open(first)
    time.sleep(SETTLE_SECONDS)
    user, kernel = fleet.private_bytes(), kernel_bytes()
    seconds, answers = fleet.open(fleet.connections)
    time.sleep(SETTLE_SECONDS)
    opened = fleet.connections - first
    return {
        "opened_per_second": opened / seconds,
        "open_cpu_us": cpu_per_operation_us(answers),
        "open_p99_us": max(answer["p99_us"] for answer in answers),
        "user_bytes": (fleet.private_bytes() - user) / opened,
        "kernel_bytes_both_ends": (kernel_bytes() - kernel) / opened,
    }


def measure_rest(fleet):
    """CPU time of connections that only answer heartbeats, as a share of one CPU."""
    time.sleep(HEARTBEAT_SECONDS)
    since, used = time.monotonic(), fleet.cpu_seconds()
    time.sleep(WATCHED_SECONDS)
    return (fleet.cpu_seconds() - used) / (time.monotonic() - since)


def measure_echo(fleet):
    """Of a constant number on one of the servers, then of all connections."""
    active = min(ACTIVE, fleet.connections)
    fleet.holders[0].tell(f"echo {active} {SECONDS}")
    some = fleet.holders[0].answer()
    numbers = [f"{holder.share} {seconds_for(fleet.connections)}" for holder in fleet.holders]
    _, answers = fleet.all("echo {}", numbers)
    return {"some": echo_figures([some]), "all": echo_figures(answers)}


def measure_broadcast(fleet):
    _, first = fleet.all("once")
    _, once = fleet.all("once")
    _, answers = fleet.all(f"broadcast {seconds_for(fleet.connections)}")
    return {
        "once_ms": max(answer["max_us"] for answer in [*first, *once]) / 1000,
        "all": echo_figures(answers),
    }


def measure_fleet(load, server, kind, connections, loops, rests):
    with running_fleet(load, server, MODES[kind], kind, connections, loops) as fleet:
        figures = {
            "server": server.name,
            "kind": kind,
            "connections": connections,
            "loops": loops,
            "processes": len(fleet.holders),
            **measure_opening(fleet),
        }
        if rests:
            figures["rest_cpu"] = measure_rest(fleet)
        measure = measure_broadcast if kind.endswith("broadcast") else measure_echo
        return {**figures, **measure(fleet)}


def measure_churn(load, server, kind):
    """Memory after 100,000 connections have come and gone, 10,000 at a time."""
    with running_fleet(load, server, MODES[kind], kind, CHURN_EACH) as fleet:
        fleet.open(100)
        fleet.all("close")
        time.sleep(SETTLE_SECONDS)
        before = fleet.resident_bytes()
        after = []
        for i in range(CHURN_ROUNDS):
            fleet.open(CHURN_EACH)
            full = fleet.resident_bytes()
            fleet.all("close")
            time.sleep(TRIM_SECONDS if i in (0, CHURN_ROUNDS - 1) else SETTLE_SECONDS)
            after.append(fleet.resident_bytes())
        return {
            "server": server.name,
            "kind": kind,
            "came_and_went": CHURN_ROUNDS * CHURN_EACH,
            "resident_before": before,
            "resident_full": full,
            "resident_after_first": after[0],
            "resident_after": after[-1],
        }


def skipped(server, kind, connections, numbers):
    """libuv stands beside the default backend where memory of the kernel tells them apart."""
    return server.name == "yodel-libuv" and (kind, connections) != ("echo", numbers[-1])


def plan(servers, most):
    """What is measured: server, kind, connections, loops, whether heartbeats are waited for."""
    numbers = [number for number in NUMBERS if number <= most]
    for kind in MODES:
        for connections in numbers:
            for server in servers:
                if kind in server.endpoints and not skipped(server, kind, connections, numbers):
                    rests = connections == numbers[-1] and kind.endswith("echo")
                    yield server, kind, connections, 1, rests and server.name == "yodel"
    for kind in ("echo", "broadcast"):
        for connections in sorted({1000, numbers[-1]}):
            for server in servers:
                if server.name != "yodel-libuv":
                    yield server, kind, connections, 2, False


def measure_scale(load, servers, most, tell):
    """All of it; what fails is told and left out."""
    scale, churn = [], []
    for server, kind, connections, loops, rests in plan(servers, most):
        looped = with_loops(server, loops)
        if looped is None:
            continue
        tell(f"scale: {kind}, {connections} connections, {loops} loops: {server.title}")
        try:
            scale.append(measure_fleet(load, looped, kind, connections, loops, rests))
        except MeasureError as error:
            tell(f"scale: {server.title} failed: {error}")
    for server in servers:
        for kind in ("echo", "sio-echo"):
            if kind not in server.endpoints or server.name == "yodel-libuv":
                continue
            tell(f"churn: {kind}: {server.title}")
            try:
                churn.append(measure_churn(load, server, kind))
            except MeasureError as error:
                tell(f"churn: {server.title} failed: {error}")
    return {"scale": scale, "churn": churn}
