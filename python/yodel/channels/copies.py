# SPDX-License-Identifier: MIT
"""Copies of messages: no consumer sees what another one, or the sender, does to its own."""

import copy
import functools
import pickle

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


def maker(message):
    """
    A function that returns a new copy of what `message` is now, at each call.

    A dict whose values cannot change is copied as it is; others as a whole, as copy.deepcopy does.
    """
    for value in message.values():
        if type(value) not in _PLAIN:
            return _deep(message)
    return dict(message).copy


def _deep(message):
    try:
        return functools.partial(pickle.loads, pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
    except Exception:  # pylint: disable=broad-except  whatever a class of the program's raises
        return functools.partial(copy.deepcopy, copy.deepcopy(message))
