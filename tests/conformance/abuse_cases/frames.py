# SPDX-License-Identifier: MIT
"""F01-F47: frames."""

import functools
import random
import struct

import wire
from abuse_cases.model import MIB, Case
from abuse_cases.raw import SOON, Failure, Raw, canary, expect
from wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

KEY = b"\x37\xfa\x21\x3d"
HELLO = b"hello"
MESSAGE_LIMIT = 64 * MIB
HEADER_MEMORY = 2 * MIB
EMPTY_FRAGMENTS = 100_000
TINY_FRAGMENTS = 1_000_000
PONGS = 100_000
PINGS = 300_000
SLOW_READER_OCTETS = 256 * MIB
SLOW_READER_MEMORY = 96 * MIB
FUZZ_CONNECTIONS = 60
FUZZ_SEED = 44
GRACE = 25.0  # that a machine may be late by
ILLEGAL_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)
ASSIGNED_CODES = (1012, 1013, 1014)


def unmasked(opcode, payload):
    """A frame without the mask RFC 6455 5.1 demands."""
    return bytes((0x80 | opcode,)) + wire.encode_length(len(payload), False) + payload


def announced(size, width=8, opcode=BINARY):
    """A masked frame header that announces `size` octets in a length field of `width`."""
    code = {2: 126, 8: 127}[width]
    return bytes((0x80 | opcode, 0x80 | code)) + size.to_bytes(width, "big") + KEY


def check_closed(data, codes, first, chop, context):
    """After `data` the server echoes `first`, if given, and closes with one of `codes`."""
    with Raw(context.server) as connection:
        connection.upgrade()
        connection.send(data, chop)
        if first is not None:
            connection.expect_frame(TEXT, first)
        connection.expect_close(*codes)


def closed(case_id, what, data, *codes, first=None, chop=0):
    """The server must close with one of `codes`."""
    return Case(case_id, what, functools.partial(check_closed, data, codes, first, chop))


def check_all_closed(variants, codes, context):
    """Each of `variants` must be answered with a close."""
    for name, data in variants:
        try:
            check_closed(data, codes, None, 0, context)
        except (Failure, wire.ProtocolViolation) as error:
            raise Failure(f"{name}: {error}") from None


def all_closed(case_id, what, variants, *codes):
    """A case of several variants, (name, octets) each."""
    return Case(case_id, what, functools.partial(check_all_closed, tuple(variants), codes))


def masking():
    """F01-F03."""
    yield closed("F01", "unmasked text", unmasked(TEXT, HELLO), 1002)
    yield closed("F02", "unmasked ping", unmasked(PING, b""), 1002)
    yield closed("F03", "unmasked close", unmasked(CLOSE, wire.close_payload(1000)), 1002)


def lengths():
    """F04-F12."""
    body = wire.mask(HELLO, KEY)
    yield closed("F04", "5 in 16 bits", announced(5, 2) + body, 1002)
    yield closed("F05", "5 in 64 bits", announced(5, 8) + body, 1002)
    yield closed("F12", "65535 in 64 bits", announced(65535, 8), 1002)
    yield Case("F06", "length 2^63", check_top_bit)
    table = (
        ("F07", "length 2^63-1", 2**63 - 1, (1009,)),
        ("F07b", "length 2^62", 2**62, (1009,)),
        ("F08", "length 2^64-10", 2**64 - 10, (1002, 1009)),
        ("F09", "length 2^64-1", 2**64 - 1, (1002, 1009)),
        ("F10", "length 2^32+5", 2**32 + 5, (1009,)),
        ("F11", "length one over the limit", MESSAGE_LIMIT + 1, (1009,)),
    )
    for case_id, what, size, codes in table:
        yield Case(case_id, what, functools.partial(check_length, size, codes))


def check_length(size, codes, context):
    """Refused from the header alone: nothing is allocated, the payload is not awaited."""
    with context.bounded_memory(HEADER_MEMORY):
        check_closed(announced(size) + wire.mask(HELLO, KEY), codes, None, 0, context)


def check_top_bit(context):
    """1002, and no endless loop afterwards."""
    check_closed(announced(1 << 63), (1002,), None, 0, context)
    if context.server.pid:
        expect(context.server.busy_share(0.3) < 0.3, "the server is busy afterwards")


def structure():
    """F13-F16, F32-F37: opcodes, reserved bits, control frames, order."""
    for case_id, what, opcode in (("F13", "ping", PING), ("F13b", "close", CLOSE)):
        yield closed(case_id, f"{what} of 126 octets", wire.frame(opcode, b"\x03\xe8" * 63), 1002)
    yield closed("F14", "continuation of nothing", wire.frame(CONTINUATION, HELLO), 1002)
    yield Case("F15", "data after close", check_data_after_close)
    yield Case("F16", "data and close in one segment", check_data_then_close)
    opcodes = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    yield all_closed("F32", "reserved opcodes",
                     ((f"opcode {code}", wire.frame(code, HELLO)) for code in opcodes), 1002)
    yield all_closed("F33", "reserved bits",
                     ((f"rsv {bits}", wire.frame(TEXT, HELLO, rsv=bits)) for bits in range(1, 8)),
                     1002)
    yield all_closed("F34", "fragmented control frames",
                     ((f"opcode {code}", wire.frame(code, b"", fin=False))
                      for code in (CLOSE, PING, PONG)), 1002)
    yield closed("F35", "new message inside a message",
                 wire.frame(TEXT, b"a", fin=False) + wire.frame(TEXT, b"b"), 1002)
    yield closed("F36", "a good message, then a bad frame",
                 wire.frame(TEXT, HELLO) + wire.frame(TEXT, b"x", rsv=1), 1002, first=HELLO)
    yield Case("F37", "frames octet by octet", check_octet_by_octet)


def check_data_after_close(context):
    """Ignored: the only answer is the close frame."""
    with Raw(context.server) as connection:
        connection.upgrade()
        connection.send(wire.frame(CLOSE, wire.close_payload(1000)) + wire.frame(TEXT, HELLO))
        connection.expect_close(1000)


def check_data_then_close(context):
    """The messages before the close frame are answered first, in order."""
    texts = [b"message %d" % number for number in range(20)]
    frames = b"".join(wire.frame(TEXT, text) for text in texts)
    with Raw(context.server) as connection:
        connection.upgrade()
        connection.send(frames + wire.frame(CLOSE, wire.close_payload(1001)))
        for text in texts:
            connection.expect_frame(TEXT, text)
        connection.expect_close(1001)


def check_octet_by_octet(context):
    """Frames of all three length forms, a ping between fragments."""
    data = (
        wire.frame(TEXT, b"a" * 130, fin=False)
        + wire.frame(PING, b"p")
        + wire.frame(CONTINUATION, b"b")
    )
    with Raw(context.server) as connection:
        connection.upgrade()
        connection.send(data, chop=1)
        connection.expect_frame(PONG, b"p")
        connection.expect_frame(TEXT, b"a" * 130 + b"b")


def text_encoding():
    """F17-F22: bad UTF-8 fails fast with 1007."""
    bad = b"ok \xed\xa0\x80"
    unfinished = wire.frame(TEXT, b"abc\xf5" + b"d" * 100)
    yield closed("F17", "bad over fragments",
                 wire.frame(TEXT, b"\xce", fin=False) + wire.frame(CONTINUATION, b"\xce"), 1007)
    yield closed("F18", "bad in an unfinished message", wire.frame(TEXT, bad, fin=False), 1007)
    yield closed("F19", "bad in an unfinished frame", unfinished[:40], 1007)
    yield closed("F20", "bad over reads", wire.frame(TEXT, bad), 1007, chop=1)
    yield closed("F21", "cut off at the end", wire.frame(TEXT, b"abc\xe2\x82"), 1007)
    yield closed("F22", "bad close reason",
                 wire.frame(CLOSE, wire.close_payload(1000, bad)), 1007)
    yield closed("F22b", "good message, then bad text",
                 wire.frame(TEXT, HELLO) + wire.frame(TEXT, bad), 1007, first=HELLO)


def close_codes():
    """F23-F25."""
    illegal = ((f"code {code}", wire.frame(CLOSE, wire.close_payload(code)))
               for code in ILLEGAL_CODES)
    yield all_closed("F23", "illegal close codes", illegal, 1002)
    yield closed("F24", "close payload of one octet", wire.frame(CLOSE, b"\x03"), 1002)
    for number, code in enumerate(ASSIGNED_CODES):
        data = wire.frame(CLOSE, wire.close_payload(code, b"reason"))
        yield closed(f"F25{'abc'[number]}", f"close code {code} is echoed", data, code)


def floods():
    """F26-F31, F40, F41: many small things, and peers that do not read."""
    yield Case("F26", "100 000 empty fragments",
               functools.partial(check_fragments, b"", EMPTY_FRAGMENTS))
    yield Case("F27", "1 000 000 fragments of one octet",
               functools.partial(check_fragments, b"x", TINY_FRAGMENTS))
    yield Case("F28", "20 000 messages in one stream", check_tiny_messages)
    yield Case("F29", "unsolicited pongs", check_pong_flood)
    yield Case("F30", "unmasking at all alignments and lengths", check_unmask)
    yield Case("F31", "mask of zeros", check_zero_mask)
    yield Case("F40", "300 000 pings and nothing read", check_ping_flood)
    yield Case("F41", "echoes nobody reads", check_slow_reader)


def check_fragments(payload, count, context):
    """Echoed, or closed with 1008/1009; what it costs is bounded by the message's size."""
    middle = bytes((CONTINUATION, 0x80 | len(payload))) + KEY + wire.mask(payload, KEY)
    data = (
        wire.frame(BINARY, payload, fin=False)
        + middle * (count - 2)
        + wire.frame(CONTINUATION, payload)
    )
    whole = payload * count
    with context.bounded_memory(2 * len(whole) + HEADER_MEMORY):
        with Raw(context.server) as connection:
            connection.upgrade()
            connection.send(data)
            seen = connection.frame()
    expect(seen is not None, "expected an echo or a close, seen the end of the connection")
    if seen.opcode == CLOSE:
        code = wire.check_close_payload(seen.payload)
        expect(code in (1008, 1009), f"expected close 1008/1009, seen {code}")
    else:
        expect(seen.payload == whole, f"the echo has {len(seen.payload)} octets")


def check_tiny_messages(context):
    """Sent in blocks, all answered, in order."""
    block, blocks = 1000, 20
    with Raw(context.server) as connection:
        connection.upgrade()
        for start in range(0, block * blocks, block):
            texts = [b"%d" % number for number in range(start, start + block)]
            connection.send(b"".join(wire.frame(TEXT, text, key=KEY) for text in texts))
            for text in texts:
                connection.expect_frame(TEXT, text)


def check_pong_flood(context):
    """Ignored."""
    with Raw(context.server) as connection:
        connection.upgrade()
        connection.send(wire.frame(PONG, b"flood", key=KEY) * PONGS)
        connection.expect_echo()


def check_unmask(context):
    """Payloads of 0-200 octets; the headers before them shift the alignment."""
    source = random.Random(30)
    payloads = [source.randbytes(size) for size in range(201) for _ in range(4)]
    source.shuffle(payloads)
    with Raw(context.server) as connection:
        connection.upgrade()
        for start in range(0, len(payloads), 67):
            some = payloads[start : start + 67]
            connection.send(b"".join(wire.frame(BINARY, payload) for payload in some))
            for payload in some:
                connection.expect_frame(BINARY, payload)


def check_zero_mask(context):
    """A mask of zeros is a mask."""
    with Raw(context.server) as connection:
        connection.upgrade()
        connection.send(wire.frame(TEXT, HELLO, key=bytes(4)))
        connection.expect_frame(TEXT, HELLO)


def check_ping_flood(context):
    """The server stops reading or closes; its memory is bounded, others are served."""
    data = wire.frame(PING, b"p" * 100, key=KEY) * PINGS
    with context.bounded_memory(8 * MIB):
        with Raw(context.server, receive_buffer=4096) as connection:
            connection.upgrade()
            connection.send_for(data, 5.0)
            canary(context.server)


def check_slow_reader(context):
    """The same for echoes of large messages."""
    message = wire.frame(BINARY, bytes(MIB), key=KEY)
    with context.bounded_memory(SLOW_READER_MEMORY):
        with Raw(context.server, receive_buffer=4096) as connection:
            connection.upgrade()
            sent = 0
            while sent < SLOW_READER_OCTETS:
                now = connection.send_for(message, 2.0)
                sent += now
                if now < len(message):
                    break
            canary(context.server)


def endings():
    """F42-F47: ends of connections, and random octets."""
    yield Case("F42", "FIN inside a frame", functools.partial(check_fin, b"\x81\xfe\x01"))
    yield Case("F43", "FIN in the open state", functools.partial(check_fin, b""))
    yield Case("F44", "random frames, seeded", check_random_frames)
    yield Case("F45", "closed by the server, the peer stays silent", check_silent_after_close,
               starts=True, waits=True)
    yield Case("F46", "echoes nobody ever reads", check_stalled_reader, starts=True, waits=True)


def check_fin(data, context):
    """The connection is closed at once and its descriptor freed."""
    with context.bounded_descriptors():
        with Raw(context.server) as connection:
            connection.upgrade()
            connection.send(data)
            connection.half_close()
            connection.expect_closed(SOON)


def check_silent_after_close(context):
    """The server closes first; a peer that never answers is dropped."""
    with context.impatient_server() as server, Raw(server) as connection:
        connection.upgrade("/ws")
        connection.send(wire.frame(BINARY, b"\0"))
        seen = connection.frame()
        expect(seen is not None and seen.opcode == CLOSE, f"expected a close, seen {seen}")
        connection.expect_closed(context.limit("close") + GRACE)


def check_stalled_reader(context):
    """Queued output that makes no progress for the send time limit ends the connection."""
    message = wire.frame(BINARY, bytes(MIB), key=KEY)
    with context.impatient_server() as server, Raw(server, receive_buffer=4096) as connection:
        connection.upgrade()
        while connection.send_for(message, 2.0) == len(message):
            pass
        expect(connection.is_ended(context.limit("send") + GRACE), "it is waited for without end")


def random_frame(source):
    """Any header, mostly near to what is legal."""
    first = source.choice((0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, source.randrange(256)))
    size = source.choice((0, 1, 5, 125, 126, 300, 70000))
    if source.random() < 0.1:
        header = bytes((first, 0xFF)) + source.randbytes(8)
    elif size < 126:
        header = bytes((first, 0x80 | size))
    else:
        header = bytes((first, 0xFE)) + struct.pack("!H", min(size, 65535))
    return header + source.randbytes(4 + size)


def check_random_frames(context):
    """No crash, nothing left over; every other connection negotiates deflate."""
    source = random.Random(FUZZ_SEED)
    with context.bounded_descriptors():
        for number in range(FUZZ_CONNECTIONS):
            with Raw(context.server) as connection:
                connection.upgrade(offer="permessage-deflate" if number % 2 else None)
                data = b"".join(random_frame(source) for _ in range(source.randrange(1, 30)))
                connection.send(data, chop=source.choice((0, 0, 7, 1000)))
                if source.random() < 0.5:
                    connection.reset()
        expect(context.server.alive(), "the server is gone")


def cases(_options):
    """The frame cases."""
    return [
        *masking(),
        *lengths(),
        *structure(),
        *text_encoding(),
        *close_codes(),
        *floods(),
        *endings(),
    ]
