# SPDX-License-Identifier: MIT
"""The servers that are compared: how each starts, and where each kind of load is served."""

import importlib.util
import shutil
import sys
from dataclasses import dataclass, field, replace
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
    is_silent: bool = False  # does not say its port: "{free}" in command stands for one that is free

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
                return f"no {path}"
        for module in self.modules:
            if importlib.util.find_spec(module) is None:
                return f"no Python module {module}"
        return None


ECHO = Endpoint("/echo")
BROADCAST = Endpoint("/broadcast")
APP_ECHO = Endpoint("/ws", expect="Echo: {}")
DEFLATE = {
    "deflate-shared": Endpoint("/shared"),
    "deflate-context": Endpoint("/context"),
    "deflate-broadcast": Endpoint("/shared/broadcast"),
}
GROUPS = {
    "groups": Endpoint("/groups/{}"),
    **{f"many-{number}": Endpoint(f"/many/{number}") for number in (1, 1000)},
}
EVENTS_ENDPOINT = Endpoint("/events", mode="sse-broadcast")
CHAT_MESSAGE = '{"message":"{}"}'


def socket_io(transport, event):
    packet = f'42["{event}","{{}}"]'
    return Endpoint(f"/socket.io/?EIO=4&transport={transport}", packet, packet)


SOCKET_IO = {
    "sio-echo": socket_io("websocket", "message"),
    "sio-broadcast": socket_io("websocket", "broadcast"),
    "sio-polling": socket_io("polling", "message"),
}


NODES_SIO = {
    kind: socket_io("websocket", event)
    for kind, event in {
        "nodes-sio": "broadcast",
        "nodes-sio-python": "broadcast",
        "nodes-foreign": "foreign",
    }.items()
}


def only(endpoints, *kinds):
    return {kind: endpoints[kind] for kind in kinds}


YODEL_TLS = ("--cert", "{cert}", "--key", "{key}")


def yodel_libuv(build):
    """The other backend, in the scenarios that are about backends."""
    server = yodel(build, "yodel-libuv", "Yodel on libuv", environment={"YODEL_BACKEND": "libuv"})
    return replace(server, endpoints=only(server.endpoints, "echo", "broadcast", "sio-broadcast"))


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
            **DEFLATE,
            **GROUPS,
            **SOCKET_IO,
        },
        tls_arguments=tls_arguments,
        **more,
    )


def yodel_level(build, level):
    """Another level of permessage-deflate: 6 is that of the peers."""
    arguments = ("--loops", "1", "--port", "{port}", "--deflate-level", str(level))
    server = yodel(build, f"yodel-level{level}", f"Yodel, level {level}")
    return replace(server, command=(server.command[0], *arguments), endpoints=DEFLATE)


def yodel_node(build, name, form, kind, endpoint):
    """A node of two that Redis joins; form: of what they publish."""
    return Server(
        name=name,
        title=f"Yodel, {form}",
        command=(
            str(build / "bench" / "yodel_server"),
            *("--loops", "1", "--port", "{port}", "--redis", "{redis}", "--form", form),
        ),
        endpoints={kind: endpoint},
    )


def yodel_nodes(build):
    chat = Endpoint("/chat/bench", CHAT_MESSAGE, CHAT_MESSAGE)
    return [
        yodel_node(build, "yodel-classic", "classic", "nodes-sio", NODES_SIO["nodes-sio"]),
        yodel_node(build, "yodel-sharded", "sharded", "nodes-sio", NODES_SIO["nodes-sio"]),
        yodel_node(build, "yodel-streams", "streams", "nodes-sio", NODES_SIO["nodes-sio"]),
        yodel_node(build, "yodel-python", "python", "nodes-sio-python", NODES_SIO["nodes-sio"]),
        yodel_node(build, "yodel-core", "core", "nodes-chat", chat),
        yodel_node(build, "yodel-pubsub", "pubsub", "nodes-chat", chat),
        yodel_node(build, "yodel-drops", "classic", "nodes-foreign", NODES_SIO["nodes-foreign"]),
    ]


def node_peers():
    chat = Endpoint("/ws/chat/bench/", CHAT_MESSAGE, '{"message": "{}"}')
    return [
        node_peer(
            "socketio-redis",
            "node socket.io with redis-adapter",
            "socketio_redis.mjs",
            ("socket.io", "ioredis", "@socket.io/redis-adapter"),
            only(NODES_SIO, "nodes-sio", "nodes-foreign"),
            arguments=("{redis}",),
        ),
        python_peer(
            "flask-redis",
            "Flask-SocketIO on gevent with a message queue",
            "flask_socketio_app.py",
            ("flask_socketio", "gevent", "geventwebsocket", "redis"),
            only(NODES_SIO, "nodes-sio-python"),
            arguments=("gevent", "{redis}"),
        ),
        *(
            python_peer(
                f"channels-{form}",
                f"Channels on daphne, channels_redis {form}",
                "channels_app.py",
                ("channels", "daphne", "channels_redis"),
                {"nodes-chat": chat},
                arguments=("{redis}", form),
            )
            for form in ("core", "pubsub")
        ),
    ]


def event_readers(build):
    """The same server, whose receivers are EventSource readers: in turn with its WebSockets."""
    return Server(
        name=EVENTS,
        title="Yodel, to EventSource readers",
        command=(str(build / "bench" / "yodel_server"), "--loops", "1", "--port", "{port}"),
        endpoints={"fan-out": EVENTS_ENDPOINT},
    )


def older_yodel(build):
    """Another build of ours.  Without TLS: its server may not know those arguments."""
    revision = build.parent.parent  # as --compare builds it
    place = f"at {revision.name[:10]}" if revision.parent.name == "compare" else f"in {build}"
    return yodel(build, OLDER, f"Yodel {place}", tls_arguments=())


def node_peer(name, title, script, packages, endpoints, arguments=(), **more):
    return Server(
        name=name,
        title=title,
        command=("node", str(PEERS / script), "{port}", *arguments),
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


# Of those that stand in charts and tables of kept figures.
TITLES = {
    "yodel": "Yodel",
    "yodel-libuv": "Yodel on libuv",
    "yodel-level6": "Yodel at level 6",
    "older": "another Yodel",
    "uwebsockets": "uWebSockets.js",
    "socketio-uws": "socket.io on uWebSockets.js",
    "bare-epoll": "bare epoll loop",
    "bare-uring": "bare io_uring loop",
}

WEBSOCKET = {"echo": ECHO, "broadcast": BROADCAST}
UWS = "@trufflesuite/uws-js-unofficial"


def python_yodel(build, name, title, arguments, endpoints, modules):
    """A program for Python's servers on the launcher that belongs to it."""
    package = build / "python"
    return Server(
        name=name,
        title=title,
        command=(sys.executable, "-m", *arguments),
        endpoints=endpoints,
        files=(package / "yodel" / "__init__.py",),
        modules=modules,
        environment={"PYTHONPATH": f"{package}:{PEERS}"},
        is_silent=True,
    )


ASGI_QUIET = ("--port", "{free}", "--log-level", "critical", "--no-access-log", "--backlog", "4096")
PY_CHAT = {"py-chat": Endpoint("/ws/chat/bench/", CHAT_MESSAGE, '{"message": "{}"}')}
PY_SIO = {
    "py-sio-echo": SOCKET_IO["sio-echo"],
    "py-sio-broadcast": SOCKET_IO["sio-broadcast"],
}
PY_COMPUTE = {"py-compute": Endpoint("/compute")}


def python_servers(build):
    fastapi = ("yodel.asgi", "fastapi_app:app", *ASGI_QUIET)
    chat = ("yodel.asgi", "channels_app:application", *ASGI_QUIET)
    return [
        python_yodel(
            build,
            "yodel-fastapi",
            "FastAPI on Yodel",
            fastapi,
            {"py-echo": APP_ECHO, **PY_COMPUTE},
            ("fastapi", "uvloop"),
        ),
        python_yodel(
            build,
            "yodel-fastapi-2",
            "FastAPI on Yodel, 2 workers",
            (*fastapi, "--workers", "2"),
            PY_COMPUTE,
            ("fastapi", "uvloop"),
        ),
        python_peer(
            "fastapi-daphne",
            "FastAPI on daphne",
            "fastapi_app.py",
            ("fastapi", "daphne"),
            {"py-echo": APP_ECHO},
            arguments=("daphne",),
        ),
        replace(
            python_yodel(build, "yodel-channels", "Channels on Yodel", chat, PY_CHAT, ("channels",)),
            environment={
                "PYTHONPATH": f"{build / 'python'}:{PEERS}",
                "CHAT_LAYER": "yodel.channels.Layer",
            },
        ),
        python_yodel(
            build,
            "yodel-flask",
            "Flask-SocketIO on Yodel",
            ("yodel.flask", "--port", "{free}", "--log-level", "critical", "flask_socketio_app:app"),
            PY_SIO,
            ("flask_socketio",),
        ),
    ]


def websocket_peers(build):
    return [
        *(
            Server(
                name=f"bare-{api}",
                title=f"bare {title} loop",
                command=(str(build / "bench" / f"bare_{api}"), "{port}"),
                endpoints=WEBSOCKET,
            )
            for api, title in (("epoll", "epoll"), ("uring", "io_uring"))
        ),
        node_peer(
            "uwebsockets",
            "uWebSockets.js",
            "uws.mjs",
            (UWS,),
            {**WEBSOCKET, **DEFLATE, **GROUPS},
            tls_arguments=("{cert}", "{key}"),
        ),
        Server(
            name="libwebsockets",
            title="libwebsockets",
            command=(str(build / "bench" / "libwebsockets"), "{port}"),
            endpoints={"echo": ECHO},
        ),
        node_peer("ws", "node ws", "ws.mjs", ("ws",), {**WEBSOCKET, **only(DEFLATE, "deflate-shared", "deflate-context")}),
        node_peer(
            "node-events",
            "node http, to EventSource readers",
            "events.mjs",
            ("ws",),
            {"fan-out": EVENTS_ENDPOINT},
        ),
        python_peer(
            "fastapi",
            "FastAPI on uvicorn",
            "fastapi_app.py",
            ("fastapi", "uvicorn", "uvloop", "httptools", "websockets"),
            {**WEBSOCKET, "app-echo": APP_ECHO, "py-echo": APP_ECHO},
        ),
        python_peer(
            "channels",
            "Channels on daphne",
            "channels_app.py",
            ("channels", "daphne"),
            {"chat": PY_CHAT["py-chat"], **PY_CHAT},
        ),
    ]


def flask_peer(mode, modules, **more):
    return python_peer(
        f"flask-{mode}",
        f"Flask-SocketIO on {mode}",
        "flask_socketio_app.py",
        ("flask_socketio", *modules),
        {**SOCKET_IO, **PY_SIO},
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
        yodel_libuv(build),
        yodel_level(build, 6),
        *python_servers(build),
        *websocket_peers(build),
        *socket_io_peers(),
        *yodel_nodes(build),
        *node_peers(),
    ]
