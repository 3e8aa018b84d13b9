// SPDX-License-Identifier: MIT
// A node of npm socket.io with @socket.io/redis-adapter: broadcast goes to all on all nodes.
// Usage: socketio_redis.mjs PORT REDIS_PORT
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { serve, options } from "./socketio_app.mjs";

const publisher = new Redis(Number(process.argv[3]), "127.0.0.1");
const subscriber = publisher.duplicate();
const http = createServer();
serve(
  new Server(http, { ...options, adapter: createAdapter(publisher, subscriber) }),
);
http.listen(
  { host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 },
  () => console.log(`PORT ${http.address().port}`),
);
