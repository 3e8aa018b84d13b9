# SPDX-License-Identifier: MIT
"""The guide for back-end developers does what it says: its programs run, its JSON is what is sent and taken.
Without PHP, Flask or Express the parts in these are left out."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from harness import Program, equal, eventually, free_port, http, run
from hooked_server import Hooked, Hooks, SECRET
from sio_client import ConnectError, SioClient
from yodel_program import ENV, YODEL, Yodel, folder, yodel

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/guide"
MODULES = ROOT / "examples/backends/express/node_modules"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
NAME = re.compile(r"^.*(?:#|//|<!--) ([\w/]+\.\w+)(?: -->)?\n")


def blocks(chapter, language=None):
    text = (GUIDE / chapter).read_text()
    return [body for found, body in FENCE.findall(text) if language in (None, found)]


def unpack(path, *chapters):
    """Blocks whose first line has the name of a file are that file."""
    (path / "public").mkdir(exist_ok=True)
    for chapter in chapters:
        for body in blocks(chapter):
            if found := NAME.match(body):
                (path / found[1]).write_text(body)
    if MODULES.is_dir():
        (path / "node_modules").symlink_to(MODULES)


@contextlib.contextmanager
def unpacked(secret=SECRET):
    with folder() as path:
        unpack(path, "38-first-back-end.md", "39-webhooks.md", "40-api-of-back-ends.md")
        for name, text in (("webhook.secret", secret), ("api.key", "k" * 32), ("api.key.sha256", hashlib.sha256(b"k" * 32).hexdigest())):
            (path / name).touch(mode=0o600)
            (path / name).write_text(text)
        yield path


def has(*words):
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def languages():
    """By their name: how a back end is started on a port."""
    python = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
    if shutil.which("php"):
        yield "php", lambda port: ["php", "-d", "display_errors=0", "-S", f"127.0.0.1:{port}", "chat.php"]
    if has(python, "-c", "import flask"):
        yield "python", lambda port: [python, "-m", "flask", "--app", "chat.py", "run", "--port", str(port)]
    if MODULES.is_dir() and shutil.which("node"):
        yield "node", lambda port: ["node", "chat.mjs"]


@contextlib.contextmanager
def back_end(path, words, more=None):
    port = free_port()
    process = subprocess.Popen(words(port), cwd=path, env={**ENV, "PORT": str(port), **(more or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port), f"{words(port)} runs")
        yield port
    finally:
        process.kill()
        process.wait()


def answers(port):
    with contextlib.suppress(OSError):
        return http(port, "GET", "/").status > 0
    return False


def send(path, port, *words, status=0, secret="webhook.secret"):
    return yodel("webhook", "send", *words, "--url", f"http://127.0.0.1:{port}/", "--secret-file", str(path / secret), status=status)[0]


def test_back_ends_of_the_guide():
    for name, words in languages():
        with unpacked("whsec_" + "QUJD" * 11) as path, back_end(path, words) as port:
            print(f"in {name}")
            (path / "wrong").touch(mode=0o600)
            (path / "wrong").write_text("x" * 32)
            assert "accepts" in send(path, port, "connect", "--auth", '{"name": "ann"}')
            for wrong in ('{"name": ""}', '{"name": ["ann"]}', "{}"):
                assert "your name?" in send(path, port, "connect", "--auth", wrong, status=77), wrong
            said = send(path, port, "event", "--user", "ann", "--event", "say", "--args", '["hello"]', "--ack")
            assert "acks with [true]" in said and '"args":["ann","hello"]' in said.replace(" ", ""), said
            send(path, port, "event", "--event", "else")
            send(path, port, "disconnected")
            send(path, port, "node_started")
            send(path, port, "connect", "--auth", '{"name": "ann"}', secret="wrong", status=1)


def test_old_timestamps_are_refused():
    for name, words in languages():
        with unpacked() as path, back_end(path, words) as port:
            for age, status in ((0, 200), (299, 200), (302, 400), (-302, 400)):
                equal(post_aged(port, age), status, f"{name}, {age} s old")
            equal(post_signed(port, str(int(time.time())), sent=b'{"events": [ ]}'), 400, f"{name}, another body")


def post_signed(port, moment, body=b'{"events": []}', sent=None):
    code = base64.b64encode(hmac.digest(SECRET.encode(), b"id." + moment.encode() + b"." + body, "sha256")).decode()
    headers = [("Content-Type", "application/json"), ("webhook-id", "id"), ("webhook-timestamp", moment), ("webhook-signature", f"v1,wrong v1,{code}")]
    return http(port, "POST", "/", headers, sent or body).status


def post_aged(port, age):
    """The status of one that was not older, by a second and more, when it was judged."""
    while True:
        now = int(time.time())
        status = post_signed(port, str(now - age))
        if time.time() < now + 2:
            return status


def test_strangers_and_large_requests():
    """Who is not the program gets 400, whatever it sends; a message of 1 MiB, in base64, is not too large."""
    large = b'{"events": [], "attachments": ["' + b"A" * (1400 << 10) + b'"]}'
    for name, words in languages():
        with unpacked() as path, back_end(path, words) as port:
            equal(http(port, "POST", "/", [("Content-Type", "text/plain")], b"x").status, 400, f"{name}, another type")
            equal(http(port, "POST", "/", [("Content-Length", "0")]).status, 400, f"{name}, no body")
            equal(post_signed(port, str(int(time.time())), large), 200, f"{name}, a large body")


def test_strangers_at_the_examples():
    """The back ends of examples/backends answer whoever is not the program with 400, too."""
    path, now = ROOT / "examples/backends", str(int(time.time()))
    files = {"php": ("chat.php", "php/chat.php"), "python": ("chat.py", "flask/app.py"), "node": ("chat.mjs", "express/chat.js")}
    environment = {"WEBHOOK_SECRET": SECRET, "API_KEY": "k" * 32, "API_URL": "http://127.0.0.1:1/api/v1"}
    for name, start in languages():
        with back_end(path, lambda port: [word.replace(*files[name]) for word in start(port)], environment) as port:  # noqa: B023
            for headers in ([], [("webhook-id", "id")], [("webhook-id", "id"), ("webhook-timestamp", now)], [("webhook-signature", "v1,\u00e9 v1,x")]):
                equal(http(port, "POST", "/", headers, b"x").status, 400, f"{name}, {headers}")
            for age, status in ((0, 200), (302, 400), (-302, 400)):
                equal(post_aged(port, age), status, f"{name}, {age} s old")
            equal(post_signed(port, now, sent=b'{"events": [ ]}'), 400, f"{name}, another body")


def test_the_first_chat():
    with unpacked() as path, contextlib.ExitStack() as stack:
        start = dict(languages()).get("php")
        if start is None:
            return
        port = stack.enter_context(back_end(path, start))
        words = [f"listen.{name}.address=127.0.0.1:0" for name in ("public", "internal")] + [f"webhooks.main.url=http://127.0.0.1:{port}/"]
        equal(yodel("config", "check", "-c", str(path / "chat.yaml"))[1], "")
        server = stack.enter_context(Yodel("-c", str(path / "chat.yaml"), *[word for each in words for word in ("--set", each)]))
        assert b"socket.io.min.js" in http(server.port, "GET", "/").body
        try:
            SioClient(server.port, auth={}).close()
        except ConnectError as error:
            equal(error.args[0]["message"], "your name?")
        with SioClient(server.port, auth={"name": "ann"}) as ann:
            equal(ann.call("say", "hello"), [True])
            equal(ann.event(), ["said", "ann", "hello"])
            told = [json.loads(each) for each in curls(path, server.internal)]
            equal(ann.event(), ["said", "the back end", "hello"])
        assert "code" not in told[0], told
        equal([member["user"] for member in told[1]["members"]], ["ann"])
        equal([item["args"] for item in told[2]["items"]], [["ann", "hello"], ["the back end", "hello"]])


@contextlib.contextmanager
def first_chat(name, words):
    """yodel serve by chat.yaml of the guide, in front of one of its back ends."""
    with unpacked() as path, back_end(path, words) as port:
        more = [f"listen.{each}.address=127.0.0.1:0" for each in ("public", "internal")] + [f"webhooks.main.url=http://127.0.0.1:{port}/"]
        print(f"in {name}")
        with Yodel("-c", str(path / "chat.yaml"), *[word for each in more for word in ("--set", each)]) as server:
            yield server


def failures(server):
    """Requests that were not answered as they should, by outcome."""
    text = http(server.internal, "GET", "/metrics").body.decode()
    found = re.findall(r'^yodel_webhook_requests_total\{webhook="main",kind="(connect|event)",outcome="(\w+)"\} ([1-9]\d*)$', text, re.M)
    return [line for line in found if line[1] != "ok"]


def test_what_clients_send_makes_no_wrong_answer():
    """Names and texts that are no good in an answer are seen by the back end."""
    names = ["n" * 300, "n" * 100_000, "a\0b", "\n", "", " ", ["ann"], {"$gt": ""}, 5, True, None]
    placeholder = {"_placeholder": True, "num": 0}
    texts = ["a\0b", b"\x00", placeholder, {"a": {**placeholder, "num": -1}}, 10**30, 1e308, json.loads("[" * 100 + "]" * 100), {}, None]
    for name, words in languages():
        with first_chat(name, words) as server:
            for auth in [{"name": each} for each in names] + [{}, None]:
                try:
                    SioClient(server.port, auth=auth).close()
                    raise AssertionError(f"{name}: it lets in {str(auth)[:50]}")
                except ConnectError as error:
                    equal(error.args[0]["message"], "your name?")
            for text in texts:
                with SioClient(server.port, auth={"name": "\u0416_1"}) as client:
                    client.emit("say", text)
                    client.emit("say")
                    client.emit("__proto__", "x")
                    equal(client.call("say", "hello"), [True], f"{name}, after {str(text)[:50]}")
                    equal(client.event(), ["said", "\u0416_1", "hello"])
            equal(failures(server), [], name)


def test_commands_for_users_of_the_first_chat():
    """What the next chapters tell of works with the configuration and the key of the first one."""
    headers = [("Authorization", "Bearer " + "k" * 32), ("Content-Type", "application/json")]
    start = dict(languages())
    if not start:
        return
    with first_chat(*next(iter(start.items()))) as server, SioClient(server.port, auth={"name": "ann"}) as ann:
        for call, body in (
            ("/emit", {"to": {"users": ["ann"]}, "event": "hi"}),
            ("/join", {"of": {"users": ["ann"]}, "rooms": ["garden"]}),
            ("/update", {"of": {"sockets": [ann.sid]}, "meta": {"a": 1}}),
            ("/disconnect", {"of": {"users": ["ann"]}}),
        ):
            answer = http(server.internal, "POST", "/api/v1" + call, headers, json.dumps(body).encode())
            equal((answer.status, json.loads(answer.body).get("code")), (200, None), call)
        equal([ann.event(), ann.event()], [["hi"], ["disconnect"]])


def test_the_first_screen_of_the_readme():
    with folder() as path, contextlib.ExitStack() as stack:
        start = dict(languages()).get("php")
        if start is None:
            return
        for body in FENCE.findall((ROOT / "README.md").read_text())[:2]:
            (path / re.search(r"(\w+\.\w+), for", body[1])[1]).write_text(body[1])
        port = stack.enter_context(back_end(path, start))
        words = [f"listen.{name}.address=127.0.0.1:0" for name in ("public", "internal")] + [f"webhooks.main.url=http://127.0.0.1:{port}/"]
        server = stack.enter_context(Yodel("-c", str(path / "yodel.yaml"), *[word for each in words for word in ("--set", each)]))
        with SioClient(server.port, auth={"name": "ann"}) as ann:
            equal(ann.call("say", "hello"), [True])
            equal(ann.event(), ["said", "hello"])


def curls(path, port):
    """What the chapter's curl commands print."""
    text = (GUIDE / "38-first-back-end.md").read_text().replace("localhost:8001", f"127.0.0.1:{port}")
    for command in re.findall(r"^    (curl (?:.*\\\n)*.*)", text, re.M):
        done = subprocess.run(["bash", "-c", command], cwd=path, capture_output=True, text=True, check=False)
        equal(done.returncode, 0, done.stderr)
        yield done.stdout


def test_the_api_in_three_languages():
    calls = {
        "php": ["php", "-r", 'require "api.php"; echo json_encode([api("POST", "/emit", %s), api("GET", "/rooms")]); try { api("POST", "/emit", []); } catch (RuntimeException $e) { echo $e->getMessage(); }'],
        "python": [sys.executable, "-c", 'import api, json; print(json.dumps([api.api("POST", "/emit", %s), api.api("GET", "/rooms")]), end="")\ntry: api.api("POST", "/emit", {})\nexcept RuntimeException: print(error)'],
        "node": ["node", "--input-type=module", "-e", 'import { api } from "./api.mjs"; process.stdout.write(JSON.stringify([await api("POST", "/emit", %s), await api("GET", "/rooms")])); await api("POST", "/emit", {}).catch((error) => process.stdout.write(error.message));'],
    }
    calls["python"][2] = calls["python"][2].replace("RuntimeException", "RuntimeError as error")
    emit = '{"to": {"all": true}, "event": "hi"}'
    with unpacked() as path, contextlib.closing(Hooks()) as hooks:
        more = f"api: {{keys: [{{name: chat, sha256_file: {path}/api.key.sha256}}]}}"
        with Hooked(hooks, more=more) as server, server.client() as client:
            environment = {**ENV, "API_KEY": "k" * 32, "API_URL": f"http://127.0.0.1:{server.internal}/api/v1"}
            for name, _ in languages():
                body = "['to' => ['all' => true], 'event' => 'hi']" if name == "php" else emit.replace("true", "True") if name == "python" else emit
                words = [word.replace("%s", body) for word in calls[name]]
                done = subprocess.run(words, cwd=path, env=environment, capture_output=True, text=True, check=False)
                assert done.stdout.startswith('[{"delivered"') and done.stdout.strip().endswith("invalid"), (name, done)
                equal(client.event(), ["hi"])


def test_tokens_in_three_languages():
    claims = {"sub": "ann", "exp": 1893456000, "yodel": {"join": ["lobby"]}}
    php = "['sub' => 'ann', 'exp' => 1893456000, 'yodel' => ['join' => ['lobby']]]"
    calls = {
        "php": ["php", "-r", f'require "token.php"; echo token("{SECRET}", {php});'],
        "python": [sys.executable, "-c", f'import token_of; print(token_of.token("{SECRET}", {claims}))'],
        "node": ["node", "--input-type=module", "-e", f'import {{ token }} from "./token.mjs"; console.log(token("{SECRET}", {json.dumps(claims)}));'],
    }
    with unpacked() as path:
        for name, _ in languages():
            done = subprocess.run(calls[name], cwd=path, env=ENV, capture_output=True, text=True, check=True)
            words = ["--key-file", str(path / "webhook.secret"), "--at", "1893450000", "-o", "json", done.stdout.strip()]
            said = yodel("token", "check", *words)[0]
            assert '"ann"' in said, (name, said)


def shape(value, path=""):
    """The names of what is always there; what users put into it has any shape."""
    if not isinstance(value, dict) or path in (".auth", ".query", ".headers", ".socket.meta"):
        return path
    return sorted(str(shape(item, f"{path}.{name}")) for name, item in value.items())


def documented():
    """Events by their kind, and answers to each."""
    kind = None
    for body in blocks("39-webhooks.md", "json"):
        value = json.loads(body)
        if "events" in value or "results" in value:
            continue
        if "kind" in value:
            kind = value["kind"]
            yield kind, value, None
        else:
            yield kind, None, value


def test_events_are_as_documented():
    soon = lambda _: {"user": "ann", "rooms": ["lobby"], "expires_at": int(time.time()) + 5}  # noqa: E731
    later = lambda event: {"expires_at": event["expires_at"] + 3600, "actions": [{"emit": {"event": "refreshed"}}]}  # noqa: E731
    hook = ", kinds: [connect, connected, event, refresh, disconnected, occupied, vacated]"
    more = "rooms: [{match: '*', occupancy_events: true, vacated_delay: 100ms}]"
    with contextlib.closing(Hooks({"connect": soon, "refresh": later})) as hooks, Hooked(hooks, hook=hook, more=more) as server:
        with server.client(auth={"name": "ann"}, headers=[("User-Agent", "me")]) as client:
            client.emit("picture", "cat.png", b"\x00")
            equal(client.event(), ["refreshed"])
        hooks.until("disconnected")
        hooks.until("vacated")
        seen = {event["kind"]: event for event in hooks.started + hooks.events}
    told = [(kind, value) for kind, value, _ in documented() if value]
    equal({kind for kind, _ in told}, set(seen))
    for kind, value in told:
        equal(shape(value), shape(seen[kind]), kind)


def test_answers_are_as_documented():
    for kind, _, answer in documented():
        if answer is None:
            continue
        with folder() as path:
            (path / "answers").write_text(json.dumps({kind: {"*": answer} if kind == "event" else answer}))
            words = [YODEL, "webhook", "listen", "--address", "127.0.0.1:0", "--answers", path / "answers"]
            Program(words, r"^listening on http://127\.0\.0\.1:(\d+)/$", port_stream="stderr", env=ENV).kill()


os.umask(0o077)
run(dict(globals()))
