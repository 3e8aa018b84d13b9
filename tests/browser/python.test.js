// SPDX-License-Identifier: MIT
// The notes' own Python programs on Yodel, with their pages: examples/python/run starts each.
// YODEL_PYTHONPATH names the built package.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { eventually, root } from "../interop/demo.js";
import { launchChromium } from "./chromium.js";

const START_LIMIT_MS = 60_000;
const bundle = path.join(root, "tests/node_modules/socket.io-client-4.5.4/dist/socket.io.min.js");
const environment = {
  ...process.env,
  PYTHONPATH: process.env.YODEL_PYTHONPATH ?? path.join(root, "build/dev/python"),
  PYTHON: process.env.YODEL_PYTHON3 ?? "/usr/bin/python3",
};

let browser;

before(async () => {
  browser = await launchChromium();
});

after(() => browser?.close());

/** Below the ports that the system gives to connections: one of these could have it by the time that it is listened at. */
async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );

    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Runs an example for as long as the function takes. */
async function withExample(name, use) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = spawn(path.join(root, "examples/python/run"), [name, "--port", String(port)], {
    env: environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(program, "exit");
  let said = "";
  let isOver = false;

  program.stderr.on("data", (text) => (said += text));
  ended.then(() => (isOver = true));
  try {
    await eventually(
      async () => isOver || (await fetch(url).then((answer) => answer.ok, () => false)),
      `${name} serves its page: ${said}`,
      START_LIMIT_MS,
    );
    assert.ok(!isOver, said);
    await use(url);
  } finally {
    program.kill("SIGTERM");
    await ended;
  }
}

/** A page that gets the client of the notes from this machine; its errors fail the test. */
async function open(url) {
  const page = await (await browser.newContext()).newPage();

  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => assert.fail(String(error)));
  await page.route("https://cdn.socket.io/4.5.4/socket.io.min.js", (route) => route.fulfill({ path: bundle }));
  await page.goto(url);
  return page;
}

async function shows(page, selector, texts) {
  const read = () => page.locator(selector).allTextContents();

  await eventually(async () => (await read()).length >= texts.length, `${texts.length} lines`);
  assert.deepEqual(await read(), texts);
}

/** The pages that are ours: a form, a state and a list. */
async function say(page, text) {
  await page.fill("#text", text);
  await page.click("button");
}

async function isConnected(page) {
  await page.waitForFunction(() => document.getElementById("state").textContent === "connected");
}

async function upgraded(page) {
  await page.waitForFunction(() => socket.connected && socket.io.engine.transport.name === "websocket");
}

describe("examples/python", () => {
  test("fastapi", () =>
    withExample("fastapi", async (url) => {
      const page = await open(url);

      await isConnected(page);
      await say(page, "Привет 👋");
      await say(page, "");
      await shows(page, "#messages li", ["Echo: Привет 👋", "Echo: "]);
    }));

  test("flask-echo", () =>
    withExample("flask-echo", async (url) => {
      const [anna, boris] = [await open(url), await open(url)];

      for (const page of [anna, boris]) await upgraded(page);
      await anna.fill("#messageInput", "Привет");
      await anna.click("button");
      for (const page of [anna, boris]) await shows(page, "#messages li", ["Server echoes: Привет"]);
    }));

  test("flask-chat", () =>
    withExample("flask-chat", async (url) => {
      const anna = await open(url);
      const welcome = "Сервер: Добро пожаловать в чат!";

      await shows(anna, "#output > *", [welcome]);
      const boris = await open(url);
      await shows(boris, "#output > *", [welcome]);
      await boris.fill("#messageInput", "👋");
      await boris.click("button");
      for (const page of [anna, boris])
        await shows(page, "#output > *", [welcome, "Всем: Пользователь написал: 👋"]);
    }));

  test("channels", () =>
    withExample("channels", async (url) => {
      const [anna, boris] = [await open(url), await open(`${url}/chat/room123/`)];
      const other = await open(`${url}/chat/elsewhere/`);

      for (const page of [anna, boris, other]) await isConnected(page);
      await say(anna, "Привет 👋");
      for (const page of [anna, boris]) await shows(page, "#messages li", ["Привет 👋"]);
      await (await fetch(`${url}/say/room123/?text=from+a+view`)).text();
      for (const page of [anna, boris]) await shows(page, "#messages li", ["Привет 👋", "from a view"]);
      await shows(other, "#messages li", []);
    }));
});
