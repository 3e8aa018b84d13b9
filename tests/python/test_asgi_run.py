# SPDX-License-Identifier: MIT
"""Starting and ending python3 -m yodel.asgi: names, addresses, lifespan, signals."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import package
from asgi_kit import APPS, LONG, Server, serve
from harness import Stream, WebSocket, connect, equal, eventually, http, request_bytes, run

LOOP = "auto"


def fails(*words):
    """A start that must fail: its status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "yodel.asgi", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=APPS,
        env={**os.environ, **package.environment()},
        timeout=LONG,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def one_line(*words, status=1, says=""):
    """A start that fails with one line."""
    code, said = fails(*words)
    equal((code, len(said.strip().splitlines())), (status, 1), said)
    assert says in said, said


# Names and options.


def test_names_of_applications():
    one_line("plain", status=2, says='is "plain:app" meant?')
    one_line("plain:", status=2, says="<module>:<attribute>")
    one_line("nothing_here:app", says='could not import module "nothing_here"')
    one_line("plain.deeper:app", says='could not import module "plain.deeper"')
    one_line("plain:apple", says='attribute "apple" not found in module "plain"')
    one_line("plain:app.deeper", says='attribute "app.deeper" not found')
    one_line("plain:STATE", says="not callable")
    code, said = fails("broken_import:app")
    equal(code, 1)
    assert "no_such_module_at_all" in said and "broken_import.py" in said, said
    with serve("lifespans:NESTED.app") as one:
        equal(one.get("/").json(), {"database": "open"})
    with serve("lifespans:factory", "--factory") as one:
        equal(one.get("/").json(), {"database": "open"})
    one_line("lifespans:broken_factory", "--factory", says="the factory returned no application")
    with serve("plain:app", "--app-dir", str(APPS), cwd="/") as one:
        equal(one.get("/x").body, b"/x")


def test_options():
    one_line("plain:app", "--no-such-option", status=2, says="--no-such-option")
    one_line("plain:app", "--port", "99999", status=2, says="99999")
    one_line("plain:app", "--workers", "0", status=2, says="less than 1")
    one_line("plain:app", "--limit-request-body", "-1", status=2, says="less than 0")
    one_line("plain:app", "--timeout-keep-alive", "soon", status=2, says="soon")
    one_line("plain:app", "--ws-per-message-deflate", "maybe", status=2, says="not true, false or context")
    one_line("plain:app", "--ws-per-message-deflate-level", "10", status=2, says="10 is not 1 to 9")
    one_line("plain:app", "--ws-per-message-deflate-window", "8", status=2, says="8 is not 9 to 15")
    one_line("plain:app", "--ws-per-message-deflate-client-window", "x", status=2, says="client-window")
    one_line("plain:app", "--ssl-certfile", "/nowhere.pem", says="cannot read /nowhere.pem")
    one_line("plain:app", "--ssl-keyfile", "/etc/hostname", status=2, says="needs --ssl-certfile")
    one_line("plain:app", "--host", "no-such-host.invalid", says="no-such-host.invalid")
    code, said = fails("--version")
    equal(code, 0)
    assert said.startswith("Running yodel "), said
    code, said = fails("--help")
    assert code == 0 and "--ws-max-size" in said, said


def test_lines_of_the_log():
    with serve("plain:app", "--loop", LOOP) as one:
        equal(one.get("/path?x=1").status, 200)
        one.get("/status?404")
        one.until("404 Not Found$")
    with serve("plain:app") as one:
        one.get("/path?x=1")
        one.until("INFO:     127.0.0.1:[0-9]+ - \"GET /path\\?x=1 HTTP/1.1\" 200 OK$")
        said = one.said()
        for line in (
            f"INFO:     Started server process [{one.pid}]",
            "INFO:     Waiting for application startup.",
            "INFO:     Application startup complete.",
            f"INFO:     Yodel running on http://127.0.0.1:{one.port} (Press CTRL+C to quit)",
        ):
            assert line in said, said
        assert "\033" not in said
        one.signal(signal.SIGTERM)
        equal(one.wait(), 0)
        for line in ("Shutting down", "Application shutdown complete.", f"Finished server process [{one.pid}]"):
            assert f"INFO:     {line}" in one.said(), one.said()
    with serve("plain:app", "--use-colors") as one:
        assert "\033[32mINFO\033[0m:     Started" in one.said(), one.said()


def test_deflate():
    def agreed(*words):
        offer = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")]
        with serve("ws_app:app", *words) as one, WebSocket(one.port, "/echo", headers=offer) as websocket:
            return websocket.answer.headers.get("sec-websocket-extensions", "")

    assert "server_no_context_takeover" in agreed(), agreed()
    equal(agreed("--ws-per-message-deflate", "false"), "")
    equal(agreed("--ws-per-message-deflate=context", "--ws-per-message-deflate-level=6",
                 "--ws-per-message-deflate-window=12", "--ws-per-message-deflate-client-window=9"),
          "permessage-deflate; server_max_window_bits=12; client_max_window_bits=9")


# Addresses.


def test_a_port_in_use():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for more in ([], ["--workers", "2"]):
            code, said = fails("plain:app", "--port", str(port), *more)
            equal(code, 1)
            assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said and "Traceback" not in said, said


def test_two_servers_with_workers_do_not_share_a_port():
    with serve("plain:app", "--workers", "2") as one:
        code, said = fails("plain:app", "--workers", "2", "--port", str(one.port))
        equal(code, 1)
        assert "Address already in use" in said, said


def test_ipv6_and_names():
    with serve("plain:app", "--host", "::1") as one:
        assert f"http://[::1]:{one.port}" in one.said()
        equal(http(one.port, "GET", "/x", host="::1").body, b"/x")
    with serve("plain:app", "--host", "localhost") as one:
        equal(one.get("/x").body, b"/x")


def test_a_unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/app.sock"
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as stale:
            stale.bind(path)
        for option in ("--uds", "--unix"):
            with Server("plain:app", option, path) as one:
                assert f"unix socket {path}" in one.said()
                equal(http(0, "GET", "/x", host=path).body, b"/x")
                seen = http(0, "GET", "/scope", host=path).body.decode()
                assert "'client': None" in seen, seen
                equal(oct(os.stat(path).st_mode & 0o777), "0o666")
                one_line_after_start("plain:app", option, path, says="Address already in use")
                equal(http(0, "GET", "/x", host=path).body, b"/x")
            assert not os.path.exists(path)
        pathlib.Path(path).write_text("precious", encoding="utf-8")
        one_line_after_start("plain:app", "--uds", path, says="cannot listen on unix socket")
        equal(pathlib.Path(path).read_text(encoding="utf-8"), "precious")
        os.unlink(path)
        with Server("plain:app", "--uds", path, "--workers", "2") as one:
            one.until("Application startup complete", 2)
            equal(http(0, "GET", "/x", host=path).body, b"/x")
        assert not os.path.exists(path)


def one_line_after_start(*words, says):
    """A start that fails with status 1."""
    code, said = fails(*words)
    equal(code, 1)
    assert says in said and "Traceback" not in said, said


def test_descriptors_that_are_given():
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        port = given.getsockname()[1]
        with Server("plain:app", "--fd", str(given.fileno()), pass_fds=[given.fileno()]) as one:
            equal(http(port, "GET", "/x").body, b"/x")
            equal(one.port, port)
    one_line_after_start("plain:app", "--fd", "77", says="descriptor 77 cannot be listened on")


def test_sockets_of_systemd():
    script = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); " \
             "os.execv(sys.executable, [sys.executable, '-m', 'yodel.asgi', 'plain:app'])"

    class Activated(Server):
        """Started as systemd does."""

        program = ["-c", script]

    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        given.listen()
        port = given.getsockname()[1]
        with Activated(str(given.fileno()), pass_fds=[given.fileno()], env={"LISTEN_FDS": "1"}) as one:
            equal(one.port, port)
            equal(http(port, "GET", "/x").body, b"/x")


# Lifespan.


def test_the_state_is_copied_for_each_request():
    for mode in ("auto", "on"):
        with serve("lifespans:good", "--lifespan", mode) as one:
            for _ in range(2):
                equal(one.get("/").json(), {"database": "open"})
            one.signal(signal.SIGTERM)
            equal(one.wait(), 0)
            assert "database closed" in one.said()


def test_p6_a_startup_that_fails():
    """Field case P6: its message is printed, and the exit status is not 0."""
    code, said = fails("lifespans:refuses", "--port", "0")
    equal(code, 3)
    assert "ERROR:    no database" in said and "Application startup failed. Exiting." in said, said
    assert "running on" not in said and "Traceback" not in said, said
    equal(fails("lifespans:refuses_silently", "--port", "0")[0], 3)
    for name, word in (("breaks", "DATABASE"), ("unsupported", "no lifespan")):
        code, said = fails(f"lifespans:{name}", "--port", "0", "--lifespan", "on")
        equal(code, 3)
        assert word in said and "Traceback" in said, said
    code, said = fails("lifespans:refuses", "--port", "0", "--workers", "2")
    equal(code, 3)
    assert "no database" in said, said


def test_p6_an_application_without_a_lifespan():
    """Field case P6: with auto it is served; one that has asked for an event is warned of."""
    with serve("lifespans:unsupported") as one:
        equal(one.get("/").json(), None)
        assert "INFO:     ASGI 'lifespan' protocol appears unsupported." in one.said()
    with serve("lifespans:breaks") as one:
        equal(one.get("/").json(), None)
        assert "WARNING:  ASGI 'lifespan' protocol appears unsupported" in one.said() and "DATABASE" in one.said()
    with serve("lifespans:returns") as one:
        equal(one.get("/").json(), None)
    with serve("lifespans:refuses", "--lifespan", "off", wait=False) as one:
        one.until("running on")
        assert "startup" not in one.said(), one.said()
    with serve("lifespans:breaks_later") as one:
        equal(one.get("/").status, 200)
        one.until("lost the database")
        one.signal(signal.SIGTERM)
        equal(one.wait(), 3)
        one.kill = lambda: None
        one.stop = lambda: None


def ends(one, status, limit, *signals):
    """Signals it, and waits for the end; how long it took."""
    began = time.monotonic()
    for number in signals or [signal.SIGTERM]:
        one.signal(number)
        time.sleep(0.2)
    try:
        equal(one.wait(limit), status, one.said())
    finally:
        one.kill()
        one.stop = lambda: None
    return time.monotonic() - began


def test_a_shutdown_that_fails_or_hangs():
    with serve("lifespans:fails_at_shutdown") as one:
        one.signal(signal.SIGTERM)
        equal(one.wait(), 3)
        assert "could not flush" in one.said(), one.said()
        one.stop = one.kill
    with serve("lifespans:hangs_at_shutdown", "--timeout-graceful-shutdown", "1") as one:
        ends(one, 3, LONG)
    with serve("lifespans:hangs_at_startup", wait=False) as one:
        one.until("^starting")
        ends(one, 0, LONG)


# Signals.


def test_running_requests_are_answered_before_the_end():
    with serve("plain:app", "--loop", LOOP) as one:
        stream, idle = Stream(connect(one.port)), Stream(connect(one.port))
        stream.send(request_bytes("GET", "/slow?1"))
        idle.send(request_bytes("GET", "/x"))
        idle.response()
        one.until("slow begins")
        one.signal(signal.SIGTERM)
        answer = stream.response()
        equal((answer.body, answer.status), (b"slow", 200))
        equal(idle.rest(), b"")
        equal(one.wait(), 0)
        assert "lifespan shutdown" in one.said(), one.said()


def test_websockets_are_told_of_the_end():
    with serve("ws_app:app", "--loop", LOOP) as one:
        ws = WebSocket(one.port, "/")
        one.signal(signal.SIGTERM)
        equal(ws.message().code, 1012)
        ws.close()
        equal(one.wait(), 0)


def test_p7_the_end_comes_at_the_grace_limit():
    """Field case P7: the loop is busy for 2 s, and an application ignores everything."""
    with serve("plain:app", "--loop", LOOP, "--timeout-graceful-shutdown", "8") as one:
        busy, stubborn = Stream(connect(one.port)), Stream(connect(one.port))
        stubborn.send(request_bytes("GET", "/stubborn"))
        one.until("stubborn begins")
        busy.send(request_bytes("GET", "/busy?2"))
        one.until("busy begins")
        one.signal(signal.SIGTERM)
        equal(busy.response().body, b"busy")
        equal(one.wait(LONG), 0)
        assert "1 applications did not end in time" in one.said(), one.said()
        equal(stubborn.rest(), b"")


def test_p7_a_loop_that_never_turns_again():
    """Field case P7: a C thread ends the process, and tells where it is."""
    with serve("plain:app", "--loop", LOOP, "--timeout-graceful-shutdown", "1") as one:
        stream = Stream(connect(one.port))
        stream.send(request_bytes("GET", "/busy?3600"))
        one.until("busy begins")
        one.signal(signal.SIGTERM)
        equal(one.wait(LONG), 1)
        assert "plain.py" in one.said() and "in busy" in one.said(), one.said()
        stream.close()
        one.stop = one.kill


def test_a_second_signal_ends_it_at_once():
    for path in ("/stubborn", "/busy?3600"):
        with serve("plain:app", "--loop", LOOP, "--timeout-graceful-shutdown", "600") as one:
            stream = Stream(connect(one.port))
            stream.send(request_bytes("GET", path))
            one.until("begins")
            ends(one, 128 + signal.SIGTERM, LONG, signal.SIGINT, signal.SIGTERM)
            stream.close()


def test_threads_that_do_not_end_do_not_keep_it():
    with serve("threads:app", "--timeout-graceful-shutdown", "1") as one:
        stream = Stream(connect(one.port))
        stream.send(request_bytes("GET", "/"))
        one.until("in a thread")
        one.signal(signal.SIGTERM)
        equal(one.wait(LONG), 0)
        stream.close()


def test_run_in_a_program():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "program.py"
        path.write_text(
            "import yodel.asgi\n"
            "async def app(scope, receive, send):\n"
            "    assert scope['type'] == 'http'\n"
            "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
            "    await send({'type': 'http.response.body', 'body': b'program'})\n"
            "if __name__ == '__main__':\n"
            "    try:\n"
            "        yodel.asgi.run(app, no_such=1)\n"
            "    except TypeError as problem:\n"
            "        print(problem)\n"
            "    yodel.asgi.run(app, port=0)\n"
            "    print('after the end')\n",
            encoding="utf-8",
        )

        class Program(Server):
            """The program itself."""

            program = [str(path)]

        with Program(cwd=folder) as one:
            equal(one.get("/").body, b"program")
            one.signal(signal.SIGTERM)
            equal(one.wait(), 0)
            assert "after the end" in one.said() and "no option 'no_such'" in one.said(), one.said()


def test_connections_that_are_kept():
    for words in (["--timeout-keep-alive", "0"], ["--timeout-keep-alive", "1"]):
        with serve("plain:app", *words) as one, Stream(connect(one.port)) as stream:
            stream.send(request_bytes("GET", "/x"))
            equal(stream.response().status, 200)
            stream.sock.settimeout(LONG)  # less than what other servers keep one for
            equal(stream.rest(), b"")


def test_limits_of_connections():
    with serve("plain:app", "--limit-concurrency", "3") as one:
        kept = [Stream(connect(one.port)) for _ in range(3)]
        for stream in kept:
            stream.send(request_bytes("GET", "/x"))
            equal(stream.response().status, 200)
        with Stream(connect(one.port)) as stream:
            stream.send(request_bytes("GET", "/x"))
            equal(stream.response().status, 503)
        for stream in kept:
            stream.close()
        eventually(lambda: one.get("/x").status == 200, "there is room again")


def test_many_threads_of_clients():
    """Nothing is lost or mixed up between 20 connections with 200 requests each."""
    with serve("plain:app", "--loop", LOOP, "--no-access-log") as one:
        wrong = []

        def client(number):
            with Stream(connect(one.port)) as stream:
                for i in range(200):
                    text = f"{number}.{i}".encode() * (1 + i % 50)
                    stream.send(request_bytes("POST", "/echo", body=text))
                    if stream.response().body != text:
                        wrong.append(text)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(wrong, [])


if __name__ == "__main__":
    package.require()
    run(globals())
