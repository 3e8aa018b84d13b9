// SPDX-License-Identifier: MIT
// C with its comments, strings and words told apart.

import { make } from "./dom.js";

const WORDS =
  "break case char const continue default do double else enum extern for goto if int long return short signed " +
  "sizeof static struct switch typedef union unsigned void volatile while NULL size_t uint8_t uint32_t uint64_t json_t";
const PARTS = [
  ["comment", /\/\*[\s\S]*?\*\//],
  ["string", /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/],
  ["directive", /^#.*$/],
  ["api", /\b(?:yodel|YODEL)_\w+/],
  ["word", new RegExp(`\\b(?:${WORDS.replaceAll(" ", "|")})\\b`)],
];
const PATTERN = new RegExp(PARTS.map(([, pattern]) => `(${pattern.source})`).join("|"), "gm");

/** The nodes of a piece of C. */
export function highlighted(text) {
  const nodes = [];
  let at = 0;

  for (const found of text.matchAll(PATTERN)) {
    const part = found.slice(1).findIndex((group) => group !== undefined);

    nodes.push(text.slice(at, found.index), make("span", { className: `c-${PARTS[part][0]}` }, found[0]));
    at = found.index + found[0].length;
  }
  nodes.push(text.slice(at));
  return nodes;
}
