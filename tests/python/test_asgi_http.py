# SPDX-License-Identifier: MIT
"""HTTP of python3 -m yodel.asgi: bodies, answers, connections, and clients that leave."""

import select
import socket
import time

import package
from asgi_kit import LONG, serve
from harness import Stream, connect, equal, eventually, request_bytes, run, upgrade_bytes

SMALL = package.SANITIZED
LOOP = "auto"
MANY = 200 if SMALL else 1000
shared = {}


def server(*words, **options):
    """A server of the plain application."""
    return serve("plain:app", "--loop", LOOP, "--no-access-log", *words, **options)


def common():
    """The server that tests share which only ask it something."""
    if "server" not in shared:
        shared["server"] = server("--limit-request-body", "0")
    return shared["server"]


def state(one):
    """What the application counts."""
    return one.get("/state").json()


def opened(one):
    """A connection."""
    return Stream(connect(one.port))


def ask(stream, method, path, headers=(), body=b"", **more):
    """One request on a connection that stays."""
    stream.send(request_bytes(method, path, headers, body, **more))
    return stream.response(to_head=method == "HEAD")


# Bodies of requests.


def test_a_body_comes_whole_in_parts_and_in_chunks():
    with opened(common()) as stream:
        equal(ask(stream, "GET", "/echo").body, b"")
        equal(ask(stream, "POST", "/echo", body=b"abc").body, b"abc")
        answer = ask(stream, "POST", "/echo", body=bytes(range(256)) * 4000)
        equal(answer.body, bytes(range(256)) * 4000)
        assert int(answer.headers["parts"]) > 1, answer.headers
        stream.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: ignored\r\n\r\n":
            stream.send(bytes([byte]))
        equal(stream.response().body, b"abcdefg")
        equal(ask(stream, "POST", "/echo", body=b"").body, b"")


def test_a_small_body_is_one_message_and_the_connection_stays():
    with opened(common()) as stream:
        for _ in range(20):
            answer = ask(stream, "POST", "/echo", body=b"x" * 1000)
            equal((answer.body, answer.headers["parts"]), (b"x" * 1000, "1"))
            assert "connection" not in answer.headers, answer.headers


def test_parts_can_be_sent_back_while_they_come():
    with opened(common()) as stream:
        stream.send(b"POST /duplex HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
        for part in (b"ab", b"cd", b"ef"):
            stream.send(part)
            if part == b"ab":
                head = stream.until(b"\r\n\r\n")
                assert b"Transfer-Encoding: chunked" in head, head
            equal(stream.until(b"\r\n"), b"2")
            equal(stream.exactly(4), part + b"\r\n")
        equal(stream.exactly(5), b"0\r\n\r\n")


def test_100_continue_is_sent_when_the_body_is_asked_for():
    expecting = [("Expect", "100-continue"), ("Content-Length", "3")]
    with opened(common()) as stream:
        stream.send(request_bytes("GET", "/echo", expecting))
        equal(stream.until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue")
        stream.send(b"abc")
        equal(stream.response().body, b"abc")
        stream.send(request_bytes("GET", "/early", expecting))
        answer = stream.response()
        equal((answer.status, answer.body, answer.headers["connection"]), (200, b"early", "close"))


def test_an_answer_ahead_of_the_body_reaches_its_client():
    with opened(common()) as stream:
        stream.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        stream.send(bytes(3000000))
        equal(stream.response().body, b"early")
        equal(stream.rest(), b"")


def test_a_body_above_the_limit_is_refused():
    with server("--limit-request-body", "1000") as one:
        with opened(one) as stream:
            equal(ask(stream, "POST", "/echo", body=bytes(1000)).status, 200)
            equal(ask(stream, "POST", "/upload_lost", body=bytes(1001)).status, 413)
        with opened(one) as stream:
            stream.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            stream.send(b"3E8\r\n" + bytes(1000) + b"\r\n1\r\nx\r\n0\r\n\r\n")
            equal(stream.response().status, 413)
        eventually(lambda: state(one)["alive"] == 0, "the applications have ended")
        equal(state(one)["disconnects"], 4, "the first, and one for each later receive()")


def test_malformed_chunks_end_the_request():
    with opened(common()) as stream:
        stream.send(b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n")
        equal(stream.response().status, 400)
        equal(stream.rest(), b"")


def pour(stream, limit):
    """Sends until nothing is taken for a second, or `limit` bytes; how many were."""
    sent = 0
    stream.sock.setblocking(False)
    while sent < limit and select.select([], [stream.sock], [], 1.0)[1]:
        sent += stream.sock.send(bytes(1 << 16))
    stream.sock.setblocking(True)
    return sent


def test_an_application_that_does_not_receive_stops_its_client():
    """Bad input of issue 9: 1 GiB is announced to a handler that sleeps; memory does not grow."""
    with server() as one:
        state(one)
        for path in ("/asleep", "/asleep?3600"):
            before = one.memory()
            with opened(one) as stream:
                stream.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n".encode())
                assert pour(stream, 1 << 30) < 64 << 20, "the kernel's buffers at most"
                if not SMALL:
                    assert one.memory() - before < 4 << 20, (before, one.memory())
        one.signal(9)
        one.wait()
        one.process.returncode = 0
        one.stop = one.kill


# Answers.


def test_an_answer_is_whole_or_in_chunks():
    with opened(common()) as stream:
        answer = ask(stream, "GET", "/some/path")
        equal((answer.body, answer.headers["content-length"]), (b"/some/path", "10"))
        assert "date" in answer.headers
        equal(answer.headers["server"], "yodel")
        answer = ask(stream, "GET", "/stream")
        equal(answer.body, b"part 0\npart 1\npart 2\n")
        equal((answer.headers["transfer-encoding"], answer.headers["x-kind"]), ("chunked", "stream"))
        answer = ask(stream, "GET", "/sized?12,5,7")
        equal((answer.body, answer.headers["content-length"]), (b"x" * 12, "12"))
        assert "transfer-encoding" not in answer.headers
        equal(ask(stream, "GET", "/buffers").body, b"abcd")


def test_answers_without_content():
    with opened(common()) as stream:
        answer = ask(stream, "HEAD", "/some/path")
        equal((answer.headers["content-length"], answer.body), ("10", b""))
        answer = ask(stream, "HEAD", "/head_length")
        equal(answer.headers["content-length"], "1000")
        assert "content-length" not in ask(stream, "HEAD", "/stream").headers
        for status in (204, 304):
            answer = ask(stream, "GET", f"/status?{status}")
            equal(answer.status, status)
            assert "content-length" not in answer.headers, answer.headers
        equal(ask(stream, "GET", "/head_length").body, b"x" * 1000)


def test_http_1_0():
    for path, body in (("/path", b"/path"), ("/stream", b"part 0\npart 1\npart 2\n")):
        with opened(common()) as stream:
            stream.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = stream.response()
            equal(answer.body, body)
            assert "transfer-encoding" not in answer.headers
            equal(stream.rest(), b"")
    with opened(common()) as stream:
        stream.send(b"GET /scope HTTP/1.0\r\n\r\n")
        assert b"'http_version': '1.0'" in stream.response().body
    with opened(common()) as stream:
        for _ in range(2):
            stream.send(b"GET /path HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            equal(stream.response().body, b"/path")


def test_early_hints():
    with opened(common()) as stream:
        stream.send(request_bytes("GET", "/hints"))
        equal(stream.until(b"\r\n\r\n").split(b"\r\n"), [
            b"HTTP/1.1 103 Early Hints", b"Link: </a.css>; rel=preload", b"Link: </b.js>; rel=preload",
        ])
        equal(stream.until(b"\r\n\r\n"), b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload")
        equal(stream.response().body, b"hinted")
    with opened(common()) as stream:
        stream.send(b"GET /hints HTTP/1.0\r\n\r\n")
        equal(stream.response().body, b"hinted")


def test_a_length_that_is_not_kept():
    with server() as one:
        for path in ("/whole_sized?5,4", "/whole_sized?5,6"):
            with opened(one) as stream:
                answer = ask(stream, "GET", path)
                equal((answer.status, answer.body), (500, b"Internal Server Error"))
        for path in ("/sized?5,2,2", "/sized?5,2,4"):
            with opened(one) as stream:
                stream.send(request_bytes("GET", path))
                seen = stream.rest().partition(b"\r\n\r\n")[2]
                assert len(seen) < 5, seen
        for word in ("shorter", "longer"):
            one.until(f"{word} than Content-Length", 2)
            equal(one.said().count(f"{word} than Content-Length"), 2)


def test_headers_are_sent_as_they_are_given():
    with opened(common()) as stream:
        stream.send(request_bytes("GET", "/headers"))
        lines = stream.until(b"\r\n\r\n").split(b"\r\n")[1:]
        names = [line.split(b":")[0] for line in lines]
        equal(names.count(b"Set-Cookie") + names.count(b"set-cookie"), 2)
        assert b"x-latin: \xe9" in lines and b"x-empty: " in lines, lines
        assert b"Server: own" in lines and b"Date: today" in lines, lines
        equal([name.lower() for name in names].count(b"server"), 1)
        equal([name.lower() for name in names].count(b"date"), 1)
        assert b"connection" not in [name.lower() for name in names], lines
        answer = ask(stream, "GET", "/closes")
        equal((answer.body, answer.headers["connection"]), (b"bye", "close"))
        equal(stream.rest(), b"")


def test_headers_that_cannot_be_are_refused():
    for path in ("/bad_header?a:b", "/bad_header?a%0A", "/bad_header?", "/bad_value"):
        with opened(common()) as stream:
            answer = ask(stream, "GET", path)
            equal((path, answer.status), (path, 500) if path != "/bad_header?a%0A" else (path, 200))
            assert "stolen" not in str(answer.headers)


def test_messages_that_cannot_be_raise_in_send():
    with server() as one:
        equal(
            one.get("/misuse").json(),
            ["RuntimeError", "RuntimeError", "ValueError", "TypeError", "KeyError", "TypeError", "ValueError",
             "ValueError", "ValueError", "KeyError", "TypeError"],
        )
        eventually(lambda: state(one)["errors"] == ["after the end"], "a message after the end is refused")


def test_other_threads_are_refused():
    said = common().get("/other_thread").json()
    equal(len(said), 2)
    for line in said:
        assert "call_soon_threadsafe" in line, said


def test_exceptions_of_the_application():
    with server() as one:
        for path in ("/raises", "/raises_after_start", "/returns"):
            with opened(one) as stream:
                answer = ask(stream, "GET", path)
                equal((answer.status, answer.body), (500, b"Internal Server Error"))
                equal(answer.headers["content-type"], "text/plain; charset=utf-8")
                equal(stream.rest(), b"")
        for path in ("/raises_in_body", "/returns_early"):
            with opened(one) as stream:
                stream.send(request_bytes("GET", path))
                stream.until(b"some\r\n")
                equal(stream.rest(), b"", "no end of the chunks")
        with opened(one) as stream:
            equal(ask(stream, "GET", "/raises_after_end").body, b"fine")
            equal(ask(stream, "GET", "/path").body, b"/path")
        one.until("ValueError: after the end")
        said = one.said()
        equal(said.count("Exception in ASGI application"), 4)
        equal(said.count("ASGI callable returned without starting response."), 1)
        equal(said.count("ASGI callable returned without completing response."), 1)


def test_any_awaitable_is_an_application():
    with serve("plain:class_app", "--loop", LOOP) as one:
        equal(one.get("/not_a_coroutine").body, b"awaitable")


# Connections.


def test_pipelined_requests_are_answered_in_order():
    with opened(common()) as stream:
        paths = [f"/number/{i}" for i in range(200)]
        stream.send(b"".join(request_bytes("GET", path) for path in paths))
        for path in paths:
            equal(stream.response().body, path.encode())
        stream.send(request_bytes("GET", "/slow?0.5") + request_bytes("POST", "/echo", body=b"after"))
        equal(stream.response().body, b"slow")
        equal(stream.response().body, b"after")


def test_p5_each_request_has_a_context_of_its_own():
    """Field case P5: on one connection, with a body that pauses, and pipelined."""
    with opened(common()) as stream:
        equal(ask(stream, "POST", "/context?one", body=bytes(2 << 20)).body, b"unset one 2097152")
        equal(ask(stream, "GET", "/context?two").body, b"unset two 0")
        stream.send(request_bytes("POST", "/context?three", body=bytes(2 << 20)) + request_bytes("GET", "/context?four"))
        equal(stream.response().body, b"unset three 2097152")
        equal(stream.response().body, b"unset four 0")


def test_p4_a_receive_that_is_cancelled_leaves_no_trace():
    """Field case P4: one task streams, one listens for the end and is cancelled."""
    with server() as one:
        with opened(one) as stream:
            for i in range(10):
                equal(ask(stream, "POST", "/two_tasks", body=b"x" * i).body, b"part" * 5)
            equal(ask(stream, "GET", "/path").body, b"/path")
        equal(state(one)["done"], 10)
        assert "ERROR" not in one.said() and "Traceback" not in one.said(), one.said()


def test_a_slow_answer_is_not_cut_by_the_time_of_idle_connections():
    """Field case P8: the next request is there already."""
    with server("--timeout-keep-alive", "1") as one, opened(one) as stream:
        stream.send(request_bytes("GET", "/slow?2.5") + request_bytes("GET", "/slow?1.5"))
        equal(stream.response().body, b"slow")
        equal(stream.response().body, b"slow")
        began = time.monotonic()
        equal(stream.rest(), b"")
        assert time.monotonic() - began < LONG


def test_p8_requests_that_end_by_a_reset_leave_nothing():
    """Field case P8: all of them freed at once."""
    with server() as one:
        state(one)
        descriptors = one.descriptors()
        objects = None
        for round_ in range(2):
            for i in range(MANY // 2):
                stream = opened(one)
                stream.send(request_bytes("GET", "/asleep?0.01" if i % 2 else "/listen"))
                if i % 50 == 49:
                    one.get("/path")
                stream.abort()
            eventually(lambda: state(one)["alive"] == 0 and state(one)["tasks"] <= 4, "all have ended", LONG)
            if round_ == 0:
                objects = state(one)["objects"]
        eventually(lambda: one.descriptors() <= descriptors + 1, "descriptors are back")
        assert state(one)["objects"] < objects + 200, (objects, state(one))
        assert "Traceback" not in one.said(), one.said()


def test_twenty_thousand_requests_leave_nothing():
    """Memory and objects are flat over whole, streamed and failed answers, with and without bodies."""
    batch = b"".join(
        request_bytes("GET", "/path") + request_bytes("POST", "/echo", body=b"x" * 300) + request_bytes("GET", "/stream")
        + request_bytes("HEAD", "/head_length") + request_bytes("GET", "/two_tasks")
        for _ in range(10)
    )
    with server() as one:
        before = None
        for round_ in range(20 * MANY // 50):
            with opened(one) as stream:
                stream.send(batch)
                for number in range(50):
                    assert stream.response(to_head=number % 5 == 3).status == 200
                stream.send(request_bytes("GET", "/raises"))
                equal(stream.response().status, 500)
            if round_ == MANY // 50:
                before = one.memory(), state(one)["objects"]
        assert state(one)["objects"] < before[1] + 200, (before, state(one))
        if not SMALL:
            assert one.memory() < before[0] + (8 << 20), (before, one.memory())


def test_p10_uploads_that_break_off():
    """Field case P10: a body that is never whole."""
    with server() as one:
        state(one)
        descriptors = one.descriptors()
        before = None
        for round_ in range(1, MANY // 50 + 1):
            for _ in range(50):
                stream = opened(one)
                stream.send(b"POST /upload_lost HTTP/1.1\r\nHost: x\r\nContent-Length: 102400\r\n\r\n" + bytes(102399))
                stream.close()
            eventually(lambda number=50 * round_: state(one)["disconnects"] == 4 * number, "each is told", LONG)
            equal(state(one)["alive"], 0)
            before = before or (one.memory(), state(one)["objects"])
        eventually(lambda: one.descriptors() <= descriptors + 1, "descriptors are back")
        assert state(one)["objects"] < before[1] + 200, (before, state(one))
        if not SMALL:
            assert one.memory() < before[0] + (16 << 20), (before, one.memory())


def test_p10_one_disconnect_for_a_receive_that_waits():
    """Field case P10: one http.disconnect, not one a second."""
    with server() as one:
        for leave in (Stream.close, Stream.abort, lambda stream: stream.sock.shutdown(socket.SHUT_WR)):
            before = state(one)["disconnects"]
            stream = opened(one)
            stream.send(request_bytes("GET", "/listen"))
            eventually(lambda: state(one)["alive"] == 1, "it listens")
            leave(stream)
            eventually(lambda: state(one)["alive"] == 0, "it is told")
            equal(state(one)["disconnects"], before + 1)
            stream.sock.close()


def test_p3_a_send_after_the_client_has_gone_raises():
    """Field case P3: an OSError, and the scope says spec_version 2.4; nothing is logged as a fault."""
    with server() as one:
        assert "'spec_version': '2.4'" in one.get("/scope").body.decode()
        for path in ("/flood?slowly", "/flood"):
            stream = opened(one)
            stream.send(request_bytes("GET", path))
            stream.exactly(3 * 8192)
            stream.abort()
            eventually(lambda p=path: state(one)["errors"], "send() has raised", LONG)
            equal(state(one)["errors"][-1], "ClientDisconnected")
        equal(len(state(one)["errors"]), 2)
        assert "ERROR" not in one.said() and "Traceback" not in one.said(), one.said()


def test_a_client_that_does_not_read_stops_the_application():
    with server() as one:
        state(one)
        before = one.memory()
        stream = opened(one)
        stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        stream.send(request_bytes("GET", "/flood"))
        last = -1
        while (sent := state(one)["sent"]) != last:
            last = sent
            time.sleep(0.3)
        assert sent * 8192 < 32 << 20, sent
        if not SMALL:
            assert one.memory() - before < 4 << 20, (before, one.memory())
        head = stream.until(b"\r\n\r\n")
        assert b"chunked" in head
        total = 0
        while size := int(stream.until(b"\r\n"), 16):
            total += size
            stream.exactly(size + 2)
        equal(total, 10000 * 8192)
        stream.close()


def test_server_sent_events_begin_at_once():
    with server() as one, opened(one) as stream:
        stream.send(request_bytes("GET", "/events"))
        assert b"text/event-stream" in stream.until(b"\r\n\r\n"), "the head, ahead of any event"
        for number in range(3):
            one.get("/go")
            stream.until(b"\r\n")
            equal(stream.until(b"\r\n"), b"data: %d\n\n" % number)
        equal(stream.until(b"\r\n\r\n"), b"0")
        stream.send(request_bytes("GET", "/path"))
        equal(stream.response().body, b"/path")


def test_a_head_without_content_is_sent_in_time():
    with server() as one, opened(one) as stream:
        stream.send(request_bytes("GET", "/late_body"))
        assert b"x-late" in stream.until(b"\r\n\r\n"), "the head, ahead of the content"
        one.get("/go")
        stream.until(b"\r\n")
        equal(stream.exactly(4), b"late")


def test_p9_nothing_waits_for_the_garbage_collector():
    """Field case P9: a megabyte in each scope, which also holds its receive."""
    with serve("plain_no_gc:app", "--loop", LOOP, "--no-access-log") as one:
        with opened(one) as stream:
            for _ in range(20):
                equal(ask(stream, "GET", "/big_state").body, b"kept")
            before = one.memory()
            for _ in range(MANY):
                equal(ask(stream, "GET", "/big_state").body, b"kept")
        if not SMALL:
            assert one.memory() - before < 16 << 20, (before, one.memory())


def test_p11_a_stray_byte_behind_an_upgrade():
    """Field case P11: that one connection ends, the others notice nothing."""
    with server() as one:
        healthy = [opened(one) for _ in range(50)]
        for stream in healthy:
            equal(ask(stream, "GET", "/path").body, b"/path")
        with opened(one) as bad:
            bad.send(upgrade_bytes("/path") + b"x")
            bad.rest()
        for stream in healthy:
            equal(ask(stream, "GET", "/path").body, b"/path")
            stream.close()


def test_the_scope():
    with server("--root-path", "/api") as one:
        with opened(one) as stream:
            seen = eval(ask(stream, "GET", "/scope/%D0%BF%20x?a=1&b=%20", [("X-Two", "1"), ("x-two", "2")]).body)
        equal(seen["type"], "http")
        equal(seen["asgi"], {"version": "3.0", "spec_version": "2.4"})
        equal((seen["http_version"], seen["method"], seen["scheme"]), ("1.1", "GET", "http"))
        equal((seen["path"], seen["raw_path"]), ("/scope/п x", b"/scope/%D0%BF%20x"))
        equal((seen["query_string"], seen["root_path"]), (b"a=1&b=%20", "/api"))
        equal(seen["server"], ("127.0.0.1", one.port))
        equal(seen["client"][0], "127.0.0.1")
        equal([v for n, v in seen["headers"] if n == b"x-two"], [b"1", b"2"])
        assert all(isinstance(n, bytes) and n == n.lower() for n, _ in seen["headers"])


def test_zz_the_shared_server_ends_well():
    if "server" in shared:
        shared.pop("server").stop()


if __name__ == "__main__":
    package.require()
    try:
        run(globals())
    finally:
        for left in shared.values():
            left.kill()
