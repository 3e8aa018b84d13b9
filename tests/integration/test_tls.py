# SPDX-License-Identifier: MIT
"""TLS: versions, certificates and their reload, connections that are no TLS at all."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from harness import BINARY_FRAME, LIMIT, Demo, Stream, WebSocket, connect, connections, equal, eventually, http, run

FOLDER = tempfile.mkdtemp(prefix="yodel-tls-")
CERT, KEY = os.path.join(FOLDER, "cert.pem"), os.path.join(FOLDER, "key.pem")


def make_certificate(name):
    """A self-signed certificate under the two names that the demo reads."""
    new_key, new_cert = KEY + ".new", CERT + ".new"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", new_key, "-out", new_cert],
        check=True, capture_output=True,
    )
    os.replace(new_key, KEY)
    os.replace(new_cert, CERT)


def context(lowest=ssl.TLSVersion.TLSv1_2, highest=ssl.TLSVersion.TLSv1_3):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    # The client would take old versions: it is the server that must refuse them.
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = lowest
    made.maximum_version = highest
    return made


def wrap(sock):
    return context().wrap_socket(sock, server_hostname="localhost")


def subject(port):
    """The octets of the certificate that a new connection is shown."""
    with wrap(connect(port)) as sock:
        return sock.getpeercert(binary_form=True)


def up(port):
    def answers():
        with contextlib.suppress(OSError):
            return http(port, "GET", "/health", wrap=wrap).status == 200
        return False

    eventually(answers, "the demo answers over TLS")


def make_demo():
    make_certificate("first")
    demo = Demo("--loops", "2", "--header-timeout-ms", "3000", tls=(CERT, KEY))
    up(demo.port)
    return demo


def secure(demo, path):
    return WebSocket(demo.port, path, wrap=wrap)


def test_echo(demo):
    with secure(demo, "/ws") as ws:
        ws.send_text("тайно")
        equal(ws.message(), "Echo: тайно")
        ws.leave()


def test_large_messages(demo):
    data = os.urandom(3 << 20)
    with secure(demo, "/echo") as ws:
        sender = threading.Thread(target=ws.send_frame, args=(BINARY_FRAME, data))
        sender.start()
        assert ws.message() == data, "other octets came back"
        sender.join()
        ws.leave()


def test_static_page(demo):
    page = http(demo.port, "GET", "/", wrap=wrap)
    equal(page.status, 200)
    assert b"Yodel" in page.body


def test_new_versions(demo):
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with context(version, version).wrap_socket(connect(demo.port)) as sock:
            equal(sock.version(), name)


def test_old_versions_are_refused(demo):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        sock = connect(demo.port)
        try:
            old = context(version, version).wrap_socket(sock)
        except (ssl.SSLError, ConnectionResetError):
            pass
        else:
            raise AssertionError(f"{old.version()} was accepted")
        finally:
            sock.close()


def test_alpn(demo):
    offering = context()
    offering.set_alpn_protocols(["h2", "http/1.1"])
    with offering.wrap_socket(connect(demo.port)) as sock:
        equal(sock.selected_alpn_protocol(), "http/1.1")


def test_plain_http_is_no_tls(demo):
    with Stream(connect(demo.port)) as stream:
        stream.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200" not in stream.rest()
    up(demo.port)


def test_unfinished_handshakes_end(demo):
    streams = [Stream(connect(demo.port)) for _ in range(20)]
    for stream in streams[10:]:
        stream.send(b"\x16\x03\x01\x02")
    for stream in streams:
        stream.rest()
        stream.close()
    up(demo.port)


def test_handshake_octet_by_octet(demo):
    """Through a pipe that passes on one octet at a time."""
    here, there = socket.socketpair()
    far = connect(demo.port)

    def pass_on():
        with contextlib.suppress(OSError):
            while octets := there.recv(4096):
                for octet in octets:
                    far.send(bytes([octet]))

    def pass_back():
        with contextlib.suppress(OSError):
            while octets := far.recv(4096):
                there.sendall(octets)

    threads = [threading.Thread(target=run_it, daemon=True) for run_it in (pass_on, pass_back)]
    for thread in threads:
        thread.start()
    here.settimeout(LIMIT)
    with context().wrap_socket(here) as sock:
        equal(sock.version(), "TLSv1.3")
    far.close()
    there.close()


def test_end_without_close_notify(demo):
    ws = secure(demo, "/ws/chat/tls/")
    equal(ws.json(), {"presence": 1})
    raw = ws.sock.detach()
    os.close(raw)
    eventually(
        lambda: http(demo.port, "GET", "/rooms/tls", wrap=wrap).json()["members"] == 0, "it is gone"
    )


class Talkers:
    """Threads that talk over TLS without a pause; what goes wrong is kept."""

    def __init__(self, demo, number):
        self.faults = []
        self.rounds = 0
        self.stopped = threading.Event()
        self.demo = demo
        self.threads = [threading.Thread(target=self._talk) for _ in range(number)]
        for thread in self.threads:
            thread.start()

    def _talk(self):
        try:
            ws = secure(self.demo, "/ws")
            while not self.stopped.is_set():
                ws.send_text("still here")
                equal(ws.message(), "Echo: still here")
                self.rounds += 1
            ws.leave()
        except Exception as fault:  # pylint: disable=broad-except
            self.faults.append(fault)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        equal(self.faults, [], "faults of established connections")


def test_reload_under_load(demo):
    talkers = Talkers(demo, 4)
    try:
        for name in ("second", "third", "fourth"):
            before = subject(demo.port)
            make_certificate(name)
            rounds = talkers.rounds
            demo.signal(signal.SIGHUP)
            eventually(lambda: subject(demo.port) != before, f"certificate {name} is shown")
            eventually(lambda: talkers.rounds > rounds + 20, "they still talk")
    finally:
        talkers.stop()


def test_a_broken_file_keeps_the_old_certificate(demo):
    before = subject(demo.port)
    shutil.copy(CERT, CERT + ".good")
    with open(CERT, "w", encoding="ascii") as broken:
        broken.write("-----BEGIN CERTIFICATE-----\nnonsense\n")
    demo.signal(signal.SIGHUP)
    time.sleep(0.3)
    equal(subject(demo.port), before)
    os.replace(CERT + ".good", CERT)
    make_certificate("repaired")
    demo.signal(signal.SIGHUP)
    eventually(lambda: subject(demo.port) != before, "the repaired one is shown")


def test_a_key_of_another_certificate(demo):
    before = subject(demo.port)
    old_key = KEY + ".old"
    shutil.copy(KEY, old_key)
    make_certificate("mismatch")
    new_key = KEY + ".right"
    os.replace(KEY, new_key)
    os.replace(old_key, KEY)
    demo.signal(signal.SIGHUP)
    time.sleep(0.3)
    equal(subject(demo.port), before)
    os.replace(new_key, KEY)
    demo.signal(signal.SIGHUP)
    eventually(lambda: subject(demo.port) != before, "the pair is shown")


def test_renegotiation_is_refused(demo):
    """With TLS 1.2 a client could make a server compute without end."""
    client = subprocess.run(
        ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{demo.port}"],
        input=b"R\n", capture_output=True, timeout=LIMIT, check=False,
    )
    assert b"no renegotiation" in client.stderr or client.returncode != 0, client.stderr[-500:]
    up(demo.port)


def test_one_too_many_is_told_so():
    make_certificate("full")
    with Demo("--max-connections", "2", tls=(CERT, KEY)) as demo:
        up(demo.port)
        eventually(lambda: connections(demo.port) == 0, "there is room for two")
        held = [wrap(connect(demo.port)) for _ in range(2)]
        eventually(lambda: http(demo.port, "GET", "/health", wrap=wrap).status == 503, "it is full")
        assert "most allowed" in demo.said(), demo.said()
        # One that never begins its handshake does not stay for ever.
        with Stream(connect(demo.port)) as silent:
            equal(silent.rest(), b"")
        for sock in held:
            sock.close()


def test_failures_are_logged_for_those_who_ask():
    make_certificate("noisy")
    for words, logged in ([], False), (["--verbose"], True):
        with Demo(*words, tls=(CERT, KEY)) as demo:
            up(demo.port)
            with Stream(connect(demo.port)) as stream:
                stream.send(b"GET / HTTP/1.1\r\n\r\n")
                stream.rest()
            if logged:
                eventually(lambda: "TLS with 127.0.0.1:" in demo.said(), "the log has it")
                assert "http request" in demo.said(), demo.said()
            assert ("TLS with" in demo.said()) == logged, demo.said()


if __name__ == "__main__":
    try:
        run(globals(), make_demo)
    finally:
        shutil.rmtree(FOLDER)
