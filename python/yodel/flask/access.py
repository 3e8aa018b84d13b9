# SPDX-License-Identifier: MIT
"""A line of the access log for each request of the application's own routes."""

from .._launch.logs import ACCESS
from .._launch.logs import access as log


class Logged:
    """A WSGI application that logs what another one answers."""

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        def logged(status, headers, exc_info=None):
            client = f"{environ.get('REMOTE_ADDR', '')}:{environ.get('REMOTE_PORT', '')}"
            target = environ.get("RAW_URI") or environ.get("PATH_INFO", "")
            version = environ.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2]
            log.info(ACCESS, client, environ["REQUEST_METHOD"], target, version, int(status[:3]))
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return self._app(environ, logged)
