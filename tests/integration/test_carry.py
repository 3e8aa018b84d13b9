# SPDX-License-Identifier: MIT
"""Three nodes after nginx and haproxy in plain round robin: whoever gets a request has the session's node answer it."""

import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import LIMIT, ROOT, Closed, Program, Stream, WebSocket, accepts, connect, equal, eventually, free_port, http, request_bytes, run, skip

APPS = os.environ.get("YODEL_TESTAPPS", str(ROOT / "build/dev/yodel-testapps"))
NODE = shutil.which("node")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
CROWD = pathlib.Path(__file__).with_name("carry_crowd.mjs")
SECRET = "sixteen bytes, at least"
CLIENTS, ROUNDS = 18, 12
POLLING = "/socket.io/?EIO=4&transport=polling"
PATIENT = ["--silent-ms", "60000"]  # who is told in LIMIT is told because the connection ended, not because it was silent
UNKNOWN = {"code": 1, "message": "Session ID unknown"}

NGINX_CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 2000; }}
http {{
    access_log off;
    client_body_buffer_size 2m; proxy_max_temp_file_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream nodes {{ {servers} keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://nodes; proxy_http_version 1.1; proxy_next_upstream off;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $host;
        }}
    }}
}}
"""
HAPROXY_CONFIG = """
global
    maxconn 2000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
frontend clients
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
    balance roundrobin
    http-reuse always
{servers}
"""


class Nodes:
    """Three processes; the i-th has sessions, and sends what is not its own to the others."""

    def __init__(self, secrets=(SECRET,) * 3, words=(), loops=2, app="features-app", links=None, ports=(0, 0, 0)):
        self.http_ports = ports  # 0: any
        self.links = links or [f"127.0.0.1:{port}" for port in (free_port() for _ in range(3))]
        self.words = [app, "--host", "127.0.0.1", "--loops", str(loops), "--patient", *words]
        self.secrets = secrets
        self.nodes = []
        try:
            for i in range(3):
                self.nodes.append(self.start(i))
        except BaseException:
            self.kill()
            raise

    def start(self, i, words=()):
        words = [APPS, *self.words, "--port", str(self.http_ports[i]), *words, "--nodes", ",".join(self.links), "--self", str(i), "--secret", self.secrets[i]]
        return Program(words, r"(?:PORT| on) (\d+)")

    def __getitem__(self, i):
        return self.nodes[i]

    def ports(self):
        return [node.port for node in self.nodes]

    def stats(self, i):
        return json.loads(http(self.nodes[i].port, "GET", "/carry-stats").body)

    def kill(self):
        for node in self.nodes:
            node.kill()

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        for node in reversed(self.nodes):
            if kind is None and node.alive():
                node.stop()
            else:
                node.__exit__(kind or AssertionError, *rest) if kind else node.kill()


@contextlib.contextmanager
def balancer(kind, ports):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "config"
        if kind == "nginx":
            servers = " ".join(f"server 127.0.0.1:{each} max_fails=0;" for each in ports)
            config.write_text(NGINX_CONFIG.format(folder=folder, servers=servers, port=port), encoding="ascii")
            words = [NGINX, "-p", folder, "-c", str(config)]
        else:
            servers = "\n".join(f"    server n{each} 127.0.0.1:{each}" for each in ports)
            config.write_text(HAPROXY_CONFIG.format(servers=servers, port=port), encoding="ascii")
            words = [HAPROXY, "-db", "-f", str(config)]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: accepts(port), f"{kind} answers")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def crowd(port, rounds=ROUNDS):
    return subprocess.Popen(
        [NODE, str(CROWD), f"http://127.0.0.1:{port}", str(CLIENTS), str(rounds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def is_all_carried(nodes):
    stats = [nodes.stats(i) for i in range(3)]
    return sum(each["out"] for each in stats) == sum(each["in"] for each in stats)


def check_round_robin(kind, make_nodes=Nodes):
    if not (NODE and (NGINX if kind == "nginx" else HAPROXY)):
        skip(f"needs node and {kind}")
    with make_nodes() as nodes, balancer(kind, nodes.ports()) as port:
        out, _ = crowd(port).communicate(timeout=150)
        seen = json.loads(out)
        for client in seen:
            equal((client["errors"], client["drops"], client["wrong"], client["failed"]), ([], [], 0, 0), client)
            equal((client["connects"], client["right"]), (1, 3 * ROUNDS), client)
            equal(client["last"], "polling" if client["way"] == "polling" else "websocket", client)
        stats = [nodes.stats(i) for i in range(3)]
        assert sum(each["out"] for each in stats) > 100, stats
        for each in stats:
            equal((each["failed"], each["lost"], each["malformed"], each["refused"]), (0, 0, 0, 0), stats)
        eventually(lambda: is_all_carried(nodes), "what was sent has arrived")


def test_round_robin_by_nginx():
    check_round_robin("nginx")


def test_round_robin_by_haproxy():
    check_round_robin("haproxy")


# By hand.


def handshake(port, stream=None):
    stream = stream or Stream(connect(port))
    stream.send(request_bytes("GET", POLLING))
    answer = stream.response()
    equal(answer.status, 200, answer)
    return json.loads(answer.body[1:])["sid"], stream


def poll(stream, sid):
    stream.send(request_bytes("GET", f"{POLLING}&sid={sid}"))


def hold_poll(nodes, owner, stream, sid):
    """A poll for a session of that node, when it has come there."""
    before = nodes.stats(owner)["in"]
    poll(stream, sid)
    eventually(lambda: nodes.stats(owner)["in"] > before, "the poll is held by the node of its session")


def post(stream, sid, body):
    stream.send(request_bytes("POST", f"{POLLING}&sid={sid}", [("Content-Type", "text/plain")], body))


def join(port, sid, stream=None):
    """Connects the session to the main namespace; the poll that has its answer."""
    stream = stream or Stream(connect(port))
    post(stream, sid, b"40")
    answer = stream.response()
    equal((answer.status, answer.body), (200, b"ok"))
    poll(stream, sid)
    answer = stream.response()
    assert answer.body.startswith(b"40{"), answer
    return stream


def is_reached(port, sid):
    with contextlib.closing(Stream(connect(port))) as stream:
        post(stream, sid, b"40")
        return stream.response().status == 200


def is_carried(port, owner):
    """Whether a new session of that node is served through this one."""
    sid, _ = handshake(owner.port)
    if not is_reached(port, sid):
        return False
    with contextlib.closing(Stream(connect(port))) as stream:
        poll(stream, sid)
        answer = stream.response()
        return answer.status == 200 and answer.body.startswith(b"40{")


def test_pipeline_of_three_nodes():
    """R15: one kept connection has polls of sessions of three nodes: each is answered by its own, in order."""
    with Nodes() as nodes:
        sids = [handshake(port)[0] for port in nodes.ports()]
        stream = Stream(connect(nodes[1].port))
        for _ in range(20):
            for sid in sids:
                post(stream, sid, b"40")
                poll(stream, sid)
            for sid in sids:
                answer = stream.response()
                equal((answer.status, answer.body), (200, b"ok"))
                answer = stream.response()
                equal(answer.status, 200)
                assert answer.body.startswith(b"40{") or b"42" in answer.body, answer.body
            sids = [handshake(port)[0] for port in nodes.ports()]


def ask_at_once(nodes, number, bad):
    """Handshakes at one node, the next requests at another as soon as the answer is read."""
    streams = [Stream(connect(port)) for port in nodes.ports()]
    for i in range(number):
        sid, _ = handshake(0, streams[i % 3])
        other = streams[(i + 1) % 3]
        post(other, sid, b"40")
        answer = other.response()
        poll(streams[(i + 2) % 3], sid)
        second = streams[(i + 2) % 3].response()
        if answer.status != 200 or second.status != 200:
            bad.append((answer, second))


def test_next_request_at_once_elsewhere():
    """R16: 1000 times under load: the session is known everywhere; then its node is killed with a poll held."""
    with Nodes(words=PATIENT) as nodes:
        bad = []
        workers = [threading.Thread(target=ask_at_once, args=(nodes, 100, bad)) for _ in range(10)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        equal(bad, [])
        sid, _ = handshake(nodes[0].port)
        stream = join(nodes[1].port, sid)
        hold_poll(nodes, 0, stream, sid)
        nodes[0].kill()
        answer = stream.response()
        equal((answer.status, json.loads(answer.body)), (400, UNKNOWN))
        poll(stream, sid)
        equal(stream.response().status, 400)
        poll(Stream(connect(nodes[2].port)), sid)
        sid, _ = handshake(nodes[1].port)
        join(nodes[2].port, sid)


def all_are_well(process):
    """From now on, every client of the crowd gets answers."""
    process.stdin.write(b"ask\n")
    process.stdin.flush()
    assert select.select([process.stdout], [], [], 2 * LIMIT)[0], "some clients get no answers"
    equal(process.stdout.readline(), b"well\n")


def test_a_killed_node_is_left_by_its_clients():
    if not (NODE and NGINX):
        skip("needs node and nginx")
    with Nodes(ports=[0, 0, free_port()]) as nodes, balancer("nginx", nodes.ports()) as port, crowd(port, 0) as process:
        all_are_well(process)
        nodes[2].kill()
        time.sleep(0.5)  # whoever asks has it refused, meanwhile
        nodes.nodes[2] = nodes.start(2)
        all_are_well(process)
        before = [nodes.stats(i)["failed"] for i in range(3)]
        all_are_well(process)
        out, _ = process.communicate(timeout=100)
        for client in json.loads(out):
            equal(client["wrong"], 0, client)
            assert client["right"] > 20, client
        equal([nodes.stats(i)["failed"] for i in range(3)], before)  # all is well again


def test_paused_node():
    """SIGSTOP: whoever waits for it is told after silent_ms, others are served; it goes on afterwards."""
    with Nodes(words=["--silent-ms", "2500"]) as nodes:
        sid, _ = handshake(nodes[0].port)
        other, _ = handshake(nodes[2].port)
        stream = join(nodes[1].port, sid)
        hold_poll(nodes, 0, stream, sid)
        nodes[0].signal(signal.SIGSTOP)
        try:
            join(nodes[1].port, other)
            equal(stream.response().status, 503)
            late = Stream(connect(nodes[1].port))
            poll(late, sid)
            equal(late.response().status, 503)
        finally:
            nodes[0].signal(signal.SIGCONT)
        # It finds the others silent for as long as it was stopped, and may leave a link that has just come back.
        eventually(lambda: is_carried(nodes[1].port, nodes[0]), "it is called again")
        equal(nodes.stats(1)["lost"] >= 1, True)


def carried_websocket(node, port):
    """A session of node on WebSocket, through another one."""
    sid, _ = handshake(node.port)
    join(port, sid)
    websocket = WebSocket(port, f"/socket.io/?EIO=4&transport=websocket&sid={sid}")
    websocket.send_text("2probe")
    equal(websocket.message(), "3probe")
    websocket.send_text("5")
    websocket.send_text('421["echo",1]')
    seen = ""
    while not seen.startswith("431"):
        seen = websocket.message()
    return websocket


def test_graceful_stops():
    """Of the client's node: the session goes on by another one.  Of the session's: its clients are told as local ones."""
    with Nodes() as nodes:
        sid, _ = handshake(nodes[0].port)
        stream = join(nodes[1].port, sid)
        websocket = carried_websocket(nodes[0], nodes[1].port)
        hold_poll(nodes, 0, stream, sid)
        nodes[1].signal(signal.SIGTERM)
        answer = stream.response()
        equal((answer.status, answer.body), (200, b"6"))
        while not isinstance(message := websocket.message(), Closed):
            pass
        equal(message.code, 1001)
        equal(nodes[1].wait(), 0)
        stream = Stream(connect(nodes[2].port))
        post(stream, sid, b'421["echo",1]')
        equal(stream.response().body, b"ok")
        websocket = carried_websocket(nodes[0], nodes[2].port)
        poll(stream, sid)
        stream.response()
        hold_poll(nodes, 0, stream, sid)
        nodes[0].signal(signal.SIGTERM)
        answer = stream.response()
        equal((answer.status, answer.body.split(b"\x1e")[-1]), (200, b"1"))
        while not isinstance(message := websocket.message(), Closed):
            pass
        equal(message.code, 1001)
        equal(nodes[0].wait(), 0)


def test_large_bodies():
    with Nodes(app="sio-ref") as nodes:
        sid, _ = handshake(nodes[0].port)
        stream = join(nodes[1].port, sid)
        text = "x" * 250_000
        for _ in range(3):
            post(stream, sid, f'42["message","{text}"]'.encode())
            equal(stream.response().body, b"ok")
            seen = b""
            while text.encode() not in seen:
                poll(stream, sid)
                answer = stream.response()
                equal(answer.status, 200, answer)
                seen = answer.body


def test_wrong_secret():
    with Nodes(secrets=(SECRET, "another secret of one", SECRET)) as nodes:
        sid, _ = handshake(nodes[0].port)
        stream = Stream(connect(nodes[1].port))
        poll(stream, sid)
        answer = stream.response()
        equal((answer.status, json.loads(answer.body)), (400, UNKNOWN))
        equal(nodes.stats(0)["refused"], 1)
        join(nodes[2].port, sid)


def certificate(folder, name):
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    words += ["-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
    subprocess.run(words, check=True, capture_output=True)
    return ["--node-cert", f"{folder}/{name}.pem", "--node-key", f"{folder}/{name}.key"]


def test_tls_between_nodes():
    """Also: a node whose certificate is not that of the others is neither called nor reached."""
    with tempfile.TemporaryDirectory() as folder:
        right, wrong = certificate(folder, "localhost"), certificate(folder, "other")
        with Nodes(words=right) as nodes:
            sid, _ = handshake(nodes[0].port)
            stream = join(nodes[1].port, sid)
            websocket = carried_websocket(nodes[0], nodes[2].port)
            websocket.send_text('421["echo",1]')
            stream.close()
            websocket.close()
            nodes[2].stop()
            nodes.nodes[2] = nodes.start(2, words=wrong)
            sid, _ = handshake(nodes[2].port)
            stream = Stream(connect(nodes[0].port))
            poll(stream, sid)
            answer = stream.response()
            equal((answer.status, json.loads(answer.body)), (400, UNKNOWN))
            equal(nodes.stats(2)["in"], 0)


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def reach_all(nodes):
    """A session of each node, by each other one, on both transports."""
    for i in range(3):
        sid, _ = handshake(nodes[i].port)
        for other in range(3):
            if other != i:
                stream = Stream(connect(nodes[other].port))
                post(stream, sid, b"40")
                equal(stream.response().body, b"ok")
                carried_websocket(nodes[i], nodes[other].port).close()


def test_addresses_of_each_kind():
    """A name, an IPv6 address and a Unix socket; a name that there is not is a node that has gone."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = free_port(), free_port()
        links = [f"localhost:{first}", f"[::1]:{second}" if has_ipv6() else f"127.0.0.1:{second}", f"unix:{folder}/links"]
        with Nodes(links=links) as nodes:
            reach_all(nodes)
            nodes[1].stop()
            elsewhere = [links[0], "no-such-node.invalid:7000", links[2]]
            nodes[2].stop()
            nodes.links = elsewhere
            nodes.nodes[2] = nodes.start(2)
            sid, _ = handshake(nodes[0].port)
            join(nodes[2].port, sid)
            unknown = sid[:12] + "AAAB" + sid[16:]
            stream = Stream(connect(nodes[2].port))
            for _ in range(2):
                poll(stream, unknown)
                assert stream.response().status in (400, 503)
            post(stream, sid, b'421["echo",1]')
            equal(stream.response().body, b"ok")
            nodes.nodes.pop(1)


def test_hostile_bytes_at_the_port():
    with Nodes() as nodes:
        host, port = nodes.links[0].split(":")
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0YDLINK\n" + b"\xff" * 500, os.urandom(3000), b"\x16\x03\x01" * 99):
            sock = socket.create_connection((host, int(port)), LIMIT)
            sock.settimeout(LIMIT)
            with contextlib.suppress(OSError):
                sock.sendall(data)
                while sock.recv(4096):
                    pass
            sock.close()
        sid, _ = handshake(nodes[0].port)
        join(nodes[1].port, sid)
        assert nodes.stats(0)["refused"] >= 4, nodes.stats(0)


if __name__ == "__main__":
    run(globals())
