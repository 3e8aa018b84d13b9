# SPDX-License-Identifier: MIT
"""Who gets in: decisions of another thread, subprotocols, origins."""

from harness import Demo, Stream, WebSocket, connect, equal, eventually, refused, run, upgrade_bytes

DECIDE_MS = 500  # of those that come too late; the others have much more time


def test_accepted_later(demo):
    with demo.websocket("/slow?delay=80") as ws:
        equal(ws.message(), "welcome")
        ws.send_text("and now an echo")
        equal(ws.message(), "and now an echo")
        ws.leave()


def test_accepted_at_once_from_the_other_thread(demo):
    for _ in range(50):
        with demo.websocket("/slow?delay=0") as ws:
            equal(ws.message(), "welcome")


def test_rejected_later(demo):
    answer = refused(demo.websocket, "/slow?answer=reject&delay=30")
    equal(answer.status, 403)
    equal(answer.body, b"the worker says no\n")
    equal(answer.headers["content-type"], "text/plain; charset=utf-8")


def test_decided_never_or_too_late():
    with Demo("--decide-timeout-ms", str(DECIDE_MS)) as demo:
        equal(refused(demo.websocket, "/slow?answer=never").status, 503)
        equal(refused(demo.websocket, f"/slow?delay={DECIDE_MS * 2}").status, 503)
        equal(demo.get(f"/later?delay={DECIDE_MS * 2}").status, 503)
        equal(demo.get("/health").status, 200)  # as it decides, at last


def test_frames_sent_before_the_decision(demo):
    early = bytes([0x81, 0x85, 0, 0, 0, 0]) + b"early"
    with WebSocket(demo.port, "/slow?delay=50", extra=early) as ws:
        # The thread accepts, and then sends: the loop may be quicker than its second step.
        equal(sorted([ws.message(), ws.message()]), ["early", "welcome"])


def test_gone_before_the_decision(demo):
    for answer in ("accept", "reject", "never"):
        for leave in (Stream.abort, Stream.close):
            stream = Stream(connect(demo.port))
            stream.send(upgrade_bytes(f"/slow?answer={answer}&delay=60"))
            leave(stream)
    with demo.websocket("/slow?delay=150") as ws:
        equal(ws.message(), "welcome")


def test_a_request_is_answered_later(demo):
    answer = demo.get("/later?delay=30")
    equal(answer.status, 200)
    equal(answer.body, b'{"answered":"later"}')


def test_a_request_whose_client_goes(demo):
    """Many decide for nobody: nothing is left of them, and the next one is served."""
    for leave in (Stream.abort, Stream.close):
        for _ in range(30):
            stream = Stream(connect(demo.port))
            stream.send(b"GET /later?delay=40 HTTP/1.1\r\nHost: a\r\n\r\n")
            leave(stream)
    equal(demo.get("/later?delay=100").status, 200)


def test_requests_in_a_row_wait_for_their_turn(demo):
    """Pipelined: the second one is not answered ahead of the first, nor by its decision."""
    stream = Stream(connect(demo.port))
    for delay in (80, 0, 20):
        stream.send(f"GET /later?delay={delay} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    stream.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    for _ in range(3):
        equal(stream.response().body, b'{"answered":"later"}')
    equal(stream.response().status, 200)
    stream.close()


def test_many_wait_at_once(demo):
    streams = [Stream(connect(demo.port)) for _ in range(50)]
    for i, stream in enumerate(streams):
        stream.send(upgrade_bytes(f"/slow?delay={i * 5}&answer={'reject' if i % 5 == 0 else ''}"))
    for i, stream in enumerate(streams):
        equal(stream.response().status, 403 if i % 5 == 0 else 101)
        stream.close()


def offer(demo, *lines):
    """What is chosen of the subprotocols offered, a header line each."""
    headers = [("Sec-WebSocket-Protocol", line) for line in lines]
    with demo.websocket("/subprotocol", headers=headers) as ws:
        ws.send_text("x")
        equal(ws.message(), "x")
        return ws.answer.headers.get("sec-websocket-protocol")


def test_subprotocols(demo):
    equal(offer(demo), None)
    equal(offer(demo, "chat.v1"), "chat.v1")
    equal(offer(demo, "chat.v2"), "chat.v2")
    equal(offer(demo, "chat.v2, chat.v1"), "chat.v1")
    equal(offer(demo, "other ,chat.v2"), "chat.v2")
    equal(offer(demo, "other", "chat.v2"), "chat.v2")
    equal(offer(demo, "other"), None)
    equal(offer(demo, "CHAT.V1"), None)
    equal(offer(demo, "chat.v1x"), None)


def test_subprotocol_where_none_is_known(demo):
    with demo.websocket("/ws", headers=[("Sec-WebSocket-Protocol", "chat.v1")]) as ws:
        equal(ws.answer.headers.get("sec-websocket-protocol"), None)


def origin_is(demo, *origins):
    """Whether a page of these origins is let in to /restricted."""
    headers = [("Origin", origin) for origin in origins]
    try:
        demo.websocket("/restricted", headers=headers).close()
        return True
    except AssertionError:
        raise
    except Exception as refusal:  # pylint: disable=broad-except
        assert refusal.response.status in (400, 403), refusal
        return False


def test_origins_let_in(demo):
    for origin in (
        "http://localhost", "http://localhost:8000", "https://localhost", "http://127.0.0.1:8000",
        "HTTP://LOCALHOST:8000",
    ):
        assert origin_is(demo, origin), origin


def test_origins_kept_out(demo):
    for origin in (
        "http://evil.example", "http://localhost.evil.example", "http://evil-localhost",
        "http://evil.example/localhost", "http://localhost@evil.example", "null", "",
        "http://127.0.0.1.nip.example", "http://[::1]", "localhost", "http://", "http:///localhost",
    ):
        assert not origin_is(demo, origin), origin
    assert not origin_is(demo), "without an Origin"
    assert not origin_is(demo, "http://localhost", "http://evil.example"), "two Origins"
    assert not origin_is(demo, "http://evil.example", "http://localhost"), "two Origins"


def test_a_refused_origin_opens_nothing(demo):
    eventually(lambda: demo.stats()["websockets"] == 0, "nobody of another test is left")
    answer = refused(demo.websocket, "/restricted", headers=[("Origin", "http://evil.example")])
    equal(answer.status, 403)
    assert "upgrade" not in answer.headers, answer.headers
    equal(demo.stats()["websockets"], 0)


def test_origins_of_the_command_line():
    with Demo("--origins", "https://app.example,.corp.example,//chat.example:8443") as demo:
        for origin in (
            "https://app.example", "https://corp.example", "http://a.b.corp.example:81",
            "https://chat.example:8443", "http://chat.example:8443",
        ):
            assert origin_is(demo, origin), origin
        for origin in (
            "http://app.example", "https://app.example:444", "https://notcorp.example",
            "https://chat.example", "http://localhost",
        ):
            assert not origin_is(demo, origin), origin


def test_other_endpoints_take_every_origin(demo):
    with demo.websocket("/ws", headers=[("Origin", "http://anywhere.example")]) as ws:
        ws.send_text("x")
        equal(ws.message(), "Echo: x")


if __name__ == "__main__":
    run(globals(), lambda: Demo("--decide-timeout-ms", "60000"))
