# SPDX-License-Identifier: MIT
"""The yodel program: its command line, and `yodel serve` from the start to the drain."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import stat
import subprocess

from harness import LIMIT, Program, connect, equal, eventually, http, run
from sio_client import SioClient
from yodel_program import YODEL, Yodel, file, folder, yodel

OPEN = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [metrics, health]}
namespaces: [{name: /, auth: none}, {name: /chat, auth: none}]
shutdown: {spread: 0s}
"""


# ---- the command line ----


def test_version():
    said, _ = yodel("version")
    assert re.fullmatch(r"yodel \d+\.\d+\.\d+ \(library \d+\.\d+\.\d+\)\n", said), said
    equal(yodel("--version")[0], said)
    assert json.loads(yodel("version", "-o", "json")[0])["program"] in said


def test_usage():
    for words in ([], ["confg"], ["config"], ["config", "chek"], ["version", "x"], ["serve", "--sett", "a=b"], ["serve", "-c"]):
        said, told = yodel(*words, status=64)
        equal(said, "")
        assert "usage: yodel" in told, told
    assert 'did you mean "config"?' in yodel("confg", status=64)[1]
    assert "usage: yodel serve" in yodel("serve", "--help")[0]


def test_check_says_where():
    with file("log:\n  levl: info\n") as path:
        said, told = yodel("config", "check", "-c", path, status=78)
        equal(said, "")
        equal(told, f'{path}:2:3: error: unknown key "levl" (did you mean "level"?)\n')
        told = yodel("config", "check", "-c", path, "-o", "json", status=78)[1]
        equal([json.loads(told)[0][name] for name in ("line", "column", "severity")], [2, 3, "error"])
        yodel("config", "check", "--lax", "-c", path, "--set", "namespaces=[{name: /, auth: none}]")


def test_check_opens_files():
    with file('listen: [{name: a, address: "*:0", tls: {cert: [no.pem], key: [no.key]}}]\n' + 'namespaces: []\n') as path:
        assert "no.pem: No such file" in yodel("config", "check", "-c", path, status=78)[1]


def test_check_says_what_serve_would_refuse():
    with folder() as path:
        make_pair(path, "a")
        make_pair(path, "b")
        (path / "odd").write_text("-----BEGIN")
        listen = 'listen: [{{name: public, address: "127.0.0.1:0", tls: {{cert: [{0}/{1}], key: [{0}/{2}]}}}}]\n'
        for text, says in (
            (listen.format(path, "a.pem", "b.key"), f": error: listen.public.tls: {path}/b.key: not the key of {path}/a.pem"),
            (listen.format(path, "odd", "b.key"), "odd: no certificate in PEM"),
            (listen.format(path, "a.pem", "odd"), "odd: no private key in PEM"),
            ('listen: [{name: a, address: "unix:/x", owner: no-such-user}]', ": error: listen.a.owner: there is no user no-such-user"),
            ('listen: [{name: a, address: "unix:/x", group: no-such-group}]', ": error: listen.a.group: there is no group no-such-group"),
            ("api: {unix_users: [no-such-user]}", ": error: api.unix_users[0]: there is no user no-such-user"),
            ("log: {file: /no-such-folder/yodel.log}", ": error: log.file: /no-such-folder: No such file"),
            (f"log: {{file: {path}}}", f": error: log.file: {path}: is a folder"),
            ("clients: {page: /no-such-folder}", ": error: clients.page: /no-such-folder: No such file"),
            (f"clients: {{page: {path}/odd}}", f": error: clients.page: {path}/odd: Not a directory"),
            (f"auth: {{methods: [jwt], jwt: {{audience: a, algorithms: [RS256], jwks_url: {path}/odd}}}}", f": error: auth.jwt: jwks_file \"{path}/odd\": "),
            (f"auth: {{methods: [jwt], jwt: {{audience: a, algorithms: [RS256], jwks_url: {path}/none}}}}", f": error: auth.jwt: jwks_file \"{path}/none\": "),
        ):
            (path / "yodel.yaml").write_text(text + "\nnamespaces: [{name: /, auth: none}]\n")
            told = yodel("config", "check", "-c", str(path / "yodel.yaml"), status=78)[1]
            assert says in told, told
        (path / "yodel.yaml").write_text(listen.format(path, "a.pem", "a.key") + "namespaces: [{name: /, auth: none}]\n")
        yodel("config", "check", "-c", str(path / "yodel.yaml"))


def test_check_resolves_hosts_when_asked():
    hosts = {
        'listen: [{name: a, address: "no-such-host.invalid:80"}]': ": error: listen.a.address: no-such-host.invalid: ",
        'redis: {url: "redis://user@no-such-host.invalid:6379/1"}': ": error: redis.url: no-such-host.invalid: ",
        "webhooks: [{name: w, url: 'http://no-such-host.invalid/x'}]": ": error: webhooks.w.url: no-such-host.invalid: ",
    }
    for text, says in hosts.items():
        with file(text + "\nnamespaces: [{name: /, auth: none}]\n") as path:
            yodel("config", "check", "-c", path)
            told = yodel("config", "check", "--online", "-c", path, status=78)[1]
            assert says in told, told
    with file("redis: {url: 'redis://localhost'}\nnamespaces: [{name: /, auth: none}]\n") as path:
        yodel("config", "check", "--online", "-c", path)


def test_show():
    with file(OPEN) as path:
        environment = {"YODEL_LOG__LEVEL": "warn", "YODEL_CONFIG": path}
        said = yodel("config", "show", "--changed", "--set", "limits.queue=2MiB", env=environment)[0]
        assert "  queue: 2MiB\n" in said and "  level: warn\n" in said and "socketio" not in said, said
        with file(yodel("config", "show", env=environment)[0]) as shown:
            equal(yodel("config", "show", env={"YODEL_CONFIG": shown}), yodel("config", "show", env=environment))
        said = json.loads(yodel("config", "show", "-o", "json", env=environment)[0])
        equal(said["log"]["level"], "warn")
        equal(said["limits"]["queue"], "1MiB")
        equal(said["limits"]["rooms_per_socket"], 256)
        lines = yodel("config", "show", "--env", "--changed", env=environment)[0].splitlines()
        assert "YODEL_LOG__LEVEL=warn" in lines and 'YODEL_NAMESPACES__1__NAME="/chat"' in lines, lines


def test_explain():
    said = yodel("config", "explain", "limits.queue")[0]
    assert "bounds   4KiB to 1GiB" in said and "default  1MiB" in said, said
    assert yodel("config", "explain", "webhooks.main.retry.for")[0].startswith("webhooks.main.retry.for\n")
    # Names of keys in lists are taken as they are shown.
    assert yodel("config", "explain", "api.keys[].namespaces")[0].startswith("api.keys[].namespaces\n")
    assert yodel("config", "explain", "listen[0].tls.cert")[0].startswith("listen[0].tls.cert\n")
    assert 'no option "listen[x]"' in yodel("config", "explain", "listen[x]", status=64)[1]
    assert "a file that has it" not in yodel("config", "explain", "limits")[0]
    assert 'did you mean "queue"?' in yodel("config", "explain", "limits.quue", status=64)[1]
    assert len(json.loads(yodel("config", "explain", "-o", "json")[0])) > 100


def test_init():
    with folder() as path:
        made = yodel("config", "init", str(path / "new"))[0].split()
        equal([pathlib.Path(name).name for name in made], ["jwt.secret", "webhook.secret", "api.key", "yodel.yaml"])
        for name in made:
            equal(stat.S_IMODE(os.stat(name).st_mode), 0o600)
        equal(yodel("config", "check", "-c", made[3])[1], "")
        secret = pathlib.Path(made[0]).read_text()
        assert secret not in yodel("config", "show", "-c", made[3])[0]
        os.unlink(made[0])
        assert "webhook.secret: File exists" in yodel("config", "init", str(path / "new"), status=1)[1]
        assert not os.path.exists(made[0])


# ---- serving ----


def test_serve_without_a_file():
    with Yodel("--set", "listen.public.address=127.0.0.1:0", "--set", "listen.internal.address=127.0.0.1:0") as server:
        page = http(server.port, "GET", "/")
        equal(page.status, 200)
        assert b"yodel config init" in page.body
        equal(server.status(server.internal, "/"), 404)
        with SioClient(server.port) as client:
            client.emit("hello", 1)


def test_serve_what_belongs_where():
    with file(OPEN) as path, Yodel("-c", path) as server:
        equal(server.status(server.port, "/"), 404)
        eventually(lambda: server.status(server.internal, "/health/ready") == 200, "all its loops have started")
        for route in ("/health/live", "/health/ready", "/metrics"):
            equal(server.status(server.port, route), 404)
            equal(server.status(server.internal, route), 200)
        polling = "/socket.io/?EIO=4&transport=polling"
        equal(server.status(server.port, polling), 200)
        equal(server.status(server.internal, polling), 404)
        for headers, status in (
            ([("Origin", "http://other.example")], 403),
            ([("Origin", "null")], 403),
            ([("Origin", "https://LOCALHOST")], 200),
            ([("Sec-Fetch-Site", "cross-site")], 403),
            ([("Sec-Fetch-Site", "same-origin")], 200),
        ):
            equal(server.status(server.port, polling, headers), status, headers)


def test_serve_namespaces_and_metrics():
    with file(OPEN) as path, Yodel("-c", path) as server:
        with SioClient(server.port), SioClient(server.port, "/chat"):
            metrics = http(server.internal, "GET", "/metrics").body.decode()
            counted = re.findall(r'^yodel_connections\{transport="\w+"\} (\d+)$', metrics, re.M)
            equal(sum(map(int, counted)), 2)
            for name in re.findall(r"^# TYPE (\w+) ", metrics, re.M):
                equal(len(re.findall(rf"^# HELP {name} ", metrics, re.M)), 1)


def test_serve_refuses_what_it_cannot():
    with file("namespaces: [{name: /, auth: none}]\nevents: [{path: /a}]\n") as path:
        told = yodel("serve", "-c", path, status=78)[1]
        assert "events[0].auth: required, and auth.methods is empty" in told, told
    assert "in use" in refuse_taken()


def refuse_taken():
    with file(OPEN) as path, Yodel("-c", path) as server:
        return yodel("serve", "-c", path, "--set", f"listen.public.address=127.0.0.1:{server.port}", status=1)[1]


def test_serve_reloads_all_or_nothing():
    with file(OPEN) as path, Yodel("-c", path) as server:
        with SioClient(server.port) as client:
            pathlib.Path(path).write_text(OPEN + "log: {level: debg}\n")
            server.signal(signal.SIGHUP)
            eventually(lambda: "all stays as it was" in server.said(), "the reload is refused")
            assert f'{path}:7:14: log.level: \\"debg\\" is none of' in server.said(), server.said()
            assert b"yodel_config_last_reload_successful 0\n" in http(server.internal, "GET", "/metrics").body
            pathlib.Path(path).write_text(
                OPEN.replace("{name: /chat", "{name: /new, auth: none}, {name: /chat")
                + "limits: {queue: 2MiB}\nhealth: {loop_stall: 6s}\n"
            )
            server.signal(signal.SIGHUP)
            eventually(lambda: "reload: done" in server.said(), "the reload is done")
            said = server.said()
            assert "reload: limits.queue has changed, and needs a restart" in said, said
            assert 'reload: health.loop_stall has changed"' in said, said
            assert b"yodel_config_last_reload_successful 1\n" in http(server.internal, "GET", "/metrics").body
            with SioClient(server.port, "/new"):
                client.emit("still here")


def test_serve_limits_connections_by_time():
    """Of one client: neither others nor probes are held up."""
    with file(OPEN + "limits: {connect_rate: 3/h}\n") as path, Yodel("-c", path) as server:
        ask = lambda: server.status(server.port, "/socket.io/?EIO=4&transport=polling")
        equal([ask() for _ in range(5)], [200, 200, 200, 429, 429])
        with socket.create_connection(("127.0.0.1", server.port), LIMIT, ("127.0.0.2", 0)) as other:
            other.sendall(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n")
            assert other.recv(4096).startswith(b"HTTP/1.1 200"), "another client is let in"
        equal([server.status(server.internal, "/health/live") for _ in range(5)], [200] * 5)


def fill(server, num):
    """num clients that connect and stay."""
    eventually(lambda: server.status(server.internal, "/health/ready") == 200, "all its loops have started")
    with contextlib.ExitStack() as stack:
        for _ in range(num):
            stack.enter_context(connect(server.port))
        eventually(lambda: has_refused(server), "clients are refused")
        equal([server.status(server.internal, path) for path in ("/health/live", "/health/ready", "/metrics")], [200] * 3)


def has_refused(server):
    text = http(server.internal, "GET", "/metrics").body.decode()
    return float(re.search(r'^yodel_connections_refused_total\{reason="connections"\} (\S+)$', text, re.M)[1]) > 0


def test_serve_answers_probes_when_it_is_full():
    with file(OPEN + "limits: {connections: 10}\n") as path, Yodel("-c", path) as server:
        fill(server, 30)
    with file(OPEN + "server: {loops: 1}\nlimits: {connections: 1000}\n") as path:
        words = ["sh", "-c", 'ulimit -n 64; exec "$0" serve -c "$1"', YODEL, path]
        with Program(words, r"^listening on public \S+ (\d+\nlistening on internal \S+ \d+)$", convert=str) as program:
            program.port, program.internal = map(int, re.findall(r"\d+$", program.port, re.M))
            program.status = lambda port, path: http(port, "GET", path).status
            eventually(lambda: "limits.connections: 9 at most, as 64 descriptors" in program.said(), "it is told")
            fill(program, 200)


def make_pair(path, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}"]
        + ["-days", "2", "-keyout", path / f"{name}.key", "-out", path / f"{name}.pem"],
        check=True,
        capture_output=True,
        timeout=LIMIT,
    )
    for kind in ("key", "pem"):
        os.replace(path / f"{name}.{kind}", path / f"{'b' if name.startswith('b') else 'a'}.{kind}")
    os.chmod(path / ("b.key" if name.startswith("b") else "a.key"), 0o600)


def shown(port):
    """The certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connect(port) as plain, context.wrap_socket(plain) as sock:
        return sock.getpeercert(binary_form=True)


def test_serve_reloads_all_certificates_or_none():
    with folder() as path:
        make_pair(path, "a")
        make_pair(path, "b")
        listen = "\n".join(
            f'  - {{name: {name}, address: "127.0.0.1:0", tls: {{cert: [{path}/{x}.pem], key: [{path}/{x}.key]}}}}'
            for name, x in (("public", "a"), ("internal", "b"))
        )
        (path / "yodel.yaml").write_text(f"listen:\n{listen}\nnamespaces: [{{name: /, auth: none}}]\nshutdown: {{spread: 0s}}\n")
        with Yodel("-c", str(path / "yodel.yaml")) as server:
            before = shown(server.port), shown(server.internal)
            make_pair(path, "a2")
            make_pair(path, "b2")
            good = (path / "b.pem").read_bytes()
            (path / "b.pem").write_bytes(good[:100])
            server.signal(signal.SIGHUP)
            eventually(lambda: "all stays as it was" in server.said(), "the reload is refused")
            equal((shown(server.port), shown(server.internal)), before)
            (path / "b.pem").write_bytes(good)
            server.signal(signal.SIGHUP)
            eventually(lambda: "reload: done" in server.said(), "the reload is done")
            assert shown(server.port) != before[0] and shown(server.internal) != before[1]


def test_serve_drains():
    with file(OPEN) as path, Yodel("-c", path) as server:
        with SioClient(server.port):
            server.signal(signal.SIGTERM)
            equal(server.wait(), 0)


def test_serve_ends_at_once():
    with file(OPEN + "clients: {origins: ['*']}\n") as path:
        for signals in ([signal.SIGQUIT], [signal.SIGTERM, signal.SIGINT]):
            with Yodel("-c", path) as server:
                with connect(server.port) as half:
                    half.send(b"GET / HTTP/1.1\r\n")
                    for number in signals:
                        server.signal(number)
                    equal(server.wait(), 0)


def test_a_short_drain_alone_is_no_mistake():
    """Without webhooks the time for what is left to tell them is nobody's."""
    with file("namespaces: [{name: /, auth: none}]\nshutdown: {drain: 3s, spread: 1s}\n") as path:
        yodel("config", "check", "-c", path)


run(dict(globals()))
