// SPDX-License-Identifier: MIT
// npm ws: echo, and broadcast on /broadcast; deflated when the client offers it.  Usage: ws.mjs PORT
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  backlog: 4096,
  perMessageDeflate: { threshold: 0, zlibDeflateOptions: { level: 6 } },
});
const members = new Set();

function echo(socket) {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
}

function broadcast(socket) {
  members.add(socket);
  socket.on("close", () => members.delete(socket));
  socket.on("message", (data, binary) => {
    for (const member of members) member.send(data, { binary });
  });
}

server.on("connection", (socket, request) => {
  socket.on("error", () => {});
  if (request.url === "/broadcast") broadcast(socket);
  else echo(socket);
});
server.on("listening", () => console.log(`PORT ${server.address().port}`));
