// SPDX-License-Identifier: MIT
// The texts of the demo page: the same keys in both languages, each used, none missing.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { before, describe, test } from "node:test";

import { root } from "../interop/demo.js";
import english from "../../demo/public/text_en.js";
import russian from "../../demo/public/text_ru.js";

const FORMS = { en: ["one", "other"], ru: ["few", "one", "other"] };

let page = "";
let server = "";

async function readAll(folder, pattern) {
  const names = (await readdir(folder)).filter((name) => pattern.test(name) && !name.startsWith("text_"));

  return (await Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8")))).join("\n");
}

before(async () => {
  page = await readAll(path.join(root, "demo/public"), /\.(js|html)$/);
  server = await readAll(path.join(root, "demo"), /\.c$/);
});

function valuesOf(entry) {
  const forms = typeof entry === "string" ? [entry] : Object.values(entry);

  return new Set(forms.flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map((found) => found[1])));
}

const codes = Object.keys(english)
  .filter((key) => key.startsWith("code_"))
  .map((key) => key.slice("code_".length));

describe("texts", () => {
  test("both languages have the same keys, in the same order", () => {
    assert.deepEqual(Object.keys(russian), Object.keys(english));
  });

  test("and the same values in them", () => {
    for (const key of Object.keys(english)) assert.deepEqual(valuesOf(russian[key]), valuesOf(english[key]), key);
  });

  test("lists of forms are whole", () => {
    for (const [language, table] of [
      ["en", english],
      ["ru", russian],
    ])
      for (const [key, entry] of Object.entries(table))
        if (typeof entry !== "string") assert.deepEqual(Object.keys(entry).sort(), FORMS[language], key);
  });

  test("each key is used", () => {
    const unused = Object.keys(english).filter((key) => !key.startsWith("code_") && !page.includes(`"${key}"`));

    assert.deepEqual(unused, []);
  });

  test("each key that the page asks for is there", () => {
    const asked = [
      ...page.matchAll(/data-(?:text|label|hint|title|empty)="(\w+)"/g),
      ...page.matchAll(/\b(?:say|remark)\("(\w+)"/g),
      ...page.matchAll(/\.tell\("\w+", "[^"]*", "(\w+)"/g),
      ...page.matchAll(/\bput\([\w.]+(?:\("[^"]*"\))?, "(\w+)"/g),
      ...page.matchAll(/\b(?:text|label|hint|title|empty): "(\w+)"/g),
    ].map((found) => found[1]);

    assert.ok(asked.length > 40, `${asked.length} found`);
    assert.deepEqual(
      asked.filter((key) => !(key in english)),
      [],
    );
  });

  test("the server's codes are those that the page knows", () => {
    const unused = codes.filter((code) => !server.includes(`"${code}"`) && !server.includes(`\\"${code}\\"`));
    const said = [
      ...server.matchAll(/"code",\s*"(\w+)"/g),
      ...server.matchAll(/\brefuse\(\w+, "(\w+)"/g),
      ...server.matchAll(/\bcode = "(\w+)"/g),
      ...server.matchAll(/\\"code\\":\\"(\w+)\\"/g),
    ];

    assert.deepEqual(unused, []);
    assert.ok(said.length > 15, `${said.length} found`);
    assert.deepEqual(
      said.map((found) => found[1]).filter((code) => !codes.includes(code)),
      [],
    );
  });
});
