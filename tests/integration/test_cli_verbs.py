# SPDX-License-Identifier: MIT
"""yodel emit, sockets, batch and so on: the commands that ask a running yodel, how they end and what they say."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

from harness import LIMIT, WebSocket, equal, eventually, free_port, run, started
from sio_client import SioClient
from yodel_program import ENV, YODEL, Configured, Yodel, folder, yodel

WHO = "{name: /, auth: none, personal_room: 'user:{user}'}, {name: /x, auth: none}"


def config(path, keys=()):
    return f"""
listen:
  - {{name: file, address: "unix:{path}/api.sock", mode: "0600", serve: [api]}}
  - {{name: public, address: "127.0.0.1:0"}}
  - {{name: internal, address: "127.0.0.1:0", serve: [api, metrics, health]}}
namespaces: [{WHO}]
rooms: [{{match: "kept:*", history: {{size: 10}}}}]
websockets: [{{path: "/ws/{{room}}", auth: none}}]
api: {{keys: [{", ".join(keys)}]}}
shutdown: {{spread: 0s}}
"""


def key(name, secret, rest):
    return f"{{name: {name}, sha256: {hashlib.sha256(secret.encode()).hexdigest()}, {rest}}}"


class Server(Configured):
    def __init__(self, keys=()):
        super().__init__(lambda path: config(path, keys))

    def json(self, *words, **options):
        return json.loads(self.run(*words, "-o", "json", **options)[0])

    def says(self, *words, **options):
        return self.run(*words, **options)[0]


def row(text, number=1):
    return text.splitlines()[number].split()


def test_clients_are_reached():
    with Server() as server, SioClient(server.port) as client, SioClient(server.port) as other:
        equal(server.says("join", "chat:1", "chat:2", "--socket", client.sid), "matched  1\n")
        eventually(lambda: len(server.json("rooms", "chat:")["rooms"]) == 2, "it has joined")
        equal(row(server.says("rooms", "chat:")), ["chat:1", "1"])
        server.run("emit", "news", '{"a": 1}', "-5", '"x"', "--room", "chat:1")
        equal(client.event(), ["news", {"a": 1}, -5, "x"])
        server.run("emit", "--room=chat:1", "--text", "news", "--", "--all", "plain")
        equal(client.event(), ["news", "--all", "plain"])
        server.run("emit", "both", "--all", "--except-socket", other.sid, "--namespace", "/")
        equal(client.event(), ["both"])
        server.run("emit", "file", "1", "--attach", server.file("data", "\0bytes"), "--all", "--volatile", "--local", "--no-history")
        equal(client.event(), ["file", 1, b"\0bytes"])
        equal(other.event(), ["file", 1, b"\0bytes"])
        server.run("leave", "chat:1", "--room", "chat:1", "--must-exist")
        eventually(lambda: len(server.json("rooms", "chat:")["rooms"]) == 1, "it has left")
        server.run("disconnect", "--socket", client.sid, "--message", "bye")
        equal(client.event(), ["yodel:disconnect", {"message": "bye", "reconnect": False}])
        equal(client.event(), ["disconnect"])


def test_clients_are_read():
    with Server() as server, SioClient(server.port) as client, SioClient(server.port, "/x") as other:
        equal(server.says("sockets", "--count"), "1\n")
        equal([item["sid"] for item in server.json("sockets")["sockets"]], [client.sid])
        equal(row(server.says("sockets", "--namespace", "/x"))[0], other.sid)
        equal(row(server.says("sockets"))[2], "127.0.0.1")
        equal(server.json("update", "--socket", client.sid, "--meta", '{"a": 1}')["matched"], 1)
        eventually(lambda: server.json("sockets", client.sid).get("meta") == {"a": 1}, "the update is seen")
        server.run("update", "--all", "--expires-at", "+1h")
        eventually(lambda: server.json("sockets", client.sid).get("expires_at"), "it has an end")
        assert 'meta ' in server.says("sockets", client.sid)
        equal(server.json("presence", client.sid)["count"], 1)
        equal(server.says("presence", "--group", "lobby"), "SID  USER  INFO\n")
        with WebSocket(server.port, "/ws/lobby"):
            sid = server.json("presence", "--group", "lobby")["members"][0]["sid"]
            equal(row(server.says("presence", "--group", "lobby")), [sid, "-", "-"])
        equal(row(server.says("sockets"))[1], "-")  # nobody, not one who is called null
        equal(server.json("nodes")["nodes"][0]["self"], True)
        assert server.says("nodes").startswith("NAME")
        assert server.json("stats")["clients"] >= 2
        assert "\nclients " in server.says("stats")


def test_acknowledgements():
    with Server() as server, SioClient(server.port) as client, concurrent.futures.ThreadPoolExecutor() as pool:
        called = pool.submit(server.run, "emit", "ask", "1", "--socket", client.sid, "--ack")
        event, number = client.event_with_ack()
        equal(event, ["ask", 1])
        client.answer(number, {"fine": True})
        said, told = called.result()
        equal((row(said)[:2], told), ([client.sid, '[{"fine":true}]'], ""))
        called = pool.submit(server.run, "emit", "ask", "--all", "--first", "-o", "json")
        client.answer(client.event_with_ack()[1], 7)
        equal(json.loads(called.result()[0]), {"acks": [{"sid": client.sid, "args": [7]}], "missing": []})
        words = ("emit", "ask", "--socket", client.sid, "--socket", "nobody", "--ack", "--timeout", "200ms")
        said, told = server.run(*words, status=75)
        equal(sorted(line.split()[-1] for line in told.splitlines()), sorted([client.sid, "nobody"]))
        equal(len(server.json(*words, status=75)["missing"]), 2)


def test_history():
    with Server() as server:
        for number in range(3):
            server.run("emit", "e", str(number), "--room", "kept:1")
        items = server.json("history", "kept:1")["items"]
        equal([item["args"] for item in items], [[0], [1], [2]])
        equal(server.json("history", "kept:1", "--since", items[1]["offset"])["items"], items[2:])
        equal(server.json("history", "kept:1", "--reverse", "--limit", "2")["items"], items[:0:-1])
        equal(row(server.says("history", "kept:1"), 2)[1:], ["e", "[1]"])
        server.run("history", "kept:1", "--forget")
        equal(server.json("history", "kept:1")["items"], [])
        assert "This is not configured here" in server.run("history", "other", status=1)[1]


def test_pages():
    with Server() as server, SioClient(server.port) as client:
        names = [f"r{number:02}" for number in range(7)]
        server.run("join", *names, "--socket", client.sid)
        eventually(lambda: len(server.json("rooms", "r")["rooms"]) == 7, "it has joined")
        said, told = server.run("rooms", "r", "--limit", "3")
        equal((len(said.splitlines()), "--cursor 'r02'" in told), (4, True), told)
        equal([item["name"] for item in server.json("rooms", "r", "--limit", "3", "--cursor", "r02")["rooms"]], names[3:6])
        whole = server.json("rooms", "r", "--limit", "3", "--all-pages")
        equal([item["name"] for item in whole["rooms"]], names)
        said, told = server.run("rooms", "r", "--limit", "3", "--all-pages")
        equal(([line.split()[0] for line in said.splitlines()], told), (["ROOM", *names], ""))
        equal(len(server.json("sockets", "--all-pages")["sockets"]), 1)


def test_an_argument_that_looks_like_an_option():
    with Server() as server:
        said = server.run("sockets", "-QkZxW_sid", status=64)[1]
        assert "write -- before it" in said, said
        said = server.run("sockets", "--", "-QkZxW_sid", status=1)[1]
        assert "There is no such socket" in said, said


def test_names_say_nothing_to_a_terminal():
    with Server() as server, SioClient(server.port) as client:
        server.run("update", "--socket", client.sid, "--meta", '"\\u001b[31m\\u009b1m\x7f"')
        eventually(lambda: server.json("sockets", client.sid).get("meta"), "the update is seen")
        said = server.says("sockets", client.sid)
        assert not set(said) & {"\x1b", "\x9b", "\x7f"}, repr(said)


# ---- files ----


def commands(*more):
    return [{"id": "a", "emit": {"to": {"all": True}, "event": "one"}}, {"socket": {"sid": "nobody"}}, *more, {"stats": {}}]


def test_a_batch():
    with Server() as server, SioClient(server.port) as client:
        lines = "\n".join(json.dumps(command) for command in commands())
        for text in (json.dumps(commands()), json.dumps({"commands": commands()}), lines, "\n" + lines + "\n"):
            said = server.says("batch", server.file("commands", text), status=1).splitlines()
            equal(client.event(), ["one"])
            equal([line.split()[:2] for line in said], [["a", "ok"], ["2", "unknown_socket"], ["3", "ok"]])
        results = server.json("batch", server.file("commands", lines), "--parallel", status=1)["results"]
        equal([list(result)[-1] for result in results], ["ok", "error", "ok"])
        said, told = server.run("batch", server.file("commands", lines), "--stop-on-error", status=1)
        equal((len(said.splitlines()), told), (2, "yodel batch: 1 commands behind it were not run\n"))
        server.run("batch", server.file("commands", '{"stats": {}}'))
        server.run("batch", server.file("commands", '{\n"stats":\n{}\n}\n'))
        for text, words in (
            ("", "it has no commands"),
            ("[", "line 1"),
            ('{"commands": 1}', "must be a list"),
            ('{"stats": {}}\n\n{"emit": {"event": "e"}}\n', "line 3: /emit/to: is needed"),
            ('[{"stats": {}}, {"emit": {"too": 1}}]', 'command 2: /emit/too: not known here; did you mean "to"?'),
            ('{"stats": {}}\n{"stats"', "line 2: "),
        ):
            told = server.run("batch", server.file("commands", text), status=65)[1]
            assert words in told, told
        server.run("batch", str(server.path / "no file"), status=65)


def test_a_stream_is_run_as_it_comes():
    with Server() as server, SioClient(server.port) as client:
        equal(len(server.says("batch", server.file("lines", '{"stats":{}}\n{"nodes":{}}'), "--stream").splitlines()), 2)
        with started(
            [YODEL, "batch", "-", "--stream", "-o", "json"],
            env={**ENV, "YODEL_URL": server.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as worker:
            killer = threading.Timer(LIMIT, worker.kill)
            killer.start()
            for number in range(3):
                line = {"id": str(number), "emit": {"to": {"all": True}, "event": "e", "args": [number]}}
                worker.stdin.write(json.dumps(line) + "\n")
                worker.stdin.flush()
                result = json.loads(worker.stdout.readline())
                equal((result["id"], "ok" in result), (str(number), True))
                equal(client.event(), ["e", number])
            worker.stdin.write('{"stats": {}}\n{"stat": {}}\n{"nodes": {}}\n')
            said, told = worker.communicate()
            killer.cancel()
            equal(len(said.splitlines()), 1)
            assert 'line 5: /stat: not known here; did you mean "stats"?' in told, told
            equal(worker.returncode, 65)
        server.run("batch", "-", "--stream", "--parallel", status=64)


def test_a_stream_whose_server_goes():
    for goes in (lambda server: server.signal(signal.SIGTERM), lambda server: server.kill()):
        server = Server()
        try:
            with started(
                [YODEL, "batch", "-", "--stream"],
                env={**ENV, "YODEL_URL": server.url},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as worker:
                killer = threading.Timer(LIMIT, worker.kill)
                killer.start()
                worker.stdin.write('{"stats": {}}\n')
                worker.stdin.flush()
                assert worker.stdout.readline().startswith("1  ok")
                # Its input stays open: it learns of the end from the connection.
                goes(server.yodel)
                equal(worker.wait(LIMIT), 69)
                killer.cancel()
        finally:
            server.kill()


def test_many_lines():
    with Server() as server:
        text = "".join(json.dumps({"id": str(n), "emit": {"to": {"rooms": ["none"]}, "event": "e"}}) + "\n" for n in range(20000))
        said = server.says("batch", server.file("lines", text), "--stream").splitlines()
        equal([line.split()[0] for line in said], [str(number) for number in range(20000)])


# ---- how it ends ----


def test_what_is_wrong_is_not_sent():
    usage, data = 64, 65
    with folder() as path:
        nowhere = {"YODEL_URL": f"unix:{path}/no.sock"}
        for words, status, says in (
            (("emit",), usage, "usage: yodel emit EVENT"),
            (("emit", "e"), usage, "for whom?"),
            (("emit", "e", "--al"), usage, 'did you mean "--all"?'),
            (("emit", "e", "--all=1"), usage, 'wrong option "--all"'),
            (("emit", "e", "--all", "--room"), usage, "--room wants NAME"),
            (("emit", "e", "--all", "--timeout", "5s"), usage, "--timeout is for --ack"),
            (("emit", "e", "--all", "--ack", "--timeout", "5"), usage, "a time such as"),
            (("emit", "e", "--all", "--idempotency-key", "a\nb"), usage, "visible"),
            (("emit", "e", "--all", "-o", "xml"), usage, "text or json"),
            (("nodes", "x"), usage, "usage: yodel nodes"),
            (("sockets", "--limit", "x"), usage, "a number"),
            (("emit", "e", "--all", "text"), data, "argument 2 is no JSON"),
            (("emit", "e", "--all", "--room", "r"), data, "/to/all: must stand alone"),
            (("emit", "e", "--all", "--ack", "--timeout", "61s"), data, "/ack/timeout_ms: must be 1 to 60000"),
            (("emit", "e", "--all", "--ack", "--volatile"), data, "what may be dropped"),
            (("emit", "", "--all"), data, "/event: must not be empty"),
            (("emit", "e", "--room", "\ud8ff".encode("utf-8", "surrogatepass")), data, "--room is not UTF-8"),
            (("emit", "e", "--all", "--attach", f"{path}/no"), data, "No such file"),
            (("join", "r", "--room", "x" * 256), data, "/of/rooms/0: is too long"),
            (("update", "--all"), data, "nothing to change"),
            (("update", "--all", "--meta", "{"), data, "--meta is no JSON"),
            (("update", "--all", "--expires-at", "soon"), usage, "never"),
            (("sockets", "--room", "r", "--user", "u"), data, "/user: room or user"),
            (("sockets", "--limit", "1001"), data, "/limit: must be 1 to 1000"),
            (("presence",), data, "room or group is needed"),
            (("history", "r", "--group", "g"), data, "not both"),
            (("stats", "--url", "ftp://x"), 78, "an address is"),
            (("stats", "--url", "http://user:word@x"), 78, "has no user"),
            (("stats", "--url", "http://x?key=1"), 78, "no query"),
            (("stats", "--url", "unix:"), 78, "no path"),
            (("stats", "--key-file", f"{path}/no"), 78, "No such file"),
        ):
            said, told = yodel(*words, status=status, env=nowhere)
            equal(said, "", words)
            assert says in told, (words, told)
        assert "usage: yodel emit" in yodel("emit", "--help")[0]


def test_keys():
    keys = [key("all", "first", "scopes: [emit, rooms, read, admin]"), key("some", "second", "scopes: [read], rate: 2/h")]
    with Server(keys) as server:
        url = f"http://127.0.0.1:{server.yodel.internal}"
        first, second = server.file("first", "first\n"), server.file("second", "second")
        asks = lambda name, *words, **options: yodel(*words, env={"YODEL_URL": url, "YODEL_KEY_FILE": name}, **options)
        asks(first, "emit", "e", "--all")
        asks("", "stats", "--key-file", first, "--url", url + "/")
        assert "A valid key is needed" in asks("", "stats", status=77)[1]
        assert "A valid key is needed" in asks(server.file("third", "third"), "stats", status=77)[1]
        assert "the key may not emit" in asks(second, "emit", "e", "--all", status=77)[1]
        asks(second, "stats")
        asks(second, "stats")
        asks(second, "stats", status=75)
        problem = json.loads(asks(second, "emit", "e", "--all", "-o", "json", status=77)[1])
        equal(problem["code"], "scope")
        assert "others may read" in asks(server.file("open", "first", 0o644), "stats", status=78)[1]
        assert "it is no key" in asks(server.file("lines", "a\r\nX-More: b"), "stats", status=78)[1]
        # A wrong key is refused where none is needed.
        server.run("stats", status=77, env={"YODEL_KEY_FILE": server.file("third", "third")})
        # The same again is done once.
        with SioClient(server.port) as client:
            for _ in range(2):
                server.run("emit", "once", "--all", "--idempotency-key", "k1")
            server.run("emit", "then", "--all")
            equal([client.event(), client.event()], [["once"], ["then"]])
        # Listeners that do not serve the API, and servers that are something else.
        assert "There is no such address" in yodel("stats", "--url", f"http://127.0.0.1:{server.port}", status=69)[1]
        assert "no API of yodel" in yodel("stats", "--url", f"{url}/health", status=69)[1]


def test_a_unix_socket_is_for_some_users():
    for users, status in ((os.getuid(), 0), (os.getuid() + 1, 77)):
        with folder() as path:
            text = config(path).replace("api: {keys", f"api: {{unix_users: [{users}], keys")
            (path / "yodel.yaml").write_text(text)
            with Yodel("-c", str(path / "yodel.yaml")):
                yodel("stats", env={"YODEL_URL": f"unix:{path}/api.sock"}, status=status)


def test_https():
    with folder() as path:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost", "-days", "2", "-keyout", path / "key", "-out", path / "cert"],
            check=True,
            capture_output=True,
        )
        (path / "api.key").write_text("first")
        for name in ("key", "api.key"):
            (path / name).chmod(0o600)
        text = config(path, [key("all", "first", "scopes: [read]")])
        tls = f"tls: {{cert: [{path}/cert], key: [{path}/key]}}, serve: [api, metrics"
        (path / "yodel.yaml").write_text(text.replace("serve: [api, metrics", tls))
        with Yodel("-c", str(path / "yodel.yaml")) as server:
            ask = ("stats", "--url", f"https://localhost:{server.internal}", "--key-file", str(path / "api.key"))
            yodel(*ask, "--ca", str(path / "cert"))
            assert "certificate" in yodel(*ask, status=69)[1]
            assert "not a file of authorities" in yodel(*ask, "--ca", str(path / "no"), status=78)[1]
            yodel(*ask[:2], f"http://localhost:{server.internal}", status=69)


def test_nobody_answers():
    with folder() as path:
        for url in (f"unix:{path}/no.sock", f"http://127.0.0.1:{free_port()}", "http://no.such.host.invalid"):
            assert url in yodel("stats", "--url", url, status=69)[1]
        yodel("batch", "-", "--stream", "--url", f"unix:{path}/no.sock", status=69)
        (path / "plain").write_text("")
        yodel("stats", "--url", f"unix:{path}/plain", status=69)
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(path / "silent.sock"))
            silent.listen()
            assert "no answer in time" in yodel("stats", "--url", f"unix:{path}/silent.sock", "--max-time", "300ms", status=75)[1]
        # Whatever the environment says of proxies.
        proxy = {"http_proxy": f"http://127.0.0.1:{free_port()}", "YODEL_URL": "http://127.0.0.1:1"}
        assert "127.0.0.1:1:" in yodel("stats", env=proxy, status=69)[1]


def test_the_default_is_the_unix_socket():
    if not pathlib.Path("/run/yodel/api.sock").exists():
        assert "unix:/run/yodel/api.sock" in yodel("stats", status=69)[1]


run(dict(globals()))
