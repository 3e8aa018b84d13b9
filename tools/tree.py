# SPDX-License-Identifier: MIT
"""The files of the source tree, as the checks see them."""

import os
import sys

SKIPPED = {".git", ".cache", "__pycache__", "artifacts", "node_modules"}
CODE_FOLDERS = ("src", "program", "python", "include", "examples", "demo", "bench", "tools", "tests")


def root():
    """The tree to check: the first argument, else the one this file is in."""
    if len(sys.argv) > 1:
        return os.path.abspath(sys.argv[1])
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def files(top, folders=(".",), suffixes=("",)):
    """Paths under `top` in order, relative to it, without what is built or downloaded."""
    found = set()
    for folder in folders:
        for path, names, leaves in os.walk(os.path.join(top, folder)):
            at_top = os.path.samefile(path, top)
            names[:] = [
                name
                for name in names
                if name not in SKIPPED and not (at_top and name.startswith("build"))
            ]
            found.update(
                os.path.relpath(os.path.join(path, leaf), top)
                for leaf in leaves
                if leaf not in SKIPPED and leaf.endswith(tuple(suffixes))
            )
    return sorted(found)


def read(top, path):
    """The text of a file; bytes that are not UTF-8 are replaced."""
    with open(os.path.join(top, path), encoding="utf-8", errors="replace") as stream:
        return stream.read()


def finish(problems, ok):
    """Print the problems, or `ok`, and end with the right status."""
    print("\n".join(problems) or ok)
    sys.exit(bool(problems))
