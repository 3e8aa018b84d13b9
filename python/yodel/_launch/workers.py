# SPDX-License-Identifier: MIT
"""
The supervisor of worker processes: it holds the listening sockets, and starts, replaces and ends
those that serve them.

SIGTERM, SIGINT   ends all of them, each with the time for its running requests; a second one at once
SIGHUP            replaces them one by one: the next is ready before the last is asked to end
SIGTTIN, SIGTTOU  one worker more, one less

A worker that ends by itself is started again: at once when it has served for a while, else after a
pause that doubles.
"""

import os
import selectors
import signal
import time

from . import worker_link
from .errors import BAD_START, LaunchError
from .logs import error as log
from .meeting_place import meeting_place

FIRST_PAUSE = 0.25  # seconds before a worker that has failed is started again; doubles
LONGEST_PAUSE = 30.0
HEALTHY = 10.0  # seconds that a worker has served, after which its end is no failed start
GIVE_UP = 5  # failed starts in a row, with nobody left that serves
KILL_AFTER = 2.0  # seconds beyond the time that a worker was given
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD)


class Worker:
    """One process.  `slot` is None once another has taken its place."""

    def __init__(self, slot, sockets):
        self.slot = slot
        self.process, self.link = worker_link.spawn(sockets)
        self.began = time.monotonic()
        self.ready = False
        self.kill_at = None  # set when it was asked to end
        self.kills = 0

    @property
    def pid(self):
        """Its process id."""
        return self.process.pid

    def end(self, limit):
        """Asks it to end within `limit` seconds; asked again, at once."""
        self.kills += 1
        due = time.monotonic() + limit + KILL_AFTER
        self.kill_at = due if self.kill_at is None else min(due, self.kill_at)
        self.process.send_signal(signal.SIGTERM)


class Slot:
    """A place for a worker: its own sockets, who has it, and who is to take it over."""

    def __init__(self, sockets):
        self.sockets = sockets
        self.worker = None
        self.successor = None
        self.start_at = 0.0  # None: filled; else when to start a worker
        self.pause = FIRST_PAUSE


class Supervisor:
    """
    Runs the workers of this program.

    listeners   Listeners; closed at the end
    wanted      how many workers
    limit       seconds that a worker's end may take
    """

    def __init__(self, listeners, wanted, limit):
        self.status = 0
        self.stopping = 0
        self.quiet_starts = True  # a failure of the first start ends all
        self._listeners = listeners
        self._limit = limit
        self._slots = [self._slot() for _ in range(wanted)]
        self._workers = []
        self._failures = 0
        self._replacing = []
        self._selector = selectors.DefaultSelector()
        self._noted = []

    def _slot(self):
        return Slot(self._listeners.grow())

    def run(self):
        """Serves until a signal ends it.  Returns the exit status."""
        log.info("Started parent process [%d]", os.getpid())
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(reader, selectors.EVENT_READ, None)
        before = {number: signal.signal(number, self._note) for number in SIGNALS}
        wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            while self._workers or not self.stopping:
                self._turn(reader)
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._close(reader, writer)
        log.info("Stopping parent process [%d]", os.getpid())
        return self.status

    def _close(self, reader, writer):
        for worker in self._workers:  # only when an exception of ours has come here
            worker.process.kill()
            worker.process.wait()
        self._selector.close()
        os.close(reader)
        os.close(writer)
        for slot in self._slots:
            for one in slot.sockets:
                one.close()
        self._listeners.close()

    def _note(self, number, _frame):
        self._noted.append(number)

    def _turn(self, reader):
        """One wait, and all that is to be done after it."""
        for key, _ in self._selector.select(self._wait_time()):
            if key.data is None:
                os.read(reader, 4096)
            else:
                self._hear(key.data)
        while self._noted:
            self._signalled(self._noted.pop(0))
        self._reap()
        self._kill_late()
        self._replace_next()
        self._start_due()
        self.tick()

    def tick(self):
        """What a kind of supervisor does besides, after each wait."""

    def _wait_time(self):
        due = [slot.start_at for slot in self._slots if slot.start_at is not None and not self.stopping]
        due += [worker.kill_at for worker in self._workers if worker.kill_at is not None]
        return min(max(0.0, min(due) - time.monotonic()), self.longest_wait) if due else self.longest_wait

    longest_wait = 3600.0

    # signals

    def _signalled(self, number):
        if number in (signal.SIGTERM, signal.SIGINT):
            self.stop()
        elif number == signal.SIGHUP and not self.stopping:
            self.replace_all()
        elif number == signal.SIGTTIN and not self.stopping:
            self._slots.append(self._slot())
            log.info("One worker more: %d", len(self._slots))
        elif number == signal.SIGTTOU and not self.stopping:
            self._one_less()

    def stop(self):
        """Ends all workers; called again, at once."""
        self.stopping += 1
        for worker in self._workers:
            if self.stopping > 1:
                worker.end(0)
            elif worker.kill_at is None:
                worker.end(self._limit)

    def replace_all(self):
        """Replaces all workers, one by one."""
        log.info("Replacing the workers.")
        self._replacing = list(self._slots)

    def _one_less(self):
        if len(self._slots) == 1:
            log.info("No worker less: this is the last.")
            return
        gone = self._slots.pop()
        log.info("One worker less: %d", len(self._slots))
        # Who waits in its sockets must not be lost: another worker gets them, and so is replaced.
        heir = self._slots[0]
        heir.sockets += gone.sockets
        if gone.sockets:
            self._replacing.append(heir)
        for worker in (gone.worker, gone.successor):
            if worker:
                worker.slot = None
                worker.end(self._limit)

    # workers

    def _start_due(self):
        for slot in self._slots:
            if not self.stopping and slot.start_at is not None and slot.start_at <= time.monotonic():
                slot.start_at = None
                slot.worker = self._spawn(slot)

    def _spawn(self, slot):
        try:
            worker = Worker(slot, [*self._listeners.shared, *slot.sockets])
        except OSError as problem:
            log.error("Cannot start a worker: %s", problem.strerror)
            slot.start_at = time.monotonic() + slot.pause
            slot.pause = min(2 * slot.pause, LONGEST_PAUSE)
            return None
        self._workers.append(worker)
        self._selector.register(worker.link, selectors.EVENT_READ, worker)
        return worker

    def _hear(self, worker):
        try:
            said = worker.link.recv(16)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._selector.unregister(worker.link)  # its end is told by SIGCHLD
            worker.link.close()
        elif not worker.ready:
            worker.ready = True
            log.debug("Worker [%d] is ready.", worker.pid)
            worker.began = time.monotonic()
            self._failures = 0
            self._is_ready(worker)

    def _is_ready(self, worker):
        slot = worker.slot
        if all(one.worker and one.worker.ready for one in self._slots):
            self.quiet_starts = False
        if slot and slot.successor is worker:
            last, slot.worker, slot.successor = slot.worker, worker, None
            if last:
                last.slot = None
                last.end(self._limit)

    def _reap(self):
        for worker in list(self._workers):
            if worker.process.poll() is not None:
                self._ended(worker, worker.process.returncode)

    def _ended(self, worker, status):
        self._workers.remove(worker)
        if worker.link.fileno() >= 0:
            self._hear(worker)  # what it has said at last
        if worker.link.fileno() >= 0:
            self._selector.unregister(worker.link)
            worker.link.close()
        slot = worker.slot
        if self.stopping:
            if status and (worker.ready or status != -signal.SIGTERM):
                self.status = self.status or 1
        elif slot and slot.successor is worker:
            slot.successor = None
            self._replacing = []
            log.error("The worker that was to take over from [%s] ended with %s: that one stays, and so do the others.",
                      slot.worker.pid if slot.worker else "?", _how(status))
        elif slot and slot.worker is worker:
            self._start_again(slot, worker, status)

    def _start_again(self, slot, worker, status):
        slot.worker = None
        now = time.monotonic()
        if worker.ready:
            log.warning("Worker [%d] ended with %s.", worker.pid, _how(status))
        if worker.ready and now - worker.began >= HEALTHY:
            slot.pause = FIRST_PAUSE
            slot.start_at = now
            return
        if not worker.ready:
            self._failures += 1
            self.failed_start(slot, worker, status)
            if self.stopping:
                return
            self._give_up_sockets(slot)
        slot.start_at = now + (0 if worker.ready and slot.pause == FIRST_PAUSE else slot.pause)
        slot.pause = min(2 * slot.pause, LONGEST_PAUSE)

    def _give_up_sockets(self, slot):
        """
        Nobody will serve a slot's own sockets soon: without them the kernel gives the clients to the
        other workers.
        """
        if slot.sockets and any(one.ready and one.slot for one in self._workers):
            fresh = self._listeners.grow()
            for one in slot.sockets:
                one.close()
            slot.sockets = fresh

    def failed_start(self, _slot, worker, status):
        """A worker has ended before it was ready: at the first start, and again and again, that ends all."""
        serving = any(one.ready and one.kill_at is None for one in self._workers)
        if self.quiet_starts:
            log.error("Worker [%d] did not start: it ended with %s.", worker.pid, _how(status))
        elif self._failures >= GIVE_UP and not serving:
            log.error("%d workers in a row did not start. Giving up.", self._failures)
        else:
            log.error("Worker [%d] did not start: it ended with %s. It is started again.", worker.pid, _how(status))
            return
        self.status = status if status > 0 else BAD_START
        self.stop()

    def _kill_late(self):
        now = time.monotonic()
        for worker in self._workers:
            if worker.kill_at is not None and worker.kill_at <= now:
                log.error("Worker [%d] did not end in time: killed.", worker.pid)
                worker.kill_at = now + KILL_AFTER
                worker.process.kill()

    def _replace_next(self):
        if self.stopping:
            return
        if any(slot.successor for slot in self._slots):
            return
        while self._replacing:
            slot = self._replacing.pop(0)
            if slot in self._slots and slot.worker:
                slot.successor = self._spawn(slot)
                return


def _how(status):
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"
    return f"status {status}"


def run_workers(listeners, wanted, limit):
    """Runs `wanted` workers until a signal ends them.  Returns the exit status; LaunchError without descriptors."""
    try:
        supervisor = Supervisor(listeners, wanted, limit)
    except OSError as problem:
        listeners.close()
        raise LaunchError(f"cannot listen for {wanted} workers: {problem.strerror}") from None
    with meeting_place():
        return supervisor.run()
