#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of notes.md, byte for byte, as files beside it.

    extract.py           write them
    extract.py --check   say which differ from the notes, and fail if one does

A program is a block of the notes between two fences; it is known by a line that no other has."""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Where a block goes, and a line that tells it.
FILES = {
    "fastapi/main.py": "from fastapi import FastAPI, WebSocket",
    "flask-echo/app.py": "from flask_socketio import SocketIO, send",
    "flask-echo/templates/index.html": "    <h1>WebSocket Chat</h1>",
    "flask-chat/app.py": "from flask_socketio import SocketIO, emit",
    "flask-chat/templates/index.html": "    <h1>Чат (/chat namespace)</h1>",
    "channels/chat/routing.py": "from django.urls import re_path",
    "channels/chat/consumers.py": "class ChatConsumer(AsyncWebsocketConsumer):",
}


def blocks(text):
    """What stands between fences that begin a line."""
    return re.findall(r"^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def programs():
    """Pairs of a file's name and its text."""
    found = blocks((HERE / "notes.md").read_text(encoding="utf-8"))
    for name, line in FILES.items():
        holders = [block for block in found if line in block.split("\n")]
        if len(holders) != 1:
            sys.exit(f"{name}: {len(holders)} blocks of notes.md have the line {line!r}")
        yield name, holders[0]


def main():
    check = sys.argv[1:] == ["--check"]
    differ = 0
    for name, text in programs():
        path = HERE / name
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_bytes() != text.encode():
            print(f"{name} differs from notes.md", file=sys.stderr)
            differ += 1
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
