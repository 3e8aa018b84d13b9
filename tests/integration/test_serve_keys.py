# SPDX-License-Identifier: MIT
"""yodel serve: sets of keys that are fetched from their address, by a server of keys that comes, goes and changes them."""

import base64
import contextlib
import http.server
import json
import threading

from harness import eventually, equal, http as call, run
from sio_client import ConnectError, SioClient
from yodel_program import Yodel, folder, yodel

CONFIG = """
listen: [{name: public, address: "127.0.0.1:0"}, {name: internal, address: "127.0.0.1:0", serve: [metrics, health]}]
namespaces: [{name: /, auth: required}]
websockets: [{path: /ws, auth: required}]
shutdown: {spread: 0s}
auth: {methods: [jwt], jwt: {algorithms: [EdDSA], jwks_url: "URL", audience: me}}
"""


class Keys:
    """Keys that can sign, and a server of a set of them."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.path = self.stack.enter_context(folder())
        self.shown, self.asked = [], 0
        self.is_open = threading.Event()
        self.is_open.set()
        self.body = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def _handler(keys):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                keys.asked += 1
                keys.is_open.wait(30)
                body = keys.body or json.dumps({"keys": keys.shown}).encode()
                with contextlib.suppress(OSError):
                    self.send_response(200 if keys.shown or keys.body else 503)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        return Handler

    def make(self, kid):
        """A new key, which is not shown yet; gives what shows it."""
        yodel("token", "key", "--alg", "EdDSA", "--out", str(self.path / kid))
        lines = (self.path / f"{kid}.pub").read_text().split("\n")
        der = base64.b64decode("".join(line for line in lines if "-----" not in line))
        x = base64.urlsafe_b64encode(der[-32:]).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid, "x": x}

    def token(self, kid):
        return yodel("token", "sign", "--key-file", str(self.path / kid), "--kid", kid, "--user", "ann", "--audience", "me")[0].strip()

    def yodel(self):
        (self.path / "yodel.yaml").write_text(CONFIG.replace("URL", self.url))
        return Yodel("-c", str(self.path / "yodel.yaml"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_open.set()
        self.server.shutdown()
        self.server.server_close()
        self.stack.close()


def connects(server, token):
    """True; the code of a refusal; None: the connection ended without a word."""
    try:
        SioClient(server.port, auth={"token": token}).close()
        return True
    except ConnectError as error:
        return error.args[0]["data"]["code"]
    except AssertionError as error:
        assert "nothing came" in str(error), error
        return None


def test_keys_are_fetched_and_change():
    with Keys() as keys:
        keys.shown = [keys.make("k1")]
        with keys.yodel() as server:
            eventually(lambda: connects(server, keys.token("k1")) is True, "the first set is there")
            second, token = keys.make("k2"), None
            token = keys.token("k2")
            # Fetched just now: so it is unknown, for good.
            equal(connects(server, token), "kid_unknown")
            keys.shown = [second]
            eventually(lambda: connects(server, token) is True, "the new key is fetched")
            equal(connects(server, keys.token("k1")), "kid_unknown")
            # A set that cannot be used changes nothing.
            asked, keys.body = keys.asked, b"<html>"
            eventually(lambda: connects(server, keys.token("k1")) and keys.asked > asked, "it is asked again")
            equal(connects(server, token), True)


def test_who_comes_during_a_fetch_waits():
    with Keys() as keys:
        keys.shown = [keys.make("k1")]
        keys.is_open.clear()
        with keys.yodel() as server:
            eventually(lambda: keys.asked == 1, "the fetch has begun")
            results = []
            token = keys.token("k1")
            threads = [threading.Thread(target=lambda: results.append(connects(server, token))) for _ in range(3)]
            for thread in threads:
                thread.start()
            equal(call(server.port, "GET", "/ws", [("Authorization", "Bearer x")]).status, 426)
            keys.is_open.set()
            for thread in threads:
                thread.join(30)
            equal(results, [True] * 3)


def test_without_keys_nobody_is_refused_for_good():
    with Keys() as keys:
        key = keys.make("k1")
        with keys.yodel() as server:
            eventually(lambda: "jwks_url: status 503" in server.said(), "the fetch fails")
            equal(connects(server, keys.token("k1")), None)
            keys.shown = [key]
            eventually(lambda: connects(server, keys.token("k1")) is True, "it is tried again")
            metrics = call(server.internal, "GET", "/metrics").body
            assert b'yodel_auth_total{method="jwt",outcome="refused"} 0\n' in metrics, metrics


def test_the_server_ends_while_clients_wait():
    with Keys() as keys:
        keys.shown = [keys.make("k1")]
        keys.is_open.clear()
        with keys.yodel() as server:
            eventually(lambda: keys.asked == 1, "the fetch has begun")
            thread = threading.Thread(target=connects, args=(server, keys.token("k1")))
            thread.start()
        thread.join(30)


run(dict(globals()))
