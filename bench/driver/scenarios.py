# SPDX-License-Identifier: MIT
"""What is measured."""

from dataclasses import dataclass


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
    servers: tuple[str, ...] = ()  # the only ones that take part; none: all that can

    def arguments(self, mode=None):
        return [
            mode or self.mode,
            *("--connections", str(self.connections)),
            *("--in-flight", str(self.in_flight)),
            *("--size", str(self.size)),
            *(["--tls"] if self.tls else []),
        ]


SIZES = (1, 4, 16, 64, 256, 1024)  # KiB
SIZE_KINDS = {
    "echo": "Echo: 100 connections, 1 in flight",
    "wss-echo": "Echo over TLS: 100 connections, 1 in flight",
    "broadcast-100": "Broadcast to 100 receivers, 1 in flight (a message is one delivery)",
}


def size_name(kind, kib):
    return f"{kind}-{kib}k"


def size_scenario(kind, kib):
    mode = "broadcast" if kind.startswith("broadcast") else "echo"
    return Scenario(
        size_name(kind, kib),
        f"{SIZE_KINDS[kind]}, {kib} KiB",
        mode,
        mode,
        100,
        size=kib * 1024,
        tls=kind.startswith("wss"),
        servers=("yodel", "older", "uwebsockets"),
    )


SIZE_SCENARIOS = [size_scenario(kind, kib) for kind in SIZE_KINDS for kib in SIZES]

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
        servers=("yodel", "yodel-events"),
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
    *SIZE_SCENARIOS,
]

# Names for several scenarios at once.
SETS = {
    "sizes": tuple(scenario.name for scenario in SIZE_SCENARIOS),
    "short": ("echo-100", "echo-100x16", "broadcast-1000", "broadcast-1000x8"),
    "short-sio": (
        "sio-echo-100",
        "sio-echo-100x16",
        "sio-broadcast-1000",
        "sio-broadcast-1000x8",
    ),
}
