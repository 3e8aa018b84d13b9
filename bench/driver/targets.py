# SPDX-License-Identifier: MIT
"""What the figures must reach."""

from dataclasses import dataclass

from .report import BASE, UWS, Outcome, growth, markdown_table, median_of, median_ratio, number
from .scale_report import find
from .scale_report import growth as growth_of_scale
from .scenarios import KIB, SIZE_KINDS, SIZES, size_name
from .servers import EVENTS, OLDER


@dataclass(frozen=True)
class Target:
    text: str
    limit: float
    measured: float | None
    at_least: bool = False

    def verdict(self):
        if self.measured is None:
            return "not measured"
        reached = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return "pass" if reached else "FAIL"

    def row(self):
        bound = f"at {'least' if self.at_least else 'most'} {self.limit:g}"
        return [self.text, number(self.measured, 2), bound, self.verdict()]


LIBUV, URING, SIO_ON_UWS, LEVEL_6 = "yodel-libuv", "bare-uring", "socketio-uws", "yodel-level6"
POSSESSIVE = {
    UWS: "uWebSockets.js'",
    URING: "the bare io_uring loop's",
    SIO_ON_UWS: "socket.io's on uWebSockets.js",
}

# Scenario, whose CPU time is 1, and the most that Yodel's may be.
SHARES = [
    ("echo-64b", UWS, 0.95),
    ("echo-100", UWS, 0.95),
    ("echo-1000", UWS, 0.95),
    ("echo-100", URING, 1.05),
    ("echo-1000", URING, 1.05),
    ("echo-100x16", UWS, 0.9),
    *((size_name("echo", size), UWS, 0.95) for size in SIZES if size >= 4 * KIB),
    ("broadcast-1000", UWS, 0.65),
    ("broadcast-1000x8", UWS, 0.6),
    ("broadcast-1000", URING, 1.1),
    ("broadcast-1000x8", URING, 1.1),
    ("wss-echo-64b", UWS, 1.0),
    ("wss-echo-1k", UWS, 1.0),
    ("wss-echo-16k", UWS, 0.95),
    ("sio-broadcast-1000", SIO_ON_UWS, 0.65),
    ("sio-broadcast-1000x8", SIO_ON_UWS, 0.5),
]


def share_targets(outcome):
    for scenario, server, limit in SHARES:
        yield Target(
            f"{scenario}: CPU per message, as a share of {POSSESSIVE[server]}",
            limit,
            outcome.share(scenario, server),
        )
    for scenario in ("broadcast-1000", "broadcast-1000x8"):
        yield Target(
            f"{scenario}: CPU per delivery on libuv, as a share of {POSSESSIVE[UWS]}",
            1.0,
            outcome.share(scenario, UWS, LIBUV),
        )


def deflate_targets(outcome):
    """At the level and the windows of uWebSockets.js."""
    for scenario in (
        f"deflate-{kind}-{size}" for kind in ("shared", "context9") for size in ("64b", "1k")
    ):
        ours = LEVEL_6 if outcome.rounds(scenario, LEVEL_6) else BASE
        yield Target(
            f"{scenario}: CPU per message, as a share of {POSSESSIVE[UWS]} at the same window",
            0.9,
            outcome.share(scenario, UWS, ours),
        )


def own_targets(outcome):
    """Of Yodel against Yodel."""
    yield Target(
        "Socket.IO echo: CPU per message, as a share of the WebSocket echo's",
        1.1,
        outcome.between("sio-echo-100", "echo-100"),
    )
    yield Target(
        "long polling echo: CPU per message, as a share of the WebSocket echo's",
        3.0,
        outcome.between("sio-polling", "echo-100"),
    )
    yield Target(
        "broadcast to EventSource readers: CPU per delivery, as a share of a WebSocket's",
        1.1,
        median_ratio(outcome.rounds("sse", EVENTS), outcome.rounds("sse", BASE), "server_cpu_us"),
    )


def latency_targets(outcome):
    for scenario, server in (
        ("load-echo-60", UWS),
        ("load-broadcast-60", UWS),
        ("load-sio-echo-60", SIO_ON_UWS),
    ):
        yield Target(
            f"{scenario}: p99, as a share of {POSSESSIVE[server]}",
            1.0,
            outcome.share(scenario, server, key="p99_us"),
        )


def scale_targets(scale):
    for kind, title in (("echo", "WebSocket"), ("sio-echo", "Socket.IO")):
        for which, active in (("some", "100 active"), ("all", "all active")):
            yield Target(
                f"{title} echo, {active}: CPU per message at 100,000 connections over 1,000",
                1.5,
                growth_of_scale(scale, kind, which),
            )


def churn_targets(churn):
    for row in churn:
        if row["server"] == BASE:
            yield Target(
                f"{row['kind']}: resident memory after 100,000 connections, that before being 1",
                1.1,
                row["resident_after"] / row["resident_before"],
            )


def memory_targets(outcome, scale):
    """Of ten thousand that rest, by the scenario, else by the scale."""
    for title, limit, scenario, kind in (
        ("WebSocket", 256, "idle", "echo"),
        ("Socket.IO client", 1024, "sio-idle", "sio-echo"),
    ):
        measured = outcome.idle(scenario)
        if measured is None and scale and (row := find(scale["scale"], kind, 10000)):
            measured = row["user_bytes"]
        yield Target(f"idle {title}: bytes of user memory", limit, measured)


# ---- several nodes ----


def times_of(outcome, scenario, server, base):
    return median_ratio(
        outcome.rounds(scenario, server), outcome.rounds(scenario, base), "server_cpu_us"
    )


NODES_TARGETS = [
    ("nodes-sio", "socketio-redis", "yodel-classic", "node socket.io with redis-adapter", 5),
    ("nodes-sio-x8", "socketio-redis", "yodel-classic", "node socket.io with redis-adapter", 5),
    ("nodes-sio-python", "flask-redis", "yodel-python", "Flask-SocketIO with a queue", 5),
    ("nodes-chat", "channels-core", "yodel-core", "Channels on daphne, core", 20),
    ("nodes-chat", "channels-pubsub", "yodel-pubsub", "Channels on daphne, pubsub", 20),
]


def nodes_targets(outcome):
    for scenario, server, base, title, limit in NODES_TARGETS:
        yield Target(
            f"{scenario}: CPU per delivery of {title}, Yodel's being 1",
            limit,
            times_of(outcome, scenario, server, base),
            at_least=True,
        )
    yield Target(
        "message to a room that has nobody here: CPU of the node that drops it, us",
        1.5,
        median_of(outcome.rounds("nodes-foreign", "yodel-drops"), "server_cpu_us"),
    )


# ---- Python's programs ----

PYTHON_TARGETS = [
    ("py-echo-1", "yodel-fastapi", "fastapi", "uvicorn with uvloop", 0.8),
    ("py-echo-100", "yodel-fastapi", "fastapi", "uvicorn with uvloop", 0.5),
    ("py-echo-100x16", "yodel-fastapi", "fastapi", "uvicorn with uvloop", 0.3),
    ("py-echo-100", "yodel-fastapi", "fastapi-daphne", "daphne", 0.15),
    ("py-chat-200", "yodel-channels", "channels", "daphne", 0.15),
    ("py-sio-echo-100", "yodel-flask", "flask-gevent", "gevent", 0.4),
    ("py-sio-broadcast-200", "yodel-flask", "flask-gevent", "gevent", 0.2),
]


def python_targets(outcome):
    for scenario, ours, theirs, title, limit in PYTHON_TARGETS:
        yield Target(
            f"{scenario}: CPU per message on Yodel, as a share of {title}'s",
            limit,
            times_of(outcome, scenario, ours, theirs),
        )
    yield Target(
        "idle FastAPI WebSocket: bytes of user memory",
        14 * 1024,
        median_of(outcome.rounds("py-idle", "yodel-fastapi"), "private_dirty_bytes"),
    )
    yield Target(
        "py-workers: messages a second of two workers, one worker's being 1",
        1.8,
        median_ratio(
            outcome.rounds("py-workers", "yodel-fastapi-2"),
            outcome.rounds("py-workers", "yodel-fastapi"),
            "per_second",
        ),
        at_least=True,
    )


def size_targets(outcome):
    """Those of sizes that have no target of their own, and the growth with the size."""
    named = {scenario for scenario, server, _ in SHARES if server == UWS}
    for kind in SIZE_KINDS:
        for i, size in enumerate(SIZES):
            name = size_name(kind, size)
            if name not in named:
                yield Target(
                    f"{name}: CPU per message, as a share of uWebSockets.js'",
                    1.0,
                    outcome.share(name, UWS),
                )
            if i > 0:
                yield Target(
                    f"{name}: CPU per byte, that of the next smaller size being 1",
                    1.5,
                    growth(outcome, kind, i),
                )


def older_targets(outcome):
    for scenario, servers in outcome.results.items():
        if OLDER in servers and not scenario.endswith("idle"):
            yield Target(
                f"{scenario}: CPU per message, as a share of the older build's",
                1.02,
                outcome.share(scenario, OLDER),
            )


def targets_table(results, scale=None):
    outcome = Outcome(results)
    targets = [
        *share_targets(outcome),
        *deflate_targets(outcome),
        *own_targets(outcome),
        *latency_targets(outcome),
        *memory_targets(outcome, scale),
        *nodes_targets(outcome),
        *python_targets(outcome),
        *size_targets(outcome),
        *older_targets(outcome),
        *(scale_targets(scale["scale"]) if scale else ()),
        *(churn_targets(scale["churn"]) if scale else ()),
    ]
    rows = [target.row() for target in targets if target.measured is not None]
    table = markdown_table(["target", "measured", "limit", "verdict"], rows)
    return f"### Targets\n\n{table}\n"


