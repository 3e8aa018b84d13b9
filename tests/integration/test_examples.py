# SPDX-License-Identifier: MIT
"""The examples do what their comments say; those with databases are elsewhere."""

import signal

from harness import PUBLIC, WebSocket, closed_with, equal, example, http, run


def test_echo():
    with example("echo") as program:
        with WebSocket(program.port, "/ws") as ws:
            ws.send_text("привет")
            equal(ws.message(), "Echo: привет")
            ws.send_text("")
            equal(ws.message(), "Echo: ")
            ws.send_text("x" * 4096)
            equal(ws.message(), "Echo: " + "x" * 4096)
            ws.send_frame(2, b"x")
            closed_with(ws, 1003)


def test_chat_room():
    with example("chat_room") as program:
        a, b = (WebSocket(program.port, "/ws/chat/room123/") for _ in range(2))
        other = WebSocket(program.port, "/ws/chat/elsewhere/")
        a.send_json({"message": "Привет 👋"})
        equal(a.message(), '{"message":"Привет 👋"}')
        equal(b.message(), '{"message":"Привет 👋"}')
        other.send_json({"message": "alone"})
        equal(other.json(), {"message": "alone"})
        b.send_text("no JSON")
        closed_with(b, 1007)
        a.leave()
        other.leave()


def test_guest_uv():
    with example("guest_uv") as program:
        with WebSocket(program.port, "/clock") as ws:
            first = int(ws.message().removeprefix("tick "))
            equal(ws.message(), f"tick {first + 1}")
            assert http(program.port, "GET", "/").body.decode().endswith(" ticks\n")
            program.signal(signal.SIGTERM)
            closed_with(ws, 1001)
        equal(program.wait(), 0)  # a second signal would end it at once


def test_notify_from_thread():
    with example("notify_from_thread") as program:
        first = WebSocket(program.port, "/notifications")
        assert first.next_with("notification")["seconds"] >= 1
        second = WebSocket(program.port, "/notifications")
        while (message := second.message()) != "you are the newest here":
            assert "notification" in message, message
        second.leave()
        first.leave()


def test_ticker():
    with example("ticker", "20") as program:
        with WebSocket(program.port, "/ticker") as a, WebSocket(program.port, "/ticker") as b:
            first = a.json()["tick"]
            equal(a.json(), {"tick": first + 1})
            while (tick := b.json()["tick"]) < first + 1:
                pass
            equal(b.json(), {"tick": tick + 1})


def test_static_site():
    with example("static_site", PUBLIC) as program:
        assert b"Yodel" in http(program.port, "GET", "/").body
        assert http(program.port, "GET", "/api/time").json()["unix_time"] > 0
        equal(http(program.port, "GET", "/api/hello/%D0%9C%D0%B8%D1%80").json(), {"hello": "Мир"})
        equal(http(program.port, "GET", "/api/nothing").status, 404)


if __name__ == "__main__":
    run(globals())
