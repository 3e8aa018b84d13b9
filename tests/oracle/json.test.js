// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, bytes, well } from "./cli.js";
import { decodeMsgpack, same } from "./packets.js";
import { Random } from "./random.js";

const DEPTH = 128;

function parse(text) {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}

function texts(seed, num) {
  const random = new Random(seed);
  const list = [];

  for (let i = 0; i < num; i++) {
    const text = well(random.json(random.value(4)));

    list.push(random.chance(30) ? text : well(random.mutateText(text)));
  }
  return list;
}

test("the same text is JSON as for JSON.parse", () => {
  const list = texts(3, 8000);
  let good = 0;

  for (const [i, { ok }] of ask(list.map((text) => ["j", text])).entries()) {
    assert.equal(ok, parse(list[i]).ok, JSON.stringify(list[i]));
    good += ok;
  }
  assert.ok(good > 2500 && good < 7500, `${good} of them are good`);
});

test("every byte in a few places", () => {
  const list = [];

  for (let c = 0; c < 128; c++) {
    const char = String.fromCharCode(c);

    for (const around of ["?", '"?"', "[?]", "[1?2]", '{"a"?1}', '{"a":1?}', '"\\?"', '"\\u00?0"', "1?", "1?2",
      '?"a"', "-?", "tru?", `"${"x".repeat(20)}?${"x".repeat(20)}"`])
      list.push(around.replace("?", () => char));
  }
  for (const [i, { ok }] of ask(list.map((text) => ["j", text])).entries())
    assert.equal(ok, parse(list[i]).ok, JSON.stringify(list[i]));
});

test("only the depth is limited", () => {
  for (const [depth, good] of [[DEPTH, true], [DEPTH + 1, false]]) {
    const lists = "[".repeat(depth) + "]".repeat(depth);
    const objects = '{"a":'.repeat(depth) + "1" + "}".repeat(depth);

    assert.deepEqual(ask([["j", lists], ["j", objects]]), [{ ok: good }, { ok: good }]);
  }
});

// Through MessagePack every number and string is decoded and encoded again.
test("values are those of JSON.parse", () => {
  const list = texts(4, 5000).filter((text) => parse(text).ok && !text.includes("__proto__"));

  assert.ok(list.length > 1500);
  for (const [i, answer] of ask(list.map((text) => ["s", `2["m",${text}]`])).entries()) {
    assert.equal(answer.error, undefined, list[i]);
    same(decodeMsgpack(bytes(answer.msgpack)).data[1], JSON.parse(list[i]), list[i]);
  }
});

test("numbers in any form", () => {
  const random = new Random(5);
  const digits = (limit) => Array.from({ length: 1 + random.below(limit) }, () => random.below(10)).join("");
  const list = [];

  for (let i = 0; i < 4000; i++) {
    let text = random.of(["", "-"]) + String(BigInt(digits(random.of([3, 18, 40, 800]))));

    if (random.chance(50)) text += "." + digits(random.of([3, 20, 800]));
    if (random.chance(50)) text += random.of(["e", "E", "e+", "e-"]) + digits(3);
    list.push(text);
  }
  for (const [i, answer] of ask(list.map((text) => ["s", `2["m",${text}]`])).entries())
    same(decodeMsgpack(bytes(answer.msgpack)).data[1], JSON.parse(list[i]), list[i]);
});
