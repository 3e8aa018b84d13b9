#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints a C file that defines every function of the public headers, with no body: what script/abi compiles.

Compiled, it has the types and symbols that the headers promise, and nothing of the structs inside the library,
which are no part of the ABI.  That the library exports the same functions is for style.exports to say."""

import re

import tree

COMMENT = re.compile(r"/\*.*?\*/", re.S)
PROTOTYPE = re.compile(r"^YODEL_API\b[^;{}]*?\)\s*YODEL_\w+;", re.M | re.S)


def main():
    """Print it."""
    top = tree.root()
    names = tree.files(top, ["include/yodel"], [".h"])
    for name in names:
        print(f"#include <{name.removeprefix('include/')}>")
    for name in names:
        for match in PROTOTYPE.finditer(COMMENT.sub("", tree.read(top, name))):
            print(match[0].removesuffix(";") + "\n{\n    __builtin_trap();\n}")


main()
