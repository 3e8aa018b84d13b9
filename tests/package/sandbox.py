# SPDX-License-Identifier: MIT
"""Runs a program under what yodel.service forbids, without systemd: sandbox.py [--without NAME,...] UNIT WORD...

Of the unit: SystemCallFilter, RestrictAddressFamilies and RestrictNamespaces by libseccomp, MemoryDenyWriteExecute
by prctl(), NoNewPrivileges.  --without forbids further system calls.  Ends with 77 where that cannot be done here."""

import ctypes
import ctypes.util
import errno
import os
import re
import subprocess
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL = 4
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}


class Compare(ctypes.Structure):
    """struct scmp_arg_cmp"""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def skip(why):
    print("SKIPPED:", why)
    sys.exit(77)


def settings(path):
    """Name -> values, in their order."""
    found = {}
    with open(path, encoding="utf-8") as unit:
        for name, value in re.findall(r"^(\w+)=(.*)$", unit.read(), re.M):
            found.setdefault(name, []).append(value)
    return found


def expand(name):
    """System calls of a name, or of a set of systemd's."""
    if not name.startswith("@"):
        return {name}
    lines = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
    words = [line.strip() for line in lines.splitlines()[1:]]
    return set().union(*(expand(word) for word in words if word and not word.startswith("#")))


def allowed(values, without):
    """The system calls that SystemCallFilter= leaves: a first list allows, ~ takes away."""
    names = set(expand("@default"))
    for value in values:
        found = set().union(*(expand(word) for word in value.lstrip("~").split()))
        names = names - found if value.startswith("~") else names | found
    return names - without


class Filter:
    """Of libseccomp; what no rule is about is EPERM."""

    def __init__(self):
        name = ctypes.util.find_library("seccomp")
        if name is None:
            skip("no libseccomp")
        self.lib = ctypes.CDLL(name)
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(ERRNO | errno.EPERM)))

    def rule(self, action, name, *compares):
        number = self.lib.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # of another architecture, or newer than the library
            return
        array = (Compare * max(1, len(compares)))(*compares)
        done = self.lib.seccomp_rule_add_array(self.context, ctypes.c_uint32(action), number, len(compares), array)
        assert done == 0, (name, done)

    def load(self):
        assert self.lib.seccomp_load(self.context) == 0


def enter(unit, without):
    found = settings(unit)
    rules = Filter()
    names = allowed(found["SystemCallFilter"], without)
    for name in sorted(names - {"socket", "clone3"}):
        rules.rule(ALLOW, name)
    for family in found["RestrictAddressFamilies"][0].split():
        rules.rule(ALLOW, "socket", Compare(0, EQUAL, FAMILIES[family], 0))
    rules.rule(ERRNO | errno.ENOSYS, "clone3")  # RestrictNamespaces: its flags cannot be looked at
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if found["MemoryDenyWriteExecute"] == ["yes"] and prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        print("sandbox: this kernel cannot forbid memory that is written and run", file=sys.stderr)
    assert prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    rules.load()


def main():
    words, without = sys.argv[1:], set()
    if words[0] == "--without":
        without = set(words[1].split(","))
        words = words[2:]
    enter(words[0], without)
    os.execv(words[1], words[1:])


if __name__ == "__main__":
    main()
