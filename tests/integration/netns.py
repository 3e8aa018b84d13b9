# SPDX-License-Identifier: MIT
"""Hosts of a network of their own: namespaces of this process, which go with it, however it ends.

    with Network("a", "b") as net:      # this process is their router, and speaks to each
        with net.inside("a"):
            ...                         # what is started here has the address net.address("a")
        net.cut("a", "b"); net.heal()   # packets between them are dropped silently, both ways
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import subprocess

from harness import skip

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(LIBC, name)(*arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def _ip(words, namespace=None):
    enter = None if namespace is None else lambda: _call("setns", namespace, CLONE_NEWNET)
    done = subprocess.run(
        ["ip", *words.split()], preexec_fn=enter, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"ip {words}: {done.stderr.strip()}")


def _leave():
    """Makes a namespace for this thread; a user who is not root is root in it."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        _call("unshare", CLONE_NEWNET)
        return
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    pathlib.Path("/proc/self/setgroups").write_text("deny", "ascii")
    pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1", "ascii")
    pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1", "ascii")


class Network:
    """Names of hosts; the test is skipped where such a network may not be made.  Not beside other threads."""

    outside = None  # the namespace of this process; the first network leaves the one that it was started in

    def __init__(self, *hosts):
        if shutil.which("ip") is None:
            skip("iproute2 is not installed (see packages.txt)")
        self.hosts, self.rules = {}, []
        try:
            if Network.outside is None:
                _leave()
                Network.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
                _ip("link set lo up")
                pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1", "ascii")
            for number, host in enumerate(hosts, 1):
                self._add(number, host)
        except OSError as why:
            self.close()
            skip(f"no network of its own: {why}")

    def _add(self, number, host):
        _call("unshare", CLONE_NEWNET)
        try:
            self.hosts[host] = number, os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            _call("setns", Network.outside, CLONE_NEWNET)
        _, inside = self.hosts[host]
        ours = f"veth{number}"
        _ip(f"link add eth0 type veth peer name {ours} netns {os.getpid()}", inside)
        _ip(f"address add 10.77.{number}.1/24 dev {ours}")
        _ip(f"link set {ours} up")
        _ip("link set lo up", inside)
        _ip(f"address add {self.address(host)}/24 dev eth0", inside)
        _ip("link set eth0 up", inside)
        _ip(f"route add default via 10.77.{number}.1", inside)

    def address(self, host):
        return f"10.77.{self.hosts[host][0]}.2"

    @contextlib.contextmanager
    def inside(self, host):
        """For this thread, and the processes that it starts."""
        _call("setns", self.hosts[host][1], CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", Network.outside, CLONE_NEWNET)

    def cut(self, one, other):
        for source, target in ((one, other), (other, one)):
            rule = f"from {self.address(source)} to {self.address(target)} blackhole"
            _ip(f"rule add {rule}")
            self.rules.append(rule)

    def heal(self):
        while self.rules:
            _ip(f"rule del {self.rules.pop()}")

    def close(self):
        """Of a namespace without processes nothing is left."""
        with contextlib.suppress(OSError):
            self.heal()
        while self.hosts:
            _, (number, inside) = self.hosts.popitem()
            with contextlib.suppress(OSError):
                _ip(f"link del veth{number}")
            os.close(inside)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
