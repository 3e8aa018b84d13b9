# SPDX-License-Identifier: MIT
"""For tests of the channel layer: programs that have it, on our server and on daphne."""

import importlib.util
import os
import sys

from package import PYTHON, AsgiProgram, environment, harness, require

MEMORY = "channels.layers.InMemoryChannelLayer"


def inside():
    """Runs this test program again, with the package on its path; skips it where there is none."""
    require("channels", "django")
    if os.environ.get("YODEL_INSIDE") != "1":
        os.execve(PYTHON, [PYTHON, *sys.argv], {**os.environ, **environment(YODEL_INSIDE=1)})


class Yodel(AsgiProgram):
    """The project of apps/chat_app.py on our server."""

    def __init__(self, loop="asyncio", env=None, **options):
        super().__init__("chat_app:application", loop, {"YODEL_QUIET": 1, **(env or {})}, **options)

    def stats(self):
        return self.ask("/ws/stats/")


class Daphne(harness.Program):
    """The project on the original, with a layer of choice."""

    def __init__(self, layer=MEMORY, **env):
        if importlib.util.find_spec("daphne") is None:
            harness.skip("daphne is not installed")
        self.port = port = harness.free_port()
        words = [PYTHON, "-m", "daphne", "-p", str(port), "-v", "1", "chat_app:application"]
        env = environment(CHAT_LAYER=layer, PYTHONSAFEPATH=1, **env)
        super().__init__(words, r"(Listening on TCP address)", "stderr", env=env, convert=lambda _: port)

    def websocket(self, path="/", **options):
        return harness.WebSocket(self.port, path, **options)


def members(server, room, count, path="chat"):
    """So many clients in a room."""
    return [server.websocket(f"/ws/{path}/{room}/") for _ in range(count)]


def leave(*websockets):
    """They go, in peace."""
    for websocket in websockets:
        websocket.leave()
        websocket.close()


def release(server):
    """Lets the busy go on."""
    leave(server.websocket("/ws/release/"))
