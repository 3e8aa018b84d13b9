#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails when a source file includes a header of a layer it may not use, or the include graph has a cycle.

Also when two files have one base name.  A layer is a directory of src/ or of program/.  ALLOWED and PROGRAM are the whole
architecture; change them in review."""

import re

import tree

ALLOWED = {  # layer: the layers it may include, beside itself
    "base": "",
    "proto": "base",
    "loop": "base",
    "bus": "base loop",
    "open": "base loop bus",
    "decision": "base proto loop",
    "groups": "base loop bus",
    "net": "base proto loop",
    "redis": "base proto loop bus net",
    "http": "base proto loop decision net",
    "nodes": "base proto loop bus redis",
    "channels": "base proto loop bus groups",
    "channels_redis": "base proto loop bus groups channels redis",
    "history_redis": "base proto loop bus groups channels redis",
    "ws": "base proto loop decision bus net http groups channels",
    "sse": "base proto loop http groups channels",
    "eio": "base proto loop decision net http ws",
    "sio": "base proto loop decision bus http groups channels sse eio",
    "adapter": "base proto loop bus groups redis sio",
    "carry": "base proto loop net nodes http eio",
    "server": "base proto loop bus open net redis nodes http groups channels ws sse eio sio adapter carry channels_redis history_redis",
}
# The program of program/ has layers of its own, above the public headers.
PROGRAM = {
    "base": "",
    "log": "base",
    "config": "base",
    "token": "base config",
    "state": "base",
    "command": "base config token state",
    "http": "base",
    "hook": "base config state command http",
    "client": "base http",
    "api": "base config token command",
    "lease": "base",
    "admin": "base config token",
    "serve": "base log config token state command http hook lease api admin",
    "cli": "base config token state command hook client api admin serve",
    "man": "base config",
}
# Pure protocol code does no I/O, reads no clock and starts no thread.
FORBIDDEN = {"proto": r"sys/|netinet/|arpa/|pthread|time\.h|unistd\.h|openssl/|uv\.h"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)', re.M)


def check_file(folder, path, text, graph):
    """The problems of one file of src/ or program/; its quoted includes go into `graph`."""
    layer = path.split("/")[0]
    allowed, forbidden = (PROGRAM, {}) if folder == "program" else (ALLOWED, FORBIDDEN)
    if layer not in allowed:
        yield f"{folder}/{path}: {layer} is not a layer"
        return
    for match in INCLUDE.finditer(text):
        where = f"{folder}/{path}:{text.count(chr(10), 0, match.start()) + 1}"
        quoted, name = match[1] == '"', match[2]
        if layer in forbidden and re.match(forbidden[layer], name):
            yield f"{where}: {layer} may not include <{name}>"
        if quoted:
            graph.setdefault(path, []).append(name)
            if name.split("/")[0] not in [layer, *allowed[layer].split()]:
                yield f"{where}: {layer} may not include {name}"


def check_outside(path, text):
    """The Python module is a program like others: it has the public headers, its own, and what base has inline."""
    for match in INCLUDE.finditer(text):
        if match[1] == '"' and "/" in match[2] and not match[2].startswith("base/"):
            yield f"{path}: may not include {match[2]}"


def find_cycle(graph):
    """The files of one include cycle, or nothing."""
    done = set()

    def visit(node, trail):
        if node in trail:
            return trail[trail.index(node) :] + [node]
        if node in done:
            return []
        for other in graph.get(node, []):
            cycle = visit(other, [*trail, node])
            if cycle:
                return cycle
        done.add(node)
        return []

    for node in graph:
        cycle = visit(node, [])
        if cycle:
            return cycle
    return []


def check_names(paths):
    """Base names stand for one file each: a backtrace names no folder."""
    homes = {}
    for path in paths:
        other = homes.setdefault(path.split("/")[-1], path)
        if other != path:
            yield f"{path}: the base name is that of {other}"


def main():
    """Check every file of src/."""
    top = tree.root()
    problems = list(check_names(tree.files(top, ["src"], [".c", ".h"])))
    problems += check_names(tree.files(top, ["program"], [".c", ".h"]))
    for path in tree.files(top, ["python/src"], [".c", ".h"]):
        problems += check_outside(path, tree.read(top, path))
    graphs = []
    for folder in ("src", "program"):
        graphs.append({})
        for path in tree.files(top, [folder], [".c", ".h"]):
            problems += check_file(folder, path.removeprefix(folder + "/"), tree.read(top, path), graphs[-1])
        cycle = find_cycle(graphs[-1])
        if cycle:
            problems.append("include cycle: " + " -> ".join(cycle))
    tree.finish(problems, f"layers ok: {sum(map(len, graphs))} files")


if __name__ == "__main__":
    main()
