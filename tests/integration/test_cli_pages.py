# SPDX-License-Identifier: MIT
"""The manual pages and the completion of yodel: they have all that the program has, and can be read."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import LIMIT, equal, run, skip
from yodel_program import YODEL, yodel

PAGES = {name: int(section) for name, section in (("yodel", 1), ("yodel.yaml", 5), ("yodel-api", 7), ("yodel-webhooks", 7))}
TOP = pathlib.Path(__file__).resolve().parents[2]


def page(name):
    return pathlib.Path(os.environ["YODEL_MAN"]) / f"{name}.{PAGES[name]}"


def shown(name):
    """The lines of a page as one reads it, on a wide terminal."""
    if not page(name).exists():
        skip("no scdoc: there are no pages")
    if not shutil.which("man"):
        skip("no man")
    env = {**os.environ, "MANWIDTH": "1000", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-c", "MANPAGER": "cat"}
    done = subprocess.run(["man", "-P", "cat", "-l", page(name)], env=env, capture_output=True, text=True, timeout=LIMIT, check=True)
    return [re.sub(".\b", "", line) for line in done.stdout.splitlines()]


def lines_of(name):
    """The same without their indentation."""
    return [line.strip() for line in shown(name)]


def commands():
    """All commands with their help, those of commands too, as words."""
    names = re.findall(r"^  ([a-z-]+) ", yodel("--help")[0], re.M)
    assert len(names) > 15, names
    for name in names:
        text = yodel(name, "--help")[0]
        yield (name,), text
        for word in re.findall(rf"^yodel {name} ([a-z-]+)   ", text, re.M):
            yield (name, word), yodel(name, word, "--help")[0]


def options_of(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]+|-[a-z])\b", text))


def test_every_command_and_option_is_in_the_page():
    lines = shown("yodel")
    for words, text in commands():
        start = lines.index(" ".join(("   yodel", *words)))
        end = next(n for n in range(start + 1, len(lines)) if re.match(r" {,3}\S", lines[n]))
        section = "\n".join(lines[start:end])
        for option in options_of(text):
            assert option in options_of(section), (words, option)


def test_every_key_is_in_the_page():
    lines = lines_of("yodel.yaml")
    keys = [line.split()[0] for line in yodel("config", "explain")[0].splitlines()]
    assert len(keys) > 150, len(keys)
    missing = [key for key in keys if key not in lines]
    equal(missing, [])
    assert "A word: close, drop; default close; needs a restart." in lines


def test_every_call_and_problem_is_in_the_page():
    text = "\n".join(lines_of("yodel-api"))
    routes = re.findall(r'\{"(\w+)", "([a-z]+)/?", ', (TOP / "program/api/api.c").read_text())
    routes += re.findall(r'\{"(\w+)", "([a-z]+)", YG_CONTROL', (TOP / "program/api/control.c").read_text())
    assert len(routes) > 15, routes
    for method, path in routes:
        assert re.search(rf"^(.*, )?({method} /\w+, /{path}|{method} /{path})\b", text, re.M), (method, path)
    for code in re.findall(r'X\(\w+, \d+, "(\w+)"', (TOP / "program/base/problem.h").read_text()):
        assert re.search(rf"^{code}, \d+$", text, re.M), code


def test_every_kind_of_hook_is_in_the_page():
    lines = lines_of("yodel-webhooks")
    for kind in re.findall(r'"(\w+)"', re.search(r"words\[\] = \{(.*?)\};", (TOP / "program/hook/answer.c").read_text(), re.S)[1]):
        assert any(kind in line.split(", ") for line in lines), kind


def test_pages_have_no_faults():
    for name in PAGES:
        shown(name)
        env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page(name)], env=env, capture_output=True, timeout=LIMIT, check=True
        )
        equal(done.stderr.decode(), "", name)
        if shutil.which("mandoc"):
            done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", page(name)], capture_output=True, text=True, timeout=LIMIT, check=False)
            # scdoc puts a .PP between paragraphs, also where there is none.
            equal([line for line in done.stdout.splitlines() if "skipping paragraph macro" not in line], [], name)


# ---- completion ----

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
