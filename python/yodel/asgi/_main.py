# SPDX-License-Identifier: MIT
"""Decides what this process is: the server, the supervisor of workers or of reloading, or a worker."""

import logging
import os
import sys
import threading
import time

from .._launch import logs
from .._launch.errors import BAD_OPTION, LaunchError
from .._launch.listeners import open_listeners
from .._launch.load import add_path, load, make
from .._launch.reload import run_reloader
from .._launch.worker_link import worker_link
from .._launch.workers import run_workers
from ._options import parser
from ._serve import serve

log = logs.error


def main(words=None):
    """The command line: serves, and exits with a status."""
    options = parser().parse_args(words)
    try:
        status = _started(options)
    except SystemExit as end:
        status = end.code
    _leave(status or 0)


def start(options):
    """Serves; SystemExit when that has failed."""
    status = _started(options)
    if status:
        sys.exit(status)


def _started(options):
    try:
        logs.set_up(options.log_level, options.access_log, options.use_colors, options.log_config)
        _check(options)
        return _begin(options)
    except LaunchError as problem:
        log.error("%s", problem)
        return problem.status


def _check(options):
    many = options.workers > 1 or options.reload
    if many and not isinstance(options.app, str):
        raise LaunchError("workers and reload need the application as \"<module>:<attribute>\"", BAD_OPTION)
    if options.reload and options.workers > 1:
        log.warning('"workers" is ignored when reloading is enabled.')
        options.workers = 1
    for name in ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs"):
        path = getattr(options, name)
        if path and not os.access(path, os.R_OK):
            raise LaunchError(f"--{name.replace('_', '-')}: cannot read {path}")
    if options.ssl_keyfile and not options.ssl_certfile:
        raise LaunchError("--ssl-keyfile needs --ssl-certfile", BAD_OPTION)


def _begin(options):
    link = worker_link()
    if link:
        return serve(options, _application(options), link.sockets, link)
    if options.reload or options.workers > 1:
        listeners = open_listeners(options, options.workers)
        listeners.listen()
        _say_where(listeners)
        if options.reload:
            return run_reloader(listeners, options)
        return run_workers(listeners, options.workers, 2 * options.timeout_graceful_shutdown)
    application = _application(options)
    listeners = open_listeners(options)
    try:
        return serve(options, application, listeners.shared, None, lambda: _open(listeners))
    finally:
        listeners.close()


def _open(listeners):
    listeners.listen()
    _say_where(listeners)


def _say_where(listeners):
    for text in listeners.texts:
        log.info("Yodel running on %s (Press CTRL+C to quit)", text)


def _application(options):
    if not isinstance(options.app, str):
        return make(options.app, options.factory)
    add_path(options.app_dir)
    return make(load(options.app), options.factory)


def _leave(status):
    """
    Exits.  Threads that a handler has left running, and that would keep the process for ever, are
    left behind: the time for running requests has been given already.
    """
    logging.shutdown()
    left = [one for one in threading.enumerate() if one is not threading.current_thread() and not one.daemon]
    due = time.monotonic() + 1.0
    for one in left:
        one.join(max(0.0, due - time.monotonic()))
    if any(one.is_alive() for one in left):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
    sys.exit(status)
