# SPDX-License-Identifier: MIT
"""Family 7: the closing handshake."""

from wire import CONTINUATION, PING, TEXT, close_payload, frame

from wire import CLOSE as CLOSE_OPCODE
from autobahn_cases.model import NON_STRICT, NORMAL, OK, CloseRule, ScriptedCase, close_with, send

HELLO = b"Hello World!"
VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
INVALID_CODES = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
UNDEFINED_CODES = (5000, 65535)
BAD_REASON = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"
MAX_REASON = 123
LARGE_MESSAGE = b"BAsd7&jh23" * 26215  # 256 KiB and a little


def closing(case_id, steps, rule=NORMAL, **options):
    """A case in which a step sends the close frame and nothing else is answered."""
    return ScriptedCase(
        case_id, tuple(steps), {OK: []}, rule, ends_itself=True, code_matters=True, **options
    )


def refusal(*codes):
    """We started the close; the server answers with one of `codes` or drops the connection."""
    return CloseRule(True, codes, False)


def basic():
    """7.1.1-7.1.6: what comes after a close frame is ignored."""
    close = close_with(close_payload(1000))
    yield ScriptedCase(
        "7.1.1",
        (send(frame(TEXT, HELLO)),),
        {OK: [("message", HELLO, False)]},
        NORMAL,
        code_matters=True,
    )
    yield closing("7.1.2", [close, send(frame(CLOSE_OPCODE))])
    yield closing("7.1.3", [close, send(frame(PING))])
    yield closing("7.1.4", [close, send(frame(TEXT, HELLO))])
    fragment = send(frame(TEXT, b"fragment1", False))
    yield closing("7.1.5", [fragment, close, send(frame(CONTINUATION, b"fragment2"))])
    yield ScriptedCase(
        "7.1.6",
        (send(frame(TEXT, LARGE_MESSAGE), frame(TEXT, HELLO)), close, send(frame(PING))),
        {OK: [("message", LARGE_MESSAGE, False), ("message", HELLO, False)], NON_STRICT: []},
        NORMAL,
        ends_itself=True,
        informational=True,
    )


def payload_lengths():
    """7.3.1-7.3.6."""
    table = (
        (b"", NORMAL),
        (b"a", refusal(1002)),
        (close_payload(1000), NORMAL),
        (close_payload(1000, HELLO), NORMAL),
        (close_payload(1000, b"*" * MAX_REASON), NORMAL),
        (close_payload(1000, b"*" * (MAX_REASON + 1)), refusal(1002)),
    )
    for number, (payload, rule) in enumerate(table, 1):
        yield closing(f"7.3.{number}", [close_with(payload)], rule)


def close_codes():
    """7.5.1-7.13.2: the reason's encoding, then valid, invalid and undefined codes."""
    yield closing("7.5.1", [close_with(close_payload(1000, BAD_REASON))], refusal(1002, 1007))
    for number, code in enumerate(VALID_CODES, 1):
        rule = CloseRule(True, (1000, code), True)
        yield closing(f"7.7.{number}", [close_with(close_payload(code))], rule)
    for number, code in enumerate(INVALID_CODES, 1):
        yield closing(f"7.9.{number}", [close_with(close_payload(code))], refusal(1002))
    for number, code in enumerate(UNDEFINED_CODES, 1):
        rule = refusal(1000, 1002, code)
        yield closing(f"7.13.{number}", [close_with(close_payload(code))], rule,
                      informational=True)


def cases():
    """Family 7 in order."""
    return [*basic(), *payload_lengths(), *close_codes()]
