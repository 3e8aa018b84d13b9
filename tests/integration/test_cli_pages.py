# SPDX-License-Identifier: MIT
"""The manual pages of yodel: they have all that the program has, and can be read."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import LIMIT, equal, run, skip
from yodel_program import commands, options_of, yodel

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


run(dict(globals()))
