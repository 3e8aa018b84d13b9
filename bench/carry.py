#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The cost of a carried request: Socket.IO over long polling at the session's node, and through another one.

    bench/carry.py [--build build/release] [--rounds 5] [--connections 300]

Two nodes with one loop each run for the whole time; runs of both kinds take turns.  What is compared is the CPU time of
both nodes together for an echo, which is two requests (a POST and the answer to a poll)."""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_ports(num):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(num)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def run_pair(build):
    """As a process of its own, the parent of both nodes: its CPU time is theirs."""
    words = [f"--node=127.0.0.1:{port}" for port in free_ports(2)]
    nodes = [
        subprocess.Popen(
            [str(build / "bench/yodel_server"), "--port", "0", *words, "--self", str(i)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    print(*(node.stdout.readline().split()[1] for node in nodes), flush=True)
    sys.stdin.read()
    for node in nodes:
        node.send_signal(signal.SIGTERM)
    for node in nodes:
        node.wait()


def measure(arguments, pid, ports, via):
    words = ["sio-polling", "--port", ports[0], "--pid", str(pid), "--connections", str(arguments.connections)]
    if via:
        words += ["--via", ports[1]]
    words += ["--warmup", "0.5", "--seconds", str(arguments.seconds)]
    done = subprocess.run([str(arguments.build / "bench/load"), *words], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--pair", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pair:
        run_pair(arguments.build)
        return
    command = [sys.executable, os.path.abspath(__file__), "--pair", "--build", str(arguments.build)]
    pair = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ports = pair.stdout.readline().split()
    ratios = []
    for _ in range(arguments.rounds):
        local = measure(arguments, pair.pid, ports, False)
        carried = measure(arguments, pair.pid, ports, True)
        ratios.append(carried["server_cpu_us"] / local["server_cpu_us"])
        print(
            f"local {local['server_cpu_us']:.2f} us ({local['per_second']:.0f}/s)  "
            f"carried {carried['server_cpu_us']:.2f} us ({carried['per_second']:.0f}/s)  ratio {ratios[-1]:.2f}",
            flush=True,
        )
    pair.communicate()
    print(f"median {statistics.median(ratios):.2f} (least {min(ratios):.2f}, greatest {max(ratios):.2f})")


if __name__ == "__main__":
    main()
