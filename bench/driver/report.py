# SPDX-License-Identifier: MIT
"""Medians, ratios pair by pair, Markdown tables and targets."""

import os
import platform
import statistics
from datetime import date

from .scenarios import KIB, SIZE_KINDS, SIZES, size_name, size_title

BUSY = 1.0  # load average above which other programs run
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
        number(median_of(rounds, "server_user_us"), 2),
        number(median_of(rounds, "per_second")),
        number(median_of(rounds, "p50_us")),
        number(median_of(rounds, "p99_us")),
        f"{median_of(rounds, 'server_busy'):.0%}",
    ]


def deflate_cells(rounds):
    return [*speed_cells(rounds), number(median_of(rounds, "received_bytes"))]


def rate_cells(rounds):
    return [
        number(median_of(rounds, "p99_us")),
        number(median_of(rounds, "p50_us")),
        number(median_of(rounds, "p999_us")),
        number(median_of(rounds, "server_cpu_us"), 2),
        number(median_of(rounds, "per_second")),
        f"{median_of(rounds, 'server_busy'):.0%}",
    ]


IDLE_HEAD = ["private bytes each", "resident bytes each", "CPU to open, us"]
SPEED_HEAD = [
    *("server CPU, us/message", "of it in user space", "messages/s"),
    *("p50, us", "p99, us", "server busy"),
]
RATE_HEAD = ["p99, us", "p50, us", "p99.9, us", "server CPU, us/message", "messages/s", "busy"]


def columns(scenario):
    """The heads of the columns of a scenario's table, and what fills them."""
    if scenario.mode.endswith("idle"):
        return IDLE_HEAD, idle_cells
    if scenario.load:
        return RATE_HEAD, rate_cells
    if scenario.deflate:
        return [*SPEED_HEAD, "bytes/message"], deflate_cells
    return SPEED_HEAD, speed_cells


def scenario_table(scenario, servers, results):
    """The table of one scenario; servers without a good round are named below it."""
    base = results.get(BASE) or results[servers[0].name]
    (head, cells_of), rows, failed = columns(scenario), [], []
    for server in servers:
        rounds = results[server.name]
        if not any(rounds):
            failed.append(server.title)
            continue
        cells = cells_of(rounds)
        ratio = ratio_text(round_ratios(rounds, base, scenario.metric))
        rows.append([server.title, cells[0], ratio, *cells[1:]])
    table = markdown_table(["server", head[0], "x Yodel", *head[1:]], rows)
    note = f"\n\nFailed: {', '.join(failed)}." if failed else ""
    return f"### {scenario.title}\n\n{table}{note}\n"


class Outcome:
    """What size tables and targets are taken from; results by scenario, then by server."""

    def __init__(self, results):
        self.results = results

    def rounds(self, scenario, server):
        return self.results.get(scenario, {}).get(server, [])

    def idle(self, scenario):
        return median_of(self.rounds(scenario, BASE), "private_dirty_bytes")

    def share(self, scenario, server, ours=BASE, key="server_cpu_us"):
        """What Yodel takes, the server's being 1."""
        return median_ratio(self.rounds(scenario, ours), self.rounds(scenario, server), key)

    def between(self, scenario, base_scenario):
        """What Yodel takes in a scenario, that in another one being 1."""
        return median_ratio(
            self.rounds(scenario, BASE), self.rounds(base_scenario, BASE), "server_cpu_us"
        )


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
        size_title(SIZES[i]),
        number(ours, 2),
        number(theirs, 2),
        share_text(outcome, scenario),
        number(ours * KIB / SIZES[i] * 1000 if ours is not None else None),
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
        measured = [i for i, size in enumerate(SIZES) if size_name(kind, size) in results]
        if measured:
            table = markdown_table(SIZE_HEAD, [size_row(outcome, kind, i) for i in measured])
            texts.append(f"### Server CPU by size of message. {title}\n\n{table}\n")
    return "\n".join(texts)


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
    busy = os.getloadavg()[0]
    warning = " **The machine was busy: these figures say little.**" if busy > BUSY else ""
    return (
        f"{date.today()}, {cpu_model()}, {cpus} CPUs, Linux {platform.release()}; {placed}. "
        f"{effort.rounds} rounds in turn, {effort.seconds:g} s each after {effort.warmup:g} s of "
        f"warm-up; load average {busy:.1f} at the start. Medians; the ratio to Yodel "
        f"is the median of the rounds' ratios (least-greatest).{warning}\n"
    )
