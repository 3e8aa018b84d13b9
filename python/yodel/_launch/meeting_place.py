# SPDX-License-Identifier: MIT
"""Where workers of one server find each other: a directory that only this user can open."""

import contextlib
import os
import shutil
import tempfile

NAME = "YODEL_CHANNELS_DIR"


@contextlib.contextmanager
def meeting_place():
    """Names a new directory to the processes that are started meanwhile, unless they have one."""
    if os.environ.get(NAME):
        yield
        return
    directory = os.environ[NAME] = tempfile.mkdtemp(prefix="yodel-")
    try:
        yield
    finally:
        del os.environ[NAME]
        shutil.rmtree(directory, ignore_errors=True)
