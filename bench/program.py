#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The program `yodel serve` beside node servers that do the same.

    bench/program.py [--build build/release] [--rounds 5] [--seconds 3] [--only hook,unix,joined,emit,stream,relay,broadcast,idle]
    bench/program.py --instructions        what an event of relay and broadcast takes outside the kernel, by valgrind's callgrind

Servers take turns, a fresh one for each run, on CPU 1; clients and the back end have CPU 0.  What is compared is the CPU
time of the server for an event or a command.  The back end of hooks is one process of node, the same for both, on TCP and, in
one part, on a Unix socket.  Beside the event alone stands what its system calls cost a bare loop of epoll
(peers/bare_hook.c).  All figures are medians of the rounds.  Instructions are counted, so they are the same in each run, where
times that differ by a few percent are noise; system calls are not among them."""

import argparse
import contextlib
import hashlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver.fleet import memory_bytes  # noqa: E402
from driver.measure import CLIENT_CPU, SERVER_CPU, pinned, stop, wait_for_port  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench/peers"
SECRET = "0123456789abcdef0123456789abcdef"
KEY = "key"
IDLE = 5000  # connections


@dataclass(frozen=True)
class Running:
    pid: int
    port: int
    api: int


def config(folder, back_end):
    """yodel.yaml of one loop: with the webhook if there is a back end, at a port or at the path of a Unix socket."""
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    hook = ""
    webhook = ""
    if back_end:
        url = f"http://127.0.0.1:{back_end}/hook" if isinstance(back_end, int) else f"unix:{back_end}:/hook"
        webhook = ", webhook: main"
        hook = f"webhooks: [{{name: main, url: '{url}', secret_file: {folder}/secret, kinds: [event], queue: {{events: 100000}}}}]\n"
    (folder / "yodel.yaml").write_text(
        "server: {loops: 1}\n"
        'listen: [{name: public, address: "127.0.0.1:0"}, {name: internal, address: "127.0.0.1:0", serve: [api, metrics]}]\n'
        f"namespaces: [{{name: /, auth: none, relay: [{{event: relay, to: namespace}}]{webhook}}}]\n{hook}"
        f"api: {{keys: [{{name: bench, sha256: {hashlib.sha256(KEY.encode()).hexdigest()}}}]}}\n"
        "shutdown: {drain: 1s, spread: 0s, webhook_flush: 500ms}\nlog: {level: warn}\n"
    )
    return str(folder / "yodel.yaml")


@contextlib.contextmanager
def process(words, cpu):
    with subprocess.Popen(pinned(cpu, words), stdout=subprocess.PIPE) as running:
        try:
            yield running
        finally:
            stop(running)


@contextlib.contextmanager
def yodel(build, back_end=None, tool=()):
    with tempfile.TemporaryDirectory() as name:
        path = config(Path(name), back_end)
        with process([*tool, str(build / "yodel"), "serve", "-c", path], SERVER_CPU) as running:
            ports = [int(re.search(rb"(\d+)$", running.stdout.readline().strip())[1]) for _ in range(2)]
            yield Running(running.pid, *ports)


@contextlib.contextmanager
def node(script, cpu=SERVER_CPU, *words):
    with process(["node", str(PEERS / script), *map(str, words)], cpu) as running:
        port = wait_for_port(running)
        yield Running(running.pid, port, port)


@contextlib.contextmanager
def bench_server(build, tool=()):
    with process([*tool, str(build / "bench/yodel_server"), "--loops", "1", "--port", "0"], SERVER_CPU) as running:
        port = wait_for_port(running)
        yield Running(running.pid, port, port)


@contextlib.contextmanager
def bare_hook(build, hook_port):
    with process([str(build / "bench/bare_hook"), str(hook_port)], SERVER_CPU) as running:
        port = wait_for_port(running)
        yield Running(running.pid, port, port)


def load(build, server, mode, *words, seconds=3.0):
    command = [str(build / "bench/load"), mode, "--port", str(server.port), "--pid", str(server.pid), "--warmup", "1", "--seconds", str(seconds), *map(str, words)]
    done = subprocess.run(pinned(CLIENT_CPU, command), capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{mode}: {done.stderr}")
    return json.loads(done.stdout)


# Hooked events.


def batches(server):
    """Requests and events of the webhook, by the metrics."""
    with socket.create_connection(("127.0.0.1", server.api)) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        text = b""
        while part := sock.recv(65536):
            text += part
    return [int(re.search(rb"yodel_webhook_batch_events_%s\S* (\d+)" % name, text)[1]) for name in (b"count", b"sum")]


def hook_round(arguments, in_flight, has_unix=False):
    words = ("--connections", 50, "--in-flight", in_flight)
    with tempfile.TemporaryDirectory() as folder, node("back_end.mjs", CLIENT_CPU, *([f"{folder}/sock"] if has_unix else [])) as back_end:
        where = f"{folder}/sock" if has_unix else back_end.port
        with yodel(arguments.build, where) as server:
            ours = load(arguments.build, server, "sio-echo", *words, seconds=arguments.seconds)
            requests, events = batches(server)
        with node("socketio_hooked.mjs", SERVER_CPU, where) as server:
            theirs = load(arguments.build, server, "sio-echo", *words, seconds=arguments.seconds)
        notes = {"{:.1f} events a request": events / max(requests, 1), "{:.0f}": ours["per_second"], "and {:.0f} a second": theirs["per_second"]}
        if in_flight == 1 and not has_unix:
            with bare_hook(arguments.build, back_end.port) as server:
                bare = load(arguments.build, server, "sio-echo", *words, seconds=arguments.seconds)
            notes["a bare loop {:.1f} us"] = bare["server_cpu_us"]
            notes["{:.2f}"] = bare["server_cpu_us"] / theirs["server_cpu_us"]
    return ours["server_cpu_us"], theirs["server_cpu_us"], notes


# Commands of the API.


def cpu_us(pid):
    """User and system time of a process, us."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, ticks)) * 1e6 / os.sysconf("SC_CLK_TCK")


def cost_of(server, run, seconds):
    """run(seconds) does something and says how often; what it costs the server each time, us."""
    run(1)
    before = cpu_us(server.pid)
    count = run(seconds)
    return (cpu_us(server.pid) - before) / count


class Receiver:
    """A client of Socket.IO, of whose events it is found out that they come."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        self.seen = b""
        self.until(b"pingInterval")
        self.sock.sendall(b"\x81\x82\x00\x00\x00\x0040")
        self.sid = re.search(rb'"sid":"([^"]+)"\}$', self.until(b'40{"sid":"[^"]+"}'))[1].decode()

    def until(self, pattern):
        while not re.search(pattern, self.seen):
            self.seen += self.sock.recv(65536)
        seen, self.seen = self.seen, b""
        return seen


def request(body):
    head = f"POST /api/v1/emit HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def command(receiver):
    return json.dumps({"event": "news", "args": [{"text": "x" * 20}], "to": {"sockets": [receiver.sid]}}).encode()


def read_answer(sock):
    data = b""
    while True:
        data += sock.recv(65536)
        head, found, body = data.partition(b"\r\n\r\n")
        if not found:
            continue
        assert b" 200 " in head.split(b"\r\n", 1)[0], head
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if length and len(body) >= int(length[1]):
            return


def post_for(server, receiver, seconds):
    """Posts one after the other on a connection; the server's CPU time for each, us."""
    with socket.create_connection(("127.0.0.1", server.api)) as sock:
        data = request(command(receiver))

        def run(limit):
            count, end = 0, time.monotonic() + limit
            while time.monotonic() < end:
                sock.sendall(data)
                read_answer(sock)
                count += 1
            return count

        return cost_of(server, run, seconds)


def emit_round(arguments):
    figures = []
    for start in (lambda: yodel(arguments.build), lambda: node("express_emit.mjs")):
        with start() as server:
            receiver = Receiver(server.port)
            figures.append(post_for(server, receiver, arguments.seconds))
            receiver.until(rb'\["news"')
    return *figures, {}


def stream_for(server, receiver, seconds):
    """Lines on one /stream, 100 at a time; the server's CPU time for each, us."""
    line = json.dumps({"emit": json.loads(command(receiver))}).encode() + b"\n"
    lines = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for _ in range(100))
    with socket.create_connection(("127.0.0.1", server.api)) as sock:
        sock.sendall(
            f"POST /api/v1/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )

        def run(limit):
            count, end = 0, time.monotonic() + limit
            while time.monotonic() < end:
                sock.sendall(lines)
                answered = 0
                while answered < 100:
                    data = sock.recv(1 << 20)
                    assert data, "the stream has ended"
                    answered += data.count(b'}\n')
                count += 100
            return count

        return cost_of(server, run, seconds)


def stream_round(arguments):
    with yodel(arguments.build) as server:
        receiver = Receiver(server.port)
        posts = post_for(server, receiver, arguments.seconds)
        receiver.until(rb'\["news"')
        with yodel(arguments.build) as other:
            receiver = Receiver(other.port)
            lines = stream_for(other, receiver, arguments.seconds)
    return lines, posts, {}


# No hook: what clients send is passed on, as a program on the library does it.

RELAYED = b'42["relay",{"text":"%s"}]' % (b"x" * 20)


@contextlib.contextmanager
def relaying(server, others):
    """Gives a function by which one client sends ten events, each of which comes to that many others."""
    frame = b"\x81" + bytes([0x80 | len(RELAYED)]) + bytes(4) + RELAYED
    sender, receivers = Receiver(server.port), [Receiver(server.port) for _ in range(others)]
    due = 10 * (2 + len(RELAYED))

    def ten():
        sender.sock.sendall(frame * 10)
        for receiver in receivers:
            receiver.sock.recv(due, socket.MSG_WAITALL)

    yield ten
    for receiver in [sender, *receivers]:
        receiver.sock.close()


def relay_for(server, others, seconds):
    """The server's CPU time for each event to that many others, us."""
    with relaying(server, others) as ten:

        def run(limit):
            count, end = 0, time.monotonic() + limit
            while time.monotonic() < end:
                ten()
                count += 10
            return count

        return cost_of(server, run, seconds)


def relay_round(arguments, others):
    figures = []
    for start in (lambda: yodel(arguments.build), lambda: bench_server(arguments.build)):
        with start() as server:
            figures.append(relay_for(server, others, arguments.seconds))
    return *figures, {}


def instructions_of(start, others, tens):
    """What the server executes outside the kernel in its life, in which that many times ten events are sent."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}"]
        with start(tool) as server, relaying(server, others) as ten:
            for _ in range(tens):
                ten()
        return int(re.search(r"Collected : (\d+)", log.read_text())[1])


def count_instructions(build, others):
    """For an event to that many others: of the program, and of the library's server."""
    os.environ["YODEL_BACKEND"] = "libuv"  # valgrind knows no io_uring
    few, many = 50, 250
    starts = (lambda tool: yodel(build, tool=tool), lambda tool: bench_server(build, tool))
    return [(instructions_of(start, others, many) - instructions_of(start, others, few)) / (10 * (many - few)) for start in starts]


# Idle clients.


def idle_for(server):
    """What a client at rest costs, bytes: the growth of written pages over IDLE of them."""
    first = [Receiver(server.port) for _ in range(200)]
    before = memory_bytes(server.pid, "Private_Dirty")
    rest = [Receiver(server.port) for _ in range(IDLE)]
    time.sleep(0.5)
    grown = memory_bytes(server.pid, "Private_Dirty") - before
    for receiver in first + rest:
        receiver.sock.close()
    return grown / IDLE


def idle_round(arguments):
    figures = []
    for start in (lambda: yodel(arguments.build), lambda: bench_server(arguments.build)):
        with start() as server:
            figures.append(idle_for(server))
    return *figures, {}


PARTS = {
    "hook": ("a hooked event, alone, of node's socket.io with undici", lambda a: hook_round(a, 1), "CPU us", 0.2),
    "unix": ("the same with a back end on a Unix socket", lambda a: hook_round(a, 1, True), "CPU us", None),
    "joined": ("the same with 16 on their way for each client", lambda a: hook_round(a, 16), "CPU us", 0.2),
    "emit": ("POST /emit to one client, of Express beside socket.io", emit_round, "CPU us", 0.25),
    "stream": ("a line on /stream, of a POST /emit", stream_round, "CPU us", 0.3),
    "relay": ("without a hook, an event to one other client, of the library", lambda a: relay_round(a, 1), "CPU us", 1.02),
    "broadcast": ("the same to 200 others", lambda a: relay_round(a, 200), "CPU us", 1.02),
    "idle": ("an idle client, more than in the library", idle_round, "bytes", None),
}


def middle_notes(rounds):
    """Each word with the median of its number; what goes on with "and" has no comma in front."""
    words = [text.format(statistics.median(notes[text] for notes in rounds)) for text in rounds[0]]
    return ", ".join(words).replace(", and", " and")


def measure(arguments, name):
    title, run, unit, limit = PARTS[name]
    ours, theirs, rounds = [], [], []
    for number in range(arguments.rounds):
        print(f"{name}: round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
        mine, other, notes = run(arguments)
        ours.append(mine)
        theirs.append(other)
        rounds.append(notes)
    if unit == "bytes":
        more = statistics.median(mine - other for mine, other in zip(ours, theirs))
        return f"| {title} | {statistics.median(ours):.0f} | {statistics.median(theirs):.0f} | {more:.0f} more | at most 1536 | {'pass' if more <= 1536 else 'FAIL'} |"
    ratios = [mine / other for mine, other in zip(ours, theirs)]
    ratio = statistics.median(ratios)
    target, verdict = ("", "") if limit is None else (f"at most {limit}", "pass" if ratio <= limit else "FAIL")
    notes = f" ({middle_notes(rounds)})" if rounds[0] else ""
    return f"| {title}{notes} | {statistics.median(ours):.1f} | {statistics.median(theirs):.1f} | {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {target} | {verdict} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--instructions", action="store_true")
    arguments = parser.parse_args()
    if arguments.instructions:
        print("| instructions for an event | yodel serve | the library | ratio |\n|---|---|---|---|")
        for others in (1, 200):
            ours, theirs = count_instructions(arguments.build, others)
            print(f"| to {others} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.3f} |", flush=True)
        return
    rows = [measure(arguments, name) for name in arguments.only.split(",")]
    print("| what (server CPU time, us; idle: bytes) | yodel serve | beside it | ratio | target | |\n|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
