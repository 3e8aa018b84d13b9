# SPDX-License-Identifier: MIT
"""The thread between a supervisor and one of its workers: a socket pair, and what is in the environment."""

import json
import os
import socket
import subprocess
import sys

NAME = "YODEL_WORKER"
READY = b"R"


def _program():
    """The words that start this program again, with the interpreter's own options."""
    return [sys.executable, *sys.orig_argv[1:]]


def spawn(sockets):
    """
    Starts this program again, as a worker that serves `sockets`.

    Returns the process and our end of the link, which becomes readable when the worker is ready
    and at its end.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        descriptors = [one.fileno() for one in sockets]
        about = json.dumps({"link": theirs.fileno(), "listen": descriptors})
        try:
            process = subprocess.Popen(
                _program(),
                env={**os.environ, NAME: about},
                pass_fds=[theirs.fileno(), *descriptors],
                stdin=subprocess.DEVNULL,
            )
        except OSError:
            ours.close()
            raise
    ours.setblocking(False)
    return process, ours


class WorkerLink:
    """A worker's side: the sockets that it serves, and its supervisor."""

    def __init__(self, about):
        self.sockets = [socket.socket(fileno=number) for number in about["listen"]]
        self._link = socket.socket(fileno=about["link"])
        for one in (*self.sockets, self._link):
            one.set_inheritable(False)

    def ready(self):
        """Tells the supervisor that requests are served."""
        try:
            self._link.send(READY)
        except OSError:
            pass  # it has gone: `fileno` tells

    def fileno(self):
        """Readable when the supervisor has gone."""
        return self._link.fileno()


def worker_link():
    """The link of this process if it is a worker, else None."""
    about = os.environ.pop(NAME, None)
    return WorkerLink(json.loads(about)) if about else None
