# SPDX-License-Identifier: MIT
"""T01-T05: SIGTERM."""

import contextlib
import signal
import time

import wire
from abuse_cases.model import MIB, Case
from abuse_cases.raw import Failure, Raw, expect

OPEN_SOCKETS = 50
AT_ONCE = 4.0  # without --slow-args less than it waits for a peer
LATE = 25.0  # that a machine may be late by
QUEUED = 24


def expect_exit(server, limit, status=0):
    """The process must end in time; with `status` unless that is None."""
    seen = server.wait(limit)
    expect(seen is not None, f"still running {limit:g} s later")
    expect(status is None or seen == status, f"expected exit status {status}, seen {seen}")


def check_drain(context):
    """Every socket is closed with 1001, then the process exits with 0."""
    with context.own_server() as server, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Raw(server)) for _ in range(OPEN_SOCKETS)]
        for connection in connections:
            connection.upgrade()
        server.signal(signal.SIGTERM)
        for connection in connections:
            connection.expect_close(1001)
        expect_exit(server, LATE)


def check_second_signal(context):
    """With a peer that never answers, the second SIGTERM ends it at once."""
    with context.own_server() as server, Raw(server) as connection:
        connection.upgrade()
        server.signal(signal.SIGTERM)
        frame = connection.frame()
        expect(frame is not None and frame.opcode == wire.CLOSE, f"expected 1001, seen {frame}")
        server.signal(signal.SIGTERM)
        expect_exit(server, AT_ONCE, status=None)


def check_stubborn_peer(context):
    """A peer that never answers does not keep the process forever."""
    with context.impatient_server() as server, Raw(server) as connection:
        connection.upgrade()
        server.signal(signal.SIGTERM)
        expect_exit(server, context.limit("drain") + LATE)


def check_flushed(context):
    """What was queued for a peer that reads late is sent before the close frame."""
    messages = [bytes((number,)) * (MIB // 4) for number in range(QUEUED)]
    data = b"".join(wire.frame(wire.BINARY, message) for message in messages)
    with context.own_server() as server, Raw(server, receive_buffer=65536) as connection:
        connection.upgrade()
        complete = connection.send_for(data, 1.0) == len(data)
        time.sleep(0.2)  # let the server read and queue
        server.signal(signal.SIGTERM)
        received = take_messages(connection, messages)
        expect(received > 0, "nothing that was queued was sent")
        if complete:
            connection.send(wire.frame(wire.CLOSE, wire.close_payload(1001)))
        else:
            connection.close()
        expect_exit(server, LATE)


def take_messages(connection, messages):
    """How many of `messages` come, in order, before the close frame 1001."""
    for received, message in enumerate(messages):
        frame = connection.frame()
        expect(frame is not None, f"the end after {received} messages, without a close frame")
        if frame.opcode == wire.CLOSE:
            break
        expect(frame.payload == message, f"message {received} is damaged")
    else:
        received, frame = len(messages), connection.frame()
    code = frame and frame.opcode == wire.CLOSE and wire.check_close_payload(frame.payload)
    expect(code == 1001, f"expected close 1001 after {received} messages, seen {code}")
    return received


def check_listener_first(context):
    """New connections are refused while old ones are still being closed."""
    with context.own_server() as server, Raw(server) as connection:
        connection.upgrade()
        server.signal(signal.SIGTERM)
        frame = connection.frame()
        expect(frame is not None and frame.opcode == wire.CLOSE, f"expected 1001, seen {frame}")
        try:
            with Raw(server, 1.0) as late:
                late.upgrade()
        except (OSError, wire.ProtocolViolation, Failure):
            return
        expect(False, "a new connection was served after SIGTERM")


def check_idle_exit(context):
    """Half a request does not delay the end."""
    with context.own_server() as server, Raw(server) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost:")
        time.sleep(0.1)
        server.signal(signal.SIGTERM)
        expect_exit(server, LATE)


def cases(_options):
    """The drain cases."""
    table = (
        ("T01", "open WebSockets get 1001, exit 0", check_drain),
        ("T02", "second SIGTERM", check_second_signal),
        ("T03", "queued data is flushed first", check_flushed),
        ("T04", "listener is closed first", check_listener_first),
        ("T05", "half a request", check_idle_exit),
        ("T06", "peer that never answers", check_stubborn_peer),
    )
    return [Case(case_id, what, check, starts=True, waits=True) for case_id, what, check in table]
