# SPDX-License-Identifier: MIT
"""yodel serve as a process: its log, signals, and what it tells who has started it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

from harness import LIMIT, Stream, WebSocket, connect, equal, eventually, http, request_bytes, run, started
from sio_client import SioClient
from yodel_program import ENV, YODEL, Yodel, file, folder, yodel

OPEN = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [metrics, health]}
namespaces: [{name: /, auth: none}]
shutdown: {spread: 0s}
"""


def lines(path):
    """Those that are whole: what was said is written by a thread, and comes into the file a moment later."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def test_log_file_is_opened_anew():
    with folder() as place, file(OPEN) as path:
        log, old = place / "yodel.log", place / "yodel.log.1"
        with Yodel("-c", path, "--set", f"log.file={log}", "--set", "log.level=debug") as server:
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: any(line["msg"] == "reload: done" for line in lines(log)), "the reload is in the file")
            log.rename(old)
            server.process.send_signal(signal.SIGUSR1)
            eventually(lambda: [line["msg"] for line in lines(log)][:1] == ["log.file: opened again"], "it is opened again")
            server.process.send_signal(signal.SIGUSR2)
            eventually(lambda: any(line["level"] == "warn" for line in lines(log)), "and written to")
        equal(lines(log)[-1]["level"], "info")  # what was said at the end is there
        equal(log.stat().st_mode & 0o777, 0o640 & ~umask())
        told = yodel("serve", "-c", path, "--set", f"log.file={place}/none/log", status=78)[1]
        assert f"log.file: {place}/none/log: No such file or directory" in told, told


def test_a_start_fails_by_kind():
    """What stays wrong until somebody changes it ends with 78, which systemd does not start again; what may pass with 1."""
    with folder() as place, socket.create_server(("127.0.0.1", 0)) as taken:
        (place / "file").write_text("{}")
        unix = f'listen: [{{{{name: a, address: "unix:{place}/sock", {{}}}}}}]'
        for text, status, says in (
            (unix.format("owner: no-such-user"), 78, "listen.a.owner: there is no user no-such-user"),
            (unix.format("group: no-such-group"), 78, "listen.a.group: there is no group no-such-group"),
            (f'listen: [{{name: a, address: "unix:{place}/none/sock"}}]', 78, f"listen.a.address: unix:{place}/none/sock: No such file or directory"),
            (f'listen: [{{name: a, address: "127.0.0.1:0", tls: {{cert: [{place}/file], key: [{place}/file]}}}}]', 78, "listen.a.tls: 127.0.0.1:0: TLS failure"),
            (f"clients: {{page: {place}/none}}", 78, f"clients.page: {place}/none: No such file or directory"),
            (f"clients: {{page: {place}/file}}", 78, f"clients.page: {place}/file: Not a directory"),
            ("api: {unix_users: [no-such-user]}", 78, "api.unix_users[0]: there is no user no-such-user"),
            (f"log: {{file: {place}/none/log}}", 78, f"log.file: {place}/none/log: No such file or directory"),
            (f"server: {{handover: {place}/none/handover}}", 78, "server.handover: No such file or directory"),
            (f"auth: {{methods: [jwt], jwt: {{audience: a, algorithms: [RS256], jwks_url: {place}/file}}}}", 78, f"auth.jwt: jwks_file \"{place}/file\": "),
            (f'listen: [{{name: a, address: "127.0.0.1:{taken.getsockname()[1]}"}}]', 1, "Address already in use"),
            ('listen: [{name: a, address: "192.0.2.1:0"}]', 1, "Cannot assign requested address"),
        ):
            more = "" if text.startswith("listen") else 'listen: [{name: a, address: "127.0.0.1:0"}]\n'
            (place / "yodel.yaml").write_text(more + text + "\nnamespaces: [{name: /, auth: none}]\n")
            told = yodel("serve", "-c", str(place / "yodel.yaml"), status=status)[1]
            assert says in told.replace("\\\"", "\""), (says, told)


def refused(path, *words, status, env=None):
    """What a start that fails says, without what stands in front of it."""
    told = yodel("serve", "-c", path, *words, env=env, status=status)[1].splitlines()
    return [json.loads(line)["msg"] if line.startswith("{") else line.removeprefix("yodel: ") for line in told]


def test_a_start_says_where():
    """What the reader of the configuration cannot know is told with the place of the option, too, as is what config check finds."""
    with folder() as place, socket.create_server(("127.0.0.1", 0)) as taken:
        path, port = str(place / "yodel.yaml"), taken.getsockname()[1]
        (place / "more.yaml").write_text("\nlisten:\n  - name: b.tls\n    address: '127.0.0.1:0'\n    tls:\n      cert: [none]\n      key: [none]\n")
        (place / "yodel.yaml").write_text(
            "namespaces: [{name: /, auth: none}]\n"
            "listen:\n"
            "  - name: a\n"
            f"    address: 127.0.0.1:{port}\n"
            "log:\n"
            "  level: info\n"
            "clients:\n"
            f"  page: {place}/none\n"
        )
        page = ("--set", f"clients.page={place}")
        in_use = f"listen.a.address: 127.0.0.1:{port}: Address already in use"
        for words, env, status, says in (
            ((), {}, 78, f"{path}:8:9: clients.page: {place}/none: No such file or directory"),
            (page, {}, 1, f"{path}:4:14: {in_use}"),
            ((*page, "--set", f"listen.a.address=127.0.0.1:{port}"), {}, 1, f"--set listen.a.address: {in_use}"),
            (page, {"YODEL_LISTEN__0__ADDRESS": f"127.0.0.1:{port}"}, 1, f"environment YODEL_LISTEN__0__ADDRESS: {in_use}"),
            ((*page, "--set", "api.unix_users=[root, nobody-at-all]"), {}, 78, "--set api.unix_users: api.unix_users[1]: there is no user"),
            ((*page, "--set", f"log.file={place}/none/log"), {}, 78, f"--set log.file: log.file: {place}/none/log: No such"),
        ):
            told = refused(path, *words, env=env, status=status)
            assert any(said.startswith(says) for said in told), (says, told)
        (place / "yodel.yaml").write_text(f"include: [more.yaml]\nnamespaces: []\nlisten:\n  - name: a\n    address: 127.0.0.1:0\nclients: {{page: {place}/none}}\n")
        says = f"{place}/more.yaml:6:7: listen.b.tls.tls: 127.0.0.1:0: "
        assert any(said.startswith(says) for said in refused(path, *page, status=78)), says
        told = yodel("config", "check", "-c", path, status=78)[1].splitlines()
        for says in (f"{place}/more.yaml:6:7: error: listen.b.tls.tls: {place}/none: No such", f"{path}:6:17: error: clients.page: {place}/none: No such"):
            assert any(said.startswith(says) for said in told), (says, told)


def test_events_have_names():
    with folder() as place, file(OPEN.replace("auth: none", "auth: required") + "auth: {methods: [jwt], jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}]}}\n") as path:
        log = place / "log"
        with Yodel("-c", path, "--set", f"log.file={log}", "--set", "server.id=n1") as server:
            with contextlib.suppress(Exception), SioClient(server.port):
                pass
            eventually(lambda: any(line["event"] == "auth.refused" for line in lines(log)), "a refusal is told")
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: any(line["event"] == "reload.done" for line in lines(log)), "a reload is told")
        said = lines(log)
        refused = next(line for line in said if line["event"] == "auth.refused")
        equal((refused["node"], refused["address"], refused["error"]), ("n1", "127.0.0.1", "empty"))
        equal(list(refused), ["ts", "level", "node", "event", "msg", "address", "port", "error"])
        assert {"library", "stop.drain"} <= {line["event"] for line in said}, said


def test_access():
    """Who comes and goes: a line each, with what belongs together, and no secrets."""
    more = "websockets: [{path: /ws, auth: none}]\nauth: {methods: [jwt], jwt: {sources: [\"query:t\"], keys: [{secret: 0123456789abcdef0123456789abcdef}]}}\n"
    with folder() as place, file(OPEN + more) as path:
        log = place / "log"
        words = ["-c", path, "--set", f"log.file={log}", "--set", "log.format=json", "--set", "log.level=error"]
        with Yodel(*words, "--set", "log.access=connections") as server:
            with SioClient(server.port) as client:
                sid = client.sid
            with WebSocket(server.port, "/ws?room=a&t=secret&token=secret2"):
                pass
            events = lambda: [line["event"] for line in lines(log)]
            eventually(lambda: events().count("connection.closed") == 2, "both have gone")
            for name in ("connection.opened", "socket.connected", "socket.disconnected"):
                assert name in events(), events()
            first = [line for line in lines(log) if line["conn"] == lines(log)[0]["conn"]]
            equal([line["event"] for line in first], ["connection.opened", "socket.connected", "socket.disconnected", "connection.closed"])
            equal(list(first[1]), ["ts", "level", "node", "event", "msg", "conn", "sid", "namespace", "address", "port"])
            equal((first[1]["sid"], first[1]["namespace"], first[2]["reason"]), (sid, "/", "transport close"))
            equal((first[3]["transport"], first[3]["reason"]), ("websocket", "client"))
            equal({line["address"] for line in lines(log)}, {"127.0.0.1"})
            raw = [line for line in lines(log) if line.get("transport") == "raw_websocket"]
            equal([line["event"] for line in raw], ["connection.opened", "connection.closed"])
            equal(raw[0]["path"], "/ws?room=a&t=***&token=***")
            assert "secret" not in log.read_text()
        with Yodel(*words) as server:
            before = len(lines(log))
            with SioClient(server.port):
                pass
        equal(len(lines(log)), before)


def alone(port, url):
    """A connection of which there is no other: the one before may not have ended yet."""
    while True:
        stream = Stream(connect(port))
        stream.send(request_bytes("GET", url))
        if stream.response().status == 200:
            return stream
        stream.close()


def test_refusals():
    """Where a limit is reached and where a page is of elsewhere: a line with the reason and the address."""
    with folder() as place, file(OPEN) as path:
        log = place / "log"
        with Yodel("-c", path, "--set", f"log.file={log}", "--set", "limits.per_address=1") as server:
            url = "/socket.io/?EIO=4&transport=polling"
            equal(http(server.port, "GET", url, [("Origin", "http://other.example")]).status, 403)
            with alone(server.port, url):
                eventually(lambda: http(server.port, "GET", url).status == 429, "there is one already")
            refusals = lambda: [line for line in lines(log) if line["event"].endswith(".refused")]
            eventually(lambda: {line["event"] for line in refusals()} == {"origin.refused", "limit.refused"}, "both are told")
            equal({line["event"]: line["error"] for line in refusals()}, {"origin.refused": "origin", "limit.refused": "per_address"})
            equal({line["address"] for line in refusals()}, {"127.0.0.1"})
            assert not any("refused a connection" in line["msg"] for line in lines(log)), lines(log)
            for reason in ("origin", "per_address"):
                counted = re.compile(rf'^yodel_connections_refused_total{{reason="{reason}"}} [1-9]', re.M)
                # The limit is for this connection, too.
                eventually(lambda counted=counted: counted.search(http(server.internal, "GET", "/metrics").body.decode()), "it is counted")


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def metric(server, name):
    text = http(server.internal, "GET", "/metrics").body.decode()
    return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])


def test_what_repeats_is_counted():
    with folder() as place, file(OPEN) as path:
        log = place / "log"
        with Yodel("-c", path, "--set", f"log.file={log}", "--set", "log.repeat=2/s") as server:
            for _ in range(50):
                server.process.send_signal(signal.SIGUSR2)  # signals of one kind become one while they wait
                http(server.internal, "GET", "/health/live")
            eventually(lambda: any("more like this were left out: USR2" in line["msg"] for line in lines(log)), "it is told")
            assert metric(server, "yodel_log_suppressed_total") > 0
            equal(metric(server, "yodel_log_dropped_total"), 0)


def test_a_log_that_nobody_reads():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    with file(OPEN) as path, started(
        [YODEL, "serve", "-c", path, "--set", "log.level=debug"], env=ENV, stdout=subprocess.PIPE, stderr=writer, text=True
    ) as process:
        os.close(writer)
        port = int(process.stdout.readline().split()[-1])
        with SioClient(port) as client:
            process.send_signal(signal.SIGHUP)
            client.emit("hello")
        process.send_signal(signal.SIGTERM)
        equal(process.wait(LIMIT), 0)
    os.close(reader)


def test_journal():
    """Levels as systemd's journal takes them, where standard error is the journal's."""
    with folder() as place, file(OPEN) as path:
        with open(place / "journal", "wb") as journal:
            about = os.fstat(journal.fileno())
            with started(
                [YODEL, "serve", "-c", path],
                env={**ENV, "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"},
                stdout=subprocess.PIPE,
                stderr=journal,
                text=True,
            ) as process:
                process.stdout.readline()
                process.send_signal(signal.SIGUSR2)
                eventually(lambda: "<4>USR2" in (place / "journal").read_text(), "a warning")
                process.send_signal(signal.SIGTERM)
                equal(process.wait(LIMIT), 0)
        assert re.search(r"^<6>draining$", (place / "journal").read_text(), re.M)


@contextlib.contextmanager
def notified(address, **environment):
    """yodel serve, its public port, and a function that gives the next datagram."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taker, file(OPEN) as path:
        taker.bind("\0" + address[1:] if address[0] == "@" else address)
        taker.settimeout(LIMIT)
        env = {**ENV, "NOTIFY_SOCKET": address, **environment}
        with started([YODEL, "serve", "-c", path], env=env, stdout=subprocess.PIPE, text=True) as process:
            yield process, int(process.stdout.readline().split()[-1]), lambda: taker.recv(4096).decode()


def until(said, wanted):
    """The first datagram that matches; those before it."""
    before = []
    while not re.fullmatch(wanted, text := said()):
        before.append(text)
    return text, before


def test_who_started_it_is_told():
    for address in (None, f"@yodel-test-{os.getpid()}"):
        with folder() as place, notified(address or str(place / "notify")) as (process, port, said):
            equal(said(), "READY=1")
            with SioClient(port):
                process.send_signal(signal.SIGHUP)
                text, _ = until(said, r"RELOADING=1\nMONOTONIC_USEC=\d+")
                assert 0 < int(text.rsplit("=")[-1])
                until(said, "READY=1")
                equal(said(), "STATUS=1 clients")
            process.send_signal(signal.SIGTERM)
            until(said, "STOPPING=1\nSTATUS=draining")
            equal(process.wait(LIMIT), 0)


def blocked(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^SigBlk:\s+(\w+)$", status, re.M)[1], 16)


def test_signals_that_come_while_it_starts():
    """A log is rotated, or a reload asked for, before it has read its configuration: here of a pipe."""
    early = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    words = [YODEL, "serve", "-c", "/dev/stdin"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(words, env={**ENV, "RUNTIME_DIRECTORY": ""}, **pipes) as process:
        eventually(lambda: all(blocked(process.pid) >> number - 1 & 1 for number in early), "they wait")
        for number in early:
            process.send_signal(number)
        process.stdin.write(b'listen: [{name: public, address: "127.0.0.1:0"}]\nnamespaces: [{name: /, auth: none}]\n')
        process.stdin.close()
        port = int(process.stdout.readline().split()[-1])
        with SioClient(port):
            process.send_signal(signal.SIGTERM)
        equal(process.wait(LIMIT), 0)


def test_a_refused_reload_is_told():
    with folder() as place, notified(str(place / "notify")) as (process, _, said):
        equal(said(), "READY=1")
        config = pathlib.Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")[3]
        pathlib.Path(config).write_text("nothing: 1\n")
        process.send_signal(signal.SIGHUP)
        until(said, "STATUS=0 clients; the last reload was refused, see the log")


def test_watchdog():
    with folder() as place, notified(str(place / "notify"), WATCHDOG_USEC="300000") as (_, _, said):
        for _ in range(5):
            until(said, "WATCHDOG=1")
    with folder() as place, notified(str(place / "notify"), WATCHDOG_USEC="300000", WATCHDOG_PID="1") as (process, _, said):
        equal(said(), "READY=1")
        process.send_signal(signal.SIGTERM)
        _, before = until(said, "STOPPING=1\nSTATUS=draining")
        equal([text for text in before if "WATCHDOG" in text], [])


def test_sockets_of_systemd():
    with socket.create_server(("127.0.0.1", 0)) as listener, file(OPEN) as path:
        script = 'exec 3<&"$1"; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; shift; exec "$@"'
        words = [YODEL, "serve", "-c", path, "--set", "listen.public.address=systemd:web"]
        with started(
            ["bash", "-c", script, "bash", str(listener.fileno()), *words],
            env=ENV,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[listener.fileno()],
        ) as process:
            process.stdout.readline()
            with SioClient(listener.getsockname()[1]) as client:
                client.emit("hello")
            process.send_signal(signal.SIGTERM)
            equal(process.wait(LIMIT), 0)


if __name__ == "__main__":
    run(globals())
