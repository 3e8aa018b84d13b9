# SPDX-License-Identifier: MIT
"""Yodel for Python: sockets, HTTP, WebSocket and Socket.IO in C, handlers in Python.

    python3 -m yodel.asgi module:app     an ASGI application: FastAPI, Starlette, Django
    python3 -m yodel.flask app.py        a program that uses Flask-SocketIO
    "BACKEND": "yodel.channels.Layer"    the channel layer of Django Channels
"""

from yodel._yodel import ClientDisconnected, version

__version__ = version()
__all__ = ["ClientDisconnected", "__version__", "version"]
