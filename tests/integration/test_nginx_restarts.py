# SPDX-License-Identifier: MIT
"""Twenty restarts under load behind nginx: no request fails, who is connected reconnects once for each, and every
question of a Socket.IO client that repeats it until it is answered is answered."""

import contextlib
import http.client
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from harness import BINARY, LIMIT, PUBLIC, Closed, Program, WebSocket, accepts, eventually, free_port, run

RESTARTS = 20
HTTP_CLIENTS, WEBSOCKETS, SOCKETIO = 70, 60, 70
NODE = shutil.which("node")
CROWD = pathlib.Path(__file__).with_name("restart_crowd.mjs")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream demo {{ server 127.0.0.1:{backend} max_fails=0; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://demo; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $host;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder, backend):
    port = free_port()
    config = pathlib.Path(folder) / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, backend=backend, port=port), encoding="ascii")
    process = subprocess.Popen([NGINX, "-p", folder, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: accepts(port), "nginx answers")
        yield port
    finally:
        process.terminate()
        process.wait(10)


class Load:
    def __init__(self, port):
        self.port = port
        self.over = False
        self.requests = 0
        self.failures = []
        self.reconnects = [[] for _ in range(WEBSOCKETS)]  # when
        self.echoes = [0] * WEBSOCKETS
        workers = [(self.request, [])] * HTTP_CLIENTS
        workers += [(self.converse, [i]) for i in range(WEBSOCKETS)]
        self.threads = [threading.Thread(target=work, args=args) for work, args in workers]
        for thread in self.threads:
            thread.start()

    def request(self):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        while not self.over:
            try:
                client.request("GET", "/")
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                client.close()
            self.requests += 1
            time.sleep(0.1)
        client.close()

    def converse(self, number):
        """Sends and waits for the echo; one that is closed connects again at once."""
        ws = WebSocket(self.port, "/ws")
        while not self.over:
            try:
                ws.send_text("x")
                if isinstance(message := ws.message(), Closed):
                    ws.send_close(message.code)
                    raise EOFError
                self.echoes[number] += 1
                time.sleep(0.2)
            except (OSError, EOFError):
                self.reconnects[number].append(time.monotonic())
                ws.close()
                ws = WebSocket(self.port, "/ws")
        ws.close()

    def wait_for_echoes(self):
        """Each WebSocket is connected: what it hears now it has said now."""
        wanted = [echoes + 2 for echoes in self.echoes]
        eventually(lambda: all(seen >= least for seen, least in zip(self.echoes, wanted)), "all are connected")

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(LIMIT)


@contextlib.contextmanager
def crowd(port):
    """Clients of Socket.IO; gives a function that ends them and says what they have seen."""
    words = [NODE, str(CROWD), f"http://127.0.0.1:{port}", str(SOCKETIO)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def seen():
        said, _ = process.communicate(timeout=100)
        return json.loads(said)

    try:
        yield seen
    finally:
        process.kill()
        process.wait()


def check_crowd(clients):
    for client in clients:
        assert client["wrong"] == client["failed"] == 0, client
        assert client["answered"] == client["asked"] > 20, client
        # A process sends nobody away before it has stopped accepting, so hardly anybody comes back to it: only who just then
        # has asked for a session over a connection that nginx keeps.
        assert len(client["connects"]) <= RESTARTS + 1 + RESTARTS // 10, client


def check_waves(reconnects, begins):
    """Each client once for a restart, and not all at one time, as far as a client sees that may not run for a while.
    Who just then has begun over a connection that nginx keeps to the old process is sent away once more."""
    spreads = []
    ends = begins[1:] + [begins[-1] + 60]
    for begin, end in zip(begins, ends):
        waves = [[at for at in client if begin <= at < end] for client in reconnects]
        assert max(map(len, waves)) <= 2, waves
        assert sum(len(wave) > 1 for wave in waves) <= WEBSOCKETS // 10, waves
        times = [at for wave in waves for at in wave]
        assert len(times) >= WEBSOCKETS - 5, waves  # one may have been connecting
        spreads.append(max(times) - min(times))
    assert sorted(spreads)[len(spreads) // 3] > 0.15, spreads


def test_twenty_restarts_behind_nginx():
    def start(port):
        return Program(
            [BINARY, "--port", str(port), "--public", PUBLIC, "--drain-ms", "10000", "--spread-ms"]
            + ["500", "--loops", "2", "--takeover", f"{folder}/takeover"],
            r"^Yodel demo on .*:(\d+)$",
        )

    with tempfile.TemporaryDirectory() as folder:
        now, begins = start(free_port()), []
        port = now.port
        eventually(lambda: accepts(port), "the demo answers")
        with nginx(folder, port) as front, crowd(front) as seen:
            load = Load(front)
            try:
                for _ in range(RESTARTS):
                    load.wait_for_echoes()
                    begins.append(time.monotonic())
                    old, now = now, start(port)
                    with old:
                        old.wait()
                clients = seen()
            finally:
                load.end()
                now.stop()
    assert load.requests > 20 * HTTP_CLIENTS, load.requests
    assert not load.failures, load.failures[:10]
    check_crowd(clients)
    check_waves(load.reconnects, begins)


if __name__ == "__main__":
    if NGINX is None or NODE is None:
        sys.exit(77)
    run(globals())
