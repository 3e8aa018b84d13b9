# SPDX-License-Identifier: MIT
"""Families 9 and 10: large messages, many fragments, many writes, many messages."""

from wire import BINARY, TEXT, fragments, frame

from autobahn_cases.model import PATIENCE_LARGE, CustomCase, shorten

KIB, MIB = 1 << 10, 1 << 20
TEXT_PATTERN = b"BAsd7&jh23"
BINARY_PATTERN = b"\x00\xfe\x23\xfa\xf0"
MESSAGE_SIZES = (64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB)
FRAGMENTED_SIZE = 4 * MIB
FRAGMENT_SIZES = (64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB)
CHOPPED_SIZE = MIB
CHOP_SIZES = (64, 128, 256, 512, 1024, 2048)
ROUND_TRIPS = 1000
ROUND_TRIP_SIZES = (0, 16, 64, 256, 1024, 4096)
AUTO_FRAGMENT = 1300


def pattern(opcode, size):
    """`size` octets that are not all alike."""
    piece = BINARY_PATTERN if opcode == BINARY else TEXT_PATTERN
    return (piece * (size // len(piece) + 1))[:size]


def await_echo(peer, opcode, payload, limit):
    """Wait for one message; None if it is `payload`."""
    peer.events.clear()
    peer.pump(lambda: peer.events, limit)
    wanted = ("message", payload, opcode == BINARY)
    if not peer.events:
        why = f"within {limit:g} s" if peer.open else f"but the end (code {peer.remote_code})"
        return f"no echo of {len(payload)} octets {why}"
    if peer.events != [wanted]:
        return f"expected the echo of {len(payload)} octets, seen {shorten(peer.events)}"
    return None


def one_message(opcode, size, encode, chop=0):
    """A conversation of one message; `encode` makes its octets."""

    def talk(peer, target):
        payload = pattern(opcode, size)
        peer.send(encode(payload), chop)
        return await_echo(peer, opcode, payload, PATIENCE_LARGE * target.scale)

    return talk


def many_messages(opcode, size):
    """A conversation of small messages, one at a time."""

    def talk(peer, target):
        payload = pattern(opcode, size)
        data = frame(opcode, payload)
        for number in range(ROUND_TRIPS):
            peer.send(data)
            complaint = await_echo(peer, opcode, payload, PATIENCE_LARGE * target.scale)
            if complaint:
                return f"message {number}: {complaint}"
        return None

    return talk


def whole(opcode):
    """Encode as one frame."""
    return lambda payload: frame(opcode, payload)


def in_fragments(opcode, size):
    """Encode as frames of `size` octets."""
    return lambda payload: b"".join(fragments(opcode, payload, size))


def cases():
    """Families 9 and 10 in order."""
    made = []
    for family, opcode in ((1, TEXT), (2, BINARY)):
        for number, size in enumerate(MESSAGE_SIZES, 1):
            talk = one_message(opcode, size, whole(opcode))
            made.append(CustomCase(f"9.{family}.{number}", talk, weight=size))
    for family, opcode in ((3, TEXT), (4, BINARY)):
        for number, size in enumerate(FRAGMENT_SIZES, 1):
            talk = one_message(opcode, FRAGMENTED_SIZE, in_fragments(opcode, size))
            made.append(CustomCase(f"9.{family}.{number}", talk, weight=FRAGMENTED_SIZE))
    for family, opcode in ((5, TEXT), (6, BINARY)):
        for number, size in enumerate(CHOP_SIZES, 1):
            talk = one_message(opcode, CHOPPED_SIZE, whole(opcode), chop=size)
            made.append(CustomCase(f"9.{family}.{number}", talk, weight=CHOPPED_SIZE))
    for family, opcode in ((7, TEXT), (8, BINARY)):
        for number, size in enumerate(ROUND_TRIP_SIZES, 1):
            talk = many_messages(opcode, size)
            made.append(CustomCase(f"9.{family}.{number}", talk, weight=ROUND_TRIPS * (size + 1)))
    talk = one_message(TEXT, 64 * KIB, in_fragments(TEXT, AUTO_FRAGMENT))
    made.append(CustomCase("10.1.1", talk))
    return made
