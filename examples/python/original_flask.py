# SPDX-License-Identifier: MIT
"""original_flask.py PORT FILE: runs a Flask-SocketIO program on its own server, at another port than
the 5000 that socketio.run(app) means."""

import os
import runpy
import sys

import flask_socketio

PORT, FILE = int(sys.argv[1]), os.path.abspath(sys.argv[2])
run = flask_socketio.SocketIO.run


def run_at(self, app, host="127.0.0.1", port=None, **options):
    # Without a terminal the original refuses to run on Werkzeug unless it is told to.
    return run(self, app, host=host, port=port or PORT, allow_unsafe_werkzeug=True, **options)


flask_socketio.SocketIO.run = run_at
sys.path.insert(0, os.path.dirname(FILE))
runpy.run_path(FILE, run_name="__main__")
