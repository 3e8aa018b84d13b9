# SPDX-License-Identifier: MIT
"""The completion of yodel in bash: it has all commands and options that the program has."""

import pathlib
import re
import subprocess

from harness import LIMIT, equal, run
from yodel_program import YODEL, commands, options_of

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = """
set -u
. "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_yodel
printf '%s\\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
"""


def completed(*words, folder=TOP):
    """What may stand in place of the last word."""
    done = subprocess.run(
        ["bash", "-c", SCRIPT, "bash", TOP / "program/completion/yodel", YODEL, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=LIMIT,
        check=True,
    )
    equal(done.stderr, "")
    return done.stdout.split()


def test_completion():
    for words, replies in (
        (("relo",), ["reload"]),
        (("token", ""), ["sign", "check", "key"]),
        (("token", "sign", "--iss"), ["--issuer"]),
        (("config", "ex"), ["explain"]),
        (("config", "explain", "limits.q"), ["limits.queue"]),
        (("config", "explain", "webhooks.retry.f"), ["webhooks.retry.for"]),
        (("serve", "--set", "shutdown.dr"), ["shutdown.drain="]),
        (("serve", "-c", "CMakeLi"), ["CMakeLists.txt"]),
        (("serve", "--tak"), ["--takeover"]),
        (("emit", "e", "--except-u"), ["--except-user"]),
        (("emit", "e", "--key-file", "CMakeLi"), ["CMakeLists.txt"]),
        (("emit", "e", "--room", ""), []),
        (("sockets", "-o", ""), ["text", "json"]),
        (("batch", "CMakeLi"), ["CMakeLists.txt"]),
        (("webhook", "send", "occ"), ["occupied"]),
        (("connect", "--transport", "p"), ["polling"]),
        (("load", "--protocol", "w"), ["websocket"]),
        (("no-such-command", ""), []),
    ):
        equal(completed(*words), replies, words)


def test_completion_has_every_command_and_option():
    for words, text in commands():
        assert words[-1] in completed(*words[:-1], ""), words
        has_words = re.search(rf"^yodel {words[0]} [a-z-]+   ", text, re.M)
        if not has_words and words != ("config",):
            equal(set(completed(*words, "-")), options_of(text) | {"--help"}, words)


run(dict(globals()))
