# SPDX-License-Identifier: MIT
"""Family 6: text is UTF-8, and what is not fails fast.

The sequences of 6.5 to 6.23 follow Markus Kuhn's UTF-8 decoder stress test.
"""

from wire import CONTINUATION, TEXT, fragments, frame

from autobahn_cases.model import (
    INVALID_PAYLOAD,
    NON_STRICT,
    NORMAL,
    OK,
    ScriptedCase,
    pause,
    send,
)

KOSME = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"  # a Greek word of 2 and 3 octet sequences
GERMAN_1 = "Hello-\u00b5@\u00df\u00f6\u00e4".encode()
GERMAN_2 = "\u00fc\u00e0\u00e1-UTF-8!!".encode()
EDITED = b"edited"
SURROGATE = b"\xed\xa0\x80"
BEYOND_UNICODE = b"\xf4\x90\x80\x80"


def is_utf8(octets):
    """Whether `octets` are whole, valid UTF-8."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def text_case(case_id, frames, payload):
    """The message is echoed if it is UTF-8; else the server closes with 1007."""
    if is_utf8(payload):
        expected, close = {OK: [("message", payload, False)]}, NORMAL
    else:
        expected, close = {OK: []}, INVALID_PAYLOAD
    return ScriptedCase(case_id, (send(*frames),), expected, close)


def chosen_fragments():
    """6.1.1-6.3.2: empty fragments, and code points cut in two."""
    middle = b"middle frame payload"
    german = GERMAN_1 + GERMAN_2
    invalid = KOSME + SURROGATE + EDITED
    empty = frame(TEXT, b"", False)
    last = frame(CONTINUATION, b"")
    table = (
        ("6.1.1", b"", [frame(TEXT, b"")]),
        ("6.1.2", b"", [empty, frame(CONTINUATION, b"", False), last]),
        ("6.1.3", middle, [empty, frame(CONTINUATION, middle, False), last]),
        ("6.2.1", german, [frame(TEXT, german)]),
        ("6.2.2", german, [frame(TEXT, GERMAN_1, False), frame(CONTINUATION, GERMAN_2)]),
        ("6.2.3", german, list(fragments(TEXT, german, 1))),
        ("6.2.4", KOSME, list(fragments(TEXT, KOSME, 1))),
        ("6.3.1", invalid, [frame(TEXT, invalid)]),
        ("6.3.2", invalid, list(fragments(TEXT, invalid, 1))),
    )
    for case_id, payload, frames in table:
        yield text_case(case_id, frames, payload)


def fail_fast():
    """6.4.1-6.4.4: the first impossible octet ends it, before the message is complete."""
    whole = KOSME + BEYOND_UNICODE + EDITED
    between_characters = (KOSME, BEYOND_UNICODE, EDITED)
    inside_a_character = (whole[:12], whole[12:13], whole[13:])
    for first, parts in ((1, between_characters), (2, inside_a_character)):
        yield staged(f"6.4.{first}", stages_of_frames(parts))
        yield staged(f"6.4.{first + 2}", stages_of_one_frame(parts))


def stages_of_frames(parts):
    """Each part is a fragment."""
    return [
        frame(TEXT, parts[0], False),
        frame(CONTINUATION, parts[1], False),
        frame(CONTINUATION, parts[2], True),
    ]


def stages_of_one_frame(parts):
    """Each part is a piece of the payload of one frame."""
    whole = frame(TEXT, b"".join(parts))
    header = len(whole) - sum(map(len, parts))
    first, second = header + len(parts[0]), header + len(parts[0]) + len(parts[1])
    return [whole[:first], whole[first:second], whole[second:]]


def staged(case_id, stages):
    """Three stages with waits; the server must close during the second wait."""
    steps = (send(stages[0]), pause("A"), send(stages[1]), pause("B"), send(stages[2]))
    expected = {
        OK: [("timeout", "A")],
        NON_STRICT: [("timeout", "A"), ("timeout", "B")],
    }
    return ScriptedCase(case_id, steps, expected, INVALID_PAYLOAD)


def octets(first, last):
    """The octets from `first` up to, not including, `last`."""
    return bytes(range(first, last))


def lonely(first, last):
    """Start octets, each followed by a space."""
    return b"".join(bytes((octet, 0x20)) for octet in range(first, last))


def incomplete():
    """Sequences without their last octet, the smallest and largest of each length."""
    smallest = [bytes((lead,)) + b"\x80" * tail for tail, lead in enumerate(LEADS_LOW)]
    largest = [bytes((lead,)) + b"\xbf" * tail for tail, lead in enumerate(LEADS_HIGH)]
    return [*smallest, *largest]


LEADS_LOW = (0xC0, 0xE0, 0xF0, 0xF8, 0xFC)
LEADS_HIGH = (0xDF, 0xEF, 0xF7, 0xFB, 0xFD)


def non_characters():
    """U+FFFE, U+FFFF and the last two code points of every higher plane."""
    planes = range(0, 17)
    return [chr(plane << 16 | low).encode() for plane in planes for low in (0xFFFE, 0xFFFF)]


def surrogates():
    """UTF-16 surrogates encoded as if they were characters, single and in pairs."""
    low_first, low_last = b"\xed\xb0\x80", b"\xed\xbf\xbf"
    high = (SURROGATE, b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf")
    single = [*high, low_first, b"\xed\xbe\x80", low_last]
    return single, [first + second for first in high for second in (low_first, low_last)]


def overlong(tail, *leads):
    """Encodings of one character in 2 to 6 octets; each lead is its fixed part."""
    return [lead + b"\x80" * (size - len(lead) - 1) + tail for size, lead in leads]


def sequences():
    """The lists of 6.5, 6.6, ... 6.23."""
    single, paired = surrogates()
    shortest = tuple((size, bytes((lead,))) for size, lead in enumerate(LEADS_LOW, 2))
    return (
        [b"hello$world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld",
         b"hello\xf0\xa4\xad\xa2world", KOSME],
        [KOSME[:size] for size in range(1, len(KOSME) + 1)],
        [b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
        [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
        [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
        [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
        [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", BEYOND_UNICODE],
        [b"\x80", b"\xbf", *((b"\x80\xbf" * 3)[:size] for size in range(2, 7)),
         octets(0x80, 0xBF)],
        [lonely(0xC0, 0xDF), lonely(0xE0, 0xEF), lonely(0xF0, 0xF7), lonely(0xF8, 0xFB),
         lonely(0xFC, 0xFD)],
        incomplete(),
        [b"".join(incomplete())],
        [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
        overlong(b"\xaf", *shortest),
        [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf",
         b"\xfc\x83\xbf\xbf\xbf\xbf"],
        overlong(b"\x80", *shortest),
        single,
        paired,
        non_characters(),
        [chr(code).encode() for code in range(0xFFF9, 0x10000)],
    )


def stress_test():
    """6.5.1-6.23.7: every sequence as a message of one frame."""
    for family, entries in enumerate(sequences(), 5):
        for number, payload in enumerate(entries, 1):
            yield text_case(f"6.{family}.{number}", [frame(TEXT, payload)], payload)


def cases():
    """Family 6 in order."""
    by_number = sorted(fail_fast(), key=lambda case: case.id)
    return [*chosen_fragments(), *by_number, *stress_test()]
