# SPDX-License-Identifier: MIT
"""The examples do what their comments say.  YODEL_EXAMPLES names their folder."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading

from harness import BINARY, PUBLIC, Program, WebSocket, closed_with, equal, eventually, http, run

FOLDER = pathlib.Path(os.environ.get("YODEL_EXAMPLES", pathlib.Path(BINARY).parent / "examples"))


def example(name, *words):
    address = "127.0.0.1:0"
    program = Program(
        [str(FOLDER / name), *words, address], r"listening on port (\d+)$", port_stream="stderr"
    )

    def is_up():
        with contextlib.suppress(OSError):
            return http(program.port, "GET", "/").status > 0
        return False

    eventually(is_up, f"{name} answers")
    return program


def test_echo():
    with example("echo") as program:
        with WebSocket(program.port, "/ws") as ws:
            ws.send_text("привет")
            equal(ws.message(), "Echo: привет")
            ws.send_text("")
            equal(ws.message(), "Echo: ")
            ws.send_text("x" * 4096)
            equal(ws.message(), "Echo: " + "x" * 4096)
            ws.send_frame(2, b"x")
            closed_with(ws, 1003)


def test_chat_room():
    with example("chat_room") as program:
        a, b = (WebSocket(program.port, "/ws/chat/room123/") for _ in range(2))
        other = WebSocket(program.port, "/ws/chat/elsewhere/")
        a.send_json({"message": "Привет 👋"})
        equal(a.message(), '{"message":"Привет 👋"}')
        equal(b.message(), '{"message":"Привет 👋"}')
        other.send_json({"message": "alone"})
        equal(other.json(), {"message": "alone"})
        b.send_text("no JSON")
        closed_with(b, 1007)
        a.leave()
        other.leave()


def test_guest_uv():
    with example("guest_uv") as program:
        with WebSocket(program.port, "/clock") as ws:
            first = int(ws.message().removeprefix("tick "))
            equal(ws.message(), f"tick {first + 1}")
            assert http(program.port, "GET", "/").body.decode().endswith(" ticks\n")
            program.signal(signal.SIGTERM)
            closed_with(ws, 1001)
        equal(program.wait(), 0)  # a second signal would end it at once


def test_notify_from_thread():
    with example("notify_from_thread") as program:
        first = WebSocket(program.port, "/notifications")
        assert first.next_with("notification")["seconds"] >= 1
        second = WebSocket(program.port, "/notifications")
        while (message := second.message()) != "you are the newest here":
            assert "notification" in message, message
        second.leave()
        first.leave()


def test_ticker():
    with example("ticker", "20") as program:
        with WebSocket(program.port, "/ticker") as a, WebSocket(program.port, "/ticker") as b:
            first = a.json()["tick"]
            equal(a.json(), {"tick": first + 1})
            while (tick := b.json()["tick"]) < first + 1:
                pass
            equal(b.json(), {"tick": tick + 1})


def test_chat_sqlite():
    if not (FOLDER / "chat_sqlite").exists():
        print("built without SQLite")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "chat.db")
        with example("chat_sqlite", file) as program:
            with WebSocket(program.port, "/chat") as ws:
                equal(ws.json(), {"history": []})
                for number in range(25):
                    ws.send_text(f"привет {number}")
                    equal(ws.message(), f"привет {number}")
                with WebSocket(program.port, "/chat") as other:
                    history = other.json()["history"]
                    equal(len(history), 20)
                    equal(history[-1], "привет 24")
        with example("chat_sqlite", file) as program, WebSocket(program.port, "/chat") as ws:
            equal(ws.json()["history"][0], "привет 5")


class Reader(threading.Thread):
    """Keeps what comes on a WebSocket until it closes."""

    def __init__(self, ws):
        super().__init__(daemon=True)
        self.ws = ws
        self.seen = []
        self.start()

    def run(self):
        while isinstance(message := self.ws.message(), str):
            self.seen.append(message)


class Postgres:
    """A server of PostgreSQL on a Unix socket in a folder of its own, as an unprivileged user."""

    def __init__(self, bin_folder):
        self.bin_folder = pathlib.Path(bin_folder)
        self.folder = tempfile.mkdtemp()
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self.data = os.path.join(self.folder, "data")
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "yodel", "--no-sync")
        self.process = None
        self.start()

    def run(self, name, *words):
        command = [str(self.bin_folder / name), *words]
        return subprocess.run(
            command, check=True, user=self.user, cwd=self.folder, capture_output=True
        )

    def conninfo(self):
        return f"host={self.folder} user=yodel dbname=postgres"

    def start(self):
        words = ["-D", self.data, "-k", self.folder, "-c", "listen_addresses=", "-F"]
        self.process = subprocess.Popen(
            [str(self.bin_folder / "postgres"), *words],
            user=self.user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)

    def notify(self, text):
        try:
            self.run("psql", self.conninfo(), "-c", f"NOTIFY chat, '{text}'")
        except subprocess.CalledProcessError:
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder)


def test_chat_postgres():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if not found or not (FOLDER / "chat_postgres").exists():
        print("built without libpq, or no PostgreSQL here")
        return
    with Postgres(found[-1]) as database:
        eventually(lambda: database.notify("is up"), "PostgreSQL answers", 20)
        with example("chat_postgres", database.conninfo()) as one, example(
            "chat_postgres", database.conninfo()
        ) as two:
            readers = [Reader(WebSocket(program.port, "/chat")) for program in (one, two)]
            a = readers[0].ws

            def both_get(text, send=None):
                def got():
                    if send:
                        send(text)
                    return all(text in reader.seen for reader in readers)

                eventually(got, f"both get {text}", 20)

            both_get("from psql", database.notify)
            a.send_text("привет, it's me")
            both_get("привет, it's me")
            database.stop()
            a.send_text("while it was away")
            database.start()
            eventually(lambda: database.notify("is back"), "PostgreSQL is back", 20)
            eventually(lambda: "while it was away" in readers[0].seen, "what waited is sent", 20)
            both_get("after the restart", database.notify)
            for reader in readers:
                reader.ws.send_close(1000)
                reader.join()


def test_static_site():
    with example("static_site", PUBLIC) as program:
        assert b"Yodel" in http(program.port, "GET", "/").body
        assert http(program.port, "GET", "/api/time").json()["unix_time"] > 0
        equal(http(program.port, "GET", "/api/hello/%D0%9C%D0%B8%D1%80").json(), {"hello": "Мир"})
        equal(http(program.port, "GET", "/api/nothing").status, 404)


if __name__ == "__main__":
    run(globals())
