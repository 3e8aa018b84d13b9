// SPDX-License-Identifier: MIT
// The admin page of yodel serve, played by the client of npm that it holds.

import assert from "node:assert/strict";
import http from "node:http";
import { afterEach, test } from "node:test";

import { io as io484 } from "socket.io-client-4.8.4";
import WebSocket from "ws";

import { RedisServer } from "./redis_kit.js";
import { client, closeAll, connected, eventually, good, LIMIT_MS, opened, Page, sleep, Yodel } from "./admin_kit.js";

const all = ", mode: development, readonly: false";
const looks = ", mode: development";

afterEach(closeAll);

/* ---- login ---- */

test("who knows the password is let in, and by the session after that", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start();
  const page = await Page.open(server.internal);

  await eventually(() => page.session, "a session");
  assert.match(page.session, /^[0-9a-f]{32}$/);
  assert.deepEqual(page.config, { supportedFeatures: ["AGGREGATED_EVENTS"] });
  page.socket.disconnect();
  // A reload of the page; no new session is made.
  const again = await Page.open(server.internal, { sessionId: page.session });
  await again.next("server_stats");
  assert.equal(again.session, undefined);
  assert.equal(await server.count('yodel_admin_logins_total{outcome="accepted"}'), 2);
  await eventually(() => server.said.includes('"admin.login"') || server.said.includes("logged in"), "the log has it");
});

test("another password ends the sessions of the one before", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start();
  const page = await Page.open(server.internal);
  const auth = { username: "admin", password: "other" };

  await eventually(() => page.session, "a session");
  await server.changePassword();
  // Loops have it soon.
  await eventually(async () => (await Page.refused(server.internal, { sessionId: page.session })) !== undefined, "the session has ended");
  const other = await Page.open(server.internal, auth);
  await eventually(() => other.session, "another session");
  assert.equal(await Page.refused(server.internal, good), "invalid credentials");
  await Page.open(server.internal, { sessionId: other.session });
});

test("who does not is refused, five times a minute", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start();
  const wrong = "invalid credentials";

  for (const auth of [undefined, {}, { sessionId: null }, { username: "admin" }, { username: "admin", password: 7 }, { sessionId: 7 }])
    assert.equal(await Page.refused(server.internal, auth), wrong);
  // A right password does not count.
  for (let i = 0; i < 6; i++) (await Page.open(server.internal)).socket.disconnect();
  assert.equal(await Page.refused(server.internal, { username: "admin", password: "changeitnot" }), wrong);
  assert.equal(await Page.refused(server.internal, { username: "nobody", password: "changeit" }), wrong);
  assert.equal(await Page.refused(server.internal, { username: "admin", password: "" }), wrong);
  assert.equal(await Page.refused(server.internal, { username: "admin", password: "x".repeat(1000) }), wrong);
  assert.equal(await Page.refused(server.internal, { sessionId: "0123456789abcdef" }), wrong);
  assert.match(await Page.refused(server.internal, good), /^too many attempts/);
  await eventually(() => server.said.includes("refused"), "the log has it");
  assert.ok(!server.said.includes("changeit"), server.said);
});

test("it is there on listeners that serve it, and clients are not", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start();

  assert.equal(await Page.refused(server.url, good), "Invalid namespace");
  const wrong = client(server.internal);
  const error = await new Promise((resolve) => wrong.on("connect_error", resolve));
  assert.equal(error.message, "Invalid namespace");
  await connected(server.url);
});

test("pages of other origins need to be named", { timeout: LIMIT_MS }, async () => {
  const listen = 'listen:\n  - {name: public, address: "127.0.0.1:0", serve: [clients, admin]}\n  - {name: internal, address: "127.0.0.1:0", serve: [metrics]}\n';
  const server = await Yodel.start({ admin: ", origins: [same, 'https://admin.example']", listen });
  const from = (origin) => ({ extraHeaders: { origin } });

  (await Page.open(server.url, good, from(server.url))).socket.disconnect();
  (await Page.open(server.url, good, from("https://admin.example"))).socket.disconnect();
  const other = new Page(server.url, good, from("https://evil.example"));
  await eventually(() => other.refused, "another origin is refused");
  // Which is no way into the namespaces of clients.
  const stranger = client(server.url, from("https://admin.example"));
  const error = await new Promise((resolve) => stranger.on("connect_error", resolve));
  assert.equal(error.message, "Invalid namespace");
  await connected(server.url, from(server.url));
  // Polling across origins, with credentials.
  const answer = await new Promise((resolve) =>
    http.get(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: "https://admin.example" } }, resolve),
  );
  answer.resume();
  assert.equal(answer.headers["access-control-allow-origin"], "https://admin.example");
  assert.equal(answer.headers["access-control-allow-credentials"], "true");
});

test("in production mode there are numbers alone", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start();
  const page = await Page.open(server.internal);
  const socket = await connected(server.url);

  socket.emit("hello");
  const [stats] = await page.next("server_stats", (each) => each.namespaces.some(({ name, socketsCount }) => name === "/" && socketsCount === 1));
  assert.equal(stats.pid, server.process.pid);
  assert.equal(stats.clientsCount, 2);
  assert.equal(typeof stats.hostname, "string");
  await page.next("server_stats", (each) => each.aggregatedEvents.some(({ type, count }) => type === "rawConnection" && count >= 1));
  socket.disconnect();
  await page.next("server_stats", (each) => each.aggregatedEvents.some(({ type, subType }) => type === "rawDisconnection" && subType === "transport close"));
  assert.deepEqual(new Set(page.told.map(([event]) => event)), new Set(["session", "config", "server_stats"]));
});

/* ---- what is shown ---- */

test("what is there, and what follows", { timeout: LIMIT_MS }, async () => {
  const spaces = "{name: /, auth: none, relay: [{event: wave, to: namespace}]}, {name: /chat, auth: none}";
  const server = await Yodel.start({ admin: looks, spaces });
  const early = await connected(server.url, { query: { token: "abc", colour: "red" }, extraHeaders: { cookie: "a=b", authorization: "Bearer x", "x-api-key": "k", "x-colour": "blue" } });
  const page = await Page.open(server.internal);

  await page.next("all_sockets");
  const seen = page.sockets.get(early.id);
  assert.equal(seen.nsp, "/");
  assert.equal(seen.transport, "websocket");
  assert.deepEqual(seen.rooms, new Set([early.id]));
  assert.equal(seen.handshake.address, "127.0.0.1");
  assert.equal(seen.handshake.headers["x-colour"], "blue");
  assert.equal(seen.handshake.query.colour, "red");
  const text = JSON.stringify(page.told);
  for (const hidden of ["a=b", "Bearer", "abc", '"x-api-key"']) assert.ok(!text.includes(hidden), hidden);
  assert.ok(!("auth" in seen.handshake));
  assert.ok(page.sockets.has(page.socket.id), "the page sees itself");

  // Polling first, then the upgrade; two namespaces of one client.
  const late = await connected(server.url, { transports: ["polling", "websocket"] });
  const [shown, time] = await page.next("socket_connected", (each) => each.id === late.id);
  assert.ok(Math.abs(new Date(time) - Date.now()) < LIMIT_MS);
  await eventually(() => page.sockets.get(late.id).transport === "websocket", "the upgrade is told");
  const chat = late.io.socket("/chat"); // which connects
  const [other] = await page.next("socket_connected", (each) => each.nsp === "/chat");
  assert.equal(other.clientId, shown.clientId);
  assert.notEqual(shown.clientId, late.io.engine.id.slice(0, 12));

  late.emit("wave", { hand: "left" }, 7);
  const [nsp, id, args] = await page.next("event_received");
  assert.deepEqual([nsp, id, args], ["/", late.id, ["wave", { hand: "left" }, 7]]);
  const [, to, sent] = await page.next("event_sent", (_, each) => each === early.id);
  assert.deepEqual([to, sent], [early.id, ["wave", { hand: "left" }, 7]]);
  late.emit("wave", Buffer.from("12345"));
  await page.next("event_received", (_nsp, _id, each) => each[1]?.type === "binary" && each[1].bytes === 5);
  late.emit("wave", "x".repeat(100_000));
  await page.next("event_received", (_nsp, _id, each) => /^\(10000\d bytes\)$/.test(each[1]));

  late.disconnect();
  chat.disconnect();
  await eventually(() => !page.sockets.has(late.id) && !page.sockets.has(chat.id), "they are gone, with their rooms");
  assert.deepEqual(page.faults, []);
  assert.ok(!page.all("event_sent").some(([each]) => each === "/admin"));
});

test("rooms and data that the back end gives", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start({ admin: looks });
  const socket = await connected(server.url);

  await server.post("join", { of: { sockets: [socket.id] }, rooms: ["before"] });
  const page = await Page.open(server.internal);
  await page.next("all_sockets");
  assert.deepEqual(page.sockets.get(socket.id).rooms, new Set([socket.id, "before"]));
  await server.post("join", { of: { all: true }, rooms: ["before", "after"] });
  await page.next("room_joined");
  await server.post("update", { of: { sockets: [socket.id] }, meta: { plan: "gold" } });
  const [updated] = await page.next("socket_updated");
  assert.deepEqual(updated, { id: socket.id, nsp: "/", data: { meta: { plan: "gold" }, expires_at: null } });
  await server.post("leave", { of: { all: true }, rooms: ["before"] });
  await page.next("room_left");
  await server.post("emit", { to: { rooms: ["after"] }, event: "news", args: [1] });
  const [, , args] = await page.next("event_sent");
  assert.deepEqual(args, ["news", 1]);
  assert.deepEqual(page.sockets.get(socket.id).rooms, new Set([socket.id, "after"]));
  assert.deepEqual(page.faults, []);
});

test("plain WebSockets and their groups", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start({ admin: all, more: 'websockets: [{path: "/ws/{room}", auth: none}]\n' });
  const ws = () =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws/green?token=abc`);
      opened.push(() => socket.terminate());
      socket.on("open", () => resolve(socket));
    });

  const first = await ws();
  const page = await Page.open(server.internal);
  await page.next("all_sockets");
  const seen = [...page.sockets.values()].find(({ transport }) => transport === "ws");
  assert.equal(seen.nsp, "ws:/ws/{room}");
  assert.deepEqual(seen.rooms, new Set(["green"]));
  assert.equal(seen.handshake.address, "127.0.0.1");
  const second = await ws();
  const [shown] = await page.next("socket_connected");
  assert.equal(shown.nsp, seen.nsp);
  second.send("hello");
  const [nsp, id, args] = await page.next("event_received");
  assert.deepEqual([nsp, id, args], [seen.nsp, shown.id, ["message", "hello"]]);
  const closed = new Promise((resolve) => first.on("close", resolve));
  page.socket.emit("_disconnect", seen.nsp, false, seen.id);
  assert.equal(await closed, 1008);
  second.close();
  await eventually(() => ![...page.sockets.values()].some(({ transport }) => transport === "ws"), "both are gone");
  assert.ok(!JSON.stringify(page.told).includes("abc"));
  assert.deepEqual(page.faults, []);
});

test("plain WebSockets of a webhook, with what their back end says", { timeout: LIMIT_MS }, async () => {
  const answers = {
    connect: { user: "u1", meta: { plan: "gold" }, rooms: ["red"] },
    event: { meta: { plan: "none" }, actions: [{ join: { rooms: ["blue"] } }, { leave: { rooms: ["red"] } }] },
  };
  const backend = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const results = JSON.parse(body).events.map(({ id, kind }) => ({ id, ...answers[kind] }));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ results }));
  });
  await new Promise((resolve) => backend.listen(0, "127.0.0.1", resolve));
  opened.push(() => backend.close());
  const more =
    'websockets: [{path: "/ws", auth: none, webhook: main}]\nauth: {methods: [webhook]}\n' +
    `webhooks: [{name: main, url: "http://127.0.0.1:${backend.address().port}/", kinds: [connect, event], secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}]\n`;
  const server = await Yodel.start({ admin: looks, more });
  const page = await Page.open(server.internal);
  await page.next("all_sockets");
  const ws = new WebSocket(`${server.url.replace("http", "ws")}/ws`);
  opened.push(() => ws.terminate());
  const [shown] = await page.next("socket_connected", ({ transport }) => transport === "ws");
  assert.deepEqual(shown.rooms, ["red"]);
  assert.deepEqual(shown.data, { user: "u1", meta: { plan: "gold" } });
  ws.send("hello");
  const seen = await eventually(() => {
    const each = page.sockets.get(shown.id);
    return each?.rooms.has("blue") && !each.rooms.has("red") && each.data.meta.plan === "none" && each;
  }, "what the back end says is told");
  const late = await Page.open(server.internal, { sessionId: page.session });
  await late.next("all_sockets");
  assert.deepEqual(late.sockets.get(shown.id).rooms, seen.rooms);
  assert.deepEqual(late.sockets.get(shown.id).data, seen.data);
  ws.close();
  await eventually(() => !page.sockets.has(shown.id) && !late.sockets.has(shown.id), "it is gone");
  assert.deepEqual([...page.faults, ...late.faults], []);
});

/* ---- commands ---- */

test("a page that may only look does nothing", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start({ admin: looks });
  const socket = await connected(server.url);
  const page = await Page.open(server.internal);

  await page.next("all_sockets");
  page.socket.emit("join", "/", "r", socket.id);
  page.socket.emit("_disconnect", "/", true, socket.id);
  page.socket.emit("emit", "/", socket.id, "x");
  socket.emit("sign");
  await page.next("event_received");
  await sleep(200);
  assert.ok(socket.connected);
  assert.equal(page.all("room_joined").length, 0);
  assert.deepEqual(page.config.supportedFeatures, ["AGGREGATED_EVENTS", "ALL_EVENTS"]);
});

test("commands say whom they mean", { timeout: LIMIT_MS }, async () => {
  const server = await Yodel.start({ admin: all });
  const [one, two, three] = await Promise.all([connected(server.url), connected(server.url), connected(server.url)]);
  const page = await Page.open(server.internal);
  const heard = [];

  for (const [name, socket] of Object.entries({ one, two, three })) socket.onAny((...args) => heard.push([name, ...args]));
  await page.next("all_sockets");
  page.socket.emit("join", "/", "r", one.id);
  page.socket.emit("join", "/", "r", two.id);
  await eventually(() => [one, two].every(({ id }) => page.sockets.get(id).rooms.has("r")), "both are in it");
  page.socket.emit("emit", "/", "r", "news", 1, { a: 2 });
  await eventually(() => heard.length === 2, "both hear it");
  assert.deepEqual(heard.sort(), [["one", "news", 1, { a: 2 }], ["two", "news", 1, { a: 2 }]]);
  await page.next("event_sent", (_, id) => id === one.id);
  // What means everybody, or nobody, is denied; so is a socket's own room.
  for (const args of [
    ["join", "/", "all"],
    ["join", "/", null, one.id],
    ["leave", "/", null],
    ["leave", "/", one.id, one.id],
    ["leave", "/", one.id],
    ["_disconnect", "/"],
    ["_disconnect", "/", true],
    ["_disconnect", "/", true, ""],
    ["_disconnect", "/none", true, one.id],
    ["emit", "/", null, "news"],
    ["emit", "/", "r"],
    ["emit", "/", "r", "connect"],
    ["emit"],
    ["_disconnect"],
    ["_disconnect", "ws:/ws/{room}"],
  ])
    page.socket.emit(...args);
  await eventually(async () => (await server.count('yodel_admin_commands_total{outcome="denied"}')) === 15, "all are denied");
  assert.ok(one.connected && two.connected && three.connected);
  page.socket.emit("leave", "/", "r", one.id);
  page.socket.emit("leave", "/", "r");
  await eventually(() => page.all("room_left").length === 2, "both have left");
  page.socket.emit("join", "/", "s", two.id);
  page.socket.emit("_disconnect", "/", false, "s");
  page.socket.emit("_disconnect", "/", true, one.id);
  await eventually(() => !one.connected && !two.connected, "they are sent away");
  await eventually(() => page.all("socket_disconnected").length === 2, "which is told");
  assert.equal(page.all("socket_disconnected")[0][2], "server namespace disconnect");
  assert.ok(three.connected);
  assert.deepEqual(page.faults, []);
  await eventually(() => server.said.includes("_disconnect"), "the log has it");
});

/* ---- many ---- */

async function crowd(server, num) {
  const sockets = [];

  for (let i = 0; i < num; i += 50) {
    const manager = await connected(server.url, {});
    sockets.push(manager);
    const rest = await Promise.all(Array.from({ length: 49 }, () => connected(server.url)));
    sockets.push(...rest);
  }
  return sockets;
}

test("a page is told a thousand sockets, and of how many", { timeout: 2 * LIMIT_MS }, async () => {
  const server = await Yodel.start({ admin: looks });
  const sockets = await crowd(server, 1100);
  const page = await Page.open(server.internal);

  await page.next("all_sockets");
  const notes = [...page.sockets.keys()].filter((id) => / of 1101 sockets are shown$/.test(id));
  assert.equal(notes.length, 1);
  assert.ok(page.sockets.size <= 1001 && page.sockets.size > 900, String(page.sockets.size));
  for (const socket of sockets) socket.disconnect();
  await eventually(() => page.sockets.size <= 2, "all that were shown are gone");
  const after = await connected(server.url);
  await page.next("socket_connected", (each) => each.id === after.id);
  assert.deepEqual(page.faults, []);
  assert.equal(page.left, undefined);
});

/** Clients that come, join by a page's commands, and go, while something else is done. */
async function churned(judge, url, meanwhile) {
  let isOver = false;
  const churn = async () => {
    while (!isOver) {
      const socket = io484(url, { forceNew: true, reconnection: false, transports: ["websocket"] });
      opened.push(() => socket.disconnect());
      await eventually(() => socket.connected || isOver, "connected");
      for (let i = 0; i < 3 && !isOver; i++) {
        judge.socket.emit("join", "/", `r${i}`, socket.id);
        await sleep(1);
        judge.socket.emit("leave", "/", `r${i}`, socket.id);
      }
      socket.disconnect();
    }
  };
  const churns = [churn(), churn(), churn(), churn()];
  try {
    await meanwhile();
  } finally {
    isOver = true;
    await Promise.all(churns);
  }
}

test("what is there and what follows meet exactly", { timeout: 2 * LIMIT_MS }, async () => {
  const server = await Yodel.start({ admin: all });
  const judge = await Page.open(server.internal);
  await judge.next("all_sockets");
  await churned(judge, server.url, async () => {
    for (let i = 0; i < 20; i++) {
      const page = await Page.open(server.internal);
      await page.next("all_sockets");
      await sleep(30);
      assert.deepEqual(page.faults, []);
      page.socket.disconnect();
    }
  });
  await eventually(() => judge.sockets.size === 1, "nobody is left but the page itself");
  assert.deepEqual(judge.faults, []);
  assert.equal(await server.count("yodel_admin_begun_anew_total"), 0);
});

/* ---- several nodes ---- */

const clustered = (redis, id) => ({
  admin: all,
  server: `, id: ${id}`,
  more: `redis: {url: "${redis.url}", lease: 5s}\n`,
});

async function nodes(num) {
  const redis = await RedisServer.start();
  opened.push(() => redis.stop());
  const servers = await Promise.all(Array.from({ length: num }, (_, i) => Yodel.start(clustered(redis, `n${i}`))));

  for (const server of servers) await eventually(async () => (await server.count("yodel_nodes")) === num, "the nodes know each other");
  return { redis, servers };
}

test("a page sees the sockets of all nodes, and its session holds on all", { timeout: 2 * LIMIT_MS }, async () => {
  const { servers } = await nodes(2);
  const [here, there] = servers;
  const before = await connected(there.url);
  const page = await Page.open(here.internal);

  await page.next("all_sockets");
  await eventually(() => page.sockets.has(before.id), "those that were there");
  const other = await Page.open(there.internal, { sessionId: page.session });
  const after = await connected(there.url);
  await page.next("socket_connected", (each) => each.id === after.id);
  await page.next("socket_connected", (each) => each.id === other.socket.id);
  page.socket.emit("join", "/", "r", after.id);
  await page.next("room_joined", (_, room, id) => room === "r" && id === after.id);
  await other.next("room_joined", (_, room, id) => room === "r" && id === after.id);
  after.emit("hello", 1);
  await page.next("event_received", (_, id) => id === after.id);
  for (const id of ["n0", "n1"]) await page.next("server_stats", (each) => each.serverId === id);
  page.socket.emit("_disconnect", "/", true, after.id);
  await eventually(() => !page.sockets.has(after.id) && !after.connected, "it is gone");
  assert.deepEqual([...page.faults, ...other.faults], []);
  // A node that ends without a word takes its sockets along.
  await there.kill();
  await eventually(() => !page.sockets.has(before.id), "those of a node that has gone are gone");
  assert.ok(page.sockets.has(page.socket.id));
  assert.deepEqual(page.faults, []);
});

test("snapshots of other nodes and what follows meet exactly", { timeout: 2 * LIMIT_MS }, async () => {
  const { servers } = await nodes(2);
  const judge = await Page.open(servers[0].internal);
  await judge.next("all_sockets");
  await churned(judge, servers[1].url, async () => {
    for (let i = 0; i < 12; i++) {
      const page = await Page.open(servers[i % 2].internal);
      await page.next("all_sockets");
      await sleep(50);
      assert.deepEqual(page.faults, []);
      page.socket.disconnect();
    }
  });
  await eventually(() => judge.sockets.size === 1, "nobody is left but the page itself");
  assert.deepEqual(judge.faults, []);
});
