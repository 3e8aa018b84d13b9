# SPDX-License-Identifier: MIT
"""One server goes and another takes its place: nobody who has come is sent away unheard."""

import contextlib
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time

from harness import BINARY, PUBLIC, Demo, Program, Stream, WebSocket, connect, equal, eventually, free_port, http, run
from harness import request_bytes

LONG = str(60_000)  # milliseconds; a test that waits for it fails
LATE_BODY = b'{"data":"late"}'
LATE_REQUEST = request_bytes("POST", "/notify", [("Content-Type", "application/json")], LATE_BODY)[: -len(LATE_BODY)]


def successor(port, *words):
    """A demo on a port that another one had, which nothing else takes: of free_port()."""
    options = ["--port", str(port), "--public", PUBLIC, *words]
    return Program([BINARY, *options], r"^Yodel demo on http://localhost:(\d+)$")


def health(port):
    with contextlib.suppress(OSError, EOFError):
        return http(port, "GET", "/health").status == 200
    return False


def echo(port, host="127.0.0.1"):
    with WebSocket(port, "/ws", host=host) as ws:
        ws.send_text("x")
        equal(ws.message(), "Echo: x")
        ws.leave()


def test_who_waits_to_be_accepted_is_answered():
    """They connect and ask while the process does not run, so it finds them together with the signal."""
    for loops in "1", "2":
        with Demo("--loops", loops, "--drain-ms", LONG) as demo:
            demo.signal(signal.SIGSTOP)
            clients = [Stream(connect(demo.port)) for _ in range(20)]
            for client in clients:
                client.send(request_bytes("GET", "/health"))
            demo.signal(signal.SIGTERM)
            demo.signal(signal.SIGCONT)
            for client in clients:
                equal(client.response().status, 200)
                equal(client.rest(), b"")
            equal(demo.wait(), 0)


def test_a_close_frame_reaches_an_idle_client_however_short_the_time():
    with Demo("--drain-ms", "1", "--loops", "1") as demo:
        ws = demo.websocket("/echo")
        time.sleep(2)
        demo.signal(signal.SIGTERM)
        equal(ws.message().code, 1001)
        equal(demo.wait(), 0)
        ws.close()


def test_one_silent_client_holds_nobody_up():
    """A successor listens and serves at once, while the old process finishes a request; the silent one is not waited
    for."""
    with Demo("--port", str(free_port()), "--loops", "1", "--drain-ms", LONG) as demo, demo.websocket("/echo") as silent:
        port = demo.port
        with Stream(connect(port)) as held:
            held.send(LATE_REQUEST)
            equal(demo.get("/health").status, 200)  # it has been read
            demo.signal(signal.SIGTERM)
            equal(silent.message().code, 1001)
            with successor(port) as fresh:
                eventually(lambda: health(port), "it answers")
                echo(port)
                assert demo.alive()
                held.send(LATE_BODY)
                equal(held.response().status, 202)
                equal(demo.wait(), 0)
                assert fresh.alive()


def test_a_client_that_reads_slowly_gets_all():
    """It is not silent: what was queued for it before the stop is still on its way."""
    size = 8 << 20
    with Demo("--drain-ms", LONG) as demo, demo.websocket("/echo") as ws:
        ws.send_frame(2, bytes(size))
        eventually(lambda: demo.stats()["messages_out"] >= 1, "the echo is queued")
        demo.signal(signal.SIGTERM)
        time.sleep(2.5)
        equal(len(ws.message()), size)
        equal(ws.message().code, 1001)
        ws.send_close(1001)
        equal(demo.wait(), 0)


def test_a_unix_socket_is_its_successors():
    """While the old process has a request to finish, whose body comes late."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "yodel.sock")
        with Demo("--unix", path, "--loops", "1", "--drain-ms", LONG) as demo:
            with Stream(connect(demo.port)) as held:
                held.send(LATE_REQUEST)
                equal(demo.get("/health").status, 200)
                demo.signal(signal.SIGTERM)
                eventually(lambda: not os.path.exists(path), "the name is free")
                with Demo("--unix", path):
                    echo(0, path)
                    assert demo.alive()
                    held.send(LATE_BODY)
                    equal(held.response().status, 202)
                    equal(demo.wait(), 0)
                    echo(0, path)
                    equal(http(0, "GET", "/health", host=path).status, 200)


def test_a_stop_waits_for_a_slow_key_file():
    """The second signal finds the first one's work in the middle of it."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = make_certificate(folder)
        with Demo("--host", "127.0.0.1", tls=(cert, key)) as demo:  # one listener: one read
            wrap = ssl._create_unverified_context().wrap_socket
            equal(demo.get("/health", wrap=wrap).status, 200)  # it takes signals by now
            slow = key + ".slow"
            shutil.move(key, slow)
            os.mkfifo(key)
            demo.signal(signal.SIGHUP)
            with open(key, "wb", buffering=0) as pipe:  # it has opened the other end
                demo.signal(signal.SIGTERM)
                time.sleep(0.7)
                with open(slow, "rb") as file:
                    pipe.write(file.read())
            equal(demo.wait(), 0)


def make_certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-keyout", key, "-out", cert]
    subprocess.run(words, check=True, capture_output=True)
    return cert, key


if __name__ == "__main__":
    run(globals())
