# SPDX-License-Identifier: MIT
"""yodel webhook: listen and send, with each other and with sides that do not behave."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import subprocess
import threading
import time

from harness import LIMIT, Program, Stream, connect, equal, eventually, http as call, listens, run
from yodel_program import ENV, YODEL, Yodel, file, folder, yodel

KEY = b"0123456789" * 4
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ANSWERS = """
connect: {user: ann, rooms: [lobby], data: {number: 1, text: "1", truth: true, nothing: ~}}
event:
  say: {ack: [2.5], actions: [{emit: {event: said, args: [1]}}]}
  "*": {ack: ["other"]}
"""


def signed(body, ident="msg_1", moment=None, key=KEY):
    moment = str(int(time.time()) if moment is None else moment)
    code = hmac.new(key, f"{ident}.{moment}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(code).decode()
    return [("webhook-id", ident), ("webhook-timestamp", moment), ("webhook-signature", signature)]


def body_of(*events):
    return json.dumps({"version": 1, "node": "n", "events": list(events)}).encode()


class Listener(Program):
    """yodel webhook listen, with its secret and answers in a folder."""

    def __init__(self, *words, answers=ANSWERS):
        self.stack = contextlib.ExitStack()
        self.path = self.stack.enter_context(folder())
        self.secret = self.path / "secret"
        self.secret.touch(mode=0o600)
        self.secret.write_text(SECRET)
        (self.path / "answers").write_text(answers)
        self.shown = self.path / "shown"
        command = [YODEL, "webhook", "listen", "--address", "127.0.0.1:0", "--secret-file", self.secret]
        command += ["--answers", self.path / "answers", "-o", "json", *words]
        # What it shows goes to a file, what it says is where its port is told.
        shell = ["sh", "-c", 'out=$1; shift; exec "$@" > "$out"', "sh", self.shown, *command]
        super().__init__(shell, r"^listening on http://127\.0\.0\.1:(\d+)/$", port_stream="stderr", env=ENV)
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def __exit__(self, *words):
        if self.alive():
            super().__exit__(*words)
        else:
            self.kill()
        self.stack.close()

    def lines(self):
        text = self.shown.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def post(self, body, headers):
        return call(self.port, "POST", "/hook", headers, body)


def send(*words, status=0):
    """One object about it."""
    return json.loads(yodel("webhook", "send", *words, "-o", "json", status=status)[0])


def test_they_understand_each_other():
    with Listener() as listener:
        known = ["--url", listener.url, "--secret-file", str(listener.secret)]
        done = send("connect", *known, "--auth", '{"token": "x"}', "--id", "e1")
        hello = {"number": 1, "text": "1", "truth": True, "nothing": None}
        equal(done["answer"], {"user": "ann", "rooms": ["lobby"], "data": hello})
        assert "as user ann" in done["means"] and "lobby" in done["means"], done
        done = send("event", *known, "--event", "say", "--args", '["h\\u00fc", {"a": 1}]', "--ack", "--user", "bob")
        equal(done["means"].splitlines(), ['runs {"emit":{"event":"said","args":[1]}}', "acks with [2.5]"])
        equal(send("event", *known, "--event", "else", "--ack")["answer"], {"ack": ["other"]})
        equal(send("disconnected", *known)["status"], 204)
        for kind in ("connected", "refresh", "occupied", "vacated", "node_started"):
            equal(send(kind, *known)["status"], 204)
        seen = listener.lines()
        equal([line["event"]["kind"] for line in seen[:4]], ["connect", "event", "event", "disconnected"])
        equal((seen[0]["event"]["id"], seen[0]["event"]["auth"], seen[0]["signature"]), ("e1", {"token": "x"}, "right"))
        equal((seen[1]["event"]["args"], seen[1]["event"]["socket"]["user"]), (["hü", {"a": 1}], "bob"))
        equal("socket" in seen[7]["event"], False)


SERVER = """
listen: [{name: public, address: "127.0.0.1:0"}, {name: internal, address: "127.0.0.1:0", serve: [health]}]
namespaces: [{name: /, auth: none, webhook: main}]
webhooks: [{name: main, url: "URL", secret_file: "SECRET", kinds: [connect, connected, event, disconnected]}]
shutdown: {spread: 0s}
"""


def shape(value):
    """Names, without what they have."""
    return {name: shape(item) for name, item in value.items()} if isinstance(value, dict) else None


def test_samples_are_like_what_the_server_sends():
    with Listener() as listener:
        text = SERVER.replace("URL", listener.url).replace("SECRET", str(listener.secret))

        def events():
            return {line["event"]["kind"]: line["event"] for line in listener.lines()}

        with file(text) as path, Yodel("-c", path) as server:
            words = ["--auth", '{"x": 1}', "--emit", "say 1", "--ack", "--expect", "said", "--timeout", "20s", "--no-input"]
            yodel("connect", f"http://127.0.0.1:{server.port}", *words)
            eventually(lambda: {"connect", "connected", "event", "disconnected"} <= set(events()), "all have come")
        real = events()
        equal((real["connect"]["socket"]["user"], real["event"]["socket"]["user"]), (None, "ann"))
        known = ["--url", listener.url, "--secret-file", str(listener.secret)]
        for kind in real:
            send(kind, *known, "--auth", '{"x": 1}', "--ack")
        samples = events()
        for event in (*real.values(), *samples.values()):
            for name in ("headers", "query"):
                event.pop(name, None)
        equal(shape(samples), shape(real))
        equal({line["signature"] for line in listener.lines()}, {"right"})


def test_listen_checks_signatures():
    with Listener() as listener:
        body = body_of({"id": "1", "kind": "connected"})
        for headers in (
            [],
            signed(body, moment=int(time.time()) - 400),
            signed(body, moment=int(time.time()) + 400),
            signed(body, key=b"other"),
            signed(body + b" "),
            signed(body)[1:],
            signed(body)[:2],
        ):
            equal(listener.post(body, headers).status, 400)
        equal(listener.post(body, signed(body)).status, 204)
        equal(["refused" in line for line in listener.lines()], [True] * 7 + [False])
        assert "five minutes" in listener.lines()[1]["refused"]
        for wrong in (b"", b"{", b"[]", b'{"version": 2}', body_of(), body_of({"id": "1", "kind": "other"}), body_of(1)):
            equal(listener.post(wrong, signed(wrong)).status, 400)
        equal(call(listener.port, "GET", "/hook").status, 405)


def test_listen_answers_several_events_by_their_ids():
    with Listener(answers='{"event": {"*": {"ack": [1]}}}') as listener:
        body = body_of(
            {"id": "1", "kind": "event", "event": "a", "ack": True},
            {"id": "2", "kind": "disconnected"},
            {"id": "3", "kind": "event", "event": "b", "ack": True},
        )
        answer = listener.post(body, signed(body))
        equal(answer.json(), {"results": [{"ack": [1], "id": "1"}, {"ack": [1], "id": "3"}]})


def test_listen_lives_with_bodies_that_do_not_end():
    with Listener() as listener, Stream(connect(listener.port)) as endless:
        endless.send(b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(400):
                endless.send(piece)
        equal(endless.response().status, 413)
        with Stream(connect(listener.port)) as half:
            half.send(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            half.abort()
        body = body_of({"id": "1", "kind": "connected"})
        equal(listener.post(body, signed(body)).status, 204)


def test_listen_ends_after_so_many():
    for refused, status in ((False, 0), (True, 77)):
        with Listener("--count", "2") as listener:
            body = body_of({"id": "1", "kind": "connected"})
            listener.post(body, signed(body))
            listener.post(body, [] if refused else signed(body))
            equal(listener.process.wait(LIMIT), status)


def test_listen_says_what_is_wrong():
    with folder() as path, socket.create_server(("127.0.0.1", 0)) as taken:
        answers = path / "answers.yaml"
        for text, word in (
            ("a: b: c", "answers.yaml:1:"),
            ("other: {}", "no such kind"),
            ("[]", "object"),
            ("event: {say: {akc: [1]}}", "ack"),
            ("connect: {user: 7}", "/user"),
        ):
            answers.write_text(text)
            _, said = yodel("webhook", "listen", "--answers", str(answers), status=65)
            assert word in said, said
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        yodel("webhook", "listen", "--address", address, status=1)
        yodel("webhook", "listen", "--answers", str(path / "none"), status=1)
        yodel("webhook", "listen", "--secret-file", str(path / "none"), status=1)
        for words in (["--count", "0"], ["more"], ["-o", "xml"], ["--none"]):
            yodel("webhook", "listen", *words, status=64)
        yodel("webhook", "listen", "--help")
        yodel("webhook", status=64)
        yodel("webhook", "--help")


def test_a_unix_socket():
    with folder() as path:
        words = [YODEL, "webhook", "listen", "--address", f"unix:{path}/sock", "--count", "1"]
        process = subprocess.Popen(words, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: listens(path / "sock"), "it listens")
            equal(send("connect", "--url", f"unix:{path}/sock:/some:/uri")["means"], "accepts the client as user guest")
            shown, _ = process.communicate(timeout=LIMIT)
            equal(process.returncode, 0)
            assert b" connect / " in shown, shown
        finally:
            process.kill()
            process.wait()


class BackEnd:
    """Answers every request as told; raw bytes, or a status, a type and a body."""

    def __init__(self, status=200, body=b"", raw=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                self.rfile.read(int(self.headers["Content-Length"]))
                with contextlib.suppress(OSError):
                    if raw is not None:
                        for piece in raw:
                            self.wfile.write(piece)
                        self.close_connection = True
                        return
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.send_header("Location", "/other")
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_send_judges_answers():
    for kind, status, body, ends, word in (
        ("connect", 200, b'{"reject": {"message": "no", "data": 1}}', 77, "refuses the client: no"),
        ("connect", 403, b"", 77, "refused for good"),
        ("event", 403, b"", 1, "a failure"),
        ("connect", 503, b"", 1, "tried again"),
        ("connect", 302, b"", 1, "redirects"),
        ("connect", 410, b"", 1, "not asked any more"),
        ("connect", 200, b"<html>", 65, "no good"),
        ("connect", 200, b'{"usr": "x"}', 65, "/usr"),
        ("event", 200, b'{"actions": [{"emit": {"event": 1}}]}', 65, "/actions/0/emit/event"),
        ("event", 200, b'{"results": [{"id": "other"}]}', 65, "/results/0"),
        ("event", 200, b'{"meta": {"a": 1}}', 0, 'sets meta to {"a":1}'),
        ("refresh", 200, b'{"expired": true}', 0, "lets the session end"),
    ):
        with BackEnd(status, body) as back:
            done = send(kind, "--url", back.url, "--id", "e1", status=ends)
            assert word in done["means"], (done, word)


def test_send_bears_back_ends_that_misbehave():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    never = threading.Event()

    def slowly():
        yield head + b"Content-Length: 10\r\n\r\n{"
        never.wait(LIMIT)

    for raw, ends in (
        ([head + b"Content-Length: 10\r\n\r\n{"], 69),  # it closes mid-way
        ([b"what is this\r\n\r\n"], 69),
        ([], 69),
        ([head + b"\r\n", *[b" " * 65536] * 40], 65),  # a body without an end
        (slowly(), 75),
    ):
        with BackEnd(raw=raw) as back:
            timeout = "2s" if ends == 75 else "20s"
            yodel("webhook", "send", "connect", "--url", back.url, "--timeout", timeout, status=ends)
    never.set()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    yodel("webhook", "send", "connect", "--url", url, status=69)


def test_send_refuses_wrong_words():
    for words in (
        [],
        ["other", "--url", "http://127.0.0.1:1/"],
        ["event"],
        ["event", "--url", "ftp://127.0.0.1/"],
        ["event", "--url", "unix:/no/uri"],
        ["event", "--url", "unix:relative:/uri"],
        ["event", "--url", "http://127.0.0.1:1/", "--args", "{}"],
        ["event", "--url", "http://127.0.0.1:1/", "--args", "["],
        ["event", "--url", "http://127.0.0.1:1/", "--header", "none"],
        ["event", "--url", "http://127.0.0.1:1/", "--timeout", "5"],
        ["event", "more", "--url", "http://127.0.0.1:1/"],
    ):
        yodel("webhook", "send", *words, status=64)


run(dict(globals()))
