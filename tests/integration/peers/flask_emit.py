# SPDX-License-Identifier: MIT
"""Emits from a process that serves nobody, as a Celery worker does.

    flask_emit.py REDIS_URL CHANNEL manager|flask|kombu      orders on stdin, one line of JSON each
"""

import base64
import json
import sys

import flask_socketio
import socketio

URL, CHANNEL, KIND = sys.argv[1:]


def from_json(value):
    """{"$bytes": base64} and {"$tuple": [...]} stand for what JSON has not."""
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        if "$tuple" in value:
            return tuple(from_json(item) for item in value["$tuple"])
        return {name: from_json(item) for name, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


if KIND == "flask":
    peer = flask_socketio.SocketIO(message_queue=URL, channel=CHANNEL)
elif KIND == "kombu":
    peer = socketio.KombuManager(URL, channel=CHANNEL, write_only=True)
else:
    peer = socketio.RedisManager(URL, channel=CHANNEL, write_only=True)
for line in sys.stdin:
    order = json.loads(line)
    getattr(peer, order["call"])(*from_json(order["args"]), **from_json(order.get("options", {})))
