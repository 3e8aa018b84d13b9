# SPDX-License-Identifier: MIT
"""The reloader of debug=True: one process watches, another one serves, which is started anew on a change.

As with Werkzeug's the program runs in both up to run(), and WERKZEUG_RUN_MAIN is "true" in the one
that serves.  Other than with it, a program that does not start after a change does not end the one
that watches: the next change starts it again.  The one that serves ends when the other has gone, however it went.
"""

import fnmatch
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time

from .._launch.logs import error as log

PARENT = "YODEL_RELOADER"  # in the environment of the process that serves: the id of the one that watches
AGAIN = 3  # the exit status that asks for a new start
FAILED = 1  # Python's own after an exception
_STDLIB = (sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class Files:
    """The files that a program is made of, with the times of their last change."""

    def __init__(self, extra_files=None, exclude_patterns=None, interval=1, type=None):
        self.interval = interval
        self._extra = {os.path.abspath(path) for path in extra_files or ()}
        self._exclude = list(exclude_patterns or ())
        self._times = {}
        self.changed()

    def _paths(self):
        yield from self._extra
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and not path.startswith(_STDLIB) and not any(part in path for part in _INSTALLED):
                yield os.path.abspath(path)

    def changed(self):
        """The path of a file that has changed since the last call; None."""
        found = None
        for path in set(self._paths()):
            if any(fnmatch.fnmatch(path, pattern) for pattern in self._exclude):
                continue
            try:
                now = os.stat(path).st_mtime_ns
            except OSError:
                continue
            if self._times.setdefault(path, now) != now:
                self._times[path] = now
                found = path
        return found


def watch(options, on_change, on_parent_gone):
    """Calls on_change() once, from a thread, when a file changes, or on_parent_gone() when nobody watches any more."""
    files = Files(**options)
    parent = int(os.environ.get(PARENT, os.getppid()))

    def run():
        while True:
            time.sleep(files.interval)
            if os.getppid() != parent:
                on_parent_gone()
                return
            path = files.changed()
            if path:
                log.info("Detected change in %r, reloading", path)
                on_change()
                return

    threading.Thread(target=run, name="yodel-reloader", daemon=True).start()


def _start():
    environ = {**os.environ, "WERKZEUG_RUN_MAIN": "true", PARENT: str(os.getpid())}
    return subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=environ)


def supervise(options):
    """Starts the process that serves, again after each change.  Gives the exit status."""
    files = Files(**options)
    child = None
    ending = []

    def forward(number, frame):
        ending.append(number)
        if child is not None and child.poll() is None and number != signal.SIGINT:
            child.send_signal(number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, forward)
        signal.signal(signal.SIGINT, forward)
    starts = 0
    while True:
        log.info("Restarting with stat" if starts == 0 else "Restarting")
        began = time.monotonic()
        child = _start()
        if ending:  # it came while there was no child yet
            child.send_signal(signal.SIGTERM)
        status = child.wait()
        starts += 1
        if ending or status not in (AGAIN, FAILED) or (status == FAILED and starts == 1):
            return status if status >= 0 else 128 - status
        if status == FAILED:
            log.info("The program did not start; waiting for a change")
            while not files.changed() and not ending:
                time.sleep(files.interval)
        elif time.monotonic() - began < files.interval:
            time.sleep(files.interval / 4)
        files.changed()
        if ending:
            return 0
