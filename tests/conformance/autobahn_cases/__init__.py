# SPDX-License-Identifier: MIT
"""The public Autobahn case list for servers: 517 cases by their well-known ids."""

from autobahn_cases import compression, closing, framing, limits, utf8


def all_cases():
    """Every case, in the order of the list."""
    return [
        *framing.cases(),
        *utf8.cases(),
        *closing.cases(),
        *limits.cases(),
        *compression.cases(),
    ]
