#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that functions and files stay short.

Prints the medians too: they are aims, only the limits fail.  Function lengths are measured in C
(by ctags) and Python."""

import ast
import json
import os
import statistics
import subprocess

import tree

MAX_FUNCTION = 100  # lines
MAX_FILE = 800  # lines
SUFFIXES = (".c", ".h", ".py", ".js", ".mjs", ".cjs", ".html", ".css")


def c_functions(top, paths):
    """(path, name, first line, last line) of each C function."""
    command = ["ctags", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+ne"]
    command += ["--output-format=json", "-o-", "-L-"]
    output = subprocess.run(
        command, cwd=top, check=True, capture_output=True, text=True, input="\n".join(paths)
    ).stdout
    for line in output.splitlines():
        tag = json.loads(line)
        yield tag["path"], tag["name"], tag["line"], tag.get("end", tag["line"])


def python_functions(top, paths):
    """The same for Python."""
    for path in paths:
        for node in ast.walk(ast.parse(tree.read(top, path), path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node.name, node.lineno, node.end_lineno


def summary(what, lengths):
    """One line of statistics."""
    if not lengths:
        return f"{what}: none"
    ordered = sorted(lengths)
    p90 = ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]
    return f"{what}: {len(ordered)}, median {statistics.median(ordered):g}, p90 {p90}, max {ordered[-1]} lines"


def main():
    """Check everything that is code."""
    top = tree.root()
    folders = [name for name in tree.CODE_FOLDERS if os.path.isdir(os.path.join(top, name))]
    problems = []
    paths = tree.files(top, folders, SUFFIXES)
    lengths = {path: tree.read(top, path).count("\n") for path in paths}
    for path, length in lengths.items():
        if length > MAX_FILE:
            problems.append(f"{path}: {length} lines, the limit is {MAX_FILE}")
    functions = list(c_functions(top, [path for path in paths if path.endswith((".c", ".h"))]))
    others = list(python_functions(top, [path for path in paths if path.endswith(".py")]))
    for path, name, first, last in functions + others:
        if last - first + 1 > MAX_FUNCTION:
            problems.append(f"{path}:{first}: {name} has {last - first + 1} lines, the limit is {MAX_FUNCTION}")
    library = [last - first + 1 for path, _, first, last in functions if path.startswith("src/")]
    print(summary("functions of src", library))
    print(summary("files of src", [lengths[path] for path in paths if path.startswith("src/")]))
    print(summary("files", list(lengths.values())))
    tree.finish(problems, "functions ok")


if __name__ == "__main__":
    main()
