#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that functions and files stay short, and that files do not call in circles.

Prints the medians too: they are aims, only the limits fail.  Function lengths are measured in C
(by ctags) and Python; a call is a yd_ or yodel_ name followed by `(` that one file alone defines."""

import ast
import json
import os
import re
import statistics
import subprocess

import tree

MAX_FUNCTION = 100  # lines
MAX_FILE = 800  # lines
MAX_CYCLE_SHARE = 0.15  # of the .c files of src/, in one circle of calls
SUFFIXES = (".c", ".h", ".py", ".js", ".mjs", ".cjs", ".html", ".css")
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
CALL = re.compile(r"(?<![\w.>])(yd_\w+|yodel_\w+)\s*\(")


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


def call_graph(top, functions):
    """file -> files of src/ that it calls into."""
    homes = {}
    for path, name, _, _ in functions:
        homes.setdefault(name, set()).add(path)
    graph = {}
    for path in tree.files(top, ["src"], [".c"]):
        called = set(CALL.findall(NOT_CODE.sub(" ", tree.read(top, path))))
        graph[path] = {
            next(iter(homes[name])) for name in called if len(homes.get(name, ())) == 1
        } - {path}
    return graph


def reachable(graph, start):
    """Every file that `start` calls into, directly or not."""
    seen = set()
    waiting = [start]
    while waiting:
        for other in graph.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def largest_circle(graph):
    """The largest set of files that all reach each other."""
    reach = {path: reachable(graph, path) for path in graph}
    circles = [
        [path] + [other for other in reach[path] if path in reach.get(other, ()) and other != path]
        for path in graph
    ]
    return sorted(max(circles, key=len, default=[]))


def summary(what, lengths):
    """One line of statistics."""
    if not lengths:
        return f"{what}: none"
    ordered = sorted(lengths)
    p90 = ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]
    return f"{what}: {len(ordered)}, median {statistics.median(ordered):g}, p90 {p90}, max {ordered[-1]} lines"


def check_circles(top, functions):
    """The problem with the call graph of src/, if any; prints its largest circle."""
    graph = call_graph(top, [entry for entry in functions if entry[0].startswith("src/")])
    circle = largest_circle(graph)
    share = len(circle) / max(1, len(graph))
    if len(circle) < 2:
        print(f"call circles: none in {len(graph)} files")
        return []
    print(f"call circle: {len(circle)} of {len(graph)} files ({share:.0%}): {' '.join(circle)}")
    if len(circle) > 2 and share > MAX_CYCLE_SHARE:
        return [f"{share:.0%} of the files call in one circle, the limit is {MAX_CYCLE_SHARE:.0%}"]
    return []


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
    problems += check_circles(top, functions)
    tree.finish(problems, "functions ok")


main()
