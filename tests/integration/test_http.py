# SPDX-License-Identifier: MIT
"""HTTP connections: keep-alive, pipelining, limits, and requests that are none."""

import time

from harness import LIMIT, Demo, Stream, admitted, connect, equal, eventually, request_bytes, run, upgrade_bytes

HEALTH = request_bytes("GET", "/health")


def ask(demo, octets):
    """The one answer to these octets, after which the connection must end."""
    with Stream(connect(demo.port)) as stream:
        stream.send(octets)
        answer = stream.response()
        equal(stream.rest(), b"", "after the answer")
        return answer


def test_keep_alive(demo):
    with Stream(connect(demo.port)) as stream:
        for _ in range(20):
            stream.send(HEALTH)
            equal(stream.response().json(), {"status": "ok"})


def test_pipelining(demo):
    paths = ["/health", "/rooms/a", "/nothing", "/rooms/b", "/health", "/style.css", "/rooms/c"] * 5
    with Stream(connect(demo.port)) as stream:
        stream.send(b"".join(request_bytes("GET", path) for path in paths))
        answers = [stream.response() for _ in paths]
    for path, answer in zip(paths, answers):
        equal(answer.status, 404 if path == "/nothing" else 200, path)
        if path.startswith("/rooms/"):
            equal(answer.json()["room"], path[-1])


def test_pipelining_octet_by_octet(demo):
    with Stream(connect(demo.port)) as stream:
        for octet in HEALTH * 2:
            stream.send(bytes([octet]))
        equal([stream.response().status for _ in range(2)], [200, 200])


def test_upgrade_after_requests(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(HEALTH + upgrade_bytes("/ws") + bytes([0x81, 0x81, 0, 0, 0, 0, 0x78]))
        equal(stream.response().status, 200)
        equal(stream.response().status, 101)
        equal(stream.exactly(9), bytes([0x81, 7]) + b"Echo: x")


def test_connection_close(demo):
    equal(ask(demo, request_bytes("GET", "/health", [("Connection", "close")])).status, 200)
    equal(ask(demo, request_bytes("GET", "/health", [("Connection", "x, CLOSE")])).status, 200)


def test_http_1_0(demo):
    answer = ask(demo, request_bytes("GET", "/health", version="1.0"))
    equal(answer.status, 200)
    with Stream(connect(demo.port)) as stream:
        keep = [("Connection", "keep-alive")]
        stream.send(request_bytes("GET", "/health", keep, version="1.0"))
        answer = stream.response()
        equal(answer.status, 200)
        if answer.headers.get("connection", "").lower() == "keep-alive":
            stream.send(request_bytes("GET", "/health", version="1.0"))
            equal(stream.response().status, 200)
        equal(stream.rest(), b"")


def test_expect_continue(demo):
    body = b'{"message":"x"}'
    head = request_bytes(
        "POST", "/rooms/r/messages",
        [("Content-Type", "application/json"), ("Expect", "100-continue")], body,
    )[: -len(body)]
    with Stream(connect(demo.port)) as stream:
        stream.send(head)
        equal(stream.response().status, 100)
        stream.send(body)
        equal(stream.response().status, 202)


def test_head_of_a_view(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(request_bytes("HEAD", "/health") + HEALTH)
        head = stream.response(to_head=True)
        whole = stream.response()
        equal(head.status, 200)
        equal(head.headers["content-length"], whole.headers["content-length"])


def test_date(demo):
    assert demo.get("/health").headers["date"].endswith(" GMT")


def test_unknown_path(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(request_bytes("GET", "/nothing") + HEALTH)
        equal(stream.response().status, 404)
        equal(stream.response().status, 200)


def test_malformed_requests(demo):
    host = b"Host: a\r\n"
    for octets in (
        b"GET /health\r\n\r\n", b"GET  /health HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /health HTTP/1.1\r\n\r\n", b"GET /health HTTP/1.1\r\n" + host * 2 + b"\r\n",
        b"GET /health HTTP/1.1\r\n" + host + b"X : y\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + host + b": y\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + host + b"X: a\0b\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + host + b"X: a\r\n b\r\n\r\n",
        b"GET /health HTTP/1.1\n" + b"Host: a\n\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET health HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /\xff HTTP/1.1\r\n" + host + b"\r\n",
    ):
        answer = ask(demo, octets)
        assert answer.status in (400, 505), (octets, answer)


def test_smuggling(demo):
    for fields in (
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: -1\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n", b"Content-Length: +3\r\n",
        b"Content-Length: 18446744073709551616\r\n", b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n", b"Content-Length: 3, 3x\r\n",
    ):
        answer = ask(demo, b"POST /rooms/r/messages HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\nabc")
        assert answer.status in (400, 501, 413), (fields, answer)


def test_bad_chunks(demo):
    for chunk in (b"x\r\n", b"-1\r\n", b"fffffffffffffffff\r\n", b"3\r\nabcd\r\n", b"\r\n"):
        answer = ask(
            demo,
            b"POST /rooms/r/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + chunk,
        )
        assert answer.status in (400, 413), (chunk, answer)


def test_limits(demo):
    for octets, status in (
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 2000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
    ):
        equal(ask(demo, octets).status, status, octets[:40])


def test_slow_heads_end():
    with Demo("--header-timeout-ms", "2500") as demo:
        silent = [Stream(connect(demo.port)) for _ in range(20)]
        begun = []
        for _ in range(20):
            begun.append(Stream(connect(demo.port)))
            begun[-1].send(b"GET /health HTTP/1.1\r\nHost: ")
        equal(demo.get("/health").status, 200)
        for stream in silent:
            assert stream.rest().split(b" ")[:2] in ([b""], [b"HTTP/1.1", b"408"])
        for stream in begun:
            equal(stream.response().status, 408)
            equal(stream.rest(), b"")
        eventually(lambda: demo.stats()["connections"] == 1, "only the asker is connected")


def test_drip_does_not_prolong_a_head():
    with Demo("--header-timeout-ms", "500") as demo:
        with Stream(connect(demo.port)) as stream:
            stream.sock.settimeout(0.05)
            stream.send(b"GET /health HTTP/1.1\r\nHost: a\r\nX: ")
            deadline = time.monotonic() + LIMIT
            while time.monotonic() < deadline:
                stream.send(b"a")
                try:
                    if b"408" in stream.sock.recv(4096):
                        return
                except TimeoutError:
                    continue
        raise AssertionError("a head that never ends was waited for")


def test_idle_connections_end():
    with Demo("--keep-timeout-ms", "2000") as demo:
        with Stream(connect(demo.port)) as stream:
            for _ in range(2):
                stream.send(HEALTH)
                equal(stream.response().status, 200)
            equal(stream.rest(), b"")


def test_too_many_connections():
    with Demo("--max-connections", "5", "--loops", "2") as demo:
        held = []
        for _ in range(5):
            held.append(admitted(demo.websocket, "/ws"))
        with Stream(connect(demo.port)) as sixth:
            equal(sixth.response().status, 503)
            equal(sixth.rest(), b"")
        for ws in held:
            ws.send_text("still served")
            equal(ws.message(), "Echo: still served")
        held.pop().leave()

        def is_let_in():
            with Stream(connect(demo.port)) as stream:
                stream.send(HEALTH)
                return stream.response().status == 200

        eventually(is_let_in, "there is room again")
        for ws in held:
            ws.leave()
        eventually(is_let_in, "there is more room")
        assert demo.stats()["refused"] >= 1


if __name__ == "__main__":
    run(globals())
