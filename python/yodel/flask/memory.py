# SPDX-License-Identifier: MIT
"""A backend in memory: the clients of the test client.  It has the calls of SioServer that Server needs."""

import threading
import uuid


class MemoryClient:
    """One client in a namespace: deliver(kind, event, args) gets what it is sent."""

    __slots__ = ("sid", "namespace", "engine", "deliver", "rooms")

    def __init__(self, namespace, engine, deliver):
        self.sid = uuid.uuid4().hex
        self.namespace = namespace
        self.engine = engine
        self.deliver = deliver
        self.rooms = {self.sid: None}  # a set that keeps its order


def without_bytes(part, attachments):
    """A value with a placeholder for each bytes object in it, which is added to attachments."""
    if isinstance(part, (bytes, bytearray, memoryview)):
        attachments.append(bytes(part))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(part, dict):
        return {key: without_bytes(item, attachments) for key, item in part.items()}
    if isinstance(part, (list, tuple)):
        return [without_bytes(item, attachments) for item in part]
    return part


def with_bytes(part, attachments):
    """The reverse."""
    if isinstance(part, dict):
        if part.get("_placeholder") is True:
            return attachments[part["num"]]
        return {key: with_bytes(item, attachments) for key, item in part.items()}
    return [with_bytes(item, attachments) for item in part] if isinstance(part, list) else part


def through_json(json, value):
    """A value as its receiver gets it: through the program's JSON, bytes apart."""
    attachments = []
    return with_bytes(json.loads(json.dumps(without_bytes(value, attachments))), attachments)


def _listed(value):
    return value if isinstance(value, (list, tuple)) else [] if value is None else [value]


class MemoryBackend:
    """Clients, rooms and delivery.  disconnect() runs the handler at once: there are no queues."""

    def __init__(self, server):
        self.server = server
        self._clients = {}
        self._lock = threading.RLock()

    def enter(self, namespace, engine, deliver):
        """A client comes; it is to be taken out again by leave()."""
        client = MemoryClient(namespace, engine, deliver)
        with self._lock:
            self._clients[namespace, client.sid] = client
        return client

    def leave(self, client):
        with self._lock:
            self._clients.pop((client.namespace, client.sid), None)

    def _get(self, sid, namespace):
        return self._clients.get((namespace or "/", sid))

    def _reached(self, namespace, to, skip_sid):
        wanted, skipped = _listed(to), _listed(skip_sid)
        with self._lock:
            for (its_namespace, sid), client in list(self._clients.items()):
                if its_namespace != namespace or sid in skipped:
                    continue
                if to is None or any(room in client.rooms for room in wanted):
                    yield client

    def emit(self, event, data=None, to=None, skip_sid=None, namespace=None, callback=None, ignore_queue=False):
        args = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        args = through_json(self.server.options.json, args)
        for client in self._reached(namespace or "/", to, skip_sid):
            client.deliver("event", event, args)

    def call(self, event, data=None, to=None, namespace=None, timeout=60, ignore_queue=False):
        """A client in memory never answers."""
        self.emit(event, data, to, None, namespace)
        raise TimeoutError

    def enter_room(self, sid, room, namespace=None):
        self._get(sid, namespace).rooms[room] = None

    def leave_room(self, sid, room, namespace=None):
        self._get(sid, namespace).rooms.pop(room, None)

    def close_room(self, room, namespace=None):
        for client in self._reached(namespace or "/", room, None):
            client.rooms.pop(room, None)

    def rooms(self, sid, namespace=None):
        client = self._get(sid, namespace)
        return list(client.rooms) if client else []

    def disconnect(self, sid, namespace=None):
        client = self._get(sid, namespace)
        if client is not None:
            client.deliver("disconnect", None, None)
            self.server.client_leaves(client.namespace, sid, "server disconnect")
            self.leave(client)

    def transport(self, sid, namespace=None):
        return "websocket"

    def stop(self):
        """Nothing runs."""

    def add_namespace(self, name):
        """Nothing: Server.accepts() is asked each time."""
