// SPDX-License-Identifier: MIT
// What a client's own tests expect of a server: sioclient-app.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { App, ask, Clients, listen, matrix, next, sleep } from "./sio_kit.js";

const nested = { text: "z", list: [1, 2.5, -3e10, true, null, "ä\u2028\u0000\"\\", [], {}], deep: { a: { b: [[[]]] } } };
const values = [null, true, false, 0, -1, 1.5, 2 ** 53 - 1, 1e300, "", "text", "\ud83d\ude00", [], {}, [[1], { a: 2 }], nested];

for (const [name, { io, way, loops }] of matrix())
  describe(name, () => {
    let app, clients;
    const open = (...args) => clients.open(...args);
    /** What comes when an event is sent, without the offset that recovery adds. */
    const exchange = async (event, answer, ...args) => {
      const socket = await open();
      const coming = next(socket, answer);

      socket.emit(event, ...args);
      const [offset, ...rest] = (await coming).reverse();
      assert.equal(typeof offset, "string");
      return rest.reverse();
    };

    before(async () => {
      app = await App.start("sioclient-app", ["--loops", String(loops)]);
      clients = new Clients(app, { io, way });
    });
    after(async () => {
      clients.dismiss();
      await app.stop();
    });

    test("connects, by the transport asked for", async () => {
      const socket = await open();

      assert.match(socket.id, /^[\w-]{20}$/);
      assert.equal(socket.io.engine.transport.name, way === "polling" ? "polling" : "websocket");
      assert.notEqual(socket.io.engine.id, socket.id);
      assert.deepEqual(await ask(socket, "getId"), [socket.id]);
    });

    test("many at once", async () => {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => open()));

      assert.equal(new Set(sockets.map((socket) => socket.id)).size, 20);
      for (const socket of sockets) assert.deepEqual(await ask(socket, "getId"), [socket.id]);
    });

    test("several namespaces of one connection", async () => {
      const socket = await open();
      const foo = socket.io.socket("/foo");

      await next(foo, "connect");
      assert.notEqual(foo.id, socket.id);
      assert.deepEqual(await ask(foo, "getId"), [foo.id]);
      foo.disconnect();
      await sleep(20);
      assert.deepEqual(await ask(socket, "getId"), [socket.id]);
      foo.connect();
      await next(foo, "connect");
      assert.deepEqual(await ask(foo, "getId"), [foo.id]);
    });

    test("unknown namespace", async () => {
      assert.equal((await clients.refusal("/nowhere")).message, "Invalid namespace");
    });

    test("middleware's refusals", async () => {
      assert.equal((await clients.refusal("/no")).message, "Auth failed (custom namespace)");
      assert.equal((await clients.refusal("/?fail=true")).message, "Auth failed (main namespace)");
    });

    test("every JSON value comes back", async () => {
      const socket = await open();

      for (const value of values) assert.deepEqual(await ask(socket, "echo", value), [value]);
    });

    test("binary comes back, at any depth", async () => {
      const socket = await open();
      const data = Buffer.from([0, 1, 2, 254, 255]);
      const all = [data, Buffer.alloc(0), Buffer.alloc(70_000, "x"), { a: [data, { b: data }], c: "d" }, [data, data, data]];

      for (const value of all) assert.deepEqual(await ask(socket, "echo", value), [value]);
    });

    test("hi", async () => assert.deepEqual(await exchange("hi", "hi"), []));
    test("false", async () => assert.deepEqual(await exchange("false", "false"), [false]));
    test("doge", async () => assert.deepEqual(await exchange("doge", "doge"), [Buffer.from("asdfasdf")]));
    test("takebin", async () => assert.deepEqual(await exchange("getbin", "takebin"), [Buffer.from("asdfasdf")]));
    test("buffa", () => exchange("buffa", "buffack", Buffer.from("asdf")));
    test("blob", () => exchange("blob", "back", Buffer.from("asdf")));

    test("binary in objects", async () => {
      await exchange("jsonbuff", "jsonbuff-ack", { hello: "lol", message: Buffer.from("x"), goodbye: "gotcha" });
      await exchange("jsonblob", "jsonblob-ack", { message: Buffer.from("x") });
    });

    test("binary and text in order", async () => {
      const socket = await open();
      let coming = next(socket, "abuff2-ack");

      socket.emit("abuff1", Buffer.from("x"));
      socket.emit("abuff2");
      await coming;
      coming = next(socket, "blob3-ack");
      socket.emit("blob1", Buffer.from("a"));
      socket.emit("blob2", "second");
      socket.emit("blob3", Buffer.from("b"));
      await coming;
    });

    test("dates", async () => {
      const socket = await open();
      const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

      assert.match((await ask(socket, "getAckDate", { test: true }))[0], isDate);
      let coming = next(socket, "takeDate");
      socket.emit("getDate");
      assert.match((await coming)[0], isDate);
      coming = next(socket, "takeDateObj");
      socket.emit("getDateObj");
      assert.match((await coming)[0].date, isDate);
    });

    test("UTF-8", async () => {
      const socket = await open();
      const heard = listen(socket);

      socket.emit("getUtf8");
      await ask(socket, "getId");
      assert.deepEqual(
        heard.map(([, text]) => text),
        ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"],
      );
    });

    test("the server asks for an acknowledgement", async () => {
      const socket = await open();

      socket.on("ack", (answer) => answer(5, { test: true }));
      socket.emit("ack");
      await next(socket, "got it");
    });

    test("handshake", async () => {
      const before = Date.now();
      const socket = await open("/?a=b&c=d%20e", { auth: { token: "t" }, extraHeaders: { "X-Mine": "yes" } });
      const [seen] = await ask(socket, "getHandshake");

      assert.deepEqual(Object.keys(seen).sort(), ["address", "auth", "headers", "issued", "query", "secure", "time", "url", "xdomain"]);
      assert.deepEqual(seen.auth, { token: "t" });
      assert.equal(seen.query.a, "b");
      assert.equal(seen.query.c, "d e");
      assert.equal(seen.query.EIO, "4");
      assert.equal(seen.query.transport, way === "websocket" ? "websocket" : "polling");
      assert.equal(seen.headers["x-mine"], "yes");
      assert.match(seen.headers.host, /^127\.0\.0\.1:/);
      assert.match(seen.address, /^(::ffff:)?127\.0\.0\.1$/);
      assert.equal(seen.xdomain, false);
      assert.equal(seen.secure, false);
      assert.match(seen.url, /^\/socket\.io\/\?/);
      assert.ok(seen.issued >= before - 1000 && seen.issued <= Date.now() + 1000);
      assert.ok(Math.abs(Date.parse(seen.time) - seen.issued) <= 1000, seen.time);
    });

    test("handshake as an event", async () => {
      const [seen] = await next(clients.begin("/abc", { auth: (give) => give({ a: "b" }) }), "handshake");

      assert.deepEqual(seen.auth, { a: "b" });
    });

    test("events sent before the connection are buffered", async () => {
      const socket = clients.begin();

      assert.deepEqual(await ask(socket, "echo", 1), [1]);
    });

    test("a large message each way", async () => {
      const socket = await open();
      const text = "ж".repeat(200_000);

      assert.deepEqual(await ask(socket, "echo", text), [text]);
    });

    test("a thousand acknowledgements, each once and in order", async () => {
      const socket = await open();
      const got = [];

      await new Promise((resolve) => {
        for (let i = 0; i < 1000; i++)
          socket.emit("echo", i, (value) => got.push(value) === 1000 && resolve());
      });
      assert.deepEqual(got, Array.from({ length: 1000 }, (_, i) => i));
    });
  });
