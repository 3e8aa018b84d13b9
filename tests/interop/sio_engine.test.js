// SPDX-License-Identifier: MIT
// Engine.IO alone: the npm client engine.io-client against eio-ref, eioclient-app and eio-spawn.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Socket } from "engine.io-client";

import { App, eventually, isReference, next, sleep, ways, withApp } from "./sio_kit.js";
import { Run } from "./sio_wire.js";

const path = "/engine.io/";

/** A client with its messages in a list. */
function begin(app, way, options = {}) {
  const socket = new Socket(app.url, { ...ways[way], ...options });

  socket.binaryType = "nodebuffer";
  socket.messages = [];
  socket.on("message", (message = "") => socket.messages.push(message)); // it has no empty texts
  return socket;
}

async function open(app, way, options) {
  const socket = begin(app, way, options);

  await next(socket, "open");
  if (way === "upgrade") await next(socket, "upgrade");
  return socket;
}

for (const way of Object.keys(ways))
  for (const loops of isReference ? [1] : [1, 4])
    describe(`${way}, loops ${loops}`, () => {
      /** A test with a client of an app. */
      const withClient = (what, name, check, options) =>
        test(what, () =>
          withApp(name, ["--patient", "--loops", String(loops)], async (app) => {
            const socket = await open(app, way, options);

            try {
              await check(socket, app);
            } finally {
              socket.close();
            }
          }),
        );

      withClient("echo of text and binary", "eio-ref", async (socket) => {
        const sent = ["a", "", "ä\u{1f600}", Buffer.from([0, 1, 255]), Buffer.alloc(0), "x".repeat(1_000), Buffer.alloc(1_000, 7)];
        const large = [Buffer.alloc(100_000, 7), "x".repeat(100_000)];

        for (const message of [...sent, ...large]) socket.send(message);
        await eventually(() => socket.messages.length === sent.length + 2, "the echoes");
        assert.deepEqual(socket.messages.slice(0, -2), sent);
        assert.ok(large[0].equals(socket.messages.at(-2)) && large[1] === socket.messages.at(-1));
      });

      withClient("stays while pings are answered", "eio-ref", async (socket) => {
        let pings = 0;

        socket.on("ping", () => pings++);
        await eventually(() => pings >= 4, "four pings");
        assert.equal(socket.readyState, "open");
      });

      withClient("is closed by a server that stops", "eio-ref", async (socket, app) => {
        const closed = next(socket, "close");

        app.process.kill("SIGTERM");
        assert.match((await closed)[0], /^transport (close|error)$/);
      });

      withClient("the client's own tests", "eioclient-app", async (socket) => {
        await eventually(() => socket.messages.length === 1, "hi");
        for (const message of ["give binary", "give utf8", "other", Buffer.from("b"), "sendHeaders"]) socket.send(message);
        await eventually(() => socket.messages.length === 6, "the answers");
        const headers = socket.messages.pop();
        assert.deepEqual(socket.messages, ["hi", Buffer.from([0, 1, 2, 3, 4]), "пойду спать всем спокойной ночи", "other", Buffer.from("b")]);
        if (way === "polling") assert.equal(JSON.parse(headers)["x-mine"], "yes");
        else assert.equal(headers, "");
        assert.equal(socket._maxPayload, 100);
      }, { extraHeaders: { "X-Mine": "yes" } });
    });

describe("refusals and headers", () => {
  let app, run;

  before(async () => {
    app = await App.start("eioclient-app");
    run = new Run(app.port, { path });
  });
  after(async () => {
    run.done();
    await app.stop();
  });

  test("a hook refuses", async () => {
    const { status, body } = await run.request("GET", "EIO=4&transport=polling&deny=1");

    assert.equal(status, 403);
    assert.deepEqual(JSON.parse(body), { code: 4, message: "Forbidden" });
    run.log.length = 0;
    await run.ws("EIO=4&transport=websocket&deny=");
    assert.deepEqual(run.log, ["refused 400 Forbidden"]);
  });

  test("a hook's headers are in the first answer alone", async () => {
    const { headers } = await run.request("GET", "EIO=4&transport=polling", { silent: true });
    const cookies = headers["set-cookie"];

    assert.deepEqual(cookies.slice(0, 3), ["1=1; Max-Age=86400", "2=2; Path=/; HttpOnly; Secure; SameSite=Strict", "3=3; Max-Age=0"]);
    assert.match(cookies[3], /^4=4; Expires=\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    await run.open();
    assert.equal((await run.poll({ silent: true })).headers["set-cookie"], undefined);
  });

  test("large messages are refused", async () => {
    const socket = await open(app, "polling");
    const closed = next(socket, "close");

    socket.send("x".repeat(101));
    assert.match((await closed)[0], /transport error/);
  });
});

/* Answers to one request, of servers with various options. */
const polling = "EIO=4&transport=polling";
const spawned = [
  ["defaults", {}],
  ["times", { pingInterval: 123, pingTimeout: 456, maxHttpBufferSize: 789 }],
  ["no upgrades", { allowUpgrades: false }],
  ["polling only", { transports: ["polling"] }],
  ["websocket only", { transports: ["websocket"] }],
  ["cookie", { cookie: true }],
  ["cookie with attributes", { cookie: { name: "sess", path: "/custom", maxAge: 86400, sameSite: "strict", secure: true, domain: "a.example" } }],
  ["cookie without a path", { cookie: { name: "sess", path: false } }],
  ["cookie for scripts", { cookie: { name: "sess", httpOnly: false, sameSite: "none" } }],
  ["CORS, list", { cors: { origin: ["http://a.example", "http://b.example"], credentials: true } }],
  ["CORS, other", { cors: { origin: ["http://b.example"] } }],
  ["CORS, exposed", { cors: { origin: "*", exposedHeaders: ["x-a", "x-b"] } }],
  ["CORS, preflight", { cors: { origin: ["http://a.example"], methods: ["GET", "POST"], allowedHeaders: ["x-c"], maxAge: 600, credentials: true } }, "OPTIONS"],
  ["CORS, preflight, defaults", { cors: { origin: "*" } }, "OPTIONS"],
  ["no CORS, preflight", {}, "OPTIONS"],
];

describe("eio-spawn", () => {
  for (const [name, options, method = "GET"] of spawned)
    test(name, async () => {
      const transcripts = [];

      for (const reference of [true, isReference]) {
        await withApp("eio-spawn", [JSON.stringify(options)], async (app) => {
          const run = new Run(app.port, { path });
          const headers = { Origin: "http://a.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-y" };

          await run.request(method, polling, { headers });
          await run.request("GET", `${polling}&sid=none`, { headers });
          const ws = await run.ws("EIO=4&transport=websocket");
          await Promise.race([ws.first(), sleep(6_000)]);
          run.done();
          // without its transport the reference treats an upgrade as any other request
          transcripts.push(run.log.map((line) => line.replace('{"code":0,"message":"Transport unknown"}', "Transport unknown")));
        }, { reference });
      }
      assert.deepEqual(transcripts[1], transcripts[0]);
    });

  test("another path", async () => {
    await withApp("eio-spawn", ['{"path":"/test"}'], async (app) => {
      const run = new Run(app.port, { path: "/test/" });

      assert.match(await run.open(), /^[\w-]{20}$/);
      run.done();
    });
  });
});
