// SPDX-License-Identifier: MIT
// Express beside socket.io: POST /emit sends an event to a room, as POST /api/v1/emit of yodel serve does.
import { createHash, timingSafeEqual } from "node:crypto";
import express from "express";
import http from "node:http";
import { Server } from "socket.io";

const app = express();
const server = http.createServer(app);
const io = new Server(server, { serveClient: false, perMessageDeflate: false });
const key = createHash("sha256").update("key").digest();

app.disable("x-powered-by");
app.use(express.json());
app.use((req, res, next) => {
  const shown = createHash("sha256").update((req.headers.authorization ?? "").replace("Bearer ", "")).digest();
  if (timingSafeEqual(shown, key)) next();
  else res.status(401).end();
});
app.post("/api/v1/emit", (req, res) => {
  const { event, args, to } = req.body;
  io.to(to.rooms ?? to.sockets).emit(event, ...args);
  res.json({});
});
server.keepAliveTimeout = 60000;
server.listen(0, "127.0.0.1", () => console.log(`PORT ${server.address().port}`));
