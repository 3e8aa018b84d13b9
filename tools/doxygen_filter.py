#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns a public header into what Doxygen reads: the filter of script/docs.

The comments above declarations become documentation comments.  In that of a prototype a line that begins
with the name of a parameter and two blanks begins its description, and "Returns" that of the result; the
thread tag becomes a paragraph.  Members of structs and enums are commented after, or right above, them.  A
comment that stands alone, with a blank line after it, is about the header.

A page of the guide is passed on; README.md becomes the main page."""

import html
import os
import re
import sys

THREADS = {
    "YODEL_ANY_THREAD": "Any thread, at any time in the object's life.",
    "YODEL_LOOP_THREAD": "The object's loop alone: in its callbacks.",
    "YODEL_SETUP_THREAD": "One thread, before the server runs.",
}
COMMENT = re.compile(r"/\*(?!\*)(.*?)\*/", re.S)
TAG = re.compile("|".join(THREADS))
PARAMETER = re.compile(r"(\w+)\s*(?:\[[^\]]*\])?\s*[,)]")
CODE = re.compile(r"^ {4,}\S")
COLUMNS = re.compile(r"\S {3,}\S")


def lines_of(comment):
    """The text of a comment, line by line, without its frame."""
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment.split("\n")]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def parameters_of(declaration):
    """The names of a prototype's parameters."""
    start = declaration.find("(")
    return set(PARAMETER.findall(declaration[start:])) if start >= 0 else set()


def kind_of(line):
    """What an indented line begins: code, a table, or "" for the rest of a paragraph."""
    text = line.strip()
    if not CODE.match(line):
        return ""
    if text.endswith((")", ";", "{", "}", ",", ") ...")) or text.startswith("#include"):
        return "code"
    return "verbatim" if COLUMNS.search(text) else ""


def goes_on(lines, i):
    """Whether the code or table that line i - 1 is part of has not ended: blank lines may be in it."""
    while i < len(lines) and not lines[i].strip():
        i += 1
    return i < len(lines) and CODE.match(lines[i])


def described(lines, names):
    """The lines with Doxygen's commands where a description of a parameter or of the result begins."""
    parameter = re.compile(r"^ *({})  +(?=\S)".format("|".join(map(re.escape, names)))) if names else None
    inside = ""
    in_parameter = False
    for i, line in enumerate(lines):
        match = parameter.match(line) if parameter else None
        if inside and (match or not goes_on(lines, i)):
            yield f"@end{inside}"
            inside = ""
        in_parameter = bool(match or (in_parameter and line.strip()))
        if match:
            yield f"@param {match[1]} {line[match.end():]}"
            continue
        if not inside and not in_parameter and kind_of(line):
            inside = kind_of(line)
            yield "@code{.c}" if inside == "code" else "@verbatim"
        if re.match(r"^Returns? ", line):
            line = "@return " + re.sub(r"^Returns? ", "", line)
        yield line if inside else line.lstrip()
    if inside:
        yield f"@end{inside}"


def documentation(comment, declaration, name):
    """The comment as one of Doxygen's, with as many lines as the original where that can be."""
    lines = list(described(lines_of(comment), parameters_of(declaration)))
    if not declaration:
        lines.insert(0, f"@file yodel/{name}")
    tag = TAG.search(declaration)
    if tag:
        lines += ["@par Thread", THREADS[tag[0]]]
    return "/** " + "\n * ".join(lines) + " */"


def declaration_after(text, end):
    """The declaration that begins right after a comment; "" when a blank line is between them."""
    rest = text[end:]
    if rest.startswith("\n\n") or not rest.startswith("\n"):
        return ""
    stop = re.search(r"[;{]", rest)
    return rest[: stop.end()].strip() if stop else ""


def converted(text, name):
    """The whole header, of that name."""
    out, last = [], 0
    for match in COMMENT.finditer(text):
        out.append(text[last : match.start()])
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if "SPDX" in match[0] or "----" in match[0]:
            out.append(match[0])
        elif before.strip():  # after a member on its line
            out.append("/**< " + " ".join(lines_of(match[1])) + " */")
        else:
            out.append(documentation(match[1], declaration_after(text, match.end()), name))
        last = match.end()
    out.append(text[last:])
    return "".join(out)


def anchor(path, title):
    """What a heading is called on a page: unique among all pages."""
    slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    return re.sub(r"\W", "-", path.rsplit(".", 1)[0]) + "-" + slug


def code_span(match):
    """`code` that holds what Doxygen would take for one of its commands."""
    return "<code>" + html.escape(match[1], quote=False).replace("@", "&#64;") + "</code>"


def page(path, text):
    """A Markdown file: headings get names that links can lead to, and code stays as it is."""
    fenced = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    for i, part in enumerate(fenced):
        if i % 2 == 0:
            part = re.sub(r"^(##+) (.*)$", lambda m: f"{m[1]} {m[2]} {{#{anchor(path, m[2])}}}", part, flags=re.M)
            part = re.sub(r"\]\(#([^)]*)\)", lambda m: f"](#{anchor(path, m[1])})", part)
            part = re.sub(r"\]\(([^)#:]+\.md)#[^)]*\)", r"](\1)", part)
            fenced[i] = re.sub(r"`([^`\n]*@[^`\n]*)`", code_span, part)
    text = "".join(fenced)
    return text.replace("\n", " {#mainpage}\n", 1) if path == "README.md" else text


def main():
    """Filter the file that is named."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        text = stream.read()
    if sys.argv[1].endswith(".md"):
        sys.stdout.write(page(os.path.relpath(sys.argv[1]), text))
        return
    name = sys.argv[1].rsplit("/", 1)[-1]
    if text.startswith("/* SPDX"):
        text = f"/** @file yodel/{name} */\n" + text.split("\n", 1)[1]
    sys.stdout.write(converted(text, name))


main()
