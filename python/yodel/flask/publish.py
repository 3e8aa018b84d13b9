# SPDX-License-Identifier: MIT
"""A backend that only publishes: SocketIO(message_queue="redis://...") without an application.

For programs beside the server (a Celery worker, a script).  Each call has been taken by Redis when it
returns, or raises OSError; nothing is held back, so a program may end at once.  After a fork each
process has a connection of its own.
"""

import base64
import contextlib
import json
import os
import pickle
import socket
import ssl
import threading
import urllib.parse
import uuid

from .memory import without_bytes

TIMEOUT = 10.0  # seconds for each step


class RedisError(OSError):
    """An error that Redis gives as its answer."""


class Redis:
    """One connection, made when it is needed, and once more when it was lost."""

    def __init__(self, url):
        self._url = urllib.parse.urlsplit(url)
        self._lock = threading.Lock()
        self._file = None
        self._pid = None

    def command(self, *words):
        """Sends a command and gives its answer.  Raises OSError, also for an error that Redis gives."""
        with self._lock:
            if self._pid != os.getpid():
                self._file = None
            if self._file is not None:
                with contextlib.suppress(ConnectionError):  # it was lost since the last command
                    return self._ask(*words)
            self._connect()
            return self._ask(*words)

    def _connect(self):
        url = self._url
        if url.scheme == "unix":
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(TIMEOUT)
            link.connect(url.path)
        else:
            link = socket.create_connection((url.hostname or "localhost", url.port or 6379), TIMEOUT)
            if url.scheme == "rediss":
                link = ssl.create_default_context().wrap_socket(link, server_hostname=url.hostname)
        self._file = link.makefile("rwb")
        link.close()  # the file keeps it
        self._pid = os.getpid()
        if url.password:
            user = [urllib.parse.unquote(url.username)] if url.username else []
            self._ask("AUTH", *user, urllib.parse.unquote(url.password))
        database = self._database()
        if database:
            self._ask("SELECT", database)

    def _database(self):
        asked = urllib.parse.parse_qs(self._url.query).get("db")
        if asked:
            return asked[0]
        return self._url.path.strip("/") if self._url.scheme != "unix" else ""

    def _ask(self, *words):
        file, self._file = self._file, None  # given back when an answer was read
        answer = self._exchange(file, words)
        self._file = file
        if answer.startswith(b"-"):
            raise RedisError(answer[1:].decode(errors="replace"))
        return answer[1:]

    def _exchange(self, file, words):
        parts = [word if isinstance(word, bytes) else word.encode() for word in words]
        file.write(b"*%d\r\n" % len(parts))
        for part in parts:
            file.write(b"$%d\r\n%b\r\n" % (len(part), part))
        file.flush()
        line = file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the connection to Redis has ended")
        return line[:-2]


def encode(message, form):
    """A message as versions of python-socketio read it: see queue_form in options.py."""
    if form == "pickle":
        return pickle.dumps(message)
    message = dict(message)
    if message["method"] == "emit":
        data = message["data"]
        if form == "list":
            data = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        attachments = []
        skeleton = without_bytes(data, attachments)
        message["binary"] = bool(attachments)
        message["data"] = [skeleton, *map(_base64, attachments)] if attachments else skeleton
    return json.dumps(message).encode()


def _base64(data):
    return base64.b64encode(data).decode()


class PublishBackend:
    """The calls of a server that can be said on a message queue."""

    def __init__(self, options):
        self._redis = Redis(options.message_queue)
        self._channel = options.channel
        self._form = options.queue_form
        self._host = uuid.uuid4().hex

    def _publish(self, method, **words):
        message = {"method": method, **words, "host_id": self._host}
        self._redis.command("PUBLISH", self._channel, encode(message, self._form))

    def emit(self, event, data=None, to=None, skip_sid=None, namespace=None, callback=None, ignore_queue=False):
        if callback is not None:
            raise RuntimeError("Callbacks can only be issued from the context of a server.")
        self._publish(
            "emit", event=event, data=data, namespace=namespace, room=to, skip_sid=skip_sid, callback=None
        )

    def call(self, event, data=None, **where):
        raise RuntimeError("Callbacks can only be issued from the context of a server.")

    def close_room(self, room, namespace=None):
        self._publish("close_room", room=room, namespace=namespace)

    def disconnect(self, sid, namespace=None):
        self._publish("disconnect", sid=sid, namespace=namespace)

    def enter_room(self, sid, room, namespace=None):
        self._publish("enter_room", sid=sid, room=room, namespace=namespace)

    def leave_room(self, sid, room, namespace=None):
        self._publish("leave_room", sid=sid, room=room, namespace=namespace)

    def add_namespace(self, name):
        """Nothing: a queue has none."""

    def stop(self):
        """Nothing to end."""
