#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the public headers, which are the reference manual.

Every prototype is exported, ends with exactly one thread tag and is commented: by a comment of its
own, right above it, which names every parameter but the first, the object, and `user`, and says what
is returned where that is an int.  Every name that a header brings begins with yodel_ or YODEL_."""

import json
import re
import subprocess

import tree

TAGS = ("YODEL_ANY_THREAD", "YODEL_LOOP_THREAD", "YODEL_SETUP_THREAD")
MACROS = ("YODEL_API", "YODEL_CHECK_RESULT", "YODEL_C_BEGIN", "YODEL_C_END", *TAGS)
# Headers of which functions still share comments, or say less.  To become empty.
NOT_DONE = (
)
MARK = "\x01"  # stands where a comment was
COMMENT = re.compile(r"/\*.*?\*/", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
BODY = re.compile(r"\{[^{}]*\}")
PROTOTYPE = re.compile(r"\b(\w+)\s*\((?!\*)")
DECLARED = re.compile(r"^YODEL_API\b([^;{}(]*?)\b(yodel_\w+)\(([^;]*?)\)\s*(?:YODEL_\w+)\s*;", re.M)
ABOVE = re.compile(r"/\*((?:(?!\*/).)*)\*/\n\Z", re.S)
RESULT = re.compile(r"\bReturns\b|\b1\b|\b0\b")


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


def parameters_of(text):
    """The names in a list of parameters that a comment has to explain."""
    names = [re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*$", part) for part in text.split(",")]
    return [name[1] for name in names[1:] if name and name[1] != "user"]


def check_comments(path, text):
    """Prototypes whose comment is shared, or leaves something out."""
    for match in DECLARED.finditer(text):
        returns, name, parameters = match.groups()
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {name}"
        above = ABOVE.search(text, 0, match.start())
        if not above:
            yield f"{where} has no comment of its own"
            continue
        for parameter in parameters_of(parameters):
            if not re.search(rf"\b{parameter}\b", above[1]):
                yield f"{where}: the comment does not name {parameter}"
        if returns.split()[-1:] == ["int"] and not RESULT.search(above[1]):
            yield f"{where}: the comment does not say what is returned"


WRONG = """
/* Shared. */
YODEL_API int yodel_a(int a) YODEL_ANY_THREAD;
YODEL_API void yodel_b(int a) YODEL_ANY_THREAD;

/* Returns 0. */
YODEL_API int yodel_c(int a, int b,
                      void *user) YODEL_ANY_THREAD;
"""


def check_self():
    """That what is wrong is found."""
    found = [problem.split(": ", 1)[1] for problem in check_comments("", WRONG)]
    wanted = [
        "yodel_a: the comment does not say what is returned",
        "yodel_b has no comment of its own",
        "yodel_c: the comment does not name b",
    ]
    if found != wanted:
        yield f"tools/check_headers.py: finds {found}"


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
    problems = list(check_self())
    count = 0
    for path in tree.files(top, ["include/yodel"], [".h"]):
        text = tree.read(top, path)
        if text.count("\n") > 400:
            problems.append(f"{path}: {text.count(chr(10))} lines, the limit is 400")
        for line, declaration, commented in declarations(text):
            count += 1
            problems += check_declaration(f"{path}:{line}", declaration, commented)
        if not path.endswith(NOT_DONE):
            problems += check_comments(path, text)
        problems += check_names(top, path, text)
    tree.finish(problems, f"headers ok: {count} declarations")


main()
