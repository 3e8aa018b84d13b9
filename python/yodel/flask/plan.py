# SPDX-License-Identifier: MIT
"""Where and how a program is served: what run() was called with, and what the launcher's user has said."""

import dataclasses
import os
import typing

# Options of the servers that the original runs on; nothing here depends on them.
WITHOUT_MEANING = {"allow_unsafe_werkzeug", "load_dotenv", "threaded", "processes", "request_handler", "log"}


@dataclasses.dataclass
class Plan:
    """What serve() does; times in seconds."""

    host: str = "127.0.0.1"
    port: int = 5000
    unix: typing.Optional[str] = None
    debug: bool = False
    use_reloader: bool = False
    use_debugger: bool = False
    use_evalex: bool = True
    reloader_options: dict = dataclasses.field(default_factory=dict)
    log_output: bool = False
    certfile: typing.Optional[str] = None
    keyfile: typing.Optional[str] = None
    trusted: tuple = ()
    threads: int = 64
    loops: int = 1
    drain: float = 10.0


@dataclasses.dataclass
class Overrides:
    """What the launcher's user has said, which counts for more than the program; None: nothing."""

    host: typing.Optional[str] = None
    port: typing.Optional[int] = None
    unix: typing.Optional[str] = None
    debug: typing.Optional[bool] = None
    use_reloader: typing.Optional[bool] = None
    log_output: typing.Optional[bool] = None
    certfile: typing.Optional[str] = None
    keyfile: typing.Optional[str] = None
    trusted: typing.Optional[tuple] = None
    threads: typing.Optional[int] = None
    loops: typing.Optional[int] = None
    drain: typing.Optional[float] = None
    socketio: dict = dataclasses.field(default_factory=dict)  # options of SocketIO by name


class Launch:
    """The launcher of this process, if it has one.  There is one main program in a process."""

    overrides = Overrides()
    launched = False
    served = False  # whether the program has called run()


def _default_port(app):
    name = app.config.get("SERVER_NAME") or ""
    return int(name.rsplit(":", 1)[1]) if ":" in name else 5000


def _certificates(kwargs):
    """The files that ssl_context, or certfile and keyfile, name."""
    context = kwargs.pop("ssl_context", None)
    certfile, keyfile = kwargs.pop("certfile", None), kwargs.pop("keyfile", None)
    if context is None:
        return certfile, keyfile
    if isinstance(context, (tuple, list)) and 1 <= len(context) <= 2:
        return context[0], context[1] if len(context) > 1 else None
    raise ValueError('ssl_context: only ("cert.pem", "key.pem") is known')


def make(app, host, port, kwargs, note):
    """The plan for run(app, host, port, **kwargs).  note(name) is called for each option without meaning."""
    given = Launch.overrides
    debug = kwargs.pop("debug", None)
    debug = bool(app.debug if debug is None else debug) if given.debug is None else given.debug
    certfile, keyfile = _certificates(kwargs)
    reloader_options = dict(kwargs.pop("reloader_options", None) or {})
    extra_files = kwargs.pop("extra_files", None)
    if extra_files:
        reloader_options["extra_files"] = extra_files
    for name in ("exclude_patterns", "reloader_interval", "reloader_type"):
        if name in kwargs:
            reloader_options[name.replace("reloader_", "")] = kwargs.pop(name)
    plan = Plan(
        host=host or "127.0.0.1",
        port=_default_port(app) if port is None else int(port),
        debug=debug,
        use_reloader=_or(kwargs.pop("use_reloader", None), debug),
        use_debugger=_or(kwargs.pop("use_debugger", None), debug),
        use_evalex=_or(kwargs.pop("use_evalex", None), True),
        log_output=_or(kwargs.pop("log_output", None), debug),
        reloader_options=reloader_options,
        certfile=certfile,
        keyfile=keyfile,
        threads=_or(kwargs.pop("threads", None), Plan.threads),
        loops=_or(kwargs.pop("loops", None), Plan.loops),
    )
    for name in kwargs:
        if name not in WITHOUT_MEANING:
            note(name)
    for field in dataclasses.fields(given):
        value = getattr(given, field.name)
        if value is not None and hasattr(plan, field.name):
            setattr(plan, field.name, value)
    return plan


def _or(value, default):
    return default if value is None else value


def is_reloaded_child():
    """Whether this process is the one that serves, below the one that watches files."""
    return os.environ.get("WERKZEUG_RUN_MAIN") == "true"
