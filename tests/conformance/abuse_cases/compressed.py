# SPDX-License-Identifier: MIT
"""D01-D19: permessage-deflate."""

import functools
import zlib

import deflate
import wire
from abuse_cases.model import MIB, Case
from abuse_cases.raw import Failure, Raw, expect
from deflate import NAME, RSV1, TAIL
from wire import BINARY, CLOSE, CONTINUATION, PING, TEXT

MESSAGE_LIMIT = 64 * MIB
BOMB_SLACK = 8 * MIB
BOMB_WAIT = 20.0
BOMB_SIZE = 1 << 30
OFFER = f"{NAME}; client_max_window_bits"
TEXT_SAMPLE = b"a message that is long enough to be worth compressing, compressing, compressing"


def raw_deflate(data, level=6):
    """A message's compressed payload, without context."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[: -len(TAIL)]


def final_deflate(data):
    """The same with the BFINAL bit set, and the octet RFC 7692 7.2.3.4 adds."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush(zlib.Z_FINISH) + b"\x00"


def too_far():
    """A match that begins before the first octet: made with a dictionary nobody else has."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=TEXT_SAMPLE)
    return stream.compress(TEXT_SAMPLE) + stream.flush(zlib.Z_SYNC_FLUSH)[: -len(TAIL)]


def compressed(payload, opcode=TEXT, fin=True):
    """A frame with RSV1."""
    return wire.frame(opcode, payload, fin=fin, rsv=RSV1)


def connect(context, offer=OFFER):
    """A connection that has negotiated the extension."""
    connection = Raw(context.server)
    connection.upgrade(offer=offer)
    if connection.agreement is None:
        connection.close()
        raise Failure("permessage-deflate was not negotiated")
    return connection


def receive(connection, inflate):
    """The next message, inflated if it is compressed; fragments are joined."""
    parts, rsv = [], None
    while True:
        frame = connection.frame()
        expect(frame is not None, "expected an echo, seen the end of the connection")
        if frame.opcode == CLOSE:
            raise Failure(f"expected an echo, seen close {wire.check_close_payload(frame.payload)}")
        rsv = frame.rsv if rsv is None else rsv
        parts.append(frame.payload)
        if frame.fin:
            payload = b"".join(parts)
            return inflate.decompress(payload) if rsv == RSV1 else payload


def check_echo(frames, messages, chop, context):
    """`frames` carry `messages`; all are echoed."""
    with connect(context) as connection:
        inflate = deflate.Decompressor(connection.agreement)
        connection.send(b"".join(frames), chop)
        for message in messages:
            seen = receive(connection, inflate)
            expect(seen == message, f"the echo of {len(message)} octets has {len(seen)} octets")


def echoed(case_id, what, frames, *messages, chop=0):
    """Legal, and echoed."""
    return Case(case_id, what, functools.partial(check_echo, tuple(frames), messages, chop))


def check_closed(data, codes, offer, context):
    """The server must close with one of `codes`."""
    with Raw(context.server) as connection:
        connection.upgrade(offer=offer)
        connection.send(data)
        connection.expect_close(*codes)


def closed(case_id, what, data, *codes, offer=OFFER):
    """Illegal, and closed with one of `codes`."""
    return Case(case_id, what, functools.partial(check_closed, data, codes, offer))


def with_context():
    """Two messages; the second refers to the first."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    for _ in range(2):
        data = stream.compress(TEXT_SAMPLE) + stream.flush(zlib.Z_SYNC_FLUSH)
        yield compressed(data[: -len(TAIL)])


def legal():
    """D01-D05, D10, D11."""
    sample = raw_deflate(TEXT_SAMPLE)
    pieces = list(wire.fragments(TEXT, sample, 1, RSV1))
    yield echoed("D01", "compressed", [compressed(sample)], TEXT_SAMPLE)
    yield echoed("D02", "not compressed", [wire.frame(TEXT, TEXT_SAMPLE)], TEXT_SAMPLE)
    yield echoed("D03", "empty", [compressed(b"\x00"), compressed(b"\x02\x00")], b"", b"")
    yield echoed("D04", "BFINAL", [compressed(final_deflate(TEXT_SAMPLE)), compressed(sample)],
                 TEXT_SAMPLE, TEXT_SAMPLE)
    stored = raw_deflate(TEXT_SAMPLE, level=0)
    yield echoed("D05", "stored block", [compressed(stored)], TEXT_SAMPLE)
    yield echoed("D10", "context taken over", with_context(), TEXT_SAMPLE, TEXT_SAMPLE)
    yield echoed("D11", "fragments of one octet", pieces, TEXT_SAMPLE)
    yield echoed("D11b", "fragments of one octet in single octets", pieces, TEXT_SAMPLE, chop=1)
    around = [pieces[0], wire.frame(CONTINUATION, sample[1:-1], fin=False), pieces[-1]]
    yield echoed("D11c", "three fragments", around, TEXT_SAMPLE)


def illegal():
    """D06-D09, D12, D15-D17."""
    bad_text = b"good " * 50 + b"\xed\xa0\x80"
    halves = compressed(raw_deflate(bad_text * 300), fin=False)
    middle = compressed(b"x", CONTINUATION)
    yield closed("D06", "garbage", compressed(b"\xff" * 64), 1007)
    yield closed("D07", "bad UTF-8 inside", compressed(raw_deflate(bad_text)), 1007)
    yield closed("D08", "RSV1 on a ping", wire.frame(PING, b"x", rsv=RSV1), 1002)
    yield closed("D09", "RSV1 on a continuation", wire.frame(TEXT, b"a", fin=False) + middle, 1002)
    yield closed("D12", "distance before the start", compressed(too_far(), BINARY), 1007)
    yield closed("D15", "RSV1 without the extension", compressed(raw_deflate(b"x")), 1002,
                 offer=None)
    yield closed("D16", "RSV2 with the extension", wire.frame(TEXT, b"x", rsv=2), 1002)
    yield closed("D17", "bad UTF-8 in an unfinished message", halves, 1007)


def bomb():
    """1 GiB of zeros in about 1 MiB: one block over and over, as none refers to another."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = stream.compress(bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH)
    return block * (BOMB_SIZE // MIB)


def check_bomb(fragment, context):
    """1009 when the limit is reached, and no more memory than that."""
    payload = bomb()
    data = b"".join(wire.fragments(BINARY, payload, fragment or len(payload), RSV1))
    with context.bounded_memory(MESSAGE_LIMIT + BOMB_SLACK):
        with connect(context) as connection:
            connection.send_for(data, BOMB_WAIT)
            frame = connection.frame(BOMB_WAIT)
    expect(frame is not None, "expected close 1009, seen the end of the connection")
    expect(frame.opcode == CLOSE, "expected close 1009, seen an echo")
    code = wire.check_close_payload(frame.payload)
    expect(code == 1009, f"expected close 1009, seen {code}")


def check_window(offer, context):
    """Messages with matches at many distances; we inflate with the granted window only."""
    record = bytes(range(256)) * 2
    message = b"".join(record[:size] for size in range(1, 512, 7))
    with connect(context, offer) as connection:
        inflate = deflate.Decompressor(connection.agreement)
        compressor = deflate.Compressor(connection.agreement)
        for _ in range(3):
            connection.send(compressed(compressor.compress(message), BINARY))
            expect(receive(connection, inflate) == message, "the echo differs")


def windows():
    """D18, D19: the parameters that were agreed are kept."""
    for bits in range(9, 16):
        offer = f"{NAME}; server_max_window_bits={bits}"
        yield Case(f"D18.{bits}", f"server window of {bits} bits",
                   functools.partial(check_window, offer))
    flags = ("server_no_context_takeover", "client_no_context_takeover")
    for letter, flag in zip("ab", flags):
        yield Case(f"D19{letter}", flag, functools.partial(check_window, f"{NAME}; {flag}"))


def bombs():
    """D13, D14."""
    yield Case("D13", "1 GiB in 1 MiB", functools.partial(check_bomb, 0))
    yield Case("D14", "the same in fragments", functools.partial(check_bomb, 1000))


def cases(_options):
    """The compression cases."""
    return [*legal(), *illegal(), *bombs(), *windows()]
