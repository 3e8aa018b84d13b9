# SPDX-License-Identifier: MIT
"""Runs yodel-demo on a free port, speaks to it over real sockets, and counts what passes."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("YODEL_DEMO", str(ROOT / "build/dev/yodel-demo"))
EXAMPLES = pathlib.Path(os.environ.get("YODEL_EXAMPLES", pathlib.Path(BINARY).parent / "examples"))
PUBLIC = str(ROOT / "demo/public")
ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Seconds for anything that should happen at once: a bound for a hang, and never asserted as a speed.  The machine may
# be slow, busy with other tests, and run a sanitizer; no test that passes waits that long.
LIMIT = 30.0
TEST_LIMIT = 170  # seconds a test may take
# Freed memory is kept back by the sanitizer; what is kept must not look like growth.
SANITIZER_ENV = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"}
CONTINUATION, TEXT, BINARY_FRAME, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def _is_readable(stream, seconds):
    """As select(), whatever the number of the descriptor."""
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    return bool(poll.poll(max(0, seconds) * 1000))


@contextlib.contextmanager
def started(words, **options):
    """A process as subprocess.Popen() makes it, of which nothing is left after the block, whatever happens there."""
    with subprocess.Popen(words, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def written(output):
    """What a program has written to a file that is its output.  The place in the file is the program's too: with seek()
    here it would write over what it has written."""
    descriptor = output.fileno()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")


class Program:
    """A program of ours: started here, ended by its process id."""

    def __init__(self, words, port_pattern, port_stream="stdout", env=None, pass_fds=(), convert=int, limit=LIMIT):
        self.messages = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.messages if port_stream == "stdout" else subprocess.PIPE,
            env={**os.environ, **SANITIZER_ENV, **(env or {})},
            pass_fds=pass_fds,
        )
        self.pid = self.process.pid
        self._stream = getattr(self.process, port_stream)
        try:
            self.port = convert(self._line(port_pattern, limit))
        except BaseException:
            self.kill()
            raise

    def _line(self, pattern, limit):
        """The group of the first line that matches."""
        seen = b""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if not _is_readable(self._stream, deadline - time.monotonic()):
                break
            chunk = os.read(self._stream.fileno(), 4096)
            seen += chunk
            found = re.search(pattern, seen.decode(errors="replace"), re.M)
            if found:
                return found.group(1)
            if not chunk:
                break
        raise AssertionError(f"did not start: {seen!r} {self.said()!r}")

    def said(self):
        """What it has written to standard error."""
        return written(self.messages)

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=LIMIT):
        """The exit status; a program that does not end in time is a failure."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {timeout} s") from None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.process.stderr:
            self.process.stderr.close()

    def stop(self, ask=True):
        """Asks it to end, if it does not by itself; it must, with status 0 and no word from a sanitizer."""
        try:
            if ask and self.alive():
                self.signal(signal.SIGTERM)
            status = self.wait(LIMIT + 5)
        finally:
            self.kill()
        said = self.said()
        assert status == 0, f"exit status {status}: {said[:6000]}"
        assert "Sanitizer" not in said and "runtime error" not in said, said[-4000:]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            status = self.process.poll()
            self.kill()
            print(f"exit status {status}: {self.said()[:6000]}", flush=True)

    def descriptors(self):
        """How many descriptors it holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024


class Demo(Program):
    """yodel-demo; further words are its options."""

    def __init__(self, *words, public=PUBLIC, env=None, tls=None):
        options = ["--tls", *tls] if tls else []
        super().__init__(
            [BINARY, "--port", "0", "--public", public, "--drain-ms", "1000", *options, *words],
            r"^(?:PORT |Yodel demo on \S+:)(\d+)$",  # the first for a port that it has chosen
            env=env,
        )
        self.tls = tls
        if not tls:
            eventually(self._is_up, "the demo answers")

    def _is_up(self):
        with contextlib.suppress(OSError):
            return self.get("/health").status == 200
        return False

    def get(self, path, **options):
        return http(self.port, "GET", path, **options)

    def post_json(self, path, value, **options):
        body = json.dumps(value).encode()
        return http(
            self.port, "POST", path, [("Content-Type", "application/json")], body, **options
        )

    def stats(self):
        return self.get("/stats").json()

    def members(self, room):
        return self.get(f"/rooms/{room}").json()["members"]

    def websocket(self, path, **options):
        return WebSocket(self.port, path, **options)


# HTTP.


class Response(typing.NamedTuple):
    """A response; header names are in lower case, the first of several wins."""

    status: int
    reason: str
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def connect(port, host="127.0.0.1"):
    """A TCP connection, or one to a Unix socket when host begins with '/'."""
    if host.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(LIMIT)
        sock.connect(host)
        return sock
    sock = socket.create_connection((host, port), LIMIT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Stream:
    """A socket with what was read too far."""

    def __init__(self, sock):
        self.sock = sock
        self.kept = b""

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        chunk = self.sock.recv(1 << 16)
        self.kept += chunk
        return bool(chunk)

    def until(self, mark):
        while mark not in self.kept:
            if not self._more():
                raise EOFError(f"the connection ended after {self.kept!r}")
        head, _, self.kept = self.kept.partition(mark)
        return head

    def exactly(self, size):
        parts = [self.kept[:size]]
        self.kept = self.kept[size:]
        missing = size - len(parts[0])
        while missing > 0:
            chunk = self.sock.recv(min(missing, 1 << 20))
            if not chunk:
                raise EOFError("the connection ended early")
            parts.append(chunk)
            missing -= len(chunk)
        return b"".join(parts)

    def rest(self):
        """Everything up to the end of the connection; a reset is an end."""
        with contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        data, self.kept = self.kept, b""
        return data

    def response(self, to_head=False):
        """The next response."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        _, status, reason = (lines[0] + " ").split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), value.strip())
        status = int(status)
        body = b""
        if to_head or status in (204, 304) or status < 200:
            pass
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                body += self.exactly(size)
                self.exactly(2)
            self.until(b"\r\n")
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        else:
            body = self.rest()
        return Response(status, reason.strip(), headers, body)

    def close(self):
        self.sock.close()

    def abort(self):
        """Ends the connection by a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request_bytes(method, path, headers=(), body=b"", version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def http(port, method, path, headers=(), body=b"", host="127.0.0.1", wrap=None):
    """One request on a connection of its own."""
    sock = connect(port, host)
    with Stream(wrap(sock) if wrap else sock) as stream:
        stream.send(request_bytes(method, path, [*headers, ("Connection", "close")], body))
        return stream.response(to_head=method == "HEAD")


# WebSocket.


class Refused(Exception):
    """The answer to an upgrade was not 101."""

    def __init__(self, response):
        super().__init__(f"{response.status} {response.reason}")
        self.response = response


class Frame(typing.NamedTuple):
    fin: bool
    rsv: int
    opcode: int
    payload: bytes


class Closed(typing.NamedTuple):
    """A close frame; code is None when it has none."""

    code: typing.Optional[int]
    reason: str


def mask_bytes(payload, key):
    if not payload:
        return b""
    pattern = (key * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")
    return number.to_bytes(len(payload), "big")


def frame_bytes(opcode, payload=b"", fin=True, rsv=0, masked=True):
    """A frame as a client sends it."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = masked << 7
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + mask_bytes(payload, key)


def close_payload(code, reason=""):
    return struct.pack(">H", code) + reason.encode()


def upgrade_bytes(path, headers=(), key="dGhlIHNhbXBsZSBub25jZQ=="):
    return request_bytes(
        "GET",
        path,
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
            *headers,
        ],
    )


class WebSocket(Stream):
    """A WebSocket of which every octet is ours."""

    def __init__(self, port, path, headers=(), host="127.0.0.1", wrap=None, extra=b""):
        sock = connect(port, host)
        super().__init__(wrap(sock) if wrap else sock)
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(upgrade_bytes(path, headers, key) + extra)
        self.answer = self.response()
        if self.answer.status != 101:
            self.close()
            raise Refused(self.answer)
        expected = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT_GUID).digest()).decode()
        assert self.answer.headers["sec-websocket-accept"] == expected, self.answer.headers

    def send_frame(self, opcode, payload=b"", **options):
        self.send(frame_bytes(opcode, payload, **options))

    def send_text(self, text):
        self.send_frame(TEXT, text.encode())

    def send_json(self, value):
        self.send_text(json.dumps(value))

    def send_close(self, code=None, reason=""):
        self.send_frame(CLOSE, b"" if code is None else close_payload(code, reason))

    def frame(self):
        """The next frame; one from a server is never masked."""
        first, second = self.exactly(2)
        assert not second & 0x80, "a masked frame"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self.exactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.exactly(8))
        return Frame(bool(first & 0x80), first >> 4 & 7, first & 15, self.exactly(size))

    def message(self):
        """The next message: str, bytes, or Closed; pings are answered."""
        parts = []
        kind = None
        while True:
            frame = self.frame()
            if frame.opcode == PING:
                self.send_frame(PONG, frame.payload)
            elif frame.opcode == CLOSE:
                code = struct.unpack(">H", frame.payload[:2])[0] if frame.payload else None
                return Closed(code, frame.payload[2:].decode())
            elif frame.opcode != PONG:
                kind = frame.opcode if frame.opcode != CONTINUATION else kind
                parts.append(frame.payload)
                if frame.fin:
                    data = b"".join(parts)
                    return data.decode() if kind == TEXT else data

    def json(self):
        """The next message, which is JSON."""
        message = self.message()
        assert isinstance(message, str), message
        return json.loads(message)

    def next_with(self, key):
        """The next JSON message that has this key; others are passed over."""
        while key not in (value := self.json()):
            pass
        return value[key]

    def leave(self, code=1000):
        """A closing handshake, whatever was still to come; returns the server's close."""
        self.send_close(code)
        while not isinstance(message := self.message(), Closed):
            pass
        rest = self.rest()
        assert rest == b"", rest
        self.close()
        return message


# Checks.


def equal(seen, expected, what=""):
    assert seen == expected, f"{what}: {seen!r:.400}, expected {expected!r:.400}"


def eventually(condition, what, timeout=LIMIT):
    """Waits until condition() holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        time.sleep(0.02)


def in_time(attempt, seconds=1.5):
    """attempt(seconds) does what must not take so long, and returns false when it has: then it is tried with more time,
    as this machine is too busy."""
    while not attempt(seconds):
        seconds *= 4
        assert seconds < TEST_LIMIT / 2, "this machine is too slow"


def admitted(function, *arguments, full=(429, 503), **options):
    """What an upgrade gives once there is room: whoever has left counts for a moment more."""
    made = []

    def is_let_in():
        try:
            made.append(function(*arguments, **options))
        except Refused as refusal:
            assert refusal.response.status in full, refusal
        return made

    eventually(is_let_in, "there is room")
    return made[0]


def refused(function, *arguments, **options):
    """The response of an upgrade that must be refused."""
    try:
        function(*arguments, **options)
    except Refused as refusal:
        return refusal.response
    raise AssertionError("was accepted")


_ours = []  # names of ports, for as long as this process lives


def accepts(port):
    """Whether a server accepts at that port of this machine."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def listens(path):
    """Whether a server accepts at that Unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        return True
    return False


def free_port():
    """A port to listen at later.  It is below those that the system gives to connections: one of these, of another test,
    could have it by then.  Tests that run at the same time never get the same: each port has a name, which one has."""
    while True:
        port = random.randrange(10000, 32000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            name.bind(f"\0yodel-test-port-{port}")
            _ours.append(name)
            return port


def connections(port):
    """How many TCP connections a server on this machine has at a port, those that it has yet to close included."""
    established, close_wait = "01", "08"
    num = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table, encoding="ascii") as lines:
            for line in list(lines)[1:]:
                _, local, _, state = line.split()[:4]
                num += local.endswith(f":{port:04X}") and state in (established, close_wait)
    return num


def closed_with(websocket, code):
    """Passes over messages up to the server's close frame, which must have this code and a reason;
    then the server must end the connection."""
    while not isinstance(message := websocket.message(), Closed):
        pass
    equal(message.code, code, "close code")
    websocket.send_close(code)
    equal(websocket.rest(), b"", "after the close")
    websocket.close()
    return message


def example(name, *words):
    """A program of the examples, when it answers."""
    address = "127.0.0.1:0"
    program = Program(
        [str(EXAMPLES / name), *words, address], r"listening on port (\d+)$", port_stream="stderr"
    )

    def is_up():
        with contextlib.suppress(OSError):
            return http(program.port, "GET", "/").status > 0
        return False

    eventually(is_up, f"{name} answers")
    return program


class Skipped(Exception):
    """A test needs what is not installed."""


def skip(why):
    """Ends a test, and lets run() end with 77."""
    raise Skipped(why)


def _too_long(*_):
    raise AssertionError(f"took longer than {TEST_LIMIT} s")


def _attempt(name, function, *arguments):
    """Whether it passed, None when it was skipped; tells what went wrong, and what takes long."""
    begun = time.monotonic()
    signal.alarm(TEST_LIMIT)
    try:
        function(*arguments)
        return True
    except Skipped as why:
        print(f"SKIPPED {name}: {why}", flush=True)
        return None
    except Exception:  # pylint: disable=broad-except
        print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        signal.alarm(0)
        if (took := time.monotonic() - begun) > 1:
            print(f"{name}: {took:.1f} s", flush=True)


def run(tests, make_demo=Demo):
    """Runs tests: every function in the dict `tests` whose name begins with test_.  Those that take
    an argument get one demo, which must end well.  Ends the process: 0 when all passed, 77 when
    some were skipped and the others passed."""
    signal.signal(signal.SIGALRM, _too_long)
    chosen = {name: test for name, test in tests.items() if name.startswith("test_")}
    if len(sys.argv) > 1:
        chosen = {name: chosen[name] for name in sys.argv[1:]}
    results = []
    demo = make_demo() if any(test.__code__.co_argcount for test in chosen.values()) else None
    try:
        for name, test in chosen.items():
            arguments = [demo] if test.__code__.co_argcount else []
            results.append(_attempt(name, test, *arguments))
        if demo:
            results.append(_attempt("the demo ends well", demo.stop))
    finally:
        if demo:
            demo.kill()
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 77 if None in results else 0)
