// SPDX-License-Identifier: MIT
// The page of examples/backends with PHP behind it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { withBackend } from "../interop/backends.js";
import { launchChromium } from "./chromium.js";

let browser;
before(async () => (browser = await launchChromium()));
after(() => browser?.close());

async function visit(url, name, password) {
  const page = await (await browser.newContext()).newPage();
  page.on("pageerror", (error) => assert.fail(error));
  await page.goto(url);
  await page.fill("#name", name);
  await page.fill("#password", password);
  await page.click("#login button");
  return page;
}

const say = async (page, text) => {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
};

test("a chat in two browsers", () =>
  withBackend("php", async (url) => {
    const ann = await visit(url, "ann", "oak");
    await ann.getByText("wrong name or password").waitFor();
    await ann.fill("#password", "rose");
    await ann.click("#login button");
    await ann.locator("#people", { hasText: /^ann$/ }).waitFor();
    await say(ann, "anybody <b>here</b>?");
    await ann.locator("#said li", { hasText: "ann: anybody <b>here</b>?" }).waitFor();

    const boris = await visit(url, "boris", "oak");
    await boris.locator("#said li", { hasText: "ann: anybody" }).waitFor();
    await ann.locator("#people", { hasText: /^ann, boris$/ }).waitFor();
    await say(boris, "Да 👋");
    await ann.locator("#said li", { hasText: "boris: Да 👋" }).waitFor();
    assert.equal(await ann.locator("#said li").count(), 2);

    await boris.evaluate(() => socket.io.engine.close());
    await say(ann, "are you back?");
    await boris.locator("#said li", { hasText: "ann: are you back?" }).waitFor();
    assert.equal(await boris.locator("#said li").count(), 3);

    await boris.click("button[value=garden]");
    await ann.locator("#people", { hasText: /^ann$/ }).waitFor();
    await boris.locator("#people", { hasText: /^boris$/ }).waitFor();
    assert.equal(await boris.locator("#said li").count(), 0);
    await boris.click("#logout");
    await boris.waitForSelector("#login:not([hidden])");
  }));
