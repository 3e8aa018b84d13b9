# SPDX-License-Identifier: MIT
"""The application of app.py, with a route for its page: the notes have the page, but not the route."""

from app import app, socketio
from flask import render_template


@app.route("/")
def page():
    return render_template("index.html")


if __name__ == "__main__":
    socketio.run(app, debug=True)
