#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures Yodel and its peers in turn and prints the comparison as Markdown.

Called by script/bench; see README.md in this directory.
"""

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from driver import report, targets
from driver.figures import keep
from driver.measure import Effort, capacity_of, measure_scenario
from driver.scale import measure_scale
from driver.scale_report import scale_text
from driver.scenarios import SCENARIOS, SETS
from driver.servers import EVENTS, OLDER, all_servers
from plot import plot

FULL = Effort(rounds=5, warmup=1, seconds=2)
SCALED = ("yodel", "yodel-libuv", "older", "uwebsockets")
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
    parser.add_argument(
        "--python", action="store_true", help="Python's programs: the same as --only python"
    )
    parser.add_argument("--rounds", metavar="N", type=int, help="of each server")
    parser.add_argument(
        "--against", metavar="DIR", type=Path, help="build directory of an older Yodel, with bench"
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help="up to 100,000 connections; alone, or beside what --only names",
    )
    parser.add_argument(
        "--most", metavar="N", type=int, default=100000, help="connections of --scale (100000)"
    )
    parser.add_argument(
        "--plot", metavar="DIR", type=Path, help="keep medians there and draw the curves"
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


def rate_of(load, servers, scenario, effort, capacities):
    """Messages a second, or None in a closed loop."""
    if not scenario.load:
        return None
    name = scenario.capacity
    if name not in capacities:
        closed = next(item for item in SCENARIOS if item.name == name)
        base = next(server for server in servers if server.name == report.BASE)
        capacities[name] = capacity_of(load, base, closed, effort, tell)
    return scenario.load * capacities[name]


def run(load, servers, scenarios, effort):
    results, capacities = {}, {}
    for scenario in scenarios:
        able = [server for server in servers if server.serves(scenario)]
        if able:
            rate = rate_of(load, servers, scenario, effort, capacities)
            measured = measure_scenario(load, able, scenario, effort, tell, rate)
            results[scenario.name] = measured
            print(report.scenario_table(scenario, able, results[scenario.name]), flush=True)
    print(report.sizes_tables(results), flush=True)
    return results


def run_scale(load, servers, most):
    named = [server for server in servers if server.name in SCALED]
    scale = measure_scale(load, named, most, tell)
    print(scale_text(scale), flush=True)
    return scale


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    arguments = parse_arguments()
    servers = all_servers(arguments.build, arguments.against)
    if arguments.list:
        for item in [*servers, *SCENARIOS]:
            print(f"{item.name:20} {item.title}")
        for name, parts in SETS.items():
            print(f"{name:20} {', '.join(parts)}")
        return
    servers, scenarios = pick_both(servers, "python" if arguments.python else arguments.only)
    load = arguments.build / "bench" / "load"
    if not load.exists():
        sys.exit("bench: the load generator is not built")
    effort = QUICK if arguments.quick else FULL
    if arguments.rounds is not None:
        effort = replace(effort, rounds=arguments.rounds)
    servers = present(servers)
    preamble = report.preamble(effort)
    print(preamble, flush=True)
    alone = arguments.scale and not arguments.only and not arguments.python
    results = {} if alone else run(load, servers, scenarios, effort)
    scale = run_scale(load, servers, arguments.most) if arguments.scale else None
    print(targets.targets_table(results, scale), flush=True)
    if arguments.plot is not None:
        keep(arguments.plot, preamble, results, scale)
        plot(arguments.plot)
    if arguments.json is not None:
        everything = {**results, "scale": scale} if scale else results
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
