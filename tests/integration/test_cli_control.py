# SPDX-License-Identifier: MIT
"""yodel reload, reopen and stop: what the process was asked for has happened when they end."""

import hashlib
import json
import os
import signal
import subprocess
import threading

from harness import LIMIT, equal, eventually, http, listens, run
from sio_client import SioClient
from yodel_program import ENV, YODEL, Configured, folder, yodel


def hashed(key):
    return hashlib.sha256(key.encode()).hexdigest()


def config(path, more="log: {level: info}", queue="1MiB"):
    keys = ", ".join(
        f"{{name: {name}, sha256: {hashed(name)}, scopes: [{scopes}]}}"
        for name, scopes in (("boss", "process"), ("all", "emit, rooms, read, admin"))
    )
    return f"""
listen:
  - {{name: file, address: "unix:{path}/api.sock", mode: "0666", serve: [api]}}
  - {{name: public, address: "127.0.0.1:0"}}
  - {{name: internal, address: "127.0.0.1:0", serve: [api, health]}}
namespaces: [{{name: /, auth: none}}]
api: {{keys: [{keys}], unix_users: [4294967294]}}
limits: {{queue: {queue}}}
shutdown: {{spread: 0s, drain: 20s}}
{more}
"""


class Server(Configured):
    def __init__(self, **options):
        super().__init__(lambda path: config(path, **options))

    def key(self, name):
        return self.file(f"{name}.key", name)


def test_reload_says_what_has_changed():
    with Server() as server:
        equal(server.run("reload"), ("nothing has changed\n", ""))
        server.write(config(server.path, more="log: {level: warn}", queue="2MiB"))
        equal(server.run("reload")[0], "changed       log.level\nneeds restart limits.queue\n")
        equal(server.run("reload")[0], "needs restart limits.queue\n")
        # It is there: what a signal did needs to be waited for.
        server.write(config(server.path, more="log: {level: error}\nhealth: {loop_stall: 6s}"))
        said = json.loads(server.run("reload", "-o", "json")[0])
        equal(said, {"changed": ["health.loop_stall", "log.level"], "needs_restart": [], "warnings": []})


def test_reload_says_why_it_was_refused():
    with Server() as server:
        server.write(config(server.path, more="log: {levl: warn}"))
        said, told = server.run("reload", status=78)
        equal(said, "")
        assert 'yodel.yaml:' in told and 'unknown key "levl" (did you mean "level"?)' in told, told
        assert "The configuration was refused" in told, told
        problem = json.loads(server.run("reload", "-o", "json", status=78)[1])
        equal((problem["code"], problem["status"], len(problem["problems"])), ("config_refused", 422, 1))
        # What the checks of the file do not see.
        server.write(config(server.path, more="auth: {methods: [jwt], jwt: {algorithms: [EdDSA], keys: [{public_key: '-----BEGIN x'}]}}"))
        assert "the PEM text cannot be read" in server.run("reload", status=78)[1]
        assert http(server.yodel.internal, "GET", "/health/live").status == 200
        server.write(config(server.path))
        equal(server.run("reload")[0], "nothing has changed\n")


def test_many_reloads_at_once():
    with Server() as server:
        said = []
        threads = [threading.Thread(target=lambda: said.append(server.run("reload"))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        equal(said, [("nothing has changed\n", "")] * 12)


def test_reopen():
    with Server(more="") as server:
        equal(server.run("reopen"), ("", "yodel reopen: there is no log.file\n"))
    with folder() as path:
        log, old = path / "log", path / "log.1"
        with Server(more=f"log: {{file: '{log}'}}") as server:
            for _ in range(3):
                os.rename(log, old)
                equal(server.run("reopen"), ("", ""))
                # When it has ended the file is there.
                assert log.exists()
            equal(json.loads(server.run("reopen", "-o", "json")[0]), {"file": str(log)})
            log.unlink()
            log.mkdir()
            assert "Is a directory" in server.run("reopen", status=1)[1]
            log.rmdir()


def test_stop_waits_until_it_has():
    with Server() as server, SioClient(server.yodel.port):
        equal(server.run("stop"), ("", ""))
        equal(server.yodel.wait(), 0)
        assert server.run("stop", status=69)
    with Server() as server:
        pid = server.yodel.process.pid
        equal(json.loads(server.run("stop", "--now", "-o", "json")[0]), {"pid": pid, "gone": True})
        equal(server.yodel.wait(), 0)
    with Server() as server:
        equal(json.loads(server.run("stop", "--no-wait", "-o", "json")[0])["gone"], False)
        equal(server.yodel.wait(), 0)


def test_stop_says_that_it_still_runs():
    with Server() as server:
        server.write(config(server.path).replace("spread: 0s", "spread: 20s"))
        server.run("reload")
        with SioClient(server.yodel.port), SioClient(server.yodel.port), SioClient(server.yodel.port):
            said, told = server.run("stop", "--timeout", "300ms", status=75)
            equal((said, told), ("", f"yodel stop: process {server.yodel.process.pid} still runs\n"))
            # Nobody listens during a drain; a second signal ends it.
            eventually(lambda: not listens(server.path / "api.sock"), "nobody listens")
            server.run("stop", status=69)
            server.yodel.signal(signal.SIGTERM)
            equal(server.yodel.wait(), 0)


def test_who_may():
    with Server() as server:
        url = f"http://127.0.0.1:{server.yodel.internal}"
        for words in (("reload",), ("reopen",), ("stop",)):
            assert "A valid key is needed" in yodel(*words, "--url", url, status=77)[1]
            told = yodel(*words, "--url", url, "--key-file", server.key("all"), status=77)[1]
            assert "the key has not the scope process" in told, told
            # A wrong key is refused where none is needed.
            server.run(*words, "--key-file", server.key("wrong"), status=77)
        # The owner may, whom unix_users does not name; that is about commands.
        server.run("reload")
        server.run("stats", status=77)
        if os.getuid() == 0:
            os.chmod(server.path, 0o755)
            done = subprocess.run(
                [YODEL, "reload"],
                env={**ENV, "YODEL_URL": server.url},
                user=65534,
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
            equal(done.returncode, 77, done.stderr)
        boss = ("--url", url, "--key-file", server.key("boss"))
        yodel("reload", *boss)
        assert "the key may not stats" in yodel("stats", *boss, status=77)[1]
        equal(yodel("stop", *boss), ("", "yodel stop: it stops, and cannot be seen from here\n"))
        equal(server.yodel.wait(), 0)


def test_requests():
    with Server() as server:
        ask = lambda method, path, key="boss": http(server.yodel.internal, method, f"/api/v1/{path}", [("Authorization", f"Bearer {key}")])
        process = json.loads(ask("GET", "process").body)
        equal((process["pid"], process["draining"], process["reload"]["ok"]), (server.yodel.process.pid, False, True))
        equal(ask("GET", "process", "all").status, 403)
        for method, path in (("GET", "reload"), ("GET", "stop"), ("POST", "process"), ("DELETE", "reopen")):
            response = ask(method, path)
            equal(response.status, 405)
        equal(ask("POST", "reload").status, 200)
        server.write("listen: 1\n")
        equal(json.loads(ask("POST", "reload").body)["code"], "config_refused")
        equal(json.loads(ask("GET", "process").body)["reload"]["ok"], False)
        # No command: neither a batch nor a stream has them.
        body = json.dumps({"commands": [{"reload": {}}]}).encode()
        headers = [("Authorization", "Bearer all"), ("Content-Type", "application/json")]
        assert b'"error"' in http(server.yodel.internal, "POST", "/api/v1/batch", headers, body).body
        eventually(server.yodel.alive, "it runs")


run(dict(globals()))
