# SPDX-License-Identifier: MIT
"""What commands cannot write, or cannot take: they say so, and do not end as if all were well."""

import os
import subprocess

from harness import LIMIT, equal, run
from yodel_program import ENV, YODEL, Configured, commands, folder, yodel


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


def config(path):
    return f"""
listen:
  - {{name: file, address: "unix:{path}/api.sock", mode: "0600", serve: [api]}}
  - {{name: public, address: "127.0.0.1:0"}}
  - {{name: internal, address: "127.0.0.1:0", serve: [metrics, health]}}
namespaces: [{{name: /, auth: none}}]
websockets: [{{path: "/ws/{{room}}", auth: none}}]
shutdown: {{spread: 0s}}
"""


def test_an_input_that_is_not_there_is_not_empty():
    """Neither where it is closed nor where it is open for writing alone."""
    with Configured(config) as server, open(os.devnull, "w") as written:
        url, public = server.url, f"127.0.0.1:{server.port}"
        for words, status, said in (
            (("connect", f"http://{public}"), 1, "yodel connect: the standard input: Bad file descriptor\n"),
            (("connect", f"ws://{public}/ws/a"), 1, "yodel connect: the standard input: Bad file descriptor\n"),
            (("batch", "-", "--url", url), 65, "yodel batch: the input: Bad file descriptor\n"),
            (("batch", "-", "--stream", "--url", url), 65, "yodel batch: the input: Bad file descriptor\n"),
            (("hash-password", "--cost", "4"), 1, "yodel hash-password: the standard input: Bad file descriptor\n"),
        ):
            for given in ({"closed": [0]}, {"stdin": written}):
                equal(end_of(words, stdout=subprocess.DEVNULL, **given), (status, said), words)
        for words, status, said in (
            (("config", "check", "-c", "/dev/stdin"), 78, "/dev/stdin: error: cannot be read: "),
            (("emit", "x", "--all", "--attach", "/dev/stdin", "--url", url), 65, "yodel emit: /dev/stdin: "),
            (("token", "check", "--key-file", "/dev/stdin", "x"), 1, "yodel token check: /dev/stdin: "),
        ):
            equal(end_of(words, stdout=subprocess.DEVNULL, closed=[0]), (status, f"{said}Is a directory\n"), words)
        for scheme in ("http", "ws"):
            words = ("connect", f"{scheme}://{public}/{'ws/a' if scheme == 'ws' else ''}", "--no-input", "--exit-after", "50ms")
            equal(end_of(words, stdout=subprocess.DEVNULL, closed=[0])[0], 0, words)


def test_an_input_is_read_from_where_it_is():
    with Configured(config) as server:
        path = server.path
        (path / "lines").write_text('not this\n{"stats": {}}\n')
        with open(path / "lines") as lines:
            os.lseek(lines.fileno(), len("not this\n"), os.SEEK_SET)
            words = ("batch", "-", "--url", server.url)
            equal(end_of(words, stdin=lines, stdout=subprocess.DEVNULL), (0, ""), "a file that another one has begun")


NOT_UTF8 = os.fsdecode(b"\xff\xfe")


def test_words_that_cannot_be_meant_are_refused():
    with folder() as path:
        secret, bad = f"{path}/secret", path / "bad"
        yodel("token", "key", "--out", secret)
        bad.write_bytes(b"\xff\xfe")
        bad.chmod(0o600)
        sign, send = ("token", "sign", "--key-file", secret), ("webhook", "send", "event", "--url", "http://127.0.0.1:1/")
        for status, says, words in (
            (65, "token sign: kid is not UTF-8", (*sign, "--kid", NOT_UTF8)),
            (65, "token sign: --user is empty", (*sign, "--user", "")),
            (1, f'token check: jwks_file "{path}": Is a directory', ("token", "check", "--jwks-file", str(path), "a")),
            (64, "token key: option requires an argument -- 'o'", ("token", "key", "-o")),
            (64, "token key: -o wants text or json", ("token", "key", "-o", "xml")),
            (64, 'token: there is no command "foo"', ("token", "foo")),
            (64, 'webhook: there is no command "foo"', ("webhook", "foo")),
            (64, 'config: there is no command "foo"', ("config", "foo")),
            (64, 'config show: "foo" is too much', ("config", "show", "foo")),
            (64, "config: --online is of check", ("config", "explain", "--online")),
            (64, "config: --changed and --env are of show", ("config", "init", "--changed", f"{path}/new")),
            (64, 'serve: "foo" is too much', ("serve", "foo")),
            (64, 'nodes: "foo" is too much', ("nodes", "foo")),
            (64, 'config: "--set" without its value', ("config", "show", "--set")),
            *((64, f"webhook send: {name} is not UTF-8", (*send, name, NOT_UTF8)) for name in ("--user", "--sid", "--namespace", "--event")),
            (64, "webhook send: --count wants a number", (*send, "--count", "9" * 30)),
            (64, "webhook send: --header wants 'Name: value'", (*send, "--header", ": x")),
            (64, "webhook listen: --count wants a number", ("webhook", "listen", "--count", "9" * 30)),
            (64, "connect: --header wants 'Name: value'", ("connect", "http://127.0.0.1:1", "--header", ": x")),
            (64, "connect: --exit-after wants", ("connect", "http://127.0.0.1:1", "--exit-after", "9" * 30)),
            (64, "connect: --emit: an event stream takes nothing", ("connect", "http://127.0.0.1:1/events", "--emit", "a")),
            (65, f"connect: {bad}: it is not UTF-8", ("connect", "http://127.0.0.1:1", "--token-file", str(bad))),
        ):
            seen, said = end_of(words, stdout=subprocess.DEVNULL)
            equal((seen, said.startswith(f"yodel {says}")), (status, True), f"{words}: {said}")
        assert not (path / "new").exists(), "nothing was made"
        # What is empty is not set, as for YODEL_URL.
        yodel("config", "show", "--set", "namespaces=[]", env={"YODEL_CONFIG": ""})


run(dict(globals()))
