# SPDX-License-Identifier: MIT
"""A program on SioServer alone: sio_app.py NAME=VALUE...  Options of SioServer, and workers=N.

It tells what happens over HTTP: GET /log takes the lines, GET /stats the counters, GET /memory what
the process has; POST /do runs an expression on `server`.  Events do what their names say."""

import ast
import gc
import json
import signal
import sys
import threading
import time

from yodel._yodel import SioServer

lines = []
changed = threading.Condition()


def tell(*line):
    with changed:
        lines.append(line)


class Handlers:
    """What clients may ask for."""

    def __init__(self, server):
        self.server = server
        self.environs = {}
        self.free = threading.Event()
        self.half = threading.Event()

    # connections

    def connect(self, worker, sid, namespace, environ, auth):
        auth = auth if isinstance(auth, dict) else {}
        tell("connect", sid, namespace, environ["QUERY_STRING"])
        for room in auth.get("rooms", ()):
            self.server.enter_room(sid, room, namespace)
        for to in auth.get("emit", ()):
            self.server.emit("early", to, to=sid if to == "me" else to, namespace=namespace)
        if "sleep" in auth:
            time.sleep(auth["sleep"])
        if "wait" in auth:
            self.free.wait(30)
        if "raise" in auth:
            raise RuntimeError("in connect")
        if "leave" in auth:
            self.server.disconnect(sid, namespace)
        if "refuse" in auth:
            worker.refuse(*auth["refuse"])
            return
        self.environs[sid] = environ
        worker.accept()

    def disconnect(self, sid, namespace, reason):
        tell("disconnect", sid, namespace, reason, self.server.rooms(sid, namespace))
        self.environs.pop(sid, None)

    # events

    def on_echo(self, sid, namespace, *args):
        self.server.emit("echo", args, to=sid, namespace=namespace)
        return args

    def on_all(self, sid, namespace, *args):
        self.server.emit("all", args, namespace=namespace)

    def on_join(self, sid, namespace, room):
        self.server.enter_room(sid, room, namespace)
        return [self.server.rooms(sid, namespace)]

    def on_leave(self, sid, namespace, room):
        self.server.leave_room(sid, room, namespace)
        return [self.server.rooms(sid, namespace)]

    def on_say(self, sid, namespace, to, text, skip=None):
        self.server.emit("said", text, to=to, skip_sid=skip, namespace=namespace)

    def on_call(self, sid, namespace, timeout=10):
        try:
            return ["answered", *self.server.call("question", 1, to=sid, namespace=namespace, timeout=timeout)]
        except TimeoutError:
            return ["timeout"]

    def on_ask(self, sid, namespace, to):
        self.server.emit("question", to=to, namespace=namespace, callback=lambda *args: tell("answer", *args))

    def on_sleep(self, sid, namespace, seconds, *_):
        time.sleep(seconds)

    def on_wait(self, sid, namespace, *_):
        self.free.wait(30)

    def on_order(self, sid, namespace, number, seconds=0):
        tell("begin", sid, number)
        time.sleep(seconds)
        tell("end", sid, number)

    def on_bye(self, sid, namespace):
        self.server.disconnect(sid, namespace)

    def on_flood(self, sid, namespace, num, size):
        for number in range(num):
            self.server.emit("part", (number, b"x" * size), to=sid, namespace=namespace)
        tell("flooded", sid)

    def on_nan(self, sid, namespace):
        self.server.emit("nan", float("nan"), to=sid, namespace=namespace)

    def on_raise(self, sid, namespace):
        raise RuntimeError("in an event")

    def on_exit(self, sid, namespace):
        sys.exit(1)  # ends the worker, and nothing else


class Application:
    """WSGI: what tests ask, and what they try."""

    def __init__(self, handlers):
        self.handlers = handlers
        self.closed = 0
        self.meeting = threading.Barrier(3)

    def __call__(self, environ, start_response):
        name = environ["PATH_INFO"].strip("/").replace("/", "_")
        answer = getattr(self, "get_" + name, None)
        if answer is None:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"nothing here"]
        return answer(environ, start_response)

    def _json(self, start_response, value):
        body = json.dumps(value).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def get_log(self, environ, start_response):
        with changed:
            taken, lines[:] = lines[:], []
        return self._json(start_response, taken)

    def get_stats(self, environ, start_response):
        return self._json(start_response, {**self.handlers.server.stats(), "environs": len(self.handlers.environs)})

    def get_memory(self, environ, start_response):
        gc.collect()
        return self._json(start_response, {"objects": len(gc.get_objects())})

    def get_do(self, environ, start_response):
        server = self.handlers.server
        expression = environ["wsgi.input"].read().decode()
        value = eval(expression, {"server": server, "handlers": self.handlers})  # pylint: disable=eval-used
        return self._json(start_response, value)

    def get_environ(self, environ, start_response):
        return self._json(start_response, {key: value for key, value in environ.items() if isinstance(value, str)})

    def get_read(self, environ, start_response):
        body = environ["wsgi.input"].read()
        return self._json(start_response, [len(body), environ["wsgi.input"].read().decode()])

    def get_lines(self, environ, start_response):
        source = environ["wsgi.input"]
        return self._json(start_response, [source.readline().decode(), source.readline(3).decode()]
                          + [line.decode() for line in source])

    def get_upload(self, environ, start_response):
        """Reads slowly: each part after the test has said so."""
        self.handlers.free.wait(60)
        total = 0
        while part := environ["wsgi.input"].read(100_000):
            total += len(part)
        return self._json(start_response, total)

    def get_stream(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return Parts(self, int(environ["QUERY_STRING"] or 10))

    def get_sized(self, environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        return iter([b"12345", b"67890"])

    def get_late(self, environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"by write, ")
        return [b"by return"]

    def get_raise(self, environ, start_response):
        raise RuntimeError("in the application")

    def get_half(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"the first half"
        self.handlers.half.wait(30)
        raise RuntimeError("half way")

    def get_bad(self, environ, start_response):
        start_response("200 OK", [("X-Bad", "a\r\nSet-Cookie: x")])
        return [b"never"]

    def get_closed(self, environ, start_response):
        return self._json(start_response, self.closed)

    def get_meet(self, environ, start_response):
        self.meeting.wait(30)
        return self._json(start_response, True)

    def get_hold(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"held"
        self.handlers.free.wait(60)


class Parts:
    """Parts of 10 000 bytes, which note that they were closed."""

    def __init__(self, application, num):
        self.application = application
        self.num = num

    def __iter__(self):
        for _ in range(self.num):
            yield b"x" * 10_000

    def close(self):
        self.application.closed += 1


def handle(handlers, worker, item, application):
    server = handlers.server
    if item[0] == server.CONNECT:
        handlers.connect(worker, *item[1:])
    elif item[0] == server.EVENT:
        _, sid, namespace, event, args, wants_ack = item
        answer = getattr(handlers, "on_" + event)(sid, namespace, *args)
        if wants_ack:
            worker.ack(tuple(answer or ()))
    elif item[0] == server.DISCONNECT:
        handlers.disconnect(*item[1:])
    elif item[0] == server.ACK:
        for args in item[4]:
            item[3](*args)
    elif item[0] == server.HTTP:
        item[1].run(application)
    elif item[0] == server.CHECK:
        allowed = item[1].get("HTTP_ORIGIN", "").endswith("good.example")
        worker.accept() if allowed else worker.refuse("not you")  # pylint: disable=expression-not-assigned


def work(handlers, application):
    worker = handlers.server.worker()
    while (item := worker.next()) is not None:
        try:
            handle(handlers, worker, item, application)
        except Exception as error:  # pylint: disable=broad-except
            tell("error", repr(error))


def main():
    options = {}
    for word in sys.argv[1:]:
        name, value = word.split("=", 1)
        options[name] = ast.literal_eval(value)
    workers = options.pop("workers", 4)
    options.setdefault("listen", [{"address": "127.0.0.1:0"}])
    server = SioServer(**options)
    handlers = Handlers(server)
    application = Application(handlers)
    threads = [threading.Thread(target=work, args=(handlers, application), daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    server.start()
    wanted = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: wanted.set())
    signal.signal(signal.SIGUSR1, lambda *_: handlers.free.set())
    signal.signal(signal.SIGINT, lambda *_: sys.exit(3))  # as it is, with clients connected
    print(f"PORT {server.ports[0]}", flush=True)
    while not wanted.wait(0.05):
        pass
    server.stop(5)
    print("ENDED", server.join(10), flush=True)
    handlers.free.set()
    for thread in threads:
        thread.join(10)
    print("WORKERS", sum(thread.is_alive() for thread in threads), json.dumps(lines), flush=True)


if __name__ == "__main__":
    main()
