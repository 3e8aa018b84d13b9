# SPDX-License-Identifier: MIT
"""One process that serves an application: its loop, its lifespan, signals, and the end in order."""

import asyncio
import faulthandler
import math
import os
import signal
import sys
import threading
import time

from .. import _loops
from .._launch.errors import BAD_START, LaunchError
from .._launch.listeners import listen_all
from .._launch.logs import access, error as log
from .._yodel import AsgiServer
from ._lifespan import Lifespan
from ._options import trusted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CANCEL_LIMIT = 1.0  # seconds that a cancelled task may still take
FORCED = 1.0  # seconds after the second signal, when the loop does not react
UNIX_ADDRESS = "unix"


def serve(options, application, sockets, link, when_open=None):
    """
    Serves until a signal ends it.  Returns the exit status.

    sockets     listening, or to be so when `when_open` has been called
    link        to the supervisor of this worker, or None
    when_open   called when the application has started, ahead of the first request; may raise
                LaunchError
    """
    try:
        loop = _loops.new_event_loop(options.loop)
    except RuntimeError as problem:
        raise LaunchError(f"--loop {options.loop}: {problem}") from None
    asyncio.set_event_loop(loop)
    server = Serving(options, application, sockets, link, when_open, loop)
    try:
        return loop.run_until_complete(server.run())
    finally:
        _close(loop)


def _close(loop):
    """As asyncio.run() does, but for threads that do not end: those are left behind."""
    try:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=CANCEL_LIMIT))
        loop.run_until_complete(loop.shutdown_asyncgens())
        threads = loop.create_task(loop.shutdown_default_executor())
        loop.run_until_complete(asyncio.wait([threads], timeout=CANCEL_LIMIT))
    finally:
        asyncio.set_event_loop(None)
        if not any(not task.done() for task in asyncio.all_tasks(loop)):
            loop.close()
        faulthandler.cancel_dump_traceback_later()


class Serving:
    """The course of one server."""

    def __init__(self, options, application, sockets, link, when_open, loop):
        self._options = options
        self._sockets = sockets
        self._link = link
        self._when_open = when_open
        self._loop = loop
        self._application = application
        self._lifespan = Lifespan(application, options.lifespan)
        self._grace = options.timeout_graceful_shutdown
        self._asked = asyncio.Event()
        self._asked_at = None
        self._signals = 0
        self._server = None

    async def run(self):
        """From startup to shutdown.  Returns the exit status."""
        before = self._take_signals()
        try:
            return await self._run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def _run(self):
        log.info("Started server process [%d]", os.getpid())
        if not await self._start_up():
            return 0 if self._signals else BAD_START
        try:
            self._open()
        except LaunchError as problem:
            log.error("%s", problem)
            await self._lifespan.shutdown(self._grace)
            return problem.status
        await self._asked.wait()
        await self._stop()
        if self._signals > 1:
            return 128 + self._last
        await self._lifespan.shutdown(self._grace)
        log.info("Finished server process [%d]", os.getpid())
        return BAD_START if self._lifespan.failed else 0

    # signals

    def _take_signals(self):
        """
        Handlers that run even while the application keeps the loop busy; asyncio's own only wakes it.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        before = {}
        for number in SIGNALS:
            before[number] = signal.getsignal(number)
            self._loop.add_signal_handler(number, _nothing)
            signal.signal(number, self._signalled)
        if self._link:
            self._loop.add_reader(self._link.fileno(), self._orphaned)
        return before

    def _signalled(self, number, _frame):
        self._signals += 1
        self._last = number
        if self._signals == 1:
            self._asked_at = time.monotonic()
            # Should the loop never turn again, a thread of C ends the process and shows where it is.
            faulthandler.dump_traceback_later(2 * self._grace + 2 * CANCEL_LIMIT, exit=True, file=sys.__stderr__)
            self._loop.call_soon_threadsafe(self._asked.set)
        elif self._signals == 2:
            self._loop.call_soon_threadsafe(self._force)
            timer = threading.Timer(FORCED, os._exit, (128 + number,))
            timer.daemon = True
            timer.start()
        else:
            os._exit(128 + number)

    def _orphaned(self):
        """The supervisor has gone: nobody would end this process."""
        self._loop.remove_reader(self._link.fileno())
        if not self._signals:
            log.error("The parent process has gone.")
            self._signalled(signal.SIGTERM, None)

    def _force(self):
        self._asked.set()
        if self._server:
            self._server.stop(0)

    # the course

    async def _start_up(self):
        """Runs the startup; a signal ends it."""
        startup = self._loop.create_task(self._lifespan.startup())
        asked = self._loop.create_task(self._asked.wait())
        await asyncio.wait((startup, asked), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if startup.done():
            return startup.result()
        startup.cancel()
        return False

    def _open(self):
        options = self._options
        self._server = AsgiServer(self._application, self._loop, _loops.guest_of(self._loop), self._server_options())
        if self._lifespan.supported:
            self._server.state = self._lifespan.state
        if self._when_open:
            self._when_open()
        listen_all(self._sockets, options.backlog)
        for one in self._sockets:
            self._listen(one)
        self._server.start()
        if self._link:
            self._link.ready()

    def _server_options(self):
        options = self._options
        return {
            "root_path": options.root_path,
            "server_header": "yodel" if options.server_header else None,
            "limit_concurrency": options.limit_concurrency,
            "limit_request_body": options.limit_request_body,
            "timeout_keep_alive": max(1, math.ceil(options.timeout_keep_alive)),
            "ws_max_size": options.ws_max_size,
            "ws_ping_interval": options.ws_ping_interval,
            "ws_ping_timeout": options.ws_ping_timeout,
            "ws_per_message_deflate": options.ws_per_message_deflate,
            "ws_per_message_deflate_level": options.ws_per_message_deflate_level,
            "ws_per_message_deflate_window": options.ws_per_message_deflate_window,
            "ws_per_message_deflate_client_window": options.ws_per_message_deflate_client_window,
            "access_log": _access_line if options.access_log else None,
        }

    def _listen(self, one):
        """The server takes the descriptor, a copy of which stays here."""
        options = self._options
        believed = trusted(options)
        copy = os.dup(one.fileno())
        try:
            self._server.listen(
                fds=[copy],
                tls_cert=options.ssl_certfile,
                tls_key=options.ssl_keyfile or options.ssl_certfile,
                tls_ciphers=options.ssl_ciphers,
                client_ca=options.ssl_ca_certs,
                client_cert=options.ssl_cert_reqs,
                trusted=believed,
            )
        except (OSError, ValueError, RuntimeError) as problem:
            os.close(copy)
            raise LaunchError(f"cannot listen: {problem}") from None

    def _left(self):
        """Seconds of the time for running requests."""
        return max(0.0, self._grace - (time.monotonic() - self._asked_at))

    async def _stop(self):
        log.info("Shutting down")
        stopped = self._server.stop(int(self._left() * 1000))
        tasks = self._server.stats()["tasks"]
        if tasks:
            log.info("Waiting for %d running applications to end.", tasks)
        await asyncio.wait([stopped], timeout=self._left() + CANCEL_LIMIT)
        if not stopped.done():
            log.error("%d applications did not end in time.", self._server.stats()["tasks"])


def _nothing():
    """What asyncio calls; the signal's own handler has done it."""


def _access_line(client, method, path, version, status):
    access.info('%s - "%s %s HTTP/%s" %d', client, method, path, version, status)
