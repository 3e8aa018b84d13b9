# SPDX-License-Identifier: MIT
"""What names of channels and groups, and messages, may be."""

import fnmatch
import re

LONGEST = 99

_CHANNEL = re.compile(r"[a-zA-Z\d\-_.]+(![\w\-_.]*)?", re.ASCII)
_GROUP = re.compile(r"[a-zA-Z\d\-_.]+", re.ASCII)
_RULE = "ASCII letters, digits, hyphens, underscores and periods, fewer than 100"


def check_channel(name):
    """TypeError unless it is the name of a channel."""
    if not (isinstance(name, str) and len(name) <= LONGEST and _CHANNEL.fullmatch(name)):
        raise TypeError(f"Channel name must be {_RULE}, with at most one '!', not {name!r}")


def check_group(name):
    """TypeError unless it is the name of a group."""
    if not (isinstance(name, str) and len(name) <= LONGEST and _GROUP.fullmatch(name)):
        raise TypeError(f"Group name must be {_RULE}, not {name!r}")


def check_message(message):
    """TypeError unless it is a dict that can be sent."""
    if not isinstance(message, dict):
        raise TypeError(f"A message is a dict, not {type(message).__name__}")
    if "__asgi_channel__" in message:
        raise TypeError("'__asgi_channel__' is a name of the channel layers' own")


class Capacities:
    """How many messages may wait in a channel.

    others   {pattern: capacity}: a glob or a compiled expression; the first that matches counts"""

    def __init__(self, capacity, others):
        self.default = _number("capacity", capacity)
        self.rules = []
        for pattern, value in (others or {}).items():
            if not hasattr(pattern, "match"):
                pattern = re.compile(fnmatch.translate(pattern))
            self.rules.append((pattern, _number("channel_capacity", value)))

    def of(self, channel):
        """That of a channel."""
        for pattern, capacity in self.rules:
            if pattern.match(channel):
                return capacity
        return self.default


def _number(what, value):
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError(f"{what} is a number of messages, not {value!r}")
    return value
