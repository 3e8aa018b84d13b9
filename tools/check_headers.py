#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the public headers, which are the reference manual.

Every prototype is exported, ends with exactly one thread tag and is commented: by a comment right
above it, or right above the unbroken run of declarations it stands in.  Every name that a header
brings begins with yodel_ or YODEL_."""

import json
import re
import subprocess

import tree

TAGS = ("YODEL_ANY_THREAD", "YODEL_LOOP_THREAD", "YODEL_SETUP_THREAD")
MACROS = ("YODEL_API", "YODEL_CHECK_RESULT", "YODEL_C_BEGIN", "YODEL_C_END", *TAGS)
MARK = "\x01"  # stands where a comment was
COMMENT = re.compile(r"/\*.*?\*/", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
BODY = re.compile(r"\{[^{}]*\}")
PROTOTYPE = re.compile(r"\b(\w+)\s*\((?!\*)")


def blank(match, mark=""):
    """As many lines as the match had, each with nothing but `mark`."""
    return "\n".join([mark] * (match[0].count("\n") + 1))


def declarations(text):
    """(line, text, commented) for each declaration at the header's top level."""
    text = DIRECTIVE.sub(blank, text)
    text = COMMENT.sub(lambda match: blank(match, MARK), text)
    while BODY.search(text):
        text = BODY.sub(blank, text)
    commented = False
    pending = []
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.replace(MARK, "").strip()
        if not pending and not bare:
            commented = MARK in line
        elif bare and bare not in MACROS:
            pending.append(bare)
            if bare.endswith(";"):
                yield number - len(pending) + 1, " ".join(pending), commented
                pending = []


def check_declaration(where, text, commented):
    """The problems of one declaration, if it is a prototype."""
    found = PROTOTYPE.search(text)
    if not found or text.startswith("typedef"):
        return
    words = re.findall(r"\w+", text)
    if "YODEL_API" not in words:
        yield f"{where}: {found[1]} is not YODEL_API"
    if sum(words.count(tag) for tag in TAGS) != 1 or words[-1] not in TAGS:
        yield f"{where}: {found[1]} does not end with one thread tag"
    if not commented:
        yield f"{where}: {found[1]} has no comment"


def check_names(top, path, text):
    """Names without the prefix, except macros that the header takes back itself."""
    ignored = ",".join(MACROS)
    command = ["ctags", "--languages=C", "--langmap=C:.h", "--kinds-C=+px", "--output-format=json"]
    command += [f"-I{ignored}", "--fields=+n", "-o-", path]
    output = subprocess.run(command, cwd=top, check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        tag = json.loads(line)
        if tag["kind"] in ("member", "header"):
            continue
        if tag["kind"] == "macro" and f"#undef {tag['name']}\n" in text:
            continue
        if not tag["name"].startswith(("yodel_", "YODEL_", "__anon")):
            yield f"{path}:{tag['line']}: {tag['kind']} {tag['name']} has no prefix"


def main():
    """Check include/yodel."""
    top = tree.root()
    problems = []
    count = 0
    for path in tree.files(top, ["include/yodel"], [".h"]):
        text = tree.read(top, path)
        if text.count("\n") > 400:
            problems.append(f"{path}: {text.count(chr(10))} lines, the limit is 400")
        for line, declaration, commented in declarations(text):
            count += 1
            problems += check_declaration(f"{path}:{line}", declaration, commented)
        problems += check_names(top, path, text)
    tree.finish(problems, f"headers ok: {count} declarations")


main()
