# SPDX-License-Identifier: MIT
"""Attacks and faults a server must survive, by the ids of the threat matrix."""

from abuse_cases import compressed, drain, frames, handshake, http, paths, resources

MODULES = (handshake, http, frames, compressed, resources, paths, drain)


def all_cases(options):
    """Every case that `options` allow, in order."""
    return [case for module in MODULES for case in module.cases(options)]
