// SPDX-License-Identifier: MIT
// The pages of the Flask-SocketIO notes, with the bundle that the demo serves.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Demo, eventually } from "../interop/demo.js";
import { current, visitAt } from "./visitor.js";

const WELCOME = "Сервер: Добро пожаловать в чат!";

/* Their favicon is not there, which a browser may complain of. */
async function visitFlask(where) {
  const page = await visitAt(where, { mayFail: true });

  await eventually(() => page.evaluate("socket.connected"), "connected");
  return page;
}

async function send(page, text) {
  await page.fill("#messageInput", text);
  await page.click("button");
}

async function shows(page, selector, texts) {
  const read = () => page.locator(selector).allTextContents();

  await eventually(async () => (await read()).length >= texts.length, `${texts.length} lines`);
  assert.deepEqual(await read(), texts);
}

async function post(data) {
  const answer = await fetch(`${current.demo.url}/notify`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ data }),
  });

  assert.equal(answer.status, 202);
  return answer.json();
}

describe("flask.html", () => {
  test("what one sends, all hear", async () => {
    const anna = await visitFlask("/flask.html");
    const boris = await visitFlask("/flask.html");
    const heard = ["Server echoes: hello", "Server echoes: Привет 👋", "Server echoes: <b>"];

    await send(anna, "hello");
    await shows(boris, "#messages li", heard.slice(0, 1));
    await send(boris, "Привет 👋");
    await shows(anna, "#messages li", heard.slice(0, 2));
    await send(anna, "<b>");
    await shows(anna, "#messages li", heard);
    await shows(boris, "#messages li", heard);
  });

  test("goes over to a WebSocket", async () => {
    const page = await visitFlask("/flask.html");

    await eventually(
      () => page.evaluate('socket.io.engine.transport.name === "websocket"'),
      "the upgrade",
    );
    await send(page, "after the upgrade");
    await shows(page, "#messages li", ["Server echoes: after the upgrade"]);
  });

  test("polling alone will do", async () => {
    const page = await visitFlask("/flask.html");
    const answer = await page.evaluate(async () => {
      const socket = io({ transports: ["polling"], forceNew: true });
      const heard = new Promise((resolve) => socket.on("message", resolve));

      socket.emit("message", "by polling");
      return [await heard, socket.io.engine.transport.name];
    });

    assert.deepEqual(answer, ["Server echoes: by polling", "polling"]);
    await shows(page, "#messages li", ["Server echoes: by polling"]);
  });

  test("comes back after a restart", async () => {
    const page = await visitFlask("/flask.html");
    const { port } = current.demo;

    await current.demo.kill();
    await eventually(() => page.evaluate("!socket.connected"), "the connection is lost");
    current.demo = await Demo.start({ port });
    await eventually(() => page.evaluate("socket.connected"), "it is back", 60_000);
    await send(page, "again");
    await shows(page, "#messages li", ["Server echoes: again"]);
  });
});

describe("flask-chat.html", () => {
  test("a welcome, and messages to all", async () => {
    const anna = await visitFlask("/flask-chat.html");
    const boris = await visitFlask("/flask-chat.html");

    await shows(anna, "#output div", [WELCOME]);
    await shows(boris, "#output div", [WELCOME]);
    await send(anna, "Всем привет 👋");
    await send(anna, "<i>");
    const heard = [
      WELCOME,
      "Всем: Пользователь написал: Всем привет 👋",
      "Всем: Пользователь написал: <i>",
    ];
    await shows(anna, "#output div", heard);
    await shows(boris, "#output div", heard);
  });

  test("what was missed comes after a short absence", async () => {
    const page = await visitFlask("/flask-chat.html");

    await page.evaluate(() => {
      globalThis.heard = [];
      socket.on("notification", ({ data }) => globalThis.heard.push(data));
    });
    await post("before"); // what was received last is where recovery begins
    await eventually(() => page.evaluate("heard.length === 1"), "the first");
    await page.evaluate(() => {
      socket.io.reconnectionDelay(1000);
      socket.io.engine.close();
    });
    await eventually(async () => (await current.demo.json("/stats")).sio_clients === 0, "it is away");
    await post("meanwhile");
    await eventually(() => page.evaluate("heard.length === 2"), "what it missed");
    assert.deepEqual(await page.evaluate("[heard, socket.recovered]"), [["before", "meanwhile"], true]);
  });
});
