# SPDX-License-Identifier: MIT
"""Commands whose output cannot be written: they say so, and do not end as if all were well."""

import os
import subprocess

from harness import LIMIT, equal, run
from yodel_program import ENV, YODEL, commands, folder, yodel


def end_of(words, *, stdout=None, closed=(), stdin=subprocess.DEVNULL):
    """The status and the words of a command; closed are descriptors that it has not."""

    def close():
        for number in closed:
            os.close(number)

    done = subprocess.run(
        [YODEL, *words], env=ENV, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=LIMIT, preexec_fn=close
    )
    return done.returncode, done.stderr


def all_that_print(path):
    secret = f"{path}/secret"
    yodel("token", "key", "--out", secret)
    token = yodel("token", "sign", "--key-file", secret, "--user", "ann")[0].strip()
    yield from (("--help",), ("--version",), ("version", "-o", "json"))
    yield from ((*words, "--help") for words, _ in commands())
    yield from (("config", "explain"), ("config", "explain", "-o", "json"), ("config", "show"), ("config", "check"))
    yield from (("token", "key"), ("token", "key", "--alg", "ES256"), ("token", "key", "-o", "json"))
    yield from (("token", "sign", "--key-file", secret, *more) for more in ((), ("-o", "json")))
    yield from (("token", "check", "--key-file", secret, token, *more) for more in ((), ("-o", "json")))


def test_nothing_is_lost_without_a_word():
    with folder() as path, open("/dev/full", "w") as full:
        for words in all_that_print(path):
            equal(end_of(words, stdout=full), (1, "yodel: standard output cannot be written: No space left on device\n"), words)
            equal(end_of(words, closed=[1]), (1, "yodel: standard output cannot be written: Bad file descriptor\n"), words)


def test_a_refusal_keeps_its_status():
    with folder() as path, open("/dev/full", "w") as full:
        yodel("token", "key", "--out", f"{path}/secret")
        words = "token", "check", "--key-file", f"{path}/secret", "none"
        equal(end_of(words, stdout=full), (65, "yodel: standard output cannot be written: No space left on device\n"), words)


def test_a_file_does_not_take_the_place_of_a_closed_descriptor():
    """What is written in words must not end in a file that was opened meanwhile, nor a file be read as input."""
    with folder() as path:
        status, _ = end_of(("config", "init", str(path)), closed=[0, 1, 2])
        equal(status, 1, "config init")
        equal(len((path / "jwt.secret").read_text()), 64, "the secret alone is in its file")
        status, words = end_of(("token", "check", "--key-file", f"{path}/jwt.secret"), closed=[0], stdout=subprocess.DEVNULL)
        equal((status, words), (1, "yodel token check: the standard input: Bad file descriptor\n"), "closed input")


run(dict(globals()))
