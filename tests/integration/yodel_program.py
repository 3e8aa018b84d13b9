# SPDX-License-Identifier: MIT
"""What tests of the yodel program share: the server with a configuration, its commands, files for it."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from harness import LIMIT, Program, equal, eventually, http

YODEL = os.environ["YODEL_PROGRAM"]
ENV = {name: value for name, value in os.environ.items() if not name.startswith("YODEL_") or name == "YODEL_BACKEND"}


class Yodel(Program):
    """yodel serve; port is the public one, internal the other."""

    def __init__(self, *words):
        for name in set(os.environ) - set(ENV):
            del os.environ[name]
        super().__init__(
            [YODEL, "serve", *words],
            r"^listening on public \S+ (\d+\nlistening on internal \S+ \d+)$",
            convert=lambda found: [int(number) for number in re.findall(r"\d+$", found, re.M)],
        )
        self.port, self.internal = self.port

    def status(self, port, path, headers=()):
        return http(port, "GET", path, headers).status


def yodel(*words, status=0, env=None):
    """What a command writes to standard output and to standard error."""
    done = subprocess.run([YODEL, *words], env={**ENV, **(env or {})}, capture_output=True, text=True, timeout=LIMIT)
    equal(done.returncode, status, done.stderr)
    return done.stdout, done.stderr


def commands():
    """All commands with their help, those of commands too, as words."""
    names = re.findall(r"^  ([a-z-]+) ", yodel("--help")[0], re.M)
    assert len(names) > 15, names
    for name in names:
        text = yodel(name, "--help")[0]
        yield (name,), text
        for word in re.findall(rf"^yodel {name} ([a-z-]+)   ", text, re.M):
            yield (name, word), yodel(name, word, "--help")[0]


def options_of(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]+|-[a-z])\b", text))


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield pathlib.Path(path)


class Configured:
    """yodel serve in a folder of its own, with a configuration that changes, and its commands by the Unix socket api.sock there.

    make   gives the configuration, by the folder
    """

    def __init__(self, make):
        with contextlib.ExitStack() as stack:
            self.path = stack.enter_context(folder())
            self.url = f"unix:{self.path}/api.sock"
            self.write(make(self.path))
            self.yodel = Yodel("-c", str(self.path / "yodel.yaml"))
            self.port, self.internal = self.yodel.port, self.yodel.internal
            self._folder = stack.pop_all()

    def write(self, text):
        (self.path / "yodel.yaml").write_text(text)

    def reload(self, text, says="reload: done"):
        before = self.yodel.said().count(says)
        self.write(text)
        self.yodel.signal(signal.SIGHUP)
        eventually(lambda: self.yodel.said().count(says) > before, says)

    def run(self, *words, status=0, env=None):
        return yodel(*words, status=status, env={"YODEL_URL": self.url, **(env or {})})

    def file(self, name, text, mode=0o600):
        path = self.path / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def metrics(self):
        return http(self.internal, "GET", "/metrics").body.decode()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        with self._folder:
            self.yodel.__exit__(*what)

    def kill(self):
        with self._folder:
            self.yodel.kill()


@contextlib.contextmanager
def file(text):
    with folder() as path:
        (path / "yodel.yaml").write_text(text)
        yield str(path / "yodel.yaml")
