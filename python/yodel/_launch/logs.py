# SPDX-License-Identifier: MIT
"""The log: loggers "yodel.error" (standard error) and "yodel.access" (standard output)."""

import http
import json
import logging
import logging.config
import sys

from .errors import BAD_OPTION, LaunchError

TRACE = 5
LEVELS = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
}
_LEVEL_COLOURS = {TRACE: 34, logging.DEBUG: 36, logging.INFO: 32, logging.WARNING: 33, logging.ERROR: 31,
                  logging.CRITICAL: 91}
_STATUS_COLOURS = {1: 97, 2: 32, 3: 33, 4: 31, 5: 91}
_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}

error = logging.getLogger("yodel.error")
access = logging.getLogger("yodel.access")

# What the server calls for each answer: access.info(ACCESS, client, method, path, version, status).
ACCESS = '%s - "%s %s HTTP/%s" %d'


def _paint(text, colour):
    return f"\033[{colour}m{text}\033[0m"


class Formatter(logging.Formatter):
    """INFO:     text, with the level in colour where that is wanted."""

    def __init__(self, colours):
        super().__init__()
        self.colours = colours

    def _prefix(self, record):
        name = record.levelname
        blanks = " " * max(1, 9 - len(name))
        if self.colours and record.levelno in _LEVEL_COLOURS:
            name = _paint(name, _LEVEL_COLOURS[record.levelno])
        return f"{name}:{blanks}"

    def formatMessage(self, record):
        """One line of the log, without its traceback."""
        return self._prefix(record) + record.message


class AccessFormatter(Formatter):
    """INFO:     192.0.2.1:4711 - "GET / HTTP/1.1" 200 OK"""

    def formatMessage(self, record):
        """The line of one answer."""
        if not isinstance(record.args, tuple) or len(record.args) != 5:
            return super().formatMessage(record)
        client, method, path, version, status = record.args
        line = f"{method} {path} HTTP/{version}"
        outcome = f"{status} {_PHRASES.get(status, '')}"
        if self.colours:
            line = _paint(line, 1)
            outcome = _paint(outcome, _STATUS_COLOURS.get(status // 100, 0))
        return f'{self._prefix(record)}{client} - "{line}" {outcome}'


def _handler(stream, make, colours):
    handler = logging.StreamHandler(stream)
    handler.setFormatter(make(stream.isatty() if colours is None else colours))
    return handler


def _from_file(path):
    try:
        if path.endswith(".json"):
            with open(path, encoding="utf-8") as file:
                logging.config.dictConfig(json.load(file))
        else:
            logging.config.fileConfig(path, disable_existing_loggers=False)
    except (OSError, ValueError, KeyError, RuntimeError) as problem:
        raise LaunchError(f"--log-config {path}: {problem}", BAD_OPTION) from None


def set_up(level="info", access_log=True, colours=None, config=None):
    """
    Configures both loggers.

    level        a name of LEVELS
    access_log   False: no line for each answer
    colours      None: where the stream is a terminal
    config       a file for logging.config (.json, or the .ini form), in place of our handlers
    """
    logging.addLevelName(TRACE, "TRACE")
    if config:
        _from_file(config)
    else:
        top = logging.getLogger("yodel")
        top.handlers = [_handler(sys.stderr, Formatter, colours)]
        top.propagate = False
        top.setLevel(LEVELS[level])
        access.handlers = [_handler(sys.stdout, AccessFormatter, colours)]
        access.propagate = False
    if not access_log:
        access.handlers = []
        access.propagate = False
    access.disabled = not access_log
