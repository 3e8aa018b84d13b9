#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation tests: changes one place of the source at a time and sees whether a unit or fuzz test notices.

script/mutate [--seed N] [--sample N] [--list] [--tests REGEX] [FILE | FILE:FUNCTION]...

Without files it takes the list DEFAULT.  Of all mutants `--sample` many are drawn (0: every one); the same seed
draws the same ones from the same source.  Works in a copy of the tree in build/mutate, so files of the tree never
change.  Prints what survived, with its place and the change, and the score; a mutant that does not compile does
not count, one that makes a test hang or use too much memory is killed."""

import argparse
import filecmp
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys

import tree
from check_functions import c_functions

DEFAULT = """
base/buf base/mailbox base/msg base/wheel base/utf8 proto/ws_frame proto/http1_head proto/http1_chunked
proto/json_scan proto/sio_packet proto/eio_payload net/outq net/conn http/http_conn http/body groups/groups
groups/directory bus/bus bus/op_codec ws/input ws/close ws/output eio/polling eio/session eio/heartbeat
sio/client sio/membership sio/walk sio/recovery
""".split()
CLOSEST = {  # layer: the tests that most likely notice, beside those named after the file or layer
    "base": "msg|mailbox|buf|wheel",
    "proto": "http1|ws_frame|eio_payload|sio_packet|json",
    "loop": "http_conn|ws_conn",
    "net": "outq|http_conn|http_hold|ws_conn",
    "http": "request|router|static|cors",
    "bus": "bus|groups|channels",
    "groups": "groups|channels",
    "channels": "channels|groups",
    "server": "eio_threads|sio_threads",
}
TESTS_HELP = "the tests that run, by a regular expression (unit and fuzz; fuzz.program takes too long for each mutant)"
MEMORY = 4 << 30  # bytes of address space for a test
HIDDEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
SWAPS = {
    " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ",
    " + ": " - ", " - ": " + ", " && ": " || ", " || ": " && ", " += ": " -= ", " -= ": " += ",
    "++": "--", "--": "++", " & ": " | ", " | ": " & ", " << ": " >> ", " >> ": " << ",
}  # fmt: skip
SWAP = re.compile("|".join(re.escape(old) for old in sorted(SWAPS, key=len, reverse=True)))
CONDITION = re.compile(r"\b(?:if|while) (\()")
NUMBER = re.compile(r"(?<![\w.])(\d+)u?(?![\w.])")
STATEMENT = re.compile(r"^ +(?:[a-z_]\w*(?:->|\.|\[[^;\n]*\])?[\w.>\-]*(?:\+\+|--| [-+|&]?= [^;\n]*|\([^;\n]*\)));$", re.M)
NO_USE = re.compile(r"\b(?:YD_LOG\w*|yd_log\w*|assert|YD_ASSERT\w*|static_assert)\b")


def masked(text):
    """The text with blanks in place of comments, strings and directives; offsets stay."""
    return HIDDEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def closing(text, start):
    """The offset of the bracket that closes the one at `start`."""
    depth = 0
    for pos in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[pos], 0)
        if depth == 0:
            return pos
    return start


def edits(text, code, start, end, is_void):
    """(offset, end, replacement, name) of every mutant between two offsets."""
    for match in SWAP.finditer(code, start, end):
        yield match.start(), match.end(), SWAPS[match[0]], "operator"
    for match in CONDITION.finditer(code, start, end):
        last = closing(code, match.start(1))
        yield match.start(1), last + 1, f"(!{text[match.start(1) : last + 1]})", "condition"
    for match in NUMBER.finditer(code, start, end):
        for value in {int(match[1]) + 1, max(0, int(match[1]) - 1)} - {int(match[1])}:
            yield match.start(1), match.end(1), str(value), "constant"
    for match in STATEMENT.finditer(code, start, end):
        yield match.start(), match.end(), ";", "statement"
    first = code.index("\n", start) + 1
    yield first, first, "    return;\n" if is_void else "    return 0;\n", "return"


def mutants(top, path, function):
    """Every mutant of a file, or of one function of it: (path, line, offset, end, replacement, name)."""
    text = tree.read(top, path)
    code = masked(text)
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    for _, name, first, last in sorted(c_functions(top, [path]), key=lambda entry: entry[2]):
        if function not in ("", name):
            continue
        start = code.index("{", lines[first - 1])
        is_void = re.search(r"\bvoid\s+$", code[lines[first - 1] : code.index(name, lines[first - 1])])
        for edit in edits(text, code, start, lines[last], is_void):
            line = text.count("\n", 0, edit[0]) + 1
            if not NO_USE.search(text[lines[line - 1] : lines[line]]):
                yield path, line, *edit


class Copy:
    """The copy of the tree that is changed, its build, and its tests."""

    def __init__(self, top, tests):
        self.top, self.dir = top, os.path.join(top, "build", "mutate", "tree")
        self.build = os.path.join(top, "build", "mutate", "build")
        self.jobs = str(os.cpu_count())
        self.synchronize()
        options = "-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O1 -DBUILD_SHARED_LIBS=OFF -DYODEL_DEMO=OFF"
        self.must("cmake", "-G", "Ninja", "-S", self.dir, "-B", self.build, *options.split(), "-DYODEL_EXAMPLES=OFF")
        listing = subprocess.run(
            ["ctest", "--show-only=json-v1"], cwd=self.build, check=True, capture_output=True, text=True
        ).stdout
        self.tests = [test["name"] for test in json.loads(listing)["tests"] if re.search(tests, test["name"])]
        self.must("ninja", "-C", self.build, "-j", self.jobs, *self.tests)
        if not self.passes(self.tests):
            sys.exit("the tests fail without a change: see build/mutate/build/Testing/Temporary/LastTest.log")

    def synchronize(self):
        """Make the copy equal to the tree; files that are equal stay."""
        wanted = set(tree.files(self.top))
        for path in set(tree.files(self.dir)) - wanted if os.path.isdir(self.dir) else ():
            os.remove(os.path.join(self.dir, path))
        for path in wanted:
            source, copy = os.path.join(self.top, path), os.path.join(self.dir, path)
            if not os.path.isfile(source) or (os.path.isfile(copy) and filecmp.cmp(source, copy, shallow=False)):
                continue
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copyfile(source, copy) # with a new time: what was built from the old one is built again
            shutil.copymode(source, copy)

    def must(self, *command):
        """Run what has to succeed."""
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command[:4])} ... failed:\n{result.stdout[-4000:]}{result.stderr[-4000:]}")

    def builds(self, targets):
        """Whether these build."""
        command = ["ninja", "-C", self.build, "-j", self.jobs, *targets]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def passes(self, tests):
        """Whether these tests pass."""
        names = "|".join(re.escape(name) for name in tests)
        command = ["ctest", "-j", self.jobs, "--stop-on-failure", "-Q", "-R", f"^({names})$"]
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # noqa: E731
        return subprocess.run(command, cwd=self.build, check=False, preexec_fn=limit).returncode == 0

    def nearest(self, path):
        """The tests that most likely notice a change of a file, and the others."""
        name, stem = path.split("/")[1], os.path.basename(path)[:-2]
        regex = re.compile(rf"\.({stem}|{stem.split('_')[0]}|{name}_|{CLOSEST.get(name, name)})")
        near = [test for test in self.tests if regex.search(test)]
        return near, [test for test in self.tests if test not in near]

    def judge(self, mutant):
        """`killed`, `survived` or `invalid`; the copy is as before afterwards."""
        path, _, start, end, replacement, _ = mutant
        place = os.path.join(self.dir, path)
        text = tree.read(self.dir, path)
        try:
            with open(place, "w", encoding="utf-8") as stream:
                stream.write(text[:start] + replacement + text[end:])
            for tests in self.nearest(path):
                if tests and not self.builds(tests):
                    return "invalid"
                if tests and not self.passes(tests):
                    return "killed"
            return "survived"
        finally:
            with open(place, "w", encoding="utf-8") as stream:
                stream.write(text)


def show(top, mutant):
    """The place of a mutant and its change."""
    path, line, start, end, replacement, name = mutant
    text = tree.read(top, path)
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    changed = text[first:start] + replacement + text[end:last]
    old = "".join(f"    - {row}\n" for row in text[first:last].splitlines())
    new = "".join(f"    + {row}\n" for row in changed.splitlines())
    return f"{path}:{line}: {name}\n{old}{new}".rstrip()


def chosen(top, args):
    """The mutants to try."""
    found = []
    for target in args.targets or [f"src/{name}.c" for name in DEFAULT]:
        path, _, function = target.partition(":")
        if not os.path.exists(os.path.join(top, path)):
            sys.exit(f"{path}: no such file")
        found += mutants(top, path, function)
    if 0 < args.sample < len(found):
        found = sorted(random.Random(args.seed).sample(found, args.sample), key=lambda m: m[:3])
    return found


def main():
    """Try the mutants that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--sample", type=int, default=100, help="how many mutants are tried (100); 0: all")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--tests", default=r"^(unit|fuzz)\.(?!program)", help=TESTS_HELP)
    parser.add_argument("targets", nargs="*", metavar="FILE[:FUNCTION]")
    args = parser.parse_args()
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sample = chosen(top, args)
    if args.list:
        print("\n".join(show(top, mutant) for mutant in sample))
        return
    copy = Copy(top, args.tests)
    counts = {"killed": 0, "survived": 0, "invalid": 0}
    try:
        for num, mutant in enumerate(sample, 1):
            verdict = copy.judge(mutant)
            counts[verdict] += 1
            print(f"{num}/{len(sample)} {verdict} {show(top, mutant) if verdict == 'survived' else mutant[0]}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; so far:")
    valid = counts["killed"] + counts["survived"]
    print(
        f"{counts['killed']} of {valid} mutants killed ({counts['killed'] / max(1, valid):.0%}), "
        f"{counts['invalid']} did not compile; seed {args.seed}, {len(args.targets or DEFAULT)} files"
    )


if __name__ == "__main__":
    main()
