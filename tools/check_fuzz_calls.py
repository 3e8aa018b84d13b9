#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails where a public function is not called by the random programs of tests/fuzz/program.

A function that is added to a header has to be added there, too, or to EXCEPTIONS with the reason why it is not.  A name
there that is called, or that no header has, is a fault as well."""

import re

import tree

COMMENT = re.compile(r"/\*.*?\*/", re.S)
PROTOTYPE = re.compile(r"^YODEL_API\b[^;{}(]*?\b(yodel_\w+)\(", re.M)
CALL = re.compile(r"\b(yodel_\w+)\(")
PROGRAMS = "tests/fuzz/program"
PROCESS = "it is about processes, and a program is one; tests/integration has it"
OWN_LOOPS = "programs run on simulated loops, which are made and run otherwise"
EXPECTED = "clients expect the frames of the calls beside it, which end in the same function"
EXCEPTIONS = {
    "yodel_log_stderr": "it writes to the error stream of the tests",
    "yodel_pattern_fits": "it reads two texts, and knows no object",
    "yodel_redis_check_url": "it reads a text, and knows no object",
    "yodel_server_after_fork": PROCESS,
    "yodel_server_handover": PROCESS,
    "yodel_server_listen": "programs have an address that the simulated loops know; yodel_server_carry() calls it",
    "yodel_server_new": OWN_LOOPS,
    "yodel_server_run": OWN_LOOPS,
    "yodel_server_start": OWN_LOOPS,
    "yodel_server_takeover": PROCESS,
    "yodel_sio_binary": "it makes a document, and knows no other object",
    "yodel_sse_send_text": EXPECTED,
    "yodel_version": "it knows no object",
    "yodel_version_number": "it knows no object",
    "yodel_ws_send_json": EXPECTED,
    "yodel_ws_send_pack": EXPECTED,
    "yodel_ws_send_text": EXPECTED,
}


def names(top, folder, suffix, pattern):
    """What pattern finds in the files of a folder, without their comments."""
    found = set()
    for path in tree.files(top, [folder], [suffix]):
        found.update(pattern.findall(COMMENT.sub("", tree.read(top, path))))
    return found


def main():
    """Compare the headers with the programs."""
    top = tree.root()
    public = names(top, "include/yodel", ".h", PROTOTYPE)
    called = names(top, PROGRAMS, ".c", CALL)
    problems = [
        f"{name} is not called in {PROGRAMS}: call it there, or say in tools/check_fuzz_calls.py why not"
        for name in sorted(public - called - EXCEPTIONS.keys())
    ]
    problems += [
        f"{name} is an exception of tools/check_fuzz_calls.py, and {'called' if name in called else 'in no header'}"
        for name in sorted(EXCEPTIONS.keys() - (public - called))
    ]
    tree.finish(problems, f"fuzz calls ok: {len(public & called)} of {len(public)} functions")


if __name__ == "__main__":
    main()
