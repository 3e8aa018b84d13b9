# SPDX-License-Identifier: MIT
"""Request bodies: in parts, early answers to what is still being sent, and clients that leave."""

import concurrent.futures
import contextlib
import os
import socket
import struct
import time

from harness import ROOT, Program, Stream, eventually, http, connect, equal, request_bytes, run

UPLOAD = 20 * 1024 * 1024
BODIES = [  # the same in two forms: a line of the head, and what follows that
    (f"Content-Length: {UPLOAD}", bytes(UPLOAD)),
    ("Transfer-Encoding: chunked", f"{UPLOAD:x}\r\n".encode() + bytes(UPLOAD)),
]


def head(path, *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def send_slowly(stream, octets, seconds):
    """All of octets, in at least that time; what the peer says meanwhile is left unread."""
    step = 256 * 1024
    pause = seconds * step / len(octets)
    for at in range(0, len(octets), step):
        stream.sock.sendall(octets[at : at + step])
        time.sleep(pause)


def at_once(tests):
    """Runs functions that wait for most of their time, each in a thread; what went wrong in one is raised."""
    with concurrent.futures.ThreadPoolExecutor(len(tests)) as pool:
        for done in [pool.submit(test) for test in tests]:
            done.result()


def upload_slowly(port, request, octets, seconds, status):
    with Stream(connect(port)) as stream:
        stream.send(request)
        send_slowly(stream, octets, seconds)
        assert_refused(stream, status)


def assert_refused(stream, status):
    answer = stream.response()
    equal(answer.status, status)
    equal(answer.headers["connection"], "close")
    equal(stream.rest(), b"", "after the answer")


def test_a_client_that_sends_first_and_reads_then_gets_the_413(demo):
    """The upload takes longer than an idle peer is waited for; no reset overtakes the answer."""
    at_once([
        lambda line=line, octets=octets: upload_slowly(demo.port, head("/notify", line), octets, 3, 413)
        for line, octets in BODIES
    ])


def test_other_early_answers_are_read_whole_too(demo):
    at_once([
        lambda request=request, status=status: upload_slowly(demo.port, request, bytes(UPLOAD), 0.5, status)
        for request, status in (
            (head("/none", f"Content-Length: {UPLOAD}"), 405),
            (head("/notify", f"Content-Length: {UPLOAD}", "Expect: tea"), 417),
            (head("/health", f"Content-Length: {UPLOAD}"), 405),
            (b"POST /notify HTTP/1.1\r\nX: " + bytes(65) * 1000, 400),
        )
    ])


def test_the_next_request_does_not_hurt(demo):
    """What follows on the connection is dropped: it ends, whatever a pool thinks of it."""
    with Stream(connect(demo.port)) as stream:
        stream.send(head("/notify", f"Content-Length: {UPLOAD}") + bytes(1000))
        stream.send(request_bytes("GET", "/health"))
        assert_refused(stream, 413)
    equal(demo.get("/health").status, 200)


# Bodies in parts.

APPS = os.environ.get("YODEL_TESTAPPS", str(ROOT / "build/dev/yodel-testapps"))


@contextlib.contextmanager
def uploads():
    """The port of an app, and a function that counts how its uploads have ended."""
    with Program([APPS, "body-app", "--port", "0", "--host", "127.0.0.1"], r"^PORT (\d+)$") as app:
        yield app, lambda: http(app.port, "GET", "/state").json()


def upload_head(path, *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: a", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def reset(stream):
    stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.sock.close()


def test_bodies_larger_than_max_body():
    with uploads() as (app, state):
        with Stream(connect(app.port)) as stream:
            before = app.memory()
            for i, octets in enumerate((UPLOAD, 1, 0, UPLOAD)):
                if i % 2 == 0:
                    stream.send(upload_head("/upload", f"Content-Length: {octets}") + bytes(octets))
                else:
                    stream.send(upload_head("/upload", "Transfer-Encoding: chunked"))
                    for at in range(0, octets, 300000):
                        part = bytes(min(300000, octets - at))
                        stream.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    stream.send(b"0\r\nTrailer: of no use\r\n\r\n")
                equal(stream.response().json(), {"bytes": octets})
            assert app.memory() - before < UPLOAD / 2
        equal(state()["whole"], 4)


def test_early_answers_of_handlers_are_read_whole():
    """Field case L6: 413 and 401 of a handler, 500 of one that fails, half way in an upload."""
    with uploads() as (app, state):
        at_once([
            lambda path=path, status=status, line=line, octets=octets: upload_slowly(
                app.port, upload_head(path, line), octets, 2.5, status
            )
            for path, status in (("/upload?refuse=100000", 413), ("/refuse", 401), ("/upload?fail=100000", 500))
            for line, octets in BODIES
        ])
        equal(state()["other"], 4)


def test_100_continue():
    with uploads() as (app, _):
        with Stream(connect(app.port)) as stream:
            stream.send(upload_head("/upload", "Content-Length: 3", "Expect: 100-continue"))
            equal(stream.response().status, 100)
            stream.send(b"abc")
            equal(stream.response().json(), {"bytes": 3})
        with Stream(connect(app.port)) as stream:
            stream.send(upload_head("/refuse", "Content-Length: 3", "Expect: 100-continue"))
            assert_refused(stream, 401)


def test_a_client_that_leaves_is_noticed_while_its_body_is_paused():
    """Field case L7: one end soon, and no data after it."""
    for leave in (lambda stream: stream.sock.shutdown(socket.SHUT_WR), reset):
        with uploads() as (app, state):
            stream = Stream(connect(app.port))
            stream.send(upload_head("/upload?pause=1", f"Content-Length: {UPLOAD}") + bytes(1000))
            eventually(lambda s=state: s()["begun"] == 1, "the upload has begun")
            time.sleep(0.2)
            equal(state()["closed"], 0)
            stream.send(bytes(50000))
            leave(stream)
            eventually(lambda s=state: s()["closed"] == 1, "its end is told")
            time.sleep(0.2)
            equal({**state(), "begun": 0}, dict.fromkeys(state(), 0) | {"closed": 1})
            stream.sock.close()


def test_a_client_that_leaves_is_noticed_while_its_answer_is_due():
    """Field case L7: the body is whole, and the answer comes much later."""
    for leave in (lambda stream: stream.sock.shutdown(socket.SHUT_WR), reset):
        with uploads() as (app, state):
            stream = Stream(connect(app.port))
            stream.send(upload_head("/upload?wait=1", "Content-Length: 4") + b"body")
            eventually(lambda s=state: s()["whole"] == 1, "the body is whole")
            equal(state()["gone"], 0)
            leave(stream)
            eventually(lambda s=state: s()["gone"] == 1, "its end is told")
            equal(state()["closed"], 0)
            stream.sock.close()


if __name__ == "__main__":
    run(globals())
