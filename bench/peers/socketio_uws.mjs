// SPDX-License-Identifier: MIT
// npm socket.io on uWebSockets.js.  Usage: socketio_uws.mjs PORT
import uws from "@trufflesuite/uws-js-unofficial";
import { Server } from "socket.io";
import { serve, options } from "./socketio_app.mjs";

if (uws.DISABLED === undefined) {
  console.error("uWebSockets.js has no native module for this node");
  process.exit(1);
}

const app = uws.App();
const io = new Server(options);
io.attachApp(app);
serve(io);
app.listen("127.0.0.1", Number(process.argv[2] ?? 0), (listening) => {
  if (!listening) process.exit(1);
  console.log(`PORT ${uws.us_socket_local_port(listening)}`);
});
