# SPDX-License-Identifier: MIT
"""Flask programs on a running server: their routes, many clients, handlers that block, and what is left after."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import tempfile
import threading
import time

import flask_kit  # first: it finds the harness
from package import SANITIZED, harness
from flask_kit import features
from harness import equal, eventually, http, run
from sio_client import SioClient

flask_kit.outside()
harness.TEST_LIMIT = 300


@contextlib.contextmanager
def program(text, *options):
    """A program that is written here."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(text)
        file.flush()
        with flask_kit.on_yodel(file.name, *options) as server:
            yield server


def test_routes():
    with features() as server:
        answer = server.get("/")
        equal((answer.status, answer.body), (200, b"features"))
        equal(answer.headers["content-type"], "text/html; charset=utf-8")
        equal(http(server.port, "HEAD", "/").body, b"")
        equal(server.get("/none").status, 404)
        equal(server.get("/missing").status, 404)
        equal(http(server.port, "POST", "/").status, 405)
        equal(server.get("/fault").status, 500)
        server.until_said("KeyError: 'fault of a route'")
        body = bytes(range(256)) * 4000
        equal(http(server.port, "POST", "/body", body=body).body, body)
        equal(server.get("/stream?n=3").body, b"part 0\npart 1\npart 2\n")
        equal(server.get("/where").body, b"127.0.0.1 http localhost")
        cookie = server.get("/session/v").headers["set-cookie"].partition(";")[0]
        equal(server.get("/session", headers=[("Cookie", cookie)]).body, b"v")
        boundary = b"xx"
        parts = b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        parts += b'--xx\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + body + b"\r\n--xx--\r\n"
        head = [("Content-Type", f"multipart/form-data; boundary={boundary.decode()}")]
        equal(http(server.port, "POST", "/form", head, parts).json(), {"form": {"a": "1"}, "files": {"f": len(body)}})


def test_a_stream_whose_client_leaves_is_closed():
    with features() as server:  # P12
        with harness.Stream(harness.connect(server.port)) as stream:
            stream.send(b"GET /stream?n=100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            stream.until(b"part 5\n")
            stream.abort()
        eventually(lambda: "stream closed" in server.get("/log").json()["log"], "the generator is closed", 60)


def test_routes_wait_for_nobody():
    with features("--threads", "8") as server:
        clients = [SioClient(server.port) for _ in range(4)]
        for client in clients:
            client.emit("slow", "x", 8)
        began = time.monotonic()
        equal(server.get("/").status, 200)
        other = SioClient(server.port)
        equal(other.call("one", 1), [[1]])
        assert time.monotonic() - began < 8, "it waited for the handlers that sleep"
        for client in clients:
            equal(client.event(), ["slow", "x"])
            client.close()
        other.close()


ENDLESS = """
from flask import Flask
from flask_socketio import SocketIO, emit
app = Flask(__name__)
socketio = SocketIO(app)

@socketio.on("feed")
def feed():
    while True:
        emit("tick")
        socketio.sleep(0.05)

if __name__ == "__main__":
    socketio.run(app)
"""


def test_handlers_that_never_return():
    with program(ENDLESS, "--timeout-graceful-shutdown", "0.5") as server:
        clients = [SioClient(server.port) for _ in range(12)]
        for client in clients:
            client.emit("feed")
        for client in clients:
            for _ in range(3):
                equal(client.event(), ["tick"])
            client.close()


def test_order_and_acknowledgements_of_many():
    with features() as server:

        def one(number):
            client = SioClient(server.port)
            calls = [client.begin_call("echo", number, i) for i in range(50)]
            for i, call in enumerate(calls):
                equal(client.end_call(call), [number, i])
                equal(client.event(), ["echo", number, i])
            client.close()
            done.append(number)

        done = []
        threads = [threading.Thread(target=one, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(200)
        equal(sorted(done), list(range(10)))
        eventually(lambda: server.get("/state").json() == {"environ": 0, "clients": 0}, "nothing is kept", 60)


def refused(port, auth):
    websocket = harness.WebSocket(port, "/socket.io/?EIO=4&transport=websocket")
    assert websocket.message().startswith("0")
    websocket.send_text("40/refuse," + json.dumps(auth))
    answer = websocket.message()
    websocket.sock.close()
    return answer


def refused_again(port, count):
    """Connections that are refused by a namespace, each 500 times: one that joins nothing is not kept for ever."""
    for _ in range(0, count, 500):
        refused_500_times(port)


def refused_500_times(port):
    with harness.WebSocket(port, "/socket.io/?EIO=4&transport=websocket") as websocket:
        assert websocket.message().startswith("0")
        for _ in range(500):
            websocket.send_text('40/refuse,{"how":"false"}')
            while (answer := websocket.message()) == "2":
                websocket.send_text("3")
            equal(answer, '44/refuse,{"message":"Connection rejected by server"}')


def test_refused_and_lost_clients_leave_nothing():
    with features() as server:  # P13
        equal(refused(server.port, {"how": "data"}), '44/refuse,{"message":"go away","data":{"code":7}}')
        refused_again(server.port, 1000)
        before = server.memory()
        refused_again(server.port, 2000 if SANITIZED else 20000)
        assert SANITIZED or server.memory() - before < 8 << 20, "refused clients leave something"
        count = 200 if SANITIZED else 1000
        for i in range(count):
            assert refused(server.port, {"how": "false"}).startswith("44")
            client = SioClient(server.port)
            client.emit("join", {"room": "r"})
            client.close()
            if i == count // 4:
                before = server.memory()
        eventually(lambda: server.get("/state").json() == {"environ": 0, "clients": 0}, "nothing is kept", 60)
        if not SANITIZED:
            grown = server.memory() - before
            assert grown < 8 << 20, f"{grown} bytes"


def test_always_connect():
    with features(always_connect=True) as server:
        with harness.WebSocket(server.port, "/socket.io/?EIO=4&transport=websocket") as websocket:
            websocket.message()
            websocket.send_text('40/refuse,{"how":"false"}')
            assert websocket.message().startswith("40/refuse,"), "the connect packet comes first"
            assert websocket.message().startswith("41/refuse,")


def test_options_on_the_wire():
    with features(
        ping_interval=7, ping_timeout=3, max_http_buffer_size=4000, cookie="io", cors_allowed_origins=["http://a"]
    ) as server:
        place = "/socket.io/?EIO=4&transport=polling"
        answer = server.get(place, headers=[("Origin", "http://a")])
        opened = json.loads(answer.body[1:])
        equal((opened["pingInterval"], opened["pingTimeout"], opened["maxPayload"]), (7000, 3000, 4000))
        equal(opened["upgrades"], ["websocket"])
        assert answer.headers["set-cookie"].startswith("io="), answer.headers
        equal(answer.headers["access-control-allow-origin"], "http://a")
        assert server.get(place, headers=[("Origin", "http://b")]).status in (400, 403)
    with features(transports=["websocket"], path="own") as server:
        equal(server.get("/own/?EIO=4&transport=polling").status, 400)
        client = SioClient(server.port, path="/own/")
        equal(client.call("one", 1), [[1]])
        client.close()


def test_origins_by_a_function():
    text = flask_kit.text_of(flask_kit.FEATURES).replace(
        "SocketIO(app, **options)", "SocketIO(app, cors_allowed_origins=lambda origin: origin == 'http://good')"
    )
    with program(text) as server:
        place = "/socket.io/?EIO=4&transport=polling"
        equal(server.get(place, headers=[("Origin", "http://good")]).status, 200)
        assert server.get(place, headers=[("Origin", "http://bad")]).status in (400, 403)
        equal(server.get(place).status, 200)


def test_bad_input():
    with features() as server:
        for packet in ("42[", "42{}", "9", "45-[1]", "", "40/chat,{", "4" * 10000):
            with contextlib.suppress(harness.Refused, EOFError, OSError):
                with harness.WebSocket(server.port, "/socket.io/?EIO=4&transport=websocket") as websocket:
                    websocket.message()
                    websocket.send_text("40")
                    websocket.message()
                    websocket.send_text(packet)
                    websocket.leave()
        client = SioClient(server.port)
        equal(client.call("one", 1), [[1]])
        client.close()
        eventually(lambda: server.get("/state").json() == {"environ": 0, "clients": 0}, "nothing is kept", 60)


def test_a_value_that_is_no_json():
    text = ENDLESS.replace(
        "    while True:\n        emit(\"tick\")\n        socketio.sleep(0.05)",
        "    try:\n        emit('bad', object())\n    except TypeError:\n        emit('type')\n"
        "    try:\n        emit('bad', float('nan'))\n    except ValueError:\n        emit('value')\n    return float('inf')",
    )
    with program(text) as server:
        client = SioClient(server.port)
        client.begin_call("feed")
        equal([client.event(), client.event()], [["type"], ["value"]])
        client.emit("feed")
        equal(client.event(), ["type"])
        equal(client.answers, {})  # no answer, and the connection stays
        client.close()


def test_proxies():
    text = flask_kit.text_of(flask_kit.FEATURES).replace(
        "socketio = SocketIO(app, **options)",
        "socketio = SocketIO(app, **options)\n"
        "from werkzeug.middleware.proxy_fix import ProxyFix\n"
        "app.wsgi_app = ProxyFix(app.wsgi_app)",
    )
    with program(text) as server:
        equal(server.get("/where", headers=[("X-Forwarded-For", "192.0.2.9")]).body.split()[0], b"192.0.2.9")
        websocket = harness.WebSocket(
            server.port, "/socket.io/?EIO=4&transport=websocket", headers=[("X-Forwarded-For", "192.0.2.9")]
        )
        with websocket:
            websocket.message()
            websocket.send_text("40")
            websocket.message()
            websocket.send_text('421["environ"]')
            assert '"address":"192.0.2.9"' in websocket.message()


EXAMPLE = """
import threading
from flask import Flask, copy_current_request_context, session
from flask_socketio import SocketIO, close_room, disconnect, emit, join_room, rooms

app = Flask(__name__)
app.config["SECRET_KEY"] = "secret"
socketio = SocketIO(app, async_mode=None)
thread = None
lock = threading.Lock()


def background():
    for count in range(3):
        socketio.sleep(0.05)
        socketio.emit("my_response", {"data": "generated", "count": count})


@socketio.event
def connect():
    global thread
    with lock:
        if thread is None:
            thread = socketio.start_background_task(background)
    emit("my_response", {"data": "Connected", "count": 0})


@socketio.event
def my_event(message):
    session["count"] = session.get("count", 0) + 1
    emit("my_response", {"data": message["data"], "count": session["count"]})


@socketio.event
def disconnect_request():
    @copy_current_request_context
    def can_disconnect():
        print("can disconnect", flush=True)
        disconnect()

    emit("my_response", {"data": "Disconnected!"}, callback=can_disconnect)


@socketio.event
def my_ping():
    emit("my_pong")


if __name__ == "__main__":
    socketio.run(app)
"""


def test_patterns_of_the_original_s_example():
    with program(EXAMPLE) as server:
        client = SioClient(server.port)
        equal(client.event(), ["my_response", {"data": "Connected", "count": 0}])
        for count in range(3):
            equal(client.event(), ["my_response", {"data": "generated", "count": count}])
        for count in (1, 2):
            client.emit("my_event", {"data": "x"})
            equal(client.event(), ["my_response", {"data": "x", "count": count}])
        client.emit("my_ping")
        equal(client.event(), ["my_pong"])
        client.emit("disconnect_request")
        event, number = client.event_with_ack()
        equal(event, ["my_response", {"data": "Disconnected!"}])
        client.answer(number)
        equal(client.event(), ["disconnect"])
        client.close()


FORKS = """
import multiprocessing, os, subprocess, sys, time
from flask import Flask
from flask_socketio import SocketIO
app = Flask(__name__)
socketio = SocketIO(app)

@socketio.on("process")
def process():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(str, [1, 2])

@socketio.on("program")
def program():
    return subprocess.run(["echo", "hello"], stdout=subprocess.PIPE, text=True).stdout

@socketio.on("child")
def child():
    pid = os.fork()
    if pid == 0:
        time.sleep(300)
        os._exit(0)
    return pid

if __name__ == "__main__":
    socketio.run(app)
"""


def test_forks():
    pid = None
    try:
        with program(FORKS) as server:
            client = SioClient(server.port)
            equal(client.call("process"), [["1", "2"]])
            equal(client.call("program"), ["hello\n"])
            (pid,) = client.call("child")
            equal(client.call("program"), ["hello\n"])
            client.close()
            port = server.port
        try:
            harness.connect(port).close()
            raise AssertionError("the child keeps the port")
        except ConnectionRefusedError:
            pass
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)


def test_the_interpreter_ends_while_clients_are_there():
    text = """
import threading
from flask import Flask
from flask_socketio import SocketIO
app = Flask(__name__)
socketio = SocketIO(app)
there = threading.Event()

@socketio.on("end")
def end():
    there.set()
    socketio.sleep(1000)

@socketio.on("connect")
def connect():
    pass

threading.Thread(target=socketio.run, args=(app,), daemon=True).start()
there.wait()
print("the end", flush=True)
"""
    for _ in range(3):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(text)
            file.flush()
            server = flask_kit.on_yodel(file.name)
            try:
                clients = [SioClient(server.port) for _ in range(5)]
                clients[0].emit("end")
                equal(server.wait(), 0, server.said())
                for client in clients:
                    client.close()
            finally:
                server.kill()


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["-m", "yodel.flask", "--port", taken.getsockname()[1], flask_kit.FEATURES]
        server = flask_kit.Served(words)
        assert server.wait() != 0
        assert "cannot listen on" in server.said(), server.said()


def test_msgpack():
    if importlib.util.find_spec("msgpack") is None:
        harness.skip("msgpack is not installed")
    import msgpack

    with features(serializer="msgpack") as server:
        with harness.WebSocket(server.port, "/socket.io/?EIO=4&transport=websocket") as websocket:
            websocket.message()
            websocket.send_frame(2, msgpack.packb({"type": 0, "data": None, "nsp": "/"}))
            equal(msgpack.unpackb(websocket.message())["type"], 0)
            websocket.send_frame(2, msgpack.packb({"type": 2, "data": ["one", b"\x01"], "nsp": "/", "id": 5}))
            answer = msgpack.unpackb(websocket.message())
            equal((answer["type"], answer["id"], answer["data"]), (3, 5, [[b"\x01"]]))


if __name__ == "__main__":
    run(globals())
