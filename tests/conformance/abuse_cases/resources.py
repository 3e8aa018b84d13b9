# SPDX-License-Identifier: MIT
"""R01-R10: slow peers, storms, and things that run out."""

import concurrent.futures
import contextlib
import functools
import resource
import signal
import time

import wire
from abuse_cases.model import MIB, Case, wait_until
from abuse_cases.raw import ANSWER_LIMIT, Failure, Raw, canary, expect
from abuse_cases.request import handshake

HELD = 400
SERVED = 0.1  # of several, the fastest: nobody waits for others
GRACE = 25.0  # that a machine may be late by
RESET_STORM = 300
CHURN = 300
FEW_FILES = 256
FULL_TIME = 1.0
BUSY_SHARE = 0.5
SMALL_MEMORY = 384 * MIB
HUNGRY_PEERS = 8
HUNGRY_OCTETS = 60 * MIB
HALF_HEAD = b"GET /echo HTTP/1.1\r\nHost: a\r\nX-Slow: "
HALF_BODY = (
    b"POST /rooms/slow/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100000\r\n\r\n{"
)


@contextlib.contextmanager
def held_connections(server, count, data):
    """`count` connections that have sent `data` and stay open."""
    held = []
    try:
        for _ in range(count):
            connection = Raw(server)
            held.append(connection)
            connection.send(data)
        yield held
    finally:
        for connection in held:
            connection.close()


def check_slowloris(context):
    """400 half requests held: others are served at once."""
    with held_connections(context.server, HELD, HALF_HEAD):
        best = min(canary(context.server) for _ in range(21))
        expect(best < SERVED, f"others wait {best * 1000:.0f} ms, expected < 100 ms")


def check_deadline(name, data, drip, context):
    """408 or the end when a time limit is over, though octets drip in."""
    limit = context.limit(name)
    with context.impatient_server() as server, Raw(server) as connection:
        started = time.monotonic()
        connection.send(data)
        seen = b""
        while (chunk := next_octets(connection, 0.1)) != b"":
            seen += chunk or b""
            connection.send(drip)
            if time.monotonic() - started > limit + GRACE:
                raise Failure(f"still open after {limit + GRACE:g} s")
        took = time.monotonic() - started
        expect(took > limit / 2, f"given up after only {took:.1f} s")
        if seen:
            status = wire.parse_response(seen.partition(b"\r\n\r\n")[0]).status
            expect(status == 408, f"expected 408 or the end, seen {status}")


def next_octets(connection, seconds):
    """What arrives within `seconds`: octets, b"" at the end, None for nothing."""
    try:
        return connection.read_some(time.monotonic() + seconds)
    except TimeoutError:
        return None


def check_reset_storm(context):
    """Connections reset in every early state leave nothing behind."""
    whole = handshake()
    with context.bounded_descriptors():
        for number in range(RESET_STORM):
            connection = Raw(context.server)
            connection.send(whole[: number * len(whole) // RESET_STORM])
            connection.reset()


def check_churn(context):
    """Connections that come, talk and go leave nothing behind."""
    with context.bounded_descriptors():
        for number in range(CHURN):
            with Raw(context.server) as connection:
                connection.upgrade()
                if number % 2:
                    connection.expect_echo()


def check_no_descriptors(context):
    """Out of descriptors: no busy loop, and served again afterwards."""
    files = (resource.RLIMIT_NOFILE, FEW_FILES)
    with context.own_server(limits=(files,)) as server:
        with held_connections(server, FEW_FILES + 40, b""):
            time.sleep(0.2)
            share = server.busy_share(FULL_TIME)
            expect(share < BUSY_SHARE, f"{share:.0%} of a core while out of descriptors")
            expect(server.alive(), "the server ended")
        wait_for_service(server)


def wait_for_service(server):
    """The canary must sing again."""

    def is_served():
        try:
            return canary(server) >= 0
        except Failure:
            return False

    wait_until(is_served, ANSWER_LIMIT, lambda: "not served again")


def check_spurious_signals(context):
    """SIGPIPE, SIGCHLD, SIGHUP, SIGWINCH and stops under load change nothing."""
    with context.own_server() as server, Raw(server) as connection:
        connection.upgrade()
        for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGHUP, signal.SIGWINCH):
            server.signal(number)
            connection.expect_echo(payload=b"after signal %d" % number)
        server.signal(signal.SIGSTOP)
        connection.send(wire.frame(wire.TEXT, b"while stopped"))
        server.signal(signal.SIGCONT)
        connection.expect_frame(wire.TEXT, b"while stopped")


def check_no_memory(context):
    """Out of memory: the connections at fault end, the process lives."""
    space = (resource.RLIMIT_AS, SMALL_MEMORY)
    if context.server.sanitized():
        return
    with context.own_server(limits=(space,)) as server:
        header = bytes((0x82, 0xFF)) + HUNGRY_OCTETS.to_bytes(8, "big") + bytes(4)
        data = header + bytes(HUNGRY_OCTETS - 1)
        with held_connections(server, HUNGRY_PEERS, b"") as peers:
            with concurrent.futures.ThreadPoolExecutor(HUNGRY_PEERS) as pool:
                list(pool.map(functools.partial(feed, data), peers))
        expect(server.alive(), "the server ended")
        wait_for_service(server)


def feed(data, connection):
    """Upgrade and send all of an unfinished message."""
    try:
        connection.upgrade()
        connection.send_for(data, 5.0)
    except (OSError, Failure, wire.ProtocolViolation):
        pass  # refusing is a right answer here


def check_sockets_independent(context):
    """A peer in the middle of a large message does not hold up others."""
    with Raw(context.server) as connection:
        connection.upgrade()
        connection.send(bytes((0x82, 0xFF)) + (32 * MIB).to_bytes(8, "big") + bytes(4))
        best = ANSWER_LIMIT
        for _ in range(8):
            connection.send(bytes(MIB))
            best = min(best, canary(context.server))
        expect(best < 5 * SERVED, f"others wait {best * 1000:.0f} ms")


def check_idle_cpu(context):
    """Idle connections cost no CPU."""
    with held_connections(context.server, 50, handshake()):
        time.sleep(0.2)
        share = context.server.busy_share(0.5)
        expect(share < 0.1, f"{share:.0%} of a core with idle connections")


def check_dead_peer(context):
    """A peer that answers no ping is closed."""
    with context.impatient_server() as server, Raw(server) as connection:
        connection.upgrade()
        connection.expect_closed(context.limit("pong") + GRACE)


def slow_case(case_id, what, limit, data, drip):
    """A request that never gets done."""
    check = functools.partial(check_deadline, limit, data, drip)
    return Case(case_id, what, check, starts=True, waits=True)


def cases(_options):
    """The resource cases."""
    return [
        Case("R01", "400 half requests held", check_slowloris),
        slow_case("R02", "header that drips", "header", HALF_HEAD, b"a"),
        Case("R03", "reset storm", check_reset_storm),
        slow_case("R04", "not an octet sent", "header", b"", b""),
        Case("R05", "out of descriptors", check_no_descriptors, starts=True, waits=True),
        slow_case("R06", "body that drips", "body", HALF_BODY, b" "),
        Case("R07", "spurious signals", check_spurious_signals, starts=True),
        Case("R08", "out of memory", check_no_memory, starts=True),
        Case("R09", "churn", check_churn),
        Case("R10", "large message under way", check_sockets_independent),
        Case("R11", "idle connections", check_idle_cpu, measures=True),
        Case("R12", "peer that answers no ping", check_dead_peer, starts=True, waits=True,
             option="pong_timeout_ms"),
    ]
