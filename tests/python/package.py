# SPDX-License-Identifier: MIT
"""The built package for tests: how programs that use it are run, and their servers.

Imports tests/integration/harness.py, whose names tests take from there."""

import importlib.util
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))

import harness  # noqa: E402  pylint: disable=wrong-import-position

PACKAGE = pathlib.Path(os.environ.get("YODEL_PYTHONPATH", ROOT / "build/dev/python"))
PYTHON = sys.executable
START_LIMIT = 100.0  # seconds: an interpreter, on a busy machine
SANITIZED = bool(os.environ.get("YODEL_PRELOAD"))


def require(*modules):
    """Ends the test as skipped (77) unless the extension is built and these modules are installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not list((PACKAGE / "yodel").glob("_yodel*.so")):
        missing.append("the extension module")
    if missing:
        print("SKIPPED: not there: " + ", ".join(missing), flush=True)
        sys.exit(77)


def environment(**more):
    """What a program needs in its environment to import the package."""
    env = {
        "PYTHONPATH": os.pathsep.join([str(PACKAGE), str(HERE / "apps")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    if SANITIZED:  # the interpreter itself keeps what it has until the end
        env["LD_PRELOAD"] = os.environ["YODEL_PRELOAD"]
        env["PYTHONMALLOC"] = "malloc"
        env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0:quarantine_size_mb=4"
    return {**env, **{name: str(value) for name, value in more.items()}}


class AsgiProgram(harness.Program):
    """apps/serve.py: an ASGI application, "module:attribute", of the folder apps or installed.

    loop      "uvloop" or "asyncio"
    options   of _yodel.AsgiServer; drain=milliseconds is that of the stop"""

    def __init__(self, application, loop="asyncio", env=None, **options):
        words = [PYTHON, str(HERE / "apps/serve.py"), application, loop]
        words += [f"{name}={value!r}" for name, value in options.items()]
        super().__init__(words, r"^PORT (\d+)$", env=environment(**(env or {})), limit=START_LIMIT)

    def websocket(self, path="/", **options):
        return harness.WebSocket(self.port, path, **options)

    def ask(self, path="/stats"):
        """What a WebSocket at a path says first, as JSON."""
        with self.websocket(path) as websocket:
            value = websocket.json()
            websocket.leave()
        return value
