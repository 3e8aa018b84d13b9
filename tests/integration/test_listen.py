# SPDX-License-Identifier: MIT
"""Addresses: IPv4, IPv6, Unix sockets; and command lines that cannot work."""

import os
import socket
import subprocess
import tempfile

from harness import BINARY, LIMIT, PUBLIC, Demo, WebSocket, equal, http, run


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def echo(port, host):
    with WebSocket(port, "/ws", host=host) as ws:
        ws.send_text("x")
        equal(ws.message(), "Echo: x")
        ws.leave()


def test_localhost_is_both(demo):
    echo(demo.port, "127.0.0.1")
    if has_ipv6():
        echo(demo.port, "::1")
        echo(demo.port, "localhost")


def test_ipv6_alone():
    if not has_ipv6():
        return
    with tempfile.TemporaryDirectory() as folder:
        # The harness looks for the demo on 127.0.0.1, so it is given another way in.
        demo = Demo.__new__(Demo)
        super(Demo, demo).__init__(
            [BINARY, "--port", "0", "--host", "::1", "--public", folder], r"^PORT (\d+)$"
        )
        with demo:
            echo(demo.port, "::1")


def test_every_address():
    with Demo("--host", "0.0.0.0") as demo:
        echo(demo.port, "127.0.0.1")


def test_unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "yodel.sock")
        with Demo("--unix", path, "--loops", "2") as demo:
            for _ in range(10):
                echo(0, path)
            equal(http(0, "GET", "/health", host=path).status, 200)
            equal(demo.get("/health").status, 200)


def test_stale_unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "yodel.sock")
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        with Demo("--unix", path):
            echo(0, path)


def inherit(address, environment, path):
    """A demo that gets a listening Unix socket as descriptor 3, the way systemd passes it."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    script = f'exec env {environment} "$0" "$@" 3<&{listener.fileno()}'
    demo = Demo.__new__(Demo)
    # The shell's process becomes the demo, so LISTEN_PID is known to it.
    with listener:
        super(Demo, demo).__init__(
            ["sh", "-c", script, BINARY, "--port", "0", "--listen", address, "--public", PUBLIC],
            r"^PORT (\d+)$",
            pass_fds=[listener.fileno()],
        )
    return demo


def test_inherited_descriptor():
    for address, environment in [
        ("fd:3", ""),
        ("systemd:web", "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web"),
        ("systemd", "LISTEN_PID=$$ LISTEN_FDS=1"),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with inherit(address, environment, path):
                for _ in range(8):
                    echo(0, path)
            assert os.path.exists(path)  # it belongs to who has made it


def start(*words):
    """The status and the words of a demo that should not start."""
    done = subprocess.run(
        [BINARY, "--public", PUBLIC, *words], capture_output=True, timeout=LIMIT, check=False
    )
    return done.returncode, done.stderr.decode()


def test_port_in_use(demo):
    status, said = start("--port", str(demo.port))
    equal(status, 1)
    assert "in use" in said, said
    equal(demo.get("/health").status, 200)


def test_unix_socket_in_use():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "yodel.sock")
        with Demo("--unix", path):
            status, said = start("--port", "0", "--unix", path)
            equal(status, 1)
            assert "in use" in said, said
            echo(0, path)


def test_impossible_command_lines():
    for words, expected in (
        (["--nonsense"], 2), (["--port"], 2), (["--port", "x"], 2), (["--port", "-1"], 2),
        (["--tls", "only-one"], 2), (["--port", "70000"], 1),
        (["--port", "0", "--public", "/nonexistent"], 1),
        (["--port", "0", "--host", "not an address"], 1),
        (["--port", "0", "--tls", "/nonexistent", "/nonexistent"], 1),
    ):
        status, said = start(*words)
        equal(status, expected, words)
        assert said.startswith("yodel-demo: ") or "yodel-demo: " in said, said


def test_help():
    done = subprocess.run([BINARY, "--help"], capture_output=True, timeout=LIMIT, check=True)
    assert b"--port" in done.stdout, done.stdout
    equal(done.stderr, b"")


def test_many_loops():
    with Demo("--loops", "16") as demo:
        for _ in range(40):
            echo(demo.port, "127.0.0.1")


if __name__ == "__main__":
    run(globals())
