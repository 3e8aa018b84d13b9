// SPDX-License-Identifier: MIT
// Takes the pictures of the README: docs/images/*.png.  Run by script/pictures.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { chromium } from "playwright-core";

import { Demo, root } from "../interop/demo.js";

const PORT = 8000; // it is to be seen in the pictures
const folder = path.join(root, "docs/images");
const viewport = { width: 1280, height: 800 };

async function openPage(browser, name) {
  const context = await browser.newContext({ viewport, locale: "en" });
  const page = await context.newPage();

  await context.addInitScript((visitor) => {
    localStorage.setItem("yodel.name", visitor);
    localStorage.setItem("yodel.rooms", JSON.stringify(["lobby", "room123"]));
  }, name);
  return page;
}

async function type(page, input, text) {
  await page.fill(input, text);
  await page.press(input, "Enter");
}

async function isSeen(page, selector, text) {
  await page.locator(selector, { hasText: text }).first().waitFor();
}

async function showWebsocket(page, other) {
  for (const each of [page, other]) {
    await each.goto(`http://localhost:${PORT}/`);
    await each.waitForSelector('#connection[data-state="open"]');
  }
  const lobby = '.panel[data-room="lobby"]';

  await type(page, `${lobby} form input`, "Good morning! Is anybody here?");
  await isSeen(other, `${lobby} p`, "Good morning!");
  await type(other, `${lobby} form input`, "Привет, Анна 👋");
  await isSeen(page, `${lobby} p`, "Привет");
  await type(page, "#echo-input", "one round trip");
  await isSeen(page, "#echo-log li", "Echo: one round trip");
  await page.click("#notify-form button");
  await isSeen(page, "#notify-answer", "202");
  await page.click('[data-card="echo"] [data-behind="code"]');
  await isSeen(page, "#behind-code .c-api", "yodel_ws_send_text");
}

async function showSocketio(page, other) {
  for (const each of [page, other]) {
    await each.goto(`http://localhost:${PORT}/#socketio`);
    await each.waitForSelector('#sio-link[data-transport="websocket"]');
    await type(each, "#sio-room", "room1");
    await each.locator('#sio-rooms [data-room="room1"]').waitFor();
  }
  await type(page, "#sio-chat-input", "Is anybody here?");
  await isSeen(other, "#sio-chat-log li", "room1: Is anybody here?");
  await type(other, "#sio-chat-input", "We are two.");
  await isSeen(page, "#sio-chat-log li", "We are two.");
  await type(page, "#sio-echo-input", "one server, two transports");
  await isSeen(page, "#sio-echo-log li", "Server echoes");
  await page.click("#sio-notify-form button");
  await isSeen(page, "#sio-chat-log li", "Maintenance at noon");
  await page.click('[data-card="sio_chat"] [data-behind="wire"]');
  await isSeen(page, "#behind-wire li", "room_message");
}

async function showFeatures(page) {
  await page.goto(`http://localhost:${PORT}/#features`);
  await page.waitForSelector('#line-state[data-state="open"]');
  for (const kind of ["websocket", "socketio", "eventsource"]) {
    await page.waitForSelector(`#meeting-${kind}[data-state="open"]`);
    await type(page, `#meeting-${kind} input`, `hello from ${kind}`);
    await isSeen(page, "#meeting-websocket li", kind);
  }
  await page.click("#line-cut");
  await isSeen(page, "#line-result", "meanwhile");
  await page.click("#line-back");
  await isSeen(page, "#line-result", "Recovered");
  for (const [password, event] of [
    ["sesame", "connect_error"],
    ["yodel", "came"],
  ]) {
    await type(page, "#login-password", password);
    await isSeen(page, "#login-log li", event);
  }
}

async function take(browser, name, show) {
  const page = await openPage(browser, "Anna");
  const other = await openPage(browser, "Boris");
  const file = path.join(folder, `${name}.png`);

  await show(page, other);
  await page.evaluate(() => document.activeElement.blur());
  await page.mouse.move(0, 0);
  await page.screenshot({ path: file, animations: "disabled" });
  execFileSync("pngquant", ["--force", "--ext", ".png", "--speed", "1", "64", file]);
  for (const each of [page, other]) await each.context().close();
}

const demo = await Demo.start({ port: PORT });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});

try {
  await take(browser, "demo", showWebsocket);
  await take(browser, "demo-socketio", showSocketio);
  await take(browser, "demo-features", showFeatures);
} finally {
  await browser.close();
  await demo.stop();
}
