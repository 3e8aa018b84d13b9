# SPDX-License-Identifier: MIT
"""What is kept of the runs: medians in a small file, from which curves and tables are made."""

import json

from .report import median_of
from .scenarios import GROUP_NUMBERS, GROUP_SIZES, LOADS, SCENARIOS, SIZES, size_name
from .servers import TITLES
from .svg import Chart

FILE = "figures.json"
KEPT = (
    *("server_cpu_us", "server_user_us", "per_second", "p50_us", "p99_us", "p999_us"),
    "private_dirty_bytes",
)
YODEL, UWS, SIO_ON_UWS, EPOLL = "yodel", "uwebsockets", "socketio-uws", "bare-epoll"


def medians(rounds):
    kept = {key: median_of(rounds, key) for key in KEPT}
    return {key: round(value, 3) for key, value in kept.items() if value}


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def load_figures(folder):
    path = folder / FILE
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {"runs": [], "scenarios": {}, "scale": [], "churn": [], **found}


def keep(folder, preamble, results, scale):
    """Adds a run to the file: what it has measured takes the place of what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = load_figures(folder)
    for name, servers in results.items():
        figures["scenarios"][name] = {
            server: medians(rounds) for server, rounds in servers.items() if any(rounds)
        }
    if scale is not None:
        figures["scale"] = [rounded(row) for row in scale["scale"]]
        figures["churn"] = [rounded(row) for row in scale["churn"]]
    figures["runs"] = [*figures["runs"], preamble.strip()][-4:]
    text = json.dumps(figures, indent=1) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8")


class Curves:
    """Points out of the kept figures."""

    def __init__(self, figures):
        self.scenarios, self.scale = figures["scenarios"], figures["scale"]

    def figure(self, scenario, server, key="server_cpu_us"):
        return self.scenarios.get(scenario, {}).get(server, {}).get(key)

    def points(self, named, server, key="server_cpu_us"):
        """named: pairs of x and a scenario."""
        found = [(x, self.figure(name, server, key)) for x, name in named]
        return [(x, y) for x, y in found if y]

    def by_connections(self, kind, server, *keys):
        found = []
        for row in self.scale:
            if (row["kind"], row["server"], row["loops"]) == (kind, server, 1):
                value = row
                for key in keys:
                    value = value.get(key, {})
                if value and value > 0:
                    found.append((row["connections"], value))
        return found


def title(server):
    return TITLES.get(server, server)


def short_title(server):
    """That fits beside a curve."""
    return "socket.io on uWS" if server == SIO_ON_UWS else title(server)


def connection_charts(curves):
    echo = Chart("CPU per message as connections grow", "connections", "us of CPU")
    echo.add("Yodel, all active", curves.by_connections("echo", YODEL, "all", "cpu_us"))
    echo.add("100 of them active", curves.by_connections("echo", YODEL, "some", "cpu_us"))
    echo.add("Socket.IO, all active", curves.by_connections("sio-echo", YODEL, "all", "cpu_us"))
    echo.add("uWebSockets.js, all", curves.by_connections("echo", UWS, "all", "cpu_us"))
    echo.dashed = ("100 of them active",)
    yield "connections-echo", echo
    send = Chart("CPU per delivery of a broadcast to all connections", "connections", "us of CPU")
    send.add("Yodel", curves.by_connections("broadcast", YODEL, "all", "cpu_us"))
    send.add("Yodel, Socket.IO", curves.by_connections("sio-broadcast", YODEL, "all", "cpu_us"))
    send.add("uWebSockets.js", curves.by_connections("broadcast", UWS, "all", "cpu_us"))
    yield "connections-broadcast", send
    memory = Chart("User memory of a connection", "connections", "bytes")
    memory.add("Yodel", curves.by_connections("echo", YODEL, "user_bytes"))
    memory.add("Yodel, Socket.IO", curves.by_connections("sio-echo", YODEL, "user_bytes"))
    memory.add("uWebSockets.js", curves.by_connections("echo", UWS, "user_bytes"))
    yield "connections-memory", memory


def group_charts(curves):
    sizes = Chart("CPU per delivery as groups grow", "members of a group", "us of CPU")
    spread = Chart("CPU per delivery, 1,000 connections in groups", "groups", "us of CPU")
    for server in (YODEL, UWS):
        named = [(size, f"group-of-{size}") for size in GROUP_SIZES]
        sizes.add(title(server), curves.points(named, server))
        named = [(number, f"groups-{number}") for number in GROUP_NUMBERS]
        spread.add(title(server), curves.points(named, server))
    yield "group-sizes", sizes
    yield "group-numbers", spread


def size_charts(curves):
    for kind, what in (("echo", "WebSocket"), ("wss-echo", "TLS")):
        chart = Chart(f"CPU per echo by size, {what}", "bytes", "us of CPU", log_y=True)
        for server in (YODEL, UWS):
            named = [(size, size_name(kind, size)) for size in SIZES]
            chart.add(title(server), curves.points(named, server))
        yield f"sizes-{kind}", chart


LOAD_TITLES = {"echo": "Echo", "broadcast": "Broadcast to 1,000", "sio-echo": "Socket.IO echo"}


def load_charts(curves):
    for kind, what in LOAD_TITLES.items():
        chart = Chart(
            f"{what}: latency at a fixed rate",
            "percent of Yodel's capacity",
            "us",
            log_x=False,
            log_y=True,
        )
        named = [(percent, f"load-{kind}-{percent}") for percent in LOADS]
        for server in (YODEL, UWS, SIO_ON_UWS, EPOLL):
            for key, percentile in (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9")):
                if percentile != "p50" or server == YODEL:
                    name = f"{short_title(server)}, {percentile}"
                    chart.add(name, curves.points(named, server, key))
                    chart.dashed += (name,) if percentile == "p99.9" else ()
        yield f"load-{kind}", chart


def charts(figures):
    curves = Curves(figures)
    for part in (connection_charts, group_charts, size_charts, load_charts):
        yield from part(curves)


def share_rows(figures):
    """CPU time of the servers in each kept scenario."""
    for scenario in SCENARIOS:
        for server, kept in figures["scenarios"].get(scenario.name, {}).items():
            base = figures["scenarios"][scenario.name].get(YODEL, {}).get("server_cpu_us")
            cpu, user = kept.get("server_cpu_us"), kept.get("server_user_us")
            yield [
                scenario.name,
                title(server),
                f"{cpu:.2f}" if cpu else "-",
                f"{cpu / base:.2f}" if cpu and base else "-",
                f"{user:.2f}" if user else "-",
                *(f"{kept[key]:,.0f}" if key in kept else "-" for key in KEPT[2:6]),
            ]
