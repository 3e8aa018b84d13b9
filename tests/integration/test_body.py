# SPDX-License-Identifier: MIT
"""Request bodies: early answers to what is still being sent."""

import time

from harness import Stream, connect, equal, request_bytes, run

UPLOAD = 20 * 1024 * 1024


def head(path, *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def send_slowly(stream, octets, seconds):
    """All of octets, in at least that time; what the peer says meanwhile is left unread."""
    step = 256 * 1024
    pause = seconds * step / len(octets)
    for at in range(0, len(octets), step):
        stream.sock.sendall(octets[at : at + step])
        time.sleep(pause)


def assert_refused(stream, status):
    answer = stream.response()
    equal(answer.status, status)
    equal(answer.headers["connection"], "close")
    equal(stream.rest(), b"", "after the answer")


def test_a_client_that_sends_first_and_reads_then_gets_the_413(demo):
    """The upload takes longer than an idle peer is waited for; no reset overtakes the answer."""
    for lines, octets in (
        ([f"Content-Length: {UPLOAD}"], bytes(UPLOAD)),
        (["Transfer-Encoding: chunked"], f"{UPLOAD:x}\r\n".encode() + bytes(UPLOAD)),
    ):
        with Stream(connect(demo.port)) as stream:
            stream.send(head("/notify", *lines))
            send_slowly(stream, octets, 3)
            assert_refused(stream, 413)


def test_other_early_answers_are_read_whole_too(demo):
    for request, status in (
        (head("/none", f"Content-Length: {UPLOAD}"), 405),
        (head("/notify", f"Content-Length: {UPLOAD}", "Expect: tea"), 417),
        (head("/health", f"Content-Length: {UPLOAD}"), 405),
        (b"POST /notify HTTP/1.1\r\nX: " + bytes(65) * 1000, 400),
    ):
        with Stream(connect(demo.port)) as stream:
            stream.send(request)
            send_slowly(stream, bytes(UPLOAD), 0.5)
            assert_refused(stream, status)


def test_the_next_request_does_not_hurt(demo):
    """What follows on the connection is dropped: it ends, whatever a pool thinks of it."""
    with Stream(connect(demo.port)) as stream:
        stream.send(head("/notify", f"Content-Length: {UPLOAD}") + bytes(1000))
        stream.send(request_bytes("GET", "/health"))
        assert_refused(stream, 413)
    equal(demo.get("/health").status, 200)


if __name__ == "__main__":
    run(globals())
