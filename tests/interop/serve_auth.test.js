// SPDX-License-Identifier: MIT
// yodel serve and the clients of npm: what a client of socket.io does by itself when it is refused, when its token ends, and
// when the server cannot say.  YODEL_PROGRAM names the binary.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { webcrypto } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { afterEach, test } from "node:test";

import { io as io454 } from "socket.io-client-4.5.4";
import { io as io484 } from "socket.io-client-4.8.4";

globalThis.crypto ??= webcrypto; // node 18 has it by name alone, and jose takes it from there
const { exportJWK, generateKeyPair, SignJWT } = await import("jose");
const binary = process.env.YODEL_PROGRAM ?? "build/dev/yodel";
// An unknown name that begins with YODEL_ is an error of the configuration.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("YODEL_")));
const SECRET = "0123456789abcdef0123456789abcdef";
const LIMIT_MS = 30_000;

/** What a test has opened ends with it, also when it fails. */
const opened = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

const client = (io, url, options) => {
  const socket = io(url, { forceNew: true, ...options });
  opened.push(() => socket.disconnect());
  return socket;
};

class Server {
  static async start(auth, namespaces = "{name: /, auth: required}", more = "") {
    const server = new Server();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "yodel-serve-"));
    const file = path.join(server.folder, "yodel.yaml");
    fs.writeFileSync(
      file,
      `listen: [{name: public, address: "127.0.0.1:0"}]\nnamespaces: [${namespaces}]\nshutdown: {spread: 0s}\n` +
        `auth: {methods: [jwt], jwt: {${auth}}}\n${more}`,
    );
    server.process = spawn(binary, ["serve", "-c", file], { env, stdio: ["ignore", "pipe", "ignore"] });
    opened.push(() => server.process.kill("SIGKILL"));
    let text = "";
    for await (const chunk of server.process.stdout.iterator({ destroyOnReturn: false })) {
      text += chunk;
      const found = / (\d+)\n/.exec(text);
      if (found) {
        server.url = `http://127.0.0.1:${found[1]}`;
        return server;
      }
    }
    throw new Error(`yodel did not start: ${text}`);
  }

  async stop() {
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    fs.rmSync(this.folder, { recursive: true });
  }
}

const sign = (seconds, claims = {}, secret = SECRET) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("ann")
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(new TextEncoder().encode(secret));

const happens = (socket, name) => once(socket, name, { signal: AbortSignal.timeout(LIMIT_MS) });

for (const [version, io, options] of [
  ["4.5.4", io454, {}],
  ["4.8.4", io484, {}],
  ["4.8.4, on polling", io484, { transports: ["polling"] }],
]) {
  const quick = { reconnectionDelay: 20, reconnectionDelayMax: 100, ...options };

  test(`a refusal is final, and says why (${version})`, async () => {
    const server = await Server.start(`keys: [{secret: "${SECRET}"}]`);
    const socket = client(io, server.url, { ...quick, auth: { token: await sign(60, {}, "y".repeat(32)) } });
    const [error] = await happens(socket, "connect_error");

    assert.equal(error.message, "unauthorized");
    assert.deepEqual(error.data, { code: "signature_wrong" });
    assert.equal(socket.active, false);
    socket.disconnect();
    await server.stop();
  });

  test(`a client comes back with a fresh token when its own has ended (${version})`, async () => {
    const server = await Server.start(`leeway: 0s, keys: [{secret: "${SECRET}"}]`);
    let seconds = 0;
    let fresh = 0;
    let wasIn = false;
    const auth = (give) => sign(wasIn ? (fresh++, 60) : ++seconds, { yodel: { join: ["r"] } }).then((token) => give({ token }));
    const socket = client(io, server.url, { ...quick, auth });

    socket.once("connect", () => (wasIn = true));
    // On a busy machine a token may end before it is seen: the next one lasts longer.
    socket.on("connect_error", () => wasIn || setTimeout(() => socket.connect(), 20));
    await happens(socket, "connect");
    const [reason] = await happens(socket, "disconnect");
    assert.notEqual(reason, "io server disconnect");
    await happens(socket, "connect");
    assert.equal(fresh, 1);
    socket.disconnect();
    await server.stop();
  });

  test(`a client stays when it brings another token in time (${version})`, async () => {
    const server = await Server.start(`leeway: 15s, keys: [{secret: "${SECRET}"}]`);
    const first = await sign(2);
    const socket = client(io, server.url, { ...quick, auth: { token: first } });
    const [told] = await happens(socket, "yodel:expiring");
    const fresh = await sign(600);
    const answer = await new Promise((give) => socket.emit("yodel:refresh", { token: fresh }, give));

    assert.ok(answer.expires_at > told.expires_at + 500, JSON.stringify(answer));
    socket.disconnect();
    await server.stop();
  });

  test(`without keys a client is not refused but tries again (${version})`, async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const set = { keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256", use: "sig" }] };
    let isUp = false;
    const keys = http.createServer((request, response) => {
      response.statusCode = isUp ? 200 : 503;
      response.end(isUp ? JSON.stringify(set) : "");
    });

    opened.push(() => keys.close());
    keys.listen(0, "127.0.0.1");
    await once(keys, "listening");
    const server = await Server.start(
      `algorithms: [ES256], audience: me, jwks_url: "http://127.0.0.1:${keys.address().port}/keys"`,
    );
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setSubject("ann")
      .setAudience("me")
      .setExpirationTime("1h")
      .sign(privateKey);
    const socket = client(io, server.url, { ...quick, auth: { token } });
    let refusals = 0;

    socket.on("connect_error", (error) => (refusals += error.data === undefined ? 0 : 1));
    await new Promise((give) => socket.io.once("reconnect_attempt", give));
    isUp = true;
    await happens(socket, "connect");
    assert.equal(refusals, 0);
    socket.disconnect();
    await server.stop();
    keys.close();
  });
}

test("a client that is recovered has what its token grants", async () => {
  const server = await Server.start(
    `keys: [{secret: "${SECRET}"}]`,
    "{name: /, auth: required, relay: [{event: typing, to: rooms}]}",
    "socketio: {recovery: 20s}\n",
  );
  const yodel = { join: ["chat:1"], can: { emit: ["typing"], join: ["chat:*"] } };
  const [one, two] = await Promise.all(
    [0, 1].map(async () =>
      client(io484, server.url, { reconnectionDelay: 20, auth: { token: await sign(60, { yodel }) } }),
    ),
  );

  await Promise.all([happens(one, "connect"), happens(two, "connect")]);
  assert.deepEqual(await one.timeout(LIMIT_MS).emitWithAck("yodel:join", "chat:2"), { ok: true });
  assert.deepEqual(await two.timeout(LIMIT_MS).emitWithAck("yodel:join", "chat:2"), { ok: true });
  let heard = happens(one, "typing");
  two.emit("typing", 1);
  await heard;
  const before = one.id;
  const back = happens(one, "connect");
  one.io.engine.close();
  await back;
  assert.equal(one.recovered, true);
  assert.equal(one.id, before);
  assert.deepEqual(await two.timeout(LIMIT_MS).emitWithAck("yodel:leave", "chat:1"), { ok: true });
  heard = happens(two, "typing");
  assert.deepEqual(await one.timeout(LIMIT_MS).emitWithAck("typing", 2), { ok: true });
  assert.equal((await heard)[0], 2); // behind it is what the client would come back with
  one.disconnect();
  two.disconnect();
  await server.stop();
});

test("clients join and speak as far as they may", async () => {
  const server = await Server.start(
    `keys: [{secret: "${SECRET}"}]`,
    "{name: /, auth: required, relay: [{event: typing, to: rooms}]}",
  );
  const yodel = { can: { join: ["chat:*"], emit: ["typing"] } };
  const [one, two] = await Promise.all(
    [0, 1].map(async () => client(io484, server.url, { auth: { token: await sign(60, { yodel }) } })),
  );

  await Promise.all([happens(one, "connect"), happens(two, "connect")]);
  assert.deepEqual(await one.timeout(LIMIT_MS).emitWithAck("yodel:join", "chat:1"), { ok: true });
  assert.deepEqual(await two.timeout(LIMIT_MS).emitWithAck("yodel:join", "chat:1"), { ok: true });
  assert.deepEqual(await two.timeout(LIMIT_MS).emitWithAck("yodel:join", "other"), { error: { code: "forbidden" } });
  const heard = happens(two, "typing");
  one.emit("typing", { by: "ann" }, Buffer.from([1, 2]));
  assert.deepEqual(await heard, [{ by: "ann" }, Buffer.from([1, 2])]);
  one.disconnect();
  two.disconnect();
  await server.stop();
});
