# SPDX-License-Identifier: MIT
"""The metrics and probes of yodel serve, what Prometheus' own tool says of them, alert rules and the board."""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess

from harness import LIMIT, WebSocket, equal, eventually, http, run
from sio_client import SioClient
from yodel_program import Yodel, file, folder

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMTOOL = shutil.which("promtool")
OPEN = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [api, metrics, health]}
namespaces: [{name: /, auth: none}]
"""
MORE = f"""
websockets: [{{path: /ws, auth: none}}]
api: {{keys: [{{name: key, sha256: {hashlib.sha256(b"key").hexdigest()}, scopes: [rooms]}}]}}
"""


def get(server, *headers):
    return http(server.internal, "GET", "/metrics", list(headers))


def text(server):
    return get(server).body.decode()


def value(server, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text(server), re.M)[1])


def promtool(*words, stdin=None):
    if PROMTOOL is None:
        print("promtool is missing (Debian's prometheus)")
        return
    done = subprocess.run([PROMTOOL, *words], input=stdin, capture_output=True, text=True, timeout=LIMIT)
    equal((done.returncode, done.stdout if stdin else "", done.stderr), (0, "", ""))


def families(said):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", said, re.M))


def test_promtool_has_nothing_to_say():
    with file(OPEN) as path, Yodel("-c", path) as server:
        promtool("check", "metrics", stdin=text(server))
        with SioClient(server.port):
            http(server.internal, "GET", "/api/v1/stats")
            promtool("check", "metrics", stdin=text(server))


def test_series_are_there_from_the_start():
    with file(OPEN) as path, Yodel("-c", path) as server:
        said = text(server)
        for name in families(said):
            if name != "yodel_tls_certificate_expiry_timestamp_seconds":  # no listener has one
                assert re.search(rf"^{name}(_bucket)?[ {{]", said, re.M), name
        lines = re.findall(r"^([a-z_]+(?:\{.*\})?) \S+$", said, re.M)
        equal(len(lines), len(set(lines)))


def test_clients_and_what_they_do():
    """By namespace, transport, reason and protocol: all from the start, and of configured names alone."""
    spaces = OPEN.replace("{name: /, auth: none}", "{name: /, auth: none}, {name: /chat, auth: none}") + MORE
    with file(spaces) as path, Yodel("-c", path, "--set", "log.access=all") as server:
        said = text(server)
        for name in ("yodel_sockets", "yodel_rooms"):
            equal(re.findall(rf"^{name}\{{(.*)\}} (\d+)$", said, re.M), [('namespace="/"', "0"), ('namespace="/chat"', "0")])
        equal(len(re.findall(r"^yodel_connections_closed_total\{.*\} 0$", said, re.M)), 4 * 8)
        with SioClient(server.port) as client, SioClient(server.port, "/chat"), WebSocket(server.port, "/ws") as raw:
            for name in ("/", "/chat"):
                equal(value(server, f'yodel_sockets{{namespace="{name}"}}'), 1)
            equal(value(server, 'yodel_connections{transport="websocket"}'), 2)
            equal(value(server, 'yodel_connections{transport="raw_websocket"}'), 1)
            before = value(server, 'yodel_messages_received_total{protocol="socketio"}')
            join = json.dumps({"of": {"all": True}, "rooms": ["a", "b"]}).encode()
            headers = [("Authorization", "Bearer key"), ("Content-Type", "application/json")]
            equal(http(server.internal, "POST", "/api/v1/join", headers, join).status, 200)
            eventually(lambda: value(server, 'yodel_rooms{namespace="/"}') == 2, "both have joined")
            eventually(lambda: re.search(r'"event":"api.answered","msg":"join: ok.*"command":"join","key":"key"', server.said()), "it is written")
            equal(value(server, 'yodel_rooms{namespace="/chat"}'), 0)
            client.emit("x")
            raw.send_text("y")
            eventually(lambda: value(server, 'yodel_messages_received_total{protocol="socketio"}') == before + 1, "it has come")
            eventually(lambda: value(server, 'yodel_messages_received_total{protocol="websocket"}') == 1, "so has the other")
            equal(value(server, "yodel_send_queue_bytes"), 0)
        for transport, number in (("websocket", 2), ("raw_websocket", 1)):
            name = f'yodel_connections_closed_total{{transport="{transport}",reason="client"}}'
            eventually(lambda name=name, number=number: value(server, name) == number, "they have gone")
            equal(value(server, f'yodel_connections_opened_total{{transport="{transport}"}}'), number)
        eventually(lambda: value(server, 'yodel_rooms{namespace="/"}') == 0, "and their rooms")
        promtool("check", "metrics", stdin=text(server))


def test_openmetrics():
    asks = ("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    with file(OPEN) as path, Yodel("-c", path) as server:
        answer = get(server, asks)
        equal(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        said = answer.body.decode()
        assert said.endswith("\n# EOF\n")
        kinds = families(said)
        equal([name for name in kinds if name.endswith("_total")], [])
        for name, kind in kinds.items():
            assert kind != "counter" or re.search(rf"^{name}_total[ {{]", said, re.M), name
        equal(get(server, ("Accept", "*/*")).headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")


def test_process():
    with file(OPEN) as path, Yodel("-c", path) as server:
        place = pathlib.Path(f"/proc/{server.process.pid}")
        assert value(server, "process_resident_memory_bytes") > 1e6
        assert value(server, "process_max_fds") >= value(server, "process_open_fds") > 3
        started = int(place.joinpath("stat").read_text().rpartition(")")[2].split()[19]) / 100
        booted = int(re.search(r"^btime (\d+)$", pathlib.Path("/proc/stat").read_text(), re.M)[1])
        assert abs(value(server, "process_start_time_seconds") - booted - started) < 5
        eventually(lambda: value(server, "process_cpu_seconds_total") > 0, "it has used a processor")
        eventually(lambda: value(server, "yodel_loop_lag_seconds_count") > 0, "loops are measured")


def make_pair(place, days):
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a", "-days", str(days)]
    files = ["-keyout", place / "key.pem", "-out", place / "cert.pem"]
    subprocess.run(["openssl", "req", *words, *files], check=True, capture_output=True, timeout=LIMIT)
    end = ["openssl", "x509", "-in", place / "cert.pem", "-noout", "-enddate", "-dateopt", "iso_8601"]
    told = subprocess.run(end, check=True, capture_output=True, text=True, timeout=LIMIT).stdout
    return subprocess.run(["date", "-d", told.strip().partition("=")[2], "+%s"], check=True, capture_output=True, text=True).stdout


def test_ends_of_certificates():
    name = 'yodel_tls_certificate_expiry_timestamp_seconds{listener="public"}'
    with folder() as place:
        end = make_pair(place, 10)
        tls = f'"127.0.0.1:0", tls: {{cert: [{place}/cert.pem], key: [{place}/key.pem]}}'
        with file(OPEN.replace('"127.0.0.1:0"', tls, 1)) as path, Yodel("-c", path) as server:
            equal(value(server, name), float(end))
            later = make_pair(place, 20)
            assert later != end
            server.signal(1)
            eventually(lambda: value(server, name) == float(later), "a reload reads it again")


def test_probes():
    with file(OPEN) as path, Yodel("-c", path, "--set", "shutdown.drain=20s", "--set", "shutdown.spread=20s") as server:
        eventually(lambda: server.status(server.internal, "/health/ready") == 200, "all loops run")
        ready = http(server.internal, "GET", "/health/ready")
        equal(json.loads(ready.body), {"status": "ok", "server": "serving", "redis": "not used"})
        equal(ready.headers["cache-control"], "no-store")
        equal(json.loads(http(server.internal, "GET", "/health/live").body), {"status": "ok", "loops": "all answer"})
        for path in ("/health/live", "/health/ready"):
            head = http(server.internal, "HEAD", path)
            equal((head.status, head.body), (200, b""))


def test_rules_and_board():
    """Rules that Prometheus takes; both ask only for metrics that there are."""
    rules = ROOT / "packaging/prometheus/yodel.rules.yml"
    board = json.loads((ROOT / "packaging/grafana/yodel.json").read_text())
    if PROMTOOL:
        subprocess.run([PROMTOOL, "check", "rules", rules], check=True, capture_output=True, timeout=LIMIT)
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    equal(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
    with file(OPEN) as path, Yodel("-c", path) as server:
        known = families(text(server))
    later = "webhook_|redis_|nodes"  # of parts that this server does not have
    for expression in [*asked, rules.read_text()]:
        for name in re.findall(r"\b(?:yodel|process)_[a-z_]+\b(?!:)", expression):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in known or base in known or re.match(f"yodel_({later})", name), name


if __name__ == "__main__":
    run(globals())
