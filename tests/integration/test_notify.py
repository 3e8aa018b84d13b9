# SPDX-License-Identifier: MIT
"""POST /notify: a view that speaks to the Socket.IO clients in /chat."""

import json

from harness import Stream, connect, equal, eventually, http, request_bytes, run

JSON = [("Content-Type", "application/json")]
SEPARATOR = "\x1e"


class Client:
    """A Socket.IO client in /chat that polls."""

    def __init__(self, demo):
        self.demo = demo
        self.path = "/socket.io/?EIO=4&transport=polling"
        self.kept = []
        opened = self.poll()
        self.path += f"&sid={json.loads(opened[1:])['sid']}"
        self.post("40/chat,")
        equal(self.poll()[:9], "40/chat,{")
        equal(self.event()[0], "server_response")

    def poll(self):
        """The next packet."""
        while not self.kept:
            answer = self.demo.get(self.path)
            equal(answer.status, 200)
            self.kept = answer.body.decode().split(SEPARATOR)
        return self.kept.pop(0)

    def post(self, packet):
        answer = http(self.demo.port, "POST", self.path, [], packet.encode())
        equal((answer.status, answer.body), (200, b"ok"))

    def event(self):
        """The next event of /chat, without the offset for recovery at its end."""
        packet = self.poll()
        equal(packet[:8], "42/chat,")
        return json.loads(packet[8:])[:2]

    def leave(self):
        self.post("1")


def notify(demo, data):
    return demo.post_json("/notify", {"data": data})


def test_notification(demo):
    clients = [Client(demo) for _ in range(3)]
    answer = notify(demo, "Важное уведомление!")
    equal(answer.status, 202)
    equal(answer.json(), {"sent": True, "members": 3})
    for client in clients:
        equal(client.event(), ["notification", {"data": "Важное уведомление!"}])
        client.leave()
    eventually(lambda: demo.stats()["sio_clients"] == 0, "they are gone")
    equal(notify(demo, "?").json(), {"sent": True, "members": 0})


def test_text_comes_as_it_is(demo):
    client = Client(demo)
    for text in ("", "\\ \" \u2028 \U0001f44b", "x" * 100000, SEPARATOR):
        equal(notify(demo, text).status, 202)
        equal(client.event(), ["notification", {"data": text}])
    client.leave()


def test_order(demo):
    client = Client(demo)
    with Stream(connect(demo.port)) as stream:
        for i in range(30):
            body = json.dumps({"data": str(i)}).encode()
            stream.send(request_bytes("POST", "/notify", JSON, body))
        for _ in range(30):
            equal(stream.response().status, 202)
    equal([client.event()[1]["data"] for _ in range(30)], [str(i) for i in range(30)])
    client.leave()


def test_wrong_type_is_415(demo):
    for headers in ([], [("Content-Type", "text/plain")], [("Content-Type", "application/jsonp")]):
        answer = http(demo.port, "POST", "/notify", headers, b'{"data":"x"}')
        equal(answer.status, 415, headers)
        assert b"application/json" in answer.body, answer.body


def test_wrong_body_is_400(demo):
    wrong = (b"", b"{", b"[]", b'"data"', b'{"date":"x"}', b'{"data":1}', b'{"data":null}')
    for body in (*wrong, b"\xff\xfe", b'{"data":"\xff"}', b'{"data":"x"}}', b"[" * 5000):
        answer = http(demo.port, "POST", "/notify", JSON, body)
        equal(answer.status, 400, body)
        assert b"data" in answer.body, answer.body


def test_wrong_method_is_405(demo):
    for method in ("PUT", "DELETE"):
        answer = http(demo.port, method, "/notify")
        equal(answer.status, 405, method)
        assert "POST" in answer.headers["allow"], answer.headers


def test_too_large_body_is_413(demo):
    with Stream(connect(demo.port)) as stream:
        head = request_bytes("POST", "/notify", JSON, b"")
        stream.send(head.replace(b"Content-Length: 0", b"Content-Length: 2000000"))
        equal(stream.response().status, 413)


if __name__ == "__main__":
    run(globals())
