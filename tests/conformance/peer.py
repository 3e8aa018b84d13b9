# SPDX-License-Identifier: MIT
"""A WebSocket client that records what the server does and never hides a fault of it."""

import socket
import time

import wire

RECEIVE_SIZE = 1 << 18


class Peer:
    """One connection. `events` is what arrived, in order, as tuples."""

    def __init__(self, host, port, path, offer=None, timeout=30.0):
        self.events = []
        self.open = True
        self.close_sent = False
        self.closed_by_me = False
        self.dropped_by_me = False
        self.clean = False
        self.remote_code = None
        self.violation = None
        self.on_message = self._record_message
        self._close_received = False
        self._opcode = None
        self._parts = []
        self._parser = wire.FrameParser()
        self._inflate = None
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.response = self._handshake(host, port, path, offer, timeout)

    def _handshake(self, host, port, path, offer, timeout):
        key = wire.new_key()
        extra = [f"Sec-WebSocket-Extensions: {offer}"] if offer else []
        self._socket.sendall(wire.handshake_request(path, f"{host}:{port}", key, extra))
        head, rest = self._read_head(time.monotonic() + timeout)
        response = wire.parse_response(head)
        wire.check_upgrade(response, key)
        if not offer and response.get("sec-websocket-extensions"):
            raise wire.ProtocolViolation("the server negotiated an extension nobody offered")
        self._parser.feed(rest)
        return response

    def _read_head(self, deadline):
        data = b""
        while b"\r\n\r\n" not in data:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            chunk = self._socket.recv(4096)
            if not chunk:
                raise wire.ProtocolViolation("closed during the handshake")
            data += chunk
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def set_inflate(self, inflate):
        """Pass the payload of compressed messages (RSV1) through `inflate`."""
        self._inflate = inflate

    # Sending. A peer that is gone is found out by reading, so errors are not raised here.

    def send(self, data, chop=0):
        """Send octets, in separate writes of `chop` octets if that is not 0."""
        try:
            if not chop:
                self._socket.sendall(data)
                return
            for start in range(0, len(data), chop):
                self._socket.sendall(data[start : start + chop])
        except OSError:
            pass

    def send_close(self, payload):
        """Start the closing handshake."""
        if not self.open or self.close_sent:
            return
        self.close_sent = True
        self.closed_by_me = not self._close_received
        self.send(wire.frame(wire.CLOSE, payload))

    def drop(self):
        """Close the TCP connection ourselves, because the server did not."""
        if self.open:
            self.dropped_by_me = True
            self.clean = False
        self.open = False
        self._socket.close()

    # Receiving.

    def pump(self, done, timeout):
        """Take what comes until `done()`, the end of the connection or the time limit."""
        deadline = time.monotonic() + timeout
        self._process()
        while self.open and not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._read(left)

    def _read(self, timeout):
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(RECEIVE_SIZE)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self._ended()
            return
        self._parser.feed(data)
        self._process()

    def _ended(self):
        self.open = False
        self.clean = self._close_received and self.close_sent
        self._socket.close()

    def _process(self):
        try:
            while self.open:
                frame = self._parser.next()
                if frame is None:
                    return
                self._take(frame)
        except wire.ProtocolViolation as error:
            self.violation = str(error)
            self.open = False
            self._socket.close()

    def _take(self, frame):
        if self._close_received:
            raise wire.ProtocolViolation("frame after the close frame")
        if frame.opcode >= wire.CLOSE:
            self._take_control(frame)
        else:
            self._take_data(frame)

    def _take_control(self, frame):
        if frame.rsv or not frame.fin or len(frame.payload) > 125:
            raise wire.ProtocolViolation("malformed control frame")
        if frame.opcode == wire.CLOSE:
            self._close_received = True
            self.remote_code = wire.check_close_payload(frame.payload)
            self.send_close(frame.payload[:2])
        elif frame.opcode == wire.PING:
            self.send(wire.frame(wire.PONG, frame.payload))
        elif frame.opcode == wire.PONG:
            self.events.append(("pong", frame.payload))
        else:
            raise wire.ProtocolViolation(f"reserved opcode {frame.opcode}")

    def _take_data(self, frame):
        starts = frame.opcode != wire.CONTINUATION
        if starts == (self._opcode is not None) or frame.opcode > wire.BINARY:
            raise wire.ProtocolViolation(f"unexpected opcode {frame.opcode}")
        compressed = frame.rsv == 4 and starts and self._inflate is not None
        if frame.rsv and not compressed:
            raise wire.ProtocolViolation(f"unexpected RSV bits {frame.rsv}")
        if starts:
            self._opcode, self._compressed = frame.opcode, compressed
        self._parts.append(frame.payload)
        if frame.fin:
            self._finish_message()

    def _finish_message(self):
        payload = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if self._compressed:
            payload = self._inflate(payload)
        binary = self._opcode == wire.BINARY
        if not binary:
            check_text(payload)
        self._opcode, self._parts = None, []
        self.on_message(payload, binary)

    def _record_message(self, payload, binary):
        self.events.append(("message", payload, binary))


def check_text(payload):
    """Raise if a text message of the server is not UTF-8."""
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        raise wire.ProtocolViolation("text message is not UTF-8") from None
