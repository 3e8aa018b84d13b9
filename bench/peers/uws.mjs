// SPDX-License-Identifier: MIT
// uWebSockets.js: echo, and publish to all on /broadcast.  Usage: uws.mjs PORT [CERT KEY]
import uws from "@trufflesuite/uws-js-unofficial";

if (uws.DISABLED === undefined) {
  console.error("uWebSockets.js has no native module for this node");
  process.exit(1);
}

const [port = "0", cert, key] = process.argv.slice(2);
const app = cert ? uws.SSLApp({ cert_file_name: cert, key_file_name: key }) : uws.App();
const limits = {
  compression: uws.DISABLED,
  idleTimeout: 0,
  maxPayloadLength: 1024 * 1024,
  maxBackpressure: 16 * 1024 * 1024, // above it messages are dropped
};

app.ws("/broadcast", {
  ...limits,
  open: (socket) => socket.subscribe("all"),
  message: (socket, data, binary) => app.publish("all", data, binary),
});
app.ws("/*", {
  ...limits,
  message: (socket, data, binary) => socket.send(data, binary),
});
app.listen("127.0.0.1", Number(port), (listening) => {
  if (!listening) process.exit(1);
  console.log(`PORT ${uws.us_socket_local_port(listening)}`);
});
