#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the Autobahn case list against a WebSocket echo server. See README.md."""

import argparse
import concurrent.futures
import fnmatch
import json
import sys
import time

import wire
from autobahn_cases import all_cases
from autobahn_cases.model import Result, Target

DEFAULT_JOBS = 8
QUICK_SAMPLE = 5  # --quick keeps every fifth of the long cases

_cases = {}
_target = None


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="port of the server under test")
    parser.add_argument("--path", default="/echo")
    parser.add_argument("--cases", help="ids, families or patterns: 1,2,6.4.*,12.1")
    parser.add_argument("--exclude", help="the same, to be left out")
    parser.add_argument("--jobs", type=int, default=DEFAULT_JOBS)
    parser.add_argument("--quick", action="store_true", help="sample families 9, 12 and 13")
    parser.add_argument("--time-scale", type=float, default=1.0, help="stretch all time limits")
    parser.add_argument("--json", metavar="FILE", help="write all results")
    parser.add_argument("--list", action="store_true", help="print the ids and stop")
    arguments = parser.parse_args()
    if not arguments.list and arguments.port is None:
        parser.error("--port is required")
    return arguments


def id_key(case_id):
    """Sort ids by their numbers."""
    return tuple(map(int, case_id.split(".")))


def selected(case_id, patterns):
    """Whether a pattern names this case, its family, or matches it."""
    return any(
        case_id == pattern or case_id.startswith(pattern + ".") or fnmatch.fnmatch(case_id, pattern)
        for pattern in patterns
    )


def choose(cases, arguments):
    """The cases to run."""
    if arguments.cases:
        patterns = arguments.cases.split(",")
        cases = [case for case in cases if selected(case.id, patterns)]
    if arguments.exclude:
        patterns = arguments.exclude.split(",")
        cases = [case for case in cases if not selected(case.id, patterns)]
    if arguments.quick:
        long_running = [case for case in cases if case.weight > 0]
        kept = set(long_running[::QUICK_SAMPLE])
        cases = [case for case in cases if case.weight == 0 or case in kept]
    return cases


def start_worker(target):
    """Set up a worker process; frames hold closures, so cases are made there again."""
    global _target
    _target = target
    _cases.update((case.id, case) for case in all_cases())


def run_case(case_id):
    """Run one case in a worker; nothing a server does makes this raise."""
    started = time.monotonic()
    try:
        result = _cases[case_id].run(_target)
    except (OSError, wire.ProtocolViolation) as error:
        result = Result(case_id, detail=[f"no connection: {error or type(error).__name__}"])
    result.seconds = round(time.monotonic() - started, 3)
    return result


def run_all(cases, target, jobs):
    """Run `cases` in `jobs` processes, the heaviest first."""
    order = sorted(cases, key=lambda case: -case.weight)
    with concurrent.futures.ProcessPoolExecutor(jobs, None, start_worker, (target,)) as pool:
        results = pool.map(run_case, [case.id for case in order])
        return sorted(results, key=lambda result: id_key(result.id))


def report(results, json_file):
    """Print what did not pass and the totals; return the exit status."""
    for result in results:
        if not result.passed:
            why = "; ".join(result.detail)
            print(f"{result.id}: {result.behavior} / close {result.behavior_close}: {why}")
    if json_file:
        with open(json_file, "w", encoding="utf-8") as output:
            json.dump([vars(result) | {"passed": result.passed} for result in results],
                      output, indent=1)
    passed = sum(result.passed for result in results)
    print(f"{passed} passed, {len(results) - passed} failed")
    return 0 if passed == len(results) else 1


def main():
    """The entry point."""
    arguments = parse_arguments()
    cases = choose(all_cases(), arguments)
    if arguments.list:
        print("\n".join(case.id for case in cases))
        return 0
    if not cases:
        print("no such case", file=sys.stderr)
        return 2
    target = Target(arguments.host, arguments.port, arguments.path, arguments.time_scale)
    return report(run_all(cases, target, arguments.jobs), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
