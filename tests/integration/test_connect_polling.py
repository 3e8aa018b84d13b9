# SPDX-License-Identifier: MIT
"""yodel connect and yodel load by long polling: with yodel serve, and with servers that do not behave."""

import concurrent.futures
import contextlib
import http.server
import json
import subprocess
import threading

from harness import LIMIT, equal, eventually, run, started
from hostile_backend import make_certificate
from yodel_program import ENV, YODEL, Yodel, folder, yodel

CONFIG = """
listen: [{name: public, address: "127.0.0.1:0"TLS}, {name: internal, address: "127.0.0.1:0", serve: [health]}]
namespaces: [{name: /, auth: optional, relay: [{event: all, to: namespace}]}, {name: /closed, auth: required}]
auth: {methods: [jwt], jwt: {algorithms: [HS256], keys: [{secret: 0123456789abcdef0123456789abcdef}]}}
shutdown: {spread: 0s}
"""
BLOB = {"_placeholder": True, "num": 0}


@contextlib.contextmanager
def serving(tls=""):
    with folder() as path:
        (path / "yodel.yaml").write_text(CONFIG.replace("TLS", tls))
        (path / "yodel.yaml").chmod(0o600)
        with Yodel("-c", str(path / "yodel.yaml")) as server:
            yield f"http://127.0.0.1:{server.port}"


def connects(*words, status=0, text=""):
    """What it has shown."""
    done = subprocess.run([YODEL, "connect", *words], env=ENV, input=text.encode(), capture_output=True, timeout=LIMIT)
    equal(done.returncode, status, (words, done.stdout[-1000:], done.stderr))
    assert b"Sanitizer" not in done.stderr, (words, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ended(*words, status, **options):
    shown = connects(*words, status=status, **options)
    return shown[-1].get("ended", "") if shown else ""


class Reader:
    """One that shows so many events, and is connected."""

    def __init__(self, url, number, *words):
        words = [YODEL, "connect", url, "--listen", "all", "--exit-after", str(number), "-o", "json", *words]
        self.process = subprocess.Popen(words, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.hello = json.loads(self.process.stdout.readline())

    def events(self):
        out, _ = self.process.communicate(timeout=LIMIT)
        equal(self.process.returncode, 0)
        return [line for line in map(json.loads, out.splitlines()) if "event" in line]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def test_each_transport():
    with serving() as url:
        for transport in ("polling", "upgrade", "websocket"):
            with Reader(url, 3, "--transport", transport) as reader:
                assert reader.hello["sid"], reader.hello
                blob = json.dumps({"event": "all", "args": ["wörld", BLOB], "attachments": ["AAH/"]})
                shown = connects(url, "--transport", transport, "--ack", text=f"all 1\n{blob}\nall 3\n")
                equal([line["ack"] for line in shown if "ack" in line], [1, 2, 3])
                equal([line for line in shown if "upgraded" in line], [{"upgraded": "websocket"}] * (transport == "upgrade"))
                seen = reader.events()
                equal([event["args"] for event in seen], [[1], ["wörld", BLOB], [3]])
                equal(seen[1]["attachments"], ["AAH/"])


def test_refusals():
    with serving() as url:
        for transport in ("polling", "upgrade"):
            assert "unauthorized" in ended(url, "--transport", transport, "-n", "/closed", status=77)
            assert "404" in ended(f"{url}/none/", "--transport", transport, status=1)
        yodel("connect", url, "--transport", "carrier pigeon", status=64)
        yodel("connect", url.replace("http", "ws"), "--transport", "polling", status=64)
        yodel("load", f"{url}/events", "--transport", "polling", status=64)
    for transport in ("polling", "upgrade"):
        ended(url, "--transport", transport, status=69)
        ended("http://localhost:1", "--transport", transport, status=69)


def test_much_input_arrives_in_order():
    with serving() as url, Reader(url, 5000, "--transport", "polling") as reader:
        connects(url, "--transport", "polling", text="".join(f"all {number}\n" for number in range(5000)))
        equal([event["args"][0] for event in reader.events()], list(range(5000)))


def test_tls():
    with folder() as path:
        key, cert = make_certificate(path)
        with serving(f", tls: {{cert: [{cert}], key: [{key}]}}") as url:
            url = url.replace("http", "https")
            for transport in ("polling", "upgrade"):
                words = ["--transport", transport, "--emit", "all 1", "--ack"]
                connects(url, *words, "--ca", cert)
                connects(url, *words, "--insecure")
                assert "certificate" in ended(url, *words, status=69)
                ended(url.replace("127.0.0.1", "localhost"), *words, "--ca", cert, status=69)


def test_many_clients():
    with serving() as url:
        for transport in ("polling", "upgrade"):
            words = ["--clients", "100", "--ramp", "1000/s", "--rate", "300/s", "--duration", "500ms", "--await", "ack,broadcast"]
            words += ["--message", 'all "%m"', "--transport", transport, "--timeout", "20s", "--max-errors", "0"]
            seen = json.loads(yodel("load", url, *words, "-o", "json")[0])
            equal([seen[what] for what in ("connected", "sent", "acked", "broadcast")], [100, 150, 150, 99 * 150])
            seen = json.loads(yodel("load", url, *words[:8], *words[10:12], "--reconnect", "30/s", "--transport", transport, "-o", "json")[0])
            assert seen["came_back"] > 0 and seen["errors"] == 0, seen


def test_descriptors_are_counted():
    with serving() as url:
        for transport, each in (("polling", 4), ("upgrade", 5)):
            words = ["load", url, "--transport", transport, "--clients", "60", "--ramp", "1000/s", "--rate", "120/s", "--duration", "500ms"]
            words += ["--message", 'all "%m"', "--await", "ack", "--max-errors", "0", "--timeout", "20s"]
            for limit, status in ((60 * each + 64, 0), (60 * each + 63, 1)):
                limited = ["sh", "-c", f'ulimit -n {limit} && exec "$@"', "sh", YODEL, *words]
                done = subprocess.run(limited, env=ENV, capture_output=True, timeout=LIMIT)
                equal(done.returncode, status, done)
                equal(b"too low" in done.stderr, status == 1, done)


class Polls:
    """Answers each GET with the next payload, and the last of them never; POSTs with 200."""

    def __init__(self, *payloads, post=200, cookies=()):
        self.payloads, self.status, self.cookies = list(payloads), post, list(cookies)
        self.over = threading.Event()
        self.posts, self.gets, self.bodies = [], [], []
        polls = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                if "transport=websocket" in self.path:
                    self.answer(404, b"no WebSockets")
                    return
                polls.gets.append((self.path, self.all("Cookie")))
                if not polls.payloads:
                    polls.over.wait(LIMIT)
                    return
                payload = polls.payloads.pop(0)
                status, body = payload if isinstance(payload, tuple) else (200, payload)
                self.answer(status, body, polls.cookies.pop(0) if polls.cookies else ())

            def do_POST(self):  # pylint: disable=invalid-name
                polls.posts.append((self.path, self.all("Cookie"), self.all("Content-Type")))
                polls.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                if polls.status:
                    self.answer(polls.status, b"ok")
                else:
                    polls.over.wait(LIMIT)

            def all(self, name):
                return self.headers.get_all(name, [])

            def answer(self, status, body, cookies=()):
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for cookie in cookies:
                        self.send_header("Set-Cookie", cookie)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def packets(self):
        """That were posted."""
        return b"\x1e".join(self.bodies).decode().split("\x1e")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def hello(sid="s", upgrades=(), interval=25000, timeout=20000, most=1000000):
    said = {"sid": sid, "upgrades": list(upgrades), "pingInterval": interval, "pingTimeout": timeout, "maxPayload": most}
    return b"0" + json.dumps(said).encode()


CONNECTED = b'40{"sid":"y"}'


def test_servers_that_do_not_behave():
    cases = [
        (1, "404", Polls((404, b"nothing here"))),
        (77, "403", Polls((403, b"no"))),
        (69, "503", Polls((503, b"busy"))),
        (65, "", Polls(b"")),
        (65, "", Polls(b"9")),
        (65, "", Polls(b"0{}")),
        (65, "", Polls(b'0{"pingInterval":1,"pingTimeout":1}')),
        (65, "", Polls(hello(sid="a&b=c"))),
        (65, "", Polls(hello(sid=""))),
        (65, "", Polls(b"2")),
        (65, "does not begin", Polls(b"6")),
        (65, "", Polls(b"bAAAA")),
        (65, "", Polls(hello() + b"\x1e")),
        (65, "UTF-8", Polls(hello(), CONNECTED, b'42["\xff"]')),
        (65, "base64", Polls(hello(), CONNECTED, b"bA")),
        (65, "", Polls(hello(), CONNECTED, b"bAAAA")),
        (65, "", Polls(hello(), CONNECTED, b"4")),
        (65, "", Polls(hello(), CONNECTED, b"42{}")),
        (65, "too long", Polls(hello(), CONNECTED, b"4" * (23 << 20))),
        # A proxy that does not keep a client at its server.
        (1, 'refused (400): GET: {"code":1,"message":"Session ID unknown"}',
         Polls(hello(), (400, b'{"code":1,"message":"Session ID unknown"}'))),
        (1, "refused (413): POST: ok", Polls(hello(), post=413)),
        (1, "the session was closed", Polls(hello(), CONNECTED, b"1")),
        (75, "no answer in time", Polls(hello(), post=None)),
        (75, "GET", Polls()),
        (75, "to the connect packet", Polls(hello())),
        (75, "no ping", Polls(hello(interval=100, timeout=100), CONNECTED)),
        (77, "none to WebSocket", Polls(hello()), "--transport", "upgrade"),
        (1, "refused (404): the upgrade: ", Polls(hello(upgrades=["websocket"]), CONNECTED), "--transport", "upgrade"),
    ]  # fmt: skip

    def one(case):
        status, says, polls, *words = case
        with polls:
            timeout = "2s" if status == 75 else "20s"
            said = ended(polls.url, "--listen", "x", "--timeout", timeout, *(words or ["--transport", "polling"]), status=status)
            assert says in said, (says, said)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, cases))


def test_posts_are_as_large_as_the_server_takes():
    lines = "".join(f'say "{"x" * (number % 50)}"\n' for number in range(200)) + f'large "{"y" * 300}"\nlast 1\n'
    with Polls(hello(most=200), CONNECTED) as polls:
        connects(polls.url, "--transport", "polling", text=lines)
        packets = b"\x1e".join(polls.bodies).split(b"\x1e")
        equal(packets[0], b"40")
        equal(packets[1:], [b"42" + json.dumps([line.split(" ", 1)[0], json.loads(line.split(" ", 1)[1])], separators=(",", ":")).encode()
                            for line in lines.splitlines()] + [b"41", b"1"])  # fmt: skip
        for body in polls.bodies:
            assert len(body) <= 200 or b"\x1e" not in body, body
        equal({path for path, _, _ in polls.posts}, {"/socket.io/?EIO=4&transport=polling&sid=s"})
        equal([kinds for _, _, kinds in polls.posts], [["text/plain;charset=UTF-8"]] * len(polls.posts))
        assert len(polls.posts) > 2


def connects_until(condition, url, *words):
    """By polling; its input ends then."""
    with started([YODEL, "connect", url, "--transport", "polling", *words], env=ENV, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        eventually(condition, "all was asked for and sent")
        process.stdin.close()
        equal(process.wait(LIMIT), 0)


def test_cookies_stick():
    cookies = [["lb=one; Path=/; HttpOnly", "io=x"], ["lb=two"]]
    with Polls(hello(upgrades=["websocket"]), CONNECTED, b"2", cookies=cookies) as polls:
        connects_until(lambda: len(polls.gets) == 4 and "3" in polls.packets(), polls.url, "--emit", "a", "--header", "X-Y: z")
        equal([cookies for _, cookies in polls.gets], [[], ["lb=one; io=x"], ["io=x; lb=two"], ["io=x; lb=two"]])
        assert all(cookies in (["lb=one; io=x"], ["io=x; lb=two"]) for _, cookies, _ in polls.posts), polls.posts


def test_cookies_of_the_user_are_in_the_same_header():
    with Polls(hello(), CONNECTED, cookies=[["lb=one"]]) as polls:
        words = ["--header", "cookie: auth=t;lb=old", "--header", "X-Y: z", "--header", "Cookie: b=c"]
        connects_until(lambda: len(polls.gets) == 3, polls.url, *words)
        equal([cookies for _, cookies in polls.gets], [["auth=t; lb=old; b=c"]] + [["auth=t; b=c; lb=one"]] * 2)
        equal([cookies for _, cookies, _ in polls.posts], [["auth=t; b=c; lb=one"]] * len(polls.posts))


run(dict(globals()))
