# SPDX-License-Identifier: MIT
"""What the tests of yodel.flask share: programs on Yodel and on the original server."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from package import HERE, PYTHON, START_LIMIT, environment, harness, require

APPS = HERE / "apps"
FEATURES = str(APPS / "flask_features.py")
REQUIRED = ("flask", "flask_socketio", "socketio")


def inside():
    """Runs this test program in an interpreter that can import the package; skips it where there is none."""
    require(*REQUIRED)
    if os.environ.get("YODEL_INSIDE") != "1":
        os.execve(PYTHON, [PYTHON, *sys.argv], {**os.environ, **environment(YODEL_INSIDE=1)})


def outside():
    """Skips this test program where what it starts could not import the package or its server."""
    require(*REQUIRED)
    words = [PYTHON, "-c", "from yodel._yodel import SioServer"]
    if subprocess.run(words, env={**os.environ, **environment()}, stderr=subprocess.DEVNULL, check=False).returncode:
        print("SKIPPED: the extension has no SioServer", flush=True)
        sys.exit(77)


class Served:
    """A program that serves: started here, ended by its process id.

    words     of the command
    env       more of the environment
    """

    def __init__(self, words, env=None, cwd=None):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [PYTHON, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment(**(env or {}))},
            cwd=cwd,
        )

    def said(self):
        """All that it has written."""
        return os.pread(self.output.fileno(), 1 << 24, 0).decode(errors="replace")

    def until_said(self, pattern, limit=START_LIMIT):
        """Waits until it has written something, and gives the match."""
        deadline = time.monotonic() + limit
        while not (found := re.search(pattern, self.said(), re.M)):
            if self.process.poll() is not None and not re.search(pattern, self.said(), re.M):
                raise AssertionError(f"it ended with {self.process.returncode}: {self.said()[-3000:]}")
            assert time.monotonic() < deadline, f"it did not say {pattern}: {self.said()[-3000:]}"
            time.sleep(0.02)
        return found

    def ready(self):
        """Waits until it serves; gives itself."""
        try:
            found = self.until_said(r"Running on \w+://[^\s]*:(\d+)")
        except BaseException:
            self.kill()
            raise
        self.port = int(found.group(1))
        return self

    def get(self, path, **options):
        return harness.http(self.port, "GET", path, **options)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit=START_LIMIT):
        """Its exit status."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGABRT)  # has it say where its threads are
            self.process.wait()
            raise AssertionError(f"still runs after {limit} s: {self.said()[-6000:]}") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """Asks it to end; it must, well."""
        try:
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
            status = self.wait()
        finally:
            self.kill()
        said = self.said()
        assert status == 0, f"exit status {status}: {said[-3000:]}"
        assert "Sanitizer" not in said and "runtime error" not in said, said[-4000:]

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()
            print(self.said()[-6000:], flush=True)
        self.output.close()


def on_yodel(script, *options, words=(), env=None, cwd=None, port=0):
    """A program on Yodel, at a free port."""
    port_words = [] if port is None else ["--port", port]
    return Served(["-m", "yodel.flask", *port_words, *options, script, *words], env, cwd).ready()


def features(*options, env=None, **socketio):
    """apps/flask_features.py on Yodel, with options of SocketIO()."""
    return on_yodel(FEATURES, *options, env={"FEATURES_OPTIONS": repr(socketio), **(env or {})})


class Original(Served):
    """A program on Flask-SocketIO's own server."""

    def stop(self):
        self.kill()


def original_features(**socketio):
    """The same on the original server: Werkzeug's, with a thread for each request."""
    env = {"FEATURES_OPTIONS": repr({"async_mode": "threading", **socketio})}
    return Original([FEATURES, "0"], env).ready()


def run_clients(port, limit=300.0, **env):
    """flask_clients.mjs against a server: it must pass."""
    words = ["node", "--test", "--test-reporter=tap", str(HERE / "flask_clients.mjs")]
    environment = {**os.environ, "URL": f"http://127.0.0.1:{port}", **env}
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit)
    said = done.stdout.decode(errors="replace")
    bad = [line for line in said.splitlines() if "not ok" in line]
    assert done.returncode == 0, "\n".join(bad) + "\n" + said[-6000:]
    return said


def text_of(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()
