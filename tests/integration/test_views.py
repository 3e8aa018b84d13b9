# SPDX-License-Identifier: MIT
"""Plain HTTP views: messages to a room, numbers, answers that come later."""

import json

from harness import Stream, connect, equal, eventually, http, request_bytes, run

JSON = [("Content-Type", "application/json")]


def test_message_from_a_view(demo):
    ws = demo.websocket("/ws/chat/site/")
    equal(ws.json(), {"presence": 1})
    answer = demo.post_json("/rooms/site/messages", {"message": "from view"})
    equal(answer.status, 202)
    equal(answer.json(), {"sent": True, "members": 1})
    equal(answer.headers["content-type"].split(";")[0], "application/json")
    equal(ws.json(), {"message": "from view"})
    demo.post_json("/rooms/site/messages", {"message": {"a": [1, None]}})
    equal(ws.json(), {"message": {"a": [1, None]}})
    ws.leave()


def test_message_to_nobody(demo):
    answer = demo.post_json("/rooms/empty/messages", {"message": "?"})
    equal(answer.json(), {"sent": True, "members": 0})


def test_views_keep_their_order(demo):
    ws = demo.websocket("/ws/chat/order/")
    with Stream(connect(demo.port)) as stream:
        for i in range(30):
            body = json.dumps({"message": i}).encode()
            stream.send(request_bytes("POST", "/rooms/order/messages", JSON, body))
        for _ in range(30):
            equal(stream.response().status, 202)
    equal([ws.next_with("message") for _ in range(30)], list(range(30)))
    ws.leave()


def test_wrong_type_is_415(demo):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        answer = http(
            demo.port, "POST", "/rooms/r/messages", [("Content-Type", kind)], b'{"message":"x"}'
        )
        equal(answer.status, 415, kind)
        assert b"application/json" in answer.body, answer.body
    equal(http(demo.port, "POST", "/rooms/r/messages", [], b'{"message":"x"}').status, 415)


def test_type_with_a_parameter(demo):
    for kind in ("application/json; charset=utf-8", "Application/JSON"):
        answer = http(
            demo.port, "POST", "/rooms/r/messages", [("Content-Type", kind)], b'{"message":"x"}'
        )
        equal(answer.status, 202, kind)


def test_wrong_body_is_400(demo):
    for body in (b"", b"{", b"[]", b'{"massage":"x"}', b"\xff\xfe", b'{"message":"\xff"}'):
        answer = http(demo.port, "POST", "/rooms/r/messages", JSON, body)
        equal(answer.status, 400, body)
        assert b"message" in answer.body, answer.body


def test_wrong_room_is_400(demo):
    equal(demo.post_json("/rooms/%00/messages", {"message": 1}).status, 400)
    equal(demo.post_json(f"/rooms/{'r' * 251}/messages", {"message": 1}).status, 400)


def test_wrong_method_is_405(demo):
    answer = http(demo.port, "DELETE", "/rooms/r/messages")
    equal(answer.status, 405)
    assert "POST" in answer.headers["allow"], answer.headers
    answer = http(demo.port, "POST", "/stats")
    equal(answer.status, 405)
    assert "GET" in answer.headers["allow"], answer.headers


def test_too_large_body_is_413(demo):
    with Stream(connect(demo.port)) as stream:
        head = request_bytes("POST", "/rooms/r/messages", JSON, b"")
        stream.send(head.replace(b"Content-Length: 0", b"Content-Length: 2000000"))
        equal(stream.response().status, 413)


def test_chunked_body(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(
            b"POST /rooms/r/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
            b'8;x=y\r\n{"messag\r\n6\r\ne":"x"\r\n1\r\n}\r\n0\r\nTrailer: t\r\n\r\n'
        )
        equal(stream.response().status, 202)


def test_room_view(demo):
    equal(demo.get("/rooms/nobody").json(), {"room": "nobody", "members": 0})
    ws = [demo.websocket("/ws/chat/seen/") for _ in range(3)]
    equal(demo.get("/rooms/seen").json(), {"room": "seen", "members": 3})
    for each in ws:
        each.leave()
    eventually(lambda: demo.members("seen") == 0, "the room is empty")


def test_health(demo):
    answer = demo.get("/health")
    equal(answer.json(), {"status": "ok"})
    equal(answer.headers["server"], "yodel-demo")


def test_stats(demo):
    eventually(lambda: demo.stats()["websockets"] == 0, "nobody of another test is left")
    before = demo.stats()
    with demo.websocket("/echo") as ws:
        ws.send_text("count me")
        equal(ws.message(), "count me")
        now = demo.stats()
        equal(now["websockets"], before["websockets"] + 1)
        equal(now["messages_in"], before["messages_in"] + 1)
        equal(now["messages_out"], before["messages_out"] + 1)
        assert now["bytes_in"] > before["bytes_in"] + 100, now
        assert now["bytes_out"] > before["bytes_out"] + 100, now
        assert now["accepted"] >= before["accepted"] + 2, now
        assert now["requests"] >= before["requests"] + 2, now
    eventually(lambda: demo.stats()["websockets"] == before["websockets"], "it is gone")


def test_answer_from_another_thread(demo):
    equal(demo.get("/later?delay=30").json(), {"answered": "later"})
    equal(demo.get("/later?delay=0").json(), {"answered": "later"})


def test_deferred_answers_keep_their_order(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(
            request_bytes("GET", "/later?delay=150")
            + request_bytes("GET", "/health")
            + request_bytes("GET", "/later?delay=0")
        )
        equal(stream.response().json(), {"answered": "later"})
        equal(stream.response().json(), {"status": "ok"})
        equal(stream.response().json(), {"answered": "later"})


def test_client_gone_before_its_answer(demo):
    for _ in range(20):
        stream = Stream(connect(demo.port))
        stream.send(request_bytes("GET", "/later?delay=100"))
        stream.abort()
    equal(demo.get("/later?delay=200").json(), {"answered": "later"})


if __name__ == "__main__":
    run(globals())
