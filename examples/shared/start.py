# SPDX-License-Identifier: MIT
"""What the scripts of with_flask, with_node and with_django share: Redis, two servers, an end.

    --redis URL     a Redis that runs already; without it one is started, for as long as this runs
    --port N        of the Yodel server, which has the page; 0: one that is free.  8000
    --other-port N  of the other one; likewise
    --yodel FILE    the C side, built; without it that of ../../build, or it is compiled with pkg-config
"""

import argparse
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

EXAMPLES = pathlib.Path(__file__).resolve().parents[1]
LIMIT = 60.0  # seconds for a server to start


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    """Until somebody listens there."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    sys.exit(f"{process.args[0]} did not start")


class Cluster:
    """The processes that were started, and a folder of theirs; all end with it."""

    def __init__(self, name):
        parser = argparse.ArgumentParser(
            description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        for option in ("--redis", "--yodel"):
            parser.add_argument(option)
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--other-port", type=int, default=5000)
        self.options = parser.parse_args()
        self.name, self.processes = name, []
        self.folder = tempfile.TemporaryDirectory(prefix=f"yodel-{name}-")
        self.port = self.options.port or free_port()
        self.other_port = self.options.other_port or free_port()
        self.redis = self.options.redis
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def start(self, words, port, **options):
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        wait_for(port, process)

    def start_redis(self):
        if self.redis:
            return
        port = free_port()
        words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.start([*words, "--dir", self.folder.name], port, stdout=subprocess.DEVNULL)
        self.redis = f"redis://127.0.0.1:{port}"

    def find_yodel(self):
        """The C side, which may have to be compiled."""
        if self.options.yodel:
            return self.options.yodel
        built = sorted((EXAMPLES.parent / "build").glob(f"*/examples/{self.name}"), key=os.path.getmtime)
        if built:
            return str(built[-1])
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "yodel"], check=True, capture_output=True, text=True
        ).stdout.split()
        program = f"{self.folder.name}/{self.name}"
        subprocess.run(["cc", str(EXAMPLES / self.name / "server.c"), "-o", program, *flags], check=True)
        return program

    def start_yodel(self):
        words = [self.find_yodel(), self.redis, str(EXAMPLES / "shared"), f"127.0.0.1:{self.port}"]
        self.start(words, self.port, stderr=subprocess.DEVNULL)

    def run(self, other, left="", right=""):
        """Tells where the page is, and waits for Ctrl-C."""
        here, there = f"http://localhost:{self.port}", f"http://localhost:{self.other_port}"
        query = urllib.parse.urlencode({"left": f"Yodel,{here}{left}", "right": f"{other},{there}{right}"})
        print(f"PORTS {self.port} {self.other_port}")
        print(f"open {here}/room.html?{query}   (Ctrl-C ends all)", flush=True)
        while all(process.poll() is None for process in self.processes):
            time.sleep(0.2)
        sys.exit("a server has ended")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.folder.cleanup()
        return kind is KeyboardInterrupt
