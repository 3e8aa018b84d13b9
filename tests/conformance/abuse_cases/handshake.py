# SPDX-License-Identifier: MIT
"""H01-H33 and H70-H98: the opening handshake."""

import functools

import deflate
import wire
from abuse_cases.model import Case
from abuse_cases.raw import Failure, Raw, expect
from abuse_cases.request import (
    KEY,
    handshake,
    never_upgraded,
    needs_version_header,
    refused,
    survived,
    upgraded,
)

HANDSHAKE_STATUSES = (101, 400, 403, 413, 414, 431)
QUICK = 0.3
RESET_STORM = 200
DEFLATE = deflate.NAME


def accepted():
    """H01-H09: unusual but proper."""
    yield upgraded("H01", "plain handshake", handshake())
    yield upgraded("H02", "octet by octet", handshake(), chop=1)
    yield upgraded("H03", "Upgrade: WebSocket", handshake(instead={"Upgrade": "WebSocket"}))
    several = {"Connection": "keep-alive, Upgrade"}
    yield upgraded("H04", "Connection: keep-alive, Upgrade", handshake(instead=several))
    spaced = {"Upgrade": "\t websocket \t", "Sec-WebSocket-Key": f"  {KEY}\t"}
    yield upgraded("H05", "white space around values", handshake(instead=spaced))
    absolute = handshake("GET http://example.com/echo HTTP/1.1")
    yield upgraded("H06", "absolute-form target", absolute)
    yield upgraded("H07", "query in the target", handshake("GET /echo?a=%41&b HTTP/1.1"))
    shouted = handshake().replace(b"Sec-WebSocket-Key", b"SEC-WEBSOCKET-KEY")
    yield upgraded("H08", "upper-case header name", shouted)
    yield upgraded("H09", "empty line before the request", b"\r\n" + handshake())


def not_an_upgrade():
    """H10-H16: plain HTTP, or a method or version that cannot be upgraded."""
    yield never_upgraded("H10", "no Upgrade", handshake(without=("Upgrade",)))
    yield never_upgraded("H11", "Upgrade: h2c", handshake(instead={"Upgrade": "h2c"}))
    yield never_upgraded(
        "H12", "Connection without upgrade", handshake(instead={"Connection": "keep-alive"})
    )
    yield refused("H13", "POST", handshake("POST /echo HTTP/1.1"), (400, 405), closes=False)
    yield refused("H14", "method get", handshake("get /echo HTTP/1.1"), (400, 405, 501),
                  closes=False)
    yield refused("H15", "HTTP/1.0", handshake("GET /echo HTTP/1.0"), (400, 404, 405, 426, 505),
                  closes=False)
    yield refused("H16", "HTTP/9.9", handshake("GET /echo HTTP/9.9"), (400, 505))


def host():
    """H17-H19."""
    yield refused("H17", "no Host", handshake(without=("Host",)), (400,))
    yield refused("H18", "Host twice", handshake(instead={"Host": ["a", "b"]}), (400,))
    yield refused("H19", "illegal Host", handshake(instead={"Host": "a b/@c"}), (400,))


def keys():
    """H20-H25: the key must be 16 octets in base64, once."""
    table = (
        ("H21", "key of 15 octets", "QUFBQUFBQUFBQUFBQUFB"),
        ("H22", "key of 17 octets", "QUFBQUFBQUFBQUFBQUFBQUE="),
        ("H23", "key not base64", "!!!!!!!!!!!!!!!!!!!!!!=="),
        ("H24", "key twice", [KEY, KEY]),
    )
    yield refused("H20", "no key", handshake(without=("Sec-WebSocket-Key",)), (400,))
    for case_id, what, value in table:
        yield refused(case_id, what, handshake(instead={"Sec-WebSocket-Key": value}), (400,))
    long_key = handshake(instead={"Sec-WebSocket-Key": "A" * 10240})
    yield refused("H25", "key of 10 KB", long_key, (400, 431))


def versions():
    """H26-H33: 426 naming the version spoken."""
    values = ("8", "14", "13, 8", "013", "13abc", str(2**32 + 13), ["13", "13"])
    for number, value in enumerate(values, 26):
        data = handshake(instead={"Sec-WebSocket-Version": value})
        yield refused(f"H{number}", f"version {value}", data, (426,), then=needs_version_header)
    missing = handshake(without=("Sec-WebSocket-Version",))
    yield refused("H33", "no version", missing, (426,), then=needs_version_header)


def timed(case_id, what, extra):
    """Answered without much work, whatever the answer."""
    data = handshake(extra=extra)
    return survived(case_id, what, data, HANDSHAKE_STATUSES, QUICK)


def slow_parsers():
    """H70-H74: header values made to cost quadratic or exponential time."""
    yield timed("H70", "15 000 spaces in Sec-WebSocket-Protocol",
                [f"Sec-WebSocket-Protocol: b{' ' * 15000}x"])
    yield timed("H71", "unclosed quoted string of escapes",
                ['Sec-WebSocket-Extensions: a;b="' + "\\c" * 3000])
    yield timed("H72", "500 offers",
                ["Sec-WebSocket-Extensions: " + ", ".join([DEFLATE] * 300)])
    yield timed("H73", "only separators", ["Sec-WebSocket-Extensions: " + ";,=" * 2000])
    yield timed("H74", "Sec-WebSocket-Protocol not ASCII", ["Sec-WebSocket-Protocol: \xff\xfe"])


def endpoints():
    """H75-H80: routes and subprotocols."""
    for case_id, target in (("H75", "/no/such/path"), ("H76", "/")):
        data = handshake(f"GET {target} HTTP/1.1")
        yield never_upgraded(case_id, f"upgrade of {target}", data)
    yield Case("H77", "/ws answers Echo: X", check_text_endpoint)
    yield Case("H78", "/ws closes 1003 for binary", check_binary_refused)
    yield Case("H79", "subprotocol nobody speaks is not echoed", check_unknown_subprotocol)
    yield upgraded("H80", "route with a parameter", handshake("GET /echo?room=%D0%B6 HTTP/1.1"))


def check_text_endpoint(context):
    """Text is answered, also empty and fragmented."""
    with Raw(context.server) as connection:
        connection.upgrade("/ws")
        for text in (b"hello", b"", "\u043f\u0440\u0438\u0432\u0435\u0442".encode()):
            connection.send(wire.frame(wire.TEXT, text))
            connection.expect_frame(wire.TEXT, b"Echo: " + text)
        connection.send(wire.frame(wire.TEXT, b"ab", False) + wire.frame(0, b"cd"))
        connection.expect_frame(wire.TEXT, b"Echo: abcd")


def check_binary_refused(context):
    """A binary message to a text endpoint: 1003 with a reason."""
    with Raw(context.server) as connection:
        connection.upgrade("/ws")
        connection.send(wire.frame(wire.BINARY, b"\0\1"))
        reason = connection.expect_close(1003)
        expect(reason, "close 1003 without a reason")


def check_unknown_subprotocol(context):
    """The client may only be given a subprotocol that it and the server know."""
    with Raw(context.server) as connection:
        response = connection.upgrade(headers=["Sec-WebSocket-Protocol: x-unheard-of, x-other"])
        chosen = response.get("sec-websocket-protocol")
        expect(chosen is None, f"subprotocol {chosen} was chosen")
        connection.expect_echo()


def check_offer(offer, allowed, context):
    """The handshake succeeds; `allowed(agreement)` judges the answer to the offer."""
    with Raw(context.server) as connection:
        connection.upgrade(offer=offer)
        agreement = connection.agreement
        expect(allowed(agreement), f"offer {offer!r} was answered with {agreement}")
        exchange(connection, b"abcdefgh" * 200)


def exchange(connection, payload):
    """An echo, compressed if that was agreed."""
    if connection.agreement is None:
        connection.expect_echo(payload=payload)
        return
    compressor = deflate.Compressor(connection.agreement)
    connection.send(wire.frame(wire.TEXT, compressor.compress(payload), rsv=deflate.RSV1))
    frame = connection.frame()
    expect(frame is not None, "expected an echo, seen the end of the connection")
    seen = frame.payload
    if frame.rsv == deflate.RSV1:
        seen = deflate.Decompressor(connection.agreement).decompress(seen)
    expect(seen == payload, f"the echo of {len(payload)} octets has {len(seen)} octets")


def offer_case(case_id, what, offer, allowed):
    """A handshake with Sec-WebSocket-Extensions: `offer`."""
    return Case(case_id, what, functools.partial(check_offer, offer, allowed))


def declined(agreement):
    """101 without the extension."""
    return agreement is None


def with_window(limit):
    """Declined, or granted with a window of at most `limit` bits."""

    def allowed(agreement):
        bits = agreement and agreement.server_max_window_bits
        return agreement is None or (bits is not None and bits <= limit)

    return allowed


def extension_offers():
    """H81-H94: an offer that is wrong is declined, the handshake goes on."""
    wrong = (
        ("H81", "unknown parameter", "x_unknown"),
        ("H82", "parameter twice", "server_no_context_takeover; server_no_context_takeover"),
        ("H83", "bits below 8", "server_max_window_bits=7"),
        ("H84", "bits above 15", "server_max_window_bits=16"),
        ("H85", "server bits without a value", "server_max_window_bits"),
        ("H86", "bits not a number", "server_max_window_bits=ten"),
        ("H87", "bits with a leading zero", "server_max_window_bits=010"),
        ("H88", "value for a flag", "server_no_context_takeover=1"),
        ("H88b", "client bits above 15", "client_max_window_bits=16"),
    )
    for case_id, what, parameters in wrong:
        yield offer_case(case_id, what, f"{DEFLATE}; {parameters}", declined)
    yield offer_case("H89", "a bad offer, then a good one", f"{DEFLATE}; x_unknown, {DEFLATE}",
                     lambda agreement: agreement is not None)
    yield offer_case("H90", "window of 8 bits", f"{DEFLATE}; server_max_window_bits=8",
                     with_window(8))
    yield offer_case("H91", "quoted value", f'{DEFLATE}; server_max_window_bits="10"',
                     with_window(10))
    yield offer_case("H92", "unknown extensions", "constructor, __proto__; a=1, x-webkit", declined)
    yield offer_case("H93", "nothing offered", None, declined)
    yield offer_case("H94", "permessage-deflate", f"{DEFLATE}; client_max_window_bits",
                     lambda agreement: agreement is not None)


def check_same_segment(context):
    """Frames right after the handshake are not lost."""
    with Raw(context.server) as connection:
        frames = wire.frame(wire.TEXT, b"one") + wire.frame(wire.PING, b"two")
        connection.upgrade(together=frames)
        connection.expect_frame(wire.TEXT, b"one")
        connection.expect_frame(wire.PONG, b"two")


def check_body_not_frames(context):
    """The body of an upgrade request is not taken for frames."""
    body = wire.frame(wire.TEXT, b"smuggled")
    data = handshake(extra=[f"Content-Length: {len(body)}"]) + body
    with Raw(context.server) as connection:
        connection.send(data)
        response = connection.response()
        if response is None or response.status == 400:
            return
        expect(response.status == 101, f"expected 101/400, seen {response.status}")
        connection.expect_echo(payload=b"after the body")


def check_nothing_after_refusal(context):
    """After a refused upgrade the connection is closed; what follows is not answered."""
    smuggled = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
    with Raw(context.server) as connection:
        connection.send(handshake(instead={"Sec-WebSocket-Version": "8"}) + smuggled)
        response = connection.response()
        expect(response is not None and response.status != 101, "expected a refusal")
        rest = connection.expect_closed()
        expect(b"HTTP/1.1 " not in rest, "a second request was answered after the refusal")


def check_reset_storm(context):
    """Handshake, a bad frame and RST at once, many times: nothing is left over."""
    bad = wire.frame(wire.TEXT, b"x", rsv=2)
    with context.bounded_descriptors():
        for number in range(RESET_STORM):
            connection = Raw(context.server)
            half = handshake()[: 40 if number % 2 else None]
            connection.send(half + bad)
            connection.reset()


def segments():
    """H95-H98."""
    yield Case("H95", "frames in the handshake's segment", check_same_segment)
    yield Case("H96", "body on an upgrade", check_body_not_frames)
    yield Case("H97", "request after a refusal", check_nothing_after_refusal)
    yield Case("H98", "bad frame and RST x 200", check_reset_storm)


def check_origin(headers, statuses, context):
    """The answer on the path with an allow-list of origins."""
    path = context.options.origin_path
    data = handshake(f"GET {path} HTTP/1.1", extra=headers)
    with Raw(context.server) as connection:
        connection.send(data)
        response = connection.response()
        if response is None or response.status not in statuses:
            seen = "the end of the connection" if response is None else response.status
            raise Failure(f"expected {'/'.join(map(str, statuses))}, seen {seen}")


def origins(options):
    """E18, if the server has a path with an allow-list."""
    if not options.origin_path:
        return
    good = options.origin_allowed
    table = (
        ("E18a", "allowed origin", [f"Origin: {good}"], (101,)),
        ("E18b", "foreign origin", ["Origin: https://evil.test"], (403,)),
        ("E18c", "origin null", ["Origin: null"], (403,)),
        ("E18d", "allowed name as a prefix", [f"Origin: {good}.evil"], (403,)),
        ("E18e", "two origins", [f"Origin: {good}", "Origin: https://evil.test"], (400, 403)),
        ("E18f", "no origin", [], (101, 403)),
    )
    for case_id, what, headers, statuses in table:
        yield Case(case_id, what, functools.partial(check_origin, headers, statuses))


def cases(options):
    """The handshake cases."""
    return [
        *accepted(),
        *not_an_upgrade(),
        *host(),
        *keys(),
        *versions(),
        *slow_parsers(),
        *endpoints(),
        *extension_offers(),
        *segments(),
        *origins(options),
    ]
