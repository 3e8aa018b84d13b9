// SPDX-License-Identifier: MIT
// The side of node: app.js REDIS_URL PORT
"use strict";

const http = require("node:http");
const {createAdapter} = require("@socket.io/redis-adapter");
const Redis = require("ioredis");
const {Server} = require("socket.io");

const [url, port] = process.argv.slice(2);
const client = new Redis(url);
const server = http.createServer();
const io = new Server(server, {adapter: createAdapter(client, client.duplicate()), cors: {origin: "*"}});

io.on("connection", socket => {
  socket.join("lobby");
  socket.on("say", ({text}) => io.to("lobby").emit("said", {text, server: "Node"}));
});

server.listen(Number(port), "127.0.0.1");
