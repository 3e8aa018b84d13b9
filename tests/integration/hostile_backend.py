#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A back end that takes webhooks and behaves as badly as the path asks for.

In a test:

    with Backend() as backend:            # at backend.port, at backend.tls_port, and at the Unix socket backend.path
        ... backend.url("/status/503"), backend.requests, backend.connections

As a program it writes one line, "PORT REFUSED FULL TLS PATH CERT", and serves until its input ends.  Nothing listens at the
port REFUSED; connections to the port FULL are not accepted, nor are those to PORT at ::1.  TLS speaks it, with the certificate
of 127.0.0.1 in the file CERT, which its own key has signed.

    /echo             200, and what came as JSON: method, path, headers, body, number and age of the connection
    /status/N         that status; query: retry_after, cache_control, type, location,
                      body, or fill: so many bytes of it
    /refuse           the port is closed after this request: what comes next is refused
    /hang             no answer at all
    /half             half of an answer, then the end; /half_chunked, /half_head: of a chunk, of the head
    /half_reset       half of an answer, then a reset
    /drop             the end without an answer
    /reset            a reset without an answer
    /stale            200 and kept; the next request on the connection gets its end, or a reset with ?reset=1
    /closes           200 and kept, so it says; then it closes
    /endless          a body without an end
    /large/N          a body of N bytes; ?chunked=1 does not say so ahead
    /chunked          a body in chunks of a byte, with a trailer
    /trickle          a byte a second
    /trickle_head     the same of its head
    /early            200 ahead of reading the body, which is read afterwards
    /early_reset      200 ahead of reading the body, and a reset
    /early_close      413 ahead of reading the body, and the end
    /continues        100s without an end
    /long_head        header lines without an end
    /informs          103 and 100, then 200; /informs_only: 103, then the end
    /until_close      a body without a length, up to the end
    /garbage          no HTTP
    /forged           200 and kept, and a while later another answer; ?gate=2 passes /gate/2 then
    /pieces           a body in 20000 chunks of a byte each
    /many_headers     5000 lines of a header
    /wait/S           200 after S seconds
    /gate/N           200 when N wait here
"""

import contextlib
import json
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

FOREVER = 60.0  # nothing lasts longer


class Request:
    """One request: its method, path, query, headers (lower case) and body."""

    def __init__(self, head, reader):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, self.version = first.split(" ", 2)
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.lower(), value.strip())
        self.reader, self.body = reader, None

    def read(self):
        """Reads the body.  Returns whether it came whole."""
        length = int(self.headers.get("content-length", 0))
        if self.body is None:
            self.body = self.reader.read(length)
        return len(self.body) == length

    def json(self):
        return json.loads(self.body)


def answer(status, body=b"", headers=()):
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status} Some", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    """One connection, on a thread of its own."""

    def __init__(self, backend, sock, number):
        self.backend, self.sock, self.number = backend, sock, number
        self.served, self.stale = 0, None

    def send(self, data):
        self.sock.sendall(data)

    def serve(self):
        with contextlib.suppress(OSError, ValueError), self.sock, self.sock.makefile("rb") as reader:
            while self.turn(reader):
                pass

    def turn(self, reader):
        """One request.  Returns whether another may follow."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = reader.readline()
            if line == b"":
                return False
            head += line
        request = Request(head[:-4], reader)
        if self.stale is not None:
            return self.end(self.stale)
        name, *words = request.path.strip("/").split("/")
        if not name.startswith("early") and not request.read():
            return False
        self.backend.note(request)
        self.served += 1
        return getattr(self, "do_" + name, self.do_unknown)(request, *words)

    def end(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def well(self, body=b"{}", headers=("Content-Type: application/json",)):
        self.send(answer(200, body, headers))
        return True

    def do_unknown(self, request, *words):
        status, headers, body = self.backend.behave(request)
        self.send(answer(status, body, [f"{name}: {value}" for name, value in headers]))
        return True

    def do_echo(self, request):
        told = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "body": request.body.decode("latin-1") if len(request.body) <= 1000 else "",
            "length": len(request.body),
            "connection": self.number,
            "served": self.served,
        }
        return self.well(json.dumps(told).encode())

    def do_status(self, request, status):
        names = {"retry_after": "Retry-After", "cache_control": "Cache-Control", "type": "Content-Type", "location": "Location"}
        headers = [f"{names[name]}: {value}" for name, value in request.query.items() if name in names]
        body = request.query.get("body", "") or "x" * int(request.query.get("fill", 0))
        self.send(answer(int(status), body.encode(), headers))
        return True

    def do_refuse(self, request):
        self.backend.close_listeners()
        return self.well()

    def do_hang(self, request):
        self.sock.settimeout(FOREVER)
        self.sock.recv(1)
        return False

    def do_half(self, request):
        self.send(answer(200, b"x" * 100)[:-50])
        return False

    def do_half_reset(self, request):
        self.send(answer(200, b"x" * 100)[:-50])
        return self.end(reset=True)

    def do_half_head(self, request):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        return False

    def do_half_chunked(self, request):
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n01234567")
        return False

    def do_informs_only(self, request):
        self.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        return False

    def do_drop(self, request):
        return False

    def do_reset(self, request):
        return self.end(reset=True)

    def do_stale(self, request):
        self.stale = request.query.get("reset") == "1"
        return self.well()

    def do_closes(self, request):
        self.well()
        return False

    def do_endless(self, request):
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        deadline = time.monotonic() + FOREVER
        while time.monotonic() < deadline:
            self.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    def do_large(self, request, size):
        body = b"y" * int(size)
        if request.query.get("chunked") == "1":
            self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return True
        return self.well(body, ())

    def do_chunked(self, request):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in b"in pieces":
            self.send(b"1;ext=1\r\n%c\r\n" % byte)
        self.send(b"0\r\nX-Trailer: 1\r\n\r\n")
        return True

    def trickle(self, data):
        for byte in data:
            self.send(bytes([byte]))
            if self.backend.over.wait(1):
                break
        return False

    def do_trickle(self, request):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        return self.trickle(b"z" * 1000)

    def do_trickle_head(self, request):
        return self.trickle(answer(200))

    def do_early(self, request):
        self.well()
        return request.read()

    def do_early_reset(self, request):
        self.well()
        return self.end(reset=True)

    def do_early_close(self, request):
        self.send(answer(413, b"too much", ["Connection: close"]))
        return False

    def do_continues(self, request):
        deadline = time.monotonic() + FOREVER
        while time.monotonic() < deadline:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    def do_long_head(self, request):
        self.send(b"HTTP/1.1 200 OK\r\n")
        deadline = time.monotonic() + FOREVER
        while time.monotonic() < deadline:
            self.send(b"X-Filler: " + b"f" * 1000 + b"\r\n")

    def do_informs(self, request):
        self.send(b"HTTP/1.1 103 Early Hints\r\nRetry-After: 7\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        return self.well(b'{"informed": true}')

    def do_until_close(self, request):
        self.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
        return False

    def do_garbage(self, request):
        self.send(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)
        return False

    def do_forged(self, request):
        self.well()
        self.backend.over.wait(0.05)
        self.well(b"forged")
        if "gate" in request.query:
            self.backend.pass_gate(int(request.query["gate"]))
        return True

    def do_pieces(self, request):
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\np\r\n" * 20000 + b"0\r\n\r\n")
        return True

    def do_many_headers(self, request):
        return self.well(headers=["Cache-Control: a"] * 5000)

    def do_wait(self, request, seconds):
        self.backend.over.wait(float(seconds))
        return self.well()

    def do_gate(self, request, number):
        self.backend.pass_gate(int(number))
        return self.well()


def full_listener(host, port=0):
    """One that accepts nobody any more, with those who fill it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.bind((host, port))
    listener.listen(0)
    fill = []
    for _ in range(3):
        sock = socket.socket(family)
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        fill.append(sock)
    return listener, fill


def make_certificate(folder):
    """The files of a key and of its certificate."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=hostile", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )
    return str(key), str(cert)


class Backend:
    """The back end, on threads.  behave(request) answers all other paths: a status, headers, and a body."""

    def __init__(self, behave=lambda request: (404, [], b"")):
        self.behave, self.requests, self.connections = behave, [], 0
        self.over = threading.Event()
        self.changed = threading.Condition()
        self.at_gate = 0
        self.socks = set()
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "hostile.sock")
        self.closed = socket.socket()  # bound, and not listening
        self.closed.bind(("127.0.0.1", 0))
        self.refused = self.closed.getsockname()[1]
        self.listeners = [
            socket.create_server(("127.0.0.1", 0), backlog=512),
            socket.socket(socket.AF_UNIX),
            socket.create_server(("127.0.0.1", 0), backlog=512),
        ]
        self.port, self.tls_port = (self.listeners[i].getsockname()[1] for i in (0, 2))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        key, self.cert = make_certificate(pathlib.Path(self.folder.name))
        self.tls.load_cert_chain(self.cert, key)
        self.full, self.fill = full_listener("127.0.0.1")
        with contextlib.suppress(OSError):  # IPv6 may be off, or the port taken
            self.full6 = full_listener("::1", self.port)
        self.listeners[1].bind(self.path)
        self.listeners[1].listen(512)
        for i, listener in enumerate(self.listeners):
            threading.Thread(target=self.accept, args=(listener, i == 2), daemon=True).start()

    def url(self, path, refused=False):
        return f"http://127.0.0.1:{self.refused if refused else self.port}{path}"

    def tls_url(self, path):
        return f"https://127.0.0.1:{self.tls_port}{path}"

    def unix_url(self, path):
        return f"unix:{self.path}:{path}"

    def accept(self, listener, has_tls):
        with contextlib.suppress(OSError):
            while True:
                sock = listener.accept()[0]
                with self.changed:
                    self.connections += 1
                    self.socks.add(sock)
                    connection = Connection(self, sock, self.connections)
                threading.Thread(target=self.serve, args=(connection, has_tls), daemon=True).start()

    def serve(self, connection, has_tls):
        sock = connection.sock
        with contextlib.suppress(OSError):
            if has_tls:
                connection.sock = self.tls.wrap_socket(sock.dup(), server_side=True)
            connection.serve()
        with self.changed:
            self.socks.discard(sock)
        sock.close()

    def note(self, request):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def wait_for(self, condition, seconds=30):
        """Waits until condition(self) holds.  Returns whether it does."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self), seconds)

    def pass_gate(self, number):
        with self.changed:
            self.at_gate += 1
            last = -(-self.at_gate // number) * number
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.at_gate >= last or self.over.is_set(), 30)

    def close_listeners(self):
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def close(self):
        self.over.set()
        self.close_listeners()
        self.closed.close()
        with self.changed:
            for sock in self.socks:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self.changed.notify_all()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def main():
    with Backend() as backend:
        full = backend.full.getsockname()[1]
        print(backend.port, backend.refused, full, backend.tls_port, backend.path, backend.cert, flush=True)
        while os.read(sys.stdin.fileno(), 4096) != b"":
            pass


if __name__ == "__main__":
    main()
