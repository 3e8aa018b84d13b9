# SPDX-License-Identifier: MIT
"""yodel serve: who may connect by a token, what it grants, when it ends; events that are passed on."""

import contextlib
import json
import time

from harness import equal, eventually, http, run
from sio_client import ConnectError, SioClient
from tokens import OTHER, SECRET, let_in_briefly, part, token
from yodel_program import Configured, Yodel, folder

LISTEN = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [metrics, health]}
shutdown: {spread: 0s}
limits: {rooms_per_socket: 4}
"""
SPACES = """
namespaces:
  - {name: /, auth: required, personal_room: "user:{user}", relay: [{event: typing, to: rooms}, {event: wave, to: namespace}]}
  - {name: /maybe, auth: optional}
  - {name: /open, auth: none, relay: [{event: typing, to: namespace}]}
"""


class Server(Configured):
    def __init__(self, auth="", spaces=SPACES):
        super().__init__(lambda path: self.config(SECRET, auth, spaces))

    def config(self, secret, auth="", spaces=SPACES):
        keys = f"keys: [{{secret_file: {self.file('secret', secret)}}}]"
        return LISTEN + spaces + f"auth: {{methods: [jwt], jwt: {{{keys}{auth}}}}}\n"

    def client(self, shown=None, namespace="/", **options):
        return SioClient(self.yodel.port, namespace, auth={"token": shown} if shown else None, **options)

    def refused(self, *words, **options):
        """The body of the CONNECT_ERROR."""
        try:
            self.client(*words, **options).close()
        except ConnectError as error:
            return error.args[0]
        raise AssertionError("was let in")

    def count(self, line):
        found = [each for each in self.metrics().splitlines() if each.startswith(line)]
        return int(found[0].split()[-1])


def unauthorized(code):
    return {"message": "unauthorized", "data": {"code": code}}


def test_tokens_let_in():
    with Server() as server:
        server.client(token()).close()
        equal(server.refused(), unauthorized("empty"))
        equal(server.refused(token(secret=OTHER)), unauthorized("signature_wrong"))
        equal(server.refused(token(seconds=-60)), unauthorized("expired"))
        equal(server.refused("a.b"), unauthorized("parts"))
        equal(server.refused(token(yodel={"namespaces": ["/other"]})), {"message": "forbidden", "data": {"code": "namespace"}})
        equal(server.refused(token(yodel={"join": ["a", "b", "c", "d", "e"]})), {"message": "forbidden", "data": {"code": "rooms"}})
        try:
            SioClient(server.yodel.port, auth={"token": 7})
            raise AssertionError("a number is no token")
        except ConnectError as error:
            equal(error.args[0], unauthorized("empty"))
        equal(server.count('yodel_auth_total{method="jwt",outcome="accepted"}'), 3)
        equal(server.count('yodel_auth_total{method="jwt",outcome="refused"}'), 5)
        eventually(lambda: "signature_wrong" in server.yodel.said(), "it is told")


def test_optional_and_none():
    with Server() as server:
        server.client(namespace="/maybe").close()
        server.client(token(), namespace="/maybe").close()
        equal(server.refused(token(secret=OTHER), namespace="/maybe"), unauthorized("signature_wrong"))
        server.client("nonsense", namespace="/open").close()


def test_sources():
    with Server(', sources: [authorization, "cookie:t"]') as server:
        good, bad = token(), token(secret=OTHER)
        for headers in ([("Authorization", f"Bearer {good}")], [("Cookie", f'a=b; t="{good}"')]):
            server.client(headers=headers).close()
        # The first source that has one counts; auth.token is none of them here.
        headers = [("Authorization", f"Bearer {bad}"), ("Cookie", f"t={good}")]
        equal(server.refused(headers=headers), unauthorized("signature_wrong"))
        equal(server.refused(good), unauthorized("empty"))
        equal(server.refused(headers=[("Authorization", f"Basic {good}")]), unauthorized("empty"))
    # A field of the query is no header.
    with Server() as server:
        answer = http(server.yodel.port, "GET", "/socket.io/?EIO=4&transport=polling&authorization=Bearer%20" + token())
        sid = json.loads(answer.body[1:])["sid"]
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        equal(http(server.yodel.port, "POST", path, [], b"40").status, 200)
        assert b'"code":"empty"' in http(server.yodel.port, "GET", path).body


def test_rooms_and_relays():
    with Server() as server:
        ann = server.client(token("ann", yodel={"join": ["chat:1"], "can": {"emit": ["typing"], "join": ["chat:*", "own:{user}"]}}))
        bob = server.client(token("bob", yodel={"join": ["chat:1"]}))
        eve = server.client(token("eve", yodel={"can": {"emit": ["*"], "join": ["*"]}}))
        with ann, bob, eve:
            ann.emit("typing", "a", b"\0\1")
            equal(bob.event(), ["typing", "a", b"\0\1"])
            forbidden = [{"error": {"code": "forbidden"}}]
            equal(bob.call("typing", "a"), forbidden)
            equal(ann.call("wave"), forbidden)
            equal(ann.call("unknown"), forbidden)
            equal(bob.call("yodel:join", "chat:2"), forbidden)
            equal(ann.call("yodel:join", "own:bob"), forbidden)
            equal(ann.call("yodel:join", 7), [{"error": {"code": "invalid"}}])
            equal(ann.call("yodel:join", "chat:2"), [{"ok": True}])
            # In no room but her own she reaches nobody, and nobody's private room is joined.
            equal(eve.call("typing", "lost"), [{"ok": True}])
            equal(eve.call("yodel:join", ann.sid), forbidden)
            equal(eve.call("yodel:join", "chat:2"), [{"ok": True}])
            equal(eve.call("typing", "b"), [{"ok": True}])
            equal(ann.event(), ["typing", "b"])
            equal(eve.call("yodel:leave", "chat:2"), [{"ok": True}])
            equal(eve.call("wave", 1), [{"ok": True}])
            equal(ann.event(), ["wave", 1])
            equal(bob.event(), ["wave", 1])
            equal(ann.call("yodel:join", "chat:3"), [{"ok": True}])
            equal(ann.call("yodel:join", "chat:4"), [{"error": {"code": "too_many_rooms"}}])
            assert not eve.has_event()
            equal(server.count('yodel_client_events_total{kind="join",outcome="done"}'), 3)
            equal(server.count('yodel_client_events_total{kind="relay",outcome="done"}'), 4)
        with server.client(namespace="/open") as one, server.client(namespace="/open") as two:
            equal(one.call("typing", 1), [{"ok": True}])
            equal(two.event(), ["typing", 1])
            equal(one.call("yodel:join", "a"), [{"error": {"code": "forbidden"}}])


def test_a_token_ends():
    with Server(", leeway: 1s") as server:
        with let_in_briefly(server.client, ConnectError)[0] as client:
            equal(client.event()[0], "yodel:expiring")
            client.until_lost()
        with server.client(token(seconds=20, yodel={"expires_at": 0})) as client:
            equal(client.call("yodel:refresh", token("bob")), [{"error": {"code": "user_other"}}])
            assert not client.has_event()


def test_a_token_is_refreshed():
    with Server(", leeway: 4s") as server:
        with server.client(token(seconds=1)) as client:
            at = client.event()[1]["expires_at"]
            equal(client.call("yodel:refresh", token("bob")), [{"error": {"code": "user_other"}}])
            equal(client.call("yodel:refresh", token(secret=OTHER)), [{"error": {"code": "signature_wrong"}}])
            equal(client.call("yodel:refresh", token(yodel={"namespaces": []})), [{"error": {"code": "namespace"}}])
            equal(client.call("yodel:refresh"), [{"error": {"code": "empty"}}])
            fresh = token(yodel={"can": {"join": ["late"]}})
            answer = client.call("yodel:refresh", {"token": fresh})[0]
            assert answer["expires_at"] > at + 3000, answer
            equal(client.call("yodel:join", "late"), [{"ok": True}])
            time.sleep(max(0, at + 4.5 - time.time()))
            equal(client.call("yodel:leave", "late"), [{"ok": True}])


def test_tokens_are_kept_when_told():
    with Server(", leeway: 0s, on_expire: keep") as server:
        client, ends = let_in_briefly(server.client, ConnectError)
        with client:
            time.sleep(max(0, ends + 0.5 - time.time()))
            equal(client.call("yodel:join", "a"), [{"error": {"code": "forbidden"}}])
            assert not client.has_event()


def test_keys_are_exchanged():
    with Server() as server, server.client(token()) as client:
        server.reload(server.config(OTHER))
        equal(server.refused(token()), unauthorized("signature_wrong"))
        server.client(token(secret=OTHER)).close()
        equal(client.call("yodel:join", "a"), [{"error": {"code": "forbidden"}}])


def test_a_set_of_keys_in_a_file():
    with folder() as path:
        octets = part(SECRET.encode())
        (path / "keys.json").write_text(json.dumps({"keys": [{"kty": "oct", "k": octets, "alg": "HS256"}]}))
        with contextlib.suppress(OSError):
            (path / "keys.json").chmod(0o600)
        (path / "yodel.yaml").write_text(
            LISTEN
            + "namespaces: [{name: /, auth: required}]\n"
            + f"auth: {{methods: [jwt], jwt: {{algorithms: [HS256, ES256], jwks_url: {path}/keys.json, audience: me}}}}\n"
        )
        with Yodel("-c", str(path / "yodel.yaml")) as server:
            SioClient(server.port, auth={"token": token(aud="me")}).close()
            try:
                SioClient(server.port, auth={"token": token(aud="you")})
                raise AssertionError("was let in")
            except ConnectError as error:
                equal(error.args[0], unauthorized("aud_other"))


run(dict(globals()))
