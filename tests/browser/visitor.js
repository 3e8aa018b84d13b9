// SPDX-License-Identifier: MIT
// The demo page in a real browser: a demo for each test, and its visitors.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";

import { Demo, root } from "../interop/demo.js";
import { launchChromium } from "./chromium.js";

export const artifacts = path.join(root, "artifacts");
export const wide = { viewport: { width: 1280, height: 800 }, locale: "en" };
export const narrow = { viewport: { width: 390, height: 844 }, locale: "ru", isMobile: true, hasTouch: true };

/** The views of the page. */
export const views = ["websocket", "socketio", "features"];

let browser;
let contexts;
let faults;

/** The demo of the present test; a test that ends it puts another one here. */
export const current = { demo: null };

before(async () => {
  await mkdir(artifacts, { recursive: true });
  browser = await launchChromium();
});

after(() => browser?.close());

beforeEach(async () => {
  current.demo = await Demo.start({ words: ["--loops", "2"] });
  contexts = [];
  faults = [];
});

afterEach(async () => {
  for (const context of contexts) await context.close();
  await current.demo.stop();
  assert.deepEqual(faults, []);
});

/** An empty page in a browser context of its own. */
export async function openPage(options = wide) {
  const context = await browser.newContext(options);

  contexts.push(context);
  return context.newPage();
}

/** The visitor goes; its connections break. */
export async function goAway(page) {
  contexts.splice(contexts.indexOf(page.context()), 1);
  await page.context().close();
}

/** A page whose errors fail the test; mayFail: those of its requests do not. */
async function openWatched(options, mayFail) {
  const page = await openPage(options);

  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => faults.push(String(error)));
  if (!mayFail)
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
  return page;
}

/** A visitor: a page in a browser context of its own. */
export async function visit({ name = "Anna", rooms = ["lobby"], options = wide, mayFail = false } = {}) {
  const page = await openWatched(options, mayFail);
  const context = page.context();

  await context.addInitScript(
    ([visitor, list]) => {
      localStorage.setItem("yodel.name", visitor);
      localStorage.setItem("yodel.rooms", JSON.stringify(list));
    },
    [name, rooms],
  );
  await page.goto(current.demo.url);
  await page.waitForSelector('#connection[data-state="open"]');
  return page;
}

/** A visitor of another page of the demo, or of another view. */
export async function visitAt(where, { options = wide, mayFail = false, prepare } = {}) {
  const page = await openWatched(options, mayFail);

  await prepare?.(page);
  await page.goto(current.demo.url + where);
  return page;
}

/** A visitor of the view "Socket.IO"; transport is what it must come to. */
export async function visitSio({ transport = "websocket", ...rest } = {}) {
  const page = await visitAt("/#socketio", rest);

  await sioIsUp(page, transport);
  return page;
}

export async function sioIsUp(page, transport = "websocket") {
  await page.waitForSelector(`#sio-link[data-state="open"][data-transport="${transport}"]`, {
    timeout: 60_000,
  });
}

/** A visitor of the view "Features"; transport is the only one that it may use. */
export async function visitLab({ transport = "", ...rest } = {}) {
  const page = await visitAt(`/${transport ? `?transport=${transport}` : ""}#features`, rest);

  await labIsUp(page);
  return page;
}

export async function labIsUp(page) {
  for (const kind of ["websocket", "socketio", "eventsource"])
    await page.waitForSelector(`#meeting-${kind}[data-state="open"]`);
  await page.waitForSelector('#line-state[data-state="open"]');
}

/** Puts a view in front, and waits for its connections. */
export async function goTo(page, view) {
  await page.click(`#views a[href="#${view}"]`);
  if (view === "socketio") await sioIsUp(page);
  if (view === "features") await labIsUp(page);
}

export function panel(page, room) {
  return page.locator(`.panel[data-room="${room}"]`);
}

export async function say(page, room, text) {
  await panel(page, room).locator("form input").fill(text);
  await panel(page, room).locator("form button").click();
}

export async function hears(page, room, text, kind) {
  await panel(page, room).locator(`li.${kind} p`, { hasText: text }).waitFor();
}

export async function presence(page, room, count) {
  await page.waitForSelector(`.panel[data-room="${room}"][data-present="${count}"]`, { state: "attached" });
}

/* What lies outside of the window to the right would make a phone scroll sideways. */
export async function fitsItsWindow(page) {
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });

  assert.equal(scrollWidth, clientWidth);
}
