# SPDX-License-Identifier: MIT
"""Names of rooms: a program may take any value that can be a dictionary's key, the wire has text.

Text stands for itself and a whole number for its digits, as the message queue has it.  Other values
become text that begins with a mark of ours; text that begins with the mark becomes such text too, so
that no client can name a room that it was not given.
"""

_MARK = "\x1f"


def to_wire(room):
    """The name of a room as text; equal values have one.  Raises TypeError for what could be no key."""
    if isinstance(room, str):
        return room if _is_clean(room) else _MARK + ascii(str(room))
    hash(room)
    if isinstance(room, (int, float)) and room == room and abs(room) != float("inf") and room == int(room):
        return str(int(room))
    return f"{_MARK}{type(room).__name__}:{ascii(room)}"


def _is_clean(text):
    if text.startswith(_MARK) or "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def listed(rooms):
    """A target of emit() as text or a list of it; None, everyone, stays None."""
    if rooms is None:
        return None
    if isinstance(rooms, (list, tuple, set, frozenset)):
        return [to_wire(room) for room in rooms]
    return to_wire(rooms)
