// SPDX-License-Identifier: MIT
// The reference codecs, and how their values are compared with ours.
import assert from "node:assert/strict";

import msgpack from "socket.io-msgpack-parser";
import { Decoder } from "socket.io-parser";

import { text } from "./cli.js";

export function decodeMsgpack(message) {
  const decoder = new msgpack.Decoder();
  let packet;

  decoder.on("decoded", (decoded) => (packet = decoded));
  decoder.add(message);
  return packet;
}

export const encodeMsgpack = (packet) => new msgpack.Encoder().encode(packet)[0];

// The packet of a text and as many attachments as it wants, the i-th having i bytes.  Throws.
export function decodeText(string) {
  const decoder = new Decoder();
  let packet;

  decoder.on("decoded", (decoded) => (packet = decoded));
  decoder.add(string);
  for (let i = 0; !packet; i++) decoder.add(Buffer.alloc(i));
  return packet;
}

// Lone surrogates cannot be said in UTF-8.  (String.prototype.toWellFormed is newer than node 18.)
export const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");

// As JSON and UTF-8 can say it: what is absent is null, bytes and dates are strings, there is no -0.
export function plain(value) {
  if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) return null;
  if (typeof value === "string") return wellFormed(value);
  if (value === null || typeof value !== "object") return value === 0 ? 0 : value;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value))
    return `bytes ${Buffer.from(value).toString("hex")}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [wellFormed(key), plain(member)]));
}

export const same = (actual, expected, what) => assert.deepEqual(plain(actual), plain(expected), what);

// The data of an answer, with its attachments where the placeholders were found to be.
export function dataOf({ data, placeholders }, attachments) {
  if (data === undefined) return undefined;
  const json = Buffer.from(data, "hex");
  const parts = [];
  let at = 0;

  for (const [begin, length, num] of placeholders) {
    const bytes = attachments[num];

    parts.push(json.subarray(at, begin), Buffer.from(`"bytes ${bytes.toString("hex")}"`));
    at = begin + length;
  }
  return JSON.parse(Buffer.concat([...parts, json.subarray(at)]).toString());
}

// That an answer is that packet.
export function samePacket(answer, packet, attachments, what) {
  assert.equal(answer.type > 4 ? answer.type - 3 : answer.type, packet.type, what);
  assert.equal(text(answer.nsp), packet.nsp, what);
  assert.equal(answer.id, packet.id, what);
  same(dataOf(answer, attachments), packet.data, what);
}
