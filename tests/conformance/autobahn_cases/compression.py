# SPDX-License-Identifier: MIT
"""Families 12 and 13: permessage-deflate, many messages, several offers."""

import deflate
import wire

from autobahn_cases.model import PATIENCE_LARGE, CustomCase, Unimplemented
from autobahn_cases.sample_data import SIZE, sample

MESSAGES = 1000

# (message size, size of the fragments the compressed message is cut into; 0 is one frame)
SHAPES = (
    *((1 << power, 0) for power in (4, 6, 8, 10, 12, 13, 14, 15, 16, 17)),
    *((1 << power, 256) for power in (13, 14, 15, 16, 17)),
    *((1 << 17, fragment) for fragment in (1024, 4096, 32768)),
)

# (kind of data, whether it is sent as binary)
DATA_SETS = (
    ("json", False),
    ("picture", True),
    ("prose", True),
    ("html", False),
    ("document", True),
)

# Lists of (server_no_context_takeover asked for, server_max_window_bits asked for or 0)
DEFAULT_OFFER = ((False, 0),)
OFFERS = (
    DEFAULT_OFFER,
    ((True, 0),),
    ((False, 9),),
    ((False, 15),),
    ((True, 9),),
    ((True, 15),),
    ((True, 9), (True, 0), (False, 0)),
)


def offer_header(offers):
    """The value of Sec-WebSocket-Extensions."""
    return ", ".join(map(offer_text, offers))


def offer_text(offer):
    """One offer; the client accepts every restriction of its own side."""
    no_context, bits = offer
    text = f"{deflate.NAME}; client_no_context_takeover; client_max_window_bits"
    if no_context:
        text += "; server_no_context_takeover"
    if bits:
        text += f"; server_max_window_bits={bits}"
    return text


def honours(agreement, offer):
    """Whether the answer grants all that one offer asks for."""
    no_context, bits = offer
    granted = agreement.server_max_window_bits
    if no_context and not agreement.server_no_context_takeover:
        return False
    return not bits or (granted is not None and granted <= bits)


def encode_cycle(agreement, kind, binary, size, fragment):
    """(message, frames) pairs to send over and over.

    The first is compressed without a context, so that the cycle may start again.
    """
    data = sample(kind)
    compressor = deflate.Compressor(agreement)
    opcode = wire.BINARY if binary else wire.TEXT
    cycle = []
    for index in range(min(MESSAGES, SIZE // size)):
        message = data[index * size : (index + 1) * size]
        payload = compressor.compress(message)
        frames = wire.fragments(opcode, payload, fragment or len(payload), deflate.RSV1)
        cycle.append((message, b"".join(frames)))
    return cycle


def negotiated(peer, offers):
    """The agreement with the server; raises if there is none or it fits no offer."""
    agreement = deflate.parse_agreement(peer.response.get("sec-websocket-extensions"))
    if agreement is None:
        raise Unimplemented("the server did not accept permessage-deflate")
    if not any(honours(agreement, offer) for offer in offers):
        raise wire.ProtocolViolation(f"the answer {agreement} fits none of {offers}")
    return agreement


def conversation(kind, binary, shape, offers):
    """1000 compressed messages, one at a time."""
    size, fragment = shape

    def talk(peer, target):
        agreement = negotiated(peer, offers)
        peer.set_inflate(deflate.Decompressor(agreement).decompress)
        cycle = encode_cycle(agreement, kind, binary, size, fragment)
        limit = PATIENCE_LARGE * target.scale
        received = []
        peer.on_message = lambda payload, is_binary: received.append((payload, is_binary))
        for number in range(MESSAGES):
            message, frames = cycle[number % len(cycle)]
            received.clear()
            peer.send(frames)
            peer.pump(lambda: received, limit)
            if received != [(message, binary)]:
                return complaint(number, message, received)
        return None

    return talk


def complaint(number, message, received):
    """Say how the echo differs."""
    if not received:
        return f"message {number} of {len(message)} octets was not echoed"
    payload, binary = received[0]
    return (
        f"message {number} of {len(message)} octets came back as {len(received)} messages, "
        f"the first of {len(payload)} octets, binary={binary}"
    )


def family(number, kind, binary, offers):
    """The 18 cases of one data set and list of offers."""
    for index, shape in enumerate(SHAPES, 1):
        talk = conversation(kind, binary, shape, offers)
        weight = MESSAGES * shape[0]
        yield CustomCase(f"{number}.{index}", talk, offer_header(offers), weight)


def cases():
    """Families 12 and 13 in order."""
    made = []
    for number, (kind, binary) in enumerate(DATA_SETS, 1):
        made += family(f"12.{number}", kind, binary, DEFAULT_OFFER)
    for number, offers in enumerate(OFFERS, 1):
        made += family(f"13.{number}", "json", False, offers)
    return made
