# SPDX-License-Identifier: MIT
"""--workers and --reload of python3 -m yodel.asgi: processes that die, are replaced, and end."""

import contextlib
import os
import pathlib
import signal
import tempfile
import threading
import time

import package
from asgi_kit import LONG, Server, serve
from harness import Stream, connect, equal, eventually, http, request_bytes, run

READY = r"Worker \[\d+\] is ready"


def pids(one, tries=60):
    """The processes that answer; none while nobody listens."""
    with contextlib.suppress(ConnectionRefusedError):
        return {int(one.get("/").body) for _ in range(tries)}
    return set()


def supervised(application, number=2, *words, **options):
    """A supervisor that knows that its workers are ready."""
    one = serve(application, "--workers", str(number), "--log-level", "debug", "--no-access-log", *words, **options)
    try:
        one.until(READY, number)
    except BaseException:
        one.kill()
        raise
    return one


def workers(number, *words, **options):
    """A supervisor of workers that tell who they are."""
    return supervised("lifespans:worker", number, *words, **options)


class Clients:
    """Threads that ask without a pause, each time on a connection of its own; what failed is kept."""

    def __init__(self, port, number=4):
        self.port = port
        self.failures = []
        self.answers = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(number)]

    def _run(self):
        while not self._stop.is_set():
            try:
                answer = http(self.port, "GET", "/")
                if answer.status != 200:
                    self.failures.append(answer)
                self.answers += 1
            except (OSError, EOFError) as problem:
                self.failures.append(repr(problem))
            time.sleep(0.001)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_workers_share_a_port():
    with workers(3) as one:
        eventually(lambda: pids(one) == set(one.children()), "all three answer", LONG)
        equal(len(one.children()), 3)
        said = one.said()
        equal(said.count("Yodel running on"), 1)
        assert f"Started parent process [{one.pid}]" in said, said
        children = one.children()
        one.signal(signal.SIGTERM)
        equal(one.wait(), 0)
        equal(one.said().count("database closed"), 3)
        assert not any(os.path.exists(f"/proc/{pid}") for pid in children)


def test_a_worker_that_dies_is_started_again():
    with workers(2) as one:
        before = set(one.children())
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)
        one.until(rf"Worker \[{killed}\] ended with SIGKILL")
        one.until(READY, 3)
        eventually(lambda: len(pids(one)) == 2, "both answer", LONG)
        assert killed not in one.children() and before <= set(one.children())
        with contextlib.suppress(EOFError):
            one.get("/exit")
        one.until("ended with status 5")
        one.until(READY, 4)
        eventually(lambda: len(pids(one)) == 2, "both answer", LONG)


def test_nobody_is_refused_while_a_worker_is_dead():
    """Who comes meanwhile waits in the kernel's queue; only what the worker had is lost."""
    with workers(1 + 1) as one, Clients(one.port, 2) as clients:
        for round_ in range(3):
            os.kill(one.children()[0], signal.SIGKILL)
            one.until(READY, 3 + round_)
        assert len(clients.failures) <= 6 and "refused" not in str(clients.failures), clients.failures


def test_sighup_replaces_all_and_refuses_nobody():
    """Issue 9: one by one; the next is ready before the last ends."""
    with workers(2) as one:
        with Clients(one.port) as clients:
            before = set(one.children())
            for round_ in range(3):
                one.signal(signal.SIGHUP)
                one.until(READY, 4 + 2 * round_)
                one.until("Finished server process", 2 + 2 * round_)
            eventually(lambda: len(one.children()) == 2, "two are left", LONG)
        eventually(lambda: not before & set(one.children()), "the old ones have gone", LONG)
        equal(clients.failures, [])
        assert clients.answers > 10


def test_a_long_request_outlives_its_replacement():
    with supervised("lifespans:worker") as one:
        streams = [Stream(connect(one.port)) for _ in range(6)]
        for stream in streams:
            stream.send(request_bytes("GET", "/slow?2"))
        one.until("slow begins", 6)
        one.signal(signal.SIGHUP)
        for stream in streams:
            equal(stream.response().status, 200)
            stream.close()
        one.until("Finished server process", 2)


def test_a_replacement_that_does_not_start_leaves_the_old_one():
    with tempfile.TemporaryDirectory() as folder:
        fail = pathlib.Path(folder) / "fail"
        with supervised("lifespans:sometimes", env={"FAIL_FILE": str(fail)}) as one:
            before = set(one.children())
            fail.touch()
            one.signal(signal.SIGHUP)
            one.until("that was to take over")
            equal(one.get("/").status, 200)
            equal(set(one.children()), before)
            fail.unlink()
            one.signal(signal.SIGHUP)
            one.until("Finished server process", 2)
            eventually(lambda: not before & set(one.children()), "the old ones have gone", LONG)


def test_a_crash_loop_pauses_and_comes_back():
    with tempfile.TemporaryDirectory() as folder:
        fail = pathlib.Path(folder) / "fail"
        with supervised("lifespans:sometimes", env={"FAIL_FILE": str(fail)}) as one:
            fail.touch()
            os.kill(one.children()[0], signal.SIGKILL)
            one.until("did not start: it ended with status 3. It is started again.", 2)
            for _ in range(20):
                equal(one.get("/").status, 200, "the other worker answers all")
            fail.unlink()
            one.until(READY, 3)


def test_a_crash_loop_with_nobody_left_ends():
    with tempfile.TemporaryDirectory() as folder:
        fail = pathlib.Path(folder) / "fail"
        one = supervised("lifespans:sometimes", env={"FAIL_FILE": str(fail)})
        try:
            fail.touch()
            for pid in one.children():
                os.kill(pid, signal.SIGKILL)
            equal(one.wait(), 3)
            assert "in a row did not start. Giving up." in one.said(), one.said()
        finally:
            one.kill()


def test_more_and_fewer_workers():
    with workers(1 + 1) as one:
        one.signal(signal.SIGTTIN)
        one.until(READY, 3)
        eventually(lambda: len(pids(one)) == 3, "three answer", LONG)
        with Clients(one.port, 2) as clients:
            one.signal(signal.SIGTTOU)
            one.until("Finished server process", 2)  # one less, and the heir of its socket was replaced
            eventually(lambda: len(one.children()) == 2, "two are left", LONG)
        equal(clients.failures, [])

        def refused():
            one.signal(signal.SIGTTOU)
            return "this is the last" in one.said()

        eventually(refused, "the last one stays", LONG)
        equal(one.get("/").status, 200)


def test_workers_end_with_their_parent():
    with workers(2) as one:
        children = one.children()
        one.process.kill()
        one.process.wait()
        eventually(lambda: not any(alive(pid) for pid in children), "the workers have ended", LONG)
        assert "The parent process has gone." in one.said(), one.said()
        one.stop = one.kill


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_workers_that_do_not_end_are_killed():
    with supervised("plain:app", 2, "--timeout-graceful-shutdown", "1") as one:
        stream = Stream(connect(one.port))
        stream.send(request_bytes("GET", "/busy?3600"))
        one.until("busy begins")
        one.signal(signal.SIGTERM)
        assert one.wait(LONG) != 0
        stream.close()
        one.stop = one.kill


def test_a_second_signal_ends_all_at_once():
    with supervised("plain:app", 2, "--timeout-graceful-shutdown", "600") as one:
        stream = Stream(connect(one.port))
        stream.send(request_bytes("GET", "/stubborn"))
        one.until("stubborn begins")
        one.signal(signal.SIGINT)
        one.signal(signal.SIGTERM)
        one.wait(LONG)
        stream.close()
        one.stop = one.kill


# Reloading.


PROGRAM = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%s"})
"""


def replace(path, text):
    """At once: half of a change would be a change, too."""
    other = path.parent / ".new"
    other.write_text(text, encoding="utf-8")
    os.replace(other, path)


def test_reload():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "program.py"

        def write(text):
            replace(path, text)

        def answers(text):
            return lambda: one.get("/").body == text

        write(PROGRAM % "one")
        with Server("program:app", "--port", "0", "--reload", cwd=folder) as one:
            eventually(answers(b"one"), "the first", LONG)
            write(PROGRAM % "second")
            one.until("Detected file change in 'program.py'. Reloading...")
            eventually(answers(b"second"), "the second", LONG)
            write("syntax error here")
            one.until("The application did not start. It is tried again when a file changes.")
            # Nobody is refused: who comes now waits for the next that starts.
            with Stream(connect(one.port)) as stream:
                stream.send(request_bytes("GET", "/"))
                write(PROGRAM % "the third")
                stream.sock.settimeout(LONG)
                equal(stream.response().body, b"the third")
            (pathlib.Path(folder) / "notes.txt").write_text("no matter", encoding="utf-8")
            (pathlib.Path(folder) / ".hidden.py").write_text("no matter", encoding="utf-8")
            (pathlib.Path(folder) / "more").mkdir()
            replace(pathlib.Path(folder) / "more" / "helper.py", "x = 1")
            one.until("Detected file change in 'more/helper.py'")
            eventually(answers(b"the third"), "again", LONG)
            equal(one.said().count("Detected file change"), 4)


def test_reload_of_what_is_asked_for():
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        (pathlib.Path(folder) / "program.py").write_text(PROGRAM % "one", encoding="utf-8")
        words = ["--reload-dir", other, "--reload-include", "*.html", "--reload-exclude", "skipped*"]
        with Server("program:app", "--port", "0", "--reload", *words, cwd=folder) as one:
            one.until("appears unsupported|startup complete")
            (pathlib.Path(other) / "skipped.html").write_text("x", encoding="utf-8")
            replace(pathlib.Path(folder) / "program.py", PROGRAM % "two")
            replace(pathlib.Path(other) / "page.html", "x")
            one.until("page.html")
            equal(one.said().count("Detected file change"), 1)


if __name__ == "__main__":
    package.require()
    run(globals())
