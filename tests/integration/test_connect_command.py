# SPDX-License-Identifier: MIT
"""yodel connect: with yodel serve, with the demo, and with servers that do not behave."""

import base64
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pty
import re
import select
import socket
import subprocess
import threading
import time
import zlib

from harness import ACCEPT_GUID, BINARY_FRAME, CLOSE, LIMIT, PING, TEXT, Demo, connections, equal, eventually, frame_bytes, free_port, http as call, run
from hostile_backend import make_certificate
from yodel_program import ENV, YODEL, Yodel, folder, yodel

KEY = "password"
CONFIG = f"""
listen: [{{name: public, address: "127.0.0.1:0"}}, {{name: internal, address: "127.0.0.1:0", serve: [api]}}]
namespaces:
  - {{name: /, auth: optional, relay: [{{event: all, to: namespace}}]}}
  - {{name: /closed, auth: required}}
websockets: [{{path: "/ws/{{room}}", auth: none}}, {{path: "/closed/{{room}}", auth: required}}]
events: [{{path: /events, rooms: token}}]
auth: {{methods: [jwt], jwt: {{algorithms: [HS256], keys: [{{secret_file: SECRET}}]}}}}
api: {{keys: [{{name: a, sha256: "{hashlib.sha256(KEY.encode()).hexdigest()}", scopes: [emit]}}]}}
shutdown: {{spread: 0s}}
"""


@contextlib.contextmanager
def serving():
    """A server; gives it, and the file of a token that is in the room r."""
    with folder() as path:
        (path / "secret").touch(mode=0o600)
        (path / "secret").write_text("0123456789" * 4)
        (path / "yodel.yaml").write_text(CONFIG.replace("SECRET", str(path / "secret")))
        (path / "token").touch(mode=0o600)
        words = ["token", "sign", "--key-file", str(path / "secret"), "--user", "ann", "--join", "r"]
        (path / "token").write_text(yodel(*words)[0])
        with Yodel("-c", str(path / "yodel.yaml")) as server:
            yield server, str(path / "token")


def emit(server, **command):
    headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
    return call(server.internal, "POST", "/api/v1/emit", headers, json.dumps(command).encode())


class Client:
    """yodel connect, with a pipe to it; what it shows is read line by line."""

    def __init__(self, *words):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([YODEL, "connect", *words], env=ENV, **pipes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self):
        ready = select.select([self.process.stdout], [], [], LIMIT)[0]
        assert ready, "no line"
        return json.loads(self.process.stdout.readline())

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end(self, status=0):
        """The lines that were not read."""
        out, said = self.process.communicate(timeout=LIMIT)
        equal(self.process.returncode, status, said)
        return [json.loads(line) for line in out.splitlines()]


def connects(*words, status=0, text=""):
    """What it has shown, and what it has said."""
    done = subprocess.run([YODEL, "connect", *words], env=ENV, input=text.encode(), capture_output=True, timeout=LIMIT)
    equal(done.returncode, status, (done.stdout, done.stderr))
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_socket_io_against_the_server():
    with serving() as (server, token):
        url = f"http://127.0.0.1:{server.port}"
        with Client(url, "--expect", "said", "--expect", "bye", "--ack-with", "[7]", "--token-file", token) as client:
            assert client.line()["sid"]
            blob = {"_placeholder": True, "num": 0}
            answer = emit(server, to={"all": True}, event="said", args=[1, blob], attachments=["aGk="], ack={"timeout_ms": 20000})
            equal(answer.json()["acks"][0]["args"], [7])
            equal(client.line(), {"event": "said", "args": [1, blob], "attachments": ["aGk="], "ack": True})
            emit(server, to={"rooms": ["r"]}, event="bye", args=[])
            equal(client.end(), [{"event": "bye", "args": []}])
        # Acks of what is emitted; the end of the input ends it when they are in.
        lines = '{"event": "yodel:leave", "args": ["r"], "ack": true}\nyodel:join "x"\n["yodel:join", "y"]\n'
        shown, _ = connects(url, "--token-file", token, "--ack", text=lines)
        equal([line.get("ack") for line in shown], [None, 1, 2, 3])
        equal(shown[2]["args"], [{"error": {"code": "forbidden"}}])


def test_socket_io_refusals_and_slips():
    with serving() as (server, token):
        url = f"http://127.0.0.1:{server.port}"
        shown, _ = connects(url, "-n", "/closed", status=77)
        assert "unauthorized" in shown[-1]["ended"], shown
        connects(url, "-n", "/none", status=77)
        connects(url, "-n", "/closed", "--token-file", token)
        connects(url, "--expect", "never", "--exit-after", "200ms", status=75)
        connects(url, "--exit-after", "200ms")
        for line in ('{"event": "a", "args": 1}', '{"args": [1]}', "x {", '["a", {"_placeholder": true, "num": 0}]', "[", '{"no": 1}'):
            connects(url, status=65, text=line + "\n")
        for words in ([], [url, url], ["ftp://x/"], [url, "-n", "x"], [url, "--auth", "[]"], [url, "--exit-after", "x"]):
            yodel("connect", *words, status=64)
        yodel("connect", "--help")
        yodel("connect", url, "--token-file", "/none", status=1)


def test_much_input_arrives_in_order():
    with serving() as (server, _), Client(f"http://127.0.0.1:{server.port}", "--listen", "all", "--exit-after", "20000") as reader:
        reader.line()
        connects(f"http://127.0.0.1:{server.port}", text="".join(f"all {number}\n" for number in range(20000)))
        equal([line["args"][0] for line in reader.end()], list(range(20000)))


def test_what_is_sent_last_and_refused_is_a_failure():
    with serving() as (server, token), folder() as path:
        (path / "long").write_text(f'all "{"a" * 3_000_000}"\n')
        for words in ([f"http://127.0.0.1:{server.port}"], [f"ws://127.0.0.1:{server.port}/ws/r"]):
            with open(path / "long") as text:
                done = subprocess.run([YODEL, "connect", *words], env=ENV, stdin=text, capture_output=True, text=True, timeout=LIMIT)
            equal((done.returncode, json.loads(done.stdout.splitlines()[-1])["code"]), (1, 1009), words)


def test_event_streams():
    with serving() as (server, token):
        url = f"http://127.0.0.1:{server.port}/events"
        connects(url, status=77)
        with Client(url, "--token-file", token, "--expect", "said") as client:
            client.line()
            eventually(lambda: emit(server, to={"rooms": ["r"]}, event="said", args=["ü"]).json()["delivered"] == 1, "it reads")
            equal(client.line(), {"event": "said", "data": '["ü"]'})
            equal(client.end(), [])
        connects(url, "--token-file", token, "--exit-after", "200ms")
        connects(url, "--token-file", token, "--expect", "never", "--exit-after", "200ms", status=75)
        connects(f"http://127.0.0.1:{server.port}/none/events", status=1)


def test_websockets(demo):
    url = f"ws://127.0.0.1:{demo.port}/echo"
    shown, _ = connects(url, "--exit-after", "2", text="hello\nwörld\n")
    equal(shown, [{"connected": True}, {"text": "hello"}, {"text": "wörld"}])
    shown, _ = connects(url, "--binary", "--emit", "aGk=", "--expect", "message")
    equal(shown[1:], [{"binary": "aGk="}])
    connects(url, "--binary", "--emit", "a", status=65)
    large = "x" * 3_000_000
    shown, _ = connects(url, "--exit-after", "1", text=large + "\n")
    equal(shown[1:], [{"text": large}])
    connects(f"ws://127.0.0.1:{demo.port}/none", status=1)
    eventually(lambda: connections(demo.port) == 0, "nobody is left")


def test_deflated_websockets(demo):
    url = f"ws://127.0.0.1:{demo.port}"
    texts = ["hello", "", "hello", "wörld " * 100_000, "last"]
    for path, prefix in (("/echo", ""), ("/ws", "Echo: ")):
        texts = [text for text in texts if len(text) < 1000 or path == "/echo"]
        shown, _ = connects(url + path, "--deflate", "--exit-after", str(len(texts)), text="\n".join(texts) + "\n")
        equal(shown, [{"connected": True, "deflate": True}, *({"text": prefix + text} for text in texts)])
    shown, _ = connects(f"{url}/echo", "--deflate", "--binary", "--emit", "AAAA", "--expect", "message")
    equal(shown[1:], [{"binary": "AAAA"}])
    for words in (["http://127.0.0.1:1/events"], ["http://127.0.0.1:1", "--transport", "polling"]):
        yodel("connect", *words, "--deflate", status=64)
    with serving() as (server, _):
        shown, _ = connects(f"http://127.0.0.1:{server.port}", "--deflate", "--emit", "all 1", "--ack", "--no-input", "--exit-after", "100ms")
        equal(shown[0]["deflate"], False)


def test_tls():
    with folder() as path:
        key, cert = make_certificate(path)
        with Demo("--host", "127.0.0.1", tls=(cert, key)) as demo:
            url = f"wss://127.0.0.1:{demo.port}/echo"
            large = "x" * 3_000_000
            shown, _ = connects(url, "--ca", cert, "--exit-after", "2", text=f"hello\n{large}\n")
            equal(shown[1:], [{"text": "hello"}, {"text": large}])
            connects(url, "--insecure", "--emit", "x", "--expect", "message")
            shown, _ = connects(url, status=69)
            assert "self-signed" in shown[0]["ended"] or "self signed" in shown[0]["ended"], shown
            shown, _ = connects(url.replace("127.0.0.1", "localhost"), "--ca", cert, status=69)
            assert "hostname mismatch" in shown[0]["ended"], shown
            connects(url, "--ca", key, status=1)
            connects(f"ws://127.0.0.1:{demo.port}/echo", status=1)


def test_nobody_there():
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        connects(f"ws://127.0.0.1:{port}/", "--timeout", "300ms", status=75)
        connects(f"http://127.0.0.1:{port}/events", "--timeout", "300ms", status=75)
    connects(f"ws://127.0.0.1:{port}/", status=69)
    connects(f"http://127.0.0.1:{port}/events", status=69)
    connects("ws://no-such-host.invalid/", status=69)
    connects(f"wss://127.0.0.1:{port}/", status=69)


class Raw:
    """Answers one WebSocket handshake after the other, and then says what it is given."""

    def __init__(self, *pieces, head=None):
        self.pieces, self.head = pieces, head
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"127.0.0.1:{self.server.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                with contextlib.suppress(ConnectionError), self.server.accept()[0] as sock:
                    self._talk(sock)

    def _talk(self, sock):
        request = b""
        while b"\r\n\r\n" not in request:
            more = sock.recv(4096)
            if not more:
                return
            request += more
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", request).group(1)
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT_GUID).digest()).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        sock.sendall(self.head and self.head.replace(b"ACCEPT", accept.encode()) or f"{head}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        for piece in self.pieces:
            if callable(piece):
                piece(sock)
            else:
                sock.sendall(piece)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def rest(sock):
    """Until the client has gone."""
    sock.settimeout(LIMIT)
    while sock.recv(65536):
        pass


def forever(data):
    def send(sock):
        while True:
            sock.sendall(data)

    return send


def text(payload):
    return frame_bytes(TEXT, payload, masked=False)


OPEN = text(b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}')
SILENT = text(b'0{"sid":"x","upgrades":[],"pingInterval":100,"pingTimeout":100,"maxPayload":1000000}')
CONNECTED = text(b'40{"sid":"y"}')


def bears(scheme, *cases):
    """Each case is a status, a server, and perhaps words; those with status 75 wait for a time-out, so they run beside each other."""

    def one(case):
        with case[1] as raw:
            timeout = "2s" if case[0] == 75 else "8s"
            connects(f"{scheme}://{raw.url}", "--listen", "x", "--timeout", timeout, *case[2:], status=case[0])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, cases))


def test_websocket_servers_that_do_not_behave():
    bears(
        "ws",
        (1, Raw()),  # it ends mid-way
        (1, Raw(text(b"hi")[:3])),
        (0, Raw(frame_bytes(CLOSE, b"\x03\xe8", masked=False), rest)),
        (1, Raw(frame_bytes(CLOSE, b"\x03\xf3over", masked=False), rest)),
        (1, Raw(frame_bytes(CLOSE, b"", masked=False), forever(text(b"more")))),
        (65, Raw(frame_bytes(TEXT, b"hi"), rest)),  # masked
        (65, Raw(b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", rest)),
        (65, Raw(b"\x01\x01a", forever(b"\x00\x7e\xff\xff" + b"a" * 65535))),  # a message without an end
        (65, Raw(text(b"\xff"), rest)),
        (65, Raw(b"\xc1\x00", rest)),
        (65, Raw(frame_bytes(PING, b"x" * 126, masked=False), rest)),
        (75, Raw(forever(frame_bytes(PING, b"x" * 125, masked=False) * 1000)), "--exit-after", "1s", "--expect", "y"),
        (65, Raw(head=b"SSH-2.0-OpenSSH\r\n\r\n")),
        (65, Raw(head=b"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: x\r\n\r\n")),
        (65, Raw(forever(b"x" * 10000), head=b"HTTP/1.1 101 Yes\r\n")),
        (77, Raw(head=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")),
        (69, Raw(head=b"HTTP/1.1 503 Busy\r\n\r\n")),
    )


AGREED = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions: permessage-deflate"


def agrees(more, *pieces):
    return Raw(*pieces, head=AGREED + more + b"\r\n\r\n")


def bomb():
    """32 MiB of zeros."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(bytes(32 << 20)) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]


def test_servers_that_deflate_wrongly():
    hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
    bears(
        "ws",
        (65, agrees(b""), "--emit", "not offered"),
        (65, agrees(b"; unknown", rest), "--deflate"),
        (65, agrees(b"; server_max_window_bits=16", rest), "--deflate"),
        (65, agrees(b", permessage-deflate", rest), "--deflate"),
        (65, agrees(b"", b"\xc1\x05Hello", rest), "--deflate"),
        (65, agrees(b"", b"\xc9\x00", rest), "--deflate"),  # a control frame
        (65, agrees(b"", b"\x41\x00\xc0\x00", rest), "--deflate"),  # a frame that continues
        (65, agrees(b"", b"\xc1\x03\xfa\x0f\x00", rest), "--deflate"),  # no UTF-8 in it
        (65, agrees(b"", frame_bytes(BINARY_FRAME, bomb(), rsv=4, masked=False), rest), "--deflate"),
        (0, agrees(b"", b"\xc1\x07" + hello, frame_bytes(CLOSE, b"\x03\xe8", masked=False), rest), "--deflate"),
        (0, agrees(b"; client_max_window_bits=8", rest), "--deflate", "--emit", "x", "--exit-after", "100ms"),
    )


def test_socket_io_servers_that_do_not_behave():
    bears(
        "http",
        (1, Raw(OPEN)),
        (1, Raw(OPEN, CONNECTED)),
        (75, Raw(rest)),
        (75, Raw(OPEN, rest)),
        (75, Raw(SILENT, CONNECTED, rest)),  # no pings
        (65, Raw(text(b"0{}"), rest)),
        (65, Raw(text(b"9"), rest)),
        (65, Raw(OPEN, CONNECTED, text(b"4"), rest)),
        (65, Raw(OPEN, CONNECTED, text(b"42{}"), rest)),
        (65, Raw(OPEN, CONNECTED, text(b"42[1]"), rest)),
        (65, Raw(OPEN, CONNECTED, text(b'42["x"'), rest)),
        (65, Raw(OPEN, CONNECTED, text(b'42["x",' + b"[" * 5000 + b"]" * 5000 + b"]"), rest)),
        (65, Raw(OPEN, CONNECTED, text(b'4599999999-["x"]'), rest)),
        (65, Raw(OPEN, CONNECTED, text(b'451-["x"]'), text(b'42["x"]'), rest)),
        (65, Raw(OPEN, CONNECTED, b"\x82\x01x", rest)),
        (65, Raw(OPEN, CONNECTED, text(b'45900-["x"]'), forever(b"\x82\x7e\xff\xff" + b"a" * 65535))),
        (1, Raw(OPEN, CONNECTED, forever(text(b'420["y"]'))), "--ack-with", json.dumps(["x" * 100000])),  # it does not read acks
        (1, Raw(OPEN, CONNECTED, text(b"41"), rest)),
        (77, Raw(OPEN, text(b'44{"message":"no"}'), rest)),
    )


def test_strangers_do_not_speak_to_the_terminal():
    with Raw(text("a\x1b[31m\x07\u009bb".encode()), rest) as raw:
        done = subprocess.run([YODEL, "connect", f"ws://{raw.url}", "-o", "text", "--exit-after", "1", "--timeout", "5s"], env=ENV, capture_output=True,
                              timeout=LIMIT, stdin=subprocess.DEVNULL)
        equal(done.stdout, b"a?[31m??b\n")


def at_a_terminal(words, steps, state):
    """Runs it at a terminal; each step is what is awaited, and what is written then."""
    pid, tty = pty.fork()
    if pid == 0:
        os.execve(YODEL, [YODEL, "connect", *words], {**ENV, "TERM": "xterm", "XDG_STATE_HOME": state})
    try:
        for awaited, written in steps:
            seen, deadline = b"", time.monotonic() + LIMIT
            while awaited not in seen:
                assert select.select([tty], [], [], max(0, deadline - time.monotonic()))[0], (awaited, seen)
                seen += os.read(tty, 4096)
            os.write(tty, written)
        with contextlib.suppress(OSError):
            while os.read(tty, 4096):
                pass
    finally:
        os.close(tty)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def test_lines_are_edited_and_remembered(demo):
    # Without libedit the terminal itself edits, and nothing is remembered.
    linked = subprocess.run(["ldd", YODEL], capture_output=True, text=True, timeout=LIMIT).stdout
    with folder() as path:
        url = f"ws://127.0.0.1:{demo.port}/echo"
        first = [(b"> ", b"helo\x7flo\r"), (b"\nhello\r\n" if "libedit" in linked else b"hello", b"\x04")]
        equal(at_a_terminal([url], [(b"> ", b"hellx\x7fo\r"), (b"\x1b[Khello\r\n", b"\x04")] if "libedit" in linked else first, str(path)), 0)
        if "libedit" in linked:
            history = path / "yodel" / "connect_history"
            equal(history.stat().st_mode & 0o777, 0o600)
            equal(at_a_terminal([url], [(b"> ", b"\x1b[A\r"), (b"\x1b[Khello\r\n", b"\x04")], str(path)), 0)


run(dict(globals()))
