#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the symbols of the built library.

check_symbols.py TREE exports LIBYODEL.SO   it exports what the public headers declare, nothing else
check_symbols.py TREE globals ARCHIVE       no object file has writable or thread-local data"""

import re
import subprocess
import sys

import tree

PROTOTYPE = re.compile(r"\bYODEL_API\b[^;{]*?\b(yodel_\w+)\s*\(", re.S)
# objdump -t: value, flags ("d" last marks a section), section, size, name
SYMBOL = re.compile(r"^[0-9a-f]+ .{6}[^d] (\S+)\s+0*([1-9a-f][0-9a-f]*)\s+(?:\.hidden )?(\S+)$")
WRITABLE = re.compile(r"\*COM\*|\.(tdata|tbss|bss|data(?!\.rel\.ro))")
ALLOWED_GLOBALS = frozenset()  # writable objects that were argued for in review: none


def run(*command):
    """The lines a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def check_exports(top, library):
    """Compare the headers with the dynamic symbols."""
    declared = set()
    for path in tree.files(top, ["include/yodel"], [".h"]):
        text = re.sub(r"/\*.*?\*/", "", tree.read(top, path), flags=re.S)
        declared.update(PROTOTYPE.findall(text))
    lines = [line.split() for line in run("nm", "-D", "--defined-only", library)]
    exported = {words[-1].split("@")[0] for words in lines if words[1] != "A"}  # A: a version's name
    problems = [f"{name} is declared in a public header and not there" for name in declared - exported]
    problems += [f"{name} is exported and in no public header" for name in exported - declared]
    return sorted(problems), f"exports ok: {len(exported)} functions"


def check_globals(_, archive):
    """Look for data that stays writable after relocation."""
    problems = []
    member = ""
    for line in run("objdump", "-t", archive):
        if "file format" in line:
            member = line.split(":")[0]
        symbol = SYMBOL.match(line)
        if symbol and WRITABLE.match(symbol[1]) and symbol[3] not in ALLOWED_GLOBALS:
            problems.append(f"{member}: {symbol[3]} is writable ({int(symbol[2], 16)} bytes in {symbol[1]})")
    return problems, "globals ok: no writable data"


def main():
    """Run the check that the command line names."""
    checks = {"exports": check_exports, "globals": check_globals}
    tree.finish(*checks[sys.argv[2]](tree.root(), sys.argv[3]))


main()
