# SPDX-License-Identifier: MIT
"""Medians, ratios pair by pair, Markdown tables and targets."""

import os
import platform
import statistics
from dataclasses import dataclass

from .scenarios import SIZE_KINDS, SIZES, size_name
from .servers import EVENTS, OLDER

BASE, UWS = "yodel", "uwebsockets"


def values(rounds, key):
    return [figures[key] for figures in rounds if figures is not None]


def median_of(rounds, key):
    found = values(rounds, key)
    return statistics.median(found) if found else None


def round_ratios(rounds, base_rounds, key):
    """Quotients of the rounds with the same number, where both were measured."""
    return [
        figures[key] / base[key]
        for figures, base in zip(rounds, base_rounds)
        if figures is not None and base is not None and base[key] > 0
    ]


def median_ratio(rounds, base_rounds, key):
    ratios = round_ratios(rounds, base_rounds, key)
    return statistics.median(ratios) if ratios else None


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


def ratio_text(ratios):
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def markdown_table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def idle_cells(rounds):
    return [
        number(median_of(rounds, "private_dirty_bytes")),
        number(median_of(rounds, "resident_bytes")),
        number(median_of(rounds, "server_cpu_us"), 1),
    ]


def speed_cells(rounds):
    return [
        number(median_of(rounds, "server_cpu_us"), 2),
        number(median_of(rounds, "per_second")),
        number(median_of(rounds, "p50_us")),
        number(median_of(rounds, "p99_us")),
        f"{median_of(rounds, 'server_busy'):.0%}",
    ]


IDLE_HEAD = ["private bytes each", "resident bytes each", "CPU to open, us"]
SPEED_HEAD = ["server CPU, us/message", "messages/s", "p50, us", "p99, us", "server busy"]


def scenario_table(scenario, servers, results):
    """The table of one scenario; servers without a good round are named below it."""
    idle = scenario.metric != "server_cpu_us"
    base = results.get(BASE, [])
    head, rows, failed = IDLE_HEAD if idle else SPEED_HEAD, [], []
    for server in servers:
        rounds = results[server.name]
        if not any(rounds):
            failed.append(server.title)
            continue
        cells = idle_cells(rounds) if idle else speed_cells(rounds)
        ratio = ratio_text(round_ratios(rounds, base, scenario.metric))
        rows.append([server.title, cells[0], ratio, *cells[1:]])
    table = markdown_table(["server", head[0], "x Yodel", *head[1:]], rows)
    note = f"\n\nFailed: {', '.join(failed)}." if failed else ""
    return f"### {scenario.title}\n\n{table}{note}\n"


@dataclass(frozen=True)
class Target:
    text: str
    limit: float
    measured: float | None
    at_least: bool = False
    later: bool = False  # what the io_uring backend is to reach, not the present one

    def verdict(self):
        if self.measured is None:
            return "not measured"
        reached = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        if self.later:
            return "reached already" if reached else "not yet"
        return "pass" if reached else "FAIL"

    def row(self):
        goal = " (goal of the io_uring backend)" if self.later else ""
        bound = f"at {'least' if self.at_least else 'most'} {self.limit:g}"
        return [self.text + goal, number(self.measured, 2), bound, self.verdict()]


class Outcome:
    """What targets are taken from; results by scenario, then by server."""

    def __init__(self, results):
        self.results = results

    def rounds(self, scenario, server):
        return self.results.get(scenario, {}).get(server, [])

    def idle(self, scenario):
        return median_of(self.rounds(scenario, BASE), "private_dirty_bytes")

    def share(self, scenario, server):
        """Yodel's CPU time, the server's being 1."""
        return median_ratio(
            self.rounds(scenario, BASE), self.rounds(scenario, server), "server_cpu_us"
        )

    def times(self, scenario, server):
        """The server's CPU time, Yodel's being 1."""
        return median_ratio(
            self.rounds(scenario, server), self.rounds(scenario, BASE), "server_cpu_us"
        )

    def delivery(self):
        """CPU time of one delivery of a broadcast, that of one echo being 1."""
        return median_ratio(
            self.rounds("broadcast-1000", BASE), self.rounds("echo-100", BASE), "server_cpu_us"
        )


def websocket_targets(outcome):
    idle = outcome.idle("idle")
    uws_echo = outcome.share("echo-100", "uwebsockets")
    uws_broadcast = outcome.share("broadcast-1000", "uwebsockets")
    return [
        Target(
            "echo: CPU per message, as a share of the bare epoll loop's",
            1.1,
            outcome.share("echo-100", "bare-epoll"),
        ),
        Target(
            "group_send to 1000: CPU per delivery, as a share of one echo's",
            1.0,
            outcome.delivery(),
        ),
        Target(
            "broadcast to EventSource readers: CPU per delivery, as a share of a WebSocket's",
            1.1,
            outcome.times("sse", EVENTS),
        ),
        Target("idle WebSocket: bytes of user memory", 512, idle),
        Target(
            "echo: CPU per message, as a share of uWebSockets.js'", 0.85, uws_echo, later=True
        ),
        Target(
            "broadcast: CPU per delivery, as a share of uWebSockets.js'",
            0.85,
            uws_broadcast,
            later=True,
        ),
        Target("idle WebSocket: bytes of user memory", 256, idle, later=True),
    ]


NODE, NODE_ON_UWS = "socketio", "socketio-uws"

SIO_ECHO_TARGETS = [
    ("sio-echo-100", "1 in flight", NODE, "node socket.io", 5),
    ("sio-echo-100", "1 in flight", NODE_ON_UWS, "socket.io on uWebSockets.js", 2.8),
    ("sio-echo-100x16", "16 in flight", NODE, "node socket.io", 15),
    ("sio-echo-100x16", "16 in flight", NODE_ON_UWS, "socket.io on uWebSockets.js", 7),
]


def socket_io_targets(outcome):
    one, eight = "sio-broadcast-1000", "sio-broadcast-1000x8"
    share = "CPU per delivery, as a share of"
    return [
        *(
            Target(
                f"Socket.IO echo, {load}: CPU per message of {title}, Yodel's being 1",
                limit,
                outcome.times(scenario, server),
                at_least=True,
            )
            for scenario, load, server, title, limit in SIO_ECHO_TARGETS
        ),
        Target(
            f"Socket.IO broadcast, 1 in flight: {share} node socket.io's",
            0.5,
            outcome.share(one, NODE),
        ),
        Target(
            f"Socket.IO broadcast, 1 in flight: {share} socket.io's on uWebSockets.js",
            0.9,
            outcome.share(one, NODE_ON_UWS),
        ),
        Target(
            "Socket.IO broadcast, 8 in flight: CPU per delivery of node socket.io, Yodel's being 1",
            12,
            outcome.times(eight, NODE),
            at_least=True,
        ),
        Target(
            f"Socket.IO broadcast, 8 in flight: {share} socket.io's on uWebSockets.js",
            0.75,
            outcome.share(eight, NODE_ON_UWS),
        ),
        Target("idle Socket.IO client: bytes of user memory", 1536, outcome.idle("sio-idle")),
    ]


# ---- sizes of messages ----


def share_text(outcome, scenario):
    return ratio_text(
        round_ratios(
            outcome.rounds(scenario, BASE), outcome.rounds(scenario, UWS), "server_cpu_us"
        )
    )


def growth(outcome, kind, i):
    """CPU per byte at SIZES[i], that of the next smaller size being 1."""
    big, small = (outcome.rounds(size_name(kind, SIZES[j]), BASE) for j in (i, i - 1))
    ratio = median_ratio(big, small, "server_cpu_us")
    return None if ratio is None else ratio * SIZES[i - 1] / SIZES[i]


def size_row(outcome, kind, i):
    scenario = size_name(kind, SIZES[i])
    ours, theirs = (
        median_of(outcome.rounds(scenario, server), "server_cpu_us") for server in (BASE, UWS)
    )
    return [
        f"{SIZES[i]} KiB",
        number(ours, 2),
        number(theirs, 2),
        share_text(outcome, scenario),
        number(ours / SIZES[i] * 1000 if ours is not None else None),
        number(growth(outcome, kind, i) if i > 0 else None, 2),
    ]


SIZE_HEAD = [
    "message",
    "Yodel, us",
    "uWebSockets.js, us",
    "Yodel's share",
    "Yodel, ns/KiB",
    "per byte, x next smaller",
]


def sizes_tables(results):
    """Server CPU per message by size, for each kind that was measured."""
    outcome, texts = Outcome(results), []
    for kind, title in SIZE_KINDS.items():
        measured = [i for i, kib in enumerate(SIZES) if size_name(kind, kib) in results]
        if measured:
            table = markdown_table(SIZE_HEAD, [size_row(outcome, kind, i) for i in measured])
            texts.append(f"### Server CPU by size of message. {title}\n\n{table}\n")
    return "\n".join(texts)


def size_targets(outcome):
    for kind in SIZE_KINDS:
        for i, kib in enumerate(SIZES):
            name = size_name(kind, kib)
            yield Target(
                f"{name}: CPU per message, as a share of uWebSockets.js'",
                1.0,
                outcome.share(name, UWS),
            )
            if i > 0:
                yield Target(
                    f"{name}: CPU per byte, that of the next smaller size being 1",
                    1.5,
                    growth(outcome, kind, i),
                )


def older_targets(outcome):
    for scenario, servers in outcome.results.items():
        if OLDER in servers and not scenario.endswith("idle"):
            yield Target(
                f"{scenario}: CPU per message, as a share of the older build's",
                1.02,
                outcome.share(scenario, OLDER),
            )


def targets_table(results):
    outcome = Outcome(results)
    targets = [
        *websocket_targets(outcome),
        *socket_io_targets(outcome),
        *size_targets(outcome),
        *older_targets(outcome),
    ]
    rows = [target.row() for target in targets if target.measured is not None]
    table = markdown_table(["target", "measured", "limit", "verdict"], rows)
    return f"### Targets\n\n{table}\n"


def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def preamble(effort):
    cpus = len(os.sched_getaffinity(0))
    placed = "server and client on a CPU each" if cpus >= 2 else "server and client on one CPU"
    return (
        f"{cpu_model()}, {cpus} CPUs, Linux {platform.release()}; {placed}. "
        f"{effort.rounds} rounds in turn, {effort.seconds:g} s each after {effort.warmup:g} s of "
        "warm-up. Medians; the ratio to Yodel is the median of the rounds' ratios (least-greatest).\n"
    )
