// SPDX-License-Identifier: MIT
// features-app on the JavaScript server.
"use strict";

const PROPERTIES = ["volatile", "local", "broadcast"];

module.exports = function features(sio, words) {
  const io = sio({
    pingInterval: 2000,
    pingTimeout: words.includes("--patient") ? 30_000 : 2000,
    cleanupEmptyChildNamespaces: true,
    ...(words.includes("--recovery") && { connectionStateRecovery: {} }),
    ...(words.includes("--msgpack") && { parser: require("socket.io-msgpack-parser") }),
  });
  const control = io.of("/ctl");

  function watchRooms(nsp) {
    for (const change of ["create-room", "join-room", "leave-room", "delete-room"])
      nsp.adapter.on(change, (room, id = "") =>
        control.local.to("watch-rooms").emit("x-room", nsp.name, change, room, id));
  }
  watchRooms(io.of("/"));
  io.on("new_namespace", watchRooms);

  function add(socket) {
    const seen = [];
    const { handshake } = socket;

    socket.onAny((event) => seen.push(event));
    socket.use(([event], next) => next(event === "blocked" ? new Error("blocked event") : undefined));
    socket.on("error", (error) => socket.emit("mw-error", error.message));
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("join", (rooms, done) => done(void socket.join(rooms)));
    socket.on("leave", (room, done) => done(void socket.leave(room)));
    socket.on("rooms", (done) => done([...socket.rooms]));
    socket.on("seen", (done) => done(seen));
    socket.on("set", (key, value, done) => done(void (socket.data[key] = value)));
    socket.on("info", (done) =>
      done({
        id: socket.id, nsp: socket.nsp.name, recovered: socket.recovered, data: socket.data,
        auth: handshake.auth, query: handshake.query, transport: socket.conn.transport.name,
      }),
    );
    socket.on("disconnecting", (reason) =>
      control.local.emit("x-disconnecting", socket.id, reason, [...socket.rooms]));
    socket.on("disconnect", (reason) => control.local.emit("x-disconnected", socket.id, reason));
  }

  const refuse = (message, data) => Object.assign(new Error(message), data && { data });

  io.on("connection", add);
  io.of("/chat").on("connection", add);
  io.of(/^\/dyn-\w+$/)
    .use((socket, next) => next(socket.handshake.auth.fail ? refuse("dyn refused") : undefined))
    .on("connection", add);
  io.of((name, auth, next) => next(null, name === "/fn" && auth.key === "k")).on("connection", add);
  io.of("/mw")
    .use((socket, next) => next(void (socket.data.mw = [1])))
    .use((socket, next) => {
      const { fail, data } = socket.handshake.auth;

      socket.data.mw.push(2);
      next(fail ? refuse("refused", data) : undefined);
    })
    .use((socket, next) => {
      socket.join("from-mw");
      setTimeout(next, 50);
    })
    .on("connection", add);

  const binary = (value) => (value?.$bin ? Buffer.from(value.$bin) : value);

  async function run({ nsp = "/", socket, chain = [], call, args = [] }) {
    const namespace = io._nsps.get(nsp);

    if (call === "nsps") return [...io._nsps.keys()].filter((name) => !name.startsWith("/_"));
    if (call === "adapterRooms") return [...namespace.adapter.rooms.keys()];
    let subject = socket ? namespace.sockets.get(socket) : namespace;
    if (!subject) throw new Error("no such socket");
    for (const [method, argument] of chain)
      subject = PROPERTIES.includes(method) ? subject[method] : subject[method](argument);
    if (call === "rooms") return [...subject.rooms];
    const result = await subject[call](...args.map(binary));
    if (call === "fetchSockets") return result.map(({ id, rooms, data }) => ({ id, rooms: [...rooms], data }));
    return call.endsWith("WithAck") ? result : true;
  }

  control.on("connection", (socket) =>
    socket.on("watch-rooms", (done) => done(void socket.join("watch-rooms"))),
  );
  control.on("connection", (socket) =>
    socket.on("ctl", (request, done) =>
      run(request).then(
        (ok) => done({ ok }),
        (error) => done({ err: error.message, responses: error.responses }),
      ),
    ),
  );
};
