# SPDX-License-Identifier: MIT
"""The command line of python3 -m yodel.flask."""

import argparse

from .._launch.options import Parser, count, port, seconds
from .._launch import logs
from .plan import Overrides

TRANSPORTS = ("polling", "websocket")


def parse(words=None):
    """The options of the command line.  Errors end the process with status 2."""
    parser = Parser(
        prog="python3 -m yodel.flask",
        description="Runs a Flask-SocketIO or Flask program.  What is given here counts for more than what "
        "the program says in socketio.run().",
    )
    parser.add_argument("target", help="app.py, or module, or module:attribute (an application, or a factory)")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="for the program, as its sys.argv")
    parser.formatter_class = argparse.HelpFormatter  # the texts say what the defaults are
    _add_server(parser)
    _add_socketio(parser)
    _add_logs(parser)
    return parser.parse_args(words)


def _add_server(parser):
    group = parser.add_argument_group("server")
    group.add_argument("--host", help="address to listen on (the program's, else 127.0.0.1)")
    group.add_argument("--port", type=port, help="port; 0 takes a free one (the program's, else 5000)")
    group.add_argument("--uds", "--unix", metavar="PATH", help="Unix socket to listen on")
    group.add_argument("--threads", type=count, help="threads that run handlers, at most (64)")
    group.add_argument("--loops", type=count, help="C threads that hold the connections (1)")
    group.add_argument("--tls-cert", "--ssl-certfile", metavar="FILE", help="certificate chain, PEM")
    group.add_argument("--tls-key", "--ssl-keyfile", metavar="FILE", help="its key, PEM; default: in the same file")
    group.add_argument("--forwarded-allow-ips", metavar="LIST", help="trusted proxies, with commas")
    parser.switch(group, "debug", None, "debugger and reloader")
    parser.switch(group, "reload", None, "starts again when a file of the program changes")
    group.add_argument(
        "--timeout-graceful-shutdown", type=seconds, metavar="S", help="seconds for what runs after SIGTERM (10)"
    )


def _add_socketio(parser):
    group = parser.add_argument_group("Socket.IO")
    group.add_argument("--path", metavar="NAME", help="where Socket.IO is (socket.io)")
    group.add_argument("--ping-interval", type=seconds, metavar="S")
    group.add_argument("--ping-timeout", type=seconds, metavar="S")
    group.add_argument("--max-http-buffer-size", type=count, metavar="BYTES", help="of one message")
    group.add_argument(
        "--cors-allowed-origins", action="append", metavar="ORIGIN", help="may be repeated; * allows all"
    )
    group.add_argument("--transports", action="append", choices=TRANSPORTS, help="may be repeated")
    group.add_argument("--message-queue", metavar="URL", help="redis://host:port/database")
    group.add_argument("--channel", metavar="NAME", help="on it (flask-socketio)")


def _add_logs(parser):
    group = parser.add_argument_group("log")
    group.add_argument("--log-level", choices=list(logs.LEVELS), default="info")
    group.add_argument("--log-config", metavar="FILE", help="for logging.config: .json, or the .ini form")
    parser.switch(group, "access-log", None, "a line for each answer of the program's routes (with debug)")
    parser.switch(group, "use-colors", None, "colours; default: on a terminal")


def overrides(options):
    """What was given, as Overrides."""
    allowed = options.cors_allowed_origins
    socketio = {
        "path": options.path,
        "ping_interval": options.ping_interval,
        "ping_timeout": options.ping_timeout,
        "max_http_buffer_size": options.max_http_buffer_size,
        "cors_allowed_origins": "*" if allowed and "*" in allowed else allowed,
        "transports": options.transports,
        "message_queue": options.message_queue,
        "channel": options.channel,
    }
    trusted = options.forwarded_allow_ips
    return Overrides(
        host=options.host,
        port=options.port,
        unix=options.uds,
        debug=options.debug,
        use_reloader=options.reload,
        log_output=options.access_log,
        certfile=options.tls_cert,
        keyfile=options.tls_key,
        trusted=tuple(word.strip() for word in trusted.split(",")) if trusted else None,
        threads=options.threads,
        loops=options.loops,
        drain=options.timeout_graceful_shutdown,
        socketio={name: value for name, value in socketio.items() if value is not None},
    )
