// SPDX-License-Identifier: MIT
// The test apps on the JavaScript server: what yodel-testapps is compared with.
//
//     node apps.cjs NAME [--port N] [--recovery] [--msgpack] [--patient]
//     node apps.cjs eio-spawn JSON
"use strict";
const { createServer } = require("node:http");
const engine = require("engine.io");
const { Server } = require("socket.io");

const [name, ...words] = process.argv.slice(2);
const option = (word) => words[words.indexOf(word) + 1];
const patient = words.includes("--patient");
const port = words.includes("--port") ? Number(option("--port")) : 0;

function say(server) {
  const actual = server.address().port;

  if (port === 0) console.log(`PORT ${actual}`);
  console.log(`${name} on ${actual}`);
}

function serve(status = 404) {
  const server = createServer((request, response) => response.writeHead(status).end());

  server.listen(port, () => say(server));
  return server;
}

const sio = (options) => new Server(serve(), options);

const apps = {
  "eio-ref"() {
    const options = { pingInterval: 300, pingTimeout: patient ? 30_000 : 200, maxHttpBufferSize: 1e6, cors: { origin: "*" } };

    engine.attach(serve(501), options).on("connection", (socket) => socket.on("data", (data) => socket.send(data)));
  },

  "eio-spawn"() {
    engine.attach(serve(501), JSON.parse(words.find((word) => word.startsWith("{")) ?? "{}"));
  },

  "eioclient-app"() {
    const server = engine.attach(serve(), {
      pingInterval: 500,
      maxHttpBufferSize: 100,
      allowRequest: (request, done) => done(null, !("deny" in request._query)),
    });
    const answers = {
      "give binary": () => Int8Array.of(0, 1, 2, 3, 4),
      "give utf8": () => "пойду спать всем спокойной ночи",
      sendHeaders: (socket) => JSON.stringify(socket.transport.dataReq?.headers),
    };

    server.on("connection", (socket) => {
      socket.send("hi");
      socket.on("message", (message) => {
        const answer = typeof message === "string" && answers[message];
        socket.send(answer ? answer(socket) : message);
      });
    });
    server.on("initial_headers", (headers) => {
      headers["set-cookie"] = [
        "1=1; Max-Age=86400",
        "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
        "3=3; Max-Age=0",
        `4=4; Expires=${new Date().toUTCString()}`,
      ];
    });
  },

  "sio-ref"() {
    const io = sio({
      pingInterval: 300, pingTimeout: 200, connectTimeout: 1000, maxHttpBufferSize: 1e6, cors: { origin: "*" },
    });
    const greet = (socket) => socket.emit("auth", socket.handshake.auth);

    io.of("/custom").on("connection", greet);
    io.on("connection", (socket) => {
      greet(socket);
      socket.on("message", (...args) => socket.emit("message-back", ...args));
      socket.on("message-with-ack", (...args) => args.pop()(...args));
    });
  },

  "sioclient-app"() {
    const io = sio({
      pingInterval: 2000,
      connectionStateRecovery: {},
      allowRequest: (request, done) => setTimeout(done, 10, null, true),
    });
    const asdf = Buffer.from("asdfasdf");
    const isBinary = Buffer.isBuffer;

    for (const silent of ["/timeout_socket", "/valid", "/asd"]) io.of(silent).on("connection", () => {});
    io.of("/foo").on("connection", (socket) => socket.on("getId", (ack) => ack(socket.id)));
    io.of("/abc").on("connection", (socket) => socket.emit("handshake", socket.handshake));
    io.of("/no").use((socket, next) => next(new Error("Auth failed (custom namespace)")));
    io.use((socket, next) =>
      next(socket.handshake.query.fail ? new Error("Auth failed (main namespace)") : undefined),
    );
    io.on("connection", (socket) => {
      const seen = new Set();
      const see = (what, when) => when && seen.add(what);
      const handlers = {
        hi: () => socket.emit("hi"),
        echo: (value, ack) => ack(value),
        ack: () => socket.emit("ack", (a, b) => a === 5 && b.test && socket.emit("got it")),
        getAckDate: (_, ack) => ack(new Date()),
        getDate: () => socket.emit("takeDate", new Date()),
        getDateObj: () => socket.emit("takeDateObj", { date: new Date() }),
        getUtf8: () => {
          const texts = ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"];
          for (const text of texts) socket.emit("takeUtf8", text);
        },
        false: () => socket.emit("false", false),
        doge: () => socket.emit("doge", asdf),
        getbin: () => socket.emit("takebin", asdf),
        buffa: (a) => isBinary(a) && socket.emit("buffack"),
        jsonbuff: (a) =>
          a.hello === "lol" && isBinary(a.message) && a.goodbye === "gotcha" && socket.emit("jsonbuff-ack"),
        abuff1: (a) => see("abuff1", isBinary(a)),
        abuff2: () => seen.has("abuff1") && socket.emit("abuff2-ack"),
        blob: (a) => isBinary(a) && socket.emit("back"),
        jsonblob: (a) => isBinary(a.message) && socket.emit("jsonblob-ack"),
        blob1: (a) => see("blob1", isBinary(a)),
        blob2: (a) => see("blob2", seen.has("blob1") && a === "second"),
        blob3: (a) => isBinary(a) && seen.has("blob2") && socket.emit("blob3-ack"),
        getHandshake: (ack) => ack(socket.handshake),
        getId: (ack) => ack(socket.id),
      };
      for (const [event, handler] of Object.entries(handlers)) socket.on(event, handler);
    });
  },

  "wire-app"() {
    const io = sio({
      pingInterval: 1500, pingTimeout: 800, upgradeTimeout: 700, connectTimeout: 2500,
      maxHttpBufferSize: 2000, cors: { origin: "*" },
    });
    const add = (socket) => {
      socket.emit("auth", socket.handshake.auth);
      socket.on("message", (...args) => socket.emit("message-back", ...args));
      socket.on("with-ack", (...args) => args.pop()(...args));
      socket.on("kick", (close) => socket.disconnect(Boolean(close)));
      socket.on("big", (length) => socket.emit("big", "x".repeat(length)));
      socket.on("ask", () => socket.emit("question", 1, (...answer) => socket.emit("answer", answer)));
      socket.on("burst", () => {
        socket.emit("a", 1);
        socket.emit("b", Buffer.of(1, 2));
        socket.emit("c");
      });
      socket.on("vol", () => {
        socket.volatile.emit("v", 1);
        socket.volatile.emit("v", 2);
      });
    };

    io.of("/slow").use((socket, next) => setTimeout(next, 200));
    io.of("/deny").use((socket, next) => next(Object.assign(new Error("denied"), { data: { code: 42 } })));
    for (const namespace of ["/", "/custom", "/slow", /^\/dyn-\d+$/]) io.of(namespace).on("connection", add);
  },

  "features-app": () => require("./features.cjs")(sio, words),
};

apps[name]();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
