#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SioServer: connects, events, acknowledgements, emits, rooms, ends."""

from package import harness, require
from sio_kit import SioProgram, leave, refused

require()
equal = harness.equal


def test_events_and_acknowledgements(program):
    client = program.client()
    client._send('27["echo",1,"привет 👋",null,{"a":[true,1.5]}]')
    equal(client.event(), ["echo", 1, "привет 👋", None, {"a": [True, 1.5]}])
    client._until(lambda: 7 in client.answers)
    equal(client.answers[7], [1, "привет 👋", None, {"a": [True, 1.5]}])
    client._send('2["echo"]')
    equal(client.event(), ["echo"])
    client._send('2["echo","\\ud83d"]')  # half of a pair: what goes out is UTF-8
    equal(client.event(), ["echo", "\ufffd"])
    leave(client)


def test_binary_anywhere(program):
    client = program.client("/chat")
    packet = '["echo",{"a":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":0}]'
    client._send("52-/chat,9" + packet, [b"\x00\xff", b""])
    equal(client.event(), ["echo", {"a": [b""]}, b"\x00\xff"])
    client._until(lambda: 9 in client.answers)
    equal(client.answers[9], [{"a": [b""]}, b"\x00\xff"])
    leave(client)


def test_what_a_connect_handler_does_to_its_client(program):
    client = program.client("/chat", {"rooms": ["r1"], "emit": ["me", "r1", "r2", None]})
    equal([client.event() for _ in range(3)], [["early", "me"], ["early", "r1"], ["early"]])
    equal(sorted(program.do(f"server.rooms({client.sid!r}, '/chat')")), sorted([client.sid, "r1"]))
    assert not client.has_event(), client.events
    other = program.client("/chat", {"emit": ["r1", None]})
    equal(other.event(), ["early"])
    equal([client.event(), client.event()], [["early", "r1"], ["early"]])
    leave(client)
    leave(other)


def test_refused_with_data(program):
    equal(refused(program, {"refuse": ["no", {"a": [1]}]}), {"message": "no", "data": {"a": [1]}})
    equal(refused(program, {"refuse": ["no", None], "emit": ["me"]}), {"message": "no", "data": None})
    equal(refused(program, {"refuse": ["нет"]}, "/chat"), {"message": "нет"})
    equal(refused(program, {"raise": 1}), {"message": "Refused"})
    equal(refused(program, {}, "/nowhere"), {"message": "Invalid namespace"})
    program.emptied()


def test_a_disconnect_in_the_connect_handler(program):
    client = program.client("/", {"leave": 1, "emit": ["me"]})
    equal(client.event(), ["early", "me"])
    equal(client.event(), ["disconnect"])
    program.log(lambda lines: ["disconnect", client.sid, "/", "server disconnect", [client.sid]] in lines)
    leave(client)


def test_each_connect_has_one_disconnect(program):
    client = program.client("/", {"rooms": ["r1", "r2"]})
    client._send('2["join","r3"]')
    client._send('21["leave","r1"]')
    client._until(lambda: 1 in client.answers)
    client._send("1")
    lines = program.log(lambda lines: [line for line in lines if line[:2] == ["disconnect", client.sid]])
    ended = [line for line in lines if line[:2] == ["disconnect", client.sid]]
    equal(ended[0][:4], ["disconnect", client.sid, "/", "client disconnect"])
    equal(sorted(ended[0][4]), sorted([client.sid, "r2", "r3"]), "its rooms are still there")
    equal(len(ended), 1)
    leave(client)
    other = program.client()
    leave(other)
    program.log(lambda lines: [line for line in lines if line[:4] == ["disconnect", other.sid, "/", "transport close"]])
    program.emptied()


def test_a_client_that_leaves_while_it_is_decided(program):
    websocket = harness.WebSocket(program.port, "/socket.io/?EIO=4&transport=websocket")
    websocket.message()
    program.do("handlers.free.clear()")
    websocket.send_text('40{"wait":1}')
    lines = program.log(lambda lines: [line for line in lines if line[0] == "connect"])
    sid = lines[-1][1]
    websocket.close()
    harness.eventually(lambda: program.stats()["clients"] == 0, "it is gone")
    program.do("handlers.free.set()")
    program.log(lambda lines: ["disconnect", sid, "/", "transport close", [sid]] in lines)
    program.emptied()


def test_order_of_one_client(program):
    client = program.client()
    other = program.client("/chat")
    for number in range(6):
        client._send(f'2["order",{number},{0.05 if number == 0 else 0}]')
    other._send('2/chat,["order",9]')
    lines = program.log(lambda lines: ["end", client.sid, 5] in lines and ["end", other.sid, 9] in lines)
    own = [line[::2] for line in lines if line[1] == client.sid and line[0] in ("begin", "end")]
    equal(own, [[word, number] for number in range(6) for word in ("begin", "end")])
    leave(client)
    leave(other)


def test_clients_in_parallel(program):
    program.do("handlers.free.clear()")
    first, second = program.client(), program.client()
    first._send('2["wait"]')
    second._send('2["echo",1]')
    equal(second.event(), ["echo", 1])  # while the handler of the first one blocks
    program.do("handlers.free.set()")
    leave(first)
    leave(second)


def test_rooms(program):
    a, b, c = (program.client("/chat") for _ in range(3))
    for client in (a, b):
        client._send('2/chat,1["join","r1"]')
        client._until(lambda client=client: 1 in client.answers)
        equal(sorted(client.answers[1][0]), sorted([client.sid, "r1"]))
    c._send('2/chat,["say","r1","one"]')
    equal([a.event(), b.event()], [["said", "one"]] * 2)
    c._send(f'2/chat,["say",["r1","{c.sid}"],"two",["{a.sid}"]]')
    equal([b.event(), c.event()], [["said", "two"]] * 2)
    c._send(f'2/chat,["say",null,"three","{b.sid}"]')
    equal([a.event(), c.event()], [["said", "three"]] * 2)
    equal(sorted(program.do("server.participants('/chat', 'r1')")), sorted([a.sid, b.sid]))
    equal(program.do("[server.count('/chat'), server.count('/chat', 'r1')]"), [3, 2])
    program.do("server.close_room('r1', '/chat')")
    equal(program.do("server.participants('/chat', 'r1')"), [])
    equal(program.do(f"server.rooms({a.sid!r}, '/chat')"), [a.sid])
    c._send('2/chat,["say","r1","nobody"]')
    c._send('2/chat,["echo"]')
    equal(c.event(), ["echo"])
    for client in (a, b, c):
        assert not client.has_event(), client.events
        leave(client)


def test_call_and_callback(program):
    client = program.client()
    client._send('21["call"]')
    event, number = client.event_with_ack()
    equal(event, ["question", 1])
    client._send(f'3{number}["yes",2]')
    client._until(lambda: 1 in client.answers)
    equal(client.answers[1], ["answered", "yes", 2])
    client._send('22["call",0.05]')
    client._until(lambda: 2 in client.answers)
    equal(client.answers[2], ["timeout"])
    client._send(f'2["ask","{client.sid}"]')
    number = client.event_with_ack()[1]  # of the call that timed out
    number = client.event_with_ack()[1]
    client._send(f'3{number}["a",1]')
    program.log(lambda lines: ["answer", "a", 1] in lines)
    other = program.client()
    client._send('2["ask",null]')
    for one, answer in ((client, '"x",[1],2'), (other, "")):
        one._send(f"3{one.event_with_ack()[1]}[{answer}]")
    program.log(lambda lines: ["answer", "x", [1], 2] in lines and ["answer"] in lines)
    leave(client)
    leave(other)


def test_bad_data_from_a_handler(program):
    client = program.client()
    client._send('2["nan"]')
    program.log(lambda lines: any(line[0] == "error" and "ValueError" in line[1] for line in lines))
    client._send('23["raise"]')
    client._send('2["echo"]')
    equal(client.event(), ["echo"])
    assert 3 not in client.answers
    for expression, error in (
        ("server.emit('a\\0b')", "ValueError"),
        ("server.emit('connect')", "ValueError"),
        ("server.emit('e', object())", "TypeError"),
        ("server.emit('e', [b'x'] * 11)", "ValueError"),
        ("server.emit('e', to=3)", "TypeError"),
        ("server.call('e')", "ValueError"),
        ("server.enter_room('x', 'r' * 300)", "ValueError"),
    ):
        assert harness.http(program.port, "POST", "/do", body=expression.encode()).status == 500, expression
        assert error in program.said(), (expression, program.said()[-2000:])
    program.do("server.emit('e', to='nobody')")
    program.do("server.emit('e', to=[])")
    program.do("server.emit('e', namespace='/nowhere')")
    assert not client.has_event(), client.events
    leave(client)


def test_an_end_from_a_thread(program):
    client = program.client()
    equal(program.do(f"server.transport({client.sid!r})"), "websocket")
    equal(program.do(f"server.is_connected({client.sid!r})"), True)
    equal(program.do(f"len(server.eio_sid({client.sid!r}))"), 20)
    program.do(f"server.disconnect({client.sid!r})")
    equal(client.event(), ["disconnect"])
    leave(client)
    program.emptied()
    equal(program.do(f"[server.rooms({client.sid!r}), server.transport({client.sid!r})]"), [[], None])


harness.run(globals(), lambda: SioProgram(namespaces=["/", "/chat"], loops=3))
