# SPDX-License-Identifier: MIT
"""--reload: one worker, which is ended and started again when a file changes.

The listening sockets stay with the supervisor, so that a client which comes meanwhile waits, and is
not refused."""

import fnmatch
import os
import time

from .logs import error as log
from .workers import Supervisor

INCLUDES = ("*.py",)
EXCLUDES = (".*", "*.py[cod]", ".sw.*", "~*", "__pycache__", "node_modules")
MOST_FILES = 50_000  # that are watched


class Watcher:
    """
    Files below some folders, by their times.

    folders             which; symbolic links to folders are not followed
    includes, excludes  patterns of names; an exclude of a folder leaves out all below it
    """

    def __init__(self, folders, includes=(), excludes=()):
        self._folders = [os.path.abspath(folder) for folder in folders]
        self._excludes = [pattern for pattern in EXCLUDES if pattern not in includes] + list(excludes)
        self._includes = [pattern for pattern in INCLUDES if pattern not in excludes] + list(includes)
        self._times = self._look()

    def changed(self):
        """The path of a file that was made, written or removed since the last call, or None."""
        before, self._times = self._times, self._look()
        if before == self._times:
            return None
        return min(path for path in before.keys() | self._times.keys() if before.get(path) != self._times.get(path))

    def _look(self):
        found = {}
        pending = list(self._folders)
        while pending and len(found) < MOST_FILES:
            try:
                entries = list(os.scandir(pending.pop()))
            except OSError:
                continue  # it has just gone
            for entry in entries:
                self._note(entry, found, pending)
        return found

    def _note(self, entry, found, pending):
        if any(fnmatch.fnmatch(entry.name, pattern) for pattern in self._excludes):
            return
        try:
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            elif any(fnmatch.fnmatch(entry.name, pattern) for pattern in self._includes):
                now = entry.stat()
                found[entry.path] = (now.st_mtime_ns, now.st_size, now.st_ino)
        except OSError:
            pass  # it has just gone


class Reloader(Supervisor):
    """A supervisor of one worker, for development: a change replaces it, and a fault waits for the next change."""

    def __init__(self, listeners, limit, watcher, delay):
        super().__init__(listeners, 1, limit)
        self.longest_wait = delay
        self._watcher = watcher
        self._delay = delay
        self._look_at = 0.0

    def tick(self):
        """Looks for changes."""
        now = time.monotonic()
        if self.stopping or now < self._look_at:
            return
        self._look_at = now + self._delay
        changed = self._watcher.changed()
        if changed:
            log.warning("Detected file change in '%s'. Reloading...", os.path.relpath(changed))
            self._restart()

    def _restart(self):
        slot = self._slots[0]
        if slot.worker:
            slot.worker.slot = None  # its end is no fault
            slot.worker.end(self._limit)
            self._old = slot.worker
            slot.worker = None
        slot.start_at = None
        self._wanted = True

    _old = None
    _wanted = False

    def _start_due(self):
        if self._wanted and (self._old is None or self._old not in self._workers):
            self._wanted = False
            self._old = None
            self._slots[0].start_at = 0.0
        super()._start_due()

    def failed_start(self, slot, worker, status):
        """Waits for the next change."""
        log.error("The application did not start. It is tried again when a file changes.")

    def _start_again(self, slot, worker, status):
        super()._start_again(slot, worker, status)
        if not worker.ready:
            slot.start_at = None


def run_reloader(listeners, options):
    """Runs one worker, again after each change of a file, until a signal ends it.  Returns the exit status."""
    watcher = Watcher(options.reload_dirs or [os.getcwd()], options.reload_includes, options.reload_excludes)
    log.info("Will watch for changes in these directories: %s", options.reload_dirs or [os.getcwd()])
    return Reloader(listeners, options.timeout_graceful_shutdown, watcher, options.reload_delay).run()
