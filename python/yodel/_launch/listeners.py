# SPDX-License-Identifier: MIT
"""Listening sockets.  They are bound once, by the first process, and handed to each that serves."""

import contextlib
import errno
import os
import socket
import stat

from .errors import LaunchError

SYSTEMD_FIRST = 3  # sd_listen_fds(3): the first descriptor that is passed


class Listeners:
    """
    What is listened on.

    shared   sockets that every process accepts from
    texts    how each address is named to the user: "http://127.0.0.1:8000"

    An address and port that several workers serve has a socket for each (`grow`), so that the
    kernel deals out the connections evenly.
    """

    def __init__(self):
        self.shared = []
        self.texts = []
        self._spread = []  # (family, address) of ports with a socket for each worker
        self._first = []  # the sockets of the first worker: they keep others from the ports
        self._backlog = 0
        self._unix_path = None

    def grow(self):
        """
        The sockets of one more worker, beside the shared ones.  They are bound, and get clients once
        the worker listens (`listen_all`).
        """
        made, self._first = self._first, []
        return made or [_bind_shared(family, address) for family, address in self._spread]

    def listen(self):
        """Lets clients connect to the shared sockets; until then they are refused."""
        listen_all(self.shared, self._backlog)

    def close(self):
        """Gives up the shared sockets, and removes the file of a Unix socket."""
        for one in (*self.shared, *self._first):
            one.close()
        self.shared = []
        self._first = []
        if self._unix_path:
            with contextlib.suppress(OSError):
                os.unlink(self._unix_path)
            self._unix_path = None


def listen_all(sockets, backlog):
    """Lets clients connect to bound sockets; LaunchError when another program was faster."""
    for one in sockets:
        try:
            if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                one.listen(backlog)
        except OSError as problem:
            raise LaunchError(f"cannot listen on {_text('', one).strip(':/')}: {problem.strerror}") from None


def open_listeners(options, workers=1):
    """
    Binds what `options` (host, port, uds, fd, backlog, tls) ask for, or takes what systemd passed.

    workers   more than 1: ports are kept for `Listeners.grow`

    Raises LaunchError, of one line, for what cannot be had.
    """
    scheme = "https" if options.ssl_certfile else "http"
    listeners = Listeners()
    listeners._backlog = options.backlog
    if options.fd is not None:
        _inherit(listeners, [options.fd], scheme)
    elif options.uds:
        _bind_unix(listeners, options.uds, options.uds_mode)
    elif _passed_by_systemd():
        _inherit(listeners, _passed_by_systemd(), scheme)
    else:
        _bind_ports(listeners, options, scheme, workers)
    return listeners


def _passed_by_systemd():
    """The descriptors of LISTEN_FDS, if they are for this process."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    try:
        count = int(os.environ.get("LISTEN_FDS", "0"))
    except ValueError:
        return []
    return list(range(SYSTEMD_FIRST, SYSTEMD_FIRST + count))


def _inherit(listeners, descriptors, scheme):
    for descriptor in descriptors:
        try:
            taken = socket.socket(fileno=os.dup(descriptor))
            if taken.type != socket.SOCK_STREAM:
                raise OSError(errno.EINVAL, "it is no stream socket")
        except OSError as problem:
            raise LaunchError(f"descriptor {descriptor} cannot be listened on: {problem.strerror}") from None
        listeners.shared.append(taken)
        listeners.texts.append(_text(scheme, taken))


def _text(scheme, bound):
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return f"unix socket {os.fsdecode(name)}"
    host = f"[{name[0]}]" if bound.family == socket.AF_INET6 else name[0]
    return f"{scheme}://{host}:{name[1]}"


def _is_stale(path):
    """Whether a Unix socket's file is left over: nobody listens on it."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED


def _bind_unix(listeners, path, mode):
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.lexists(path):
            if not _is_stale(path):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            os.unlink(path)
        mask = os.umask(0o777 & ~mode)
        try:
            bound.bind(path)
        finally:
            os.umask(mask)
    except OSError as problem:
        bound.close()
        raise LaunchError(f"cannot listen on unix socket {path}: {problem.strerror or problem}") from None
    listeners.shared.append(bound)
    listeners.texts.append(f"unix socket {path}")
    listeners._unix_path = os.path.abspath(path)


def _bind(family, address, *reuse):
    """A bound socket, with these options."""
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in reuse:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_shared(family, address):
    """
    One of several sockets of an address.

    Until it listens, SO_REUSEADDR would let another program bind the address, too; it is needed only
    when connections of a server without workers still linger there.
    """
    try:
        return _bind(family, address, socket.SO_REUSEPORT)
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
        return _bind(family, address, socket.SO_REUSEADDR, socket.SO_REUSEPORT)


def _addresses(host, port):
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as problem:
        raise LaunchError(f"no address of host {host!r}: {problem.strerror}") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bind_ports(listeners, options, scheme, workers):
    port = options.port
    addresses = _addresses(options.host, port)
    lacking = None
    for family, address in addresses:
        try:
            bound = _bind(family, (address[0], port, *address[2:]), socket.SO_REUSEADDR)
        except OSError as problem:
            # A name such as "localhost" may have an address that the machine lacks.
            if problem.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and len(addresses) > 1:
                lacking = problem
                continue
            listeners.close()
            raise LaunchError(f"cannot listen on {options.host}:{port}: {problem.strerror}") from None
        address = bound.getsockname()
        port = address[1]  # port 0 is the same free one for all addresses
        listeners.texts.append(_text(scheme, bound))
        if workers > 1:
            # The first bind has shown that nobody else is there: only then may it be shared.
            bound.close()
            listeners._spread.append((family, address))
            listeners._first.append(_bind_shared(family, address))
        else:
            listeners.shared.append(bound)
    if not listeners.texts:
        raise LaunchError(f"cannot listen on {options.host}:{port}: {lacking.strerror}")
