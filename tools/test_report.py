#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the tests of a report that ctest wrote with --output-junit.

    test_report.py REPORT.xml

The first line is how many passed, failed and were skipped; then comes the name of each that failed.
Each test is counted once.  A test that could not be started, as its program is missing, has failed,
though ctest's own attributes count it as skipped.
"""

import re
import sys

# What tests print is escaped in a report, so that a line of theirs is never taken for one of these.
CASE = re.compile(r'<testcase name="([^"]*)"[^>]* status="(\w+)">(?:\s*<skipped message="([^"]*)")?')


def outcome(status, skipped):
    """Whether a test passed, failed or was skipped."""
    if status == "run":
        return "passed"
    if status == "disabled" or (skipped or "").startswith("SKIP_"):
        return "skipped"
    return "failed"


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as report:
        cases = [(name, outcome(status, skipped)) for name, status, skipped in CASE.findall(report.read())]
    counts = [sum(1 for _, ended in cases if ended == kind) for kind in ("passed", "failed", "skipped")]
    print(*counts)
    for name, ended in cases:
        if ended == "failed":
            print(name)


if __name__ == "__main__":
    main()
