// SPDX-License-Identifier: MIT
// What npm's @socket.io/admin-ui and yodel serve tell a page: the same events, with values of the same shapes.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, test } from "node:test";

import { instrument } from "@socket.io/admin-ui";
import { Server } from "socket.io";

import { closeAll, connected, eventually, good, LIMIT_MS, opened, Page, Yodel } from "./admin_kit.js";

afterEach(closeAll);

/** The types of a value; of lists of objects those of all together. */
function shape(value) {
  if (Array.isArray(value)) return value.length === 0 ? [] : [...new Set(value.map((each) => JSON.stringify(shape(each))))].sort().map((each) => JSON.parse(each));
  if (value === null || typeof value !== "object") return typeof value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, shape(value[name])]),
  );
}

/** node's server: the same namespaces, and the same event that is passed on. */
async function node(mode) {
  const web = createServer();
  const io = new Server(web, { cors: { origin: "*" } });

  // Its compare of passwords is bcrypt's, in JavaScript.
  instrument(io, { auth: { type: "basic", username: "admin", password: "$2b$04$4fE9NKkLy865WIHFI8.C..O7MoBN8GmRxWvP8Ct7xHSINGrfsvsPG" }, mode });
  io.on("connection", (socket) => socket.on("wave", (...args) => socket.broadcast.emit("wave", ...args)));
  await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
  opened.push(() => io.close());
  const url = `http://127.0.0.1:${web.address().port}`;
  return { url, internal: url };
}

const yodel = (mode) => Yodel.start({ admin: `, mode: ${mode}, readonly: false`, spaces: "{name: /, auth: none, relay: [{event: wave, to: namespace}]}" });

/** A life that is the same beside both. */
async function told(server) {
  const first = await connected(server.url);
  const page = await Page.open(server.internal);
  await page.next("all_sockets");
  const second = await connected(server.url, { transports: ["polling", "websocket"] });

  await page.next("socket_updated", ({ id, transport }) => id === second.id && transport === "websocket");
  page.socket.emit("join", "/", "r", first.id);
  await page.next("room_joined", (_, room) => room === "r");
  second.emit("wave", "left", { a: [1, null] });
  await page.next("event_received");
  await page.next("event_sent", (_, id) => id === first.id);
  page.socket.emit("leave", "/", "r", first.id);
  await page.next("room_left", (_, room) => room === "r");
  const { id } = second;
  second.disconnect();
  await page.next("socket_disconnected");
  await page.next("room_left", (_, room) => room === id);
  await page.next("server_stats", ({ aggregatedEvents }) => aggregatedEvents.some(({ type }) => type === "packetsIn"));
  return { page, first, second: id };
}

const kinds = ["config", "all_sockets", "socket_connected", "socket_updated", "socket_disconnected", "room_joined", "room_left", "event_received", "event_sent"];

/** Whose socket it is stands for its id; times and headers are one's own. */
function plain({ page, first, second }) {
  const names = new Map([
    [first.id, "first"],
    [second, "second"],
    [page.socket.id, "page"],
  ]);
  const name = (value) => names.get(value) ?? value;

  return page.told
    .filter(([event, ...args]) => !["server_stats", "config", "all_sockets", "session"].includes(event) && !args.some((each) => name(each?.id ?? each) === "page"))
    .map(([event, ...args]) => [event, ...args.map((each) => (typeof each === "object" && !Array.isArray(each) ? (each.transport ?? each) : /^\d{4}-\d\d-\d\dT/.test(each) ? "time" : name(each)))]);
}

test("development: the same shapes, and the same story", { timeout: 3 * LIMIT_MS }, async () => {
  const theirs = await told(await node("development"));
  const ours = await told(await yodel("development"));

  for (const event of kinds) {
    const [a, b] = [theirs, ours].map(({ page }) => shape(page.all(event).at(-1)));

    // What a client sent in its handshake is its own; node's has no data where ours has who it is.
    const clean = (value) => JSON.stringify(value, (name, each) => (name === "headers" || name === "query" || name === "data" ? typeof each : each));
    assert.equal(clean(b), clean(a), event);
  }
  assert.deepEqual(new Set(ours.page.config.supportedFeatures), new Set(theirs.page.config.supportedFeatures));
  const stats = [theirs, ours].map(({ page }) => {
    const all = page.all("server_stats").map(([each]) => each);
    const { aggregatedEvents, ...rest } = all.at(-1);
    return [shape(rest), shape(all.flatMap((each) => each.aggregatedEvents).filter(({ type }) => type === "packetsIn"))];
  });
  assert.deepEqual(stats[1], stats[0]);
  // node tells the room of a socket's own id ahead of the socket, which would count it twice; ours has it in the socket.
  const story = (lines) => lines.filter(([event, , room, id]) => !(event === "room_joined" && room === id)).map((line) => JSON.stringify(line));
  assert.deepEqual(story(plain(ours)), story(plain(theirs)));
});

test("production: the same events", { timeout: 3 * LIMIT_MS }, async () => {
  const events = [];

  for (const server of [await node("production"), await yodel("production")]) {
    const page = await Page.open(server.internal);
    await connected(server.url);
    await page.next("server_stats", ({ namespaces }) => namespaces.some(({ name, socketsCount }) => name === "/" && socketsCount === 1));
    events.push(new Set(page.told.map(([event]) => event).filter((event) => event !== "session")));
    events.push(new Set(page.config.supportedFeatures));
  }
  assert.deepEqual(events[2], events[0]);
  assert.deepEqual(events[3], events[1]);
});

test("the session is told where the page hears it", { timeout: LIMIT_MS }, async () => {
  const theirs = await Page.open((await node("development")).internal);
  const ours = await Page.open((await yodel("development")).internal);

  await eventually(() => ours.session, "ours");
  assert.equal(theirs.session, undefined); // ahead of the answer to CONNECT: lost
  assert.deepEqual(good, { username: "admin", password: "changeit" });
});
