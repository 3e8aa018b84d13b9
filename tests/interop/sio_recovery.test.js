// SPDX-License-Identifier: MIT
// Connection state recovery: what a client missed comes when it comes back.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { App, ask, Clients, Control, eventually, isReference, listen, next, sleep, versions } from "./sio_kit.js";

const io = versions["4.8.4"];
const trueSubject = (what, check) => test(what, { skip: isReference && "the JavaScript server does otherwise" }, check);

for (const loops of isReference ? [1] : [1, 4])
  for (const way of ["polling", "websocket", "upgrade"])
    describe(`${way}, loops ${loops}`, () => {
      let app, clients, control;

      before(async () => {
        app = await App.start("features-app", ["--patient", "--recovery", "--loops", String(loops)]);
        clients = new Clients(app, { io, way });
        control = await Control.open(app);
      });
      after(async () => {
        clients.dismiss();
        control.close();
        await app.stop();
      });

      /** A client that has received something, so that it knows an offset. */
      async function opened(namespace = "/chat") {
        const socket = await clients.open(namespace);
        const coming = next(socket, "hello");

        socket.io.reconnection(false);
        await control.runOn(socket, [], "emit", "hello");
        await coming;
        return socket;
      }

      /** Breaks the connection; the server has noticed when this ends. */
      async function lose(socket) {
        const { id } = socket;

        await upgraded(socket); // a client that closes meanwhile may hear an event twice
        control.gone.length = 0;
        socket.io.engine.close();
        await control.reason(id);
      }

      async function upgraded(socket) {
        const { engine } = socket.io;

        await eventually(() => way !== "upgrade" || engine.transport.name === "websocket", "the upgrade");
      }

      async function comeBack(socket) {
        const connected = next(socket, "connect");

        socket.connect();
        await connected;
      }

      test("id, rooms, data and what was missed", async () => {
        const socket = await opened();
        const { id } = socket;

        await ask(socket, "join", ["r1", "r2"]);
        await ask(socket, "set", "k", [1]);
        await lose(socket);
        const heard = listen(socket);
        await control.run("/chat", [], "emit", "all", 1);
        await control.run("/chat", [["to", "r1"]], "emit", "room", { a: 2 });
        await control.run("/chat", [["to", "elsewhere"]], "emit", "not for it");
        await control.run("/chat", [["except", "r2"]], "emit", "not for it");
        await control.run("/chat", [["to", id]], "emit", "bin", { $bin: [1, 2] });
        await control.run("/chat", [["volatile"]], "emit", "lost");
        await comeBack(socket);
        assert.equal(socket.recovered, true);
        assert.equal(socket.id, id);
        const [info] = await ask(socket, "info");
        assert.equal(info.recovered, true);
        assert.deepEqual(info.data, { k: [1] });
        assert.deepEqual((await ask(socket, "rooms"))[0].sort(), [id, "r1", "r2"].sort());
        const events = heard.map((args) => args.slice(0, -1)); // the offset is the last
        assert.deepEqual(events, [["all", 1], ["room", { a: 2 }], ["bin", Buffer.from([1, 2])]]);
      });

      test("again and again, each event once", async () => {
        const socket = await opened();
        const heard = listen(socket);

        for (let i = 0; i < 8; i++) {
          await control.run("/chat", [], "emit", "n", 2 * i);
          await lose(socket);
          await control.run("/chat", [], "emit", "n", 2 * i + 1);
          await comeBack(socket);
          assert.equal(socket.recovered, true);
        }
        await ask(socket, "rooms");
        assert.deepEqual(heard.map(([, n]) => n), Array.from({ length: 16 }, (_, i) => i));
      });

      test("under traffic, each event once and in order", async () => {
        const socket = await opened();
        const heard = listen(socket);
        let sent = 0;
        let stop = false;
        const traffic = (async () => {
          while (!stop) {
            await control.run("/chat", [], "emit", "n", sent++);
            if (sent % 20 === 0) await sleep(1);
          }
        })();

        for (let i = 0; i < 5; i++) {
          await sleep(20);
          await lose(socket);
          await sleep(20);
          await comeBack(socket);
          assert.equal(socket.recovered, true);
        }
        stop = true;
        await traffic;
        await eventually(() => heard.length >= sent, "all events");
        assert.deepEqual(heard.map(([, n]) => n), Array.from({ length: sent }, (_, i) => i));
      });

      test("works on after it has come back", async () => {
        const socket = await opened();

        await ask(socket, "join", "r");
        await lose(socket);
        await comeBack(socket);
        const heard = listen(socket);
        await control.run("/chat", [["to", "r"]], "emit", "one");
        await control.runOn(socket, [], "emit", "two");
        assert.equal((await ask(socket, "echo", 5))[0], 5);
        await eventually(() => heard.length === 2, "both");
        const [{ rooms }] = await control.run("/chat", [["in", "r"]], "fetchSockets");
        assert.deepEqual(rooms, [socket.id, "r"]);
        const { id } = socket;
        control.gone.length = 0;
        socket.disconnect();
        assert.equal(await control.reason(id), "client namespace disconnect");
        assert.deepEqual(await control.run("/chat", [["in", "r"]], "fetchSockets"), []);
      });

      test("rooms changed while it is away", { skip: isReference }, async () => {
        const socket = await opened();

        await ask(socket, "join", "r1");
        await lose(socket);
        await control.run("/chat", [["in", "r1"]], "socketsJoin", "r2");
        await comeBack(socket);
        assert.equal(socket.recovered, true);
        assert.deepEqual((await ask(socket, "rooms"))[0].sort(), [socket.id, "r1", "r2"].sort());
      });

      test("middleware is not run again", async () => {
        const socket = await opened("/mw");

        await lose(socket);
        await comeBack(socket);
        assert.equal(socket.recovered, true);
        assert.deepEqual((await ask(socket, "info"))[0].data, { mw: [1, 2] });
        assert.deepEqual((await ask(socket, "rooms"))[0].sort(), [socket.id, "from-mw"].sort());
      });

      test("after a disconnect nothing is recovered", async () => {
        const socket = await opened();
        const { id } = socket;

        await ask(socket, "join", "r");
        socket.disconnect();
        await control.reason(id);
        await comeBack(socket);
        assert.equal(socket.recovered, false);
        assert.notEqual(socket.id, id);
      });

      trueSubject("after the server's disconnect neither", async () => {
        const socket = await opened();

        await lose(socket);
        await comeBack(socket);
        const end = next(socket, "disconnect");
        await control.runOn(socket, [], "disconnect");
        await end;
        const { recovered } = (await comeBack(socket), socket);
        assert.equal(recovered, false);
      });

      trueSubject("a volatile event does not spoil the offset", async () => {
        const socket = await opened();
        let came = false;

        socket.once("v", () => (came = true));
        // A poll may not be there at once.
        await eventually(async () => (await control.runOn(socket, [["volatile"]], "emit", "v", "text"), came), "a volatile event");
        await lose(socket);
        await control.run("/chat", [], "emit", "missed");
        const heard = listen(socket);
        await comeBack(socket);
        assert.equal(socket.recovered, true);
        assert.deepEqual(heard.map(([event]) => event), ["missed"]);
      });

      trueSubject("without an offset everything is sent", async () => {
        const socket = await clients.open("/chat");

        socket.io.reconnection(false);
        await lose(socket);
        await control.run("/chat", [], "emit", "missed");
        const heard = listen(socket);
        await comeBack(socket);
        assert.equal(socket.recovered, true);
        assert.deepEqual(heard.map(([event]) => event), ["missed"]);
      });

      test("an unknown pid", async () => {
        const socket = await opened();
        const { id } = socket;

        await lose(socket);
        socket._pid = "x".repeat(20);
        await comeBack(socket);
        assert.equal(socket.recovered, false);
        assert.notEqual(socket.id, id);
      });

      test("an unknown offset", async () => {
        const socket = await opened();
        const { id } = socket;

        await lose(socket);
        socket._lastOffset = "nonsense";
        await comeBack(socket);
        assert.equal(socket.recovered, false);
        assert.notEqual(socket.id, id);
      });

      test("a client of 4.5 is served without", async () => {
        const old = new Clients(app, { io: versions["4.5.4"], way });

        try {
          const socket = await old.open("/chat");
          const heard = listen(socket);

          await control.runOn(socket, [], "emit", "ev", 1);
          await eventually(() => heard.length === 1, "ev");
          assert.deepEqual(heard[0].slice(0, 2), ["ev", 1]);
          assert.deepEqual(await ask(socket, "echo", 1), [1]);
        } finally {
          old.dismiss();
        }
      });

      trueSubject("while the server still thinks that it is there", async () => {
        const socket = await opened();
        const { id } = socket;
        const twin = clients.begin("/chat", { autoConnect: false });

        await ask(socket, "join", "r");
        twin._pid = socket._pid;
        twin._lastOffset = socket._lastOffset;
        const connected = next(twin, "connect");
        twin.connect();
        await connected;
        assert.equal(twin.recovered, true);
        assert.equal(twin.id, id);
        assert.deepEqual((await ask(twin, "rooms"))[0], [id, "r"]);
        await eventually(() => !socket.connected, "the old connection's end");
        assert.deepEqual(await ask(twin, "echo", 1), [1]);
      });
    });
