# SPDX-License-Identifier: MIT
"""P01-P06: paths of static files, and the room endpoint."""

import functools
import json

from abuse_cases.model import Case
from abuse_cases.raw import Raw, expect
from abuse_cases.request import refused

TARGETS = (
    "/../../../../../../etc/passwd",
    "/./../../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/%2E%2E/%2E%2E/%2E%2E/%2E%2E/%2E%2E/etc/passwd",
    "/.%2e/.%2e/.%2e/.%2e/.%2e/etc/passwd",
    "/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/..%2F..%2F..%2F..%2F..%2Fetc/passwd",
    "/%252e%252e/%252e%252e/%252e%252e/etc/passwd",
    "/..%252f..%252f..%252fetc/passwd",
    "/..%5c..%5c..%5cetc%5cpasswd",
    "/..\\..\\..\\etc\\passwd",
    "/....//....//....//etc/passwd",
    "/..;/..;/..;/etc/passwd",
    "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "/%e0%80%ae%e0%80%ae/etc/passwd",
    "/..%c0%af..%c0%af..%c0%afetc/passwd",
    "/index.html%00.png",
    "/%00/etc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/%2fetc%2fpasswd",
    "/index.html/../../../../../etc/passwd",
    "/a/b/c/../../../../../../../etc/passwd",
    "/proc/self/environ",
    "/.git/config",
    "/" + "../" * 2000 + "etc/passwd",
)
SECRETS = (b"root:", b"PATH=", b"[core]")
REFUSALS = (400, 403, 404, 414)
MALFORMED = ("/%", "/%4", "/%zz", "/a%g0")


def request(line, headers=(), body=b""):
    """A plain request."""
    lines = [line, "Host: 127.0.0.1", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def fetch(server, data):
    """The response and its body."""
    with Raw(server) as connection:
        connection.send(data)
        response = connection.response()
        expect(response is not None, "expected an answer, seen the end of the connection")
        has_body = not data.startswith(b"HEAD") and response.status not in (204, 304)
        return response, connection.body(response) if has_body else b""


def check_traversal(target, context):
    """Refused for GET and HEAD alike, nothing leaks."""
    seen = []
    for method in ("GET", "HEAD"):
        response, body = fetch(context.server, request(f"{method} {target} HTTP/1.1"))
        status = response.status
        expect(status in REFUSALS, f"{method}: expected 400/403/404, seen {status}")
        expect(not any(secret in body for secret in SECRETS), f"{method}: leaked {body[:40]!r}")
        seen.append(status)
    expect(seen[0] == seen[1], f"GET is answered with {seen[0]}, HEAD with {seen[1]}")


def check_index(context):
    """The page at / is served; HEAD has the same length and no body."""
    page, body = fetch(context.server, request("GET / HTTP/1.1"))
    expect(page.status == 200 and body, f"expected 200 and a page, seen {page.status}")
    with Raw(context.server) as connection:
        connection.send(request("HEAD / HTTP/1.1", ["Connection: close"]))
        head = connection.response()
        expect(head is not None and head.status == 200, "HEAD / is not answered like GET /")
        expect(head.get("content-length") == page.get("content-length"), "lengths differ")
        expect(not connection.expect_closed(), "HEAD / has a body")


def check_pipelined(context):
    """Two requests in one segment are answered in order, each within its Content-Length."""
    data = request("HEAD / HTTP/1.1") + request("GET /no/such/file HTTP/1.1", ["Connection: close"])
    with Raw(context.server) as connection:
        connection.send(data)
        everything = connection.expect_closed()
    statuses = [part[:3] for part in everything.split(b"HTTP/1.1 ")[1:]]
    expect(statuses == [b"200", b"404"], f"expected 200 and 404, seen {statuses}")


def post(body, headers=("Content-Type: application/json",), length=None):
    """A POST to a room."""
    size = len(body) if length is None else length
    return request("POST /rooms/lobby/messages HTTP/1.1",
                   [*headers, f"Content-Length: {size}"], body)


def check_post(data, context):
    """Taken: a status of success."""
    response, _ = fetch(context.server, data)
    expect(200 <= response.status < 300, f"expected 2xx, seen {response.status}")


def room_cases():
    """P05, P06: bodies."""
    good = json.dumps({"message": "hello"}).encode()
    chunks = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, good[:5], len(good) - 5, good[5:])
    chunked = request(
        "POST /rooms/lobby/messages HTTP/1.1",
        ["Content-Type: application/json", "Transfer-Encoding: chunked"],
        chunks,
    )
    yield Case("P05", "message to a room", functools.partial(check_post, post(good)))
    yield Case("P05b", "the same in chunks", functools.partial(check_post, chunked))
    bad = (
        ("P06", "body is not JSON", post(b"{nonsense")),
        ("P06c", "no message", post(b"[]")),
        ("P06d", "depth 100 000", post(b"[" * 100_000)),
        ("P06e", "body is not UTF-8", post(b'{"message": "\xed\xa0\x80"}')),
    )
    for case_id, what, data in bad:
        yield refused(case_id, what, data, (400, 413, 422), closes=False)
    yield refused("P06f", "announced far too large", post(b"{", length=1 << 40), (413,))


def cases(_options):
    """The path cases."""
    traversals = [
        Case(f"P01.{number}", f"target {target[:40]}", functools.partial(check_traversal, target))
        for number, target in enumerate(TARGETS, 1)
    ]
    malformed = [
        refused(f"P02.{number}", f"target {target}", request(f"GET {target} HTTP/1.1"), (400, 404),
                closes=False)
        for number, target in enumerate(MALFORMED, 1)
    ]
    return [
        *traversals,
        *malformed,
        Case("P03", "GET and HEAD of /", check_index),
        Case("P04", "pipelined requests", check_pipelined),
        *room_cases(),
    ]
