// SPDX-License-Identifier: MIT
// What both socket.io peers serve.
export const options = { serveClient: false, perMessageDeflate: false };

export function serve(io) {
  io.on("connection", (socket) => {
    socket.on("message", (data) => socket.emit("message", data));
    socket.on("broadcast", (data) => io.emit("broadcast", data));
    socket.on("foreign", (data) => {
      io.to("nobody").emit("foreign", data);
      socket.emit("foreign", data);
    });
  });
}
