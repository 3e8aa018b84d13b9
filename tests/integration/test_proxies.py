# SPDX-License-Identifier: MIT
"""Behind real proxies: nginx, haproxy and Caddy, with HTTP fields and the PROXY protocol.

Skipped where a proxy is not installed.  Each runs from a folder of its own, on a free port."""

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile

from harness import LIMIT, Demo, Refused, Stream, WebSocket, admitted, connect, equal, eventually, free_port, http, run, written

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
CADDY = shutil.which("caddy")
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


@contextlib.contextmanager
def proxy(words, port, env=None):
    """A proxy in the foreground, until the block ends."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env
        )

        def answers():
            assert process.poll() is None, written(said)
            with contextlib.suppress(OSError):
                connect(port).close()
                return True
            return False

        try:
            eventually(answers, "the proxy listens")
            yield
        finally:
            process.terminate()
            process.wait(LIMIT)


@contextlib.contextmanager
def nginx(folder, upstream):
    port = free_port()
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w", encoding="ascii") as out:
        out.write(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream chat {{ server {upstream}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://chat;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_buffering off;
        }}
    }}
}}
""")
    words = [NGINX, "-e", "stderr", "-p", folder, "-c", config]
    with proxy(words, port):
        yield port


@contextlib.contextmanager
def haproxy(folder, backend):
    port = free_port()
    config = os.path.join(folder, "haproxy.cfg")
    with open(config, "w", encoding="ascii") as out:
        out.write(f"""
defaults
    mode http
    timeout connect 30s
    timeout check 30s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h

frontend web
    bind 127.0.0.1:{port}
    {backend}
""")
    with proxy([HAPROXY, "-db", "-q", "-f", config], port):
        yield port


def whoami(port, headers=(), host="127.0.0.1"):
    return http(port, "GET", "/whoami", headers, host=host).json()


def address(client):
    """Without the port."""
    return client["peer"].rsplit(":", 1)[0]


def refused(port, path, **options):
    """The status of an upgrade that is not accepted."""
    try:
        with WebSocket(port, path, **options):
            raise AssertionError("it was accepted")
    except Refused as error:
        return error.response.status


def test_nginx_on_a_unix_socket():
    """L13"""
    if not NGINX:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        with Demo("--unix", path, "--trust", "unix", "--origins", "same-host") as demo:
            with nginx(folder, f"unix:{path}") as port:
                client = whoami(port)
                equal((client["peer"], client["scheme"]), ("127.0.0.1", "http"))
                equal(whoami(port, [("X-Forwarded-For", "6.6.6.6")])["peer"], "127.0.0.1")
                equal(whoami(port, [("Forwarded", "for=6.6.6.6")])["peer"], "127.0.0.1")
                equal(whoami(port, [("X-Forwarded-Proto", "https")])["scheme"], "http")
                with WebSocket(port, "/restricted", headers=[("Origin", "http://localhost")]) as ws:
                    ws.leave()
                equal(refused(port, "/restricted", headers=[("Origin", "http://evil")]), 403)
            # Without the field, and by one who is not trusted.
            equal(whoami(0, host=path)["peer"], "unix")
            equal(address(whoami(demo.port, [("X-Forwarded-For", "6.6.6.6")])), "127.0.0.1")


def test_nginx_on_a_unix_socket_that_is_not_trusted():
    if not NGINX:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        with Demo("--unix", path), nginx(folder, f"unix:{path}") as port:
            equal(whoami(port)["peer"], "unix")


def test_limit_of_a_client_through_nginx():
    """L14"""
    if not NGINX:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        words = ["--unix", path, "--trust", "unix,127.0.0.1", "--max-address-connections", "5"]
        with Demo(*words, "--loops", "3") as demo, nginx(folder, f"unix:{path}") as port:
            for _ in range(50):  # requests come and go, whatever nginx keeps open
                equal(http(port, "GET", "/health").status, 200)
            for _ in range(3):
                open_ones = [admitted(WebSocket, port, "/ws") for _ in range(5)]
                equal(refused(port, "/ws"), 429)
                equal(http(port, "GET", "/health").status, 429)
                equal(http(demo.port, "GET", "/health").status, 200)
                for ws in open_ones:
                    ws.abort()
                eventually(lambda: http(port, "GET", "/health").status == 200, "a slot is back")
                eventually(lambda: demo.stats()["websockets"] == 0, "all are gone")


def test_haproxy_by_http():
    if not HAPROXY:
        return
    with tempfile.TemporaryDirectory() as folder:
        with Demo("--trust", "127.0.0.0/8") as demo:
            backend = f"""
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    default_backend chat

backend chat
    server one 127.0.0.1:{demo.port}"""
            with haproxy(folder, backend) as port:
                # The client is inside what is trusted: the last of the list is taken.
                client = whoami(port)
                equal((client["peer"], client["scheme"]), ("127.0.0.1", "https"))
                equal(whoami(port, [("X-Forwarded-For", "192.0.2.9")])["peer"], "192.0.2.9")
                with WebSocket(port, "/ws") as ws:
                    ws.send_text("x")
                    equal(ws.message(), "Echo: x")
                    ws.leave()


def through_haproxy(version):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        backend = f"""
    mode tcp
    default_backend chat

backend chat
    mode tcp
    option httpchk GET /health
    server one unix@{path} {version} check check-send-proxy inter 100ms fall 1"""
        with Demo("--proxy-unix", path, "--trust", "unix") as demo:
            with haproxy(folder, backend) as port:
                equal(address(whoami(port)), "127.0.0.1")
                equal(address(whoami(port, [("X-Forwarded-For", "6.6.6.6")])), "127.0.0.1")
                requests = demo.stats()["requests"]
                eventually(
                    lambda: demo.stats()["requests"] > requests + 10, "health checks are answered"
                )
                equal(address(whoami(port)), "127.0.0.1")  # it is up still
                with WebSocket(port, "/ws") as ws:
                    ws.send_text("x")
                    equal(ws.message(), "Echo: x")
                    ws.leave()


def test_haproxy_by_proxy_1():
    if HAPROXY:
        through_haproxy("send-proxy")


def test_haproxy_by_proxy_2():
    """L11: its health checks are LOCAL."""
    if HAPROXY:
        through_haproxy("send-proxy-v2")


def test_caddy():
    if not CADDY:
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Demo("--trust", "127.0.0.0/8") as demo:
        config = os.path.join(folder, "Caddyfile")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"""
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{demo.port}
}}
""")
        home = {"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
        words = [CADDY, "run", "--config", config, "--adapter", "caddyfile"]
        with proxy(words, port, {**os.environ, **home}):
            # Caddy answers for the hosts that it knows.
            forged = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https")]
            for headers in [(), forged]:
                with Stream(connect(port)) as stream:
                    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
                    stream.send(
                        f"GET /whoami HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n".encode()
                    )
                    client = stream.response().json()
                    equal((client["peer"], client["scheme"]), ("127.0.0.1", "http"))


def test_proxy_headers_by_hand():
    """L11, L12"""
    request = b"GET /whoami HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        words = ["--proxy-unix", path, "--trust", "unix", "--header-timeout-ms", "2000"]
        with Demo(*words):

            def ask(head):
                with Stream(connect(0, path)) as stream:
                    stream.send(head)
                    return stream.rest()

            address4 = bytes([192, 0, 2, 1, 198, 51, 100, 1]) + struct.pack(">HH", 4711, 80)
            tlv = b"\x05\x00\x03abc"
            for head, peer in [
                (b"PROXY TCP6 2001:db8::1 ::1 7 8\r\n", b"[2001:db8::1]:7"),
                (SIGNATURE + b"\x21\x11\x00\x0c" + address4, b"192.0.2.1:4711"),
                (SIGNATURE + b"\x20\x00\x00\x00", b"unix"),
                (SIGNATURE + b"\x20\x11\x00\x12" + address4 + tlv, b"unix"),
            ]:
                answer = ask(head + request)
                assert b" 200 " in answer and b'"' + peer + b'"' in answer, answer
            for head in [request, b"\x16\x03\x01\x02\x00\x01", b"PROXY TCP4 1.2.3.4", b""]:
                equal(ask(head), b"")  # at once, or when its time is over


if __name__ == "__main__":
    run(globals())
