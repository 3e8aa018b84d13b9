# SPDX-License-Identifier: MIT
"""The lifespan protocol (ASGI, lifespan 2.0): startup, shutdown, and the state that requests get."""

import asyncio

from .._launch.logs import error as log

ORDER = "Got invalid state transition on lifespan protocol."


class Lifespan:
    """
    One application's lifespan.

    state      what it has put into scope['state']: each request gets a shallow copy
    supported  the application has a lifespan
    failed     it must not be served, or did not end well
    """

    def __init__(self, app, mode):
        self.state = {}
        self.supported = mode != "off"
        self.failed = False
        self._app = app
        self._mode = mode
        self._task = None
        self._events = asyncio.Queue()
        self._asked = False  # the application has received an event
        self._started = asyncio.Event()
        self._ended = asyncio.Event()

    async def startup(self):
        """Runs the application's startup.  False: it refused, or failed."""
        if self._mode == "off":
            return True
        log.info("Waiting for application startup.")
        self._events.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._started.wait()
        if self.failed:
            log.error("Application startup failed. Exiting.")
            return False
        log.info("Application startup complete.")
        return True

    async def shutdown(self, limit):
        """
        Runs the application's shutdown.  False: it failed, or took longer than `limit` seconds.
        """
        if not self.supported or self.failed:
            return True
        log.info("Waiting for application shutdown.")
        self._events.put_nowait({"type": "lifespan.shutdown"})
        try:
            await asyncio.wait_for(self._ended.wait(), limit)
        except asyncio.TimeoutError:
            log.error("Application shutdown took longer than %g seconds.", limit)
            self.failed = True
        if self.failed:
            log.error("Application shutdown failed. Exiting.")
            return False
        log.info("Application shutdown complete.")
        return True

    async def _run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except BaseException as problem:  # pylint: disable=broad-except
            self._raised(problem)
        finally:
            self.supported = self.supported and self._started.is_set() and not self._ended.is_set()
            self._started.set()
            self._ended.set()

    def _raised(self, problem):
        if self.failed or self._ended.is_set() or isinstance(problem, asyncio.CancelledError):
            return  # it has said so itself, or was told to end
        if self._started.is_set():
            self.failed = True
            log.error("Exception in 'lifespan' protocol", exc_info=problem)
        elif self._mode == "on":
            self.failed = True
            log.error("Exception in 'lifespan' protocol", exc_info=problem)
        elif self._asked:
            # It has asked what it is about, so this may be a real fault of its startup.
            log.warning("ASGI 'lifespan' protocol appears unsupported: the application raised %r.", problem)
        else:
            log.info("ASGI 'lifespan' protocol appears unsupported.")

    async def _receive(self):
        self._asked = True
        return await self._events.get()

    async def _send(self, message):
        kind = message["type"]
        if kind in ("lifespan.startup.complete", "lifespan.startup.failed"):
            self._step(message, kind.endswith("failed"), self._started, not self._started.is_set())
        elif kind in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            self._step(message, kind.endswith("failed"), self._ended, self._started.is_set())
        else:
            raise ValueError(f"no lifespan message: {kind!r}")

    def _step(self, message, failed, event, in_order):
        if not in_order or self._ended.is_set():
            raise RuntimeError(ORDER)
        if failed:
            self.failed = True
            if message.get("message"):
                log.error("%s", message["message"])
        event.set()
