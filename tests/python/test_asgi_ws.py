#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""WebSockets of ASGI applications: their beginning, their messages, and how they end."""

import socket
import time

from package import SANITIZED, AsgiProgram, harness, require

require()
equal = harness.equal
DISCONNECT = "websocket.disconnect"


def seen(server, number=1):
    """What the application has seen, once there are so many things of it."""
    found = []

    def come():
        found.extend(server.ask("/see"))
        return len(found) >= number

    harness.eventually(come, f"{number} things seen")
    return found


def forget(server):
    """What the application has seen by now is of no interest."""
    harness.eventually(lambda: server.ask("/stats")["tasks"] == 1, "all others have ended")
    server.ask("/see")


def refusal(server, path, **options):
    return harness.refused(server.websocket, path, **options)


def ended(code, reason=""):
    return {"type": DISCONNECT, "code": code, "reason": reason}


# -- messages --


def test_echo(server):
    with server.websocket("/echo") as websocket:
        for text in ("hello", "привет 👋", "", "x" * 100_000):
            websocket.send_text(text)
            equal(websocket.message(), text, "text")
        for data in (b"", b"\x00\xff", bytes(70_000)):
            websocket.send_frame(harness.BINARY_FRAME, data)
            equal(websocket.message(), data, "bytes")
        websocket.send_frame(harness.TEXT, b"ab", fin=False)
        websocket.send_frame(harness.PING, b"pp")
        websocket.send_frame(harness.CONTINUATION, b"cd")
        equal(websocket.frame()[2:], (harness.PONG, b"pp"), "pong")
        equal(websocket.message(), "abcd", "in fragments")
        equal(websocket.leave(), harness.Closed(1000, ""), "close")


def test_paths(server):
    for path in ("/", "/echo", "/echo/", "/echo/a/b%20c"):
        with server.websocket(path) as websocket:
            websocket.send_text("hello")
            equal(websocket.message(), "hello", path)
            websocket.leave()


def test_scope(server):
    headers = [("X-Name", "Value"), ("Sec-WebSocket-Protocol", "one, two")]
    path = "/scope/%D0%BA%20%2F"
    with server.websocket(f"{path}?a=%20b&c", headers=headers) as websocket:
        scope = websocket.json()
    equal(scope["type"], "websocket")
    equal(scope["asgi"], {"version": "3.0", "spec_version": "2.4"})
    equal((scope["path"], scope["raw_path"], scope["query_string"]), ("/scope/к /", path, "a=%20b&c"))
    equal((scope["scheme"], scope["http_version"], scope["root_path"]), ("ws", "1.1", ""))
    equal(scope["server"], ["127.0.0.1", server.port])
    equal(scope["client"][0], "127.0.0.1")
    equal(scope["subprotocols"], ["one", "two"])
    equal(scope["extensions"], {"websocket.http.response": {}})
    assert ["x-name", "Value"] in scope["headers"], scope["headers"]
    equal(scope["headers"][0], ["host", "localhost"])


def test_too_big(server):
    with server.websocket("/echo") as websocket:
        websocket.send(b"\x82\xff" + (17 << 20).to_bytes(8, "big") + b"mask" + bytes(1000))
        harness.closed_with(websocket, 1009)


def test_broken_frames(server):
    for frame, code in ((harness.frame_bytes(harness.TEXT, b"\xff"), 1007), (b"\x81\x01a", 1002)):
        with server.websocket("/send_after_end") as websocket:
            websocket.send(frame)
            harness.closed_with(websocket, code)
        equal(seen(server, 4)[0]["code"], code, "told")


# -- the beginning --


def test_accept_with(server):
    offer = [("Sec-WebSocket-Protocol", "one, two")]
    with server.websocket("/accept_with/two", headers=offer) as websocket:
        equal(websocket.answer.headers["sec-websocket-protocol"], "two")
        equal(websocket.answer.headers["x-one"], "1")
        equal(websocket.answer.headers["x-two"], "2")
        equal(websocket.answer.headers["set-cookie"], "a=b")
        websocket.leave(4001)
    equal(seen(server), [ended(4001)])
    with server.websocket("/accept_with/", headers=offer) as websocket:
        assert "sec-websocket-protocol" not in websocket.answer.headers
        websocket.leave()
    seen(server)


def test_bad_messages(server):
    with server.websocket("/accept_bad") as websocket:
        errors = seen(server, 26)
        names = [error[0] for error in errors]
        equal(names[:8], ["ValueError"] * 4 + ["TypeError", "ValueError", "TypeError", "TypeError"], "accept")
        equal(names[8:15], ["RuntimeError"] * 4 + ["ValueError"] * 2 + ["TypeError"], "before it")
        equal(names[15:18], ["RuntimeError", "ValueError", "ValueError"], "after it")
        equal(names[18:21], ["TypeError", "TypeError", "UnicodeEncodeError"], "data")
        equal(names[21:], ["ValueError", "ValueError", "TypeError", "TypeError", "RuntimeError"], "close")
        assert not any(error[1] for error in errors), errors
        websocket.send_text("still there")
        equal(websocket.message(), "still there")
        websocket.leave()


def test_refused(server):
    answer = refusal(server, "/refuse")
    equal(answer.status, 403)
    end, late = seen(server, 2)
    equal(end["type"], DISCONNECT)
    equal(end["code"], 1006)
    equal(late[:2], ["ClientDisconnected", True])
    equal(refusal(server, "/refuse_at_once").status, 403)


def test_log_lines(server):
    server.ask("/stats")
    refusal(server, "/refuse_at_once?a=b")
    for line in (' - "WebSocket /stats" [accepted]', '"WebSocket /refuse_at_once?a=b" [403]'):
        harness.eventually(lambda line=line: line in server.said(), line)


def test_denial_response(server):
    for parts in (1, 3):
        answer = refusal(server, f"/deny/{parts}")
        equal((answer.status, answer.headers["x-why"]), (401, "because"))
        equal(answer.headers["content-type"], "text/plain")
        equal(answer.body, b"".join(b"part%d;" % i for i in range(parts)))
        equal(seen(server)[0]["code"], 1006)


def test_denial_response_is_streamed(server):
    with harness.Stream(harness.connect(server.port)) as stream:
        stream.send(harness.upgrade_bytes("/deny_stream/2/1"))
        head = stream.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503") and b"\r\nRetry-After: 1".lower() in head.lower(), head
        stream.until(b"0000\r\n")
        server.ask("/open_gate")
        stream.until(b"0001\r\n")
        server.ask("/open_gate")
        stream.until(b"0\r\n\r\n")
        equal(stream.rest(), b"")
    equal(seen(server)[0]["code"], 1006)
    before = server.memory()
    with harness.Stream(harness.connect(server.port)) as stream:  # who does not read is waited for
        stream.send(harness.upgrade_bytes("/deny_stream/5000/4000"))
        harness.eventually(lambda: server.ask("/stats")["tasks"] == 2, "it runs")
        stream.until(b"\r\n\r\n")
        time.sleep(0.2)
        assert SANITIZED or server.memory() - before < 4 << 20
    error, end = seen(server, 2)  # and has left
    equal((error, end["type"]), ("ClientDisconnected", DISCONNECT))
    with harness.Stream(harness.connect(server.port)) as stream:
        stream.send(harness.upgrade_bytes("/deny_unfinished"))
        assert not stream.rest().endswith(b"0\r\n\r\n"), "an answer that is not whole looks whole"


def test_bad_denial(server):
    answer = refusal(server, "/deny_bad")
    equal((answer.status, answer.body), (403, b"good"))
    names = [error[0] for error in seen(server, 7)]
    equal(names, ["ValueError", "ValueError", "TypeError", "RuntimeError", "ValueError", "TypeError",
                  "RuntimeError"])


# -- the end --


def test_p1_close_code_and_reason(server):
    with server.websocket("/close_with/4001/as%20given") as websocket:
        equal(websocket.message(), harness.Closed(4001, "as given"))
        websocket.send_close(4001, "as given")
        equal(websocket.rest(), b"")
    late, again, end, once_more = seen(server, 4)
    equal((late[:2], again[:2]), (["RuntimeError", False], ["RuntimeError", False]))
    equal((end["type"], end["code"]), (DISCONNECT, 4001))
    equal(once_more, end, "receive() after the end")
    with server.websocket("/close_with//") as websocket:
        equal(websocket.message(), harness.Closed(1000, ""))
        websocket.send_close(1000)
    seen(server, 4)


def test_p2_messages_before_the_end(server):
    with server.websocket("/slow") as websocket:
        frames = [harness.frame_bytes(harness.TEXT, text) for text in (b"one", b"two", b"three")]
        frames.append(harness.frame_bytes(harness.CLOSE, harness.close_payload(4002, "bye")))
        websocket.send(b"".join(frames))
        equal(websocket.message(), harness.Closed(4002, "bye"))
        equal(websocket.rest(), b"")
    server.ask("/open_gate")
    events = seen(server, 4)
    equal([event.get("text") for event in events[:3]], ["one", "two", "three"])
    equal(events[3], ended(4002, "bye"))


def test_ends_of_the_client(server):
    for end, code in ((lambda w: w.send_close(), 1005), (lambda w: w.close(), 1006), (lambda w: w.abort(), 1006),
                      (lambda w: w.sock.shutdown(socket.SHUT_WR), 1006),
                      (lambda w: w.send_close(4003, "own"), 4003)):
        with server.websocket("/send_after_end") as websocket:
            end(websocket)
            event, late, close, again = seen(server, 4)
        equal((event["type"], event["code"]), (DISCONNECT, code))
        equal((late[:2], close[:2]), (["ClientDisconnected", True], ["ClientDisconnected", True]))
        equal(again, event)


def test_handler_ends(server):
    for path, code in (("/raises", 1011), ("/returns", 1000)):
        with server.websocket(path) as websocket:
            websocket.send_text("go")
            harness.closed_with(websocket, code)
    for path in ("/raises_early", "/returns_early"):
        equal(refusal(server, path).status, 500, path)
    for line in ("ValueError: raised after accept", "ValueError: raised before accept", "returned without accepting"):
        harness.eventually(lambda line=line: line in server.said(), line)
    with server.websocket("/raises_late") as websocket:
        websocket.leave()
    harness.eventually(lambda: "raised after the end" in server.said(), "the late exception is logged")


def test_handler_is_cancelled(server):
    with server.websocket("/forever") as websocket:
        harness.eventually(lambda: server.ask("/stats")["tasks"] == 2, "it runs")
        server.ask("/cancel_them")
        harness.closed_with(websocket, 1011)
        assert "cancelled" in seen(server)


def test_client_leaves_a_handler_that_never_returns(server):
    before = server.ask("/stats")["tasks"]
    for path in ("/forever", "/undecided"):
        sock = harness.Stream(harness.connect(server.port))
        sock.send(harness.upgrade_bytes(path))
        harness.eventually(lambda: server.ask("/stats")["tasks"] > before, "it runs")
        sock.close()
        harness.eventually(lambda: server.ask("/stats")["connections"] == 1, "the connection is gone")
        equal(server.ask("/stats")["tasks"], before + 1, "its task is not")
        server.ask("/cancel_them")
        harness.eventually(lambda: server.ask("/stats")["tasks"] == before, "now it is")
    server.ask("/see")


# -- awaitables --


def test_p4_a_receive_that_is_cancelled(server):
    with server.websocket("/two_tasks") as websocket:
        equal([websocket.message() for _ in range(4)], ["0", "1", "2", "cancelled"])
        websocket.send_text("next")
        equal(websocket.message(), "next")
        websocket.leave()
    assert "never awaited" not in server.said() and "never retrieved" not in server.said(), server.said()


def test_timeouts_lose_nothing(server):
    with server.websocket("/timeouts") as websocket:
        for i in range(200):
            websocket.send_text(f"m{i}")
            if i % 20 == 0:
                time.sleep(0.003)
        equal([websocket.message() for _ in range(200)], [f"{i} m{i}" for i in range(200)])
        websocket.leave()


def test_tasks_of_receive_and_send(server):
    with server.websocket("/tasks_of_each") as websocket:
        websocket.send_text("one")
        websocket.send_text("two")
        equal({websocket.message(), websocket.message()}, {"one", "two"})
        websocket.send_text("three")
        websocket.send_text("four")
        equal(websocket.message(), "four")
        websocket.leave()
    equal(seen(server)[0][0], "RuntimeError", "awaited twice")


def test_p5_context(server):
    for _ in range(3):
        equal(server.ask("/context"), "nothing")


def test_p11_bytes_behind_the_upgrade(server):
    healthy = [server.websocket("/echo") for _ in range(50)]
    with server.websocket("/echo", extra=b"\x00") as websocket:
        harness.eventually(lambda: websocket.rest() is not None, "it ends")
    for websocket in healthy:
        websocket.send_text("alive")
        equal(websocket.message(), "alive")
        websocket.leave()


def test_stop():
    with AsgiProgram("ws_app:app", drain=5000) as server:
        with server.websocket("/send_after_end") as websocket, server.websocket("/forever") as deaf:
            harness.eventually(lambda: server.ask("/stats")["tasks"] == 3, "both run")
            server.signal(15)
            equal(websocket.message().code, 1012)
            websocket.send_close(1012)
            equal(websocket.rest(), b"")
            equal(deaf.message().code, 1012)
            deaf.send_close(1012)
            equal(server.wait(), 0)


def test_max_size_and_pings():
    with AsgiProgram("ws_app:app", ws_max_size=100) as server:
        with server.websocket("/echo") as websocket:
            websocket.send_text("x" * 101)
            harness.closed_with(websocket, 1009)
    with AsgiProgram("ws_app:app", ws_ping_interval=0.2, ws_ping_timeout=0.3) as server:
        with server.websocket("/echo") as websocket:
            equal(websocket.frame().opcode, harness.PING)
            equal(websocket.rest()[:1], b"\x88", "closed for want of a pong")


OFFER = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")]


def extensions(program, offer=None):
    """What a server with some options agrees to, as a set of words; then a message comes and goes."""
    with program.websocket("/echo", headers=offer or OFFER) as websocket:
        answer = websocket.answer.headers.get("sec-websocket-extensions", "")
        websocket.send_text("x" * 2000)
        frame = websocket.frame()
        equal(bool(frame.rsv), bool(answer))
        assert len(frame.payload) < 200 or not answer
        return {word.strip() for word in answer.split(";")}


def test_deflate_options():
    short = {"permessage-deflate", "server_no_context_takeover", "client_no_context_takeover"}
    with AsgiProgram("ws_app:app") as server:
        assert short <= extensions(server), extensions(server)
    with AsgiProgram("ws_app:app", ws_per_message_deflate=False) as server:
        equal(extensions(server), {""})
    with AsgiProgram("ws_app:app", ws_per_message_deflate="context", ws_per_message_deflate_level=9,
                     ws_per_message_deflate_window=10, ws_per_message_deflate_client_window=11) as server:
        equal(extensions(server), {"permessage-deflate", "server_max_window_bits=10", "client_max_window_bits=11"})


def test_deflate_options_out_of_range():
    for name, value in (("level", 10), ("level", -1), ("level", 1.5), ("level", "x"), ("window", 8), ("window", 16),
                        ("client_window", 100000)):
        try:
            program = AsgiProgram("ws_app:app", **{f"ws_per_message_deflate_{name}": value})
        except AssertionError as problem:
            assert "ValueError" in str(problem) or "TypeError" in str(problem), problem
        else:
            program.stop()
            raise AssertionError(f"{name} {value} was taken")


harness.run(globals(), lambda: AsgiProgram("ws_app:app"))
