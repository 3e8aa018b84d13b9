# SPDX-License-Identifier: MIT
"""The program under the restrictions of its unit: clients, a reload, a hand-over, also by the script of an upgrade, and no
io_uring."""

import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

from harness import LIMIT, equal, eventually, http, run, skip
from hooked_server import SECRET, Hooks
from sio_client import SioClient
from yodel_program import ENV, YODEL, file, folder

HERE = pathlib.Path(__file__).resolve().parent
UNIT = HERE.parents[1] / "packaging/systemd/yodel.service"
PR_SET_CHILD_SUBREAPER = 36
CONFIG = """
listen:
  - {name: public, address: "localhost:0", serve: [clients]}
  - {name: internal, address: "127.0.0.1:0", serve: [health]}
  - {name: local, address: "unix:%s", mode: "0660", group: "%s", serve: [api]}
namespaces: [{name: /, auth: none}, {name: /asked, auth: required, webhook: main}]
auth: {methods: [webhook], anonymous: true}
webhooks: [{name: main, url: "%s", secret: "%s"}]
shutdown: {drain: 5s, spread: 100ms}
"""


class Served:
    """yodel serve in the sandbox, as the unit starts it."""

    def __init__(self, place, path, without):
        self.taker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.taker.bind(str(place / "notify"))
        self.taker.settimeout(LIMIT)
        env = {**ENV, "NOTIFY_SOCKET": str(place / "notify"), "RUNTIME_DIRECTORY": str(place)}
        if without:
            env.pop("YODEL_BACKEND", None)  # the program finds out by itself what there is
        options = ["--without", without] if without else []
        words = [sys.executable, HERE / "sandbox.py", *options, UNIT, YODEL, "serve", "--config", path]
        self.log = place / "log"
        with open(self.log, "wb") as log:
            started = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=log)  # pylint: disable=consider-using-with
        self.pid = started.pid
        with started.stdout as said:
            lines = [said.readline().decode() for _ in range(2)]
        started.returncode = 0  # its end is taken by end()
        if "SKIPPED" in lines[0]:
            os.waitpid(self.pid, 0)
            skip(lines[0])
        assert all(lines), self.log.read_text()
        self.port, self.internal = (int(line.split()[-1]) for line in lines)
        self.until("READY=1")

    def until(self, wanted):
        while not (found := re.fullmatch(wanted, self.taker.recv(4096).decode())):
            pass
        return found

    def has_uring(self):
        links = []
        for entry in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(entry))
        return any("io_uring" in link for link in links)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        eventually(lambda: os.waitpid(self.pid, os.WNOHANG)[0], "the program ends")
        self.taker.close()


@contextlib.contextmanager
def served(without=""):
    if shutil.which("systemd-analyze") is None:
        skip("no systemd-analyze")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with contextlib.closing(Hooks()) as backend, folder() as place:
        url = backend.url("/hook").replace("127.0.0.1", "localhost")  # a name: it is looked up
        with file(CONFIG % (place / "api.sock", os.getgid(), url, SECRET)) as path:
            program = Served(place, path, without)
            program.path = pathlib.Path(path)
            try:
                yield program, place
            finally:
                program.end()


def serves(program, place):
    SioClient(program.port, "/asked").close()
    client = SioClient(program.port)
    eventually(lambda: http(program.internal, "GET", "/health/ready").status == 200, "all its loops have started")
    equal((place / "api.sock").stat().st_mode & 0o777, 0o660)
    client.close()


def test_it_serves_under_the_restrictions_of_the_unit():
    with served() as (program, place):
        status = pathlib.Path(f"/proc/{program.pid}/status").read_text(encoding="utf-8")
        assert re.search(r"^Seccomp:\t2$", status, re.M) and re.search(r"^NoNewPrivs:\t1$", status, re.M)
        serves(program, place)
        os.kill(program.pid, signal.SIGHUP)
        program.until(r"RELOADING=1\n[^\n]*")
        program.until("READY=1")
        serves(program, place)


def test_another_process_takes_over_under_them():
    with served() as (program, place):
        os.kill(program.pid, signal.SIGUSR2)
        before = program.pid
        program.pid = int(program.until(r"READY=1\nMAINPID=(\d+)")[1])
        assert before != program.pid
        os.waitpid(before, 0)
        serves(program, place)


def hand_over(place, pid, is_over=lambda: None):
    """Runs packaging/handover with a systemctl that knows of one process, and gives its status."""
    (place / "pid").write_text(str(pid))
    (place / "systemctl").write_text(
        f'#!/bin/sh\ncase $1 in show) cat {place}/pid ;; kill) [ "$2 $3" = "--kill-whom=main --signal=USR2" ] && kill -USR2 "$(cat {place}/pid)" ;; esac\n'
    )
    (place / "systemctl").chmod(0o755)
    path = f"{place}:{os.environ['PATH']}"
    with subprocess.Popen([UNIT.parents[1] / "handover"], env={**os.environ, "PATH": path}, stderr=subprocess.DEVNULL) as script:
        is_over()
        return script.wait(LIMIT * 3)


def test_the_script_of_an_upgrade_waits_for_the_new_process():
    with served() as (program, place):

        def is_over():
            before = program.pid
            program.pid = int(program.until(r"READY=1\nMAINPID=(\d+)")[1])
            (place / "pid").write_text(str(program.pid))
            os.waitpid(before, 0)

        equal(hand_over(place, program.pid, is_over), 0)
        serves(program, place)
        program.path.write_text("nonsense: 1\n")
        equal(hand_over(place, program.pid), 1)
        serves(program, place)
        equal(hand_over(place, 0), 3)


def test_without_io_uring_it_is_on_libuv():
    with served(without="io_uring_setup") as (program, place):
        assert not program.has_uring()
        serves(program, place)


run(globals())
