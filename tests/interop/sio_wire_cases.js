// SPDX-License-Identifier: MIT
// What is said on the raw wire to wire-app: [name, exchange, how Yodel's transcript differs].
//
// Without a third element the transcripts of the JavaScript server and of Yodel must be equal.  Else
// it is {because, expect}, Yodel's own transcript.

import { pause, sleep } from "./sio_wire.js";

const cases = [];
const add = (name, exchange, differs) => cases.push([name, exchange, differs]);
const EMPTY = "";

/* ---- requests: paths, queries, methods ---- */

const open = "EIO=4&transport=polling";
const requests = [
  ["a session", "GET", open],
  ["a session with further fields", "GET", `${open}&t=abc.0&b64=1&x=y`],
  ["the last of several counts", "GET", "EIO=3&EIO=4&transport=foo&transport=polling"],
  ["the last of several is wrong", "GET", "EIO=4&EIO=3&transport=polling"],
  ["the query is decoded", "GET", "%45IO=%34&transport=%70olling"],
  ["an empty sid is none", "GET", `${open}&sid=`],
  ["an empty field", "GET", `&&${open}&&`],
  ["no query", "GET", undefined],
  ["an empty query", "GET", ""],
  ["no transport", "GET", "EIO=4"],
  ["an unknown transport", "GET", "EIO=4&transport=foo"],
  ["an empty transport", "GET", "EIO=4&transport="],
  ["transport __proto__", "GET", "EIO=4&transport=__proto__"],
  ["transport constructor", "GET", "EIO=4&transport=constructor"],
  ["transport POLLING", "GET", "EIO=4&transport=POLLING"],
  ["transport with a blank", "GET", "EIO=4&transport=polling+"],
  ["webtransport over HTTP", "GET", "EIO=4&transport=webtransport"],
  ["no EIO", "GET", "transport=polling"],
  ["EIO 3", "GET", "EIO=3&transport=polling"],
  ["EIO 5", "GET", "EIO=5&transport=polling"],
  ["EIO 04", "GET", "EIO=04&transport=polling"],
  ["EIO 4.0", "GET", "EIO=4.0&transport=polling"],
  ["EIO empty", "GET", "EIO=&transport=polling"],
  ["websocket without an upgrade", "GET", "EIO=4&transport=websocket"],
  ["an unknown sid", "GET", `${open}&sid=AAAAAAAAAAAAAAAAAAAA`],
  ["a short sid", "GET", `${open}&sid=x`],
  ["a long sid", "GET", `${open}&sid=${"x".repeat(500)}`],
  ["an unknown sid, POST", "POST", `${open}&sid=AAAAAAAAAAAAAAAAAAAA`],
  ["an unknown sid, websocket", "GET", "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"],
  ["an unknown sid, no transport", "GET", "EIO=4&sid=AAAAAAAAAAAAAAAAAAAA"],
  ["handshake by POST", "POST", open],
  ["handshake by PUT", "PUT", open],
  ["handshake by DELETE", "DELETE", open],
  ["handshake by HEAD", "HEAD", open],
  ["handshake by POST, EIO 3", "POST", "EIO=3&transport=polling"],
];

for (const [name, method, query] of requests) add(name, (run) => run.request(method, query));

for (const [name, path] of [["below the path", "/socket.io/whatever"], ["path without its slash", "/socket.io"], ["another path", "/nothing"], ["the root", "/"]])
  add(name, async (run) => {
    const { status, body } = await run.request("GET", open, { path, silent: true });
    run.note(`${status} ${body.replace(/"sid":"[^"]*"/, "")}`);
  });

for (const [name, method, headers] of [
  ["Origin", "GET", { Origin: "http://a.example" }],
  ["Origin null", "GET", { Origin: "null" }],
  ["preflight", "OPTIONS", { Origin: "http://a.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a, x-b" }],
  ["MSIE", "GET", { "User-Agent": "Mozilla/4.0 (compatible;MSIE 8.0)" }],
  ["Trident", "GET", { "User-Agent": "Mozilla/5.0 (Trident/7.0; rv:11.0)" }],
])
  add(name, (run) => run.request(method, open, { headers }));

add("bare OPTIONS", (run) => run.request("OPTIONS", open), {
  because: "without Origin it is no preflight, and the answer hangs on nothing that was asked",
  expect: ["OPTIONS 204 [access-control-allow-origin: *; access-control-allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE] "],
});
add("CORS headers of an error", (run) => run.request("GET", "EIO=4", { headers: { Origin: "http://a.example" } }));

/* ---- polling ---- */

/** An exchange in a polling session, which is "42" connected. */
const polling = (exchange) => async (run) => {
  await run.open();
  await run.post("40", { silent: true });
  await run.pollFor('["auth"');
  run.log.length = 0;
  await exchange(run);
};
/** What is left of the session: alive when an event is echoed. */
const isAlive = async (run) => {
  const { status, body } = await run.post('42["message","alive"]', { silent: true });

  if (status !== 200) run.note(`gone: ${status} ${body}`);
  else await run.pollFor("alive");
};
const posted = (name, body, options, differs) =>
  add(`POST: ${name}`, polling(async (run) => {
    await run.post(body, options);
    await isAlive(run);
  }), differs);

add("CONNECT by POST, answer by GET", async (run) => {
  await run.open();
  await run.post("40");
  await run.pollFor('["auth"');
});
add("GET first, CONNECT meanwhile", async (run) => {
  await run.open();
  const waiting = run.poll({ silent: true });

  await pause(30);
  await run.post("40");
  const { body } = await waiting;
  run.note(body.split("\x1e")[0]);
  if (!body.includes("auth")) await run.pollFor("auth");
  else run.note(`polled ${body.split("\x1e")[1]}`);
});
add("CONNECT with auth", async (run) => {
  await run.open();
  await run.post('40{"token":"ä","n":[1,{}]}');
  await run.pollFor('["auth"');
});
posted("two events", '42["message",1]\x1e42["message",2]');
posted("binary both ways", '451-["message",{"_placeholder":true,"num":0}]\x1ebAQIDBA==');
posted("binary of no bytes", '451-["message",{"_placeholder":true,"num":0}]\x1eb');
posted("UTF-8", '42["message","äж\u{1f600}\\u0000"]');
posted("a pong", "3");
posted("a pong with data", "3probe");
posted("noop", "6");
posted("open", "0");
posted("upgrade", "5");
posted("a ping", "2");
posted("an empty body", "");
posted("an unknown type", "9");
posted("a letter", "x");
posted("a type of two digits is a message", '42["message",1]\x1e6');
posted("a separator at the end", '42["message",1]\x1e');
posted("a separator at the start", '\x1e42["message",1]');
posted("good, then bad", '42["message",1]\x1ex\x1e42["message",2]');
posted("close", "1");
posted("close, then more", '1\x1e42["message",1]');
posted("a bad Socket.IO packet", "4abc");
posted("application/octet-stream", '42["message",1]', { headers: { "Content-Type": "application/octet-stream" } });
posted("application/octet-stream with a parameter", '42["message",1]', { headers: { "Content-Type": "application/octet-stream; x=y" } });
posted("no content type", '42["message",1]', { headers: {} });
posted("text/html", '42["message",1]', { headers: { "Content-Type": "text/html" } });
posted("chunked", '42["message",1]', { headers: { "Transfer-Encoding": "chunked", "Content-Type": "text/plain" } });
posted("as large as may be", `42["message","${"x".repeat(2000 - 14)}"]`);
posted("one byte too large", `42["message","${"x".repeat(2001 - 14)}"]`);
posted("far too large, chunked", "x".repeat(30_000), { headers: { "Transfer-Encoding": "chunked", "Content-Type": "text/plain" } });
posted("base64 that is none", "b!!!!", {}, {
  because: "binary that cannot be decoded is a fault of the client",
  expect: ["POST 200 [content-type: text/html; cache-control: no-store; access-control-allow-origin: *] ok", 'gone: 400 {"code":1,"message":"Session ID unknown"}'],
});
for (const method of ["PUT", "DELETE", "PATCH"])
  add(`${method} in a session`, polling(async (run) => {
    await run.request(method, `${open}&sid=${run.sid}`);
    await isAlive(run);
  }));
add("EIO 3 in a session of 4", polling(async (run) => {
  await run.request("GET", `EIO=3&transport=polling&sid=${run.sid}`);
  await isAlive(run);
}));
add("no EIO in a session", polling(async (run) => {
  await run.request("GET", `transport=polling&sid=${run.sid}`);
  await isAlive(run);
}));
add("websocket without an upgrade in a session", polling(async (run) => {
  await run.request("GET", `EIO=4&transport=websocket&sid=${run.sid}`);
  await isAlive(run);
}));
add("all that is queued comes at once", polling(async (run) => {
  await run.post('42["message",1]\x1e42["burst"]\x1e42["message",2]');
  await pause(30);
  await run.poll();
}));
add("two GETs", polling(async (run) => {
  const first = run.poll({ silent: true });

  await pause(30);
  await run.poll({ name: "second ", fresh: true });
  const { status, body } = await first;
  run.note(`first ${status} ${body}`);
  await run.post("3");
}));
add("two POSTs", polling(async (run) => {
  const slow = run.request("POST", `${open}&sid=${run.sid}`, { headers: { "Content-Length": "20", "Content-Type": "text/plain" }, body: EMPTY, name: "first ", fresh: true, silent: true });

  await pause(30);
  await run.post("3", { fresh: true, name: "second " });
  run.note(`first ${(await slow).status}`);
  await run.post("3", { fresh: true });
}));
add("a GET and a POST", polling(async (run) => {
  const waiting = run.poll({ silent: true });

  await pause(30);
  await run.post('42["message",1]');
  run.note((await waiting).body);
}));
add("a GET that is given up", polling(async (run) => {
  void run.poll({ silent: true, fresh: true });
  await pause(30);
  run.last.destroy();
  await sleep(200);
  await run.poll();
}));
add("close with a GET pending", polling(async (run) => {
  const waiting = run.poll({ silent: true });

  await pause(30);
  await run.post("1");
  run.note((await waiting).body);
  await run.poll();
}));
add("a server's close with a GET pending", polling(async (run) => {
  const waiting = run.poll({ silent: true });

  await pause(30);
  await run.post('42["kick",true]');
  run.note((await waiting).body);
  await run.poll();
  await run.poll();
}));
add("a server's close without a GET", polling(async (run) => {
  await run.post('42["kick",true]');
  await pause(30);
  await run.poll();
  await run.poll();
  await run.poll();
}));
add("a forced close without a GET", polling(async (run) => {
  await run.post("4abc");
  await pause(30);
  await run.poll();
  await run.poll();
}));
add("a server's disconnect", polling(async (run) => {
  await run.post('42["kick"]');
  await run.pollFor("41");
  await run.post("40");
  await run.pollFor("auth");
}));
add("a ping releases a GET", polling(async (run) => {
  await run.poll();
  await run.post("3");
  await isAlive(run);
}));
add("no pong", polling(async (run) => {
  await run.poll();
  await run.poll();
  await run.poll();
}));
add("a packet stands for a pong once", polling(async (run) => {
  await run.poll();
  await sleep(500);
  await run.post("6");
  await sleep(500);
  await run.post("3");
  await isAlive(run);
}));
for (const [name, headers] of [["gzip", "gzip, deflate"], ["deflate", "deflate"], ["no coding", "identity"], ["no Accept-Encoding", undefined]])
  add(`a large answer, ${name}`, polling(async (run) => {
    await run.post('42["big",5000]');
    const { headers: seen, body } = await run.poll({ silent: true, headers: headers ? { "Accept-Encoding": headers } : {} });

    run.note(`${seen["content-encoding"]} ${seen["content-type"]} ${seen["content-encoding"] ? body.length < 500 : body.length}`);
  }));
add("JSON with blanks", polling(async (run) => {
  await run.post('42 [ "message" , { "a" : [ ] } ] ', { silent: true });
  await run.pollFor("message-back");
}), { because: "what no one looks into is not parsed and written again", expect: ['polled 42["message-back",{ "a" : [ ] }]'] });

/* ---- WebSocket ---- */

const wsOpened = (name, exchange, differs) => add(`websocket: ${name}`, async (run) => {
  const ws = await run.ws();

  await exchange(ws, run);
}, differs);
const wsJoined = (name, exchange, differs) => add(`websocket: ${name}`, async (run) => {
  const ws = await run.joined();

  await exchange(ws, run);
}, differs);
/** The messages are sent in a session; then an echo says whether it still is. */
const wsSends = (name, messages, differs) => wsJoined(name, (ws) => ws.probe(...messages), differs);

wsOpened("open, CONNECT", async (ws) => {
  ws.send("40");
  await ws.until((text) => text.includes("auth"));
});
for (const [name, query] of [
  ["EIO 3", "EIO=3&transport=websocket"],
  ["no EIO", "transport=websocket"],
])
  add(`websocket: ${name}`, (run) => run.ws(query), {
    because: "the JavaScript server answers 101, then writes a refusal into the stream",
    expect: ["refused 400 Unsupported protocol version"],
  });
for (const [name, query] of [
  ["no transport", "EIO=4"],
  ["transport foo", "EIO=4&transport=foo"],
  ["unknown sid", "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"],
])
  add(`websocket: ${name}`, (run) => run.ws(query));
add("websocket: transport polling", async (run) => {
  const ws = await run.ws("EIO=4&transport=polling");
  await Promise.race([ws.closed, sleep(500)]);
});
add("websocket: transport polling with a sid", polling(async (run) => {
  const ws = await run.ws(`EIO=4&transport=polling&sid=${run.sid}`);
  await Promise.race([ws.closed, sleep(500)]);
  await isAlive(run);
}));
add("websocket: subprotocols", async (run) => {
  const ws = await run.ws(undefined, { protocols: ["a", "b"] });
  run.note(ws.ws.protocol);
  await pause(30);
  run.log.sort();
});
add("websocket: version 8", async (run) => {
  const { text } = await run.raw(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n`,
  );
  run.note(text.split("\r\n")[0]);
}, { because: "RFC 6455 4.4", expect: ["HTTP/1.1 426 Upgrade Required"] });
add("websocket: no key", async (run) => {
  const { text, end } = await run.raw(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  run.note(`${text.split("\r\n")[0]} ${end}`);
});
wsSends("a pong", ["3"]);
wsSends("a pong with data", ["3x"]);
wsSends("noop, open, upgrade", ["6", "0", "5"]);
wsSends("a ping", ["2"]);
wsSends("a ping with data", ["2probe"]);
wsSends("close", ["1"], { because: "a close is a close on either transport", expect: ["close 1005"] });
wsSends("type 7", ["7"]);
wsSends("a letter", ["x"]);
wsSends("an empty text", [EMPTY]);
wsSends("binary where none is due", [Buffer.of(1)]);
wsSends("binary of no bytes where none is due", [Buffer.alloc(0)]);
wsSends("base64 in text", ['451-["message",{"_placeholder":true,"num":0}]', "bAQID"]);
wsSends("binary", ['451-["message",{"_placeholder":true,"num":0}]', Buffer.of(1, 2, 3)]);
wsSends("a message as large as may be", [`42["message","${"x".repeat(2000 - 14)}"]`]);
wsSends("a message one byte too large", [`42["message","${"x".repeat(2001 - 14)}"]`]);
add("websocket: b64", async (run) => {
  const ws = await run.ws("EIO=4&transport=websocket&b64=1");

  ws.send("40");
  await ws.until((text) => text.includes("auth"));
  await ws.probe('451-["message",{"_placeholder":true,"num":0}]', Buffer.of(255, 254, 253, 0));
});
wsJoined("text that is not UTF-8", async (ws) => {
  ws.ws.send(Buffer.from([0x34, 0x32, 0xff]), { binary: false });
  await ws.until(() => false);
});
wsJoined("an unmasked frame", async (ws) => {
  ws.ws.send("3", { mask: false });
  await ws.until(() => false);
});
wsJoined("a ping of WebSocket", async (ws, run) => {
  ws.ws.on("pong", (data) => run.note(`pong ${data}`));
  ws.ws.ping("x");
  await pause(50);
  await ws.probe();
});
wsJoined("ping of Engine.IO", async (ws) => {
  await ws.until((text) => text === "2");
  await ws.probe("3");
});
wsJoined("no pong", (ws) => ws.until(() => false, 4_000));
add("no namespace within the time", async (run) => {
  const ws = await run.ws();
  const started = Date.now();

  ws.ws.on("message", (data) => data.toString() === "2" && ws.send("3"));
  await ws.until(() => false, 5_000);
  run.note(`after ${Math.round((Date.now() - started) / 500) * 500} ms`);
});
add("no namespace within the time, all left", async (run) => {
  const ws = await run.joined();

  ws.ws.on("message", (data) => data.toString() === "2" && ws.send("3"));
  ws.send("41");
  await Promise.race([ws.closed, sleep(2_800)]);
  ws.send("40");
  await ws.until((text) => text.includes("auth"));
});

/* ---- the upgrade ---- */

const upgrading = (name, exchange, differs) => add(`upgrade: ${name}`, polling(exchange), differs);

upgrading("as clients do it", async (run) => {
  const waiting = run.poll({ silent: true });
  await pause(20);
  const ws = await run.upgrade();
  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  run.note(`released ${(await waiting).body}`);
  ws.send("5");
  await ws.probe();
  await run.poll();
  await run.post("3");
});
upgrading("GETs during the probe are released", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  for (let i = 0; i < 3; i++) {
    const started = Date.now();
    await run.poll();
    if (Date.now() - started > 400) run.note("late");
  }
  ws.send("5");
  await ws.probe();
});
upgrading("messages meanwhile", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  await run.post('42["message","during"]');
  await run.poll();
  await run.post('42["message","later"]');
  ws.send("5");
  await ws.until((text) => text.includes("later"));
  await ws.probe();
});
upgrading("5 with a GET pending", async (run) => {
  const ws = await run.upgrade();
  const waiting = run.poll();

  await pause(20);
  ws.send("5");
  await waiting;
  await ws.probe();
});
upgrading("5 without a probe", async (run) => {
  const ws = await run.upgrade();

  ws.send("5");
  await ws.probe();
});
upgrading("2probe twice", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe", "2probe", "5");
  await ws.probe();
});
for (const [name, message] of [["a message", '42["message",1]'], ["a bare ping", "2"], ["another ping", "2prob"], ["a pong", "3"], ["noop", "6"], ["close", "1"], ["nonsense", "x"], ["nothing", EMPTY], ["binary", Buffer.of(1)]])
  upgrading(`${name} instead of 5`, async (run) => {
    const ws = await run.upgrade();

    ws.send("2probe");
    await ws.until((text) => text === "3probe");
    ws.send(message);
    await ws.until(() => false, 400);
    await isAlive(run);
  });
upgrading("5 with data", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe", "5x");
  await ws.probe();
});
upgrading("no 5 in time", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe");
  await ws.until((text) => text.startsWith("close"));
  await isAlive(run);
});
upgrading("nothing in time", async (run) => {
  const ws = await run.upgrade();

  await ws.until((text) => text.startsWith("close"));
  await isAlive(run);
});
upgrading("given up by the client", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  ws.ws.terminate();
  await ws.closed;
  await isAlive(run);
});
upgrading("given up, then done", async (run) => {
  const first = await run.upgrade({ name: "first " });

  first.send("2probe");
  await first.until((text) => text === "3probe");
  first.ws.terminate();
  await first.closed;
  await pause(50);
  const ws = await run.upgrade();
  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  ws.send("5");
  await ws.probe();
});
upgrading("a second one meanwhile", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  const second = await run.upgrade({ name: "second " });
  await Promise.race([second.closed, sleep(300)]);
  ws.send("5");
  await ws.probe();
});
upgrading("a second one afterwards", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe", "5");
  await ws.probe();
  const second = await run.upgrade({ name: "second " });
  await Promise.race([second.closed, sleep(300)]);
  await ws.probe();
});
upgrading("the session is closed meanwhile", async (run) => {
  const ws = await run.upgrade();

  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  await run.post("1");
  await Promise.race([ws.closed, sleep(300)]);
  await run.poll();
});
add("upgrade: ahead of CONNECT", async (run) => {
  await run.open();
  const ws = await run.upgrade();

  ws.send("2probe");
  await ws.until((text) => text === "3probe");
  ws.send("5", "40");
  await ws.until((text) => text.includes("auth"));
});
add("upgrade: of a session that is on WebSocket", async (run) => {
  const ws = await run.ws();
  await ws.first();
  const sid = JSON.parse(ws.heard[0].slice(1)).sid;
  const second = await run.ws(`EIO=4&transport=websocket&sid=${sid}`, { name: "second " });

  await Promise.race([second.closed, sleep(300)]);
  await run.request("GET", `${open}&sid=${sid}`);
}, { because: "it can never be upgraded, so it is not kept until the time for that is over", expect: [
  '0{"sid":"<1>","upgrades":[],"pingInterval":1500,"pingTimeout":800,"maxPayload":2000}', "second close 1005",
  'GET 400 [content-type: application/json; access-control-allow-origin: *] {"code":3,"message":"Bad request"}'] });

/* ---- packets of Socket.IO ---- */

const P = '{"_placeholder":true,"num":0}';
const packets = [
  // events
  '42["message"]', '42["message",1,"two",null,[3],{"four":4}]', '42["message",1]',
  '42["message",{"__proto__":{"a":1},"constructor":2}]',
  '42["unknown event",1]', '42[1,2]', '42["error",1]', '42["connection"]', '42[""]', "42", "42[]",
  "42{}", "42null", "42true", '42"message"', "42[null]", "42[true]", "42[{}]", "42[[]]",
  '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]', '42["newListener"]', '42["removeListener"]',
  '42["conn\\u0065ct"]', '42["message"', '42["message",]', '42["message"]x', '42["message",01]', '42["message",.5]',
  "42['message']", '42["mess\\age"]', '42["\\u12"]', '42["message","\u0001"]', '42["message",NaN]',
  '42/,["message"]', '42/custom,["message"]', "42/custom", '42/custom["message"]', '42,["message"]',
  // acknowledgements
  '420["with-ack",1]', '427["with-ack"]', '42007["with-ack",1]', '429007199254740991["with-ack",1]',
  '420["unknown"]', '430["x"]', "430[]", "430", "43", "43[]", "43x", "430{}", "430null", "43999[]",
  // binary
  '451-["message",1]', '45-["message"]', '45["message"]', '450-["message"]', '4511-["message"]', '45-1-["message"]', '45x-["message"]',
  '451["message"]', `451-["message",${P}]`, `42["message",${P}]`, "461-0[1]", "46", "45", "451-", '451-/custom,["message"]',
  // others
  "44", "44/custom", '44{"message":"x"}', "47", "48", "4x", "4", "4 ", "41/custom", "41{}", '41["x"]', "41null", "40", '40{"a":1}',
  "40[]", '40"x"', "40null", "401", "40{", "40/deny,[]",
];

for (const packet of packets) wsSends(`packet ${packet}`, [packet]);

/** What Yodel says, with the echo at the end, where texts pass as they are. */
const differs = (because, ...expect) => ({ because, expect: [...expect, '42["message-back","the-end"]'] });
const asIs = "what no one looks into is not parsed and written again";

wsSends("a blank ahead of the JSON", ['42 ["message"]'], differs("the JavaScript server takes the blank for an ack id", '42["message-back"]'));
wsSends("a name twice", ['42["message",{"a":1,"a":2}]'], differs(asIs, '42["message-back",{"a":1,"a":2}]'));
wsSends("a number out of range", ['42["message",1e999]'], differs(asIs, '42["message-back",1e999]'));
wsSends("numbers", ['42["message",1.0,-0,12345678901234567890]'], differs(asIs, '42["message-back",1.0,-0,12345678901234567890]'));
wsSends("escapes", ['42["message","\\ud83d\\ude00\\u0041\\/"]'], differs(asIs, '42["message-back","\\ud83d\\ude00\\u0041\\/"]'));
wsSends("a lone surrogate", ['42["message","\\ud800"]'], differs(asIs, '42["message-back","\\ud800"]'));

const N = (num) => `{"_placeholder":true,"num":${num}}`;
const attachments = [
  ["one used twice", `451-["message",${P},${P}]`, 1, differs(asIs, `451-["message-back",${P},${P}]`, "binary 00")],
  ["one not used", `452-["message",${N(1)}]`, 2, differs(asIs, `452-["message-back",${N(1)}]`, "binary 00", "binary 01")],
  ["number out of range", `451-["message",${N(1)}]`, 1],
  ["negative number", `451-["message",${N(-1)}]`, 1],
  ["fraction", `451-["message",${N(0.5)}]`, 1, { because: "it names no attachment", expect: ["close 1005"] }],
  ["number as text", `451-["message",${N('"0"')}]`, 1],
  ["method name", `451-["message",${N('"splice"')}]`, 1],
  ["no number", '451-["message",{"_placeholder":true}]', 1],
  ["placeholder that is not true", '451-["message",{"_placeholder":1,"num":5}]', 1,
    differs(asIs, '451-["message-back",{"_placeholder":1,"num":5}]', "binary 00")],
  ["deep", `451-["message",{"a":[{"b":${P}}]}]`, 1],
  ["two in order", `452-["message",${P},${N(1)}]`, 2],
  ["two in another order", `452-["message",${N(1)},${P}]`, 2, differs(asIs, `452-["message-back",${N(1)},${P}]`, "binary 00", "binary 01")],
  ["ten", `4510-["message",${Array.from({ length: 10 }, (_, i) => N(i))}]`, 10],
  ["eleven", `4511-["message",${P}]`, 11],
  ["with an ack", `452-7["with-ack",${P},{"a":${N(1)}}]`, 2],
  ["an event's name", `451-[${P}]`, 1],
];

for (const [name, text, num, difference] of attachments)
  wsSends(`attachments: ${name}`, [text, ...Array.from({ length: num }, (_, i) => Buffer.of(i))], difference);
wsSends("attachments: text in between", [`451-["message",${P}]`, '42["message",1]']);
wsSends("attachments: another packet in between", [`452-["message",${P}]`, Buffer.of(1), "43"]);
wsSends("attachments: a pong in between", [`451-["message",${P}]`, "3", Buffer.of(1)]);
wsSends("attachments: one too many", [`451-["message",${P}]`, Buffer.of(1), Buffer.of(2)], {
  because: "the event was whole", expect: [`451-["message-back",${P}]`, "binary 01", "close 1005"],
});

/* ---- namespaces ---- */

const joins = [
  ["custom", "40/custom"], ["custom with a comma", "40/custom,"], ["custom with auth", '40/custom,{"a":1}'],
  ["refused", "40/deny,"], ["slow", "40/slow,"], ["dynamic", "40/dyn-12,"], ["dynamic, no match", "40/dyn-x,"],
  ["dynamic, match in part", "40/dyn-1x,"], ["unknown", "40/nope,"], ["with a query", "40/custom?a=b,"], ["without a slash", "40custom,"],
  ["the main one by name", "40/,"], ["empty", "40,"], ["UTF-8", "40/ä,"], ["quotes", '40/"\\,'], ["a number for auth", "40/custom,1"],
];

for (const [name, packet] of joins)
  add(`namespace: ${name}`, async (run) => {
    const ws = await run.ws();

    ws.send(packet);
    await ws.until((text) => /^4[04]/.test(text));
    await pause(20);
  });
wsJoined("namespace: twice", async (ws) => {
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  await ws.probe("40/custom,");
});
wsJoined("namespace: two of one connection", async (ws) => {
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  await ws.probe('42/custom,["message","there"]', '42["message","here"]', '42/custom,3["with-ack",1]');
});
wsJoined("namespace: left", async (ws) => {
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  await ws.probe("41/custom,");
});
wsJoined("namespace: left and joined again", async (ws) => {
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  ws.send("41/custom,");
  await pause(20);
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  await ws.probe();
});
wsJoined("namespace: an event after it was left", async (ws) => {
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  ws.send("41/custom,");
  await pause(20);
  await ws.probe('42/custom,["message",1]');
}, { because: "what was under way when the namespace was left is no fault", expect: ['40/custom,{"sid":"<3>"}', '42/custom,["auth",{}]', '42["message-back","the-end"]'] });
wsJoined("namespace: refused, then another", async (ws) => {
  ws.send("40/deny,");
  await ws.until((text) => text.startsWith("44"));
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  await ws.probe();
});
wsOpened("namespace: an event ahead of CONNECT", (ws) => ws.probe());
wsOpened("namespace: an ack ahead of CONNECT", (ws) => ws.probe("430[]"));
wsOpened("namespace: DISCONNECT ahead of CONNECT", (ws) => ws.probe("41"));
wsOpened("namespace: CONNECT and events together", async (ws) => {
  await ws.probe("40", '42["message",1]', '420["with-ack",2]');
}, { because: "events that come ahead of the answer to CONNECT wait for it", expect: [
  '0{"sid":"<1>","upgrades":[],"pingInterval":1500,"pingTimeout":800,"maxPayload":2000}',
  '40{"sid":"<2>"}', '42["auth",{}]', '42["message-back",1]', "430[2]", '42["message-back","the-end"]'] });
wsOpened("namespace: events while middleware runs", async (ws) => {
  ws.send("40/slow,", '42/slow,["message",1]');
  await ws.until((text) => text.includes("message-back"));
}, { because: "events that come ahead of the answer to CONNECT wait for it", expect: [
  '0{"sid":"<1>","upgrades":[],"pingInterval":1500,"pingTimeout":800,"maxPayload":2000}',
  '40/slow,{"sid":"<2>"}', '42/slow,["auth",{}]', '42/slow,["message-back",1]'] });
wsOpened("namespace: left while middleware runs", async (ws) => {
  ws.send("40/slow,");
  await pause(20);
  ws.ws.close();
  await ws.closed;
});

/* ---- what the server does by itself ---- */

wsJoined("kick", async (ws) => {
  ws.send('42["kick"]');
  await ws.until((text) => text === "41");
  ws.send("40");
  await ws.until((text) => text.includes("auth"));
});
wsJoined("kick, connection and all", (ws) => (ws.send('42["kick",true]'), ws.until(() => false)));
wsJoined("kick, connection and all, two namespaces", async (ws) => {
  ws.send("40/custom,");
  await ws.until((text) => text.includes("auth"));
  ws.send('42/custom,["kick",true]');
  await ws.until(() => false);
});
wsSends("burst", ['42["burst"]']);
wsSends("big", ['42["big",3000]']);
wsJoined("ask", async (ws) => {
  ws.send('42["ask"]');
  await ws.until((text) => text.includes("question"));
  const id = /^42(\d+)/.exec(ws.heard.at(-1))[1];
  await ws.probe(`43${id}["yes",{"a":[1]}]`, `43${id}["again"]`, "439999[1]");
});
wsJoined("ask, answered by nothing", async (ws) => {
  ws.send('42["ask"]');
  await ws.until((text) => text.includes("question"));
  await ws.probe(`43${/^42(\d+)/.exec(ws.heard.at(-1))[1]}`);
});
wsJoined("ask, answered by binary", async (ws) => {
  ws.send('42["ask"]');
  await ws.until((text) => text.includes("question"));
  await ws.probe(`461-${/^42(\d+)/.exec(ws.heard.at(-1))[1]}[${P}]`, Buffer.of(9));
});
wsSends("volatile", ['42["vol"]']);
add("volatile with a GET pending", polling(async (run) => {
  const waiting = run.poll({ silent: true });

  await pause(30);
  await run.post('42["vol"]');
  run.note((await waiting).body);
  await isAlive(run);
}));
add("volatile without a GET", polling(async (run) => {
  await run.post('42["vol"]');
  await pause(30);
  await isAlive(run);
}));

export { cases };
