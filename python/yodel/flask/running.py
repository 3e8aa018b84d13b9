# SPDX-License-Identifier: MIT
"""run(): serves an application until a signal, stop(), or a change of its files ends it."""

import logging
import os
import queue
import sys
import threading

from .._launch import logs
from . import plan as plans
from . import reloader

log = logs.error


def run(socketio, app, host=None, port=None, **kwargs):
    """Serves app with the Socket.IO server of socketio; the arguments are those of SocketIO.run()."""
    _check_patches()
    _set_up_logs()
    plan = plans.make(app, host, port, kwargs, lambda name: log.info("run(): the option %s has no meaning here", name))
    plans.Launch.served = True
    app.debug = plan.debug
    if plan.use_reloader and not plans.is_reloaded_child():
        sys.exit(reloader.supervise(plan.reloader_options))
    if plan.debug and plan.use_debugger:
        _add_debugger(socketio, plan)
    if serve(socketio.server, app, plan) == "reload":
        sys.exit(reloader.AGAIN)


def serve(server, app, plan):
    """Serves until it is told to end.  Gives what ended it: "stop", "reload" or the number of a signal."""
    from .native import NativeBackend

    _check_files(plan)
    try:
        backend = NativeBackend(server, app, plan)
    except OSError as error:
        where = plan.unix or f"{plan.host}:{plan.port}"
        raise SystemExit(f"cannot listen on {where}: {error.strerror or error}") from None
    except RuntimeError as error:  # of the library
        raise SystemExit(f"cannot serve: {error}") from None
    wish = "stop"
    if threading.current_thread() is threading.main_thread():
        backend.take_signals()
    backend.start()
    try:
        _say(backend, plan)
        if plan.use_reloader:
            reloader.watch(plan.reloader_options, lambda: backend.wishes.put("reload"), backend.stop)
        wish = _wait_for_wish(backend)
    finally:
        _end(backend, plan.drain if wish != "reload" else min(plan.drain, 1.0))
        backend.give_back_signals()
    return wish


def _wait_for_wish(backend):
    """
    Looks again each second: a signal that another thread takes, or that comes just before this one
    sleeps, wakes nobody, and its handler runs in this thread alone.
    """
    while True:
        try:
            return backend.wishes.get(timeout=1.0)
        except queue.Empty:
            pass


def _check_files(plan):
    for path in filter(None, (plan.certfile, plan.keyfile)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise SystemExit(f"cannot read {path}: {error.strerror}") from None


def _end(backend, drain):
    log.info("Shutting down")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(backend.end(drain)), name="yodel-end", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
        if not backend.wishes.empty() and backend.wishes.get() != "reload":
            backend.sio.stop(0)  # asked again: at once
            thread.join(1.0)
            break
    left = ended[0] if ended else len(backend._pool)
    if left:
        log.warning("%d handlers did not end in time", left)
    log.info("Finished server process [%d]", os.getpid())


def _say(backend, plan):
    log.info("Started server process [%d]", os.getpid())
    if plan.unix:
        log.info("Running on unix socket %s (Press CTRL+C to quit)", plan.unix)
        return
    scheme = "https" if plan.certfile else "http"
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    log.info("Running on %s://%s:%d (Press CTRL+C to quit)", scheme, host, backend.sio.ports[0])


def _set_up_logs():
    """Lines on the standard streams, where neither the launcher nor the program has seen to it."""
    if not logging.getLogger("yodel").handlers and not logging.getLogger().handlers:
        logs.set_up()


def _add_debugger(socketio, plan):
    from werkzeug.debug import DebuggedApplication

    before = getattr(socketio, "sockio_mw", None)
    if before is not None:
        before.wsgi_app = DebuggedApplication(before.wsgi_app, evalex=plan.use_evalex)


def _check_patches():
    """Patched threads cannot wait for a server in C."""
    for name, module, asked in (
        ("eventlet", "eventlet.patcher", "is_monkey_patched"),
        ("gevent", "gevent.monkey", "is_module_patched"),
    ):
        patcher = sys.modules.get(module)
        if patcher is not None and getattr(patcher, asked)("thread" if name == "eventlet" else "threading"):
            raise RuntimeError(
                f"{name} has replaced the threads of this program: leave its monkey patching out, "
                "or start the program with python3 -m yodel.flask"
            )
