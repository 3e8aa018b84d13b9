// SPDX-License-Identifier: MIT
// What is behind the cards of the demo page: the server's lines, and what passes on the wire.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";

import { eventually, root } from "../interop/demo.js";
import { current, sioIsUp, visit, visitSio } from "./visitor.js";

function card(page, name) {
  return page.locator(`[data-card="${name}"]`);
}

async function openPanel(page, name, tab) {
  await card(page, name).locator(`[data-behind="${tab}"]`).click();
  await page.waitForSelector(`#behind[data-tab="${tab}"]:not([hidden])`);
}

function record(page, direction, kind, text) {
  return page.locator(`#behind-wire li[data-direction="${direction}"][data-kind="${kind}"]`, { hasText: text });
}

async function numRecords(page) {
  return page.locator("#behind-wire li").count();
}

async function marksInSources() {
  const folder = path.join(root, "demo");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".c"));
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8")));

  return texts.flatMap((text) => {
    const begins = [...text.matchAll(/^\/\* card: (\w+) \*\/$/gm)].map((found) => found[1]);

    assert.equal(text.match(/^\/\* card end \*\/$/gm)?.length ?? 0, begins.length);
    return begins;
  });
}

describe("C code", () => {
  test("each card has lines, and each marked line a card", async () => {
    const html = await readFile(path.join(root, "demo/public/index.html"), "utf8");
    const cards = [...html.matchAll(/data-card="(\w+)"/g)].map((found) => found[1]);

    assert.deepEqual([...new Set(await marksInSources())].sort(), cards.sort());
  });

  test("is what stands in the sources", async () => {
    for (const name of new Set(await marksInSources())) {
      const { parts } = await current.demo.json(`/source/${name}`);

      assert.ok(parts.length > 0, name);
      for (const { file, line, text } of parts) {
        const lines = (await readFile(path.join(root, file), "utf8")).split("\n");
        const part = text.split("\n");

        assert.equal(part.pop(), "");
        assert.deepEqual(lines.slice(line - 1, line - 1 + part.length), part, `${file}:${line}`);
        assert.equal(lines[line - 2], `/* card: ${name} */`);
        assert.equal(lines[line - 1 + part.length], "/* card end */");
      }
    }
    for (const wrong of ["none", "echo%20", "ech", "*%2F", "%00"]) {
      const answer = await fetch(`${current.demo.url}/source/${wrong}`);

      assert.ok([400, 404].includes(answer.status), `${wrong}: ${answer.status}`);
    }
  });

  test("opens below the card, and closes", async () => {
    const page = await visit();
    const button = card(page, "echo").locator('[data-behind="code"]');

    await openPanel(page, "echo", "code");
    await page.locator("#behind-code .c-api", { hasText: "yodel_ws_send_text" }).first().waitFor();
    assert.equal(await page.locator("#behind-title").textContent(), "Behind “Echo”");
    assert.equal(await button.getAttribute("aria-expanded"), "true");
    const shown = await page.locator("#behind-code .source").allTextContents();
    const { parts } = await current.demo.json("/source/echo");
    assert.deepEqual(
      shown,
      parts.map(({ text }) => text.replace(/\n$/, "")),
    );
    await button.click();
    assert.equal(await page.locator("#behind").isVisible(), false);
    assert.equal(await button.getAttribute("aria-expanded"), "false");
  });

  test("by the keyboard", async () => {
    const page = await visit();
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.behind);

    await card(page, "chat").locator('[data-behind="code"]').focus();
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "behind-tab-code");
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), "behind-tab-wire");
    assert.equal(await page.locator("#behind-wire").isVisible(), true);
    await page.keyboard.press("Home");
    assert.equal(await page.locator("#behind-code").isVisible(), true);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#behind").isVisible(), false);
    assert.equal(await focused(), "code");
  });
});

describe("the wire", () => {
  test("frames of the echo, in both directions", async () => {
    const page = await visit();

    await openPanel(page, "echo", "wire");
    await record(page, "out", "GET", "/ws").waitFor();
    await record(page, "in", "101", "permessage-deflate").waitFor();
    await page.fill("#echo-input", "котик");
    await page.press("#echo-input", "Enter");
    await record(page, "out", "text", "котик").waitFor();
    await record(page, "in", "text", "Echo: котик").waitFor();
    assert.equal(await record(page, "out", "text", "котик").locator(".note").textContent(), "10 B");
    await page.click("#language");
    await eventually(
      async () => (await record(page, "out", "text", "котик").locator(".note").textContent()) === "10 Б",
      "in Russian",
    );
  });

  test("a request, and the frame that it causes", async () => {
    const page = await visit();

    await openPanel(page, "notify", "wire");
    await page.fill("#notify-text", "at noon");
    await page.click("#notify-form button");
    await record(page, "out", "POST", '/rooms/lobby/messages {"message":"at noon"}').waitFor();
    await record(page, "in", "202", '"members"').waitFor();
    await record(page, "in", "text", '{"message":"at noon"}').waitFor();
  });

  test("packets of Socket.IO, from the first poll on", async () => {
    const page = await visitSio();

    await openPanel(page, "sio_chat", "wire");
    await record(page, "in", "open", '"upgrades":["websocket"]').waitFor();
    await record(page, "out", "CONNECT", "40/chat,").waitFor();
    await record(page, "out", "ping", "2probe").waitFor();
    await record(page, "in", "pong", "3probe").waitFor();
    await record(page, "out", "upgrade", "5").waitFor();
    await page.fill("#sio-chat-input", "hello");
    await page.press("#sio-chat-input", "Enter");
    await record(page, "out", "EVENT", '["user_message",{"text":"hello"}]').waitFor();
    await record(page, "in", "ACK", "43/chat,0[]").waitFor();
    assert.equal(await record(page, "in", "ACK", "43/chat,0[]").locator(".transport").textContent(), "websocket");
    assert.equal(await record(page, "out", "EVENT", "user_message").locator(".kind").textContent(), "EVENT #0");
  });

  test("packets of the other namespace are another card's", async () => {
    const page = await visitSio();

    await page.fill("#sio-echo-input", "to everybody");
    await page.press("#sio-echo-input", "Enter");
    await openPanel(page, "sio_echo", "wire");
    await record(page, "in", "EVENT", "Server echoes: to everybody").waitFor();
    assert.equal(await record(page, "out", "CONNECT", "40/chat").count(), 0);
    await openPanel(page, "sio_chat", "wire");
    await record(page, "out", "CONNECT", "40/chat").waitFor();
    assert.equal(await record(page, "in", "EVENT", "Server echoes").count(), 0);
  });

  test("packets by polling alone", async () => {
    const page = await visitSio({ mayFail: true });

    await page.selectOption("#sio-transports", "polling");
    await sioIsUp(page, "polling");
    await openPanel(page, "sio_echo", "wire");
    await page.click("#behind-clear");
    await page.fill("#sio-echo-input", "by polling");
    await page.press("#sio-echo-input", "Enter");
    await record(page, "in", "EVENT", "Server echoes: by polling").waitFor();
    assert.deepEqual(
      await page.locator('#behind-wire li[data-kind="EVENT"] .transport').allTextContents(),
      ["polling", "polling"],
    );
  });

  test("pauses, goes on and is cleared", async () => {
    const page = await visit();
    const send = async (text) => {
      await page.fill("#echo-input", text);
      await page.press("#echo-input", "Enter");
      await page.locator('#echo-log [data-direction="in"]', { hasText: text }).waitFor();
    };

    await openPanel(page, "echo", "wire");
    await send("before");
    await record(page, "in", "text", "before").waitFor();
    const before = await numRecords(page);
    await page.click("#behind-pause");
    await send("meanwhile");
    await page.locator("#behind-pause", { hasText: "Go on, 2 more" }).waitFor();
    assert.equal(await numRecords(page), before);
    await page.click("#behind-pause");
    await record(page, "in", "text", "meanwhile").waitFor();
    assert.equal(await numRecords(page), before + 2);
    await page.click("#behind-clear");
    assert.equal(await numRecords(page), 0);
    await send("after");
    await record(page, "in", "text", "after").waitFor();
  });

  test("is kept short, whatever comes", async () => {
    const page = await visit();

    await openPanel(page, "echo", "wire");
    for (let i = 0; i < 250; i++) {
      await page.evaluate((text) => {
        document.querySelector("#echo-input").value = text;
        document.querySelector("#echo-form").requestSubmit();
      }, `${i}${"x".repeat(3000)}`);
    }
    await record(page, "in", "text", "Echo: 249x").waitFor();
    assert.equal(await numRecords(page), 200);
    const longest = await page.$$eval("#behind-wire .payload", (nodes) =>
      Math.max(...nodes.map((node) => node.textContent.length)),
    );
    assert.ok(longest <= 2001, `${longest} characters`);
  });
});
