# SPDX-License-Identifier: MIT
"""Servers and load generators by the dozen, where one process may not have enough descriptors."""

import json
import math
import resource
import subprocess
import time
from contextlib import ExitStack, contextmanager

from .measure import CLIENT_CPU, MeasureError, pinned, running

SPARE_DESCRIPTORS = 400  # of a process, for what is no connection
OPENING = 500  # handshakes under way at once, of a load generator
STALL_SECONDS = 60


def raise_limit():
    """Of this process and so of all that it starts; returns what a process may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def processes_for(connections):
    return math.ceil(connections / (raise_limit() - SPARE_DESCRIPTORS))


def cpu_seconds(pid):
    """User and system time, from the CPU clock of the process."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_bytes(pid, field):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    raise MeasureError("its memory cannot be read")


def kernel_bytes():
    """What the kernel has allocated for itself: sockets, descriptors, files, page tables."""
    wanted = ("Slab:", "KernelStack:", "PageTables:", "Percpu:")
    with open("/proc/meminfo", encoding="ascii") as lines:
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(wanted))


class Holder:
    """A load generator that holds connections to one server and takes commands."""

    def __init__(self, process, share):
        self.process = process
        self.share = share  # connections

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise MeasureError("a load generator gave up")
        figures = json.loads(line)
        if figures["errors"]:
            raise MeasureError(f"{figures['errors']} errors")
        return figures


@contextmanager
def holding(load, mode, endpoint, target, connections):
    pid, port = target
    command = [
        *(str(load), mode, "--pid", str(pid), "--port", str(port), "--path", endpoint.path),
        *("--send", endpoint.send, "--expect", endpoint.expect),
        *("--connections", str(connections), "--opening", str(OPENING)),
        *("--warmup", "0.5", "--timeout", str(STALL_SECONDS)),
    ]
    with subprocess.Popen(
        pinned(CLIENT_CPU, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield Holder(process, connections)
        finally:
            process.stdin.close()
            try:
                process.wait(STALL_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def shares(total, parts):
    return [total // parts + (i < total % parts) for i in range(parts)]


class Fleet:
    """As many pairs of a server and its load generator as the connections ask for."""

    def __init__(self, nodes, holders, connections):
        self.pids = [pid for pid, _ in nodes]
        self.holders = holders
        self.connections = connections

    def all(self, line, numbers=None):
        """The command to all at once, with each its number; the seconds it took, and the answers."""
        since = time.monotonic()
        for i, holder in enumerate(self.holders):
            holder.tell(line.format(numbers[i] if numbers else ""))
        answers = [holder.answer() for holder in self.holders]
        return time.monotonic() - since, answers

    def open(self, total):
        return self.all("open {}", shares(total, len(self.holders)))

    def private_bytes(self):
        return sum(memory_bytes(pid, "Private_Dirty") for pid in self.pids)

    def resident_bytes(self):
        return sum(memory_bytes(pid, "Rss") for pid in self.pids)

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.pids)


@contextmanager
def running_fleet(load, server, mode, kind, connections, loops=1):
    endpoint = server.endpoints[kind]
    number = processes_for(connections)
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(running(server, spreads=loops > 1, rest=0))
            for _ in range(number)
        ]
        holders = [
            stack.enter_context(holding(load, mode, endpoint, node, share))
            for node, share in zip(nodes, shares(connections, number))
        ]
        yield Fleet(nodes, holders, connections)


def sum_of(answers, key):
    return sum(answer[key] for answer in answers)


def cpu_per_operation_us(answers):
    """Of several runs at the same time."""
    operations = sum_of(answers, "operations")
    used = sum(answer["server_cpu_us"] * answer["operations"] for answer in answers)
    return used / operations if operations else 0
