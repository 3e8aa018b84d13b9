// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { decodePayload, encodePayload } from "engine.io-parser";

import { ask, bytes, well } from "./cli.js";
import { Random } from "./random.js";

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const STRICT = /^b(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function packet(random) {
  if (random.chance(30)) return { type: "message", data: random.bytes(20) };
  const type = random.of(TYPES);

  if (random.chance(30)) return { type };
  return { type, data: well(random.string()).replaceAll("\u001e", "") };
}

const encode = (packets) => new Promise((resolve) => encodePayload(packets, resolve));

// What the reference reads, up to its first error or to base64 that only it takes.
function expected(body) {
  const parts = body.split("\u001e");
  const packets = [];

  for (const [i, { type, data }] of decodePayload(body).entries()) {
    const lax = parts[i][0] === "b" && (!STRICT.test(parts[i]) || "b" + data.toString("base64") !== parts[i]);

    if (type === "error" || lax) return { packets, ok: false };
    packets.push({
      type: TYPES.indexOf(type),
      binary: Buffer.isBuffer(data),
      data: Buffer.from(data ?? "").toString("hex"),
    });
  }
  return { packets, ok: true };
}

test("payloads are read as engine.io-parser does", async () => {
  const random = new Random(1);
  const bodies = ["", "\u001e", "4", "b", "b=", "4a\u001e", "bAB==", "bAA\n=="];
  let good = 0;

  for (let i = 0; i < 4000; i++) {
    const body = await encode(Array.from({ length: 1 + random.below(5) }, () => packet(random)));

    bodies.push(random.chance(30) ? body : well(random.mutateText(body)));
  }
  for (const [i, answer] of ask(bodies.map((body) => ["e", body])).entries()) {
    assert.deepEqual(answer, expected(bodies[i]), JSON.stringify(bodies[i]));
    good += answer.ok;
  }
  assert.ok(good > 1000 && good < 3900, `${good} of them are good`);
});

test("bytes of every length are base64", async () => {
  const random = new Random(2);
  const all = Array.from({ length: 200 }, () => random.bytes(300));
  const body = await encode(all.map((data) => ({ type: "message", data })));
  const [{ packets, ok }] = ask([["e", body]]);

  assert.ok(ok);
  assert.deepEqual(packets.map(({ data }) => bytes(data)), all);
});
