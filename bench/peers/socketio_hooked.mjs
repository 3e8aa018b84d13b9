// SPDX-License-Identifier: MIT
// socket.io that does what yodel serve does with a webhook, by undici: PORT of the back end is the argument, or the path of its Unix socket.
import { createHmac, randomUUID } from "node:crypto";
import http from "node:http";
import { Server } from "socket.io";
import { Pool } from "undici";

const where = process.argv[2];
const options = { connections: 64, pipelining: 1 };
const pool = where.startsWith("/") ? new Pool("http://localhost", { ...options, socketPath: where }) : new Pool(`http://127.0.0.1:${where}`, options);
const secret = "0123456789abcdef0123456789abcdef";

async function tell(socket, name, args) {
  const id = randomUUID();
  const body = JSON.stringify({
    version: 1,
    node: "n1",
    events: [
      {
        id,
        kind: "event",
        time: new Date().toISOString(),
        seq: ++socket.data.seq,
        socket: {
          sid: socket.id,
          namespace: socket.nsp.name,
          user: null,
          meta: null,
          connection: socket.conn.id,
          transport: socket.conn.transport.name,
          address: socket.handshake.address,
          connected_at: socket.data.since,
        },
        event: name,
        args,
        ack: false,
      },
    ],
  });
  const time = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", secret).update(`${id}.${time}.${body}`).digest("base64");
  const answer = await pool.request({
    path: "/hook",
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": `${time}`,
      "webhook-signature": `v1,${signature}`,
    },
    body,
  });
  for (const { actions } of (await answer.body.json()).results)
    for (const { emit } of actions) socket.emit(emit.event, ...emit.args);
}

const server = http.createServer();
const io = new Server(server, { serveClient: false, perMessageDeflate: false });
io.on("connection", (socket) => {
  socket.data = { seq: 0, since: new Date().toISOString() };
  socket.onAny((name, ...args) => tell(socket, name, args));
});
server.listen(0, "127.0.0.1", () => console.log(`PORT ${server.address().port}`));
