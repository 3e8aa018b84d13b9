# SPDX-License-Identifier: MIT
"""The Flask programs and pages of the notes, which examples/python has byte for byte."""

import pathlib

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/python"


def read(name):
    return (EXAMPLES / name).read_text(encoding="utf-8")


ECHO, ECHO_PAGE = read("flask-echo/app.py"), read("flask-echo/templates/index.html")
CHAT, CHAT_PAGE = read("flask-chat/app.py"), read("flask-chat/templates/index.html")
