# SPDX-License-Identifier: MIT
"""E01-E58: Engine.IO."""

import functools
import json
import time

import wire
from abuse_cases.model import MIB, Case
from abuse_cases.raw import SOON, Failure, Raw, expect
from abuse_cases.session import (
    PATH,
    POLLING,
    SESSION_KEYS,
    TEXT_PLAIN,
    WEBSOCKET,
    Polling,
    Socket,
    exchange,
    expect_error,
    head,
    request,
)

MAX_PAYLOAD = 1_000_000
QUICK = 0.3
SIDS = 2000
FLOOD = 3000
FLOOD_MEMORY = 40 * MIB  # sessions, their requests, and room to breathe
PONGS = 300_000
STORM = 100
UNKNOWN = "A" * 20
EVENT = b'42["x"]'


def refused(case_id, what, method, query, code, status=400):
    """The request must get one of Engine.IO's errors."""

    def check(context):
        expect_error(request(context.server, method, query), status, code)

    return Case(case_id, what, check)


def survived(case_id, what, data, *statuses):
    """Octets must be answered with one of these statuses in time (None: with the end)."""

    def check(context):
        with context.little_work(QUICK):
            status, _ = exchange(context.server, data)
        expect(status in statuses, f"expected {statuses}, seen {status}")

    return Case(case_id, what, check)


def posted(case_id, what, body, *, status=200, lives, headers=TEXT_PLAIN):
    """A POST is answered with `status`; the session then lives or is gone."""

    def check(context):
        session = Polling.joined(context.server)
        with context.bounded_memory(16 * MIB), context.little_work(10 * QUICK):
            seen, _ = session.post(body, headers)
        expect(seen == status, f"expected {status}, seen {seen}")
        if lives:
            session.expect_alive()
        else:
            session.expect_gone()

    return Case(case_id, what, check)


# Sessions.


def check_open(context):
    """The open packet has its five keys and nothing else."""
    keys = sorted(Polling(context.server).handshake)
    expect(keys == SESSION_KEYS, f"a strange open packet: {keys}")


def check_no_cors(context):
    """Nothing is allowed to other origins unless it was configured."""
    with Raw(context.server) as connection:
        connection.send(head("GET", POLLING, ["Origin: http://evil.example"]))
        response = connection.response()
        seen = response.get("access-control-allow-origin")
        expect(seen is None, f"allowed: {seen}")


def check_sids(context):
    """Ids are 20 characters, and say nothing about each other."""
    sids = [Polling(context.server).sid for _ in range(SIDS)]
    expect(all(len(sid) == 20 for sid in sids), "an id has not 20 characters")
    expect(len({sid[:8] for sid in sids}) == SIDS, "ids begin alike")
    expect(len({sid[8:16] for sid in sids}) == SIDS, "ids are alike in the middle")


def check_flood(context):
    """Many sessions that nobody uses cost little, and do not keep others from theirs."""
    with context.bounded_memory(FLOOD_MEMORY):
        for _ in range(FLOOD):
            Polling(context.server)


def check_guesses(context):
    """An id with one character changed is another one."""
    sid = Polling(context.server).sid
    for i in (0, 10, 15, 16, 17, 18, 19):
        other = sid[:i] + ("A" if sid[i] != "A" else "B") + sid[i + 1 :]
        expect_error(request(context.server, "GET", f"{POLLING}&sid={other}"), 400, 1)
    for other in (sid[:-1], sid + "A", sid + "%00", sid.swapcase()):
        expect_error(request(context.server, "GET", f"{POLLING}&sid={other}"), 400, 1)


# Polling.


def check_announced(context):
    """A body that is announced too large is refused before it comes."""
    session = Polling.joined(context.server)
    status, _ = exchange(context.server, head("POST", session.query, TEXT_PLAIN, 10**12), SOON)
    expect(status == 413, f"expected 413, seen {status}")
    session.expect_alive()


def chunked_head(session):
    """A POST whose length is not known."""
    return head("POST", session.query, (*TEXT_PLAIN, "Transfer-Encoding: chunked"))


def check_chunk_size(context):
    """Chunk sizes that overflow are refused."""
    for size in (b"ffffffffffffffff", b"1" + b"0" * 16, b"-1", b"0x10", b"g"):
        session = Polling.joined(context.server)
        status, _ = exchange(context.server, chunked_head(session) + size + b"\r\nx\r\n0\r\n\r\n")
        expect(status in (400, 413, None), f"chunk size {size!r}: seen {status}")


def check_tiny_chunks(context):
    """A body in chunks of one octet is a body."""
    session = Polling.joined(context.server)
    body = b'42["x","' + b"y" * 5000 + b'"]'
    chunks = b"".join(b"1\r\n%c\r\n" % octet for octet in body) + b"0\r\n\r\n"
    status, _ = exchange(context.server, chunked_head(session) + chunks)
    expect(status == 200, f"expected 200, seen {status}")
    session.expect_alive()


def was_read(server):
    """What came before on another connection has been read, as what comes later is answered: by one loop at once, by
    several in a moment."""
    exchange(server, head("GET", "EIO=9"))
    time.sleep(0.05)


def check_unfinished_post(context):
    """A POST that ends before its body does ends the session."""
    session = Polling.joined(context.server)
    with Raw(context.server) as connection:
        connection.send(head("POST", session.query, TEXT_PLAIN, 100) + b"42")
        was_read(context.server)
    session.expect_gone()


def held(session, data):
    """A connection with a request that is not answered yet."""
    connection = Raw(session.server)
    connection.send(data)
    was_read(session.server)
    return connection


def check_two_gets(context):
    """The poll that waits gets a close packet, the second one 400."""
    session = Polling.joined(context.server)
    with held(session, head("GET", session.query)) as first:
        status, _ = session.get()
        expect(status == 400, f"expected 400, seen {status}")
        response = first.response()
        body = first.body(response)
        expect((response.status, body) == (200, b"1"), f"first: {response.status} {body!r}")
    session.expect_gone()


def check_two_posts(context):
    """The second POST gets 400 and the session goes."""
    session = Polling.joined(context.server)
    with held(session, head("POST", session.query, TEXT_PLAIN, 100) + b"4") as first:
        status, _ = session.post(b"3")
        expect(status == 400, f"expected 400, seen {status}")
        first.expect_closed()
    session.expect_gone()


def check_lost_get(reset, context):
    """A poll that is given up ends the session."""
    session = Polling.joined(context.server)
    connection = held(session, head("GET", session.query))
    if reset:
        connection.reset()
    else:
        connection.close()
    session.expect_gone()


def check_pipelined_gets(context):
    """Two polls of one connection do not upset anything."""
    session = Polling.joined(context.server)
    one = head("GET", session.query).replace(b"Connection: close\r\n", b"")
    with Raw(context.server) as connection:
        connection.send(one + one)
        was_read(context.server)
        session.post(EVENT)
        session.post(b'420["echo",1]')
        response = connection.response()
        expect(response is not None and response.status in (200, 400), "no proper answer")


def check_post_storm(context):
    """Sessions whose requests break off leave nothing behind."""
    with context.bounded_descriptors(slack=4):
        for i in range(STORM):
            session = Polling(context.server)
            data = head("POST", session.query, TEXT_PLAIN, 1000) + b"4" * (i % 7)
            with Raw(context.server) as connection:
                connection.send(data if i % 2 else head("GET", session.query))
                connection.reset()


# The upgrade.


def begin_upgrade(session, probe=True):
    """A WebSocket beside the polling of a session, probed."""
    socket = Socket(session.server, f"{WEBSOCKET}&sid={session.sid}")
    if probe:
        socket.send(b"2probe")
        seen = socket.text()
        expect(seen == b"3probe", f"expected 3probe, seen {seen!r}")
    return socket


def check_early_message(message, context):
    """Anything but `5` ends the probe, not the session."""
    session = Polling.joined(context.server)
    with begin_upgrade(session) as socket:
        socket.send(message)
        socket.expect_closed(None)
    session.expect_alive()


def check_second_probe(context):
    """A second probe is turned away; the first goes on."""
    session = Polling.joined(context.server)
    with begin_upgrade(session) as first:
        with begin_upgrade(session, probe=False) as second:
            second.expect_closed(None)
        first.send(b"5")
        first.expect_alive()


def check_unknown_upgrade(context):
    """An unknown id is refused with 400 and its message as text."""
    key = wire.new_key()
    query = f"{PATH}?{WEBSOCKET}&sid={UNKNOWN}"
    status, body = exchange(context.server, wire.handshake_request(query, "127.0.0.1", key))
    expect((status, body) == (400, b"Session ID unknown"), f"seen {status} {body!r}")


def check_probe_storm(context):
    """Upgrades that break off leave nothing behind."""
    with context.bounded_descriptors(slack=4):
        for i in range(STORM):
            session = Polling.joined(context.server)
            socket = begin_upgrade(session, probe=bool(i % 2))
            if i % 3 == 0:
                socket.send(b"5", EVENT)
            socket.raw.reset()


def check_probe_flood(context):
    """Ten thousand probes in one write are answered or closed."""
    session = Polling.joined(context.server)
    with begin_upgrade(session) as socket, context.bounded_memory(16 * MIB):
        socket.send(*[b"2probe"] * 10_000)
        socket.send(b"5")
        try:
            socket.expect_alive()
        except Failure:
            session.expect_alive()


# WebSocket.


def closes(case_id, what, data, *codes):
    """Frames end a session that is on WebSocket."""

    def check(context):
        with Socket.joined(context.server) as socket:
            socket.raw.send(data)
            socket.expect_closed(*codes)

    return Case(case_id, what, check)


def check_ws_pongs(context):
    """Pongs by the hundred thousand cost nothing."""
    with Socket.joined(context.server) as socket, context.bounded_memory(16 * MIB):
        socket.send(*[b"3"] * 50_000)
        socket.expect_alive()


def text(payload):
    """A frame with text."""
    return wire.frame(wire.TEXT, payload)


def cases(_options):
    """All cases of this module."""
    long_query = POLLING + "".join(f"&a{i}=b" for i in range(1000))
    upgrade_by_post = wire.handshake_request(f"{PATH}?{WEBSOCKET}", "127.0.0.1", wire.new_key())
    return [
        Case("E01", "the open packet", check_open),
        refused("E02", "no transport", "GET", "EIO=4", 0),
        refused("E03", "an unknown transport", "GET", "EIO=4&transport=flashsocket", 0),
        refused("E04", "a transport twice", "GET", f"{POLLING}&transport=x", 0),
        refused("E05", "transport __proto__", "GET", "EIO=4&transport=__proto__", 0),
        refused("E06", "transport constructor", "GET", "EIO=4&transport=constructor", 0),
        refused("E07", "no EIO", "GET", "transport=polling", 5),
        refused("E08", "EIO 3", "GET", "EIO=3&transport=polling", 5),
        survived("E09", "a field of 5 KB", head("GET", f"{POLLING}&x={'y' * 5000}"), 200),
        refused("E10", "an unknown sid", "GET", f"{POLLING}&sid={UNKNOWN}", 1),
        refused("E11", "websocket without an upgrade", "GET", WEBSOCKET, 3),
        refused("E12", "a handshake by POST", "POST", POLLING, 2),
        refused("E13a", "a sid with NUL", "GET", f"{POLLING}&sid=%00%00", 1),
        refused("E13b", "a sid that is not decoded", "GET", f"{POLLING}&sid=%zz%", 1),
        refused("E13c", "a sid that is not UTF-8", "GET", f"{POLLING}&sid=%ff%fe", 1),
        survived("E14", "a sid of 100 KB", head("GET", f"{POLLING}&sid={'x' * 100_000}"), 414, 431),
        survived("E15", "a thousand fields", head("GET", long_query), 200),
        survived("E16a", "HEAD", head("HEAD", POLLING), 400),
        survived("E16b", "a method of its own", head("BREW", POLLING), 400, 405, 501),
        Case("E17", "no CORS unless configured", check_no_cors),
        survived("E19", "a GET with a body", head("GET", POLLING, (), 5) + b"hello", 200, 400),
        survived("E20", "an upgrade by POST", upgrade_by_post.replace(b"GET", b"POST", 1), 400, 405),
        posted("E21", "octet-stream", EVENT, status=400, lives=False,
               headers=("Content-Type: application/octet-stream",)),
        posted("E22", "a body above the limit", b"4" * (MAX_PAYLOAD + 1), status=413, lives=True),
        Case("E23", "a body announced as 1 TB", check_announced),
        posted("E24", "an unknown packet type", b"9", lives=False),
        posted("E25", "an empty body", b"", lives=False),
        posted("E26", "900 KB of separators", b"\x1e" * 900_000, lives=False),
        posted("E27", "300 000 pongs", b"\x1e".join([b"3"] * PONGS), lives=True),
        posted("E28", "a ping", b"2", lives=False),
        posted("E29", "base64 that is none", b"b!!!!", lives=False),
        posted("E30", "100 000 empty messages", b"\x1e".join([b"4"] * 100_000), lives=False),
        posted("E31", "good packets, then a bad one", EVENT + b"\x1e?\x1e" + EVENT, lives=False),
        posted("E32", "text that is not UTF-8", b'42["x","\xff"]', lives=False),
        Case("E33", "chunk sizes that overflow", check_chunk_size),
        Case("E34", "chunks of one octet", check_tiny_chunks),
        Case("E35", "a POST that breaks off", check_unfinished_post),
        Case("E36", "sessions whose requests break off", check_post_storm, measures=True),
        posted("E37", "a megabyte of base64", b"b" + b"A" * 900_000, lives=False),
        Case("E38", "two polls in one segment", check_pipelined_gets),
        Case("E40", "two GETs at once", check_two_gets),
        Case("E41", "two POSTs at once", check_two_posts),
        Case("E42", "a GET that is given up", functools.partial(check_lost_get, False)),
        Case("E43", "a GET that is reset", functools.partial(check_lost_get, True)),
        Case("E44a", "a message during the probe", functools.partial(check_early_message, EVENT)),
        Case("E44b", "nonsense during the probe", functools.partial(check_early_message, b"\x00")),
        Case("E45", "a second probe", check_second_probe),
        Case("E46", "an upgrade of an unknown sid", check_unknown_upgrade),
        Case("E47", "ids cannot be guessed", check_sids),
        Case("E48", "a flood of sessions", check_flood, measures=True),
        Case("E49", "ids that are almost right", check_guesses),
        Case("E50", "upgrades that break off", check_probe_storm, measures=True),
        Case("E51", "a flood of probes", check_probe_flood),
        closes("E52", "a message above the limit", text(b"4" * (MAX_PAYLOAD + 1)), 1009),
        closes("E53", "a message that is not UTF-8", text(b'42["x","\xff"]'), 1007),
        closes("E54", "an unmasked frame", b"\x81\x013", 1002),
        closes("E55", "an unknown packet type", text(b"9"), None),
        closes("E56", "an empty message", text(b""), None),
        closes("E57", "a ping", text(b"2"), None),
        Case("E58", "50 000 pongs in one write", check_ws_pongs),
    ]
