# SPDX-License-Identifier: MIT
"""The options of python3 -m yodel.asgi."""

import argparse
import os

from .._launch.options import (
    Parser,
    add_addresses,
    add_logs,
    add_processes,
    add_tls,
    amount,
    count,
    seconds,
    within,
)

BOOLEANS = {
    **dict.fromkeys(("true", "t", "1", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "f", "0", "no", "n", "off"), False),
}


def parser():
    """The parser of the command line."""
    made = Parser(prog="python3 -m yodel.asgi", description="Serves an ASGI application.")
    made.add_argument("app", help="module:attribute")
    add_addresses(made)
    add_tls(made)
    add_processes(made)
    _add_application(made)
    _add_http(made)
    _add_websocket(made)
    add_logs(made)
    return made


def deflation(text):
    """A boolean, as uvicorn takes it, or "context"."""
    word = text.strip().lower()
    if word == "context":
        return word
    if word not in BOOLEANS:
        raise argparse.ArgumentTypeError(f"{text} is not true, false or context")
    return BOOLEANS[word]


def _add_application(made):
    group = made.add_argument_group("application")
    group.add_argument("--app-dir", default="", metavar="DIR", help="where modules are looked for first")
    group.add_argument("--factory", action="store_true", help="the attribute is a function that returns the application")
    group.add_argument("--lifespan", choices=("auto", "on", "off"), default="auto")
    group.add_argument("--loop", choices=("auto", "uvloop", "asyncio"), default="auto")


def _add_http(made):
    group = made.add_argument_group("HTTP")
    made.switch(group, "proxy-headers", True, "believe X-Forwarded-For and X-Forwarded-Proto of trusted proxies")
    group.add_argument("--forwarded-allow-ips", default=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),
                       metavar="LIST", help="trusted proxies: addresses and networks with commas, unix, or *")
    group.add_argument("--root-path", default="", help="path that a proxy has taken off")
    made.switch(group, "server-header", True, "Server: yodel in answers")
    group.add_argument("--timeout-keep-alive", type=seconds, default=5.0, metavar="S",
                       help="seconds between two requests of a connection")
    group.add_argument("--limit-concurrency", type=count, default=None, metavar="N",
                       help="connections, above which answers are 503")
    group.add_argument("--limit-request-body", type=amount, default=0, metavar="BYTES",
                       help="of a request, 413 above; 0: no limit, since bodies are never stored")


def _add_websocket(made):
    group = made.add_argument_group("WebSocket")
    group.add_argument("--ws-max-size", type=count, default=16777216, metavar="BYTES", help="of one message")
    group.add_argument("--ws-ping-interval", type=seconds, default=20.0, metavar="S")
    group.add_argument("--ws-ping-timeout", type=seconds, default=20.0, metavar="S")
    group.add_argument("--ws-per-message-deflate", type=deflation, default=True, metavar="true|false|context",
                       help="permessage-deflate; context: messages may refer to earlier ones, which takes memory")
    group.add_argument("--ws-per-message-deflate-level", type=within(1, 9), default=None, metavar="N",
                       help="1, the fastest, to 9, the shortest")
    group.add_argument("--ws-per-message-deflate-window", type=within(9, 15), default=None, metavar="BITS",
                       help="of what is sent: 9, 512 bytes, to 15, 32 KiB")
    group.add_argument("--ws-per-message-deflate-client-window", type=within(9, 15), default=None, metavar="BITS",
                       help="of what clients send")


def defaults(app, given):
    """
    The options of a call from a program.

    given   some of them by name; TypeError for one that there is not
    """
    options = parser().parse_args(["-"])
    options.app = app
    for name, value in given.items():
        if not hasattr(options, name):
            raise TypeError(f"run() has no option {name!r}")
        setattr(options, name, value)
    return options


def trusted(options):
    """The proxies that are believed, in the form of yodel_listen_options.trusted."""
    if not options.proxy_headers:
        return []
    words = [word.strip() for word in options.forwarded_allow_ips.split(",") if word.strip()]
    if "*" in words:
        return ["0.0.0.0/0", "::/0", "unix"]
    return words
