# SPDX-License-Identifier: MIT
"""Stands between a server and its Redis: slow to pass on what has a word in it, or a hole for all that follows."""

import contextlib
import socket
import threading
import time


class SlowRedis:
    """url: for the server.  Whatever it sends together with `word` comes to Redis `seconds` later, and all after it; None: never."""

    def __init__(self, redis, word, seconds):
        self.port, self.word, self.seconds, self.socks = redis.port, word, seconds, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        for sock in [self.listener, *self.socks]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.port))
                self.socks += [client, server]
                for pair in ((client, server, self.word), (server, client, None)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source, target, word):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if word is not None and word in data:
                    if self.seconds is None:
                        return
                    time.sleep(self.seconds)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
