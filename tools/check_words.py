#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails on text that has no place in the tree: notes to oneself, paths and hosts of one machine.

Also: every source file begins with its licence, text ends with a line end, no line ends with blanks."""

import os
import re

import tree

# In brackets so that this file does not find itself.
WORDS = {
    "a note to oneself": r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b",
    "a path of one machine": r"/wor[k]/|/tm[p]/bash|/hom[e]/\w|/roo[t]/|/op[t]/whe",
    "a package registry": r"registr[y]\.|npmj[s]\.|pyp[i]\.org|pythonhoste[d]|deb\.debia[n]\.org|\.pk[g]\.dev",
    "a download address": r'"resolve[d]":',
    "a conflict mark": r"^(<{7}|>{7}|={7})( |$)",
}
# Not the field's words: docs/README.md has those that headers and pages use.
HOUSE_WORD = re.compile(r"\b(parcel|leg|trip|letterbox|postbox)s?\b", re.I)
PAGES = ("include/", "docs/", "ARCHITECTURE.md", "README.md")
PATTERNS = {what: re.compile(pattern, re.M) for what, pattern in WORDS.items()}
BINARY = (".png", ".ico", ".gif", ".jpg", ".woff2", ".gz", ".bin", ".wasm")
CORPUS = "tests/fuzz/corpus/"
# The notes and the programs taken out of them stay byte for byte: examples/python/extract.py.
NOTES = "examples/python/"
VERBATIM = re.compile(
    NOTES + r"(notes\.md|fastapi/main\.py|flask-\w+/(app\.py|templates/index\.html)|channels/chat/(consumers|routing)\.py)"
)
LICENSED = (".c", ".h", ".py", ".js", ".mjs", ".cjs")


def check_file(path, text):
    """The problems of one file."""
    for what, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match[0]}"
    if path.startswith(PAGES):
        for match in HOUSE_WORD.finditer(text):
            yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: not a word of the glossary: {match[0]}"
    if path.endswith(LICENSED) and "SPDX-License-Identifier: MIT" not in text[:200]:
        yield f"{path}:1: no licence line"
    if text and not text.endswith("\n"):
        yield f"{path}: does not end with a line end"
    for match in re.finditer(r"[ \t]+$", text, re.M):
        yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: blanks at the end of the line"


def main():
    """Check every text file."""
    top = tree.root()
    problems = []
    paths = [
        path
        for path in tree.files(top)
        if not path.endswith(BINARY) and not path.startswith(CORPUS) and not VERBATIM.fullmatch(path)
    ]
    for path in paths:
        if not os.path.islink(os.path.join(top, path)):
            problems += check_file(path, tree.read(top, path))
    tree.finish(problems, f"words ok: {len(paths)} files")


main()
