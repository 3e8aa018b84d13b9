# SPDX-License-Identifier: MIT
"""The examples with databases.  Skipped where one of the databases is not installed."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading

from harness import EXAMPLES, LIMIT, WebSocket, equal, eventually, example, run, skip


def test_chat_sqlite():
    if not (EXAMPLES / "chat_sqlite").exists():
        skip("built without SQLite")
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
        self.process.wait(LIMIT)

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
    if not found or not (EXAMPLES / "chat_postgres").exists():
        skip("built without libpq, or no PostgreSQL here")
    with Postgres(found[-1]) as database:
        eventually(lambda: database.notify("is up"), "PostgreSQL answers")
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

                eventually(got, f"both get {text}")

            both_get("from psql", database.notify)
            a.send_text("привет, it's me")
            both_get("привет, it's me")
            database.stop()
            a.send_text("while it was away")
            database.start()
            eventually(lambda: database.notify("is back"), "PostgreSQL is back")
            eventually(lambda: "while it was away" in readers[0].seen, "what waited is sent")
            both_get("after the restart", database.notify)
            for reader in readers:
                reader.ws.send_close(1000)
                reader.join()


if __name__ == "__main__":
    run(globals())
