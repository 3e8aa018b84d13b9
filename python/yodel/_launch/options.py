# SPDX-License-Identifier: MIT
"""Options that the launchers have in common, by the names that uvicorn uses for them."""

import argparse
import os
import platform

from . import logs


def octal(text):
    """A mode such as 660."""
    return int(text, 8)


def count(text):
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def amount(text):
    """A whole number of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is less than 0")
    return value


def within(least, most):
    """A whole number of least to most."""

    def number(text):
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not {least} to {most}")
        return value

    return number


def seconds(text):
    """A time of at least 0."""
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no time in seconds")
    return value


def port(text):
    """0 to 65535."""
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is no port")
    return value


def workers_wanted():
    """What WEB_CONCURRENCY says, else 1."""
    try:
        return max(1, int(os.environ.get("WEB_CONCURRENCY", "1")))
    except ValueError:
        return 1


class _Version(argparse.Action):
    def __init__(self, option_strings, dest, **_):
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser, *_):
        from yodel import __version__

        parser.exit(
            0,
            f"Running yodel {__version__} with {platform.python_implementation()} {platform.python_version()}"
            f" on {platform.system()}\n",
        )


class Parser(argparse.ArgumentParser):
    """A parser without abbreviations, whose errors are one line."""

    def __init__(self, **words):
        super().__init__(allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **words)
        self.add_argument("--version", action=_Version)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")

    def switch(self, group, name, default, text):
        """--name and --no-name."""
        group.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=default, help=text)


def add_addresses(parser):
    """Where to listen."""
    group = parser.add_argument_group("addresses")
    group.add_argument("--host", default="127.0.0.1", help="address or name to listen on")
    group.add_argument("--port", type=port, default=8000, help="port; 0 takes a free one")
    group.add_argument("--uds", "--unix", metavar="PATH", help="Unix socket to listen on")
    group.add_argument("--uds-mode", type=octal, default=0o666, metavar="MODE", help=argparse.SUPPRESS)
    group.add_argument("--fd", type=int, metavar="N", help="descriptor that is bound already")
    group.add_argument("--backlog", type=count, default=2048, help="connections that may wait to be accepted")


def add_tls(parser):
    """Certificates."""
    group = parser.add_argument_group("TLS")
    group.add_argument("--ssl-certfile", "--tls-cert", metavar="FILE", help="certificate chain, PEM")
    group.add_argument("--ssl-keyfile", "--tls-key", metavar="FILE", help="its key, PEM; default: in the same file")
    group.add_argument("--ssl-ca-certs", metavar="FILE", help="authorities of clients' certificates, PEM")
    group.add_argument("--ssl-cert-reqs", type=int, choices=(0, 1, 2), default=0,
                       help="clients' certificates: 0 none, 1 optional, 2 required")
    group.add_argument("--ssl-ciphers", metavar="LIST", help="ciphers of TLS 1.2, in OpenSSL's form")


def add_processes(parser):
    """Workers, and reloading."""
    group = parser.add_argument_group("processes")
    group.add_argument("--workers", type=count, default=workers_wanted(), help="worker processes ($WEB_CONCURRENCY)")
    group.add_argument("--reload", action="store_true", help="start again when a file changes")
    group.add_argument("--reload-dir", dest="reload_dirs", action="append", default=[], metavar="DIR",
                       help="folder to watch; default: the current one")
    group.add_argument("--reload-include", dest="reload_includes", action="append", default=[], metavar="GLOB",
                       help='files to watch, beside "*.py"')
    group.add_argument("--reload-exclude", dest="reload_excludes", action="append", default=[], metavar="GLOB",
                       help='files and folders not to watch, beside ".*", ".py[cod]", ".sw.*" and "~*"')
    group.add_argument("--reload-delay", type=seconds, default=0.25, help="seconds between two looks")
    group.add_argument("--timeout-graceful-shutdown", type=seconds, default=10.0, metavar="S",
                       help="seconds that running requests may take after SIGTERM")


def add_logs(parser):
    """The log."""
    group = parser.add_argument_group("log")
    group.add_argument("--log-level", choices=list(logs.LEVELS), default="info")
    group.add_argument("--log-config", metavar="FILE", help="for logging.config: .json, or the .ini form")
    parser.switch(group, "access-log", True, "a line for each answer")
    parser.switch(group, "use-colors", None, "colours; default: on a terminal")
