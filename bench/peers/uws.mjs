// SPDX-License-Identifier: MIT
// uWebSockets.js: echo, publish to all on /broadcast, and the same deflated: /shared (no context is
// kept), /context (windows of 32 KiB in both directions), /shared/broadcast.  /groups/G publishes in
// group G, on /many/N each is in N groups.  Usage: uws.mjs PORT [CERT KEY]
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
function deflated(path, compression) {
  app.ws(path, {
    ...limits,
    compression,
    message: (socket, data, binary) => socket.send(data, binary, true),
  });
}

deflated("/shared", uws.SHARED_COMPRESSOR | uws.SHARED_DECOMPRESSOR);
deflated("/context", uws.DEDICATED_COMPRESSOR_256KB | uws.DEDICATED_DECOMPRESSOR_32KB);
app.ws("/shared/broadcast", {
  ...limits,
  compression: uws.SHARED_COMPRESSOR | uws.SHARED_DECOMPRESSOR,
  open: (socket) => socket.subscribe("packed"),
  message: (socket, data, binary) => app.publish("packed", data, binary, true),
});
app.ws("/groups/:group", {
  ...limits,
  upgrade: (response, request, context) =>
    response.upgrade(
      { group: `group_${request.getParameter(0)}` },
      request.getHeader("sec-websocket-key"),
      request.getHeader("sec-websocket-protocol"),
      request.getHeader("sec-websocket-extensions"),
      context,
    ),
  open: (socket) => socket.subscribe(socket.group),
  message: (socket, data, binary) => app.publish(socket.group, data, binary),
});
app.ws("/many/:number", {
  ...limits,
  upgrade: (response, request, context) =>
    response.upgrade(
      { number: Number(request.getParameter(0)) },
      request.getHeader("sec-websocket-key"),
      request.getHeader("sec-websocket-protocol"),
      request.getHeader("sec-websocket-extensions"),
      context,
    ),
  open: (socket) => {
    for (let i = 0; i < socket.number; i++) socket.subscribe(`many_${i}`);
  },
  message: (socket, data, binary) => app.publish("many_0", data, binary),
});
app.ws("/*", {
  ...limits,
  message: (socket, data, binary) => socket.send(data, binary),
});
app.listen("127.0.0.1", Number(port), (listening) => {
  if (!listening) process.exit(1);
  console.log(`PORT ${uws.us_socket_local_port(listening)}`);
});
