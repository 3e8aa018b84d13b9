# SPDX-License-Identifier: MIT
"""The channel layer of Django Channels, in this process:

    CHANNEL_LAYERS = {"default": {"BACKEND": "yodel.channels.Layer"}}

Importing this module also takes the place of the function by which Channels' consumers wait for
their client and their channel (yodel.channels.merge).
"""

from yodel.channels import merge
from yodel.channels.layer import Layer

__all__ = ["Layer"]

merge.install()
