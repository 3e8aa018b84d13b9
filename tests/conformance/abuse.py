#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attack a Yodel server and judge its answers. See README.md."""

import argparse
import concurrent.futures
import fnmatch
import json
import signal
import sys
import time

import wire
from abuse_cases import all_cases
from abuse_cases.model import Context
from abuse_cases.raw import Failure, canary
from abuse_cases.server import Server, StartError

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
WAITING_JOBS = 6

# What the server is told, or does when told nothing: (name, default, meaning).
TIME_LIMITS = (
    ("header", 10000, "for the head of a request"),
    ("body", 30000, "for the body of a request"),
    ("close", 5000, "for the peer's half of a close"),
    ("send", 30000, "for output that makes no progress"),
    ("pong", 0, "for a sign of life, ping interval included; 0 leaves R12 out"),
    ("drain", 5000, "to finish in after SIGTERM"),
)


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", metavar="CMD", help="command to start, with {port} in it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="port of a server that runs already")
    parser.add_argument("--pid", type=int, help="its process id, to measure memory")
    parser.add_argument("--only", help="groups or ids: H,F,D,R,P,T,H61,F2*")
    parser.add_argument("--exclude", help="groups or ids to leave out")
    parser.add_argument("--slow-args", default="", help="more arguments for cases with time limits")
    for name, default, meaning in TIME_LIMITS:
        parser.add_argument(f"--{name}-timeout-ms", type=int, default=default, metavar="N",
                            help=f"under --slow-args, {meaning} [%(default)s]")
    parser.add_argument("--origin-path", help="path with an allow-list of origins")
    parser.add_argument("--origin-allowed", default="https://example.com")
    parser.add_argument("--json", metavar="FILE", help="write all results")
    parser.add_argument("--list", action="store_true", help="print ids and titles and stop")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every case")
    arguments = parser.parse_args()
    if not arguments.list and bool(arguments.server) == bool(arguments.port):
        parser.error("give either --server or --port")
    return arguments


def selected(case, patterns):
    """Whether a pattern is the case's group, its id, a family of ids (P01), or matches it."""
    return any(
        pattern == case.group
        or case.id.startswith(pattern + ".")
        or fnmatch.fnmatch(case.id, pattern)
        for pattern in patterns
    )


def choose(cases, arguments):
    """The cases to run."""
    if arguments.only:
        cases = [case for case in cases if selected(case, arguments.only.split(","))]
    if arguments.exclude:
        cases = [case for case in cases if not selected(case, arguments.exclude.split(","))]
    return cases


class Suite:
    """Runs cases and keeps a server alive for them."""

    def __init__(self, options):
        self.options = options
        self.server = self._new_server()

    def _new_server(self):
        if self.options.server:
            return Server.start(self.options.server)
        return Server(self.options.host, self.options.port, self.options.pid)

    def run(self, case):
        """The outcome of one case and the reason, if it is not PASSED."""
        if case.starts and not self.options.server:
            return SKIPPED, "needs --server"
        if case.measures and not self.server.pid:
            return SKIPPED, "needs --pid"
        if case.option and not getattr(self.options, case.option):
            return SKIPPED, f"needs --{case.option.replace('_', '-')}"
        server = self.server
        try:
            case.check(Context(server, self.options))
            if not case.starts:
                canary(server)
        except StartError as error:
            return FAILED, str(error)
        except (OSError, wire.ProtocolViolation, Failure) as error:
            return FAILED, str(error) or type(error).__name__
        return PASSED, ""

    def run_watched(self, case):
        """Run a case; if it killed the server, say so and start another."""
        outcome, why = self.run(case)
        if not self.server.alive():
            status = self.server.process.returncode
            outcome, why = FAILED, f"the server ended with status {status}; {why}"
            self.server.stop()
            self.server = self._new_server()
        return outcome, why

    def stop(self):
        """End the server if it is ours."""
        self.server.stop()


def timed(run, case):
    """The result of a case as a dictionary."""
    started = time.monotonic()
    outcome, why = run(case)
    seconds = round(time.monotonic() - started, 3)
    return {"id": case.id, "what": case.what, "outcome": outcome, "why": why, "seconds": seconds}


def run_all(suite, cases):
    """One by one; the cases that mostly wait, on servers of their own, run beside them."""
    with concurrent.futures.ThreadPoolExecutor(WAITING_JOBS) as pool:
        waiting = [pool.submit(timed, suite.run, case) for case in cases if case.waits]
        results = [timed(suite.run_watched, case) for case in cases if not case.waits]
        results += [future.result() for future in waiting]
    order = {case.id: number for number, case in enumerate(cases)}
    return sorted(results, key=lambda result: order[result["id"]])


def report(results, options):
    """Print what did not pass and the totals; return the exit status."""
    for result in results:
        if options.verbose or result["outcome"] != PASSED:
            line = f"{result['id']}: {result['outcome']}: {result['what']}"
            print(f"{line}: {result['why']}" if result["why"] else line)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as output:
            json.dump(results, output, indent=1)
    counts = {name: sum(result["outcome"] == name for result in results)
              for name in (PASSED, FAILED, SKIPPED)}
    if counts[SKIPPED]:
        print(f"{counts[SKIPPED]} skipped")
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed")
    return 1 if counts[FAILED] else 0


def main():
    """The entry point."""
    options = parse_arguments()
    cases = choose(all_cases(options), options)
    if options.list:
        print("\n".join(f"{case.id:6} {case.what}" for case in cases))
        return 0
    if not cases:
        print("no such case", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the server is stopped
    try:
        suite = Suite(options)
    except (OSError, StartError) as error:
        print(f"cannot start the server: {error}", file=sys.stderr)
        return 2
    try:
        return report(run_all(suite, cases), options)
    finally:
        suite.stop()


if __name__ == "__main__":
    sys.exit(main())
