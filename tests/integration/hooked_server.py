# SPDX-License-Identifier: MIT
"""yodel serve with a webhook, and the back end for it: what tests of hooks share."""

import base64
import contextlib
import hashlib
import hmac
import json
import signal

from harness import connections, equal, eventually
from hostile_backend import Backend
from sio_client import SioClient
from yodel_program import Yodel, folder

SECRET = "0123456789abcdef0123456789abcdef"
LISTEN = """
listen:
  - {name: public, address: "127.0.0.1:0"}
  - {name: internal, address: "127.0.0.1:0", serve: [metrics, health, api]}
shutdown: {spread: 0s}
"""


WEBSOCKETS = 'websockets: [{path: "/ws/{room}", auth: required, webhook: main}]\n'
EVENTS = "events: [{path: /events, webhook: main}, {path: /chosen, webhook: main, rooms: query}]\n"
SPACES = '[{name: /, auth: required, webhook: main, personal_room: "user:{user}"}]'
ROUTES = WEBSOCKETS + EVENTS


def is_signed(request, secret=SECRET):
    """By Standard Webhooks."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    right = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    return f"v1,{right}" in request.headers["webhook-signature"].split(" ")


class Hooks(Backend):
    """A back end that says yes to all.  answers: by kind or, for events, by name: a result, a function of the event that
    gives one, or (status, body)."""

    def __init__(self, answers=None):
        self.answers, self.events, self.headers = dict(answers or {}), [], []
        self.started = []  # events of kind node_started, of no socket
        super().__init__(self.take)

    def take(self, request):
        assert is_signed(request), request.headers
        told = request.json()
        equal(told["version"], 1)
        results = []
        for event in told["events"]:
            answer = self.answers.get(event.get("event"), self.answers.get(event["kind"], {}))
            if callable(answer):
                answer = answer(event)
            if isinstance(answer, tuple):
                status, body = answer
                return status, self.headers, body.encode() if isinstance(body, str) else json.dumps(body).encode()
            results.append({"id": event["id"], **answer})
        with self.changed:
            self.events += [event for event in told["events"] if event["kind"] != "node_started"]
            self.started += [event for event in told["events"] if event["kind"] == "node_started"]
            self.changed.notify_all()
        return 200, [("Content-Type", "application/json"), *self.headers], json.dumps({"results": results}).encode()

    def of(self, kind):
        with self.changed:
            return [event for event in self.events if event["kind"] == kind]

    def kinds(self):
        with self.changed:
            return [event.get("event", event["kind"]) for event in self.events]

    def until_asked(self, kind):
        """A request with an event of that kind is here, and may not be answered yet."""
        assert self.wait_for(lambda _: any(request.headers["yodel-kind"] == kind for request in self.requests)), kind

    def until(self, kind, count=1):
        """The first count events of a kind."""
        assert self.wait_for(lambda _: len(self.of(kind)) >= count), (kind, self.kinds())
        return self.of(kind)[:count]


class Hooked:
    """yodel serve, all of whose namespaces have the webhook main; more: of its configuration."""

    def __init__(self, backend, hook="", more="", spaces=SPACES, url=None, routes=ROUTES):
        self.backend = backend
        self.stack = contextlib.ExitStack()
        self.path = self.stack.enter_context(folder())
        self.write(hook, more, spaces, url, routes)
        self.yodel = Yodel("-c", str(self.path / "yodel.yaml"))
        self.port, self.internal = self.yodel.port, self.yodel.internal

    def write(self, hook="", more="", spaces=SPACES, url=None, routes=ROUTES):
        (self.path / "secret").write_text(SECRET)
        (self.path / "secret").chmod(0o600)
        url = url or self.backend.url("/hook")
        text = LISTEN + f"namespaces: {spaces}\n" + routes
        if "auth:" not in more:
            text += "auth: {methods: [webhook], anonymous: true}\n"
        text += f"webhooks: [{{name: main, url: '{url}', secret_file: {self.path}/secret{hook}}}]\n{more}\n"
        (self.path / "yodel.yaml").write_text(text)

    def reload(self, *words, **options):
        before = self.yodel.said().count("reload: done")
        self.write(*words, **options)
        self.yodel.signal(signal.SIGHUP)
        eventually(lambda: self.yodel.said().count("reload: done") > before, "the reload is done")

    def is_left(self):
        """Waits until it has seen that all clients have gone."""
        eventually(lambda: connections(self.port) == 0, "all have gone")

    def client(self, namespace="/", auth=None, **options):
        return SioClient(self.port, namespace, auth=auth, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.yodel.kill()
        self.stack.close()


@contextlib.contextmanager
def hooked(answers=None, **options):
    with contextlib.closing(Hooks(answers)) as backend, Hooked(backend, **options) as server:
        yield backend, server
