#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks which object file of the library uses which: layers are walls, circles are small.

check_calls.py TREE ARCHIVE

A file uses another when its object file leaves undefined a symbol that the other one defines: a call, the
address of a function, a table.  No file may use a layer that check_layers.ALLOWED does not list, and no set of
more than MAX_CIRCLE files of src/ may reach each other."""

import re
import subprocess
import sys

import tree
from check_layers import ALLOWED

MAX_CIRCLE = 3  # files
MEMBER = re.compile(r"^(\S+\.c)\.o:$")
SYMBOL = re.compile(r"^[0-9a-f]* +([A-Za-z]) (\S+)$")


def read_archive(archive, homes):
    """path -> symbols that it defines, and path -> symbols that it leaves undefined."""
    output = subprocess.run(["nm", archive], check=True, capture_output=True, text=True).stdout
    defines, wants = {}, {}
    path = None
    for line in output.splitlines():
        member, symbol = MEMBER.match(line), SYMBOL.match(line)
        if member:
            path = homes[member[1]]
            defines[path], wants[path] = set(), set()
        elif symbol and symbol[1] == "U":
            wants[path].add(symbol[2])
        elif symbol and symbol[1].isupper():
            defines[path].add(symbol[2])
    return defines, wants


def uses(defines, wants):
    """path -> {path that it uses: one of the symbols}."""
    home = {name: path for path, names in defines.items() for name in names}
    return {
        path: {home[name]: name for name in sorted(names, reverse=True) if name in home}
        for path, names in wants.items()
    }


def layer(path):
    """The layer a file of src/ is in."""
    return path.split("/")[1]


def check_walls(graph):
    """Uses of layers that are out of reach."""
    for path, others in sorted(graph.items()):
        allowed = {layer(path), *ALLOWED[layer(path)].split()}
        for other, name in sorted(others.items()):
            if layer(other) not in allowed:
                yield f"{path}: {layer(path)} may not use {name} of {other}"


def reachable(graph, start):
    """Every file that `start` uses, directly or not."""
    seen, waiting = set(), [start]
    while waiting:
        for other in graph[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def circles(graph):
    """The sets of files that all reach each other, largest first."""
    reach = {path: reachable(graph, path) for path in graph}
    found = {frozenset([path, *(o for o in reach[path] if path in reach[o])]) for path in graph}
    return sorted(found, key=len, reverse=True)


def check_circles(graph):
    """Circles that are too large; prints the others."""
    for circle in circles(graph):
        name = layer(min(circle))
        if len(circle) < 2:
            continue
        text = f"circle of {len(circle)} in {name}: {' '.join(sorted(circle))}"
        if len(circle) > MAX_CIRCLE:
            inside = [(a, b, graph[a][b]) for a in sorted(circle) for b in sorted(circle) if b in graph[a]]
            edges = "".join(f"\n    {a} uses {symbol} of {b}" for a, b, symbol in inside)
            yield f"{text}; the limit is {MAX_CIRCLE}{edges}"
        else:
            print(text)


def main():
    """Check the library that is built."""
    top = tree.root()
    homes = {path.split("/")[-1]: path for path in tree.files(top, ["src"], [".c"])}
    graph = uses(*read_archive(sys.argv[2], homes))
    problems = [*check_walls(graph), *check_circles(graph)]
    num = sum(len(others) for others in graph.values())
    tree.finish(problems, f"calls ok: {len(graph)} files, {num} uses")


if __name__ == "__main__":
    main()
