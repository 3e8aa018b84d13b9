// SPDX-License-Identifier: MIT
// Every call of Flask-SocketIO that a client can see, with both clients over each transport, against
// apps/flask_features.py at URL.  SUBJECT=original leaves out what docs/python.md says is different.

import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { io as io454 } from "socket.io-client-4.5.4";
import { io as io484 } from "socket.io-client-4.8.4";

const url = process.env.URL;
const isOriginal = process.env.SUBJECT === "original";
const ours = { skip: isOriginal };
const LIMIT_MS = 20_000;
const ways = {
  polling: { transports: ["polling"] },
  upgrade: { transports: ["polling", "websocket"] },
  websocket: { transports: ["websocket"] },
};
const chosen = (process.env.WAYS ?? "polling,upgrade,websocket").split(",");

for (const [version, io] of [["4.5.4", io454], ["4.8.4", io484]])
  for (const way of chosen)
    describe(`${version} ${way}`, () => {
      let open = [];

      const limited = (promise, what) =>
        Promise.race([promise, sleep(LIMIT_MS, undefined, { ref: false }).then(() => assert.fail(`nothing came: ${what}`))]);
      const next = (socket, event) => limited(once(socket, event), event);
      const make = (nsp = "/", options = {}) => {
        const socket = io(url + nsp, { ...ways[way], forceNew: true, reconnection: false, ...options });
        socket.seen = [];
        socket.onAny((...args) => socket.seen.push(args));
        open.push(socket);
        return socket;
      };
      const connect = async (nsp, options) => {
        const socket = make(nsp, options);
        const up = way === "upgrade" && new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
        await next(socket, "connect");
        if (up) await limited(up, "upgrade");
        return socket;
      };
      const ask = (socket, ...args) =>
        limited(new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer))), args[0]);
      const state = async () => (await fetch(`${url}/log`)).json();
      const until = async (condition, what) => {
        for (const end = Date.now() + LIMIT_MS; !(await condition()); await sleep(20)) assert(Date.now() < end, what);
      };

      afterEach(() => {
        for (const socket of open) socket.disconnect();
        open = [];
      });

      test("messages to all", async () => {
        const [a, b] = [await connect(), await connect()];
        const both = [next(a, "message"), next(b, "message")];

        a.send("Привет 👋");
        assert.deepEqual(await Promise.all(both), [["Server echoes: Привет 👋"], ["Server echoes: Привет 👋"]]);
        assert.deepEqual(await ask(a, "message", "with ack"), []);
        const json = next(a, "json");
        a.emit("json", { a: [1, null, true, 1.5, -7, 70000] });
        assert.deepEqual(await json, [{ a: [1, null, true, 1.5, -7, 70000] }]);
      });

      test("arguments and acknowledgements", async () => {
        const socket = await connect();

        assert.deepEqual(await ask(socket, "echo", 1, "two", { three: [3] }, null), [1, "two", { three: [3] }, null]);
        assert.deepEqual(socket.seen.pop(), ["echo", 1, "two", { three: [3] }, null]);
        assert.deepEqual(await ask(socket, "nothing", 1), []);
        assert.deepEqual(await ask(socket, "one", 1), [[1]]);
        assert.deepEqual(await ask(socket, "own_sid"), [socket.id]);
        assert.deepEqual(await ask(socket, "event_of"), ["event_of", []]);
      });

      test("any event", ours, async () => {
        const socket = await connect();

        assert.deepEqual(await ask(socket, "unknown event", 1, "b"), ["any", "unknown event", [1, "b"]]);
      });

      test("binary", async () => {
        const socket = await connect();
        const back = next(socket, "bin_back");

        assert.deepEqual(await ask(socket, "bin", Buffer.from([1, 2, 3])), [Buffer.from([1, 2, 3])]);
        assert.deepEqual(await back, [{ a: Buffer.from([1, 2, 3]), b: Buffer.from([0, 255]), n: 3 }]);
      });

      test("rooms", async () => {
        const [a, b, c] = [await connect(), await connect(), await connect()];
        const others = () => [a, b, c].map((socket) => socket.seen.splice(0).filter(([name]) => name !== "room_message"));
        const settle = () => Promise.all([a, b, c].map((socket) => ask(socket, "nothing")));

        for (const socket of [a, b]) await ask(socket, "join", { room: "r1" });
        assert.deepEqual(await ask(c, "room_say", "r1", "hello"), ["sent", 5]);
        await settle();
        assert.deepEqual(others(), [[["said", "hello"]], [["said", "hello"]], []]);
        await ask(a, "room_say", "r1", "x", false);
        await ask(a, "alias", c.id, "y");
        await ask(a, "room_say", ["r1", c.id], "z");
        await ask(a, "room_say", "nobody", "0");
        await settle();
        assert.deepEqual(others(), [
          [["said", "z"]],
          [["said", "x"], ["said", "z"]],
          [["said", "y"], ["said", "z"]],
        ]);
        await ask(a, "skip", [a.id, b.id], "w");
        await ask(a, "skip", c.id, "v");
        await settle();
        assert.deepEqual(others().map((events) => events.length), [1, 1, 1]);
        assert.deepEqual(await ask(a, "leave", "r1"), [[a.id]]);
        await ask(b, "close_room", "r1");
        await ask(c, "room_say", "r1", "gone");
        await settle();
        assert.deepEqual(others(), [[], [], []]);
        await ask(a, "join", { room: 7 });
        assert.deepEqual((await ask(a, "rooms"))[0].includes(7), true);
        await ask(b, "room_say", 7, "number");
        await settle();
        assert.deepEqual(others()[0], [["said", "number"]]);
      });

      test("callbacks of the client", async () => {
        const socket = await connect();
        socket.on("question", (value, answer) => answer(value, { twice: value * 2 }));
        const told = next(socket, "answered");

        socket.emit("ask", 5);
        assert.deepEqual(await told, [[5, { twice: 10 }]]);
        assert.deepEqual(await ask(socket, "call", 6), [6, { twice: 12 }]);
        assert.deepEqual(await ask(socket, "call_timeout"), ["TimeoutError"]);
      });

      test("errors", async () => {
        const socket = await connect();
        let answered = false;

        socket.emit("fault", () => (answered = true));
        assert.deepEqual(await ask(socket, "nothing"), []); // the connection stays
        socket.emit("one"); // too few arguments
        assert.deepEqual(await ask(socket, "one", 1), [[1]]);
        assert.equal(answered, false);
        const handled = await connect("/errors");
        assert.deepEqual(await ask(handled, "fault"), ["error", "KeyError"]);
        const second = await connect("/errors2");
        assert.deepEqual(await ask(second, "default"), ["ValueError"]);
        assert.deepEqual(second.seen, [["error", "fault"]]);
      });

      test("a namespace, and what it says while it connects", async () => {
        const socket = make("/chat", { auth: { token: "abc" } });
        const said = next(socket, "server_response");

        await next(socket, "connect");
        assert.deepEqual(await said, [{ data: "Добро пожаловать в чат!", auth: { token: "abc" } }]);
        const other = await connect("/chat");
        const both = [next(socket, "server_broadcast"), next(other, "server_broadcast")];
        other.emit("user_message", { text: "Всем привет 👋" });
        for (const event of await Promise.all(both)) assert.deepEqual(event, [{ data: "Всем привет 👋" }]);
      });

      test("class-based namespaces", async () => {
        const [a, b] = [await connect("/things"), await connect("/things")];
        const thing = next(b, "thing");

        assert.deepEqual(await ask(a, "thing", 3), ["thing", 3]);
        assert.deepEqual(await thing, [3]);
        const entered = next(a, "message");
        a.emit("enter", "x");
        assert.deepEqual(await entered, ["entered"]);
        a.disconnect();
        await until(async () => (await state()).log.includes("things disconnect"), "the handler of disconnect");
      });

      test("refusals", async () => {
        const refused = async (how, options) => (await next(make("/refuse", { auth: { how }, ...options }), "connect_error"))[0];
        const pick = ({ message, data }) => [message, data];

        assert.deepEqual(pick(await refused("false")), ["Connection rejected by server", undefined]);
        assert.deepEqual(pick(await refused("plain")), ["Connection rejected by server", undefined]);
        assert.deepEqual(pick(await refused("message")), ["go away", undefined]);
        assert.deepEqual(pick(await refused("data")), ["go away", { code: 7 }]);
        const welcome = make("/refuse");
        await next(welcome, "welcome");
        assert(await next(make("/nobody"), "connect_error"));
      });

      test("a fault of a connect handler refuses", ours, async () => {
        const [error] = await next(make("/refuse", { auth: { how: "fault" } }), "connect_error");

        assert.equal(error.message, "Connection rejected by server");
      });

      test("disconnecting", async () => {
        const socket = await connect();
        const gone = next(socket, "disconnect");
        const room = `of ${socket.id}`;

        await ask(socket, "join", { room });
        socket.emit("go");
        assert.equal((await gone)[0], "io server disconnect");
        const has = async () => (await state()).log.some((entry) => entry[0] === "disconnect" && entry[1][0] === room);
        await until(has, "the handler of disconnect, which knows the rooms");
      });

      test("events of one client are in order", ours, async () => {
        const socket = await connect();
        const numbers = Array.from({ length: 60 }, (_, i) => i);
        const key = (number) => `${version} ${way} ${number}`.length * 1000 + number;

        for (const number of numbers) socket.emit("in_order", key(number));
        await ask(socket, "nothing");
        assert.deepEqual(
          (await state()).log.filter((entry) => typeof entry === "number").slice(-60).map((entry) => entry % 1000),
          numbers,
        );
      });

      test("different clients in parallel", async () => {
        const sockets = await Promise.all(Array.from({ length: 8 }, () => connect()));
        const done = sockets.map((socket) => next(socket, "slow"));
        const order = [];

        sockets[0].emit("slow", "long", 1.5);
        done[0].then(() => order.push("long"));
        for (const [i, socket] of sockets.slice(1).entries()) {
          socket.emit("slow", "short", 0);
          done[i + 1].then(() => order.push("short"));
        }
        await Promise.all(done);
        assert.equal(order.pop(), "long");
      });

      test("background tasks and emits from routes", async () => {
        const socket = await connect();
        const task = next(socket, "task");

        socket.emit("task", "word");
        assert.deepEqual(await task, ["word"]);
        const notified = next(socket, "notification");
        await fetch(`${url}/emit?text=x`);
        assert.deepEqual(await notified, [{ data: "x" }]);
      });

      test("sessions and the request of the connection", async () => {
        const cookie = (await fetch(`${url}/session/http`)).headers.get("set-cookie").split(";")[0];
        const socket = await connect("/", { extraHeaders: { Cookie: cookie, "X-Own": "own" }, query: { q: "1" } });

        assert.deepEqual(await ask(socket, "session"), ["http"]);
        assert.deepEqual(await ask(socket, "session", "socket"), ["socket"]);
        assert.deepEqual(await ask(socket, "session"), ["socket"]);
        assert.equal(await (await fetch(`${url}/session`, { headers: { Cookie: cookie } })).text(), "http");
        const [environ] = await ask(socket, "environ");
        assert.deepEqual(environ, { method: "GET", path: "/socket.io/", query: "1", header: "own", address: "127.0.0.1" });
      });
    });
