# SPDX-License-Identifier: MIT
"""Runs Flask-SocketIO programs: python3 -m yodel.flask app.py, and what that is made of."""


def install():
    """Has "import flask_socketio" give yodel.flask_socketio in this process from now on.

    The launcher does it for a program; a test suite (conftest.py) may do it for itself.
    """
    import sys

    from yodel import flask_socketio

    sys.modules["flask_socketio"] = flask_socketio
