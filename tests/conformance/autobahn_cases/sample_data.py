# SPDX-License-Identifier: MIT
"""Generated texts and octets to compress; the same on every run."""

import functools
import json
import random

SIZE = 3 << 17  # three of the largest messages

REPEATS = (1, 24)

WORDS = (
    "accept alpha answer between broker buffer channel client close compress connect data deliver "
    "drop echo empty event fragment frame group header idle join key large leave limit listen loop "
    "mask member message network node octet open order packet payload peer ping pong queue quick "
    "read reason reply room route send server session silence small socket stream text time token "
    "transport upgrade value wait window write zero"
).split()


def json_record(source):
    """An object as a chat server would send it."""
    record = {
        "id": source.randrange(1 << 20),
        "room": source.choice(WORDS),
        "text": " ".join(source.choices(WORDS, k=6)),
    }
    return json.dumps(record).encode("ascii") + b",\n"


def prose(source):
    """A sentence."""
    return " ".join(source.choices(WORDS, k=source.randrange(6, 16))).capitalize().encode() + b". "


def html_row(source):
    """A row of a table."""
    cells = "".join(f'<td class="cell">{word}</td>' for word in source.sample(WORDS, 3))
    return f'<tr id="r{source.randrange(10000)}">{cells}</tr>\n'.encode("ascii")


def picture_line(source):
    """A line of 512 grey values: flat areas and steps, as in a drawing."""
    line = bytearray()
    while len(line) < 512:
        line += bytes((source.randrange(256),)) * source.randrange(16, 96)
    return bytes(line[:512])


def document_object(source):
    """An object of a page description file with a little noise in it."""
    operators = f"{source.randrange(600)} {source.randrange(800)} Td Tj\n" * 4
    return f"<</Length 24>> stream\n{operators}".encode() + source.randbytes(24) + b"\nendobj\n"


KINDS = {
    "json": json_record,
    "picture": picture_line,
    "prose": prose,
    "html": html_row,
    "document": document_object,
}


@functools.lru_cache(maxsize=len(KINDS))
def sample(kind):
    """SIZE octets of a kind: pieces, each repeated some times as in logs and tables.

    The repetition keeps both ends' compressors fast; what is tested is the protocol.
    """
    source = random.Random(kind)
    data = bytearray()
    while len(data) < SIZE:
        data += KINDS[kind](source) * source.randrange(*REPEATS)
    return bytes(data[:SIZE])
