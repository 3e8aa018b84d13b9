# SPDX-License-Identifier: MIT
"""An EventSource of which every line is seen."""

import json

from harness import Stream, connect, request_bytes


class Refused(AssertionError):
    """It was answered with another status: response."""

    def __init__(self, response):
        super().__init__(response)
        self.response = response


class Events(Stream):
    """Open when it is made."""

    def __init__(self, server, path, headers=()):
        super().__init__(connect(server.port))
        self.send(request_bytes("GET", path, [*headers, ("Accept", "text/event-stream")]))
        while b"\r\n\r\n" not in self.kept and self._more():
            pass
        if b" 200 " not in self.kept.split(b"\r\n")[0]:
            raise Refused(self.response())
        head = self.until(b"\r\n\r\n")
        assert b"text/event-stream" in head, head

    def event(self):
        """The next one with a name: (name, data)."""
        self.until(b"event: ")
        name = self.until(b"\n").decode()
        self.until(b"data: ")
        return name, json.loads(self.until(b"\n"))

    def ended(self):
        """Until the end of the stream, which is not just that of the connection."""
        self.kept = b"\r\n" + self.kept
        self.until(b"\r\n0\r\n\r\n")
        return True
