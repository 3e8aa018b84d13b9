# SPDX-License-Identifier: MIT
"""A Socket.IO client on a WebSocket: one namespace, packets in their order, binary put back in its place."""

import contextlib
import json
import re
import socket
import threading

from harness import LIMIT, WebSocket, eventually


def _put_back(value, attachments):
    if isinstance(value, dict):
        if value.get("_placeholder"):
            return attachments[value["num"]]
        return {name: _put_back(inner, attachments) for name, inner in value.items()}
    if isinstance(value, list):
        return [_put_back(inner, attachments) for inner in value]
    return value


def _take_out(value, attachments):
    if isinstance(value, bytes):
        attachments.append(value)
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, dict):
        return {name: _take_out(inner, attachments) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_take_out(inner, attachments) for inner in value]
    return value


class ConnectError(Exception):
    """The namespace was refused: the argument is the packet's body."""


class SioClient:
    """Connected when it is made; a thread reads, so that pings are answered.  .sid is the socket's id."""

    def __init__(self, port, namespace="/", path="/socket.io/", auth=None, host="127.0.0.1", headers=()):
        self.websocket = WebSocket(port, f"{path}?EIO=4&transport=websocket", headers=headers, host=host)
        self.nsp = "" if namespace == "/" else namespace + ","
        self.events, self.answers, self.last_ack = [], {}, 0
        self.sid, self.failure, self.refusal = None, None, None
        self.changed, self.sending = threading.Condition(), threading.Lock()
        first = self.websocket.message()
        assert isinstance(first, str) and first.startswith("0"), f"no open packet: {first!r}"
        self.websocket.sock.settimeout(None)
        threading.Thread(target=self._read_all, daemon=True).start()
        self._send("0" + self.nsp + (json.dumps(auth) if auth is not None else ""))
        self._until(lambda: self.sid or self.refusal)
        if self.refusal:
            self.close()
            raise ConnectError(self.refusal)

    def _send(self, packet, attachments=()):
        with self.sending:
            self.websocket.send_text("4" + packet)
            for data in attachments:
                self.websocket.send_frame(2, data)

    # the thread

    def _read_all(self):
        try:
            while True:
                message = self.websocket.message()
                if message == "2":
                    with self.sending:
                        self.websocket.send_text("3")
                elif message != "6":
                    self._take(message)
        except Exception as failure:  # pylint: disable=broad-except
            with self.changed:
                self.failure = failure
                self.changed.notify_all()

    def _take(self, message):
        """One packet, with its attachments."""
        if not isinstance(message, str) or message[:1] != "4":
            raise EOFError(f"{message}")
        kind, packet = message[1], message[2:]
        count = 0
        if kind in "56":
            number, packet = packet.split("-", 1)
            count = int(number)
        if self.nsp and packet.startswith(self.nsp):
            packet = packet[len(self.nsp) :]
        number, body = re.match(r"(\d*)(.*)", packet, re.S).groups()
        attachments = [self.websocket.message() for _ in range(count)]
        body = _put_back(json.loads(body), attachments) if body else None
        with self.changed:
            if kind == "0":
                self.sid = body["sid"]
            elif kind == "4":
                self.refusal = body
            elif kind in "36":
                self.answers[int(number)] = body
            else:
                self.events.append((kind, int(number) if number else None, body))
            self.changed.notify_all()

    # the test

    def _until(self, condition):
        with self.changed:
            self.changed.wait_for(lambda: condition() or self.failure, LIMIT)
            assert condition(), f"nothing came: {self.failure!r}"

    def event(self):
        """The next event as [name, arguments...]; a disconnect is ["disconnect"]."""
        return self.event_with_ack()[0]

    def event_with_ack(self):
        """The same, and the number that its answer needs; None: no answer is wanted."""
        self._until(lambda: self.events)
        kind, number, body = self.events.pop(0)
        return (["disconnect"] if kind == "1" else body), number

    def until(self, name):
        """The arguments of the next event of that name; others are passed over."""
        while (event := self.event())[0] != name:
            pass
        return event[1:]

    def has_event(self, seconds=0.0):
        """Whether one has come, or comes in that time."""
        with self.changed:
            return bool(self.changed.wait_for(lambda: self.events, seconds))

    def answer(self, number, *arguments):
        attachments = []
        body = json.dumps(_take_out(arguments, attachments))
        kind = f"6{len(attachments)}-" if attachments else "3"
        self._send(f"{kind}{self.nsp}{number}{body}", attachments)

    def emit(self, name, *arguments):
        attachments = []
        body = json.dumps(_take_out([name, *arguments], attachments))
        kind = f"5{len(attachments)}-" if attachments else "2"
        self._send(f"{kind}{self.nsp}{body}", attachments)

    def begin_call(self, name, *arguments):
        """Emits with a number for the answer, and returns that."""
        self.last_ack += 1
        body = json.dumps(_take_out([name, *arguments], []))
        self._send(f"2{self.nsp}{self.last_ack}{body}")
        return self.last_ack

    def end_call(self, number):
        self._until(lambda: number in self.answers)
        return self.answers.pop(number)

    def call(self, name, *arguments):
        """Emits, and returns the arguments of the answer."""
        return self.end_call(self.begin_call(name, *arguments))

    def until_lost(self):
        """The connection ends without a disconnect packet: a client of socket.io comes back by itself."""
        self._until(lambda: self.failure)
        assert not [event for event in self.events if event[0] == "1"], self.events

    def close(self):
        with contextlib.suppress(OSError):
            self.websocket.sock.shutdown(socket.SHUT_RDWR)
        self.websocket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def until_it_arrives(emit, client):
    """Calls emit(argument) until an event of it comes: a node follows a room only when Redis has said so.
    Then the client has read all that it was sent."""

    def arrives():
        emit("early")
        return client.has_event(0.2)

    eventually(arrives, "an event arrives")
    emit("arrived")
    while client.event()[1:] != ["arrived"]:  # more than one may have been early
        pass
