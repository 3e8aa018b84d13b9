# SPDX-License-Identifier: MIT
"""What tests of the yodel program share: the server with a configuration, its commands, files for it."""

import contextlib
import os
import pathlib
import re
import subprocess
import tempfile

from harness import LIMIT, Program, equal, http

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


@contextlib.contextmanager
def file(text):
    with folder() as path:
        (path / "yodel.yaml").write_text(text)
        yield str(path / "yodel.yaml")
