# SPDX-License-Identifier: MIT
"""The end: on SIGTERM everybody is told and everything begun is finished."""

import signal
import threading
import time

from harness import (
    Closed, Demo, Stream, connect, equal, eventually, free_port, http,
    request_bytes, run, upgrade_bytes,
)

LONG = str(60_000)  # milliseconds; a test that waits for it fails


def can_connect(port):
    try:
        return http(port, "GET", "/health").status == 200
    except (OSError, EOFError):
        return False


def test_websockets_get_1001():
    with Demo("--loops", "2", "--drain-ms", LONG) as demo:
        members = [demo.websocket("/ws/chat/room/") for _ in range(10)]
        members += [demo.websocket("/echo") for _ in range(10)]
        demo.signal(signal.SIGTERM)
        for ws in members:
            while not isinstance(message := ws.message(), Closed):
                pass
            equal(message.code, 1001)
            ws.send_close(1001)
            equal(ws.rest(), b"")
        equal(demo.wait(), 0)


def test_interrupt_is_the_same():
    with Demo("--drain-ms", LONG) as demo:
        ws = demo.websocket("/echo")
        demo.signal(signal.SIGINT)
        equal(ws.message().code, 1001)
        ws.send_close(1001)
        equal(demo.wait(), 0)


def test_without_anybody():
    with Demo("--drain-ms", LONG) as demo:
        demo.signal(signal.SIGTERM)
        equal(demo.wait(), 0)


def test_idle_connections_end():
    with Demo("--drain-ms", LONG) as demo:
        fresh = Stream(connect(demo.port))
        used = Stream(connect(demo.port))
        used.send(request_bytes("GET", "/health"))
        equal(used.response().status, 200)
        demo.signal(signal.SIGTERM)
        equal(fresh.rest(), b"")
        equal(used.rest(), b"")
        equal(demo.wait(), 0)


def test_new_connections_are_refused():
    with Demo("--drain-ms", LONG) as demo:
        ws = demo.websocket("/echo")
        demo.signal(signal.SIGTERM)
        equal(ws.message().code, 1001)

        eventually(lambda: not can_connect(demo.port), "nobody listens")
        assert demo.alive()
        ws.send_close(1001)
        equal(demo.wait(), 0)


def test_request_is_finished():
    with Demo("--loops", "1", "--drain-ms", LONG) as demo:
        with Stream(connect(demo.port)) as stream:
            stream.send(request_bytes("GET", "/later?delay=400"))
            # Another connection of the same loop shows that the first has been read.
            equal(demo.get("/health").status, 200)
            demo.signal(signal.SIGTERM)
            equal(stream.response().json(), {"answered": "later"})
            equal(stream.rest(), b"")
        equal(demo.wait(), 0)


def test_queued_messages_are_flushed():
    size = 4 << 20
    with Demo("--drain-ms", LONG) as demo:
        ws = demo.websocket("/echo")
        ws.send_frame(2, bytes(size))
        eventually(lambda: demo.stats()["messages_out"] >= 1, "the echo is queued")
        demo.signal(signal.SIGTERM)
        equal(ws.message(), bytes(size))
        equal(ws.message().code, 1001)
        ws.send_close(1001)
        equal(demo.wait(), 0)


def test_upgrade_not_decided_yet():
    with Demo("--loops", "1", "--drain-ms", LONG, "--decide-timeout-ms", "700") as demo:
        with Stream(connect(demo.port)) as stream:
            stream.send(upgrade_bytes("/slow?answer=never"))
            equal(demo.get("/health").status, 200)
            demo.signal(signal.SIGTERM)
            equal(stream.response().status, 503)
        equal(demo.wait(), 0)


def test_silent_peer_is_waited_for_only_so_long():
    with Demo("--drain-ms", "300") as demo:
        ws = demo.websocket("/echo")
        demo.signal(signal.SIGTERM)
        equal(demo.wait(), 0)
        ws.close()


def test_second_signal_ends_it_at_once():
    """Also when the loop that hears of signals has nothing left to wait for itself, which with one
    connection on four loops is so three times in four."""
    for _ in range(4):
        options = ["--loops", "4", "--drain-ms", LONG, "--decide-timeout-ms", LONG]
        with Demo(*options) as demo, Stream(connect(demo.port)) as stream:
            before = demo.stats()["requests"]
            stream.send(request_bytes("GET", f"/later?delay={LONG}"))
            # Each look is a request too, and there may be one in between.
            looks = 0
            while demo.stats()["requests"] - before <= (looks := looks + 1):
                time.sleep(0.02)
            demo.signal(signal.SIGTERM)
            eventually(lambda d=demo: not can_connect(d.port), "it has heard: two signals that come together are one")
            assert demo.alive()
            demo.signal(signal.SIGTERM)
            equal(demo.wait(), 0)


def test_during_traffic():
    with Demo("--loops", "2", "--drain-ms", LONG) as demo:
        ended = []

        def talk(ws):
            try:
                while not isinstance(message := ws.message(), Closed):
                    ws.send_json({"message": len(str(message))})
                ended.append(message.code)
                ws.send_close(message.code)
                ws.rest()
            except OSError as error:
                ended.append(error)
            ws.close()

        sockets = [demo.websocket("/ws/chat/busy/") for _ in range(4)]
        threads = [threading.Thread(target=talk, args=(ws,)) for ws in sockets]
        for thread in threads:
            thread.start()
        eventually(lambda: demo.stats()["messages_in"] > 200, "they talk")
        demo.signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        equal(ended, [1001] * 4)
        equal(demo.wait(), 0)


def test_restart_on_the_same_port():
    """What is left of the old connections does not keep the port."""
    port = free_port()
    for _ in range(2):
        with Demo("--port", str(port)) as demo:
            equal(demo.port, port)
            ws = demo.websocket("/echo")
        equal(ws.message().code, 1001)
        ws.close()


if __name__ == "__main__":
    run(globals())
