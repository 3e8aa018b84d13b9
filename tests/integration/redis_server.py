# SPDX-License-Identifier: MIT
"""A private redis-server for a test: a free port or a Unix socket, nothing on disk, always ended.

    with RedisServer("requirepass secret") as redis:
        redis.call("PING")            # a connection of the helper's own, with the password
        redis.kill(); redis.restart() # kill -9, and again on the same port
        redis.pause(); redis.resume() # SIGSTOP, SIGCONT
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import LIMIT, free_port

PR_SET_PDEATHSIG = 1


class RedisError(Exception):
    """An error reply."""


def die_with_parent():
    """In the child: it is killed when the test is, whatever becomes of that."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Client:
    """A small client; one command at a time.  Strings are bytes."""

    def __init__(self, address, password=None, user=None, timeout=LIMIT, tls=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        if password is not None:
            self.call("AUTH", *([user] if user else []), password)

    def send(self, *words):
        """Sends a command without waiting for its reply."""
        data = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            data.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(data))

    def call(self, *words):
        self.send(*words)
        return self.read()

    def read(self):
        """The next reply, or what is published to us."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if int(rest) < 0 else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self._read_inner() for _ in range(int(rest))]
        return rest

    def _read_inner(self):
        """As an element of an array an error is a value."""
        try:
            return self.read()
        except RedisError as error:
            return error

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RedisServer:
    """config: lines of redis.conf.  unix: listens on a Unix socket alone, whose path is .path."""

    def __init__(self, *config, unix=False, port=None, program="redis-server", words=(), password=None, user=None):
        self.folder = tempfile.TemporaryDirectory(prefix="yodel-redis-")
        self.path = f"{self.folder.name}/redis.sock" if unix else None
        self.port = 0 if unix else port or free_port()
        self.password, self.user = password, user
        self.program, self.words = program, list(words)
        self.config = [*config, f"requirepass {password}"] if password and not user else list(config)
        self.process, self.paused = None, False
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def address(self):
        return self.path or ("127.0.0.1", self.port)

    @property
    def url(self):
        """For a client, with the password."""
        login = f"{self.user or ''}:{self.password}@" if self.password else ""
        return f"unix://{login}{self.path}" if self.path else f"redis://{login}127.0.0.1:{self.port}"

    def _write_config(self):
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder.name}", "daemonize no", "logfile ''"]
        if self.program == "redis-server":
            lines += ["save ''", "appendonly no", "databases 16", "enable-debug-command local"]
        if self.path:
            lines += [f"unixsocket {self.path}"]
        path = pathlib.Path(self.folder.name) / "redis.conf"
        if not path.exists() or self.program == "redis-server":
            path.write_text("\n".join([*lines, *self.config, ""]), "utf-8")
        return str(path)

    def start(self):
        """Starts it and waits until it answers."""
        binary = shutil.which(self.program)
        assert binary, f"{self.program} is not installed (see packages.txt)"
        log = open(f"{self.folder.name}/log", "ab")
        with log:
            self.process = subprocess.Popen(
                [binary, self._write_config(), *self.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.02)
        raise AssertionError(f"{self.program} did not start: {self.said()[-2000:]}")

    def _answers(self):
        try:
            with Client(self._plain_address(), timeout=2.0) as client:
                client.call("PING")
        except RedisError:
            return True
        except OSError:
            return False
        return True

    def _plain_address(self):
        """Where it speaks without TLS, if it has such a port."""
        return self.address

    def said(self):
        with contextlib.suppress(OSError):
            return pathlib.Path(self.folder.name, "log").read_text("utf-8", errors="replace")
        return ""

    def client(self, **options):
        """A connection; the caller closes it."""
        return Client(self._plain_address(), self.password, self.user, **options)

    def call(self, *words):
        with self.client() as client:
            return client.call(*words)

    def replicates(self, state):
        """Whether it says so of its replication; Sentinel closes all connections to what it makes the master."""
        try:
            return state in self.call("INFO", "replication")
        except ConnectionError:
            return False

    def num_subscribers(self, channel):
        return self.call("PUBSUB", "NUMSUB", channel)[1]

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        self.paused = True

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)
        self.paused = False

    def kill(self):
        """As kill -9 does."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait(LIMIT)
        self.paused = False

    def restart(self):
        """On the same port or path; nothing of what it knew is left."""
        self.kill()
        if self.path:
            pathlib.Path(self.path).unlink(missing_ok=True)
        self.start()

    def close(self):
        self.kill()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Relay:
    """A Unix socket from which bytes are passed on to a server, until cut() and again from heal() on: no
    connection ends meanwhile, as when a network drops all packets.  What was under way arrives late then:
    behind that of connections that were made during the cut.  .delay is how long each read is held back, seconds."""

    LATE = 0.3  # seconds
    delay = 0.0

    def __init__(self, address):
        self.address = address
        self.folder = tempfile.TemporaryDirectory(prefix="yodel-relay-")
        self.path = f"{self.folder.name}/relay.sock"
        self.url = f"unix://{self.path}"
        self.is_open, self.gates, self.sockets = True, [], []
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self.listener.accept()
                theirs = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
                gate = threading.Event()
                with self.lock:
                    self.sockets += [ours, theirs]
                    self.gates.append(gate)
                    if self.is_open:
                        gate.set()
                try:
                    theirs.connect(self.address)
                except OSError:
                    ours.close()
                    continue
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pass_on, args=(*pair, gate), daemon=True).start()

    def _pass_on(self, source, sink, gate):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                gate.wait()
                if self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        gate.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def cut(self):
        with self.lock:
            self.is_open, self.num_old = False, len(self.gates)
            for gate in self.gates:
                gate.clear()

    def heal(self):
        with self.lock:
            self.is_open = True
            old, new = self.gates[: self.num_old], self.gates[self.num_old :]
        for gate in new:
            gate.set()
        time.sleep(self.LATE)
        for gate in old:
            gate.set()

    def close(self):
        for gate in self.gates:
            gate.set()
        for sock in [self.listener, *self.sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sentinel(RedisServer):
    """Watches a master; lines of sentinel.conf may be added by config."""

    def __init__(self, master_port, *config, name="mymaster", quorum=1, down_ms=1500, **options):
        watch = [
            f"sentinel monitor {name} 127.0.0.1 {master_port} {quorum}",
            f"sentinel down-after-milliseconds {name} {down_ms}",
            f"sentinel failover-timeout {name} 3000",
        ]
        super().__init__(*watch, *config, program="redis-sentinel", **options)


class Cluster:
    """num masters on loopback ports, all slots shared out among them; no replicas."""

    SLOTS = 16384

    def __init__(self, num=3, *config):
        self.servers = []
        try:
            for _ in range(num):
                self.servers.append(self._start(config))
            self._join()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _start(config):
        """Its bus has a port of its own, which must be free, too."""
        bus = free_port()
        lines = ["cluster-enabled yes", f"cluster-port {bus}", "cluster-node-timeout 10000"]
        server = RedisServer(*lines, "cluster-config-file nodes.conf", *config)
        server.bus_port = bus
        return server

    def _join(self):
        first, share = self.servers[0], self.SLOTS // len(self.servers)
        for i, server in enumerate(self.servers):
            last = self.SLOTS - 1 if i == len(self.servers) - 1 else (i + 1) * share - 1
            server.call("CLUSTER", "ADDSLOTSRANGE", i * share, last)
            server.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if server is not first:
                server.call("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
        deadline = time.monotonic() + LIMIT
        while any(not self._is_ready(server) for server in self.servers):
            assert time.monotonic() < deadline, "the cluster does not come up"
            time.sleep(0.05)

    def _is_ready(self, server):
        info = server.call("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_known_nodes:%d" % len(self.servers) in info

    def slot(self, key):
        return self.servers[0].call("CLUSTER", "KEYSLOT", key)

    def owner(self, key):
        """The server that has the slot of key."""
        slot = self.slot(key)
        for first, last, node, *_ in self.servers[0].call("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(server for server in self.servers if server.port == node[1])
        raise AssertionError(f"nobody has slot {slot}")

    def move_slot(self, slot, to):
        """Gives a slot without keys to another master."""
        name = to.call("CLUSTER", "MYID").decode()
        others = [server for server in self.servers if server is not to]
        for server in [to, *others]:
            server.call("CLUSTER", "SETSLOT", slot, "NODE", name)
        to.call("CLUSTER", "BUMPEPOCH")

    def close(self):
        for server in self.servers:
            server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
