#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SioServer: WSGI applications in its workers (field case P12, and PEP 3333)."""

import json
import select
import signal
import time

from package import SANITIZED, harness, require
from sio_kit import SioProgram

require()
equal = harness.equal


def get(program, path, **options):
    return harness.http(program.port, "GET", path, **options)


def chunked(path, *parts, end=b"0\r\n\r\n"):
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


def test_environ(program):
    response = get(program, "/environ?a=%20b&c", headers=[("X-Name", "v1"), ("x-name", "v2"), ("Cookie", "a=1")])
    environ = json.loads(response.body)
    equal(environ["PATH_INFO"], "/environ")
    equal(environ["QUERY_STRING"], "a=%20b&c")
    equal(environ["RAW_URI"], "/environ?a=%20b&c")
    equal(environ["HTTP_X_NAME"], "v1,v2")
    equal(environ["HTTP_COOKIE"], "a=1")
    equal((environ["REQUEST_METHOD"], environ["SCRIPT_NAME"], environ["REMOTE_ADDR"]), ("GET", "", "127.0.0.1"))
    equal((environ["SERVER_PROTOCOL"], environ["wsgi.url_scheme"]), ("HTTP/1.1", "http"))
    assert "CONTENT_LENGTH" not in environ, environ
    environ = json.loads(harness.http(program.port, "POST", "/environ", [("Content-Type", "a/b")], b"12345").body)
    equal((environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]), ("5", "a/b"))
    equal(get(program, "/%D0%BF%2F").status, 404)


def test_p12_bodies(program):
    equal(program.ask("/read"), [0, ""])  # without a length: at once
    equal(program.ask("/read", b"x" * 300_000), [300_000, ""])
    with harness.Stream(harness.connect(program.port)) as stream:
        stream.send(chunked("/read", b"abc", b"d" * 70_000))
        equal(json.loads(stream.response().body), [70_003, ""])
        stream.send(chunked("/lines", b"one\ntw", b"o\nthree\n\nfour"))
        equal(json.loads(stream.response().body), ["one\n", "two", "\n", "three\n", "\n", "four"])
        stream.send(chunked("/read"))  # the connection goes on
        equal(json.loads(stream.response().body), [0, ""])


def test_p12_a_client_that_leaves_ends_the_answer(program):
    with harness.Stream(harness.connect(program.port)) as stream:
        stream.send(b"GET /stream?1000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        stream.exactly(50_000)
        stream.abort()
    harness.eventually(lambda: program.ask("/closed") == 1, "close() was called")


def test_an_upload_waits_for_its_reader(program):
    """Most of 64 MiB stays in the kernels while the application sleeps."""
    program.do("handlers.free.clear()")
    size = 64 << 20
    with harness.Stream(harness.connect(program.port)) as stream:
        stream.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        stream.sock.settimeout(0.5)
        sent, before = 0, program.memory()
        try:
            while sent < size:
                sent += stream.sock.send(b"x" * min(1 << 20, size - sent))
        except TimeoutError:
            pass
        assert sent < size / 2, f"{sent} bytes were taken"
        assert program.memory() - before < (64 if SANITIZED else 4) << 20, "it is kept in memory"
        program.do("handlers.free.set()")
        stream.sock.settimeout(harness.LIMIT)
        while sent < size:
            sent += stream.sock.send(b"x" * min(1 << 20, size - sent))
        equal(json.loads(stream.response().body), size)


def test_a_download_waits_for_its_client(program):
    """An application cannot write more than the client takes."""
    with harness.Stream(harness.connect(program.port)) as stream:
        stream.send(b"GET /stream?20000 HTTP/1.1\r\nHost: a\r\n\r\n")  # 200 MB
        before = program.memory()
        for _ in range(20):
            stream.exactly(10_000)
            time.sleep(0.02)
        assert program.memory() - before < (64 if SANITIZED else 8) << 20, "it is kept in memory"
        stream.abort()


def test_answers(program):
    response = get(program, "/stream?3")
    equal(len(response.body), 30_000)
    assert "content-length" not in {name.lower() for name in response.headers}, response.headers
    equal(get(program, "/sized").body, b"1234567890")
    equal(get(program, "/late").body, b"by write, by return")
    equal(get(program, "/nowhere").status, 404)
    head = harness.http(program.port, "HEAD", "/sized")
    equal((head.status, head.body), (200, b""))


def test_exceptions(program):
    response = get(program, "/raise")
    equal((response.status, response.body), (500, b"Internal Server Error"))
    with harness.Stream(harness.connect(program.port)) as stream:
        stream.send(b"GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
        stream.until(b"the first half")
        program.do("handlers.half.set()")
        rest = stream.rest()  # which ends: it is cut off
        assert not rest.endswith(b"0\r\n\r\n"), rest
    equal(get(program, "/bad").status, 500)
    said = program.said()
    for text in ("in the application", "half way", "Traceback"):
        assert text in said, said


def test_slow_applications_in_parallel(program):
    streams = [harness.Stream(harness.connect(program.port)) for _ in range(3)]
    for stream in streams:
        stream.send(b"GET /meet HTTP/1.1\r\nHost: a\r\n\r\n")  # none is answered before all three run
    for stream in streams:
        equal(stream.response().body, b"true")
        stream.close()


def test_too_many_requests_get_503():
    with SioProgram(workers=1, max_requests=2) as program:
        streams = [harness.Stream(harness.connect(program.port)) for _ in range(4)]
        streams[0].send(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        streams[0].until(b"held")  # the worker is busy
        for stream in streams[1:]:
            stream.send(b"GET /closed HTTP/1.1\r\nHost: a\r\n\r\n")
        refused = select.select([stream.sock for stream in streams[1:]], [], [], harness.LIMIT)[0]
        equal(len(refused), 1)
        program.signal(signal.SIGUSR1)  # the handler goes on
        statuses = [stream.response().status for stream in streams[1:]]
        equal(sorted(statuses), [200, 200, 503])
        for stream in streams:
            stream.close()
        equal(program.stats()["requests_refused"], 1)


harness.run(globals(), SioProgram)
