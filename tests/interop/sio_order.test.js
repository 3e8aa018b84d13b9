// SPDX-License-Identifier: MIT
// Order and delivery: across the upgrade under traffic, of many clients, and across a restart.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { freePort } from "./redis_kit.js";
import { App, ask, Clients, Control, eventually, isReference, listen, next, sleep, versions, within } from "./sio_kit.js";

const numbers = (count) => Array.from({ length: count }, (_, i) => i);
const TRIES = Number(process.env.UPGRADES ?? 300);
const BATCH = 25;
const EACH_WAY = 40;

for (const [version, io] of Object.entries(versions))
  for (const loops of isReference ? [1] : [1, 4])
    describe(`${version}, loops ${loops}`, () => {
      let app, control;

      before(async () => {
        app = await App.start("features-app", ["--patient", "--loops", String(loops)]);
        control = await Control.open(app);
      });
      after(async () => {
        control.close();
        await app.stop();
      });

      /** One client that speaks and listens from its first moment, through its upgrade and beyond. */
      async function speakThroughUpgrade(clients) {
        const socket = clients.begin("/chat");
        const answers = [];
        let sent = 0;
        const done = new Promise((resolve, reject) => {
          socket.on("disconnect", (reason) => reject(new Error(`disconnected: ${reason}`)));
          socket.on("connect_error", reject);
          const isUpgraded = () => socket.io.engine.transport.name === "websocket";
          const speak = () => {
            const padding = sent % 7 === 0 ? Buffer.alloc(sent % 300) : "x".repeat((sent * 37) % 500);
            socket.emit("echo", sent++, padding, (n) => {
              answers.push(n);
              if (sent < EACH_WAY || !isUpgraded()) speak();
              else if (answers.length === sent) resolve();
            });
          };
          socket.on("connect", () => {
            for (let i = 0; i < 5; i++) speak();
          });
        });

        await within(done, "all answers", 60_000);
        socket.off("disconnect");
        assert.deepEqual(answers, numbers(answers.length));
        assert.equal(socket.io.engine.transport.name, "websocket");
      }

      test(`${TRIES} upgrades while the client speaks`, async () => {
        for (let i = 0; i < TRIES; i += BATCH) {
          const clients = new Clients(app, { io, way: "upgrade" });

          try {
            await Promise.all(numbers(BATCH).map(() => speakThroughUpgrade(clients)));
          } finally {
            clients.dismiss();
          }
        }
      });

      test("upgrades while the server speaks", async () => {
        for (let round = 0; round < TRIES / 100; round++) {
          const clients = new Clients(app, { io, way: "upgrade" });
          const sockets = numbers(BATCH).map(() => clients.begin("/chat"));
          const all = sockets.map(listen);
          const connected = sockets.map((socket) => next(socket, "connect"));

          try {
            await Promise.all(connected);
            for (const n of numbers(60)) {
              await control.run("/chat", [], "emit", "n", n, n % 5 ? "x".repeat(n) : { $bin: [n] });
              if (n % 10 === 0) await sleep(2);
            }
            await eventually(() => all.every((heard) => heard.length >= 60), "all events");
            for (const heard of all) assert.deepEqual(heard.map(([, n]) => n), numbers(60));
          } finally {
            clients.dismiss();
          }
        }
      });

      test("a hundred clients of all ways", async () => {
        const kinds = ["polling", "websocket", "upgrade"].map((way) => new Clients(app, { io, way }));

        try {
          const sockets = await Promise.all(numbers(99).map((i) => kinds[i % 3].open("/chat")));
          const all = sockets.map(listen);

          const answers = Promise.all(
            sockets.flatMap((socket, i) => numbers(10).map((n) => ask(socket, "echo", i, n))),
          );
          for (const n of numbers(20)) await control.run("/chat", [], "emit", "n", n);
          assert.deepEqual(await answers, sockets.flatMap((_, i) => numbers(10).map((n) => [i, n])));
          await eventually(() => all.every((heard) => heard.length >= 20), "all events");
          for (const heard of all) assert.deepEqual(heard.map(([, n]) => n), numbers(20));
          assert.equal((await control.run("/chat", [], "fetchSockets")).length, 99);
        } finally {
          for (const clients of kinds) clients.dismiss();
        }
        await eventually(async () => (await control.run("/chat", [], "fetchSockets")).length === 0, "all have gone");
      });
    });

for (const way of ["polling", "websocket", "upgrade"])
  describe(`restart, ${way}`, () => {
    const options = { way, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 };

    for (const how of ["stop", "kill"])
      test(`after ${how}`, async () => {
        let app = await App.start("features-app", ["--patient"], { port: await freePort() });
        const clients = new Clients(app, options);
        const socket = await clients.open("/chat");
        const { id } = socket;
        const end = next(socket, "disconnect");
        const attempt = next(socket.io, "reconnect_attempt");

        await app[how]();
        const [reason] = await end;
        assert.match(reason, /^transport (close|error)$/);
        await attempt;
        app = await App.start("features-app", ["--patient"], { port: app.port });
        try {
          if (!socket.connected) await next(socket, "connect");
          assert.notEqual(socket.id, id);
          assert.deepEqual(await ask(socket, "echo", 1), [1]);
        } finally {
          clients.dismiss();
          await app.stop();
        }
      });
  });
