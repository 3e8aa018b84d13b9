# SPDX-License-Identifier: MIT
"""What stands before the Flask application, so that other middleware of the program can stand before it."""

_CAPTURE = "yodel.capture"
_NOT_HERE = b"Socket.IO is served by: python3 -m yodel.flask\n"  # said to clients of another WSGI server


class Middleware:
    """A WSGI application: the Flask application's own.

    A client's environment goes through here, too, so that what the program has put in front of it
    (ProxyFix say) has seen it as it sees requests.
    """

    def __init__(self, flask_app, path):
        self.flask_app = flask_app
        self.wsgi_app = flask_app.wsgi_app
        self._path = f"/{path}/"

    def __call__(self, environ, start_response):
        capture = environ.get(_CAPTURE)
        if capture is not None:
            capture.append(environ)
            start_response("204 No Content", [])
            return []
        if environ.get("PATH_INFO", "").startswith(self._path):
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [_NOT_HERE]
        environ = {**environ, "flask.app": self.flask_app}
        return self.wsgi_app(environ, start_response)


def seen_by(app, environ):
    """The environment of a handshake as the application sees it.  None: a middleware has refused it."""
    environ["flask.app"] = app
    if isinstance(app.wsgi_app, Middleware):
        return environ
    captured = []
    environ[_CAPTURE] = captured
    answer = app.wsgi_app(environ, lambda status, headers, exc_info=None: lambda data: None)
    close = getattr(answer, "close", None)
    try:
        for _ in answer:
            pass
    finally:
        if close:
            close()
        environ.pop(_CAPTURE, None)
    if not captured:
        return None
    seen = captured[0]
    seen.pop(_CAPTURE, None)
    seen["flask.app"] = app
    return seen
