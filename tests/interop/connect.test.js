// SPDX-License-Identifier: MIT
// yodel connect and yodel load with the server of npm's socket.io, by each transport.  YODEL_PROGRAM names the binary.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { afterEach, test } from "node:test";

import { Server } from "socket.io";
import { WebSocketServer } from "ws";

const binary = process.env.YODEL_PROGRAM ?? "build/dev/yodel";
const TRANSPORTS = ["websocket", "polling", "upgrade"];
const LIMIT_MS = 30_000;

/** What a test has opened ends with it, also when it fails. */
const opened = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

/** A server that echoes; requests are those that it has seen. */
const serve = async (options = {}) => {
  const http = createServer((_, response) => response.writeHead(404).end());
  const io = new Server(http, options);
  const requests = [];
  // A client that has gone between two polls holds the end of the server up for so long.
  io.engine.on("connection", (socket) => (socket.transport.closeTimeout = 100));
  http.prependListener("request", (request) => requests.push(request));
  http.prependListener("upgrade", (request) => requests.push(request));
  for (const space of [io, io.of("/other")])
    space.on("connection", (socket) => {
      socket.emit("hello", socket.handshake.auth, Buffer.from([0, 1, 255]));
      socket.on("echo", (...args) => {
        const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
        socket.emit("echo", ...args);
        ack?.("ok", socket.conn.transport.name, ...args);
      });
      socket.on("ask", () => socket.emit("question", (answer) => socket.emit("answer", answer)));
      socket.on("echo-ask", (text) => socket.emit("echo", text, () => {}));
      socket.on("kick", () => socket.disconnect(true));
      socket.on("large", (size) => socket.emit("large", "x".repeat(size)));
    });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  opened.push(() => io.close());
  return { io, requests, url: `http://127.0.0.1:${http.address().port}` };
};

/** Runs it, and gives the lines that it has shown. */
const run = async (words, { input = "", status = 0 } = {}) => {
  const child = spawn(binary, words, { stdio: ["pipe", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  let out = "";
  let said = "";
  child.stdout.setEncoding("utf8"); // characters may be cut
  child.stdout.on("data", (text) => (out += text));
  child.stderr.on("data", (text) => (said += text));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const ended = await new Promise((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  assert.equal(ended, status, `${words}: ${out} ${said}`);
  return out
    .split("\n")
    .filter((line) => line)
    .map((line) => JSON.parse(line));
};

const connect = (url, transport, words = [], options = {}) => run(["connect", url, "--transport", transport, ...words], options);

for (const transport of TRANSPORTS) {
  const name = transport === "polling" ? "polling" : "websocket";

  test(`${transport}: events, attachments and acks in both directions`, async () => {
    const { url } = await serve();
    const blob = JSON.stringify({ event: "echo", args: [{ _placeholder: true, num: 0 }, "ä"], attachments: ["AAECAw=="] });
    const shown = await connect(url, transport, ["--ack", "--auth", '{"token":"t"}'], { input: `echo 1 "two"\n${blob}\n` });
    const hello = { event: "hello", args: [{ token: "t" }, { _placeholder: true, num: 0 }], attachments: ["AAH/"] };
    assert.deepEqual(shown.filter((line) => line.event === "hello"), [hello]);
    assert.deepEqual(
      shown.filter((line) => line.event === "echo").map((line) => line.args),
      [[1, "two"], [{ _placeholder: true, num: 0 }, "ä"]],
    );
    assert.deepEqual(
      shown.filter((line) => line.ack).map((line) => line.args.slice(0, 2)),
      [["ok", name], ["ok", name]],
    );
    assert.deepEqual(shown.filter((line) => line.ack).map((line) => line.attachments), [undefined, ["AAECAw=="]]);
    const asked = await connect(url, transport, ["--emit", "ask", "--expect", "answer", "--ack-with", '["yes"]']);
    assert.deepEqual(asked.at(-1), { event: "answer", args: ["yes"] });
  });

  test(`${transport}: namespaces, large messages, a server that ends it`, async () => {
    const { url } = await serve({ maxHttpBufferSize: 100_000 });
    const large = await connect(url, transport, ["-n", "/other", "--emit", "large 3000000", "--expect", "large", "--listen", "large"]);
    assert.equal(large.at(-1).args[0].length, 3_000_000);
    const many = Array.from({ length: 3000 }, (_, number) => `echo ${number} "${"y".repeat(number % 300)}"\n`).join("");
    const shown = await connect(url, transport, ["--ack"], { input: many });
    assert.deepEqual(shown.filter((line) => line.ack).map((line) => line.args[2]), Array.from({ length: 3000 }, (_, number) => number));
    const kicked = await connect(url, transport, ["--emit", "kick", "--exit-after", "20s", "--no-input"], { status: 1 });
    assert.match(kicked.at(-1).ended, /io server disconnect/);
    const refused = await connect(url, transport, ["-n", "/none"], { status: 77 });
    assert.match(refused.at(-1).ended, /Invalid namespace/);
  });

  test(`${transport}: it lives through heartbeats, and leaves in good manners`, async () => {
    const { io, url } = await serve({ pingInterval: 100, pingTimeout: 10_000 });
    const reasons = [];
    let pongs = 0;
    io.on("connection", (socket) => {
      socket.conn.on("heartbeat", () => ++pongs === 3 && socket.emit("enough"));
      socket.on("disconnect", (reason) => reasons.push(reason));
    });
    await connect(url, transport, ["--expect", "enough", "--no-input"]);
    assert.ok(pongs >= 3, `${pongs}`);
    assert.deepEqual(reasons, ["client namespace disconnect"]);
  });

  test(`${transport}: it says goodbye though a message is on its way`, async () => {
    const { io, url } = await serve();
    const reasons = [];
    io.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason)));
    for (let number = 0; number < 5; number++) await connect(url, transport, ["--emit", `none ${number}`]);
    assert.deepEqual(reasons, Array(5).fill("client namespace disconnect"));
  });

  test(`${transport}: many clients`, async () => {
    const { url } = await serve();
    const words = ["--clients", "40", "--rate", "200/s", "--duration", "1s", "--message", 'echo "%m"', "--await", "ack,echo"];
    const [seen] = await run(["load", url, "--transport", transport, ...words, "--timeout", "20s", "--max-errors", "0", "-o", "json"]);
    assert.deepEqual([seen.connected, seen.sent, seen.acked, seen.echoed, seen.errors], [40, 200, 200, 200, 0]);
  });
}

test("an upgrade is as that of a browser: cookies stick, and packets go by polling until it is done", async () => {
  const { requests, url } = await serve({ cookie: true });
  const shown = await connect(url, "upgrade", ["--emit", "echo 1", "--expect", "echo", "--header", "X-Mark: m"]);
  assert.deepEqual(shown.filter((line) => line.upgraded), [{ upgraded: "websocket" }]);
  const sid = new URL(requests.at(-1).url, url).searchParams.get("sid");
  assert.equal(requests[0].headers.cookie, undefined);
  for (const request of requests.slice(1)) assert.equal(request.headers.cookie, `io=${sid}`);
  for (const request of requests) assert.equal(request.headers["x-mark"], "m");
  assert.ok(requests.some((request) => request.method === "POST"));
  assert.equal(requests.filter((request) => request.headers.upgrade).length, 1);
});

test("an upgrade that the server does not offer is told", async () => {
  const { url } = await serve({ allowUpgrades: false });
  const shown = await connect(url, "upgrade", [], { status: 77 });
  assert.match(shown.at(-1).ended, /the upgrade/);
  const { url: without } = await serve({ transports: ["websocket"] });
  const refused = await connect(without, "polling", [], { status: 1 });
  assert.match(refused.at(-1).ended, /Transport unknown/);
});

const TERMS = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  { clientMaxWindowBits: 9, serverMaxWindowBits: 9 },
  { clientMaxWindowBits: 8 },
];

for (const terms of TERMS)
  test(`messages are deflated by ${JSON.stringify(terms)}`, async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: { threshold: 0, ...terms } });
    opened.push(() => server.close());
    server.on("connection", (ws) => ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary })));
    await new Promise((resolve) => server.on("listening", resolve));
    const texts = ["x", "hello", "ä".repeat(50_000), "hello", Array.from({ length: 5000 }, (_, i) => i * i).join(), "last"];
    const url = `ws://127.0.0.1:${server.address().port}`;
    const shown = await run(["connect", url, "--deflate", "--exit-after", `${texts.length}`], { input: texts.join("\n") + "\n" });
    assert.deepEqual(shown, [{ connected: true, deflate: true }, ...texts.map((text) => ({ text }))]);
    const [seen] = await run(["load", url, "--deflate", "--clients", "20", "--rate", "200/s", "--duration", "500ms", "-o", "json"]);
    assert.deepEqual([seen.deflated, seen.sent, seen.echoed, seen.errors], [20, 100, 100, 0]);
  });

test("Socket.IO is deflated, from the start and after an upgrade", async () => {
  const { url } = await serve({ perMessageDeflate: { threshold: 0 } });
  for (const transport of ["websocket", "upgrade"]) {
    const shown = await connect(url, transport, ["--deflate", "--ack"], { input: `echo "${"y".repeat(5000)}"\n` });
    assert.deepEqual(shown.filter((line) => "deflate" in line).map((line) => line.deflate), [true]);
    assert.equal(shown.find((line) => line.ack).args[2].length, 5000);
  }
  // A message that is answered while it is looked at.
  const words = ["--message", 'echo-ask "%m"', "--size", "200000", "--clients", "2", "--rate", "8/s", "--duration", "1s", "--await", "echo"];
  const [seen] = await run(["load", url, "--deflate", ...words, "--max-errors", "0", "-o", "json"]);
  assert.deepEqual([seen.deflated, seen.sent, seen.echoed], [2, 8, 8]);
  const { url: plain } = await serve();
  assert.equal((await connect(plain, "websocket", ["--deflate"]))[0].deflate, false);
});
