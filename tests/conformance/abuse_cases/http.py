# SPDX-License-Identifier: MIT
"""H40-H69: the HTTP parser."""

import functools
import random
import socket

from abuse_cases.model import MIB, Case
from abuse_cases.raw import SOON, Raw, expect
from abuse_cases.request import answer, answer_only, handshake, refused, survived

HEADS_BOUND = 4 * MIB
TLS_HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(range(200))
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
SPACES = b" " * 65536
LINES = b"\r\n" * 32768
CHUNK_OVERFLOW = b"ffffffffffffffff1\r\nx\r\n0\r\n\r\n"


def head_with(line):
    """A handshake with one more header line."""
    return handshake(extra=[line])


def header_syntax():
    """H40-H49."""
    table = (
        ("H40", "space before the colon", head_with("X-A : b")),
        ("H41", "no colon", head_with("X-A b")),
        ("H42", "empty header name", head_with(": b")),
        ("H43", "NUL in a value", head_with("X-A: b\0c")),
        ("H44", "bare CR in a value", head_with("X-A: b\rX-B: c")),
        ("H45", "control octet in a name", head_with("X-\x01A: b")),
        ("H46", "folded header", head_with("X-A: b\r\n c")),
        ("H47", "bare LF", handshake(end="\n")),
        ("H49", "two spaces in the request line", handshake("GET  /echo HTTP/1.1")),
        ("H50", "target *", handshake("GET * HTTP/1.1")),
        ("H51", "no target", handshake("GET  HTTP/1.1")),
        ("H52", "NUL in the target", handshake("GET /ec\0ho HTTP/1.1")),
        ("H52b", "0xff in the target", handshake("GET /ec\xffho HTTP/1.1")),
    )
    for case_id, what, data in table:
        yield refused(case_id, what, data, (400,))
    yield survived("H48", "value not ASCII", head_with("X-A: \xff\xfe"), (101, 400))


def body_framing():
    """H53-H59: forms of Content-Length and Transfer-Encoding used for smuggling."""
    table = (
        ("H53", "Content-Length and chunked", ["Content-Length: 5", "Transfer-Encoding: chunked"]),
        ("H54", "two Content-Lengths", ["Content-Length: 0", "Content-Length: 5"]),
        ("H55", "Content-Length -1", ["Content-Length: -1"]),
        ("H56", "Content-Length +5", ["Content-Length: +5"]),
        ("H57", "Content-Length 2^64", [f"Content-Length: {2**64}"]),
    )
    for case_id, what, extra in table:
        yield refused(case_id, what, handshake(extra=extra), (400,))
    unknown_coding = handshake(extra=["Transfer-Encoding: xchunked"])
    yield refused("H58", "Transfer-Encoding: xchunked", unknown_coding, (400, 501))
    yield Case("H55b", "Content-Length minus the length of the request", check_negative_length)
    head = b"POST /rooms/a/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield refused("H59", "chunk size overflows", head + CHUNK_OVERFLOW, (400, 413))
    yield refused("H59b", "chunk size is not hexadecimal", head + b"0x5\r\nhello\r\n0\r\n\r\n",
                  (400,))


def check_negative_length(context):
    """A length that would step back to the start of the same request."""
    size = 0
    for _ in range(3):  # the length has to count its own digits
        data = handshake(extra=[f"Content-Length: -{size}"])
        size = len(data)
    response, closed = answer(context.server, data)
    expect(response is not None and response.status == 400, f"expected 400, seen {response}")
    expect(closed, "answered 400 but left the connection open")


def oversized():
    """H60-H63: closed with the right status, memory flat."""
    many = [f"X-{number}: {number}" for number in range(2000)]
    table = (
        ("H60", "header of 100 KB", handshake(extra=["X-A: " + "a" * 100_000]), (431,)),
        ("H61", "2000 headers", handshake(extra=many), (101, 431)),
        ("H62", "target of 100 KB", handshake(f"GET /{'a' * 100_000} HTTP/1.1"), (414,)),
        ("H63", "1 MB without an end", b"GET / HTTP/1.1\r\nX-A: " + b"a" * MIB, (431,)),
    )
    for case_id, what, data, statuses in table:
        yield Case(case_id, what, functools.partial(check_oversized, data, statuses))


def check_oversized(data, statuses, context):
    """One of `statuses`, then closed, without keeping what was sent."""
    with context.bounded_memory(HEADS_BOUND):
        response, closed = answer(context.server, data)
    wanted = "/".join(map(str, statuses))
    expect(response is not None, f"expected {wanted}, seen the end of the connection")
    expect(response.status in statuses, f"expected {wanted}, seen {response.status}")
    expect(closed or response.status == 101, "left the connection open")


def other_protocols():
    """H64-H69: not HTTP at all."""
    noise = random.Random(66).randbytes(512).replace(b"\r", b"x").replace(b"\n", b"x") + b"\r\n\r\n"
    table = (
        ("H64", "start of TLS", TLS_HELLO),
        ("H65", "start of HTTP/2", HTTP2_PREFACE),
        ("H66", "random octets", noise),
        ("H68", "64 KiB of spaces first", SPACES + handshake()),
    )
    for case_id, what, data in table:
        yield Case(case_id, what, functools.partial(check_refused_soon, data))
    yield Case("H67", "absolute-form target of another server", check_no_proxy)
    yield survived("H69", "64 KiB of empty lines first", LINES + handshake(), (101, 400, 431))


def check_refused_soon(data, context):
    """An error status or the end, before the time for a head is over."""
    with Raw(context.server) as connection:
        connection.send(data)
        response = connection.response(SOON)
        if response is None:
            return
        expect(400 <= response.status < 600, f"expected an error, seen {response.status}")
        connection.expect_closed(SOON)


def check_no_proxy(context):
    """The server never connects to the authority of an absolute-form target."""
    with socket.create_server(("127.0.0.1", 0)) as decoy:
        decoy.settimeout(0.2)
        port = decoy.getsockname()[1]
        target = f"http://127.0.0.1:{port}/no/such/path"
        response = answer_only(context.server, handshake(f"GET {target} HTTP/1.1"))
        expect(response is None or response.status != 101, "an unknown path was upgraded")
        try:
            decoy.accept()[0].close()
        except TimeoutError:
            return
        expect(False, "the server connected to the target's authority")


def cases(_options):
    """The HTTP parser's cases."""
    return [*header_syntax(), *body_framing(), *oversized(), *other_protocols()]
