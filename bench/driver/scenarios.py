# SPDX-License-Identifier: MIT
"""What is measured."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    mode: str  # of the load generator
    kind: str  # of endpoint
    connections: int
    in_flight: int = 1
    size: int = 20  # bytes of generated text in a message
    metric: str = "server_cpu_us"  # what is compared
    max_rounds: int = 100
    tls: bool = False
    json: bool = False  # JSON texts, each another one, instead of letters
    deflate: str = ""  # "shared", "context"; none: not offered
    window: int = 15  # bits of the server's deflate at most
    groups: int = 0  # connections are spread over so many; each is a broadcast of its own
    load: float = 0  # the share of Yodel's capacity that is sent, answered or not; 0: closed loop
    capacity: str = ""  # the scenario in which it is measured
    nodes: int = 1  # or 2, with Redis between them
    measures_other: bool = False  # of two nodes the one that has no client
    servers: tuple[str, ...] = ()  # the only ones that take part; none: all that can
    on_demand: bool = False  # only when named by --only
    spreads: bool = False  # the server may use all CPUs, as its workers are what is looked at

    def arguments(self, mode=None, rate=None):
        return [
            mode or self.mode,
            *("--connections", str(self.connections)),
            *("--in-flight", str(self.in_flight)),
            *("--size", str(self.size)),
            *(["--tls"] if self.tls else []),
            *(["--json"] if self.json else []),
            *(["--groups", str(self.groups)] if self.groups else []),
            *(["--rate", f"{rate:.1f}"] if rate else []),
            *(["--deflate", self.deflate] if self.deflate else []),
            *(["--window", str(self.window)] if self.window < 15 else []),
        ]


KIB = 1024
SIZES = (64, 1 * KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB)
SIZE_KINDS = {
    "echo": "Echo: 100 connections, 1 in flight",
    "wss-echo": "Echo over TLS: 100 connections, 1 in flight",
    "broadcast-100": "Broadcast to 100 receivers, 1 in flight (a message is one delivery)",
}


def size_name(kind, size):
    return f"{kind}-{size}b" if size < KIB else f"{kind}-{size // KIB}k"


def size_title(size):
    return f"{size} B" if size < KIB else f"{size // KIB} KiB"


def size_scenario(kind, size):
    mode = "broadcast" if kind.startswith("broadcast") else "echo"
    return Scenario(
        size_name(kind, size),
        f"{SIZE_KINDS[kind]}, {size_title(size)}",
        mode,
        mode,
        100,
        size=size,
        tls=kind.startswith("wss"),
        servers=("yodel", "older", "uwebsockets"),
    )


SIZE_SCENARIOS = [size_scenario(kind, size) for kind in SIZE_KINDS for size in SIZES]

JSON_SIZES = {"64b": (64, "64 B"), "1k": (KIB, "1 KiB")}
DEFLATE_KINDS = {
    "shared": ("shared", 15, "deflated, no context kept"),
    "context": ("context", 15, "deflated, contexts kept"),
    # What uWebSockets.js keeps, whatever window it is configured with and agrees to.
    "context9": ("context", 9, "deflated, contexts kept, windows of 512 bytes in the server"),
}


def deflate_scenarios():
    for short, (size, title) in JSON_SIZES.items():
        echo = f"Echo of JSON texts: 100 connections, 1 in flight, {title}"
        plain = Scenario(f"json-{short}", echo, "echo", "echo", 100, size=size, json=True)
        yield replace(plain, servers=("yodel", "older", "uwebsockets"))
        for kind, (deflate, window, how) in DEFLATE_KINDS.items():
            yield replace(
                plain,
                name=f"deflate-{kind}-{short}",
                title=f"{echo}, {how}",
                kind=f"deflate-{deflate}",
                deflate=deflate,
                window=window,
                servers=(),
            )
    yield Scenario(
        "deflate-broadcast",
        "Broadcast of JSON texts to 1000 receivers, 1 in flight, 1 KiB, deflated, no context kept"
        " (a message is one delivery)",
        "broadcast",
        "deflate-broadcast",
        1000,
        size=1024,
        json=True,
        deflate="shared",
    )


DEFLATE_SCENARIOS = list(deflate_scenarios())

GROUP_NUMBERS = (1, 10, 100, 1000)
GROUP_SIZES = (1, 100, 10000)
LOADS = (30, 60, 80)  # percent of the capacity


def group_scenarios():
    delivery = "20 bytes (a message is one delivery)"
    for number in GROUP_NUMBERS:
        yield Scenario(
            f"groups-{number}",
            f"Broadcasts at once, groups of {1000 // number}, 1000 connections in all, {delivery}",
            "broadcast",
            "groups",
            1000,
            groups=number,
            servers=("yodel", "older", "uwebsockets"),
        )
    for size in GROUP_SIZES:
        yield Scenario(
            f"group-of-{size}",
            f"Broadcast to a group of {size}, {delivery}",
            "broadcast",
            "groups",
            size,
            groups=1,
            servers=("yodel", "older", "uwebsockets"),
        )
    for number in (1, 1000):
        yield Scenario(
            f"member-of-{number}",
            f"Broadcast to 100 members, groups that each is in: {number}, {delivery}",
            "broadcast",
            f"many-{number}",
            100,
            servers=("yodel", "older", "uwebsockets"),
        )


def load_scenarios():
    kinds = {
        "echo": ("echo-100", "Echo: 100 connections, 20 bytes"),
        "broadcast": ("broadcast-1000", "Broadcast to 1000 receivers, 20 bytes"),
        "sio-echo": ("sio-echo-100", "Socket.IO echo: 100 connections, 20 bytes"),
    }
    for kind, (capacity, title) in kinds.items():
        for percent in LOADS:
            yield Scenario(
                f"load-{kind}-{percent}",
                f"{title}, a fixed rate: {percent} % of Yodel's capacity",
                kind,
                kind,
                1000 if kind == "broadcast" else 100,
                metric="p99_us",
                load=percent / 100,
                capacity=capacity,
                servers=("yodel", "older", "bare-epoll", "uwebsockets", "socketio-uws"),
            )


GROUP_SCENARIOS = list(group_scenarios())
LOAD_SCENARIOS = list(load_scenarios())

PYTHON_SCENARIOS = [
    Scenario("py-echo-1", "FastAPI echo: 1 connection, 1 in flight", "echo", "py-echo", 1),
    Scenario("py-echo-100", "FastAPI echo: 100 connections, 1 in flight", "echo", "py-echo", 100),
    Scenario(
        "py-echo-100x16", "FastAPI echo: 100 connections, 16 in flight", "echo", "py-echo", 100, 16
    ),
    Scenario(
        "py-chat-200",
        "Channels room of 200 with typed events, 1 in flight (a message is one delivery)",
        "broadcast",
        "py-chat",
        200,
    ),
    Scenario(
        "py-sio-echo-100",
        "Flask-SocketIO echo: 100 connections, 1 in flight",
        "sio-echo",
        "py-sio-echo",
        100,
    ),
    Scenario(
        "py-sio-broadcast-200",
        "Flask-SocketIO broadcast to 200, 1 in flight (a message is one delivery)",
        "sio-broadcast",
        "py-sio-broadcast",
        200,
    ),
    Scenario(
        "py-idle",
        "Idle FastAPI WebSockets: 2000, each after one echo",
        "idle",
        "py-echo",
        2000,
        metric="private_dirty_bytes",
        max_rounds=2,
        servers=("yodel-fastapi", "fastapi"),
    ),
    Scenario(
        "py-workers",
        "FastAPI handlers that compute for about 1 ms: 32 connections, 1 and 2 workers",
        "echo",
        "py-compute",
        32,
        metric="per_second",
        spreads=True,
    ),
]

SCENARIOS = [
    Scenario("echo-100", "Echo: 100 connections, 1 in flight, 20 bytes", "echo", "echo", 100),
    Scenario(
        "echo-100-1k", "Echo: 100 connections, 1 in flight, 1 KiB", "echo", "echo", 100, size=1024
    ),
    Scenario(
        "echo-100x16", "Echo: 100 connections, 16 in flight, 20 bytes", "echo", "echo", 100, 16
    ),
    Scenario("echo-1000", "Echo: 1000 connections, 1 in flight, 20 bytes", "echo", "echo", 1000),
    Scenario(
        "broadcast-1000",
        "Broadcast to 1000 receivers, 1 in flight, 20 bytes (a message is one delivery)",
        "broadcast",
        "broadcast",
        1000,
    ),
    Scenario(
        "broadcast-1000x8",
        "Broadcast to 1000 receivers, 8 in flight, 20 bytes (a message is one delivery)",
        "broadcast",
        "broadcast",
        1000,
        8,
    ),
    Scenario(
        "sse",
        "Broadcast to 1000 EventSource readers and to 1000 WebSockets in turn, 20 bytes",
        "broadcast",
        "fan-out",
        1000,
        servers=("yodel", "yodel-events", "node-events"),
    ),
    Scenario(
        "app-echo",
        'Application answering "Echo: X": 100 connections, 1 in flight',
        "echo",
        "app-echo",
        100,
    ),
    Scenario(
        "chat",
        "Chat room with typed events: 100 members, 1 in flight (a message is one delivery)",
        "broadcast",
        "chat",
        100,
    ),
    Scenario(
        "idle",
        "Idle: 10000 connections, each after one echo",
        "idle",
        "echo",
        10000,
        metric="private_dirty_bytes",
        max_rounds=2,
    ),
    Scenario(
        "connect",
        "Connect, handshake and close: 32 at a time (a message is one connection)",
        "connect",
        "echo",
        32,
    ),
    Scenario(
        "sio-echo-100",
        "Socket.IO echo: 100 connections, 1 in flight, 20 bytes",
        "sio-echo",
        "sio-echo",
        100,
    ),
    Scenario(
        "sio-echo-100x16",
        "Socket.IO echo: 100 connections, 16 in flight, 20 bytes",
        "sio-echo",
        "sio-echo",
        100,
        16,
    ),
    Scenario(
        "sio-broadcast-1000",
        "Socket.IO broadcast to 1000 clients, 1 in flight, 20 bytes (a message is one delivery)",
        "sio-broadcast",
        "sio-broadcast",
        1000,
    ),
    Scenario(
        "sio-broadcast-1000x8",
        "Socket.IO broadcast to 1000 clients, 8 in flight, 20 bytes (a message is one delivery)",
        "sio-broadcast",
        "sio-broadcast",
        1000,
        8,
    ),
    Scenario(
        "sio-polling",
        "Socket.IO echo over long polling: 100 clients, 1 in flight, 20 bytes",
        "sio-polling",
        "sio-polling",
        100,
    ),
    Scenario(
        "sio-idle",
        "Idle Socket.IO: 10000 clients on WebSocket, each after one echo",
        "sio-idle",
        "sio-echo",
        10000,
        metric="private_dirty_bytes",
        max_rounds=2,
    ),
    Scenario(
        "sio-connect",
        "Socket.IO connect and close: 32 at a time (a message is one client)",
        "sio-connect",
        "sio-echo",
        32,
    ),
    Scenario(
        "nodes-sio",
        "Socket.IO broadcast to 500 clients on each of two nodes, 1 in flight, 20 bytes"
        " (a message is one delivery)",
        "sio-broadcast",
        "nodes-sio",
        1000,
        nodes=2,
    ),
    Scenario(
        "nodes-sio-x8",
        "Socket.IO broadcast to 500 clients on each of two nodes, 8 in flight, 20 bytes"
        " (a message is one delivery)",
        "sio-broadcast",
        "nodes-sio",
        1000,
        8,
        nodes=2,
    ),
    Scenario(
        "nodes-sio-python",
        "Socket.IO broadcast to 500 clients on each of two nodes, by python-socketio's form"
        " (a message is one delivery)",
        "sio-broadcast",
        "nodes-sio-python",
        1000,
        nodes=2,
    ),
    Scenario(
        "nodes-chat",
        "Chat room with typed events by channels_redis: 50 members on each of two nodes,"
        " 1 in flight (a message is one delivery)",
        "broadcast",
        "nodes-chat",
        100,
        nodes=2,
    ),
    Scenario(
        "nodes-foreign",
        "Messages to a room that has nobody here: CPU of the node that drops them",
        "sio-echo",
        "nodes-foreign",
        100,
        nodes=2,
        measures_other=True,
    ),
    *SIZE_SCENARIOS,
    *DEFLATE_SCENARIOS,
    *GROUP_SCENARIOS,
    *LOAD_SCENARIOS,
    *(replace(scenario, on_demand=True) for scenario in PYTHON_SCENARIOS),
]

# Names for several scenarios at once.
SETS = {
    "sizes": tuple(scenario.name for scenario in SIZE_SCENARIOS),
    "deflate": tuple(scenario.name for scenario in DEFLATE_SCENARIOS),
    "groups": tuple(scenario.name for scenario in GROUP_SCENARIOS),
    "load": tuple(scenario.name for scenario in LOAD_SCENARIOS),
    # What docs/performance.md shows, with the servers it shows.
    "curves": (
        *("yodel-libuv", "bare-epoll", "bare-uring", "uwebsockets", "socketio-uws"),
        *("echo-100", "echo-1000", "echo-100x16", "broadcast-1000", "broadcast-1000x8"),
        *("sio-echo-100", "sio-broadcast-1000", "sio-broadcast-1000x8", "sio-polling"),
        *(size_name(kind, size) for kind in ("echo", "wss-echo") for size in SIZES),
        *(scenario.name for scenario in (*GROUP_SCENARIOS, *LOAD_SCENARIOS)),
    ),
    "nodes": ("nodes-sio", "nodes-sio-x8", "nodes-sio-python", "nodes-chat", "nodes-foreign"),
    "python": tuple(scenario.name for scenario in PYTHON_SCENARIOS),
    "short": ("echo-100", "echo-100x16", "broadcast-1000", "broadcast-1000x8"),
    "short-sio": (
        "sio-echo-100",
        "sio-echo-100x16",
        "sio-broadcast-1000",
        "sio-broadcast-1000x8",
    ),
}
