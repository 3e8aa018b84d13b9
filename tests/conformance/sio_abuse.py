#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attack Engine.IO and Socket.IO and judge the answers. See README.md."""

import argparse
import fnmatch
import signal
import sys

import abuse
import wire
from abuse_cases import engine, events
from abuse_cases.model import Context
from abuse_cases.raw import Failure
from abuse_cases.server import StartError
from abuse_cases.session import canary


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apps", metavar="PROGRAM", required=True, help="yodel-testapps")
    parser.add_argument("--loops", type=int, default=1)
    parser.add_argument("--only", help="groups or ids: E,S,E22,S2*")
    parser.add_argument("--exclude", help="groups or ids to leave out")
    parser.add_argument("--json", metavar="FILE", help="write all results")
    parser.add_argument("--list", action="store_true", help="print ids and titles and stop")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every case")
    return parser.parse_args()


class Suite(abuse.Suite):
    """As that of abuse.py, with a canary of Socket.IO."""

    def run(self, case):
        server = self.server
        try:
            case.check(Context(server, self.options))
            if not case.starts:
                canary(server)
        except (OSError, StartError, wire.ProtocolViolation, Failure) as error:
            return abuse.FAILED, str(error) or type(error).__name__
        return abuse.PASSED, ""


def run_with(name, cases, options):
    """The results of cases that one of the apps is for."""
    if not cases:
        return []
    options.server = f"{options.apps} {name} --port {{port}} --loops {options.loops}"
    suite = Suite(options)
    try:
        return abuse.run_all(suite, cases)
    finally:
        suite.stop()


def selected(case, patterns):
    """Whether a pattern is the case's group, its id without letters, or matches it."""
    number = case.id.rstrip("abcdefgh")
    return any(p in (case.group, number) or fnmatch.fnmatch(case.id, p) for p in patterns.split(","))


def choose(cases, options):
    """The cases to run."""
    if options.only:
        cases = [case for case in cases if selected(case, options.only)]
    if options.exclude:
        cases = [case for case in cases if not selected(case, options.exclude)]
    return cases


def main():
    """The entry point."""
    options = parse_arguments()
    quick = choose(engine.cases(options) + events.cases(options), options)
    slow = choose(events.slow_cases(), options)
    if options.list:
        print("\n".join(f"{case.id:6} {case.what}" for case in quick + slow))
        return 0
    if not quick + slow:
        print("no such case", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the server is stopped
    try:
        results = run_with("features-app", quick, options) + run_with("wire-app", slow, options)
    except (OSError, StartError) as error:
        print(f"cannot start the server: {error}", file=sys.stderr)
        return 2
    return abuse.report(results, options)


if __name__ == "__main__":
    sys.exit(main())
