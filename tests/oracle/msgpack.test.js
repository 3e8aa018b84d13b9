// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, bytes } from "./cli.js";
import { decodeMsgpack, encodeMsgpack, same, samePacket } from "./packets.js";
import { Random } from "./random.js";

const LEAVES = [
  () => undefined,
  () => NaN,
  () => -Infinity,
  (random) => random.bytes(10),
  (random) => new Uint8Array(random.bytes(10)).buffer,
  (random) => new Date((random.below(0x100000000) - 0x80000000) * 2 ** random.below(20)),
];

function packet(random) {
  const type = random.of([0, 1, 2, 2, 2, 3]);
  const nsp = random.of(["/", "/chat", "/é"]);
  let bytesLeft = 10;
  const leaf = (random) => {
    const value = random.of(LEAVES)(random);

    if (value instanceof ArrayBuffer || Buffer.isBuffer(value)) return bytesLeft-- > 0 ? value : null;
    return value;
  };
  const args = Array.from({ length: random.below(4) }, () => random.value(3, leaf));
  const extra = random.chance(30) ? { options: { compress: true } } : {};
  const id = random.chance(50) ? { id: random.of([0, 1, 127, 128, 70000, 2 ** 32, 2 ** 53 - 1]) } : {};

  if (type === 0) return { type, data: random.of([undefined, {}, { token: random.value(2) }]), ...extra, nsp };
  if (type === 1) return { type, nsp };
  if (type === 2) args.unshift(random.string());
  return { ...id, type, data: args, ...extra, nsp };
}

const blobs = (answer) => answer.blobs.map(bytes);

test("messages of socket.io-msgpack-parser are read", () => {
  const random = new Random(9);
  const list = Array.from({ length: 5000 }, () => encodeMsgpack(packet(random)));

  for (const [i, answer] of ask(list.map((message) => ["m", message])).entries()) {
    const what = list[i].toString("hex");

    assert.equal(answer.error, undefined, what);
    samePacket(answer, decodeMsgpack(list[i]), blobs(answer), what);
    same(decodeMsgpack(bytes(answer.msgpack)).data, decodeMsgpack(list[i]).data, what);
  }
});

// What we take as another thing, or alone: the specification's timestamps, members called __proto__,
// nil for an id that is not there, events without data.
const isSpecial = (message, answer) =>
  /d[67]ff|c70cff|5f5f70726f746f5f5f|a26964c0/.test(message.toString("hex")) || answer.data === undefined;

// JavaScript makes text of bytes that are not UTF-8, arrays of types that it does not know, and names
// of whatever comes; it takes any event, id and number of attachments.  So only what we take is
// compared.
test("mutated messages are refused, or read as the same", () => {
  const random = new Random(10);
  const list = Array.from({ length: 20000 }, () => random.mutateBytes(encodeMsgpack(packet(random))));
  let good = 0;

  for (const [i, answer] of ask(list.map((message) => ["m", message])).entries()) {
    if (answer.error || isSpecial(list[i], answer)) continue;
    samePacket(answer, decodeMsgpack(list[i]), blobs(answer), list[i].toString("hex"));
    good++;
  }
  assert.ok(good > 1500 && good < 19000, `${good} of them are good`);
});
