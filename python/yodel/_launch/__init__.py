# SPDX-License-Identifier: MIT
"""What the launchers of this package share: options, listening sockets, workers, reloading, logs."""
