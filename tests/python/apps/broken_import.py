# SPDX-License-Identifier: MIT
"""A module that imports one which there is not."""

import no_such_module_at_all  # noqa: F401
