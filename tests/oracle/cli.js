// SPDX-License-Identifier: MIT
// Runs cases through the C codecs: the program codec_cli, that YODEL_CODEC_CLI names.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const hex = (word) => Buffer.from(word).toString("hex") || "-";

// cases: arrays of a kind and its words (strings or bytes).  Returns what each is answered.
export function ask(cases) {
  const input = cases.map(([kind, ...words]) => `${kind} ${words.map(hex).join(" ")}\n`).join("");
  const program = process.env.YODEL_CODEC_CLI;

  assert.ok(program, "YODEL_CODEC_CLI names no program");
  const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 1 << 30 });
  assert.equal(status, 0, String(stderr));
  const answers = String(stdout).trimEnd().split("\n");
  assert.equal(answers.length, cases.length);
  return answers.map((line) => JSON.parse(line));
}

export const bytes = (word) => Buffer.from(word, "hex");
export const text = (word) => bytes(word).toString();

// A string as UTF-8 can carry it: lone surrogates become U+FFFD.
export const well = (string) => Buffer.from(string).toString();
