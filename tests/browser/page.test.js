// SPDX-License-Identifier: MIT
// One visitor of the demo page: the echo, a lost connection, looks and languages.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";

import { Demo } from "../interop/demo.js";
import {
  artifacts,
  current,
  fitsItsWindow,
  hears,
  narrow,
  openPage,
  panel,
  presence,
  say,
  visit,
  wide,
} from "./visitor.js";

describe("echo", () => {
  test("answers", async () => {
    const page = await visit();

    await page.fill("#echo-input", "привет");
    await page.press("#echo-input", "Enter");
    await page.locator('#echo-log li[data-direction="out"]', { hasText: "привет" }).waitFor();
    await page.locator('#echo-log li[data-direction="in"]', { hasText: "Echo: привет" }).waitFor();
    await page.click('[data-sample=""]');
    await page.waitForFunction(
      () => document.querySelectorAll('#echo-log [data-direction="in"]').length === 2,
    );
    const last = await page.locator("#echo-log li").last().locator(".payload").textContent();
    assert.equal(last, "Echo: ");
  });

  test("shows markup as text", async () => {
    const page = await visit();

    await page.fill("#echo-input", "<img src=x onerror=alert(1)>");
    await page.press("#echo-input", "Enter");
    await page.locator('#echo-log li[data-direction="in"]', { hasText: "<img src=x" }).waitFor();
    assert.equal(await page.locator("#echo-log img").count(), 0);
  });
});

describe("connection", () => {
  test("comes back after a restart, by itself", async () => {
    const page = await visit({ mayFail: true });
    const { port } = current.demo;

    await presence(page, "lobby", 1);
    await current.demo.stop();
    await page.waitForSelector('#connection[data-state="waiting"]');
    await page.waitForSelector('.panel[data-room="lobby"][data-state="waiting"]');
    assert.equal(await panel(page, "lobby").locator("form button").isDisabled(), true);
    await page.screenshot({ path: path.join(artifacts, "reconnecting.png") });
    current.demo = await Demo.start({ port, words: ["--loops", "2"] });
    await page.waitForSelector('#connection[data-state="open"]', { timeout: 60_000 });
    await presence(page, "lobby", 1);
    await say(page, "lobby", "back again");
    await hears(page, "lobby", "back again", "own");
    await page.click('[data-sample="hello"]');
    await page.locator('#echo-log li[data-direction="in"]', { hasText: "Echo: hello" }).waitFor();
  });

  test("comes back after a crash", async () => {
    const page = await visit({ mayFail: true });
    const { port } = current.demo;

    await current.demo.kill();
    await page.waitForSelector('#connection[data-state="waiting"]');
    current.demo = await Demo.start({ port });
    await page.waitForSelector('#connection[data-state="open"]', { timeout: 60_000 });
    await presence(page, "lobby", 1);
  });
});

describe("page", () => {
  for (const [name, options, scheme] of [
    ["wide-light", wide, "light"],
    ["wide-dark", wide, "dark"],
    ["narrow-light", narrow, "light"],
    ["narrow-dark", narrow, "dark"],
  ])
    test(name, async () => {
      const page = await visit({ rooms: ["lobby", "room123"], options: { ...options, colorScheme: scheme } });
      const other = await visit({ name: "Борис" });

      await presence(page, "lobby", 2);
      await say(page, "lobby", "Good morning! Is anybody here?");
      await hears(other, "lobby", "Good morning!", "other");
      await say(other, "lobby", "Привет, Анна 👋");
      await hears(page, "lobby", "Привет, Анна 👋", "other");
      await say(other, "lobby", "x".repeat(500));
      await hears(page, "lobby", "xxxx", "other");
      await page.evaluate(() => document.activeElement.blur());
      await fitsItsWindow(page);
      await page.screenshot({ path: path.join(artifacts, `page-${name}.png`) });
    });

  test("in two languages", async () => {
    const page = await visit();

    assert.equal(await page.locator("#chat-title").textContent(), "Chat rooms");
    await page.click("#language");
    assert.equal(await page.locator("#chat-title").textContent(), "Комнаты чата");
    assert.equal(await page.getAttribute("html", "lang"), "ru");
    await page.reload();
    await page.waitForSelector('#connection[data-state="open"]');
    assert.equal(await page.locator("#chat-title").textContent(), "Комнаты чата");
  });

  test("every control has a name", async () => {
    const page = await visit({ rooms: ["lobby", "room123"] });
    const nameless = await page.$$eval("button, input, select, [role]", (nodes) =>
      nodes
        .filter((node) => node.checkVisibility())
        .filter(
          (node) =>
            !node.getAttribute("aria-label") &&
            !node.getAttribute("aria-labelledby") &&
            !node.labels?.length &&
            !node.textContent.trim(),
        )
        .map((node) => node.outerHTML),
    );

    assert.deepEqual(
      nameless.filter((html) => !html.includes("notify-answer")),
      [],
    );
  });

  test("asks nobody else for anything", async () => {
    const page = await openPage();
    const asked = new Set();

    page.on("request", (request) => asked.add(new URL(request.url()).origin));
    await page.goto(current.demo.url);
    await page.waitForSelector('#connection[data-state="open"]');
    assert.deepEqual([...asked], [current.demo.url]);
  });

  test("runs nothing that is not its own", async () => {
    const page = await visit({ mayFail: true });
    const policy = (await fetch(current.demo.url)).headers.get("content-security-policy");

    assert.match(policy, /default-src 'self'/);
    assert.match(policy, /frame-ancestors 'none'/);
    const ran = await page.evaluate(() => {
      const script = document.createElement("script");

      script.textContent = "globalThis.inlineRan = true";
      document.body.append(script);
      return globalThis.inlineRan === true;
    });
    assert.equal(ran, false);
  });

  test("is not sent again to who has it", async () => {
    const page = await openPage();
    const asked = new Set();

    page.on("response", (response) => /\.(js|css|svg)$|\/$/.test(response.url()) && asked.add(response.url()));
    await page.goto(current.demo.url);
    await page.waitForSelector('#connection[data-state="open"]');
    assert.ok(asked.size > 20, `${asked.size} files`);
    for (const url of asked) {
      const first = await fetch(url);
      const etag = first.headers.get("etag");
      const second = await fetch(url, { headers: { "If-None-Match": etag } });

      assert.ok(etag, url);
      assert.equal(second.status, 304, url);
      assert.equal((await second.text()).length, 0);
    }
  });
});
