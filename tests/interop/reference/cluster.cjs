// SPDX-License-Identifier: MIT
// The twin of the test app `cluster` on the JavaScript server: one server of several, by Redis.
//
//     node cluster.cjs --port N --redis URL [--form classic|sharded|streams] [--prefix P] [--msgpack] [--answer-one]
"use strict";
const { createServer } = require("node:http");
const Redis = require("ioredis");
const { Server } = require("socket.io");
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const { createAdapter: createStreamsAdapter } = require("@socket.io/redis-streams-adapter");

const words = process.argv.slice(2);
const option = (word) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);

const url = option("--redis");
const pub = new Redis(url);
const sub = new Redis(url);
const told = [];

for (const client of [pub, sub]) client.on("error", () => {});

function makeAdapter() {
  const form = option("--form") ?? "classic";
  const prefix = option("--prefix");

  if (form === "sharded") return createShardedAdapter(pub, sub, { channelPrefix: prefix });
  if (form === "streams") return createStreamsAdapter(pub, prefix ? { streamName: prefix, channelPrefix: prefix } : {});
  return createAdapter(pub, sub, { key: prefix, publishOnSpecificResponseChannel: words.includes("--answer-one") });
}

const server = createServer(onRequest);
const options = { adapter: makeAdapter() };

if (words.includes("--recovery")) options.connectionStateRecovery = { maxDisconnectionDuration: 60_000 };
if (words.includes("--msgpack")) options.parser = require("socket.io-msgpack-parser");
const io = new Server(server, options);

function numbered(rooms = []) {
  return rooms.map((room) => (room.startsWith("number:") ? Number(room.slice(7)) : room));
}

function add(nsp) {
  nsp.on("connection", (socket) => {
    socket.on("join", (...args) => {
      const done = args.pop();

      socket.join(numbered(args));
      done();
    });
    socket.on("set", (name, done) => {
      socket.data.name = name;
      done();
    });
    socket.on("shout", (...args) => socket.broadcast.emit("shouted", ...args));
    socket.on("say", (room, ...args) => nsp.to(room).emit("said", ...args));
  });
  listen(nsp);
}

/** Parents raise no events of servers: their children do. */
function listen(nsp) {
  for (const event of ["hello", "ask", "quiet"])
    nsp.on(event, (...args) => {
      const done = typeof args.at(-1) === "function" ? args.pop() : undefined;

      told.push({ nsp: nsp.name, event, args });
      if (event === "ask") done?.({ from: "node" });
    });
}

/* Not "/a*", which would be a pattern to this adapter: its clients of "/ab" would get everything twice. */
for (const name of ["/", "/chat"]) add(io.of(name));
add(io.of(/^\/(dyn-[0-9]+|ab|a1)$/));

function target(body) {
  let found = io.of(body.nsp ?? "/");

  for (const room of numbered(body.rooms)) found = found.to(room);
  if (body.except?.length) found = found.except(body.except);
  if (body.flags?.volatile) found = found.volatile;
  if (body.flags?.local) found = found.local;
  return found;
}

const verbs = {
  emit: (body) => void target(body).emit(body.event, ...(body.args ?? [])),
  binary: (body) => void target(body).emit(body.event, "bytes", Buffer.from([1, 2, 255])),
  join: (body) => void target(body).socketsJoin(body.names),
  leave: (body) => void target(body).socketsLeave(body.names),
  disconnect: (body) => void target(body).disconnectSockets(body.close),
  server: (body) => void io.of(body.nsp ?? "/").serverSideEmit(body.event, ...(body.args ?? [])),
  told: () => ({ told: told.splice(0) }),
  stats: () => ({}),

  ack: (body) =>
    new Promise((resolve) =>
      target(body)
        .timeout(body.timeout)
        .emit(body.event, ...(body.args ?? []), (error, answers) => resolve({ result: error ? -110 : 0, answers })),
    ),
  async fetch(body) {
    const sockets = await target(body).fetchSockets();

    return { result: 0, sockets: sockets.map(({ id, handshake, rooms, data }) => ({ id, handshake, rooms: [...rooms], data })) };
  },
  async rooms(body) {
    return { result: 0, sockets: [...(await io.of(body.nsp ?? "/").adapter.allRooms())] };
  },
  serverask: (body) =>
    new Promise((resolve) =>
      io.of(body.nsp ?? "/").serverSideEmit(body.event, ...(body.args ?? []), (error, answers) => resolve({ result: error ? -110 : 0, answers })),
    ),
};

async function onRequest(request, response) {
  const verb = /^\/do\/(\w+)$/.exec(request.url)?.[1];
  let text = "";

  if (!verb) return;
  for await (const chunk of request) text += chunk;
  try {
    const result = await verbs[verb](JSON.parse(text || "{}"));

    response.end(JSON.stringify(result ?? { rc: 0 }));
  } catch (error) {
    response.end(JSON.stringify({ rc: -1, error: String(error) }));
  }
}

server.listen(Number(option("--port") ?? 0), "127.0.0.1", () => console.log(`cluster on ${server.address().port}`));
process.on("SIGTERM", () => process.exit(0));
