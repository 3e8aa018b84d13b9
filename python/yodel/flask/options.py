# SPDX-License-Identifier: MIT
"""The options of SocketIO(...) and of python-socketio's and python-engineio's servers, read and checked."""

import dataclasses
import importlib.metadata
import json
import logging
import re
import typing

log = logging.getLogger("yodel.error")

ASYNC_MODES = ("yodel", "threading", "eventlet", "gevent", "gevent_uwsgi", None)
SERIALIZERS = ("default", "msgpack")
QUEUE_FORMS = ("pickle", "bare", "list", "plain")
# Names of theirs that say how the original does its work, and change nothing that a client sees.
WITHOUT_MEANING = ("engineio_logger", "async_handlers", "start_service_task", "monitor_clients")


@dataclasses.dataclass
class Options:
    """What the program has asked for; times in seconds, sizes in bytes."""

    path: str = "socket.io"
    serializer: str = "default"
    json: typing.Any = json
    always_connect: bool = False
    namespaces: typing.Any = None  # a list; "*" in it is any
    async_handlers: bool = True
    ping_interval: float = 25
    ping_grace: float = 0
    ping_timeout: float = 20
    max_http_buffer_size: int = 1000000
    allow_upgrades: bool = True
    transports: typing.Any = None  # a list of "polling" and "websocket"; None: both
    http_compression: bool = True
    compression_threshold: int = 1024
    cookie: typing.Any = None  # a name, or a dictionary with "name" and attributes
    cors_allowed_origins: typing.Any = None
    cors_credentials: bool = True
    message_queue: typing.Optional[str] = None
    channel: str = "flask-socketio"
    queue_form: typing.Optional[str] = None  # how messages are written; None: as python-socketio's version has it
    write_only: bool = False
    logger: typing.Any = False


def read(given, write_only=False):
    """Options from the keyword arguments of a program.  Raises ValueError for what cannot be honoured."""
    given = dict(given)
    _read_manager(given)
    if given.pop("async_mode", None) not in ASYNC_MODES:
        raise ValueError("Invalid async_mode specified")
    interval = given.get("ping_interval")
    if isinstance(interval, (tuple, list)):
        given["ping_interval"], given["ping_grace"] = interval
    given["path"] = _path(given.pop("path", None) or given.pop("resource", None))
    given.pop("resource", None)
    if given.get("json", 0) is None:
        del given["json"]
    names = {field.name for field in dataclasses.fields(Options)}
    for name in [name for name in given if name not in names]:
        if name not in WITHOUT_MEANING:
            log.info("the option %s has no meaning here", name)
        del given[name]
    if isinstance(given.get("namespaces"), str):
        given["namespaces"] = [given["namespaces"]]
    if not given.get("queue_form"):
        given["queue_form"] = queue_form_of(_version())
    options = Options(**{**given, "write_only": write_only})
    _check(options)
    return options


def queue_form_of(version):
    """The form of messages on the queue that a version of python-socketio reads."""
    if version < (5, 14, 0):
        return "pickle"
    return "bare" if version < (5, 15, 1) else "list"


def _version():
    """The version of python-socketio that is installed here: the other programs have it, too."""
    numbers = re.findall(r"\d+", importlib.metadata.version("python-socketio"))
    return tuple(map(int, numbers[:3]))


def _path(path):
    return (path or "socket.io").strip("/")


def _read_manager(given):
    """A client manager of python-socketio says where the message queue is."""
    manager = given.pop("client_manager", None)
    if manager is None:
        return
    url = getattr(manager, "redis_url", None)
    if not url:
        raise ValueError("client_manager: only the one of Redis is known; message_queue= names a Redis server")
    given["message_queue"] = url
    given["channel"] = getattr(manager, "channel", "socketio")


def _check(options):
    if options.serializer not in SERIALIZERS:
        raise ValueError("serializer: 'default' or 'msgpack'")
    if options.message_queue and not options.message_queue.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("message_queue: only Redis is spoken, redis://host:port/database")
    if not all(hasattr(options.json, name) for name in ("dumps", "loads")):
        raise ValueError("json: a module with dumps and loads")
    if options.queue_form not in QUEUE_FORMS:
        raise ValueError("queue_form: one of " + ", ".join(QUEUE_FORMS))
    for transport in options.transports or ():
        if transport not in ("polling", "websocket"):
            raise ValueError("transports: 'polling' and 'websocket'")
