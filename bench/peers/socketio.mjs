// SPDX-License-Identifier: MIT
// npm socket.io on node's http and ws: message is sent back, broadcast goes to all.
// Usage: socketio.mjs PORT
import { createServer } from "node:http";
import { Server } from "socket.io";
import { serve, options } from "./socketio_app.mjs";

const http = createServer();
serve(new Server(http, options));
http.listen(
  { host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 },
  () => console.log(`PORT ${http.address().port}`),
);
