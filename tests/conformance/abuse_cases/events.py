# SPDX-License-Identifier: MIT
"""S01-S61: Socket.IO."""

import functools
import time

import wire
from abuse_cases.model import MIB, Case, wait_until
from abuse_cases.raw import ANSWER_LIMIT, Failure, expect
from abuse_cases.session import Polling, Socket, request, TEXT_PLAIN

QUICK = 1.0
PLACEHOLDER = b'{"_placeholder":true,"num":%s}'
NAMESPACES = 20_000
CHURN = 3000
EVENTS = 20_000
UNREAD = 64 * MIB
UNREAD_MEMORY = 16 * MIB
CONNECT_LIMIT = 2.5  # of wire-app, s
PING_LIMIT = 4.0  # of features-app: interval and timeout, s


def closed(case_id, what, *messages, then=(), codes=(None,)):
    """Text messages, then binary ones, end the whole connection; quickly."""

    def check(context):
        with Socket.joined(context.server) as socket:
            with context.little_work(QUICK), context.bounded_memory(16 * MIB):
                socket.send(*messages)
                socket.send(*then, opcode=wire.BINARY)
                socket.expect_closed(*codes)

    return Case(case_id, what, check)


def all_closed(case_id, what, *variants):
    """Each of these messages ends the whole connection."""

    def check(context):
        for message in variants:
            with Socket.joined(context.server) as socket:
                socket.send(message)
                try:
                    socket.expect_closed(None)
                except Failure as error:
                    raise Failure(f"{message[:60]!r}: {error}") from None

    return Case(case_id, what, check)


def lives(case_id, what, *messages, then=(), answer=None):
    """Messages are taken, and perhaps answered; quickly."""

    def check(context):
        with Socket.joined(context.server) as socket, context.bounded_memory(24 * MIB):
            with context.little_work(QUICK):
                socket.send(*messages)
                socket.send(*then, opcode=wire.BINARY)
                if answer is not None:
                    socket.until(answer)
                socket.expect_alive()

    return Case(case_id, what, check)


def before_connect(case_id, what, *messages):
    """In a session without a namespace these end the connection."""

    def check(context):
        for message in messages:
            with Socket.opened(context.server) as socket:
                socket.send(message)
                socket.expect_closed(None)

    return Case(case_id, what, check)


# Namespaces.


def check_twice(context):
    """A second CONNECT ends the connection."""
    with Socket.joined(context.server) as socket:
        socket.send(b"40")
        socket.expect_closed(None)


def check_unknown(context):
    """Unknown namespaces are all refused, or the client is closed; memory is bounded."""
    with Socket.joined(context.server) as socket, context.bounded_memory(UNREAD_MEMORY):
        for start in range(0, NAMESPACES, 1000):
            socket.send(*[b"40/nope%d," % i for i in range(start, start + 1000)])
            for i in range(start, start + 1000):
                seen = socket.text()
                wanted = b'44/nope%d,{"message":"Invalid namespace"}' % i
                expect(seen == wanted, f"expected {wanted!r}, seen {seen!r}")
        socket.expect_alive()


def check_many(context):
    """A client is in a bounded number of namespaces."""
    with Socket.joined(context.server) as socket, context.bounded_memory(16 * MIB):
        for i in range(2000):
            if not socket.send(b"40/dyn-n%d," % i):
                return
        socket.expect_closed(None)


def check_churn(context):
    """Joining and leaving leaves nothing behind."""
    with Socket.joined(context.server) as socket:
        socket.send(b"40/dyn-warm,", b"41/dyn-warm,")
        with context.bounded_memory(8 * MIB):
            for i in range(CHURN):
                socket.send(b"40/dyn-c%d," % i)
                socket.until(b"40/dyn-c%d," % i)
                socket.send(b"41/dyn-c%d," % i)
        socket.expect_alive()


def check_early(context):
    """What comes ahead of the answer to CONNECT is kept within bounds."""
    event = b'42/mw,["x","' + b"y" * 10_000 + b'"]'
    with Socket.opened(context.server) as socket, context.bounded_memory(24 * MIB):
        socket.send(b"40/mw,", *[event] * 500)
        try:
            socket.until(b"40/mw,")
        except Failure:
            return  # closed: as good


def check_own_name(context):
    """Names with anything in them are names."""
    with Socket.joined(context.server) as socket:
        for name in (b"/" + b"x" * 100_000, b"/\\", b'/"', b"/%00", b"/a?b=c"):
            socket.send(b"40" + name + b",")
            socket.until(b"Invalid namespace")
        socket.expect_alive()


# Acknowledgements, rooms, floods.


def check_acks(context):
    """Answers that nobody asked for, and those that never come, are forgotten."""
    with Socket.joined(context.server) as socket, context.bounded_memory(8 * MIB):
        socket.send(*[b"43%d[]" % i for i in range(EVENTS)])
        socket.expect_alive()


def check_owed_acks(context):
    """Clients that leave take what they owe with them."""
    with Socket.joined(context.server, "/ctl") as control:
        for round_number in range(5):
            clients = [Socket.joined(context.server, "/chat") for _ in range(50)]
            control.send(b'42/ctl,%d["ctl",{"nsp":"/chat","chain":[["timeout",60000]],'
                         b'"call":"emitWithAck","args":["q"]}]' % round_number)
            for client in clients:
                client.until(b'["q"')
                client.raw.reset()
            answer = control.until(b"43/ctl,%d[" % round_number)
            expect(b"err" in answer, f"seen {answer[:80]!r}")


def check_rooms(context):
    """A socket is in a bounded number of rooms."""
    with Socket.joined(context.server) as socket, context.bounded_memory(32 * MIB):
        for start in range(0, 20_000, 500):
            names = ",".join(f'"r{i}"' for i in range(start, start + 500))
            socket.send(f'421["join",[{names}]]'.encode())
            socket.until(b"431")
        socket.send(b'422["rooms"]')
        rooms = socket.until(b"432").count(b",") + 1
        expect(rooms < 20_000, f"it is in {rooms} rooms")


def check_unread(context):
    """A client that never reads does not fill memory."""
    event = b'420["echo","' + b"x" * 10_000 + b'"]'
    flood = wire.frame(wire.TEXT, event) * 100
    with Socket.joined(context.server, receive_buffer=4096) as socket:
        with context.bounded_memory(UNREAD_MEMORY):
            sent = 0
            while sent < UNREAD:
                now = socket.raw.send_for(flood, 2.0)
                sent += now
                if now < len(flood):
                    break


def check_unread_polls(context):
    """A session that never polls does not fill memory."""
    session = Polling.joined(context.server)
    body = b"\x1e".join([b'420["echo","' + b"x" * 10_000 + b'"]'] * 90)
    with context.bounded_memory(UNREAD_MEMORY):
        for _ in range(40):
            try:
                status, _ = request(session.server, "POST", session.query, body, TEXT_PLAIN, limit=2.0)
            except Failure:  # its answer waits for a poll
                break
            if status != 200:
                break


def check_burst(context):
    """Events by the ten thousand in one write are all answered, in order."""
    with Socket.joined(context.server) as socket:
        socket.send(*[b'42%d["echo"]' % i for i in range(EVENTS)])
        for i in range(EVENTS):
            seen = socket.text()
            expect(seen == b"43%d[]" % i, f"expected 43{i}[], seen {seen[:40]!r}")


def check_silent_namespace(context):
    """A session that joins nothing is closed in time."""
    with context.own_server() as server:
        with Socket.opened(server) as socket:
            started = time.monotonic()
            while (frame := socket.raw.frame()) and frame.opcode != wire.CLOSE:
                socket.send(b"3")
            took = time.monotonic() - started
            expect(took < CONNECT_LIMIT + ANSWER_LIMIT, f"closed after {took:.1f} s")


def check_silent(context):
    """A client that answers no ping is closed in time, on either transport."""
    session = Polling.joined(context.server)
    started = time.monotonic()
    with Socket.joined(context.server) as socket:
        while (frame := socket.raw.frame()) and frame.opcode != wire.CLOSE:
            pass
        took = time.monotonic() - started
        expect(took < PING_LIMIT + ANSWER_LIMIT, f"closed after {took:.1f} s")
    session.expect_gone()


def check_recovery(context):
    """Strange things said about recovery are no recovery."""
    with context.own_server("--recovery") as server:
        for auth in (b'{"pid":1}', b'{"pid":null}', b'{"pid":{}}', b'{"pid":""}', b'{"pid":"x"}',
                     b'{"pid":"' + b"x" * 20 + b'","offset":1}', b'{"pid":"' + b"x" * 100_000 + b'"}',
                     b'{"pid":"' + b"x" * 20 + b'","offset":"' + b"y" * 100_000 + b'"}',
                     b'{"pid":"\\u0000","offset":"\\ud800"}', b'{"offset":"x"}', b"[]"[:0]):
            with Socket.opened(server) as socket:
                socket.send(b"40" + auth)
                socket.until(b'"pid"')
                socket.expect_alive()


HOSTILE_MSGPACK = (
    b"", b"\xc1", b"\x00", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff", b"\x81\xa4type", b"\x80", b"\x90" * 10, b"\x91" * 100_000,
    b"\x81\xa1a" * 50_000 + b"\xc0", b"\x83\xa4type\x02\xa4data\x91\xa1x\xa3nsp\x05",
    b"\x83\xa4type\xff\xa4data\x91\xa1x\xa3nsp\xa1/", b"\x83\xa4type\x02\xa4data\x80\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x91\x80\xa3nsp\xa1/", b"\x83\xa4type\x02\xa4data\x91\xa7connect\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x92\xa1x\xa1\xff\xa3nsp\xa1/", b"\x83\xa4type\x02\xa4data\x91\xa1x\xa3nsp\xa1/\x00",
    b"\x83\xa4type\x05\xa4data\x91\xa1x\xa3nsp\xa1/",
)


def check_msgpack(context):
    """MessagePack that is none, or no packet, ends the connection."""
    connect = b"\x82\xa4type\x00\xa3nsp\xa1/"
    with context.own_server("--msgpack") as server, context.bounded_memory(16 * MIB, server):
        for packet in HOSTILE_MSGPACK:
            with Socket.opened(server) as socket:
                socket.send(connect, opcode=wire.BINARY)
                socket.text()
                socket.send(packet, opcode=wire.BINARY)
                try:
                    socket.expect_closed(None)
                except Failure as error:
                    raise Failure(f"{packet[:30]!r}: {error}") from None
        expect(server.alive(), "the server has ended")


def check_goes(context):
    """Clients that leave in the middle of a packet leave nothing behind."""
    with context.bounded_descriptors(slack=4):
        for i in range(60):
            socket = Socket.joined(context.server, "/chat" if i % 2 else "/")
            socket.send(b'45/chat,9-["x"]' if i % 2 else b'459-["x"]')
            socket.send(b"\x01" * 1000, opcode=wire.BINARY)
            socket.raw.reset()
        wait_until(context.server.alive, 1.0, lambda: "the server has ended")


def echo(json):
    """An event whose argument comes back."""
    return b'420["echo",' + json + b"]"


def cases(_options):
    """All cases of this module."""
    one = PLACEHOLDER % b"0"
    reserved = [b"connect", b"connect_error", b"disconnect", b"disconnecting", b"newListener",
                b"removeListener", b"conn\\u0065ct"]
    return [
        before_connect("S02", "an event ahead of CONNECT", b'42["x"]', b"43[]", b"41", b"430[]"),
        all_closed("S03", "a namespace that was not joined", b'42/chat,["x"]', b"43/chat,1[]"),
        Case("S04", "CONNECT twice", check_twice),
        all_closed("S05", "DISCONNECT with data", b"41{}", b'41["x"]', b"41null", b"411"),
        all_closed("S06", "CONNECT with other than an object", b"40/chat,[]", b'40/chat,"x"',
                   b"40/chat,null", b"40/chat,{", b"40/chat,{}x", b"40chat,", b"40,"),
        all_closed("S07", "names that are none", b"42[{}]", b"42[[]]", b"42[null]", b"42[true]",
                   b'42[{"toString":"x"}]'),
        all_closed("S08", "reserved names", *[b'42["%s"]' % name for name in reserved[:3]]),
        all_closed("S09", "further reserved names", *[b'42["%s"]' % name for name in reserved[3:]]),
        lives("S10", "an event named error", b'42["error","x"]', b'42["__proto__"]', b'42["constructor"]'),
        all_closed("S11", "CONNECT_ERROR", b"44", b'44{"message":"x"}', b"44/chat,{}"),
        all_closed("S12", "events that are no array", b"42{}", b'42"x"', b"42null", b"421.5", b"42[]"),
        all_closed("S13", "unknown types", b"47", b"49", b"4x", b"4", b"4\x00", b"4\xc3\xa4"),
        all_closed("S14", "acknowledgements that are no array", b"430{}", b"430null", b'430"x"', b"430x"),
        Case("S17", "20 000 unknown namespaces", check_unknown),
        Case("S18", "acknowledgements nobody asked for", check_acks),
        all_closed("S19", "ids that are none", b'429007199254740992["x"]', b"431e+30[1]",
                   b'4299999999999999999999["x"]'),
        all_closed("S20", "no attachments", b'450-["x"]', b'4500-["x"]', b"460-0[]"),
        all_closed("S21", "more than ten attachments", b'4511-["x"]', b"4611-0[]"),
        all_closed("S22", "attachments without end", b'454294967297-["x"]', b'4518446744073709551617-["x"]',
                   b'45-1-["x"]', b'451e3-["x"]', b'45["x"]', b"451", b'451["x"]'),
        closed("S23", "900 KB of digits for attachments", b"45" + b"9" * 900_000),
        closed("S24", "text where an attachment is due", b'451-["x",%s]' % one, b'42["x"]'),
        closed("S25", "an attachment of nothing", then=(b"x",)),
        closed("S26", "a number that is a name", b'451-["x",%s]' % (PLACEHOLDER % b'"splice"'), then=(b"x",)),
        closed("S27a", "a number below 0", b'451-["x",%s]' % (PLACEHOLDER % b"-1"), then=(b"x",)),
        closed("S27b", "a number out of range", b'451-["x",%s]' % (PLACEHOLDER % b"1000000000"), then=(b"x",)),
        closed("S27c", "a number of 900 KB", b'451-["x",%s]' % (PLACEHOLDER % (b"9" * 900_000)), then=(b"x",)),
        closed("S28a", "no number", b'451-["x",{"_placeholder":true}]', then=(b"x",)),
        closed("S28b", "a fraction", b'451-["x",%s]' % (PLACEHOLDER % b"0.5"), then=(b"x",)),
        lives("S29", "25 000 times one attachment", b'451-["x",' + b",".join([one] * 25_000) + b"]", then=(b"y",)),
        closed("S30", "JSON 100 000 deep", echo(b"[" * 100_000 + b"]" * 100_000)),
        lives("S31", "JSON 100 deep", echo(b"[" * 100 + b"]" * 100), answer=b"430["),
        all_closed("S32", "control characters in strings", *[echo(b'"%c"' % c) for c in (1, 9, 10, 13, 31)]),
        all_closed("S33", "text after the JSON", b'42["x"]x', b'42["x"]]', b'42["x"],', b'42["x"]["y"]'),
        all_closed("S34", "JSON that is not whole", b'42["x"', b'42["x', b'42["x",', b'42["x",{', b"42[",
                   b'42["x",{"a"}]', b'42["x",{"a":}]', b'42["x",{,}]', b'42["x",{a:1}]', b"42['x']"),
        lives("S35", "lone surrogates", echo(b'"\\ud800"'), echo(b'"\\udc00\\ud800"'), answer=b"430["),
        lives("S36", "keys of prototypes", echo(b'{"__proto__":{"a":1},"constructor":1,"hasOwnProperty":2}'),
              answer=b"__proto__"),
        all_closed("S37", "numbers that are none", *[echo(n) for n in (
            b"01", b"1.", b".5", b"-", b"+1", b"1e", b"1e+", b"0x1", b"NaN", b"Infinity", b"--1", b"1_0")]),
        lives("S38", "a number of 500 KB", b'42["x",' + b"1" * 500_000 + b"]"),
        lives("S39", "a name of 900 KB", b'42["' + b"x" * 900_000 + b'"]'),
        closed("S40", "a packet above the limit", b'42["x","' + b"y" * 1_000_000 + b'"]', codes=(1009,)),
        closed("S41", "a packet that is not UTF-8", b'42["x","\xc0\x80"]', codes=(1007,)),
        Case("S42", "20 000 events in one write", check_burst),
        Case("S43", "namespaces of one client are bounded", check_many),
        Case("S44", "rooms of one socket are bounded", check_rooms),
        lives("S45", "an auth of 900 KB", b'40/chat,{"x":"' + b"y" * 900_000 + b'"}', answer=b"40/chat,{"),
        closed("S46", "900 KB of digits for an id", b"42" + b"9" * 900_000 + b'["x"]'),
        Case("S47", "names of namespaces", check_own_name),
        Case("S48", "namespaces joined and left", check_churn, measures=True),
        Case("S49", "events while middleware runs", check_early),
        Case("S50", "acknowledgements owed by who leaves", check_owed_acks),
        Case("S51", "clients that leave in the middle of a packet", check_goes, measures=True),
        Case("S52", "recovery of nothing", check_recovery, starts=True),
        Case("S53", "hostile MessagePack", check_msgpack, starts=True),
        Case("S54", "a client that never reads", check_unread, measures=True),
        Case("S55", "a session that never polls", check_unread_polls, measures=True),
        lives("S56", "escapes everywhere", b'42["\\u0065cho","\\u0000\\"\\\\\\/\\b\\f\\n\\r\\t"]'),
        all_closed("S57", "escapes that are none", b'42["\\x"]', b'42["\\u12"]', b'42["\\u12g4"]', b'42["\\"]'),
        lives("S58", "a hundred thousand elements", echo(b"[" + b"0," * 99_999 + b"0]"), answer=b"430["),
        lives("S59", "ten thousand keys alike", echo(b'{"a":0' + b',"a":1' * 9_999 + b"}"), answer=b"430["),
        Case("S61", "a client that falls silent", check_silent),
    ]


def slow_cases():
    """Those for wire-app, whose time to connect is short."""
    return [Case("S60", "a session that joins nothing", functools.partial(check_silent_namespace), starts=True)]
