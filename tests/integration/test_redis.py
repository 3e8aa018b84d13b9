#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The client of Redis against real servers of Redis, which are killed, paused, refuse, and move."""

import contextlib
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

import harness
from redis_server import Cluster, RedisError, RedisServer, Sentinel, free_port

APP = os.environ.get("YODEL_REDISAPP", str(harness.ROOT / "build/dev/yodel-redisapp"))
LIMIT = 30.0  # seconds for anything that should happen soon


class App:
    """tests/apps/redis_app.c: a line in, lines out."""

    def __init__(self, **options):
        words = [APP]
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                words += ["--" + name.replace("_", "-"), str(one)]
        env = {**os.environ, **harness.SANITIZER_ENV}
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=env
        )
        self.seen, self.logs, self.rest = [], [], b""
        self.expect("begun")

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()

    def _read(self, timeout):
        """Takes in what comes; false at the end or when the time is over."""
        if not select.select([self.process.stdout], [], [], max(timeout, 0))[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self.rest = (self.rest + data).split(b"\n")
        lines = [line.decode(errors="replace") for line in lines]
        self.seen += lines
        self.logs += [line for line in lines if line.startswith("log")]
        return bool(data)

    def expect(self, line, limit=LIMIT):
        """Waits for a line, which is taken out with all before it; returns it."""
        deadline = time.monotonic() + limit
        while True:
            for i, one in enumerate(self.seen):
                if one.startswith(line):
                    del self.seen[: i + 1]
                    return one
            if time.monotonic() > deadline or not self._read(deadline - time.monotonic()):
                raise AssertionError(f"no {line!r} in {self.seen[-20:]}: {self.said()[-3000:]}")

    def lines(self, seconds=0.3):
        """All that has come and comes in so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._read(deadline - time.monotonic()):
            pass
        lines, self.seen = self.seen, []
        return lines

    def stats(self):
        self.say("stats")
        words = self.expect("stats").split()[1:]
        return {name: int(value) for name, value in (word.split("=") for word in words)}

    def until(self, limit=LIMIT, **wanted):
        """Waits until the counters have these values."""
        deadline = time.monotonic() + limit
        while True:
            stats = self.stats()
            if all(stats[name] == value for name, value in wanted.items()):
                return stats
            assert time.monotonic() < deadline, f"not {wanted}: {stats}"
            time.sleep(0.05)

    def said(self):
        return harness.written(self.errors)

    def stop(self):
        self.say("stop")
        self.expect("ended 0")
        assert self.process.wait(LIMIT) == 0, self.said()[-3000:]
        assert "Sanitizer" not in self.said(), self.said()[-3000:]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.errors.close()


UP, DEGRADED, DOWN = 2, 1, 0


def wait_for(what, limit=LIMIT):
    deadline = time.monotonic() + limit
    while not what():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


def check_passes(app, redis, channel="a", text="hello"):
    """A message goes both ways."""
    app.say(f"pub {channel} {text}-ours")
    app.expect(f"message {channel} {text}-ours")
    redis.call("PUBLISH", channel, f"{text}-theirs")
    app.expect(f"message {channel} {text}-theirs")


def test_r1_killed_and_back():
    """All subscriptions are back before it is up, the counts are right, messages pass both ways."""
    with RedisServer() as redis, App(url=redis.url) as app:
        app.say("sub a", "many c 0 100", "psub p*", "ssub s")
        app.until(subscriptions=103, state=UP)
        check_passes(app, redis)
        redis.kill()
        app.expect("state down")
        time.sleep(2)
        app.lines(0)
        redis.start()
        began = time.monotonic()
        app.expect("state up")
        print(f"up again after {time.monotonic() - began:.2f} s")
        assert redis.num_subscribers("a") == 1 and redis.num_subscribers("c99") == 1
        check_passes(app, redis, text="again")
        assert app.stats()["subscriptions"] == 103


def test_r2_churn_while_the_link_is_cut():
    """A thousand names, cut again and again in the middle, with others wanted meanwhile."""
    with RedisServer() as redis, App(url=redis.url) as app:
        app.say("many c 0 1000")
        app.until(state=UP, subscriptions=1000)
        for i in range(8):
            redis.call("CLIENT", "KILL", "TYPE", "pubsub")
            app.say(f"fewer c {i * 100} {i * 100 + 100}", f"many d {i * 10} {i * 10 + 10}")
            time.sleep(0.03 * i)
            app.say(f"many c {i * 100} {i * 100 + 50}")
        app.until(state=UP, subscriptions=1000 - 400 + 80)
        wanted = {f"c{i}" for i in range(1000) if i >= 800 or i % 100 < 50}
        wanted |= {f"d{i}" for i in range(80)}
        wait_for(lambda: {name.decode() for name in redis.call("PUBSUB", "CHANNELS")} == wanted)


def test_r3_large_publish_drops_the_subscriber():
    """Redis drops who cannot take it; the client comes back, and its own messages are limited."""
    with RedisServer("client-output-buffer-limit pubsub 1mb 512kb 10") as redis:
        with App(url=redis.url) as app:
            app.say("sub a")
            app.until(state=UP, subscriptions=1)
            app.lines(0)
            redis.call("PUBLISH", "a", b"x" * (33 << 20))
            app.expect("state degraded")
            app.expect("state up")
            assert app.until(state=UP)["reconnects"] >= 1
            check_passes(app, redis)
            app.say(f"big a {5 << 20}")
            app.expect("publish YODEL_ERR_TOO_BIG")


def test_r4_paused():
    """SIGSTOP: noticed in seconds, what waits is bounded, the first message after it goes out once."""
    with RedisServer() as redis, redis.client() as listener, App(url=redis.url, max_queue=100000) as app:
        listener.call("SUBSCRIBE", "a")
        app.say("sub a")
        app.until(state=UP, subscriptions=1)
        redis.pause()
        app.say("pub a in-flight")
        began = time.monotonic()
        app.expect("state down")
        print(f"noticed after {time.monotonic() - began:.2f} s")
        app.say("pub a first", *[f"big b {9000}"] * 20)
        app.expect("publish YODEL_ERR_CONGESTED")
        assert app.stats()["waiting"] <= 100000
        app.lines(0)
        redis.resume()
        app.expect("state up")
        check_passes(app, redis)
        heard = [listener.read()[2] for _ in range(4)]
        assert heard == [b"in-flight", b"first", b"hello-ours", b"hello-theirs"], heard


def test_r4_idle_links_closed():
    """Redis closes idle links: PING keeps ours."""
    with RedisServer("timeout 3") as redis, App(url=redis.url, ping_ms=300) as app:
        app.say("sub a")
        app.until(state=UP, subscriptions=1)
        time.sleep(5)  # Redis looks once a second
        assert app.stats()["reconnects"] == 0
        check_passes(app, redis)


def test_r5_logins():
    """Wrong passwords, users without rights: a line a period, never up, and up when it is mended."""
    acl = ["user app on >secret ~* &a +@all", "user default off"]
    with RedisServer(*acl, password="secret", user="app") as redis:
        with App(url=redis.url) as app:
            app.say("sub a", "sub forbidden")
            app.until(state=DEGRADED, subscriptions=1)
            time.sleep(3)
            app.lines(0)
            assert len(app.logs) == 1 and "forbidden" in app.logs[0] and "NOPERM" in app.logs[0], app.logs
            check_passes(app, redis)
            app.say("pub forbidden x")
            app.until(dropped=1)
            redis.call("ACL", "SETUSER", "app", "&forbidden")
            app.expect("state up")
        with App(url=f"redis://app:wrong@127.0.0.1:{redis.port}") as app:
            app.expect("log")
            time.sleep(2)
            assert app.stats()["state"] == DOWN
            assert len(app.logs) == 1, app.logs
            redis.call("ACL", "SETUSER", "app", ">wrong")
            app.expect("state up")


def test_r5_unknown_name():
    """A name that is not found costs neither loops nor the log."""
    with App(url="redis://no-such-host.invalid") as app:
        app.expect("log")
        time.sleep(2)
        assert not app.lines(0)
        assert app.stats()["state"] == DOWN


def test_password_and_database():
    with RedisServer(password="p@ss-word") as redis:
        with App(url=f"redis://:p%40ss-word@localhost:{redis.port}/5") as app:
            app.say("cmd SET k v")
            app.expect("reply OK")
            with redis.client() as client:
                assert client.call("GET", "k") is None
                client.call("SELECT", 5)
                assert client.call("GET", "k") == b"v"
                assert b"name=yodel" in client.call("CLIENT", "LIST")


def test_unix_socket():
    with RedisServer(unix=True) as redis, App(url=redis.url) as app:
        app.say("sub a")
        app.until(state=UP, subscriptions=1)
        check_passes(app, redis)
        redis.restart()
        app.until(state=UP, subscriptions=1)
        check_passes(app, redis)


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
        check=True,
        capture_output=True,
    )


def test_tls():
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder)
        port = free_port()
        files = [f"tls-cert-file {folder}/cert.pem", f"tls-key-file {folder}/key.pem", "tls-auth-clients no"]
        with RedisServer(f"tls-port {port}", *files) as redis:
            with App(url=f"rediss://localhost:{port}", ca=f"{folder}/cert.pem") as app:
                app.say("sub a")
                app.until(state=UP, subscriptions=1)
                check_passes(app, redis)
                app.say(f"big a {3 << 20}")
                app.expect(f"message a {3 << 20} bytes")
            with App(url=f"rediss://localhost:{port}") as app:
                assert "certificate" in app.expect("log")
                assert app.stats()["state"] == DOWN
            with App(url=f"rediss://127.0.0.1:{port}", ca=f"{folder}/cert.pem") as app:
                assert "mismatch" in app.expect("log")
            name = {"ca": f"{folder}/cert.pem", "server-name": "localhost"}
            with App(url=f"rediss://127.0.0.1:{port}", **name) as app:
                app.expect("state up")


def test_sentinel_failover():
    """The master is killed: what is published reaches the new one, subscriptions are there."""
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(RedisServer())
        replica = stack.enter_context(RedisServer(f"replicaof 127.0.0.1 {master.port}", "replica-priority 1"))
        wait_for(lambda: replica.replicates(b"master_link_status:up"))
        sentinel = stack.enter_context(Sentinel(master.port))
        wait_for(lambda: sentinel.call("SENTINEL", "REPLICAS", "mymaster"))
        nodes = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{sentinel.port}"]  # the first is not there
        app = stack.enter_context(App(mode="sentinel", node=nodes))
        app.say("sub a")
        app.until(state=UP, subscriptions=1)
        check_passes(app, master)
        master.kill()
        app.expect("state down")
        app.say("cmd SET kept v")
        wait_for(lambda: replica.replicates(b"role:master"), 2 * LIMIT)
        began = time.monotonic()
        app.expect("reply OK")
        print(f"{time.monotonic() - began:.2f} s after the failover")
        assert replica.call("GET", "kept") == b"v"
        app.until(state=UP)
        check_passes(app, replica)


def test_r10_slot_moves():
    """Sharded channels of a cluster follow their slots."""
    with Cluster() as cluster, App(mode="cluster", node=[f"127.0.0.1:{cluster.servers[0].port}"]) as app:
        names = [f"room{i}" for i in range(12)]
        app.say("sub plain", *[f"ssub {name}" for name in names])
        app.until(state=UP, subscriptions=13)
        for name in names:
            assert cluster.owner(name).call("PUBSUB", "SHARDNUMSUB", name)[1] == 1
            app.say(f"spub {name} x{name}")
            app.expect(f"message {name} x{name}")
        cluster.servers[2].call("PUBLISH", "plain", "from another node")
        app.expect("message plain from another node")
        owner = cluster.owner("room1")
        other = next(server for server in cluster.servers if server is not owner)
        cluster.move_slot(cluster.slot("room1"), other)
        wait_for(lambda: other.call("PUBSUB", "SHARDNUMSUB", "room1")[1] == 1)
        app.until(state=UP)
        other.call("SPUBLISH", "room1", "after the move")
        app.expect("message room1 after the move")
        app.say("spub room1 ours", "cmd SET room1 v")
        app.expect("message room1 ours")
        app.say("cmd GET room1")
        app.expect("reply v")


def test_cluster_loses_its_first_node():
    with Cluster() as cluster:
        with App(mode="cluster", node=[f"127.0.0.1:{server.port}" for server in cluster.servers[:2]]) as app:
            app.say("sub plain")
            app.until(state=UP, subscriptions=1)
            cluster.servers[0].kill()
            wait_for(lambda: app.stats()["state"] >= DEGRADED and cluster.servers[1].num_subscribers("plain") == 1)
            app.lines(0)
            cluster.servers[2].call("PUBLISH", "plain", "still here")
            app.expect("message plain still here")


def test_client_kill():
    with RedisServer() as redis, App(url=redis.url) as app:
        app.say("sub a")
        app.until(state=UP, subscriptions=1)
        for kind in ["normal", "pubsub"] * 3:
            with redis.client() as client:
                client.call("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        wait_for(lambda: redis.call("CLIENT", "LIST").count(b"name=yodel") == 2)  # none that was killed
        app.until(state=UP, subscriptions=1)
        check_passes(app, redis)


def test_loading_and_read_only():
    """Errors that are of the server and not of the message: counted, one line, up when they end."""
    with RedisServer() as redis, App(url=redis.url) as app:
        app.say("sub a")
        app.until(state=UP, subscriptions=1)
        redis.call("CONFIG", "SET", "maxmemory", "1")
        app.say("cmd SET k v")
        app.expect("reply error OOM")
        redis.call("CONFIG", "SET", "maxmemory", "0")
        check_passes(app, redis)
        redis.call("CONFIG", "SET", "requirepass", "now")
        redis.password = "now"
        redis.call("CLIENT", "KILL", "TYPE", "pubsub")
        app.expect("log")
        time.sleep(1)
        assert app.stats()["state"] != UP
        redis.call("CONFIG", "SET", "requirepass", "")
        redis.password = None
        app.until(state=UP, subscriptions=1)
        check_passes(app, redis)


def test_reader_blocks():
    with RedisServer() as redis, App(url=redis.url) as app:
        app.say("read s")
        app.until(state=UP)
        wait_for(lambda: b"cmd=xread" in redis.call("CLIENT", "LIST"))
        redis.call("XADD", "s", "*", "k", "one")
        app.expect("entry one")
        time.sleep(1.5)
        redis.call("XADD", "s", "*", "k", "two")
        app.expect("entry two")
        redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        app.expect("reader lost")
        app.until(state=UP)
        redis.call("XADD", "s", "*", "k", "three")
        app.expect("entry three")
        app.say("unread s")


def test_what_was_published_goes_out_at_a_stop():
    with RedisServer() as redis, redis.client() as listener:
        listener.call("SUBSCRIBE", "a")
        app = App(url=redis.url)
        app.say(*[f"pub a {i}" for i in range(500)], "stop")
        assert app.process.wait(LIMIT) == 0
        app.process.stdin.close()
        app.process.stdout.close()
        assert [listener.read()[2] for _ in range(500)] == [b"%d" % i for i in range(500)]


def test_stop_while_redis_is_away():
    with RedisServer() as redis, App(url=redis.url) as app:
        app.say("sub a")
        app.until(state=UP, subscriptions=1)
        redis.pause()
        app.say("pub a x")
        time.sleep(0.2)
        app.stop()
        redis.resume()
        app.stop = lambda: None


if __name__ == "__main__":
    harness.run(globals())
