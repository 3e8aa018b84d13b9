# SPDX-License-Identifier: MIT
"""plain, without the garbage collector."""

import gc

from plain import app  # noqa: F401

gc.disable()
