// SPDX-License-Identifier: MIT
// Server-sent events on node's http: readers of /events get what a WebSocket (npm ws) on /publish
// sends.  Usage: events.mjs PORT
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const readers = new Set();
const http = createServer((request, response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.flushHeaders();
  readers.add(response);
  response.on("close", () => readers.delete(response));
});
const sockets = new WebSocketServer({ server: http, path: "/publish", perMessageDeflate: false });

sockets.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const event = `data: ${data}\n\n`;
    for (const reader of readers) reader.write(event);
  });
});
http.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 }, () =>
  console.log(`PORT ${http.address().port}`),
);
