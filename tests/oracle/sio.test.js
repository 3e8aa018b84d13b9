// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { Encoder, PacketType } from "socket.io-parser";

import { ask, bytes, text, well } from "./cli.js";
import { decodeMsgpack, decodeText, same, samePacket, wellFormed } from "./packets.js";
import { Random } from "./random.js";

const ATTACHMENTS = Array.from({ length: 64 }, (_, i) => Buffer.alloc(i));

function packet(random) {
  const type = random.of([PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT, PacketType.EVENT,
    PacketType.EVENT, PacketType.ACK]);
  const nsp = random.of(["/", "/", "/chat", "/a/b?c=d", "/é"]);
  const leaf = random.chance(40) ? () => Buffer.from("x") : undefined;
  const args = Array.from({ length: random.below(4) }, () => random.value(3, leaf));

  switch (type) {
    case PacketType.CONNECT:
      return random.chance(50) ? { type, nsp } : { type, nsp, data: { token: random.string() } };
    case PacketType.DISCONNECT:
      return { type, nsp };
    case PacketType.EVENT:
      args.unshift(random.chance(10) ? random.below(100) : random.string());
      return random.chance(50) ? { type, nsp, data: args } : { type, nsp, data: args, id: random.below(5000) };
    default:
      return { type, nsp, data: args, id: random.below(5000) };
  }
}

// The reference's verdict.
function reference(string) {
  try {
    return { packet: decodeText(string) };
  } catch (error) {
    return { error };
  }
}

// Ours takes a blank ahead of the JSON as a blank; the reference takes it as the id 0.
const hasBlankId = (string) => /^(?:\d|[56]\d+-)(?:\/[^,]*,)?\d*\s/.test(string);

// Why we refuse what the reference takes; each is a rule of ours.
function isStricter(string, packet, error) {
  switch (error) {
    case "unknown type of packet": // there nothing, and a blank, count as 0
      return string === "" || /^\s/.test(string);
    case "CONNECT_ERROR from a client":
      return packet.type === PacketType.CONNECT_ERROR;
    case "bad number of attachments": // 1e0, 0x1, a blank
      return !/^[56]\d+-/.test(string);
    case "acknowledgement id too great":
      return !Number.isSafeInteger(packet.id);
    case "bad placeholder": // numbers with a fraction or exponent; one placeholder inside another
      return /"num"\s*:\s*-?\d+[.eE]/.test(string) || string.split("_placeholder").length > 2;
    default: // blanks count as digits of the id there
      return hasBlankId(string);
  }
}

test("texts are read as socket.io-parser does", () => {
  const random = new Random(6);
  const list = [];
  let good = 0;
  let stricter = 0;

  for (let i = 0; i < 12000; i++) {
    const [string] = new Encoder().encode(packet(random));

    list.push(well(random.chance(30) ? string : random.mutateText(string)));
  }
  for (const [i, answer] of ask(list.map((string) => ["s", string])).entries()) {
    const string = list[i];
    const { packet, error } = reference(string);

    if (answer.error) {
      if (!error) assert.ok(isStricter(string, packet, answer.error), `${answer.error}: ${string}`);
      stricter += !error;
    } else if (!hasBlankId(string)) {
      assert.equal(error, undefined, string);
      samePacket(answer, packet, ATTACHMENTS, string);
      good++;
    }
  }
  assert.ok(good > 4000 && good < 11000, `${good} of them are good`);
  assert.ok(stricter < 1200, `${stricter} of them are good for the reference only`);
});

test("what is encoded is read by both parsers", () => {
  const random = new Random(7);
  const list = [];

  for (let i = 0; i < 4000; i++) list.push(well(new Encoder().encode(packet(random))[0]));
  for (const [i, answer] of ask(list.map((string) => ["s", string])).entries()) {
    const { packet } = reference(list[i]);

    if (answer.error) {
      assert.ok(!packet || isStricter(list[i], packet, answer.error), `${answer.error}: ${list[i]}`);
      continue;
    }
    const again = decodeText(text(answer.text));
    const message = decodeMsgpack(bytes(answer.msgpack));

    for (const other of [again, message]) {
      assert.equal(other.type, packet.type, list[i]);
      assert.equal(other.nsp, packet.nsp, list[i]);
      assert.equal(other.id, packet.id, list[i]);
      same(other.data, packet.data, list[i]);
    }
    if (answer.name !== undefined) assert.equal(text(answer.name), wellFormed(packet.data[0]));
  }
});

test("answers to CONNECT are read by both parsers", () => {
  const random = new Random(8);
  const cases = [];
  const expected = [];

  for (let i = 0; i < 300; i++) {
    const nsp = random.of(["/", "/chat"]);
    const message = well(random.string());
    const value = random.chance(50) ? undefined : random.value(3);
    const pid = random.chance(50) ? "p" : "";

    cases.push(["c", nsp, "s", pid]);
    expected.push({ type: PacketType.CONNECT, nsp, data: pid ? { sid: "s", pid } : { sid: "s" } });
    cases.push(["x", nsp, message, value === undefined ? "" : JSON.stringify(value)]);
    expected.push({
      type: PacketType.CONNECT_ERROR,
      nsp,
      data: value === undefined ? { message } : { message, data: value },
    });
  }
  for (const [i, answer] of ask(cases).entries()) {
    same(decodeText(text(answer.text)), expected[i]);
    same(decodeMsgpack(bytes(answer.msgpack)), expected[i]);
  }
});
