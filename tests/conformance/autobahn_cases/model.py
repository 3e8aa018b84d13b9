# SPDX-License-Identifier: MIT
"""What a case is, how it runs, and how its outcome is judged.

Two things are judged for each case: `behavior`, what the server answered, and
`behavior_close`, how the connection ended.
"""

import time
from dataclasses import dataclass, field
from typing import Callable, NamedTuple

import wire
from peer import Peer

OK = "OK"
NON_STRICT = "NON-STRICT"
INFORMATIONAL = "INFORMATIONAL"
UNIMPLEMENTED = "UNIMPLEMENTED"
FAILED = "FAILED"
UNCLEAN = "UNCLEAN"
WRONG_CODE = "WRONG CODE"
FAILED_BY_CLIENT = "FAILED BY CLIENT"

PASSING = (OK, INFORMATIONAL)

QUIET = 0.3  # how long nothing may arrive where silence is the right answer
PAUSE = 0.5  # between the parts of a message sent with waits
PATIENCE = 30.0  # for one answer, and for the server to close
PATIENCE_LARGE = 60.0  # for cases that move megabytes


class Target(NamedTuple):
    """The server under test; `scale` stretches every time limit."""

    host: str
    port: int
    path: str
    scale: float = 1.0


class CloseRule(NamedTuple):
    """How the connection should end."""

    by_me: bool
    codes: tuple
    clean: bool


NORMAL = CloseRule(True, (1000,), True)
PROTOCOL_ERROR = CloseRule(False, (1002,), False)
INVALID_PAYLOAD = CloseRule(False, (1007,), False)


@dataclass
class Result:
    """The outcome of one case."""

    id: str
    behavior: str = FAILED
    behavior_close: str = FAILED
    detail: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self):
        """Both judgements are OK or INFORMATIONAL."""
        return self.behavior in PASSING and self.behavior_close in PASSING


def judge_close(rule, peer, result):
    """Fill in `behavior_close`."""
    if peer.violation:
        verdict, why = FAILED, f"the server broke the protocol: {peer.violation}"
    elif rule.by_me != peer.closed_by_me:
        verdict, why = FAILED, "the connection was ended by the wrong endpoint"
    elif rule.clean and not peer.clean:
        verdict, why = UNCLEAN, "a clean closing handshake was expected"
    elif peer.remote_code is not None and peer.remote_code not in rule.codes:
        wanted = " or ".join(map(str, rule.codes))
        verdict, why = WRONG_CODE, f"close code {peer.remote_code}, expected {wanted} or none"
    elif peer.dropped_by_me:
        verdict, why = FAILED_BY_CLIENT, "the server did not close the TCP connection"
    else:
        verdict, why = OK, None
    result.behavior_close = verdict
    if why:
        result.detail.append(why)


def shorten(value, limit=60):
    """A readable form of an event or payload, cut to `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def finish(peer, scale):
    """Let the server end the connection; drop it if it does not."""
    peer.pump(lambda: False, PATIENCE * scale)
    peer.drop()


@dataclass(frozen=True)
class ScriptedCase:
    """Steps to send, the events to be answered, and the way it should end.

    `expected` maps a judgement to the events that earn it, the strict one first.
    """

    id: str
    steps: tuple
    expected: dict
    close: CloseRule
    ends_itself: bool = False  # a step sends the close frame
    informational: bool = False  # any outcome is accepted
    code_matters: bool = False  # a wrong close code is a wrong behavior too
    weight: float = 0.0

    def run(self, target):
        """Run against `target` and return the Result."""
        result = Result(self.id)
        peer = Peer(target.host, target.port, target.path)
        peer.wanted = self.expected[OK]
        for step in self.steps:
            if peer.open:
                step(peer, target.scale)
        if self.close.by_me and not self.ends_itself:
            self._await_answer(peer, target.scale)
            peer.send_close(wire.close_payload(self.close.codes[0]))
        finish(peer, target.scale)
        self._judge(peer, result)
        return result

    def _await_answer(self, peer, scale):
        wanted = self.expected[OK]
        if wanted:
            peer.pump(lambda: len(peer.events) >= len(wanted), PATIENCE * scale)
        else:
            peer.pump(lambda: False, QUIET)

    def _judge(self, peer, result):
        matches = (label for label, events in self.expected.items() if events == peer.events)
        result.behavior = next(matches, FAILED)
        if result.behavior != OK:
            result.detail.append(
                f"expected {shorten(self.expected[OK])}, seen {shorten(peer.events)}"
            )
        judge_close(self.close, peer, result)
        if self.code_matters and result.behavior_close == WRONG_CODE:
            result.behavior = FAILED
        if self.informational:
            result.behavior = result.behavior_close = INFORMATIONAL


@dataclass(frozen=True)
class CustomCase:
    """A case with a conversation of its own.

    `talk(peer, target)` returns None when all is well, or what went wrong.
    """

    id: str
    talk: Callable
    offer: str = None
    weight: float = 0.0

    def run(self, target):
        """Run against `target` and return the Result."""
        result = Result(self.id)
        peer = Peer(target.host, target.port, target.path, self.offer)
        try:
            complaint = self.talk(peer, target)
        except Unimplemented as error:
            result.behavior, complaint = UNIMPLEMENTED, str(error)
        else:
            result.behavior = FAILED if complaint else OK
        if complaint:
            result.detail.append(complaint)
        peer.send_close(wire.close_payload(1000))
        finish(peer, target.scale)
        judge_close(NORMAL, peer, result)
        return result


class Unimplemented(Exception):
    """The server does not offer what the case is about."""


# Steps of a ScriptedCase: functions of (peer, time scale).


def send(*frames):
    """Send frames in one write."""
    data = b"".join(frames)
    return lambda peer, scale: peer.send(data)


def send_each(*frames):
    """Send every frame in a write of its own."""

    def step(peer, scale):
        for data in frames:
            peer.send(data)
            time.sleep(0.002)

    return step


def send_octets(*frames):
    """Send octet by octet."""
    data = b"".join(frames)
    return lambda peer, scale: peer.send(data, chop=1)


def pause(tag):
    """Wait; if the connection is still open afterwards, record that.  Where it should not be, it has more time."""
    event = ("timeout", tag)

    def step(peer, scale):
        peer.pump(lambda: False, (PAUSE if event in peer.wanted else PATIENCE) * scale)
        if peer.open:
            peer.events.append(event)

    return step


def rest():
    """Wait and take what comes."""
    return lambda peer, scale: peer.pump(lambda: False, PAUSE * scale)


def close_with(payload):
    """Send a close frame with this payload, legal or not."""
    return lambda peer, scale: peer.send_close(payload)
