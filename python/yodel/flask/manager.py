# SPDX-License-Identifier: MIT
"""Manager: the questions that programs ask of server.manager, answered by the backends."""


class _Rooms:
    """manager.rooms[namespace][room]: a picture of the moment, with sids as keys."""

    def __init__(self, server, namespace=None):
        self._server = server
        self._namespace = namespace

    def _picture(self):
        picture = {None: {}}
        for (namespace, sid), client in list(self._server._clients.items()):
            if namespace != self._namespace:
                continue
            picture[None][sid] = client.engine.id
            for room in self._server.rooms_of(client):
                picture.setdefault(room, {})[sid] = client.engine.id
        return picture

    def __getitem__(self, key):
        if self._namespace is None:
            if key not in self.keys():
                raise KeyError(key)
            return _Rooms(self._server, key)
        return self._picture()[key]

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self):
        if self._namespace is None:
            return {namespace for namespace, _ in list(self._server._clients)}
        return self._picture().keys()

    def items(self):
        return [(key, self[key]) for key in self.keys()] if self._namespace is None else self._picture().items()

    def values(self):
        return [value for _, value in self.items()]

    def __contains__(self, key):
        return key in self.keys()

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())


class Manager:
    """The clients of this process."""

    def __init__(self, server):
        self.server = server
        self.rooms = _Rooms(server)

    def get_namespaces(self):
        """The namespaces that have a client."""
        return self.rooms.keys()

    def get_participants(self, namespace, room):
        """The clients in a room, or in one of several, or for None of a namespace: (sid, connection)."""
        wanted = room if isinstance(room, (list, tuple)) else [room]
        here = self.rooms.get(namespace, {})
        found = {}
        for one in wanted:
            found.update(here.get(one, {}))
        return iter(found.items())

    def get_rooms(self, sid, namespace):
        return self.server.rooms(sid, namespace)

    def is_connected(self, sid, namespace):
        client = self.server._clients.get((namespace, sid))
        return client is not None and not client.leaving

    def eio_sid_from_sid(self, sid, namespace):
        client = self.server._clients.get((namespace, sid))
        return client.engine.id if client else None

    def sid_from_eio_sid(self, eio_sid, namespace):
        for (its_namespace, sid), client in list(self.server._clients.items()):
            if its_namespace == namespace and client.engine.id == eio_sid:
                return sid
        return None
