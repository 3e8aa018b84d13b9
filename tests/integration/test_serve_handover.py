# SPDX-License-Identifier: MIT
"""USR2: another process of yodel serve takes over, and no client is refused."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

from harness import LIMIT, equal, eventually, http, run, started
from sio_client import SioClient
from yodel_program import ENV, YODEL, file, folder, yodel

OPEN = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "localhost:0", serve: [metrics, health]}
namespaces: [{name: /, auth: none}]
shutdown: {drain: 10s, spread: 100ms}
"""
HOOKED = OPEN.replace("auth: none", "auth: none, webhook: main") + 'webhooks: [{name: main, url: "http://127.0.0.1:1/"}]'
PR_SET_CHILD_SUBREAPER = 36


class Served:
    """yodel serve as systemd starts it; processes that take over become children of this one."""

    def __init__(self, place, path, *words, program=YODEL):
        self.taker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.taker.bind(str(place / "notify"))
        self.taker.settimeout(LIMIT)
        self.log = place / "log"
        env = {**ENV, "NOTIFY_SOCKET": str(place / "notify"), "RUNTIME_DIRECTORY": f"{place}:/none"}
        with open(self.log, "wb") as log:
            words = [program, "serve", "-c", path, *words]
            process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=log)  # pylint: disable=consider-using-with
        self.pids = [process.pid]
        with process.stdout as said:
            self.ports = [int(said.readline().split()[-1]) for _ in range(2)]
            self.until("READY=1")
        process.returncode = 0  # its end is taken by wait() here

    def until(self, wanted):
        while not (found := re.fullmatch(wanted, self.taker.recv(4096).decode())):
            pass
        return found

    def replace(self):
        os.kill(self.pids[-1], signal.SIGUSR2)
        self.pids.append(int(self.until(r"READY=1\nMAINPID=(\d+)")[1]))
        assert self.pids[-1] != self.pids[-2]
        equal(self.wait(self.pids[-2]), 0)

    def wait(self, pid):
        result = []

        def ended():
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                result.append(os.waitstatus_to_exitcode(status))
            return found

        eventually(ended, f"process {pid} ends")
        self.pids.remove(pid)
        return result[0]

    def end(self):
        self.taker.close()
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextlib.contextmanager
def served(*words, text=OPEN, program=YODEL):
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with folder() as place, file(text) as path:
        program = Served(place, path, *words, program=program)
        try:
            yield program, place
        finally:
            program.end()


def settled(count):
    """What count() gives once it stays the same for a while."""
    seen = []
    eventually(lambda: seen.append(count()) or seen[-15:] == seen[-1:] * 15, "it stays the same")
    return seen[-1]


def test_a_successor_is_left_no_descriptors():
    with served(text=HOOKED) as (program, _):
        nums = []
        for _ in range(2):
            program.replace()
            nums.append(settled(lambda: len(os.listdir(f"/proc/{program.pids[-1]}/fd"))))
        equal(nums[1], nums[0])


def test_no_client_is_refused():
    with served() as (program, _):
        failures, is_over, num = [], threading.Event(), 0

        def ask():
            nonlocal num
            while not is_over.is_set():
                try:
                    equal(http(program.ports[1], "GET", "/health/live").status, 200)
                    num += 1
                except Exception as failure:  # pylint: disable=broad-except
                    failures.append(repr(failure))

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            for _ in range(3):
                before = num
                program.replace()
                eventually(lambda: num > before + 10, "requests are answered")  # pylint: disable=cell-var-from-loop
        finally:
            is_over.set()
            asker.join()
        equal(failures, [])
        with SioClient(program.ports[0]) as client:
            client.emit("hello")
        last = program.pids[-1]
        os.kill(last, signal.SIGTERM)
        equal(program.wait(last), 0)


def test_who_cannot_start_changes_nothing():
    with served() as (program, place):
        config = next(word for word in open(f"/proc/{program.pids[0]}/cmdline").read().split("\0") if word.endswith("yodel.yaml"))
        with open(config, "a") as text:
            text.write("nothing: 1\n")
        os.kill(program.pids[0], signal.SIGUSR2)
        eventually(lambda: "has ended, with 78; this one stays" in program.log.read_text(), "it is told")
        equal(http(program.ports[1], "GET", "/health/ready").status, 200)
        with open(config, "w") as text:
            text.write(OPEN)
        program.replace()
        assert (place / "handover").is_socket()


def write_program(path, text):
    """In place of what is there, which runs."""
    other = path.with_suffix(".new")
    if text is None:
        shutil.copy(YODEL, other)
    else:
        other.write_text(text)
    other.chmod(0o755)
    os.replace(other, path)


@contextlib.contextmanager
def served_by_copy(place, *words):
    program = place / "yodel"
    write_program(program, None)
    with served(*words, program=str(program)) as (server, _):
        yield server, program


def test_one_that_hangs_is_ended():
    with folder() as place, served_by_copy(place, "--set", "server.handover_timeout=5s") as (server, program):
        write_program(program, "#!/bin/sh\nexec sleep 1000\n")
        os.kill(server.pids[0], signal.SIGUSR2)
        eventually(lambda: "was ended; this one stays" in server.log.read_text(), "it is told")
        equal(http(server.ports[1], "GET", "/health/ready").status, 200)
        write_program(program, None)
        server.replace()


def test_a_stop_ends_a_successor_that_starts():
    with folder() as place, served_by_copy(place) as (server, program):
        write_program(program, f"#!/bin/sh\necho $$ > {place}/successor\nexec sleep 1000\n")
        first = server.pids[0]
        os.kill(first, signal.SIGUSR2)
        eventually(lambda: (place / "successor").exists() and (place / "successor").read_text(), "it starts")
        server.pids.append(int((place / "successor").read_text()))
        os.kill(first, signal.SIGTERM)
        equal(server.wait(first), 0)
        equal(server.wait(server.pids[0]), -signal.SIGTERM)


def test_by_hand():
    """--takeover without USR2, a path of the configuration, and nobody there."""
    with folder() as place, file(OPEN) as path:
        words = ["serve", "-c", path, "--set", f"server.handover={place}/socket", "--takeover"]
        with started([YODEL, *words], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
            ports = [int(first.stdout.readline().split()[-1]) for _ in range(2)]
            assert "--takeover: nobody offers sockets" in first.stderr.readline()
            eventually((place / "socket").exists, "it offers its sockets")
            with started([YODEL, *words], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as second:
                equal([int(second.stdout.readline().split()[-1]) for _ in range(2)], ports)
                first.communicate(timeout=LIMIT)
                equal(first.returncode, 0)
                equal(http(ports[1], "GET", "/health/live").status, 200)
                second.send_signal(signal.SIGTERM)
                equal(second.wait(LIMIT), 0)
        told = yodel("serve", "-c", path, "--takeover", status=78, env={"RUNTIME_DIRECTORY": ""})[1]
        assert "server.handover" in told, told


if __name__ == "__main__":
    run(globals())
