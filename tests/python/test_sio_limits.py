#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SioServer: bounds, ends, and that nothing is kept (field case P13)."""

import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from package import SANITIZED, harness, require
from sio_kit import SioProgram, leave, refused

require()
equal = harness.equal
MANY = 4_000 if SANITIZED else 20_000
PART = 500
ROUNDS = 3


def session(program):
    websocket = harness.WebSocket(program.port, "/socket.io/?EIO=4&transport=websocket")
    assert websocket.message().startswith("0")
    return websocket


def heard(websocket):
    """The next packet; pings are answered."""
    while (packet := websocket.message()) == "2":
        websocket.send_text("3")
    return packet


def flat(program, what, cycle, times, slack=4 << 20):
    """Neither memory nor objects grow while cycle(n) has done times more; in parts, each of which is heard to its end:
    what waits to be heard on a busy machine is no growth.  On such a machine more threads are at work at one time now and
    then, each with a heap and a stack that it keeps: that is over once it has been so, while a leak goes on in each round."""

    def turns(left):
        while left > 0:
            cycle(min(left, PART))
            program.emptied()
            left -= PART

    turns(times // 4)
    for _ in range(ROUNDS):
        before, objects = program.memory(), program.ask("/memory")["objects"]
        turns(times)
        grown = program.memory() - before
        more = program.ask("/memory")["objects"] - objects
        assert more < 100, f"{what}: {more} objects more"
        if SANITIZED or grown < slack:
            return
    raise AssertionError(f"{what}: {grown} bytes more in each of {ROUNDS} rounds")


def test_p13_refused_connects_leave_nothing():
    with SioProgram() as program:

        def cycle(times):
            websocket = session(program)  # which joins nothing, so it is not kept for ever
            for _ in range(times):
                websocket.send_text('40{"refuse":["no",{"a":1}],"rooms":["r"],"emit":["me"]}')
                equal(heard(websocket), '44{"message":"no","data":{"a":1}}')
            websocket.close()
            program.ask("/log")

        flat(program, "refused connects", cycle, MANY)


def test_connects_and_ends_leave_nothing():
    with SioProgram() as program:

        def cycle(times):
            websocket = session(program)
            for _ in range(times):
                websocket.send_text('40{"rooms":["r1","r2"],"emit":["me"]}')
                assert websocket.message().startswith("40")
                equal(websocket.message(), '42["early","me"]')
                websocket.send_text("41")
            websocket.close()
            harness.eventually(lambda: program.ask("/log") == [] and program.stats()["items"] <= 1, "all was told")

        flat(program, "connects", cycle, MANY // 4)


def test_events_leave_nothing():
    with SioProgram() as program:

        def cycle(times):
            websocket = session(program)
            websocket.send_text("40")
            websocket.message()
            for i in range(times):
                websocket.send_text(f'42{i}["echo",{{"a":[{i},null]}}]')
                equal(heard(websocket), f'42["echo",{{"a":[{i},null]}}]')
                equal(heard(websocket), f'43{i}[{{"a":[{i},null]}}]')
                if i % 10 == 0:
                    websocket.send_text('451-["echo",{"_placeholder":true,"num":0}]')
                    websocket.send_frame(harness.BINARY_FRAME, b"x" * 100)
                    equal((websocket.message(), websocket.message())[1], b"x" * 100)
            websocket.close()

        flat(program, "events", cycle, MANY)


def test_requests_leave_nothing():
    with SioProgram() as program:

        def cycle(times):
            with harness.Stream(harness.connect(program.port)) as stream:
                for i in range(times):
                    stream.send(harness.request_bytes("POST", "/read", body=b"x" * (i % 300)))
                    equal(json.loads(stream.response().body), [i % 300, ""])

        flat(program, "requests", cycle, MANY // 4)


def test_clients_that_vanish_leave_nothing():
    """They go at every point: ahead of the CONNECT, while it is decided, right after, in an event."""
    with SioProgram() as program:
        packets = [[], ['40{"sleep":0.001}'], ["40", '42["echo",1]'], ["40", '420["call"]'], ["40", '42["wait"]']]

        def cycle(times):
            program.do("handlers.free.set()")
            for i in range(times):
                websocket = session(program)
                for packet in packets[i % len(packets)]:
                    websocket.send_text(packet)
                websocket.abort()
            harness.eventually(lambda: program.ask("/log") == [] and program.stats()["records"] == 0, "all was told")

        flat(program, "vanishing clients", cycle, MANY // 20)


def flood(sock, data, seconds):
    """Sends until nothing was taken for that long.  Gives how many bytes were."""
    sock.settimeout(seconds)
    sent = 0
    try:
        while sent < 1 << 30:
            sent += sock.send(data)
    except TimeoutError:
        pass
    return sent


def test_a_handler_that_sleeps_stops_its_client():
    """A client that sends a gigabyte to it is not read from; others are served, and it goes on."""
    with SioProgram() as program:
        websocket = session(program)
        websocket.send_text("40")
        websocket.message()
        websocket.send_text('42["wait"]')
        before = program.memory()
        frame = harness.frame_bytes(harness.TEXT, b'42["order",1,0,"' + b"x" * 10_000 + b'"]')
        sent = flood(websocket.sock, frame, 1.0)
        assert sent < 64 << 20, f"{sent} bytes were taken"
        grown = program.memory() - before
        assert grown < (4 << 20 if not SANITIZED else 32 << 20), f"{grown} bytes more"
        harness.eventually(lambda: program.stats()["pauses"] == 1, "it is not read from")
        other = program.client()
        other._send('2["echo",1]')
        equal(other.event(), ["echo", 1])
        time.sleep(0.1)
        equal(program.stats()["clients"], 2)
        program.do("handlers.free.set()")
        harness.eventually(lambda: program.stats()["items"] <= 1, "all is done")
        leave(other)
        websocket.close()
        program.emptied()
        program.ask("/log")  # which is long


def test_a_slow_client_slows_who_emits_to_it():
    """64 MiB to one that reads late: it gets all, and little is kept meanwhile."""
    with SioProgram() as program:
        websocket = session(program)
        websocket.send_text("40")
        websocket.message()
        before = program.memory()
        websocket.send_text('42["flood",640,100000]')
        websocket.message()
        for _ in range(10):  # others are served meanwhile
            assert program.memory() - before < (128 if SANITIZED else 24) << 20, program.memory() - before
            program.ask("/read")
        assert program.stats()["items"] > 1, "it was not slowed down"
        for number in range(640):
            if number > 0:
                assert (text := websocket.message()).startswith(f'451-["part",{number},'), text
            equal(len(websocket.message()), 100_000)
        program.log(lambda lines: any(line[0] == "flooded" for line in lines))
        websocket.close()


def test_a_paused_client_on_polling():
    with SioProgram(max_client_items=2) as program:
        path = "/socket.io/?EIO=4&transport=polling"
        sid = json.loads(harness.http(program.port, "GET", path).body[1:])["sid"]
        post = lambda body: harness.http(program.port, "POST", f"{path}&sid={sid}", body=body)
        equal(post(b"40").status, 200)
        assert harness.http(program.port, "GET", f"{path}&sid={sid}").body.startswith(b"40")
        with harness.Stream(harness.connect(program.port)) as stream:
            body = b"\x1e".join([b'42["wait"]'] + [b'42["order",%d]' % i for i in range(100)])
            stream.send(harness.request_bytes("POST", f"{path}&sid={sid}", body=body))
            harness.eventually(lambda: program.stats()["pauses"] == 1, "it is paused")
            assert program.stats()["items"] <= 5, program.stats()
            program.do("handlers.free.set()")
            equal(stream.response().body, b"ok")
        lines = program.log(lambda lines: any(line[0] == "end" and line[2] == 99 for line in lines))
        equal([line[2] for line in lines if line[0] == "end"], list(range(100)))
        equal(post(b"1").status, 200)


def test_more_than_all_may_have_ends_who_sends_on():
    with SioProgram(max_items=4, max_client_items=1000, workers=6) as program:
        clients = [session(program) for _ in range(3)]
        for websocket in clients:
            websocket.send_text("40")
            websocket.message()
        websocket = clients[0]
        websocket.send(b"".join(harness.frame_bytes(harness.TEXT, b'42["wait"]') for _ in range(40)))
        harness.eventually(lambda: program.stats()["pauses"] >= 1, "it is paused")
        program.do("handlers.free.set()")
        harness.eventually(lambda: program.stats()["items"] <= 1, "all is done")
        for websocket in clients:
            websocket.close()


def test_a_worker_that_dies():
    """sys.exit() ends its thread: what it had is done, and the others go on."""
    with SioProgram(workers=2) as program:
        client = program.client()
        client._send('21["exit"]')
        client._send('2["echo",1]')
        equal(client.event(), ["echo", 1])
        assert 1 not in client.answers
        equal(program.ask("/read"), [0, ""])
        leave(client)


def test_a_stop_tells_all():
    with SioProgram() as program:
        client, polling = program.client("/", {"rooms": ["r"]}), session(program)
        program.signal(signal.SIGTERM)
        said = program.process.stdout.read().decode()
        assert "ENDED True" in said and "WORKERS 0" in said, said
        lines = json.loads(said[said.index("WORKERS 0") + 10 :])
        ends = [line for line in lines if line[0] == "disconnect"]
        equal(len(ends), 1)
        equal(ends[0][1:4], [client.sid, "/", "server shutting down"])
        equal(sorted(ends[0][4]), sorted([client.sid, "r"]))
        leave(client)
        polling.close()


def test_an_exit_with_clients_connected():
    """The interpreter ends while loops run and a handler blocks."""
    for action in ("free", "echo"):
        program = SioProgram()
        try:
            client = program.client()
            client._send(f'2["{ "wait" if action == "free" else "echo"}"]')
            program.signal(signal.SIGINT)
            equal(program.wait(), 3)
            said = program.said()
            assert "Fatal" not in said and "Sanitizer" not in said, said
        finally:
            program.kill()


def test_a_server_that_is_dropped():
    """Without start, without stop, twice on one port."""
    with SioProgram() as program:
        new = "type(server)(listen=[{'address': '127.0.0.1:0'}])"
        equal(program.do(f"[{new} and 1 for _ in range(20)]"), [1] * 20)
        equal(program.do(f"(lambda s: [s.start(), s.worker().next(0)[0], s.stop(0), s.join(5)])({new})"), [None, 6, None, True])
        equal(program.do(f"(lambda s, w: [s.stop(), w.next()[0], w.next()])(*(lambda s: (s, s.worker()))({new}))"), [None, 6, None])
        for bad, error in (
            ("nothing=1", "TypeError"),
            ("transports='x'", "ValueError"),
            ("ping_interval=-1", "ValueError"),
            ("listen=[{'address': 'nowhere'}]", "ValueError"),
            ("serializer='x'", "ValueError"),
            ("cookie=1", "TypeError"),
        ):
            assert harness.http(program.port, "POST", "/do", body=f"type(server)({bad})".encode()).status == 500, bad
            assert error in program.said().rsplit("Traceback", 1)[1], (bad, program.said()[-600:])


def test_origins():
    def status(program, origin, path="/socket.io/?EIO=4&transport=polling"):
        response = harness.http(program.port, "GET", path, headers=[("Origin", origin)] if origin else [])
        return response.status, response.headers.get("access-control-allow-origin")

    with SioProgram() as program:  # the same origin
        equal(status(program, None), (200, None))
        equal(status(program, "http://localhost"), (200, None))
        equal(status(program, "https://localhost"), (403, None))
        equal(status(program, "http://a.example"), (403, None))
    with SioProgram(cors_allowed_origins="*") as program:
        equal(status(program, "http://a.example")[0], 200)
        assert status(program, "http://a.example")[1] in ("*", "http://a.example")
    with SioProgram(cors_allowed_origins=["http://a.example"]) as program:
        equal(status(program, "http://a.example"), (200, "http://a.example"))
        equal(status(program, "http://b.example")[0], 403)
    with SioProgram(cors_allowed_origins=[], check_sessions=True) as program:
        equal(status(program, "http://good.example"), (200, None))
        equal(status(program, "http://b.example")[0], 403)


def test_listeners():
    """A Unix socket, and TLS behind a proxy that is trusted."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key, path = f"{folder}/cert.pem", f"{folder}/key.pem", f"{folder}/socket"
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert]
        subprocess.run(words, check=True, capture_output=True)
        listen = [
            {"address": "127.0.0.1:0"},
            {"address": "unix:" + path, "unix_mode": 0o600},
            {"address": "127.0.0.1:0", "tls_cert": cert, "tls_key": key, "trusted": ["127.0.0.1"]},
        ]
        with SioProgram(listen=listen, server_name="here") as program:
            ports = program.do("server.ports")
            equal(ports[:2], [program.port, 0])
            context = ssl.create_default_context(cafile=cert)
            headers = [("X-Forwarded-For", "192.0.2.9")]
            response = harness.http(
                ports[2], "GET", "/environ", headers, wrap=lambda sock: context.wrap_socket(sock, server_hostname="localhost")
            )
            environ = json.loads(response.body)
            equal((environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]), ("https", "192.0.2.9"))
            equal(response.headers["server"], "here")
            equal(os.stat(path).st_mode & 0o777, 0o600)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(path)
                with harness.Stream(sock) as stream:
                    stream.send(b"GET /environ HTTP/1.1\r\nHost: a\r\n\r\n")
                    equal(json.loads(stream.response().body)["REMOTE_ADDR"], "unix")
        assert not os.path.exists(path), "the socket's file is left"


def test_always_connect():
    with SioProgram(always_connect=True) as program:
        websocket = session(program)
        websocket.send_text('40{"refuse":["no"],"emit":["me"]}')
        assert websocket.message().startswith("40{")
        equal(websocket.message(), '42["early","me"]')
        equal(websocket.message(), "41")
        websocket.send_text("40")
        assert websocket.message().startswith("40{")
        program.log(lambda lines: len([line for line in lines if line[0] == "connect"]) == 2)
        websocket.close()
        lines = program.log(lambda lines: [line for line in lines if line[0] == "disconnect"])
        equal(len([line for line in lines if line[0] == "disconnect"]), 1)
        program.emptied()


def test_any_namespace():
    with SioProgram(namespaces="*") as program:
        client = program.client("/some/where")
        client._send('2/some/where,["echo",1]')
        equal(client.event(), ["echo", 1])
        leave(client)
    with SioProgram() as program:
        equal(refused(program, {}, "/late"), {"message": "Invalid namespace"})
        program.do("server.add_namespace('/late')")
        leave(program.client("/late"))


harness.run(globals())
