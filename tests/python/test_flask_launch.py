# SPDX-License-Identifier: MIT
"""python3 -m yodel.flask: how programs are found and run, the reloader, and the end."""

import contextlib
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile

import flask_kit  # first: it finds the harness
from package import harness
from flask_kit import Served, on_yodel
from harness import equal, eventually, run
from sio_client import SioClient

flask_kit.outside()
harness.TEST_LIMIT = 200

HEAD = """
from flask import Flask, request
from flask_socketio import SocketIO, emit
import flask_socketio, sys
app = Flask(__name__)
socketio = SocketIO(app)

@app.route("/")
def index():
    return "VERSION " + flask_socketio.__name__ + " " + __name__ + " " + " ".join(sys.argv[1:])

@app.route("/stop")
def stop():
    socketio.stop()
    return "stopping"

@socketio.on("echo")
def echo(value):
    return value

@socketio.on("disconnect")
def gone(reason):
    print("GONE", reason, flush=True)
"""
MAIN = """
if __name__ == "__main__":
    socketio.run(app, RUN)
    print("after run")
"""


@contextlib.contextmanager
def folder(**files):
    """A folder with files, by names without .py."""
    with tempfile.TemporaryDirectory() as path:
        for name, text in files.items():
            (pathlib.Path(path) / f"{name}.py").write_text(text, encoding="utf-8")
        yield pathlib.Path(path)


def program(run_words="", main=MAIN):
    return HEAD + main.replace("RUN", run_words)


def test_a_script_with_a_main_block():
    with folder(app=program()) as path, on_yodel(path / "app.py", words=["a", "b"]) as server:
        answer = server.get("/")
        equal((answer.status, answer.body), (200, b"VERSION yodel.flask_socketio __main__ a b"))
        client = SioClient(server.port)
        equal(client.call("echo", 5), [5])
        client.close()


def test_a_script_that_runs_nothing():
    with folder(app=program(main="")) as path, on_yodel(path / "app.py") as server:
        equal(server.get("/").status, 200)


def test_modules_attributes_and_factories():
    factory = HEAD + "\nmade = app\ndel app, socketio\ndef create_app():\n    return made\n"
    with folder(app=program(), factory=factory) as path:
        for target in ("app", "app:app", "app:socketio", "factory", "factory:create_app", "factory:create_app()"):
            with on_yodel(target, cwd=path) as server:
                module = target.partition(":")[0].encode()
                equal(server.get("/").body.split()[:3], [b"VERSION", b"yodel.flask_socketio", module], target)


def test_a_program_of_flask_alone():
    text = "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef index():\n    return 'plain'\n"
    with folder(app=text + "app.run(debug=False)\n") as path, on_yodel(path / "app.py") as server:
        equal(server.get("/").body, b"plain")
        equal(server.get("/none").status, 404)


def test_the_program_says_where():
    port = harness.free_port()
    text = program(f"host='127.0.0.1', port={port}, log_output=True, allow_unsafe_werkzeug=True, own=1")
    with folder(app=text) as path, on_yodel(path / "app.py", port=None) as server:
        equal(server.port, port)
        equal(server.get("/").status, 200)
        server.until_said('"GET / HTTP/1.1" 200 OK')
        assert "the option own has no meaning here" in server.said()
        second = Served(["-m", "yodel.flask", path / "app.py"])
        assert second.wait() != 0
        assert "cannot listen on" in second.said(), second.said()


def test_without_the_launcher():
    text = program("port=0").replace("from flask_socketio", "from yodel.flask_socketio")
    with folder(app=text) as path, Served([path / "app.py"]).ready() as server:
        equal(server.get("/").body, b"VERSION flask_socketio __main__ ")
        client = SioClient(server.port)
        equal(client.call("echo", 5), [5])
        client.close()


def end(number, word="server shutting down"):
    with folder(app=program()) as path:
        server = on_yodel(path / "app.py")
        try:
            client = SioClient(server.port)
            equal(client.call("echo", 1), [1])
            server.signal(number)
            equal(server.wait(), 0)
            client.close()
            said = server.said()
            assert f"GONE {word}" in said and "after run" in said, said
        finally:
            server.kill()


def test_sigterm():
    end(signal.SIGTERM)


def test_sigint():
    end(signal.SIGINT)


def test_stop():
    with folder(app=program()) as path:
        server = on_yodel(path / "app.py")
        try:
            equal(server.get("/stop").body, b"stopping")
            equal(server.wait(), 0)
            assert "after run" in server.said(), server.said()
        finally:
            server.kill()


def test_a_program_with_its_own_signal_handler():
    own = """
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
"""
    with folder(app=HEAD + own + MAIN.replace("RUN", "")) as path:
        server = on_yodel(path / "app.py")
        try:
            client = SioClient(server.port)
            server.signal(signal.SIGTERM)
            equal(server.wait(), 7)
            client.close()
            assert "GONE" in server.said(), server.said()
        finally:
            server.kill()


def test_a_handler_that_does_not_end():
    stuck = HEAD + """
import time
@socketio.on("stuck")
def stuck():
    print("STUCK", flush=True)
    time.sleep(1000)
"""
    with folder(app=stuck + MAIN.replace("RUN", "")) as path:
        server = on_yodel(path / "app.py", "--timeout-graceful-shutdown", "0.5")
        try:
            client = SioClient(server.port)
            client.emit("stuck")
            server.until_said("STUCK")
            server.signal(signal.SIGTERM)
            equal(server.wait(), 0)
            client.close()
            assert "did not end in time" in server.said(), server.said()
        finally:
            server.kill()


def test_reloader():
    with folder(app=program("debug=True")) as path:
        server = on_yodel(path / "app.py")
        script = path / "app.py"
        try:

            def serves(word):
                with contextlib.suppress(OSError, EOFError):
                    return server.get("/").body.startswith(word)
                return False

            def change(text):
                """At once: half of a change would be a change, too."""
                moment = script.stat().st_mtime_ns + 2_000_000_000
                other = path / "app.new"
                other.write_text(text, encoding="utf-8")
                os.utime(other, ns=(moment, moment))
                os.replace(other, script)

            def find_port(count):
                server.port = int(server.until_said(r"(?s)(?:Running on \S+:(\d+).*?){%d}" % count).group(1))

            eventually(lambda: serves(b"VERSION"), "the program serves", 40)
            change(program("debug=True").replace("VERSION", "SECOND"))
            find_port(2)
            eventually(lambda: serves(b"SECOND"), "the changed program serves", 40)
            change("this is no program\n")
            server.until_said("waiting for a change")
            change(program("debug=True").replace("VERSION", "THIRD"))
            find_port(3)
            eventually(lambda: serves(b"THIRD"), "the third program serves", 40)
            server.signal(signal.SIGTERM)
            equal(server.wait(), 0)
            assert not serves(b"")
        finally:
            server.kill()


def test_who_serves_ends_with_who_watches():
    with folder(app=program("debug=True")) as path:
        server = on_yodel(path / "app.py")
        try:
            serving = int(re.search(r"Started server process \[(\d+)\]", server.said()).group(1))
            assert serving != server.process.pid
            server.process.kill()
            server.process.wait()

            def has_gone():
                try:
                    os.kill(serving, 0)
                except ProcessLookupError:
                    return True
                return False

            eventually(has_gone, "the process that serves ends", 60)
        finally:
            server.kill()


def test_debug_shows_the_debugger_and_options_override():
    text = program("debug=True") + "\n"
    text = text.replace('@app.route("/stop")', '@app.route("/fault")\ndef fault():\n    1 / 0\n\n@app.route("/stop")')
    with folder(app=text) as path:
        with on_yodel(path / "app.py", "--no-reload") as server:
            answer = server.get("/fault")
            equal(answer.status, 500)
            assert b"ZeroDivisionError" in answer.body and b"debugger" in answer.body.lower()
        with on_yodel(path / "app.py", "--no-debug") as server:
            answer = server.get("/fault")
            equal(answer.status, 500)
            assert b"ZeroDivisionError" not in answer.body


def test_monkey_patching():
    for library, text in (
        ("eventlet", "import eventlet\neventlet.monkey_patch()\n"),
        ("gevent", "from gevent import monkey\nmonkey.patch_all()\n"),
    ):
        if not importlib.util.find_spec(library):
            continue
        with folder(app=text + program(f"").replace("SocketIO(app)", f"SocketIO(app, async_mode='{library}')")) as path:
            with on_yodel(path / "app.py") as server:
                client = SioClient(server.port)
                equal(client.call("echo", 5), [5])
                client.close()
                assert "has no meaning here: handlers run in threads" in server.said()
            own = text + program("port=0").replace("from flask_socketio", "from yodel.flask_socketio")
            (path / "own.py").write_text(own, encoding="utf-8")
            direct = Served([path / "own.py"])
            assert direct.wait() != 0
            assert "leave its monkey patching out" in direct.said(), direct.said()


def test_mistakes():
    with folder(app=program(), empty="x = 1\n", bad="1 / 0\n", two=HEAD + "other = Flask('o')\ndel app\n") as path:
        for words, status, text in (
            (["none.py"], 1, "there is no file none.py"),
            (["none"], 1, "there is no module none"),
            (["app:none"], 1, "app has no none"),
            (["app:sys"], 1, "app:sys is no Flask application"),
            (["empty.py"], 1, "has no Flask application"),
            (["two.py"], 1, "has several applications"),
            (["bad.py"], 1, "ZeroDivisionError"),
            (["--port", "x", "app.py"], 2, "--port"),
            (["--none", "app.py"], 2, "--none"),
            ([], 2, "target"),
        ):
            server = Served(["-m", "yodel.flask", *words], cwd=path)
            equal(server.wait(), status, f"{words} {server.said()}")
            assert text in server.said(), (words, server.said())


def test_unix_socket():
    with folder(app=program()) as path:
        place = path / "socket"
        with Served(["-m", "yodel.flask", "--uds", place, path / "app.py"]) as server:
            server.until_said("Running on unix socket")
            equal(harness.http(0, "GET", "/", host=str(place)).status, 200)


def test_tls():
    if shutil.which("openssl") is None:
        harness.skip("openssl is not installed")
    text = program("ssl_context=('cert.pem', 'key.pem')") + "\n"
    text = text.replace('return "VERSION "', 'return request.scheme + " VERSION "')
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    with folder(app=text, plain=program()) as path:
        subprocess.run(
            [*make, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=path,
            check=True,
            capture_output=True,
        )
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with on_yodel("app.py", cwd=path) as server:
            assert "Running on https://" in server.said()
            equal(server.get("/", wrap=context.wrap_socket).body[:13], b"https VERSION")
        with on_yodel("plain.py", "--tls-cert", "cert.pem", "--tls-key", "key.pem", cwd=path) as server:
            equal(server.get("/", wrap=context.wrap_socket).status, 200)
        missing = Served(["-m", "yodel.flask", "--tls-cert", "none.pem", "plain.py"], cwd=path)
        assert missing.wait() != 0
        assert "none.pem" in missing.said() and "Traceback" not in missing.said(), missing.said()


def test_two_servers_in_one_process():
    text = HEAD + """
import threading
second = Flask("second")
other = SocketIO(second)

@other.on("echo")
def echo2(value):
    return "second", value

threading.Thread(target=other.run, args=(second,), kwargs={"port": 0}, daemon=True).start()
""" + MAIN.replace("RUN", "port=0")
    with folder(app=text) as path, on_yodel("app.py", cwd=path, port=None) as server:
        server.until_said(r"(?s)(Running on.*){2}")
        ports = [int(port) for port in re.findall(r"Running on \S+:(\d+)", server.said())]
        answers = []
        for port in ports:
            client = SioClient(port)
            answers.append(client.call("echo", 1))
            client.close()
        equal(sorted(answers, key=str), [["second", 1], [1]])


def test_options_of_the_command_line():
    with folder(app=program()) as path:
        words = ["--path", "own", "--ping-interval", "3", "--ping-timeout", "2", "--transports", "websocket"]
        with on_yodel(path / "app.py", *words, "--max-http-buffer-size", "5000", "--access-log") as server:
            with harness.WebSocket(server.port, "/own/?EIO=4&transport=websocket") as websocket:
                opened = websocket.message()
            assert '"pingInterval":3000' in opened and '"maxPayload":5000' in opened, opened
            assert server.get("/own/?EIO=4&transport=polling").status == 400
            server.get("/")
            server.until_said('"GET / HTTP/1.1" 200')


if __name__ == "__main__":
    run(globals())
