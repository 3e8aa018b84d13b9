# SPDX-License-Identifier: MIT
"""Opening handshakes and other requests with chosen faults, and the judgement of the answer."""

import wire
from abuse_cases.raw import SOON, Failure, Raw, expect
from abuse_cases.model import Case

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def handshake(line="GET /echo HTTP/1.1", *, without=(), instead=None, extra=(), end="\r\n"):
    """The octets of a handshake.

    `without` names headers to leave out, `instead` maps names to other values (a list
    repeats the header), `extra` are whole lines put at the end.
    """
    headers = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
        **(instead or {}),
    }
    lines = [line]
    for name, value in headers.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{name}: {one}" for one in values if name not in without]
    lines += extra
    return end.join(lines).encode("latin-1") + 2 * end.encode()


def answer(server, data):
    """The response head to `data` (None if there is none) and whether the server then closes."""
    with Raw(server) as connection:
        connection.send(data)
        response = connection.response()
        if response is not None and response.status == 101:
            return response, False
        return response, response is None or connection.read_until_end(SOON) is not None


def answer_only(server, data):
    """The response head to `data`, without waiting for what follows."""
    with Raw(server) as connection:
        connection.send(data)
        return connection.response()


def refused(case_id, what, data, statuses, *, closes=True, then=None):
    """The answer must be one of `statuses` (never 101), and the connection be closed."""

    def check(context):
        if closes:
            response, closed = answer(context.server, data)
        else:
            response, closed = answer_only(context.server, data), True
        wanted = "/".join(map(str, statuses))
        expect(response is not None, f"expected {wanted}, seen the end of the connection")
        expect(response.status in statuses, f"expected {wanted}, seen {response.status}")
        expect(closed, f"answered {response.status} but left the connection open")
        if then:
            then(response)

    return Case(case_id, what, check)


def never_upgraded(case_id, what, data):
    """Handled as plain HTTP: any final status that is not a success of the upgrade or a fault."""
    statuses = (200, 204, 301, 302, 400, 403, 404, 405, 426, 501, 505)
    return refused(case_id, what, data, statuses, closes=False)


def upgraded(case_id, what, data, chop=0, delay=0.0):
    """The handshake must be accepted and a message echoed."""

    def check(context):
        with Raw(context.server) as connection:
            connection.send(data, chop, delay)
            response = connection.response()
            expect(response is not None, "expected 101, seen the end of the connection")
            expect(response.status == 101, f"expected 101, seen {response.status}")
            wire.check_upgrade(response, KEY)
            connection.expect_echo()

    return Case(case_id, what, check)


def survived(case_id, what, data, statuses, work=3.0):
    """One of `statuses` (101 may be among them) or a closed connection, without much work."""

    def check(context):
        with Raw(context.server) as connection, context.little_work(work):
            connection.send(data)
            response = connection.response()
            if response is None:
                return
            wanted = "/".join(map(str, statuses))
            expect(response.status in statuses, f"expected {wanted}, seen {response.status}")

    return Case(case_id, what, check)


def needs_version_header(response):
    """A 426 must name the version we speak (RFC 6455 4.4)."""
    if response.status == 426 and response.get("sec-websocket-version") != "13":
        raise Failure("426 without Sec-WebSocket-Version: 13")
