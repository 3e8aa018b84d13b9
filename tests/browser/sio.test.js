// SPDX-License-Identifier: MIT
// The view "Socket.IO" of the demo page.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";

import { Demo, eventually } from "../interop/demo.js";
import {
  artifacts,
  current,
  fitsItsWindow,
  goAway,
  narrow,
  sioIsUp,
  visit,
  visitAt,
  visitSio,
  wide,
} from "./visitor.js";

function line(page, kind, text) {
  return page.locator(`#sio-chat-log li[data-kind="${kind}"]`, { hasText: text });
}

async function hears(page, kind, text) {
  await line(page, kind, text).first().waitFor({ state: "attached" });
}

async function join(page, room) {
  await page.fill("#sio-room", room);
  await page.click("#sio-join-form button");
  await page.locator(`#sio-rooms [data-room="${room}"]`).waitFor();
}

async function say(page, text, room = "") {
  await page.selectOption("#sio-target", room);
  await page.fill("#sio-chat-input", text);
  await page.click("#sio-chat-form button");
}

async function echo(page, text) {
  await page.fill("#sio-echo-input", text);
  await page.click("#sio-echo-form button");
}

async function hearsEcho(page, text) {
  await page
    .locator('#sio-echo-log [data-direction="in"]', { hasText: `Server echoes: ${text}` })
    .waitFor();
}

/* What the handlers of /chat acknowledge with. */
function askAll(page) {
  return page.evaluate(async () => {
    const { io } = await import("/socket.io/socket.io.esm.min.js");
    const socket = io("/chat", { forceNew: true });
    const ask = (event, ...args) =>
      new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer)));

    return [
      await ask("user_message", { text: "x" }),
      await ask("join", { room: "r" }),
      await ask("room_say", { room: "r", text: "котик" }),
      await ask("leave", { room: "r" }),
      await ask("join", { room: "" }),
      await ask("join", { room: "я".repeat(121) }),
      await ask("user_message", "no object"),
    ];
  });
}

describe("Socket.IO", () => {
  test("begins with polling and goes over to a WebSocket", async () => {
    const polls = [];
    const sockets = [];
    const page = await visitSio({
      prepare: (each) => {
        each.on("request", (request) => request.url().includes("transport=polling") && polls.push(request));
        each.on("websocket", (socket) => sockets.push(socket.url()));
      },
    });

    assert.ok(polls.length >= 2, `${polls.length} polls`);
    assert.equal(sockets.filter((url) => /EIO=4&transport=websocket&sid=/.test(url)).length, 1);
    assert.equal(await page.locator("#sio-steps .on").textContent(), "websocket");
    assert.match(await page.locator("#sio-id").textContent(), /^[\w-]{20}$/);
    assert.equal(await page.locator("#sio-state").textContent(), "Connected");
    await hears(page, "server_response", "Welcome to the chat!");
  });

  test("an echo that all pages hear", async () => {
    const anna = await visitSio();
    const boris = await visitSio();

    await echo(anna, "Привет 👋");
    await hearsEcho(anna, "Привет 👋");
    await hearsEcho(boris, "Привет 👋");
    await echo(boris, "<img src=x onerror=alert(1)>");
    await hearsEcho(anna, "<img src=x");
    assert.equal(await anna.locator("#sio-echo-log img").count(), 0);
  });

  test("messages to everyone in the namespace", async () => {
    const anna = await visitSio();
    const boris = await visitSio();

    await say(anna, "Всем привет 👋");
    await hears(boris, "server_broadcast", "A user wrote: Всем привет 👋");
    await say(boris, "и тебе");
    await hears(anna, "server_broadcast", "A user wrote: и тебе");
    assert.equal(await line(anna, "server_broadcast", "").count(), 2);
  });

  test("rooms", async () => {
    const anna = await visitSio();
    const boris = await visitSio();
    const clara = await visitSio();

    await join(anna, "комната");
    await hears(anna, "room_message", "You are in the room комната");
    await join(boris, "комната");
    assert.equal(await line(boris, "room_message", "You are in the room").count(), 1);
    await say(anna, "only us", "комната");
    await hears(boris, "room_message", "комната: only us");
    await boris.click('#sio-rooms [data-room="комната"]');
    await hears(anna, "room_message", "A user has left the room комната");
    await say(anna, "alone", "комната");
    await hears(anna, "room_message", "комната: alone");
    await say(anna, "everybody");
    for (const page of [boris, clara]) await hears(page, "server_broadcast", "everybody");
    assert.equal(await line(boris, "room_message", "alone").count(), 0);
    assert.equal(await line(clara, "room_message", "").count(), 0);
    assert.equal(await boris.locator("#sio-rooms .room").count(), 0);
  });

  test("acknowledgements", async () => {
    const page = await visitSio();
    const refused = [{ error: "{room} is expected, a name of at most 240 bytes", code: "need_room" }];

    assert.deepEqual(await askAll(page), [
      [],
      [],
      ["sent", 5],
      [],
      refused,
      refused,
      [{ error: "{text} is expected", code: "need_text" }],
    ]);
  });

  test("a notification by POST", async () => {
    const anna = await visitSio();
    const boris = await visitSio();

    await anna.fill("#sio-notify-text", "it's noon");
    assert.ok((await anna.locator("#sio-notify-curl").textContent()).includes(`'{"data":"it'\\''s noon"}'`));
    await anna.click("#sio-notify-form button");
    for (const page of [anna, boris]) await hears(page, "notification", "it's noon");
    await anna.locator("#sio-notify-answer", { hasText: "202" }).waitFor();
    assert.match(await anna.locator("#sio-notify-answer").textContent(), /2 members/);
    await goAway(boris);
    await eventually(async () => (await current.demo.json("/stats")).sio_clients === 1, "one is left");
  });

  test("a notification by a thread", async () => {
    await current.demo.stop();
    current.demo = await Demo.start({ words: ["--notify-ms", "300"] });
    const page = await visitSio();

    await hears(page, "notification", "Important! The server's clock says");
    await eventually(async () => (await line(page, "notification", "").count()) >= 3, "three");
  });

  test("polling alone", async () => {
    const sockets = [];
    const page = await visitSio({ mayFail: true }); // a poll may cross the end of its session
    const other = await visitSio();

    page.on("websocket", (socket) => sockets.push(socket.url()));
    await page.selectOption("#sio-transports", "polling");
    await sioIsUp(page, "polling");
    await echo(page, "by polling");
    await hearsEcho(page, "by polling");
    await say(other, "to a page that polls");
    await hears(page, "server_broadcast", "to a page that polls");
    await page.screenshot({ path: path.join(artifacts, "sio-polling.png") });
    assert.deepEqual(sockets, []);
    assert.equal((await current.demo.json("/stats")).sio_polling, 1);
    await page.selectOption("#sio-transports", "websocket");
    await sioIsUp(page, "websocket");
    await echo(page, "by WebSocket");
    await hearsEcho(page, "by WebSocket");
  });
});

describe("the server ends", () => {
  for (const [how, end] of [
    ["by a restart", (demo) => demo.stop()],
    ["by a crash", (demo) => demo.kill()],
  ])
    test(`${how}, and the page comes back by itself`, async () => {
      const page = await visitSio({ mayFail: true });
      const { port } = current.demo;

      await join(page, "room1");
      await hears(page, "room_message", "You are in the room room1");
      await end(current.demo);
      await page.waitForSelector('#sio-link[data-state="waiting"]');
      await page.waitForSelector('#connection[data-state="waiting"]');
      assert.match(await page.locator("#sio-note").textContent(), /Reconnecting, attempt \d+/);
      assert.equal(await page.locator("#sio-chat-form button").isDisabled(), true);
      await hears(page, "system", "No connection: transport");
      await page.screenshot({ path: path.join(artifacts, "sio-reconnecting.png") });
      current.demo = await Demo.start({ port, words: ["--loops", "2"] });
      await sioIsUp(page);
      assert.equal(await page.locator("#sio-note").textContent(), "Back again, with a new session");
      await hears(page, "system", "Back again");
      await eventually(async () => (await line(page, "room_message", "You are in").count()) === 2, "the room");
      await say(page, "back", "room1");
      await hears(page, "room_message", "room1: back");
    });

  test("and the visitor does not want to wait", async () => {
    const page = await visitSio({ mayFail: true });
    const { port } = current.demo;

    await current.demo.kill();
    await page.waitForSelector("#sio-again:visible");
    current.demo = await Demo.start({ port });
    const click = page.locator("#sio-again").click({ timeout: 500 });
    await click.catch(() => {}); // it may be back already
    await sioIsUp(page);
    await echo(page, "here I am");
    await hearsEcho(page, "here I am");
  });
});

describe("the view", () => {
  for (const [name, options, scheme] of [
    ["wide-light", wide, "light"],
    ["wide-dark", wide, "dark"],
    ["narrow-light", narrow, "light"],
    ["narrow-dark", narrow, "dark"],
  ])
    test(name, async () => {
      const page = await visitSio({ options: { ...options, colorScheme: scheme } });

      await join(page, "room1");
      await say(page, "x".repeat(500), "room1");
      await hears(page, "room_message", "xxxx");
      await echo(page, "y".repeat(500));
      await hearsEcho(page, "yyyy");
      await page.evaluate(() => document.activeElement.blur());
      await fitsItsWindow(page);
      await page.screenshot({ path: path.join(artifacts, `sio-${name}.png`) });
    });

  test("is one of two", async () => {
    const page = await visit();

    assert.equal(await page.locator("#view-socketio").isVisible(), false);
    await page.click('#views a[href="#socketio"]');
    await sioIsUp(page);
    assert.equal(await page.locator("#view-socketio").isVisible(), true);
    assert.equal(await page.locator("#view-websocket").isVisible(), false);
    assert.equal(await page.locator('#views [aria-current="page"]').textContent(), "Socket.IO");
    await page.goBack();
    assert.equal(await page.locator("#view-websocket").isVisible(), true);
  });

  test("says when the client is not there", async () => {
    const page = await visitAt("/#socketio", {
      mayFail: true,
      prepare: (each) => each.route("**/socket.io.esm.min.js", (route) => route.fulfill({ status: 404 })),
    });

    await page.waitForSelector("#sio-missing:visible");
    assert.match(await page.locator("#sio-missing").textContent(), /client is not installed/);
    await page.waitForSelector('#connection[data-state="open"]');
    assert.equal(await page.locator("#sio-link").isVisible(), false);
  });

  test("every control has a name", async () => {
    const page = await visitSio();

    await join(page, "room1");
    const nameless = await page.$$eval("button, input, select", (nodes) =>
      nodes
        .filter((node) => node.checkVisibility())
        .filter(
          (node) => !node.getAttribute("aria-label") && !node.labels?.length && !node.textContent.trim(),
        )
        .map((node) => node.outerHTML),
    );

    assert.deepEqual(nameless, []);
  });
});
