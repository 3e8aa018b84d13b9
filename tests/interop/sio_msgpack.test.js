// SPDX-License-Identifier: MIT
// The parser of socket.io-msgpack-parser on both sides.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { App, ask, Clients, Control, eventually, listen, matrix, next, require } from "./sio_kit.js";

const parser = require("socket.io-msgpack-parser");
const values = [
  null, true, false, 0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, -32768, -32769, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1),
  1.5, -2.25, 1e-300, "", "text", "x".repeat(31), "x".repeat(32), "x".repeat(300), "ж".repeat(40_000), [], [1, [2, [3]]], Array(20).fill(1),
  Array(70_000).fill(0), {}, { a: { b: { c: [] } } }, Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])),
];

for (const [name, { io, way, loops }] of matrix())
  describe(name, () => {
    let app, clients, control;

    before(async () => {
      app = await App.start("features-app", ["--msgpack", "--patient", "--loops", String(loops)]);
      clients = new Clients(app, { io, way, parser });
      control = await Control.open(app, { parser });
    });
    after(async () => {
      clients.dismiss();
      control.close();
      await app.stop();
    });

    afterEach(() => clients.dismiss());

    test("connects, with auth", async () => {
      const socket = await clients.open("/chat", { auth: { token: "t", n: [1, null] } });
      const [info] = await ask(socket, "info");

      assert.deepEqual(info.auth, { token: "t", n: [1, null] });
      assert.equal(info.id, socket.id);
    });

    test("every value comes back", async () => {
      const socket = await clients.open();

      for (const value of values) assert.deepEqual(await ask(socket, "echo", value), [value]);
    });

    test("values that JSON lacks come back", async () => {
      const socket = await clients.open();
      const buffer = new Uint8Array([1, 2, 3]).buffer;

      for (const value of [undefined, NaN, Infinity, -Infinity, new Date(0), new Date(-1), new Date(1700000000123), { a: undefined, b: [null, undefined, NaN] }, buffer])
        assert.deepEqual(await ask(socket, "echo", value, "x"), [value, "x"]);
    });

    test("binary comes back", async () => {
      const socket = await clients.open();

      for (const value of [Buffer.from([0, 255]), Buffer.alloc(0), Buffer.alloc(300, 1), Buffer.alloc(70_000, 2), { a: [Buffer.from("b")] }])
        assert.deepEqual(await ask(socket, "echo", value, "x"), [value, "x"]);
    });

    test("refusals", async () => {
      assert.equal((await clients.refusal("/nowhere")).message, "Invalid namespace");
      const error = await clients.refusal("/mw", { auth: { fail: true, data: { code: 7 } } });
      assert.equal(error.message, "refused");
      assert.deepEqual(error.data, { code: 7 });
    });

    test("emits, broadcasts and acknowledgements", async () => {
      const sockets = await Promise.all([clients.open("/chat"), clients.open("/chat")]);
      const all = sockets.map(listen);

      for (const [i, socket] of sockets.entries()) socket.on("q", (x, answer) => answer(i + x.length));
      await ask(sockets[0], "join", "r");
      await control.run("/chat", [["to", "r"]], "emit", "room", 1);
      await control.run("/chat", [], "emit", "all", { $bin: [1, 2] }, { a: 1 });
      await eventually(() => all.every((heard) => heard.some(([event]) => event === "all")), "all");
      assert.deepEqual(all[0], [["room", 1], ["all", Buffer.from([1, 2]), { a: 1 }]]);
      assert.deepEqual(all[1], [["all", Buffer.from([1, 2]), { a: 1 }]]);
      const answers = await control.run("/chat", [["timeout", 20_000]], "emitWithAck", "q", { $bin: [7, 8, 9] });
      assert.deepEqual(answers.sort(), [3, 4]);
      assert.equal(await control.runOn(sockets[1], [["timeout", 20_000]], "emitWithAck", "q", "ab"), 3);
    });

    test("disconnects", async () => {
      const main = await clients.open("/");
      const chat = main.io.socket("/chat");

      await next(chat, "connect");
      const end = next(chat, "disconnect");
      await control.run("/chat", [["in", chat.id]], "disconnectSockets");
      assert.equal((await end)[0], "io server disconnect");
      const { id } = main;
      main.disconnect();
      assert.equal(await control.reason(id), "client namespace disconnect");
    });

    test("a client with the other parser is closed", async () => {
      const other = new Clients(app, { io, way });

      try {
        const socket = other.begin();
        await next(socket.io, "close");
        assert.equal(socket.connected, false);
      } finally {
        other.dismiss();
      }
    });
  });
