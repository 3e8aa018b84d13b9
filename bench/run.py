#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures Yodel and its peers in turn and prints the comparison as Markdown.

Called by script/bench; see README.md in this directory.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from driver import report
from driver.measure import Effort, measure_scenario
from driver.scenarios import SCENARIOS, SETS
from driver.servers import EVENTS, OLDER, all_servers

FULL = Effort(rounds=5, warmup=1, seconds=2)
QUICK = Effort(rounds=3, warmup=0.5, seconds=1)


def tell(text):
    print(text, file=sys.stderr, flush=True)


def parse_arguments():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--only",
        metavar="NAME,...",
        default="",
        help="names of servers, scenarios and sets of them; Yodel always takes part",
    )
    parser.add_argument("--rounds", metavar="N", type=int, help="of each server")
    parser.add_argument(
        "--against", metavar="DIR", type=Path, help="build directory of an older Yodel, with bench"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every round there")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--build", type=Path, default=root / "build" / "release")
    return parser.parse_args()


def pick(items, wanted, always=()):
    """The items that are named, or all when none of them is."""
    named = [item for item in items if item.name in wanted]
    if not named:
        return [item for item in items if not getattr(item, "on_demand", False)]
    return [item for item in items if item.name in wanted or item.name in always]


def pick_both(servers, only):
    named = {name.strip() for name in only.split(",") if name.strip()}
    wanted = {part for name in named for part in SETS.get(name, (name,))}
    unknown = wanted - {item.name for item in [*servers, *SCENARIOS]}
    if unknown:
        sys.exit(f"bench: unknown name: {', '.join(sorted(unknown))} (see --list)")
    return pick(servers, wanted, always={report.BASE, EVENTS, OLDER}), pick(SCENARIOS, wanted)


def present(servers):
    """The servers that can run; says what the others lack."""
    found = []
    for server in servers:
        lack = server.missing()
        if lack is None:
            found.append(server)
        else:
            tell(f"skipped: {server.title}: {lack}")
    return found


def run(load, servers, scenarios, effort):
    print(report.preamble(effort), flush=True)
    results = {}
    for scenario in scenarios:
        able = [server for server in servers if server.serves(scenario)]
        if able:
            results[scenario.name] = measure_scenario(load, able, scenario, effort, tell)
            print(report.scenario_table(scenario, able, results[scenario.name]), flush=True)
    print(report.sizes_tables(results), flush=True)
    print(report.targets_table(results), flush=True)
    return results


def main():
    arguments = parse_arguments()
    servers = all_servers(arguments.build, arguments.against)
    if arguments.list:
        for item in [*servers, *SCENARIOS]:
            print(f"{item.name:20} {item.title}")
        for name, parts in SETS.items():
            print(f"{name:20} {', '.join(parts)}")
        return
    servers, scenarios = pick_both(servers, arguments.only)
    load = arguments.build / "bench" / "load"
    if not load.exists():
        sys.exit("bench: the load generator is not built")
    effort = QUICK if arguments.quick else FULL
    if arguments.rounds is not None:
        effort = replace(effort, rounds=arguments.rounds)
    results = run(load, present(servers), scenarios, effort)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
