# SPDX-License-Identifier: MIT
"""The servers that are compared: how each starts, and where each kind of load is served."""

import importlib.util
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
PEERS = BENCH / "peers"

OLDER = "older"  # the build that --against names
EVENTS = "yodel-events"


@dataclass(frozen=True)
class Endpoint:
    """A path and the templates of its messages; {} stands for the generated text."""

    path: str
    send: str = "{}"
    expect: str = "{}"
    mode: str | None = None  # of the load generator; None: the scenario's


@dataclass(frozen=True)
class Server:
    name: str
    title: str
    command: tuple[str, ...]  # "{port}" stands for the port
    endpoints: dict[str, Endpoint]  # by the kind of a scenario
    files: tuple[Path, ...] = ()  # must exist
    modules: tuple[str, ...] = ()  # Python modules that must exist
    environment: dict[str, str] = field(default_factory=dict)
    tls_arguments: tuple[str, ...] = ()  # that make it speak TLS; "{cert}", "{key}": the files
    on_demand: bool = False  # only when named by --only

    def serves(self, scenario):
        return (
            scenario.kind in self.endpoints
            and (self.tls_arguments or not scenario.tls)
            and (not scenario.servers or self.name in scenario.servers)
        )

    def missing(self):
        """What it lacks to run, or None."""
        if shutil.which(self.command[0]) is None:
            return f"no program {Path(self.command[0]).name}"
        for path in self.files:
            if not path.exists():
                return f"no {path.relative_to(BENCH)}"
        for module in self.modules:
            if importlib.util.find_spec(module) is None:
                return f"no Python module {module}"
        return None


ECHO = Endpoint("/echo")
BROADCAST = Endpoint("/broadcast")
APP_ECHO = Endpoint("/ws", expect="Echo: {}")
CHAT_MESSAGE = '{"message":"{}"}'


def socket_io(transport, event):
    packet = f'42["{event}","{{}}"]'
    return Endpoint(f"/socket.io/?EIO=4&transport={transport}", packet, packet)


SOCKET_IO = {
    "sio-echo": socket_io("websocket", "message"),
    "sio-broadcast": socket_io("websocket", "broadcast"),
    "sio-polling": socket_io("polling", "message"),
}


YODEL_TLS = ("--cert", "{cert}", "--key", "{key}")


def yodel(build, name="yodel", title="Yodel", tls_arguments=YODEL_TLS, **more):
    return Server(
        name=name,
        title=title,
        command=(str(build / "bench" / "yodel_server"), "--loops", "1", "--port", "{port}"),
        endpoints={
            "echo": ECHO,
            "broadcast": BROADCAST,
            "app-echo": APP_ECHO,
            "fan-out": BROADCAST,
            "chat": Endpoint("/chat/bench", CHAT_MESSAGE, CHAT_MESSAGE),
            **SOCKET_IO,
        },
        tls_arguments=tls_arguments,
        **more,
    )


def event_readers(build):
    """The same server, whose receivers are EventSource readers: in turn with its WebSockets."""
    return Server(
        name=EVENTS,
        title="Yodel, to EventSource readers",
        command=(str(build / "bench" / "yodel_server"), "--loops", "1", "--port", "{port}"),
        endpoints={"fan-out": Endpoint("/events", mode="sse-broadcast")},
    )


def older_yodel(build):
    """Another build of ours.  Without TLS: its server may not know those arguments."""
    return yodel(build, OLDER, f"Yodel in {build}", tls_arguments=())


def node_peer(name, title, script, packages, endpoints, **more):
    return Server(
        name=name,
        title=title,
        command=("node", str(PEERS / script), "{port}"),
        endpoints=endpoints,
        files=tuple(BENCH / "node_modules" / package for package in packages),
        **more,
    )


def python_peer(name, title, script, modules, endpoints, arguments=(), **more):
    return Server(
        name=name,
        title=title,
        command=(sys.executable, str(PEERS / script), "{port}", *arguments),
        endpoints=endpoints,
        modules=modules,
        **more,
    )


WEBSOCKET = {"echo": ECHO, "broadcast": BROADCAST}
UWS = "@trufflesuite/uws-js-unofficial"


def websocket_peers(build):
    return [
        Server(
            name="bare-epoll",
            title="bare epoll loop",
            command=(str(build / "bench" / "bare_epoll"), "{port}"),
            endpoints=WEBSOCKET,
        ),
        node_peer(
            "uwebsockets",
            "uWebSockets.js",
            "uws.mjs",
            (UWS,),
            WEBSOCKET,
            tls_arguments=("{cert}", "{key}"),
        ),
        Server(
            name="libwebsockets",
            title="libwebsockets",
            command=(str(build / "bench" / "libwebsockets"), "{port}"),
            endpoints={"echo": ECHO},
        ),
        node_peer("ws", "node ws", "ws.mjs", ("ws",), WEBSOCKET),
        python_peer(
            "fastapi",
            "FastAPI on uvicorn",
            "fastapi_app.py",
            ("fastapi", "uvicorn", "uvloop", "httptools", "websockets"),
            {**WEBSOCKET, "app-echo": APP_ECHO},
        ),
        python_peer(
            "channels",
            "Channels on daphne",
            "channels_app.py",
            ("channels", "daphne"),
            {"chat": Endpoint("/ws/chat/bench/", CHAT_MESSAGE, '{"message": "{}"}')},
        ),
    ]


def flask_peer(mode, modules, **more):
    return python_peer(
        f"flask-{mode}",
        f"Flask-SocketIO on {mode}",
        "flask_socketio_app.py",
        ("flask_socketio", *modules),
        SOCKET_IO,
        arguments=(mode,),
        **more,
    )


def socket_io_peers():
    return [
        node_peer("socketio", "node socket.io", "socketio.mjs", ("socket.io",), SOCKET_IO),
        node_peer(
            "socketio-uws",
            "socket.io on uWebSockets.js",
            "socketio_uws.mjs",
            ("socket.io", UWS),
            SOCKET_IO,
        ),
        flask_peer("gevent", ("gevent", "geventwebsocket")),
        flask_peer("eventlet", ("eventlet",), on_demand=True),
    ]


def all_servers(build, against=None):
    """Every server, Yodel first; build is the build directory, against another one to compare."""
    return [
        yodel(build),
        event_readers(build),
        *([older_yodel(against)] if against is not None else []),
        yodel(
            build,
            "yodel-libuv",
            "Yodel on libuv",
            environment={"YODEL_BACKEND": "libuv"},
            on_demand=True,
        ),
        *websocket_peers(build),
        *socket_io_peers(),
    ]
