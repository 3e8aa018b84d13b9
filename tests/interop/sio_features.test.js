// SPDX-License-Identifier: MIT
// Every feature of the server, asked for through the remote control of features-app.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { App, ask, Clients, Control, eventually, isReference, listen, matrix, next, sleep, withApp } from "./sio_kit.js";

const sorted = (list) => [...list].sort();
const byId = (sockets) => sorted(sockets.map((socket) => socket.id));

for (const [name, { io, way, loops }] of matrix())
  describe(name, () => {
    let app, clients, control;
    const open = (...args) => clients.open(...args);
    const three = (namespace) => Promise.all([open(namespace), open(namespace), open(namespace)]);
    const join = (socket, ...rooms) => ask(socket, "join", rooms);
    const run = (...args) => control.run(...args);
    /** Which of the sockets hear an emit: 1 and 0. */
    const hearers = async (sockets, chain, on) => {
      const all = sockets.map(listen);

      if (on) await control.runOn(on, chain, "emit", "ev", 1);
      else await run("/chat", chain, "emit", "ev", 1);
      await run("/chat", [], "emit", "last");
      await eventually(() => all.every((heard) => heard.at(-1)?.[0] === "last"), "the last event");
      for (const socket of sockets) socket.offAny();
      return all.map((heard) => heard.filter(([event]) => event === "ev").length).join("");
    };

    before(async () => {
      app = await App.start("features-app", ["--patient", "--loops", String(loops)]);
      clients = new Clients(app, { io, way });
      control = await Control.open(app);
    });
    after(async () => {
      clients.dismiss();
      control.close();
      await app.stop();
    });
    const dismissed = (what, check) =>
      test(what, async () => {
        try {
          await check();
        } finally {
          clients.dismiss();
          for (const nsp of ["/", "/chat", "/mw"]) await eventually(async () => (await run(nsp, [], "fetchSockets")).length === 0, "all have gone");
        }
      });

    dismissed("info, data, auth", async () => {
      const socket = await open("/chat?x=1", { auth: { a: [1] } });
      await ask(socket, "set", "k", { v: 1 });
      const [info] = await ask(socket, "info");

      assert.equal(info.id, socket.id);
      assert.equal(info.nsp, "/chat");
      assert.equal(info.recovered, false);
      assert.deepEqual(info.data, { k: { v: 1 } });
      assert.deepEqual(info.auth, { a: [1] });
      assert.equal(info.query.x, "1");
      assert.equal(info.transport, way === "polling" ? "polling" : "websocket");
    });

    dismissed("several arguments and acknowledgements", async () => {
      const socket = await open();

      assert.deepEqual(await ask(socket, "echo"), []);
      assert.deepEqual(await ask(socket, "echo", 1, null, { a: Buffer.from("b") }, []), [1, null, { a: Buffer.from("b") }, []]);
    });

    dismissed("events are seen, and blocked by middleware", async () => {
      const socket = await open();

      socket.emit("blocked", 1);
      assert.deepEqual(await next(socket, "mw-error"), ["blocked event"]);
      assert.deepEqual(await ask(socket, "echo", 1), [1]);
      assert.deepEqual(await ask(socket, "seen"), [["blocked", "echo", "seen"]]);
    });

    dismissed("rooms of a socket", async () => {
      const socket = await open();

      await ask(socket, "join", "r1");
      await ask(socket, "join", ["r2", "r3", "r1"]);
      await ask(socket, "leave", "r2");
      await ask(socket, "leave", "never joined");
      assert.deepEqual(await ask(socket, "rooms"), [[socket.id, "r1", "r3"]]);
      assert.deepEqual(await control.runOn(socket, [], "rooms"), [socket.id, "r1", "r3"]);
      assert.deepEqual(sorted(await run("/", [], "adapterRooms")), sorted([socket.id, "r1", "r3"]));
      await ask(socket, "leave", "r1");
      await ask(socket, "leave", "r3");
      assert.deepEqual(await run("/", [], "adapterRooms"), [socket.id]);
    });

    dismissed("targets", async () => {
      const [a, b, c] = await three("/chat");
      const all = [a, b, c];

      await join(a, "r1", "both");
      await join(b, "r2", "both");
      assert.equal(await hearers(all, []), "111");
      assert.equal(await hearers(all, [["to", "r1"]]), "100");
      assert.equal(await hearers(all, [["in", "r1"]]), "100");
      assert.equal(await hearers(all, [["to", "r1"], ["to", "r2"]]), "110");
      assert.equal(await hearers(all, [["to", ["r1", "r2", "both"]]]), "110");
      assert.equal(await hearers(all, [["to", "nobody"]]), "000");
      assert.equal(await hearers(all, [["except", "r1"]]), "011");
      assert.equal(await hearers(all, [["except", ["r1", "r2"]]]), "001");
      assert.equal(await hearers(all, [["to", "both"], ["except", "r2"]]), "100");
      assert.equal(await hearers(all, [["to", c.id]]), "001");
      assert.equal(await hearers(all, [["to", [a.id, "r1"]]]), "100");
      assert.equal(await hearers(all, [["except", a.id], ["except", c.id]]), "010");
      assert.equal(await hearers(all, [["local"]]), "111");
      assert.equal(await hearers(all, [["compress", false]]), "111");
      assert.equal(await hearers(all, [], a), "100");
      assert.equal(await hearers(all, [["broadcast"]], a), "011");
      assert.equal(await hearers(all, [["to", "both"]], a), "010");
      assert.equal(await hearers(all, [["to", "r1"]], a), "000");
      assert.equal(await hearers(all, [["except", "r2"]], a), "001");
      assert.equal(await hearers(all, [["to", "both"], ["except", "r2"]], c), "100");
      if (way !== "polling") assert.equal(await hearers(all, [["volatile"]]), "111");
    });

    dismissed("namespaces do not hear each other", async () => {
      const [a, b] = [await open("/"), await open("/chat")];
      const [fromA, fromB] = [listen(a), listen(b)];

      await join(a, "r");
      await join(b, "r");
      await run("/", [["to", "r"]], "emit", "one");
      await run("/chat", [], "emit", "two");
      await eventually(() => fromA.length > 0 && fromB.length > 0, "both");
      await ask(a, "rooms");
      await ask(b, "rooms");
      assert.deepEqual([fromA, fromB], [[["one"]], [["two"]]]);
    });

    dismissed("binary is broadcast", async () => {
      const sockets = await three("/chat");
      const coming = sockets.map((socket) => next(socket, "bin"));

      await run("/chat", [], "emit", "bin", { $bin: [1, 2, 3] }, "x", { $bin: [] });
      for (const args of await Promise.all(coming)) assert.deepEqual(args, [Buffer.from([1, 2, 3]), "x", Buffer.alloc(0)]);
    });

    dismissed("reserved names cannot be emitted", async () => {
      for (const event of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"])
        await assert.rejects(run("/chat", [], "emit", event), { message: `"${event}" is a reserved event name` });
    });

    dismissed("a socket acknowledges", async () => {
      const socket = await open("/chat");

      socket.on("q", (n, answer) => answer(n + 1));
      socket.on("bin", (answer) => answer(Buffer.from("b")));
      assert.equal(await control.runOn(socket, [["timeout", 20_000]], "emitWithAck", "q", 1), 2);
      assert.deepEqual(await control.runOn(socket, [["timeout", 20_000]], "emitWithAck", "bin"), Buffer.from("b"));
      await assert.rejects(control.runOn(socket, [["timeout", 100]], "emitWithAck", "never"), { message: "operation has timed out" });
    });

    dismissed("all acknowledge", async () => {
      const sockets = await three("/chat");
      const [a, b, c] = sockets;

      for (const [i, socket] of sockets.entries()) socket.on("q", (answer) => answer(i, "more"));
      await join(a, "r");
      await join(c, "r");
      assert.deepEqual(sorted(await run("/chat", [["timeout", 20_000]], "emitWithAck", "q")), [0, 1, 2]);
      assert.deepEqual(sorted(await run("/chat", [["timeout", 20_000], ["to", "r"]], "emitWithAck", "q")), [0, 2]);
      assert.deepEqual(await run("/chat", [["timeout", 20_000], ["to", "nobody"]], "emitWithAck", "q"), []);
      assert.deepEqual(sorted(await control.runOn(a, [["timeout", 20_000], ["broadcast"]], "emitWithAck", "q")), [1, 2]);
      b.off("q");
      await assert.rejects(run("/chat", [["timeout", 2000]], "emitWithAck", "q"), (error) => {
        assert.equal(error.message, "operation has timed out");
        assert.deepEqual(sorted(error.responses), [0, 2]);
        return true;
      });
      for (const socket of sockets) {
        socket.off("q");
        socket.on("q", (answer) => answer({ data: Buffer.from("z") }));
      }
      const all = await run("/chat", [["timeout", 20_000]], "emitWithAck", "q");
      assert.deepEqual(all, Array(3).fill({ data: Buffer.from("z") }));
    });

    dismissed("acknowledgements of the client's with a timeout", async () => {
      const socket = await open("/chat");
      const within = (ms, ...args) => new Promise((resolve) => socket.timeout(ms).emit(...args, (...answer) => resolve(answer)));

      assert.deepEqual(await within(20_000, "echo", 1), [null, 1]);
      assert.equal((await within(50, "nobody answers"))[0].message, "operation has timed out");
    });

    dismissed("sockets are fetched", async () => {
      const sockets = await three("/chat");
      const [a, b] = sockets;

      await ask(a, "set", "k", 1);
      await join(a, "r");
      await join(b, "r");
      assert.deepEqual(byId(await run("/chat", [], "fetchSockets")), byId(sockets));
      assert.deepEqual(byId(await run("/chat", [["in", "r"]], "fetchSockets")), byId([a, b]));
      assert.deepEqual(byId(await run("/chat", [["in", "r"], ["except", b.id]], "fetchSockets")), [a.id]);
      assert.deepEqual(byId(await control.runOn(a, [["to", "r"]], "fetchSockets")), [b.id]);
      const [found] = await run("/chat", [["in", a.id]], "fetchSockets");
      assert.deepEqual(found, { id: a.id, rooms: [a.id, "r"], data: { k: 1 } });
      assert.deepEqual(await run("/chat", [["in", "nobody"]], "fetchSockets"), []);
    });

    dismissed("sockets are made to join and leave", async () => {
      const [a, b, c] = await three("/chat");

      await join(a, "r");
      await run("/chat", [["in", "r"]], "socketsJoin", ["x", "y"]);
      await run("/chat", [["except", a.id]], "socketsJoin", "z");
      assert.deepEqual((await ask(a, "rooms"))[0], [a.id, "r", "x", "y"]);
      assert.deepEqual((await ask(b, "rooms"))[0], [b.id, "z"]);
      await run("/chat", [], "socketsLeave", ["x", "z"]);
      assert.deepEqual((await ask(a, "rooms"))[0], [a.id, "r", "y"]);
      assert.deepEqual((await ask(c, "rooms"))[0], [c.id]);
      await control.runOn(c, [], "join", "w");
      assert.deepEqual((await ask(c, "rooms"))[0], [c.id, "w"]);
      await control.runOn(c, [], "leave", "w");
      assert.deepEqual((await ask(c, "rooms"))[0], [c.id]);
      assert.deepEqual(await control.ask({ nsp: "/chat", socket: "nobody", call: "rooms" }), { err: "no such socket" });
    });

    dismissed("sockets are disconnected", async () => {
      const [a, b, c] = await three("/chat");
      const ends = [a, b, c].map((socket) => next(socket, "disconnect"));
      const ids = [a.id, b.id];

      await join(a, "r");
      await run("/chat", [["in", "r"]], "disconnectSockets");
      assert.equal((await ends[0])[0], "io server disconnect");
      assert.equal(await control.reason(ids[0]), "server namespace disconnect");
      await run("/chat", [["except", c.id]], "disconnectSockets", true);
      assert.equal((await ends[1])[0], "io server disconnect");
      assert.equal(await control.reason(ids[1]), "server namespace disconnect");
      assert.equal(c.connected, true);
      await control.runOn(c, [], "disconnect", true);
      assert.equal((await ends[2])[0], "io server disconnect");
      assert.deepEqual(await run("/chat", [], "fetchSockets"), []);
    });

    dismissed("a socket leaves one of its namespaces", async () => {
      const main = await open("/");
      const chat = main.io.socket("/chat");

      await next(chat, "connect");
      const [id, end] = [chat.id, next(chat, "disconnect")];
      chat.disconnect();
      assert.deepEqual((await end)[0], "io client disconnect");
      assert.equal(await control.reason(id), "client namespace disconnect");
      assert.deepEqual(await ask(main, "echo", 1), [1]);
    });

    dismissed("a server's disconnect of one namespace, and back", async () => {
      const main = await open("/");
      const chat = main.io.socket("/chat");

      await next(chat, "connect");
      const end = next(chat, "disconnect");
      await run("/chat", [], "disconnectSockets");
      await end;
      assert.deepEqual(await ask(main, "echo", 1), [1]);
      chat.connect();
      await next(chat, "connect");
      assert.deepEqual(await ask(chat, "echo", 1), [1]);
    });

    dismissed("reasons, and rooms while disconnecting", async () => {
      const lost = await open("/chat");
      const left = await open("/chat");
      const [lostId, leftId] = [lost.id, left.id];

      await join(lost, "r");
      await join(left, "r");
      if (way === "polling") lost.io.engine.close();
      else lost.io.engine.transport.ws.terminate();
      assert.match(await control.reason(lostId), /^transport (close|error)$/);
      left.disconnect();
      assert.equal(await control.reason(leftId), "client namespace disconnect");
      for (const id of [lostId, leftId]) {
        const going = control.going.filter(([gone]) => gone === id);
        assert.equal(going.length, 1);
        assert.deepEqual(going[0][2], [id, "r"]);
        assert.equal(control.gone.filter(([gone]) => gone === id).length, 1);
      }
    });

    dismissed("a client that breaks the protocol", async () => {
      const socket = await open("/chat");
      const { id } = socket;

      socket.io.engine.write("4nonsense");
      assert.equal(await control.reason(id), "forced close");
    });

    if (way !== "polling")
      dismissed("a client that breaks Engine.IO", async () => {
        const socket = await open("/chat");
        const { id } = socket;

        socket.io.engine.transport.ws.send("x");
        assert.equal(await control.reason(id), "parse error");
      });

    test("a client that falls silent", () =>
      withApp("features-app", ["--loops", String(loops)], async (hasty) => {
        const here = new Clients(hasty, { io, way });
        const socket = await here.open("/chat");
        const { engine } = socket.io;
        const watch = await Control.open(hasty);

        // It hears nothing and does not hang up by its own clock, which is as fast as the server's.
        engine.transport.removeAllListeners("packet");
        clearTimeout(engine.pingTimeoutTimer ?? engine._pingTimeoutTimer);
        if ("_pingTimeoutTime" in engine) engine._pingTimeoutTime = Infinity;
        assert.equal(await watch.reason(socket.id), "ping timeout");
        watch.close();
        here.dismiss();
      }));

    dismissed("namespaces by pattern come and go", async () => {
      const a = await open("/dyn-1");
      const b = await open("/dyn-1");
      const other = await open("/dyn-two");
      const heard = [a, b, other].map(listen);

      assert.deepEqual(sorted(await run("/", [], "nsps")), ["/", "/chat", "/ctl", "/dyn-1", "/dyn-two", "/mw"]);
      await run("/dyn-1", [], "emit", "ev");
      await eventually(() => heard[0].length && heard[1].length, "ev");
      assert.equal(heard[2].length, 0);
      assert.equal((await ask(a, "info"))[0].nsp, "/dyn-1");
      a.disconnect();
      other.disconnect();
      await eventually(async () => !(await run("/", [], "nsps")).includes("/dyn-two"), "clean-up");
      assert.ok((await run("/", [], "nsps")).includes("/dyn-1"));
      b.disconnect();
      await eventually(async () => !(await run("/", [], "nsps")).includes("/dyn-1"), "clean-up");
      await open("/dyn-1");
      for (const wrong of ["/dyn-", "/dyn-a-b", "/x/dyn-1", "/dyn-1/"])
        assert.equal((await clients.refusal(wrong)).message, "Invalid namespace");
    });

    dismissed("a pattern's middleware refuses, and nothing is left", async () => {
      assert.equal((await clients.refusal("/dyn-refused", { auth: { fail: true } })).message, "dyn refused");
      await eventually(async () => !(await run("/", [], "nsps")).includes("/dyn-refused"), "clean-up");
    });

    dismissed("namespaces by function", async () => {
      const socket = await open("/fn", { auth: { key: "k" } });

      assert.equal((await ask(socket, "info"))[0].nsp, "/fn");
      // who comes later joins what is there, whatever its key
      await open("/fn", { auth: { key: "other" } });
      socket.disconnect();
      clients.dismiss();
      await eventually(async () => !(await run("/", [], "nsps")).includes("/fn"), "clean-up");
      assert.equal((await clients.refusal("/fn", { auth: { key: "wrong" } })).message, "Invalid namespace");
      assert.equal((await clients.refusal("/fn")).message, "Invalid namespace");
    });

    dismissed("middleware", async () => {
      const socket = await open("/mw");
      const [info] = await ask(socket, "info");

      assert.deepEqual(info.data, { mw: [1, 2] });
      assert.deepEqual(sorted((await ask(socket, "rooms"))[0]), sorted([socket.id, "from-mw"]));
      const error = await clients.refusal("/mw", { auth: { fail: true } });
      assert.equal(error.message, "refused");
      assert.equal(error.data, undefined);
      const withData = await clients.refusal("/mw", { auth: { fail: true, data: { code: 7, list: [1] } } });
      assert.equal(withData.message, "refused");
      assert.deepEqual(withData.data, { code: 7, list: [1] });
      assert.deepEqual(byId(await run("/mw", [], "fetchSockets")), [socket.id]);
    });

    dismissed("who was refused does not hear broadcasts", async () => {
      const refused = clients.begin("/mw", { auth: { fail: true } });
      const heard = listen(refused);

      await next(refused, "connect_error");
      await run("/mw", [], "emit", "ev");
      await sleep(50);
      assert.deepEqual(heard, []);
    });

    dismissed("what is broadcast while one joins comes after its CONNECT", async () => {
      const joining = Array.from({ length: 10 }, () => clients.begin("/mw"));
      const early = [];

      for (const socket of joining) socket.onAny(() => socket.connected || early.push(socket));
      const connected = joining.map((socket) => next(socket, "connect"));
      for (let i = 0; i < 20; i++) {
        await run("/mw", [], "emit", "ev", i);
        await sleep(5);
      }
      await Promise.all(connected);
      assert.deepEqual(early, []);
    });

    dismissed("a reconnecting client keeps nothing without recovery", async () => {
      const socket = await open("/chat");
      const { id } = socket;

      await join(socket, "r");
      socket.disconnect();
      const connected = next(socket, "connect");
      socket.connect();
      await connected;
      assert.notEqual(socket.id, id);
      assert.equal(socket.recovered ?? false, false);
      assert.deepEqual(await ask(socket, "rooms"), [[socket.id]]);
    });

    if (!isReference)
      dismissed("emits of many to many, each once and in order", async () => {
        const sockets = await Promise.all(Array.from({ length: 8 }, () => open("/chat")));
        const all = sockets.map(listen);

        for (let i = 0; i < 100; i++) control.socket.emit("ctl", { nsp: "/chat", call: "emit", args: ["n", i] }, () => {});
        await eventually(() => all.every((heard) => heard.length === 100), "all events");
        for (const heard of all) assert.deepEqual(heard.map(([, i]) => i), Array.from({ length: 100 }, (_, i) => i));
      });
  });
