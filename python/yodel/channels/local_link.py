# SPDX-License-Identifier: MIT
"""
The layer across processes of one machine: workers of one server, or programs that were given the
same directory.

Each process has a socket in the directory, and a connection of its own to each other process, over
which it sends.  A message of a group goes to all of them, and each gives it to its own members; so
it reaches whoever has joined before it was sent.  What comes is read by one thread.

Messages are pickles: nobody but this user can open the directory.
"""

import atexit
import collections
import concurrent.futures
import contextlib
import os
import pickle
import selectors
import socket
import stat
import struct
import threading
import time
import weakref

from yodel.channels.mailbox import FULL, GONE, QUEUED

MOST_BYTES = 8 * 1024 * 1024  # that wait for one other process
MOST_MESSAGE = 16 * 1024 * 1024
HEAD = struct.Struct(">I")
GREETING = 5.0  # seconds that joining waits for processes that were there before
HELLO, LISTENS, GROUP, CHANNEL, ADD, DISCARD = range(6)


class Peer:
    """Another process, to which we send."""

    def __init__(self, name, sock):
        self.name = name
        self.sock = sock
        self.backlog = collections.deque()
        self.bytes = 0
        self.lock = threading.Lock()
        self.gone = False
        self.has_greeted = False

    def send(self, data):
        """Sends, or keeps it for flush().  Returns QUEUED, FULL or GONE."""
        with self.lock:
            if self.gone:
                return GONE
            if self.backlog and self.bytes + len(data) > MOST_BYTES:
                return FULL
            self.backlog.append(memoryview(data))
            self.bytes += len(data)
            self._flush()
            return GONE if self.gone else QUEUED

    def flush(self):
        """Sends what waits, as far as it goes."""
        with self.lock:
            self._flush()

    def _flush(self):
        try:
            while self.backlog:
                sent = self.sock.send(self.backlog[0])
                self.bytes -= sent
                if sent == len(self.backlog[0]):
                    self.backlog.popleft()
                else:
                    self.backlog[0] = self.backlog[0][sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True
            self.backlog.clear()


class Inward:
    """A connection on which another process sends."""

    def __init__(self, sock):
        self.sock = sock
        self.name = None
        self.data = bytearray()

    def read(self):
        """The messages that have come, or None at the end."""
        try:
            more = self.sock.recv(256 * 1024)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not more:
            return None
        self.data += more
        found, at = [], 0
        while len(self.data) - at >= HEAD.size:
            (size,) = HEAD.unpack_from(self.data, at)
            if size > MOST_MESSAGE:
                return None
            if len(self.data) - at - HEAD.size < size:
                break
            at += HEAD.size
            found.append(pickle.loads(memoryview(self.data)[at : at + size]))
            at += size
        del self.data[:at]
        return found


def _frame(*value):
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    if len(data) > MOST_MESSAGE:
        raise ValueError(f"a message of {len(data)} bytes; {MOST_MESSAGE} are the most")
    return HEAD.pack(len(data)) + data


class LocalLink:
    """A layer's side of the link.

    layer      whose groups and channels these are; not kept
    directory  where the processes meet; made if it is not there"""

    def __init__(self, layer, directory):
        self._layer = weakref.ref(layer)
        self._directory = directory
        self._counts = {"published": 0, "received": 0, "lost": 0}
        self._reset(layer.process)
        atexit.register(_close_at_exit, weakref.ref(self))
        weakref.finalize(layer, self._tell_to_stop).atexit = False

    def _reset(self, name):
        """As in a process that has no thread."""
        self._name = name
        self._lock = threading.RLock()
        self._listens = set()  # plain channels that are received here
        self._next = 0
        self._forget()

    def _forget(self):
        self._peers = {}  # name: Peer
        self._listeners = {}  # channel: names of processes that receive from it
        self._ready = concurrent.futures.Future()
        self._ready.set_running_or_notify_cancel()  # who waits for it no more is no affair of the thread
        self._stop = False
        self._thread = None

    def after_fork(self, name):
        """In a child: the sockets are the parent's."""
        if self._thread is not None:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()
            for peer in self._peers.values():
                peer.sock.close()
            self._waker.close()
            self._selector.close()
        self._reset(name)

    # what the layer calls, in any thread

    def is_far(self, channel):
        """Whether a channel is another process's, or might be."""
        head, mark, _ = channel.partition("!")
        if mark:
            return not head.endswith("." + self._name)
        return channel not in self._listens

    def ready(self):
        """A future of when all processes that were there before us know us; None: they do."""
        self._begin()
        return None if self._ready.done() else self._ready

    def join(self, _group):
        """Before a group has a member here: as ready()."""
        return self.ready()

    def leave(self, group):
        """All others send to all groups, so there is nothing to tell."""

    def publish(self, group, message):
        """Sends to the members in other processes."""
        self._begin()
        peers = list(self._peers.values())
        if peers:
            data = _frame(GROUP, group, message)
            for peer in peers:
                self._send(peer, data)

    def send(self, channel, message):
        """Sends to a channel of another process, if there is one that has it; else it stays here."""
        self._begin()
        head, mark, _ = channel.partition("!")
        data = _frame(CHANNEL, channel, message)
        if mark:
            peer = self._peers.get(head.rpartition(".")[2])
        else:
            names = [name for name in self._listeners.get(channel, ()) if name in self._peers]
            self._next += 1
            peer = self._peers[names[self._next % len(names)]] if names else None
            if peer is None:
                return None
        future = concurrent.futures.Future()
        future.set_result(self._send(peer, data) if peer is not None else GONE)
        return future

    def change(self, group, channel, is_member):
        """Puts another process's channel into a group, or takes it out; None if it is nobody's."""
        self._begin()
        head, mark, _ = channel.partition("!")
        if not mark:
            return None
        future = concurrent.futures.Future()
        peer = self._peers.get(head.rpartition(".")[2])
        future.set_result(peer and self._send(peer, _frame(ADD if is_member else DISCARD, group, channel)))
        return future

    def note_prefix(self, prefix):
        """Names of any prefix have the process's."""

    def listen(self, channel):
        """A channel is received from here, from now on."""
        self._begin()
        with self._lock:
            if "!" in channel or channel in self._listens:
                return
            self._listens.add(channel)
            for peer in list(self._peers.values()):
                peer.send(_frame(LISTENS, channel))

    def flush(self):
        """Each process has its own."""

    def close(self):
        """Ends the connections; what is called afterwards begins anew."""
        self._tell_to_stop()
        self._join_stopped()

    def _tell_to_stop(self):
        with self._lock:
            if self._thread is not None:
                self._stop = True
                self._wake()

    def _join_stopped(self):
        """Not with the lock, which the thread needs to end."""
        thread = self._thread
        if thread is not None and self._stop and thread is not threading.current_thread():
            thread.join()

    def stats(self):
        """Counters, and how many other processes there are."""
        return {**self._counts, "processes": 1 + len(self._peers)}

    def _send(self, peer, data):
        code = peer.send(data)
        if code == QUEUED:
            self._counts["published"] += 1
            if peer.backlog:
                self._wake()
        else:
            self._counts["lost"] += 1
        return code

    # the thread

    def _begin(self):
        if self._thread is not None and not self._stop:
            return
        self._join_stopped()
        with self._lock:
            if self._thread is None:
                self._open()
                self._thread = threading.Thread(target=self._run, name="yodel.channels", daemon=True)
                self._thread.start()

    def _path(self, name):
        return os.path.join(self._directory, name)

    def _open(self):
        os.makedirs(self._directory, 0o700, exist_ok=True)
        about = os.stat(self._directory)
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise PermissionError(f"{self._directory}: others may open this directory")
        self._socket = socket.socket(socket.AF_UNIX)
        hidden = self._path("." + self._name)
        self._socket.bind(hidden)
        self._socket.listen(64)
        self._socket.setblocking(False)
        os.rename(hidden, self._path(self._name))  # who sees it can connect to it
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)

    def _wake(self):
        with contextlib.suppress(OSError):
            self._waker.send(b"w")

    def _run(self):
        selector = self._selector
        selector.register(self._socket, selectors.EVENT_READ, self._accept)
        selector.register(self._woken, selectors.EVENT_READ, self._be_woken)
        for name in os.listdir(self._directory):
            if not self._stop and not name.startswith("."):
                self._connect(name)
        deadline = time.monotonic() + GREETING
        while not self._stop:
            self._check_ready(deadline)
            for peer in list(self._peers.values()):
                self._watch(peer)
            for key, _ in selector.select(None if self._ready.done() else 0.2):
                key.data(key.fileobj)
        self._end()

    def _check_ready(self, deadline):
        if not self._ready.done() and (
            all(peer.has_greeted for peer in list(self._peers.values())) or time.monotonic() > deadline
        ):
            self._ready.set_result(None)

    def _end(self):
        with contextlib.suppress(OSError):
            os.unlink(self._path(self._name))
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        for peer in self._peers.values():
            peer.sock.close()
        self._waker.close()
        with self._lock:
            ready = self._ready
            self._forget()
        if not ready.done():
            ready.set_result(None)

    def _connect(self, name):
        """A connection to another process, unless there is one."""
        if name == self._name or name in self._peers:
            return
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(GREETING)
            sock.connect(self._path(name))
        except ConnectionRefusedError:  # it has been killed
            sock.close()
            with contextlib.suppress(OSError):
                os.unlink(self._path(name))
            return
        except OSError:
            sock.close()
            return
        sock.setblocking(False)
        peer = Peer(name, sock)
        with self._lock:
            self._peers[name] = peer  # first: who is greeted counts on being sent to
            peer.send(_frame(HELLO, self._name))
            for channel in self._listens:
                peer.send(_frame(LISTENS, channel))

    def _watch(self, peer):
        """Its connection is writable again, or has ended."""
        known = peer.sock in self._selector.get_map()
        if peer.gone:
            if known:
                self._selector.unregister(peer.sock)
            self._peers.pop(peer.name, None)
            peer.sock.close()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.backlog else 0)
        if not known:
            self._selector.register(peer.sock, events, lambda _: self._peer_event(peer))
        elif self._selector.get_key(peer.sock).events != events:
            self._selector.modify(peer.sock, events, self._selector.get_key(peer.sock).data)

    def _peer_event(self, peer):
        peer.flush()
        with contextlib.suppress(BlockingIOError):
            try:
                if not peer.sock.recv(16):
                    peer.gone = True
            except ConnectionError:
                peer.gone = True

    def _be_woken(self, sock):
        with contextlib.suppress(BlockingIOError):
            sock.recv(4096)

    def _accept(self, listening):
        with contextlib.suppress(OSError):
            sock, _ = listening.accept()
            sock.setblocking(False)
            inward = Inward(sock)
            self._selector.register(sock, selectors.EVENT_READ, lambda _: self._hear(inward))

    def _hear(self, inward):
        try:
            messages = inward.read()
        except Exception:  # pylint: disable=broad-except  a class that is not there
            messages = None
        if messages is None:
            self._selector.unregister(inward.sock)
            inward.sock.close()
            return
        for message in messages:
            self._take(inward, *message)

    def _take(self, inward, kind, name, message=None):
        layer = self._layer()
        if kind == HELLO:
            inward.name = name
            self._connect(name)
            if name in self._peers:
                self._peers[name].has_greeted = True
        elif kind == LISTENS:
            self._listeners.setdefault(name, set()).add(inward.name)
            if layer is not None:
                layer.hand_over(name)
        elif layer is not None:
            self._counts["received"] += 1
            if kind == GROUP:
                layer.deliver_group(name, message)
            elif kind == ADD:
                layer.add_here(name, message)
            elif kind == DISCARD:
                layer.discard_here(name, message)
            else:
                layer.deliver(name, message)


def _close_at_exit(reference):
    link = reference()
    if link is not None:
        link._tell_to_stop()  # pylint: disable=protected-access
        thread = link._thread  # pylint: disable=protected-access
        if thread is not None:
            thread.join(2)
