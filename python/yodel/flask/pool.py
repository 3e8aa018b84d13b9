# SPDX-License-Identifier: MIT
"""The threads that run handlers: as many as are busy, up to a limit.

It begins with a few.  When all are busy, and the processor is not what they wait for, another one is
started: handlers that block are normal.  Those that have had nothing to do for a while end.
"""

import os
import threading
import time

FIRST = min(4, (os.cpu_count() or 1) + 1)
WINDOW = 0.02  # seconds for which all must have been busy
LINGER = 30.0  # seconds without work, after which a thread above the first ones ends
CPU_SHARE = 0.6  # of a window: above it the processor is what they wait for


class Pool:
    """Runs items.

    make_worker   called in each thread: gives an object whose next(timeout) gives an item, () after
                  timeout seconds, or None at the end
    run           called with that object and an item
    most          threads at most
    """

    def __init__(self, make_worker, run, most):
        self._make_worker = make_worker
        self._run = run
        self._most = max(1, most)
        self._lock = threading.Lock()
        self._threads = set()
        self._idle = 0
        self._done = 0
        self._full = threading.Event()
        self._ended = False

    def start(self):
        for _ in range(min(FIRST, self._most)):
            self._add()
        if self._most > FIRST:
            threading.Thread(target=self._grow, name="yodel-pool", daemon=True).start()

    def _add(self):
        thread = threading.Thread(target=self._work, name="yodel-worker", daemon=True)
        with self._lock:
            self._threads.add(thread)
            self._idle += 1
        thread.start()

    def _work(self):
        worker = self._make_worker()
        try:
            while True:
                item = worker.next(LINGER)
                if item is None:
                    return
                if item:
                    self._one(worker, item)
                elif self._may_end():
                    return
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._idle -= 1

    def _one(self, worker, item):
        with self._lock:
            self._idle -= 1
            if self._idle == 0:
                self._full.set()
        try:
            self._run(worker, item)
        finally:
            with self._lock:
                self._idle += 1
                self._done += 1

    def _may_end(self):
        with self._lock:
            if len(self._threads) <= FIRST:
                return False
            self._threads.discard(threading.current_thread())
            return True

    def _grow(self):
        """Starts threads while all are busy."""
        while not self._ended:
            self._full.wait()
            self._full.clear()
            while self._is_short():
                self._add()

    def _is_short(self):
        """Whether all have been busy for a window, and not with the processor."""
        began, used, done = time.monotonic(), time.process_time(), self._done
        time.sleep(WINDOW)
        with self._lock:
            if self._idle > 0 or self._ended or len(self._threads) >= self._most:
                return False
            stuck = self._done == done
        share = (time.process_time() - used) / (time.monotonic() - began)
        return stuck or share < CPU_SHARE

    def join(self, timeout):
        """Waits until all have ended.  Gives how many have not."""
        deadline = time.monotonic() + timeout
        self._ended = True
        self._full.set()
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))
        return len(self._threads)

    def __len__(self):
        return len(self._threads)
