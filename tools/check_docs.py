#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails where the documentation and the headers do not agree.

In README.md and docs/ every complete program (a block marked ```c with a main()) must compile with
warnings as errors, every link to a file or a heading must lead somewhere, and every yodel name must stand in a
header or in CMakeLists.txt.  Every function of the headers must stand in a page of docs/, be it with the reason why
no chapter uses it.  In docs/ the other blocks must compile as well: ```c are definitions,
```c statements is the inside of a function that has the names of PARAMETERS.

The compiler is $CC, else cc.  Nothing has to be built: only the headers are read."""

import os
import re
import shlex
import subprocess
import sys
import tempfile

import tree

FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
UNUSED = ("function", "parameter", "variable", "but-set-parameter", "but-set-variable")
FRAGMENT_FLAGS = [f"-Wno-unused-{what}" for what in UNUSED]
BLOCK = re.compile(r"^```c\b([ \w]*)\n(.*?)^```$", re.M | re.S)
NAME = re.compile(r"\b(?:yodel|YODEL)_\w+")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
PROTOTYPE = re.compile(r"^YODEL_API\b[^;{}(]*?\b(yodel_\w+)\(", re.M)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)
OLD_NAMES = re.compile(r"^\| [^|]*\|", re.M)  # the first column of a table, in MIGRATION
MIGRATION = "docs/guide/24-moving-from-0.1.md"
PROGRAM = ("program/serve", "program/config")  # whose strings have names of metrics and of the environment
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
INCLUDES = """#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/sio.h>
#include <yodel/sio_python.h>
#include <yodel/yodel.h>
"""
PARAMETERS = """yodel_server *server, yodel_channels *channels, yodel_ws *ws, yodel_id id,
    yodel_request *req, const yodel_ws_message *message, yodel_sio *sio, yodel_sio_namespace *ns,
    yodel_sio_namespace *chat, yodel_sio_socket *socket, const char *text, const char *room, int rc,
    void *user"""


def make_headers(top, folder):
    """Write the one header that a build generates."""
    text = tree.read(top, "include/yodel/version.h.in")
    text = re.sub(r"@PROJECT_VERSION_\w+@", "0", text).replace("@PROJECT_VERSION@", "0.0.0")
    os.mkdir(os.path.join(folder, "yodel"))
    with open(os.path.join(folder, "yodel", "version.h"), "w", encoding="utf-8") as stream:
        stream.write(text)


def jansson_flags():
    """Where its header is, if not in the usual place."""
    command = ["pkg-config", "--cflags", "jansson"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return shlex.split(result.stdout)


def whole(kind, code):
    """The source file that a block stands for."""
    if "int main(" in code:
        return code
    if kind != "statements":
        return INCLUDES + code
    event = "yodel_sio_event *event" if "yodel_sio_event_" in code else "const yodel_event *event"
    return f"{INCLUDES}static void statements({PARAMETERS}, {event})\n{{\n{code}}}\n"


def blocks(path, text):
    """The line, the source and the further flags of every block of a file that is compiled."""
    for match in BLOCK.finditer(text):
        kind, code = match[1].strip(), match[2]
        is_program = "int main(" in code
        if is_program or path.startswith("docs"):
            line = text.count("\n", 0, match.start()) + 2
            yield line, whole(kind, code), [] if is_program else FRAGMENT_FLAGS


def compile_blocks(path, text, command):
    """What the compiler has to say."""
    for line, source, flags in blocks(path, text):
        result = subprocess.run(
            [*command, *flags, "-x", "c", "-"],
            input=source,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            yield f"{path}:{line}: does not compile:\n{result.stderr}"


def anchors(text):
    """What headings can be linked as."""
    for match in HEADING.finditer(FENCED.sub("", text)):
        yield re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")


def check_links(top, path, text):
    """Links to files, or headings in them, that are not there."""
    for match in LINK.finditer(FENCED.sub("", text)):
        name = os.path.normpath(os.path.join(os.path.dirname(path), match[1])) if match[1] else path
        if "://" in match[1]:
            continue
        if not os.path.exists(os.path.join(top, name)):
            yield f"{path}: link to nothing: {match[1]}"
        elif match[2] and match[2] not in anchors(tree.read(top, name)):
            yield f"{path}: link to no heading: {match[0]}"


def check_names(path, text, known):
    """Names of functions, types and constants that do not exist; yodel_ws_* stands for many."""
    if path == MIGRATION:
        text = OLD_NAMES.sub("", text)
    for name in sorted(set(NAME.findall(text)) - known):
        if not (name.endswith("_") and any(other.startswith(name) for other in known)):
            yield f"{path}: unknown name: {name}"


def known_names(top):
    """Every yodel name of the headers, the build, the program's metrics and environment, and of the error map."""
    paths = tree.files(top, ("include",), (".h", ".in")) + ["CMakeLists.txt"]
    text = "\n".join(tree.read(top, path) for path in paths)
    errors = re.findall(r"^    X\((\w+), -", text, re.M)
    program = "\n".join(tree.read(top, path) for path in tree.files(top, PROGRAM, (".c",)))
    program = {name for line in re.findall(r'"[^"\n]*"', program) for name in NAME.findall(line)}
    return set(NAME.findall(text)) | program | {f"YODEL_ERR_{error}" for error in errors}


def check_functions(top, texts):
    """Public functions that no page names.  The list of names that changed does not count."""
    text = "\n".join(text for path, text in texts.items() if path.startswith("docs") and path != MIGRATION)
    named = set(NAME.findall(text))
    for path in tree.files(top, ("include",), (".h",)):
        for name in PROTOTYPE.findall(COMMENT.sub("", tree.read(top, path))):
            if name not in named:
                yield f"{path}: {name}() is in no page of docs/"


def main():
    """Check every file."""
    top = tree.root()
    paths = tree.files(top, ("docs",), (".md",))
    paths += [path for path in ("README.md",) if os.path.exists(os.path.join(top, path))]
    known = known_names(top)
    texts = {path: tree.read(top, path) for path in paths}
    problems, num = list(check_functions(top, texts)), 0
    with tempfile.TemporaryDirectory() as folder:
        make_headers(top, folder)
        command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, *jansson_flags()]
        command += ["-I", os.path.join(top, "include"), "-I", folder]
        for path, text in texts.items():
            num += len(list(blocks(path, text)))
            problems += compile_blocks(path, text, command)
            problems += check_links(top, path, text)
            problems += check_names(path, text, known)
    tree.finish(problems, f"docs ok: {len(paths)} files, {num} blocks compiled")


if __name__ == "__main__":
    main()
