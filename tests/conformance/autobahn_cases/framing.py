# SPDX-License-Identifier: MIT
"""Families 1 to 5: framing, pings and pongs, reserved bits, opcodes, fragmentation."""

from wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

from autobahn_cases.model import (
    NON_STRICT,
    NORMAL,
    OK,
    PROTOCOL_ERROR,
    ScriptedCase,
    rest,
    send,
    send_each,
    send_octets,
)

HELLO = b"Hello, world!"
CHOP = 997
PING_BINARY = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"


def echoed(payload, binary=False):
    """The event of a message coming back."""
    return ("message", payload, binary)


def pong(payload=b""):
    """The event of a pong."""
    return ("pong", payload)


def accepted(case_id, steps, events):
    """A case whose events are answered and that we close."""
    return ScriptedCase(case_id, tuple(steps), {OK: list(events)}, NORMAL)


def refused(case_id, steps, first=None):
    """A case the server ends with 1002, after echoing `first` if that is given."""
    expected = {OK: [echoed(first)], NON_STRICT: []} if first is not None else {OK: []}
    return ScriptedCase(case_id, tuple(steps), expected, PROTOCOL_ERROR)


def in_chops(size):
    """A step maker that sends in writes of `size` octets."""

    def make(*frames):
        data = b"".join(frames)
        return lambda peer, scale: peer.send(data, chop=size)

    return make


def messages():
    """1.1.1-1.2.8: messages of the sizes where the length encoding changes."""
    sizes = (0, 125, 126, 127, 128, 65535, 65536, 65536)
    for family, (opcode, octet) in enumerate(((TEXT, b"*"), (BINARY, b"\xfe")), 1):
        for number, size in enumerate(sizes, 1):
            payload = octet * size
            sender = in_chops(CHOP) if number == 8 else send
            yield accepted(
                f"1.{family}.{number}",
                [sender(frame(opcode, payload))],
                [echoed(payload, opcode == BINARY)],
            )


def pings():
    """2.1-2.11."""
    long_ping = b"\xfe" * 125
    burst = [b"payload-%d" % number for number in range(10)]
    burst_frames = [frame(PING, payload) for payload in burst]
    yield accepted("2.1", [send(frame(PING))], [pong()])
    yield accepted("2.2", [send(frame(PING, HELLO))], [pong(HELLO)])
    yield accepted("2.3", [send(frame(PING, PING_BINARY))], [pong(PING_BINARY)])
    yield accepted("2.4", [send(frame(PING, long_ping))], [pong(long_ping)])
    yield refused("2.5", [send(frame(PING, b"\xfe" * 126))])
    yield accepted("2.6", [send_octets(frame(PING, long_ping))], [pong(long_ping)])
    yield accepted("2.7", [send(frame(PONG))], [])
    yield accepted("2.8", [send(frame(PONG, b"unsolicited pong payload"))], [])
    yield accepted(
        "2.9",
        [send(frame(PONG, b"unsolicited pong payload"), frame(PING, b"ping payload"))],
        [pong(b"ping payload")],
    )
    yield accepted("2.10", [send(*burst_frames)], map(pong, burst))
    yield accepted("2.11", [send_octets(*burst_frames)], map(pong, burst))


def reserved_bits():
    """3.1-3.7: a bit no extension has given a meaning."""
    hello = frame(TEXT, HELLO)
    bad = {rsv: frame(TEXT, HELLO, rsv=rsv) for rsv in (1, 2, 3, 4)}
    ping = frame(PING)
    yield refused("3.1", [send(bad[1])])
    yield refused("3.2", [send(hello, bad[2], ping)], HELLO)
    yield refused("3.3", [send_each(hello, bad[3], ping)], HELLO)
    yield refused("3.4", [send_octets(hello, bad[4], ping)], HELLO)
    yield refused("3.5", [send(frame(BINARY, PING_BINARY, rsv=5))])
    yield refused("3.6", [send(frame(PING, HELLO, rsv=6))])
    yield refused("3.7", [send(frame(CLOSE, rsv=7))])


def opcodes():
    """4.1.1-4.2.5: reserved opcodes, without and with payload, alone and after a message."""
    hello, ping = frame(TEXT, HELLO), frame(PING)
    for family, base in ((1, 3), (2, 11)):
        names = [f"4.{family}.{number}" for number in range(1, 6)]
        yield refused(names[0], [send(frame(base))])
        yield refused(names[1], [send(frame(base + 1, b"reserved opcode payload"))])
        yield refused(names[2], [send(hello, frame(base + 2), ping)], HELLO)
        yield refused(names[3], [send(hello, frame(base + 3, HELLO), ping)], HELLO)
        yield refused(names[4], [send_octets(hello, frame(base + 4, HELLO), ping)], HELLO)


def text(payload, fin):
    """The first fragment of a text message."""
    return frame(TEXT, payload, fin)


def more(payload, fin):
    """A continuation frame."""
    return frame(CONTINUATION, payload, fin)


def fragmentation():
    """5.1-5.20."""
    senders = (send, send_each, send_octets)
    whole = [echoed(b"fragment1fragment2")]
    two = (text(b"fragment1", False), more(b"fragment2", True))
    pinged = (two[0], frame(PING, b"ping payload"), two[1])
    yield refused("5.1", [send(frame(PING, b"fragment1", False), more(b"fragment2", True))])
    yield refused("5.2", [send(frame(PONG, b"fragment1", False), more(b"fragment2", True))])
    for number, sender in enumerate(senders, 3):
        yield accepted(f"5.{number}", [sender(*two)], whole)
    for number, sender in enumerate(senders, 6):
        yield accepted(f"5.{number}", [sender(*pinged)], [pong(b"ping payload"), *whole])
    for start, fin in ((9, True), (12, False)):
        orphan = (more(b"non-continuation payload", fin), frame(TEXT, HELLO))
        for number, sender in enumerate(senders, start):
            yield refused(f"5.{number}", [sender(*orphan)])
    yield refused(
        "5.15",
        [send(*two, more(b"fragment3", False), frame(TEXT, b"fragment4"))],
        b"fragment1fragment2",
    )
    for number, fin in ((16, False), (17, True)):
        orphan = (more(b"fragment1", fin), text(b"fragment2", False), more(b"fragment3", True))
        yield refused(f"5.{number}", [send(*orphan, *orphan)])
    yield refused("5.18", [send(text(b"fragment1", False), text(b"fragment2", True))])
    for number, sender in ((19, send), (20, send_each)):
        yield pings_between(f"5.{number}", sender)


def pings_between(case_id, sender):
    """Five fragments with a pause, and a ping after the second and the fourth."""
    parts = [b"fragment%d" % number for number in range(1, 6)]
    first = (text(parts[0], False), more(parts[1], False), frame(PING, b"pongme 1!"))
    second = (
        more(parts[2], False),
        more(parts[3], False),
        frame(PING, b"pongme 2!"),
        more(parts[4], True),
    )
    return accepted(
        case_id,
        [sender(*first), rest(), sender(*second)],
        [pong(b"pongme 1!"), pong(b"pongme 2!"), echoed(b"".join(parts))],
    )


def cases():
    """Families 1 to 5 in order."""
    return [*messages(), *pings(), *reserved_bits(), *opcodes(), *fragmentation()]
