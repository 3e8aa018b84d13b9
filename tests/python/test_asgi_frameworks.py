# SPDX-License-Identifier: MIT
"""FastAPI, Starlette and Django on python3 -m yodel.asgi, beside Debian's uvicorn."""

import gzip
import hashlib
import json
import os
import re
import ssl
import subprocess
import tempfile

import package
from asgi_kit import APPS, LONG, Server, Uvicorn, need, serve
from harness import Stream, connect, equal, eventually, http, request_bytes, run

STARLETTE = ("uvicorn", "fastapi")


def both(application, requests, env=None):
    """What ours and uvicorn say to the same requests: pairs of answers."""
    answers = []
    for kind in (Server, Uvicorn):
        with kind(application, "--port", "0", env=env) as one:
            answers.append([ask(one, *request) for request in requests])
    return zip(requests, *answers)


def ask(one, method, path, headers=(), body=b""):
    """One request; the names and values of the answer's headers, sorted, too."""
    with Stream(connect(one.port)) as stream:
        stream.send(request_bytes(method, path, [*headers, ("Connection", "close")], body))
        raw = stream.rest().replace(str(one.port).encode(), b"PORT")
    head, _, content = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    names = [tuple(re.split(r":\s*", line, maxsplit=1)) for line in lines[1:]]
    fields = sorted((name.lower(), value) for name, value in names)
    return int(lines[0].split()[1]), lines[0].split(" ", 2)[2], fields, content


# What is the server's own: it differs, and docs/python.md says so.
OWN = ("date", "server", "connection", "transfer-encoding")

# Statuses that RFC 9110 calls otherwise than Python 3.11 does.
RENAMED = (413, 414, 416, 418, 422)


def same(pairs, but=()):
    """Both must have said the same, besides the server's own headers."""
    for request, ours, theirs in pairs:
        fields = [[field for field in answer[2] if field[0] not in (*OWN, *but)] for answer in (ours, theirs)]
        equal((ours[0], fields[0]), (theirs[0], fields[1]), request)
        if ours[0] not in RENAMED:
            equal(ours[1], theirs[1], request)
        chunked = [("transfer-encoding", "chunked") in answer[2] for answer in (ours, theirs)]
        equal(chunked[0], chunked[1], request)
        equal(content(ours), content(theirs), request)


def content(answer):
    """The content without its chunks."""
    if ("transfer-encoding", "chunked") not in answer[2]:
        return answer[3]
    rest, whole = answer[3], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        whole += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return whole


def test_fastapi_answers_as_on_uvicorn():
    need(*STARLETTE)
    requests = [
        ("GET", "/items/5?q=x"), ("GET", "/items/abc"), ("POST", "/items", [("Content-Type", "application/json")], b'{"a": 1}'),
        ("POST", "/items", [("Content-Type", "application/json")], b"{"), ("GET", "/sync"), ("GET", "/text"),
        ("GET", "/page"), ("GET", "/away"), ("GET", "/empty"), ("GET", "/teapot"), ("GET", "/cookies"), ("GET", "/stream"),
        ("GET", "/sync_stream"), ("GET", "/file"), ("HEAD", "/file"), ("GET", "/static/page.css"), ("HEAD", "/static/page.css"),
        ("GET", "/static/nothing"), ("GET", "/nowhere"), ("PUT", "/text"), ("POST", "/upload", (), bytes(1000)),
        ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/client"), ("OPTIONS", "/text"), ("GET", "/%D0%BF?%20"),
    ]
    pairs = list(both("starlettes:app", requests))
    equal([pair[1][0] for pair in pairs if pair[0][1] == "/items/5?q=x"], [200])
    same(pairs)
    with_middleware = [
        ("GET", "/text"), ("GET", "/long", [("Accept-Encoding", "gzip")]), ("GET", "/stream"), ("GET", "/empty"), ("GET", "/away"),
    ]
    pairs = list(both("starlettes:app", with_middleware, env={"MIDDLEWARE": "1"}))
    compressed = pairs.pop(1)
    equal(json.loads(gzip.decompress(content(compressed[1])))["long"], "x" * 1000)
    same(pairs)
    equal(dict(pairs[0][1][2])["x-middleware"], "1")


def test_an_exception_is_500_as_on_uvicorn():
    need(*STARLETTE)
    same(both("starlettes:app", [("GET", "/raises")]))
    with serve("starlettes:app") as one:
        equal(one.get("/raises").status, 500)
        one.until("RuntimeError: in the handler")
        equal(one.said().count("Exception in ASGI application"), 1)
        equal(one.get("/text").status, 200)


def test_starlette_hears_of_clients_that_leave():
    need(*STARLETTE)
    with serve("starlettes:app") as one:
        for path, word in (("/endless", "left"), ("/disconnected", "is_disconnected")):
            stream = Stream(connect(one.port))
            stream.send(request_bytes("GET", path))
            if path == "/endless":
                stream.until(b"\r\n\r\n")
            stream.abort()
            eventually(lambda w=word: w in one.get("/seen").json(), word, LONG)
        assert "Traceback" not in one.said(), one.said()


def test_background_tasks_and_keep_alive():
    need(*STARLETTE)
    with serve("starlettes:app") as one, Stream(connect(one.port)) as stream:
        for _ in range(3):
            stream.send(request_bytes("GET", "/background"))
            equal(stream.response().json(), {"sent": True})
            stream.send(request_bytes("GET", "/stream"))
            equal(stream.response().body, b"0\n1\n2\n3\n4\n")
        eventually(lambda: one.get("/seen").json().count("background") == 3, "they have run", LONG)


def test_the_state_of_a_lifespan():
    need(*STARLETTE)
    with serve("lifespan_state:app") as one:
        equal(one.get("/").json(), {"greeting": "from the lifespan"})


def test_a_large_upload_comes_in_parts():
    need(*STARLETTE)
    with serve("starlettes:app") as one:
        answer = http(one.port, "POST", "/upload", body=bytes(5 << 20))
        equal(answer.json(), {"bytes": 5 << 20, "several": True})


def multipart(data):
    """A form with a file."""
    return (
        b'--between-the-parts\r\nContent-Disposition: form-data; name="note"\r\n\r\nmine\r\n'
        b'--between-the-parts\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--between-the-parts--\r\n"
    )


def test_django_answers_as_on_uvicorn():
    need("django", "uvicorn")
    form = [("Content-Type", "multipart/form-data; boundary=between-the-parts")]
    requests = [
        ("GET", "/hello/world/?q=%D0%BF"), ("GET", "/hello"), ("GET", "/stream/"), ("GET", "/wait/"), ("GET", "/away/"),
        ("GET", "/raises/"), ("GET", "/nowhere"), ("POST", "/upload/", form, multipart(bytes(200000))), ("HEAD", "/hello/x/"),
    ]
    same(both("djangos:application", requests), but=("expires",))


def test_django_takes_an_upload():
    need("django")
    with serve("djangos:application") as one:
        data = os.urandom(3 << 20)
        answer = http(one.port, "POST", "/upload/", [("Content-Type", "multipart/form-data; boundary=between-the-parts")], multipart(data))
        equal(answer.status, 200)
        equal(answer.json()["sha256"], hashlib.sha256(data).hexdigest())
        equal(answer.json()["note"], "mine")
        stream = Stream(connect(one.port))
        stream.send(b"POST /upload/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=between-the-parts\r\n"
                    b"Content-Length: 1000000\r\n\r\n" + multipart(bytes(1000)))
        stream.close()
        equal(one.get("/hello/after/").status, 200)
        assert "Traceback" not in one.said(), one.said()


# Proxies and TLS.


def seen_by(one, *headers, **options):
    """Who the application thinks asks."""
    return http(one.port, "GET", "/scope", headers, **options).body.decode()


def test_proxy_headers():
    forwarded = [("X-Forwarded-For", "192.0.2.7, 10.1.1.1"), ("X-Forwarded-Proto", "https")]
    cases = [
        ([], "('10.1.1.1', 0)", "https"),
        (["--forwarded-allow-ips", "127.0.0.1,10.0.0.0/8"], "('192.0.2.7', 0)", "https"),
        (["--forwarded-allow-ips", "*"], "('192.0.2.7', 0)", "https"),
        (["--forwarded-allow-ips", "192.0.2.1"], "('127.0.0.1',", "http"),
        (["--no-proxy-headers"], "('127.0.0.1',", "http"),
    ]
    for words, client, scheme in cases:
        with serve("plain:app", *words) as one:
            seen = seen_by(one, *forwarded)
            assert f"'client': {client}" in seen and f"'scheme': '{scheme}'" in seen, (words, seen)
    with serve("plain:app", env={"FORWARDED_ALLOW_IPS": "*"}) as one:
        assert "'192.0.2.7'" in seen_by(one, *forwarded)
    with serve("plain:app", "--forwarded-allow-ips", "nonsense", wait=False) as one:
        equal(one.wait(), 1)
        assert "cannot listen" in one.said() and "Traceback" not in one.said(), one.said()
        one.stop = one.kill


def certificate(folder):
    """A certificate for localhost, and its key."""
    cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )
    return cert, key


def test_tls():
    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificate(folder)
        context = ssl.create_default_context(cafile=cert)

        def wrap(sock):
            return context.wrap_socket(sock, server_hostname="localhost")

        for words in (["--ssl-certfile", cert, "--ssl-keyfile", key], ["--tls-cert", cert, "--tls-key", key],
                      ["--tls-cert", cert, "--tls-key", key, "--workers", "2"]):
            with serve("plain:app", *words) as one:
                one.until("startup complete", 2 if "--workers" in words else 1)
                assert f"https://127.0.0.1:{one.port}" in one.said()
                eventually(lambda o=one: answers(o, wrap), "it answers")
                assert "'scheme': 'https'" in seen_by(one, wrap=wrap)
                body = bytes(range(256)) * 8000
                equal(http(one.port, "POST", "/echo", body=body, wrap=wrap).body, body)
                equal(len(http(one.port, "GET", "/sized?300000,100000,100000,100000", wrap=wrap).body), 300000)
        other = f"{folder}/other.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", other], check=True, capture_output=True)
        with serve("plain:app", "--ssl-certfile", cert, "--ssl-keyfile", other, wait=False) as one:
            equal(one.wait(), 1)
            assert "Traceback" not in one.said(), one.said()
            one.stop = one.kill


def answers(one, wrap):
    """Whether it does already."""
    try:
        return http(one.port, "GET", "/x", wrap=wrap).status == 200
    except OSError:
        return False


if __name__ == "__main__":
    package.require()
    assert APPS
    run(globals())
