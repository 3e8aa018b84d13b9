# SPDX-License-Identifier: MIT
"""
Runs ASGI 3 applications.

On the command line: python3 -m yodel.asgi module:app
In a program:        yodel.asgi.run("module:app", port=8000)
"""

from ._options import defaults


def run(app, **options):
    """
    Serves an ASGI application until SIGINT or SIGTERM; returns when it has ended.

    app       "module:attribute", or the application itself (then without workers and reload)
    options   those of the command line, with _ for -: host, port, workers, log_level, ...

    Raises TypeError for an option that there is not, and SystemExit when it cannot start.
    """
    from ._main import start

    start(defaults(app, options))


__all__ = ["run"]
