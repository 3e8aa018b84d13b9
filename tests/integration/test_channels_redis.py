# SPDX-License-Identifier: MIT
"""Channel layers in Redis, beside Django Channels of Debian: the same rooms on both sides."""

import contextlib
import json
import os
import pathlib
import sys
import threading
import time

import harness
from harness import LIMIT, ROOT, Program, WebSocket, equal, eventually, http, run
from redis_server import RedisServer

try:
    import channels_redis  # noqa: F401
    import daphne  # noqa: F401
    import msgpack
except ImportError:
    print("needs python3-channels-redis, python3-django-channels and daphne")
    sys.exit(77)

LAYERS = os.environ.get("YODEL_LAYERS", str(ROOT / "build/dev/yodel-layers"))
CLASSES = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}
QUIET = 1.0  # seconds in which what comes twice would have come
harness.TEST_LIMIT = 400  # several tests start many servers, on a machine that may be busy
DJANGO = str(pathlib.Path(__file__).parent / "django_chat")


class Yodel(Program):
    def __init__(self, form, *words):
        super().__init__([LAYERS, form, *words], r"^PORT (\d+)$")
        eventually(lambda: self.stats()["up"], "Redis is up")

    def stats(self):
        return http(self.port, "GET", "/stats").json()

    def room(self, room):
        return WebSocket(self.port, f"/ws/chat/{room}/")


class Django(Program):
    def __init__(self, form, hosts, **config):
        self.env = {
            "PYTHONPATH": DJANGO,
            "DJANGO_CHAT": json.dumps(
                {"BACKEND": CLASSES[form], "CONFIG": {"hosts": hosts, **config}}
            ),
        }
        super().__init__(
            [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", "0", "app:application"],
            r"Listening on TCP address 127.0.0.1:(\d+)",
            port_stream="stderr",
            env=self.env,
        )
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        """It writes a line for every message that it drops, and would wait for us."""
        with contextlib.suppress(ValueError, OSError):
            for line in self.process.stderr:
                self.lines = [*self.lines[-50:], line.decode(errors="replace")]

    def said(self):
        return "".join(self.lines)

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        if hasattr(self, "reader"):
            self.reader.join(5)
        super().kill()

    def __exit__(self, kind, *_):
        self.kill()
        if kind is not None:
            print(self.said(), flush=True)

    def room(self, room):
        return WebSocket(self.port, f"/ws/chat/{room}/")

    def say(self, room, query):
        equal(http(self.port, "GET", f"/say/{room}/?{query}").status, 200)

    @contextlib.contextmanager
    def worker(self, channel):
        words = "import app, sys; from django.core.management import execute_from_command_line as x; x(sys.argv)"
        program = Program(
            [sys.executable, "-u", "-c", f"print('PORT', 1, flush=True); {words}", "runworker", channel],
            r"^PORT (\d+)$",
            env=self.env,
        )
        try:
            yield program
        finally:
            program.kill()


@contextlib.contextmanager
def both(form, *words, hosts=1, **config):
    """A Redis, or several, a server of ours, and Django."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(RedisServer()) for _ in range(hosts)]
        urls = [server.url for server in servers]
        ours = stack.enter_context(Yodel(form, *urls, *words))
        django = stack.enter_context(Django(form, urls, **config))
        yield ours, django, servers


def members(server, room, prefix="asgi"):
    return server.call("ZRANGE", f"{prefix}:group:chat_{room}", 0, -1)


def subscribers(server, room, prefix="asgi"):
    return server.call("PUBSUB", "NUMSUB", f"{prefix}__group__chat_{room}")[1]


def joined(form, servers, room, num):
    """Waits until so many, processes of ours and consumers of Django (core) are in the room."""

    def count():
        if form == "core":
            return sum(len(members(server, room)) for server in servers)
        return sum(subscribers(server, room) for server in servers)

    eventually(lambda: count() == num, f"{num} in the room")


def expect(sockets, value):
    for ws in sockets:
        equal(ws.json(), {"message": value})


def quiet(sockets, seconds=0.5):
    """Nothing comes any more."""
    time.sleep(seconds)
    for ws in sockets:
        ws.sock.settimeout(0.01)
        try:
            raise AssertionError(f"{ws.message()!r} came twice, or to the wrong one")
        except (TimeoutError, OSError):
            ws.sock.settimeout(LIMIT)


def room_of_both(form, *words, **config):
    with both(form, *words, **config) as (ours, django, servers):
        a, b = ours.room("r1"), ours.room("r1")
        joined(form, servers, "r1", 1)
        c, d = django.room("r1"), django.room("r1")
        joined(form, servers, "r1", 3 if form == "core" else 2)
        everyone, other = [a, b, c, d], ours.room("elsewhere")
        for i, ws in enumerate(everyone):
            ws.send_json({"message": f"Привет 👋 {i}"})
            expect(everyone, f"Привет 👋 {i}")
        for value in ([1, None, True, 1.5, -7, 70000], {"a": {"b": []}}, "", 2**53, 1.0):
            a.send_json({"message": value})
            expect(everyone, value)
            c.send_json({"message": value})
            expect(everyone, value)
        django.say("r1", "text=from+a+view")
        expect(everyone, "from a view")
        http(ours.port, "GET", "/say/r1?text=from+a+handler")
        expect(everyone, "from a handler")
        quiet([*everyone, other])
        b.leave()
        a.leave()
        joined(form, servers, "r1", 2 if form == "core" else 1)
        c.send_json({"message": "alone"})
        expect([c, d], "alone")
        stats = ours.stats()
        equal((stats["malformed"], stats["dropped"], stats["full"], stats["lost"]), (0, 0, 0, 0))


def test_room_core():
    room_of_both("core")


def test_room_pubsub():
    room_of_both("pubsub")


def test_room_prefix_and_encryption():
    room_of_both("core", "key=new", "key=old", symmetric_encryption_keys=["new", "old"])
    with both("core", "prefix=site", "key=new", "key=old",
              prefix="site", symmetric_encryption_keys=["old"]) as (ours, django, servers):
        a = ours.room("r1")
        eventually(lambda: len(members(servers[0], "r1", "site")) == 1, "joined")
        c = django.room("r1")
        eventually(lambda: len(members(servers[0], "r1", "site")) == 2, "joined")
        c.send_json({"message": "with the old key"})
        expect([a, c], "with the old key")
        a.send_json({"message": "with the new one"})
        expect([a], "with the new one")  # Django does not have that one, and c ends over it


def test_encryption_pubsub():
    with RedisServer() as redis:
        with Yodel("pubsub", redis.url, "key=k") as one, Yodel("pubsub", redis.url, "key=k") as two:
            a, b = one.room("r1"), two.room("r1")
            eventually(lambda: subscribers(redis, "r1") == 2, "joined")
            a.send_json({"message": "secret"})
            expect([a, b], "secret")
            redis.call("PUBLISH", "asgi__group__chat_r1", msgpack.packb({"type": "chat_message", "message": 1}))
            eventually(lambda: one.stats()["malformed"] == 1, "it is counted")
            quiet([a, b])


def test_bytes():
    for form in ("core", "pubsub"):
        with both(form) as (ours, django, servers):
            a = ours.room("r1")
            joined(form, servers, "r1", 1)
            c = django.room("r1")
            joined(form, servers, "r1", 2)
            a.send_json({"message": {"__bytes__": "AAH/"}})
            equal(c.json(), {"message": {"bytes": [0, 1, 255]}})
            equal(a.json(), {"message": {"__bytes__": "AAH/"}})
            c.send_json({"message": {"bytes": [0, 1, 255]}})
            equal(a.json(), {"message": {"__bytes__": "AAH/"}})


def name_of(ws):
    ws.send_json({"name": 1})
    return ws.json()["name"]


def test_direct_send():
    """From each side to channels of the other; core with one host and with two."""
    for form, hosts in (("core", 1), ("pubsub", 1), ("core", 2), ("pubsub", 2)):
        with both(form, hosts=hosts) as (ours, django, _):
            theirs = [django.room(f"x{i}") for i in range(4)]
            mine = [ours.room(f"y{i}") for i in range(4)]
            eventually(lambda: ours.stats()["up"], "subscribed")
            for i, ws in enumerate(mine):
                theirs[0].send_json({"to": name_of(ws), "message": f"to us {i}"})
                expect([ws], f"to us {i}")
            for i, ws in enumerate(theirs):
                # channels_redis 4.0 listens on one host, and its own send() often takes the other
                mine[0].send_json({"to": name_of(ws), "message": f"to them {i}"})
                expect([ws], f"to them {i}")
            for i, ws in enumerate(mine):
                mine[0].send_json({"to": name_of(ws), "message": f"at home {i}"})
                expect([ws], f"at home {i}")
            quiet([*mine, *theirs])
            mine[0].send_json({"to": "no channel", "message": 1})
            if form == "core":
                equal(mine[0].json(), {"error": "YODEL_ERR_NAME"})


def test_two_hosts():
    for form in ("core", "pubsub"):
        kept = []  # a consumer of Django that ends may take a message with it
        with both(form, hosts=2) as (ours, django, servers):
            for room in ("a", "bb", "room", "xyz", "q1", "ten", "z9", "k"):
                a = ours.room(room)
                joined(form, servers, room, 1)
                c = django.room(room)
                joined(form, servers, room, 2)
                kept += [a, c]
                a.send_json({"message": "ours"})
                expect([a, c], "ours")
                c.send_json({"message": "theirs"})
                expect([a, c], "theirs")
            used = [len(s.call("KEYS", "asgi:group:*")) for s in servers]
            assert form == "pubsub" or all(used), used


def test_jobs():
    """Plain channels: a worker of Django's gets ours, we get Django's."""
    with both("core") as (ours, django, servers):
        a = ours.room("jobs")
        joined("core", servers, "jobs", 1)
        for i in range(3):
            django.say("jobs", f"job=yodel-jobs&text={i}")
            expect([a], str(i))
        with django.worker("jobs"):
            for i in range(3):
                a.send_json({"job": "jobs", "message": i})
                expect([a], i)


# How many come, and in which order: figures for the guide.


def text_until(sockets, last):
    """What comes ahead of it, which is the last."""
    for ws in sockets:
        seen = []
        while (message := ws.json()["message"]) != last:
            seen.append(message)
        yield seen


def numbers(ws, limit, num=0):
    """What comes until nothing has come for a while, after num of them."""
    seen = []
    with contextlib.suppress(OSError):
        while True:
            ws.sock.settimeout(LIMIT if len(seen) < num else limit)
            seen.append(ws.json()["message"])
    ws.sock.settimeout(LIMIT)
    return seen


def inversions(seen):
    return sum(1 for i in range(1, len(seen)) if seen[i] < seen[i - 1])


def test_a_thousand_in_a_row():
    for form in ("core", "pubsub"):
        with RedisServer() as redis:
            config = {"capacity": 2000} if form == "core" else {}  # a machine may be slow to read
            with Yodel(form, redis.url) as one, Yodel(form, redis.url) as two, Django(
                form, [redis.url], **config
            ) as django:
                a, b = one.room("m"), two.room("m")
                joined(form, [redis], "m", 2)
                c = django.room("m")
                joined(form, [redis], "m", 3)
                for what, sender, receivers in (
                    ("Yodel to Yodel and Django", a, {"Yodel": b, "Django": c}),
                    ("Django to Yodel", c, {"Yodel": b, "Django": c}),
                ):
                    start = time.monotonic()
                    sender.send_json({"burst": 1000})
                    for name, ws in receivers.items():
                        seen = numbers(ws, QUIET, 0 if sender is c and name == "Django" else 1000)
                        print(f"{form}: {what}: {name} got {len(seen)}, {inversions(seen)} inversions,"
                              f" {time.monotonic() - start - QUIET:.1f} s")
                        if name == "Yodel":  # Django's own layer may lose Django's
                            equal((len(set(seen)), inversions(seen)), (1000, 0), f"{form} {what}")
                        elif sender is a:
                            equal(seen, list(range(1000)), f"{form} {what}")
                    numbers(a, QUIET)
                print(one.stats(), two.stats())


# Redis in trouble.


def test_redis_killed_and_back():
    for form in ("core", "pubsub"):
        with RedisServer() as redis:
            with Yodel(form, redis.url) as one, Yodel(form, redis.url) as two:
                a, b = one.room("k"), two.room("k")
                joined(form, [redis], "k", 2)
                redis.kill()
                eventually(lambda: not one.stats()["up"], "it is noticed")
                a.send_json({"message": "here"})
                expect([a], "here")  # served all the while
                late = one.room("late")
                late.send_json({"message": "a new room"})
                expect([late], "a new room")
                redis.restart()
                start = time.monotonic()
                eventually(lambda: one.stats()["up"] and two.stats()["up"], "up again")
                joined(form, [redis], "k", 2)
                joined(form, [redis], "late", 1)
                print(f"{form}: back after {time.monotonic() - start:.2f} s")
                a.send_json({"message": "again"})
                expect([a], "again")
                value = b.json()["message"]  # what was said meanwhile may have waited
                if value == "here":
                    value = b.json()["message"]
                equal(value, "again")
                b.send_json({"message": "back"})
                expect([a, b], "back")
                quiet([a, b])


def test_redis_paused():
    for form in ("core", "pubsub"):
        with RedisServer() as redis:
            with Yodel(form, redis.url) as one, Yodel(form, redis.url) as two:
                a, b = one.room("p"), two.room("p")
                joined(form, [redis], "p", 2)
                redis.pause()
                start = time.monotonic()
                for i in range(5):
                    a.send_json({"message": i})
                    expect([a], i)
                is_known = not one.stats()["up"]  # then they are slow, but not for Redis
                assert is_known or time.monotonic() - start < 4, "a handler waited for Redis"
                eventually(lambda: not one.stats()["up"], "a ping finds it")
                redis.resume()
                eventually(lambda: one.stats()["up"] and two.stats()["up"], "up again")
                joined(form, [redis], "p", 2)
                a.send_json({"message": "again"})
                ours, late = text_until([a, b], "again")
                equal(ours, [])
                equal(late, sorted(set(late)), "what was said meanwhile, once, in order")


def test_stopped_without_redis():
    """It ends in time, and well, with groups and messages that cannot be told."""
    for form in ("core", "pubsub"):
        with RedisServer() as redis:
            with Yodel(form, redis.url) as one:
                a = one.room("s")
                joined(form, [redis], "s", 1)
                redis.kill()
                a.send_json({"burst": 20})
                a.send_json({"to": "specific.abc!def", "message": 1})
                equal(numbers(a, 0.5, 20), list(range(20)))


# What channels_redis' other side may do, by a client that plays it.


def own_key(ws):
    return "asgi" + name_of(ws).split("!")[0] + "!"


def packed(**message):
    return os.urandom(12) + msgpack.packb(message)


def put(redis, key, data, score=None):
    redis.call("ZADD", key, f"{time.time() if score is None else score:.6f}", data)


def test_hostile_core():
    with RedisServer() as redis, Yodel("core", redis.url) as ours:
        a = ours.room("h")
        joined("core", [redis], "h", 1)
        group = members(redis, "h")[0].decode()
        key = own_key(a)
        bad = [
            b"", b"x", b"123456789012", b"123456789012\xc1", os.urandom(400),
            packed(type="chat_message"),  # for nobody
            packed(type=1, __asgi_channel__=group),
            packed(message=1, __asgi_channel__=group),
            packed(type="chat_message", __asgi_channel__=7),
            packed(type="chat_message", __asgi_channel__=[group, 7]),
            packed(type="chat_message", a={1: 2}, __asgi_channel__=group),
            packed(type="\n", __asgi_channel__=group),
            os.urandom(12) + b"\xdf\xff\xff\xff\xff",
            os.urandom(12) + b"\x91" * 100_000,
        ]
        for data in bad:
            put(redis, key, data)
        put(redis, key, packed(type="chat_message", message="old", __asgi_channel__=[group]), time.time() - 61)
        for name in (group + "0", group[:-1], "specific.x!g", group.split("!")[0] + "!", "", "a" * 5000):
            put(redis, key, packed(type="chat_message", message="nobody", __asgi_channel__=[name]))
        put(redis, key, packed(type="chat_message", message="good", __asgi_channel__=[group] * 5000))
        seen = []
        while "good" not in seen:
            seen.append(a.json().get("message"))
        quiet([a])
        stats = ours.stats()
        assert stats["malformed"] >= 11 and stats["expired"] == 1, stats
        redis.call("SET", "asgi:group:chat_wrong", "a string")
        wrong = ours.room("wrong")
        wrong.send_json({"message": "at home"})
        expect([wrong], "at home")
        assert ours.alive()


def test_hostile_pubsub():
    with RedisServer() as redis, Yodel("pubsub", redis.url) as ours:
        a = ours.room("h")
        joined("pubsub", [redis], "h", 1)
        channel = "asgi__group__chat_h"
        for data in (b"", b"\xc1", b"{}", os.urandom(400), b"\x91" * 100_000,
                     msgpack.packb({"message": 1}), msgpack.packb({"type": "t", 1: 2})):
            redis.call("PUBLISH", channel, data)
            redis.call("PUBLISH", name_of(a), data)
        redis.call("PUBLISH", name_of(a)[:-1], msgpack.packb({"type": "chat_message", "message": 2}))
        redis.call("PUBLISH", channel, msgpack.packb({"type": "chat_message", "message": "good"}))
        expect([a], "good")
        equal(ours.stats()["malformed"], 14)


def test_capacity_and_order():
    """What a queue has no room for waits here, in order."""
    with RedisServer() as redis, Yodel("core", redis.url, "capacity=5") as ours:
        a = ours.room("c")
        joined("core", [redis], "c", 1)
        redis.call("ZADD", "asgi:group:chat_c", time.time(), "specific.abc!one")
        redis.call("ZADD", "asgi:group:chat_c", time.time(), "specific.abc!two")
        redis.call("ZADD", "asgi:group:chat_c", time.time() - 86401, "specific.gone!one")
        a.send_json({"burst": 12})
        eventually(lambda: redis.call("ZCARD", "asgispecific.abc!") == 5, "it is full")
        assert ours.stats()["waiting"] > 0
        seen, scores = [], []
        while len(seen) < 12:
            got = redis.call("BZPOPMIN", "asgispecific.abc!", 20)
            message = msgpack.unpackb(got[1][12:])
            equal(sorted(message["__asgi_channel__"]), ["specific.abc!one", "specific.abc!two"])
            seen.append(message["message"])
            scores.append(float(got[2]))
            assert redis.call("ZCARD", "asgispecific.abc!") <= 5
        equal(seen, list(range(12)))
        equal(scores, sorted(set(scores)))
        eventually(lambda: ours.stats()["waiting"] == 0, "nothing waits")
        equal(redis.call("EXISTS", "asgispecific.gone!"), 0)
        a.send_json({"burst": 1})
        eventually(lambda: 0 < redis.call("TTL", "asgispecific.abc!") <= 60, "the key ends")


def test_waiting_is_bounded():
    with RedisServer() as redis, Yodel("core", redis.url, "capacity=1", "expiry=4") as ours:
        a = ours.room("b")
        joined("core", [redis], "b", 1)
        redis.call("ZADD", "asgi:group:chat_b", time.time(), "specific.dead!one")
        a.send_json({"burst": 1500})
        eventually(lambda: ours.stats()["full"] >= 499, "no more than 1000 wait")
        eventually(lambda: ours.stats()["waiting"] == 0, "each dies at its own age")
        assert ours.stats()["expired"] > 900, ours.stats()


def test_the_end():
    """Stopped, nothing is left; killed, it ends by itself."""
    with RedisServer() as redis:
        with Yodel("core", redis.url) as ours:
            ws = ours.room("e")
            joined("core", [redis], "e", 1)
            key = own_key(ws)
            put(redis, key, packed(type="chat_message", __asgi_channel__="x"))
            ws.close()
            joined("core", [redis], "e", 0)
            ws = ours.room("e")
            joined("core", [redis], "e", 1)
            equal(redis.call("ZSCORE", "asgi:group:chat_e", members(redis, "e")[0]) is not None, True)
        equal(redis.call("KEYS", "asgi*"), [])
        ours = Yodel("core", redis.url, "lease=20")
        try:
            ws = ours.room("e")
            joined("core", [redis], "e", 1)
        finally:
            ours.kill()
        score = float(redis.call("ZSCORE", "asgi:group:chat_e", members(redis, "e")[0]))
        left = score + 86400 - time.time()  # until Django drops it
        assert 0 < left <= 20, left
        with Yodel("pubsub", redis.url) as ours:
            ws = ours.room("e")
            joined("pubsub", [redis], "e", 1)
        eventually(lambda: subscribers(redis, "e") == 0, "unsubscribed")


if __name__ == "__main__":
    run(globals())
