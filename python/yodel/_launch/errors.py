# SPDX-License-Identifier: MIT
"""Errors that end a launcher with one line for its user."""

BAD_OPTION = 2  # exit statuses: as argparse's
BAD_PROGRAM = 1  # no such module or attribute, an address in use
BAD_START = 3  # the application refused to start; as uvicorn's


class LaunchError(Exception):
    """Cannot start.  Its text is for the user; `status` is what the process exits with."""

    def __init__(self, text, status=BAD_PROGRAM):
        super().__init__(text)
        self.status = status
