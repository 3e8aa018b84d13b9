# SPDX-License-Identifier: MIT
"""SocketIO(message_queue=...): servers of Yodel, the original's, and programs that only send, on one Redis."""

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess

import flask_kit  # first: it finds the harness
from package import PYTHON, environment, harness
from harness import equal, eventually, run
from redis_server import RedisServer
from sio_client import SioClient

flask_kit.outside()
harness.TEST_LIMIT = 200

SENDER = """
import sys
from {module} import SocketIO
socketio = SocketIO(message_queue=sys.argv[1], channel="own")
{text}
"""


@contextlib.contextmanager
def redis_server():
    if shutil.which("redis-server") is None:
        harness.skip("redis-server is not installed")
    if importlib.util.find_spec("redis") is None:
        harness.skip("redis is not installed")
    with RedisServer() as redis:
        yield redis


def url(redis):
    return f"redis://127.0.0.1:{redis.port}/0"


def subscribed(redis, count):
    eventually(lambda: redis.call("PUBSUB", "NUMSUB", "own")[1] == count, f"{count} servers listen", 60)


def send(redis, text, module="yodel.flask_socketio"):
    """Runs a program that only sends."""
    words = [PYTHON, "-c", SENDER.format(module=module, text=text), url(redis)]
    done = subprocess.run(
        words, env={**os.environ, **environment()}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, check=False
    )
    equal(done.returncode, 0, done.stdout.decode())


def test_two_servers_and_a_sender():
    with redis_server() as redis:
        options = {"message_queue": url(redis), "channel": "own"}
        with flask_kit.features(**options) as one, flask_kit.features(**options) as two:
            subscribed(redis, 2)
            a, b = SioClient(one.port), SioClient(two.port)
            a.call("join", {"room": "r"})
            a.until("room_message")
            # The other server may hear of the first join after the second one, and tell b, too: what follows it shows that it has.
            one.get("/emit?text=joined")
            equal([a.event(), b.event()], [["notification", {"data": "joined"}]] * 2)
            b.call("join", {"room": "r"})
            for client in (a, b):
                equal(client.until("room_message"), ["in r"])
            a.emit("room_say", "r", "hello")
            equal([a.event(), b.event()], [["said", "hello"]] * 2)
            b.emit("room_say", "r", "no echo", False)
            equal(a.event(), ["said", "no echo"])
            a.emit("alias", b.sid, "to one")
            equal(b.event(), ["said", "to one"])
            a.emit("message", "all")
            equal([a.event(), b.event()], [["message", "Server echoes: all"]] * 2)
            a.emit("skip", [b.sid], "not b")
            equal(a.event(), ["said", "not b"])
            one.get("/emit?text=http")
            equal([a.event(), b.event()], [["notification", {"data": "http"}]] * 2)
            send(redis, "socketio.emit('ext', ('two', {'k': b'\\x00'}), to='r')")
            equal([a.event(), b.event()], [["ext", "two", {"k": b"\x00"}]] * 2)
            send(redis, f"socketio.emit('ext', 'я', skip_sid='{a.sid}'); socketio.send('sent', to='{a.sid}')")
            equal([b.event(), a.event()], [["ext", "я"], ["message", "sent"]])
            send(redis, "socketio.close_room('r'); socketio.emit('end')")
            equal([a.event(), b.event()], [["end"]] * 2)
            a.emit("room_say", "r", "nobody")
            send(redis, f"socketio.server.disconnect('{a.sid}')")
            equal(a.event(), ["disconnect"])
            equal(b.call("one", 1), [[1]])
            equal(b.has_event(), False)
            for client in (a, b):
                client.close()


def test_beside_the_original():
    with redis_server() as redis:
        options = {"message_queue": url(redis), "channel": "own"}
        with flask_kit.features(**options) as ours, flask_kit.original_features(**options) as theirs:
            harness.http(theirs.port, "GET", "/socket.io/?EIO=4&transport=polling")  # it listens from its first client on
            subscribed(redis, 2)
            a = SioClient(ours.port)
            theirs.get("/emit?text=theirs")
            equal(a.event(), ["notification", {"data": "theirs"}])
            send(redis, "socketio.emit('ext', ('two', b'\\x00'))", "flask_socketio")
            equal(a.event(), ["ext", "two", b"\x00"])
            a.call("join", {"room": 7})
            a.until("room_message")
            send(redis, "socketio.emit('ext', 'number', to=7)", "flask_socketio")
            equal(a.event(), ["ext", "number"])
            polling = harness.http(theirs.port, "GET", "/socket.io/?EIO=4&transport=polling")
            sid = json.loads(polling.body[1:])["sid"]
            place = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
            harness.http(theirs.port, "POST", place, body=b"40")
            harness.http(theirs.port, "GET", place)
            ours.get("/emit?text=ours")
            heard = ""
            while "notification" not in heard:
                heard = harness.http(theirs.port, "GET", place).body.decode()
            assert '42["notification",{"data":"ours"}]' in heard, heard
            a.close()


def test_a_sender_forks():
    text = """
import os
socketio.emit("ext", "parent")
child = os.fork()
if child == 0:
    socketio.emit("ext", "child")
    os._exit(0)
os.waitpid(child, 0)
socketio.emit("ext", "parent again")
"""
    with redis_server() as redis, flask_kit.features(message_queue=url(redis), channel="own") as server:
        subscribed(redis, 1)
        client = SioClient(server.port)
        send(redis, text)
        equal([client.event() for _ in range(3)], [["ext", "parent"], ["ext", "child"], ["ext", "parent again"]])
        client.close()


if __name__ == "__main__":
    run(globals())
