// SPDX-License-Identifier: MIT
// The view "Features" of the demo page, card by card.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";

import { eventually } from "../interop/demo.js";
import { artifacts, current, goTo, visit, visitLab } from "./visitor.js";

const kinds = ["websocket", "socketio", "eventsource"];

function seat(page, kind) {
  return page.locator(`#meeting-${kind}`);
}

async function sayAt(page, kind, text) {
  await seat(page, kind).locator("input").fill(text);
  await seat(page, kind).locator("button").click();
}

function line(page, log, kind, text) {
  return page.locator(`#${log} li[data-kind="${kind}"]`, { hasText: text });
}

async function texts(page, log) {
  return page.locator(`#${log} li .payload`).allTextContents();
}

describe("one room, three kinds of clients", () => {
  test("what one says, all hear, on this page and on others", async () => {
    const anna = await visitLab();
    const boris = await visitLab();
    const names = { websocket: "WebSocket", socketio: "Socket.IO", eventsource: "EventSource" };

    for (const from of kinds) {
      await sayAt(anna, from, `from ${from} 👋 <b>`);
      for (const page of [anna, boris])
        for (const kind of kinds) {
          const heard = seat(page, kind).locator("li", { hasText: `from ${from} 👋 <b>` });

          await heard.waitFor();
          assert.equal(await heard.locator(".event").textContent(), names[from]);
        }
    }
    for (const kind of kinds) assert.equal(await seat(boris, kind).locator("li").count(), 3);
    await anna.screenshot({ path: path.join(artifacts, "meeting.png") });
  });

  test("the wire of all three", async () => {
    const page = await visitLab();
    const record = (direction, transport, text) =>
      page
        .locator(`#behind-wire li[data-direction="${direction}"]`, { hasText: text })
        .filter({ has: page.locator(".transport", { hasText: transport }) });

    await page.click('[data-card="meeting"] [data-behind="wire"]');
    await sayAt(page, "eventsource", "to all");
    await record("out", "http", '/meeting/messages {"text":"to all"}').waitFor();
    await record("in", "http", '{"sent":true}').waitFor();
    await record("in", "sse", "to all").waitFor();
    await record("in", "websocket", '{"from":"EventSource","text":"to all"}').first().waitFor();
    await record("in", "websocket", '42/meeting,["said"').waitFor();
  });

  test("the readers come back by themselves", async () => {
    const page = await visitLab({ mayFail: true });
    const { port } = current.demo;

    await current.demo.kill();
    for (const kind of kinds) await page.waitForSelector(`#meeting-${kind}[data-state="connecting"]`);
    current.demo = await current.demo.constructor.start({ port });
    for (const kind of kinds) await page.waitForSelector(`#meeting-${kind}[data-state="open"]`, { timeout: 60_000 });
    await sayAt(page, "socketio", "back");
    for (const kind of kinds) await seat(page, kind).locator("li", { hasText: "back" }).waitFor();
  });

  test("refuses what is no message", async () => {
    const post = async (body, type = "application/json") =>
      (await fetch(`${current.demo.url}/meeting/messages`, { method: "POST", headers: { "Content-Type": type }, body }))
        .status;

    assert.equal(await post('{"text":"x"}'), 202);
    assert.equal(await post('{"text":""}'), 400);
    assert.equal(await post(JSON.stringify({ text: "x".repeat(2001) })), 400);
    assert.equal(await post("[]"), 400);
    assert.equal(await post('{"text":"x"}', "text/plain"), 415);
  });
});

describe("recovery", () => {
  test("what was missed comes, and the id is the same", async () => {
    const page = await visitLab();
    const id = await page.locator("#line-id").textContent();

    await page.click("#line-say");
    await line(page, "line-log", "event", "word 1 of the other client").waitFor();
    await page.click("#line-cut");
    await page.locator('#line-state[data-state="waiting"]', { hasText: "Line is cut" }).waitFor();
    await page.locator("#line-result", { hasText: "The other client has said 3 things meanwhile." }).waitFor();
    assert.equal(await line(page, "line-log", "event", "word 2").count(), 0);
    await page.click("#line-back");
    await page.locator("#line-result", { hasText: "Recovered: the same id, 3 missed events have come." }).waitFor();
    assert.deepEqual(await page.locator('#line-log [data-kind="missed"] .payload').allTextContents(), [
      "word 2 of the other client",
      "word 3 of the other client",
      "word 4 of the other client",
    ]);
    assert.equal(await page.locator("#line-id").textContent(), id);
    await page.click("#line-say");
    await line(page, "line-log", "event", "word 5").waitFor();
    await page.screenshot({ path: path.join(artifacts, "recovery.png") });
  });

  test("a new client has missed it", async () => {
    const page = await visitLab();
    const id = await page.locator("#line-id").textContent();

    await page.click("#line-cut");
    await page.locator("#line-result", { hasText: "meanwhile" }).waitFor();
    await page.click("#line-new");
    await page.locator("#line-result", { hasText: "A new session" }).waitFor();
    assert.equal(await page.locator('#line-log [data-kind="missed"]').count(), 0);
    assert.notEqual(await page.locator("#line-id").textContent(), id);
    await page.click("#line-say");
    await line(page, "line-log", "event", "word 4").waitFor();
    assert.equal(await line(page, "line-log", "event", "word 4").count(), 1);
  });

  for (const transport of ["websocket", "polling"])
    test(`what was missed comes, by ${transport}`, async () => {
      const page = await visitLab({ transport, mayFail: true });
      const id = await page.locator("#line-id").textContent();

      await page.click('[data-card="line"] [data-behind="wire"]');
      await page.click("#line-cut");
      await page.locator("#line-result", { hasText: "meanwhile" }).waitFor();
      await page.click("#line-back");
      await page.locator("#line-result", { hasText: "3 missed events" }).waitFor();
      assert.equal(await page.locator("#line-id").textContent(), id);
      assert.deepEqual(new Set(await page.locator("#behind-wire .transport").allTextContents()), new Set([transport]));
    });

  test("again and again; other pages hear nothing of it", async () => {
    const page = await visitLab();
    const other = await visitLab();

    for (let round = 1; round <= 3; round++) {
      await page.click("#line-cut");
      await page.locator("#line-result", { hasText: "meanwhile" }).waitFor();
      await page.click("#line-back");
      await page.locator("#line-result", { hasText: "3 missed events" }).waitFor();
      assert.equal(await page.locator('#line-log [data-kind="missed"]').count(), 3 * round);
    }
    assert.deepEqual(await texts(other, "line-log"), []);
  });
});

describe("login", () => {
  async function logIn(page, name, password) {
    await page.fill("#login-name", name);
    await page.fill("#login-password", password);
    await page.click('#login-form button[type="submit"]');
  }

  test("a wrong password is refused, the right one lets in", async () => {
    const page = await visitLab();

    await logIn(page, "Anna", "sesame");
    await line(page, "login-log", "failed", "The password is wrong").waitFor();
    assert.equal(await line(page, "login-log", "failed", "").locator(".event").textContent(), "connect_error");
    assert.equal(await page.locator("#login-out").isDisabled(), true);
    await logIn(page, "", "yodel");
    await line(page, "login-log", "failed", "A name and a password are expected").waitFor();
    await logIn(page, "Anna", "yodel");
    await line(page, "login-log", "ok", "You are in").waitFor();
    await line(page, "login-log", "event", "Anna is here").waitFor();
    await page.click("#language");
    await line(page, "login-log", "failed", "Пароль неверен").waitFor();
  });

  test("members hear who comes and goes; who was refused hears nothing", async () => {
    const anna = await visitLab();
    const boris = await visitLab();

    await logIn(boris, "Boris", "wrong");
    await line(boris, "login-log", "failed", "The password is wrong").waitFor();
    await logIn(anna, "Анна", "yodel");
    await line(anna, "login-log", "event", "Анна is here").waitFor();
    assert.equal(await line(boris, "login-log", "event", "Анна").count(), 0);
    await logIn(boris, "Boris", "yodel");
    await line(anna, "login-log", "event", "Boris is here").waitFor();
    await boris.click("#login-out");
    await line(anna, "login-log", "event", "Boris has gone").waitFor();
    await line(boris, "login-log", "system", "You are out").waitFor();
  });
});

describe("binary", () => {
  test("a picture goes as bytes, and everybody sees it", async () => {
    const anna = await visitLab();
    const boris = await visitLab();

    await anna.click('[data-card="picture"] [data-behind="wire"]');
    await anna.click("#picture-draw");
    await anna.click("#picture-send");
    await anna.locator("#picture-answer", { hasText: "bytes sent" }).waitFor();
    for (const page of [anna, boris]) await page.locator("#picture-shelf li").waitFor();
    const sent = await anna.locator("#picture-shelf li").getAttribute("data-bytes");
    assert.equal(await boris.locator("#picture-shelf li").getAttribute("data-bytes"), sent);
    await anna.locator('#behind-wire li[data-direction="out"]', { hasText: "451-/pictures,0" }).waitFor();
    await anna.locator('#behind-wire li[data-direction="out"][data-kind="BINARY"]', { hasText: "89 50 4e 47" }).waitFor();
    await anna.locator('#behind-wire li[data-direction="in"][data-kind="BINARY"]', { hasText: "89 50 4e 47" }).waitFor();
  });

  test("by polling, too", async () => {
    const anna = await visitLab({ transport: "polling" });
    const boris = await visitLab({ transport: "websocket" });

    await anna.click("#picture-draw");
    await anna.click("#picture-send");
    await boris.locator("#picture-shelf li").waitFor();
    const bytes = await boris.locator("#picture-shelf li").getAttribute("data-bytes");
    await anna.locator(`#picture-shelf li[data-bytes="${bytes}"]`).waitFor();
    await boris.click("#picture-send");
    await anna.locator("#picture-shelf li").nth(1).waitFor();
  });

  test("the same pixels arrive", async () => {
    const page = await visitLab();
    await page.locator("#picture-canvas").scrollIntoViewIfNeeded();
    const box = await page.locator("#picture-canvas").boundingBox();

    await page.mouse.move(box.x + 40, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + 120, box.y + 70, { steps: 5 });
    await page.mouse.up();
    await page.click("#picture-send");
    await page.locator("#picture-shelf li canvas").waitFor();
    const dark = await page.$eval("#picture-shelf canvas", (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;

      for (let i = 0; i < data.length; i += 4) count += data[i] < 128;
      return count;
    });
    assert.ok(dark > 30, `${dark} pixels are dark`);
  });

  test("a file is shown, and what is no image is not", async () => {
    const page = await visitLab();

    await page.setInputFiles("#picture-file", { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("text") });
    await page.locator("#picture-answer", { hasText: "That is no image." }).waitFor();
    await page.setInputFiles("#picture-file", path.join(artifacts, "..", "docs/images/demo.png"));
    await page.click("#picture-send");
    await page.locator("#picture-shelf li").waitFor();
  });

  test("other bytes are refused", async () => {
    const page = await visitLab();
    const answers = await page.evaluate(async () => {
      const { io } = await import("/socket.io/socket.io.esm.min.js");
      const socket = io("/pictures", { forceNew: true });
      const png = new Uint8Array(65 * 1024);

      png.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
      const all = [
        await socket.emitWithAck("picture", "x", new Uint8Array([1, 2, 3])),
        await socket.emitWithAck("picture", "x", "text"),
        await socket.emitWithAck("picture"),
        await socket.emitWithAck("picture", "x", png),
        await socket.emitWithAck("picture", "x".repeat(200), png.slice(0, 100)),
      ];

      socket.disconnect();
      return all.map((answer) => answer.code);
    });

    assert.deepEqual(answers, ["need_picture", "need_picture", "need_picture", "too_big", "too_big"]);
    assert.equal(await page.locator("#picture-shelf li").count(), 0);
  });
});

describe("acknowledgements", () => {
  test("the server answers, and the time is shown", async () => {
    const page = await visitLab();

    await page.fill("#question-a", "1.5");
    await page.fill("#question-b", "-4");
    await page.click('#question-form button[type="submit"]');
    const text = await line(page, "question-log", "ok", "The sum is -2.5").locator(".payload").textContent();
    assert.match(text, /^The sum is -2\.5, in \d+\.\d ms$/);
  });

  for (const transport of ["", "polling"])
    test(`the server asks, and the page answers ${transport}`, async () => {
      const page = await visitLab({ transport });

      await goTo(page, "websocket");
      await page.fill("#chat-name", "Clara");
      await goTo(page, "features");
      await page.click("#question-ask-me");
      await line(page, "question-log", "asked", "the page answers: Clara").waitFor();
      await line(page, "question-log", "ok", "The server knows: Clara, in").waitFor();
    });

  test("who asks in vain waits no longer than it wants to", async () => {
    const page = await visitLab();

    await page.click("#question-never");
    await line(page, "question-log", "waiting", "Waiting for 1,000 ms").waitFor();
    await line(page, "question-log", "failed", "No answer in 1,000 ms").waitFor();
  });

  test("what cannot be added is refused, a page that does not answer is told of", async () => {
    const page = await visitLab();
    const answers = await page.evaluate(async () => {
      const { io } = await import("/socket.io/socket.io.esm.min.js");
      const socket = io("/ask", { forceNew: true, transports: ["polling"] });

      socket.on("name?", (answer) => answer(42));
      const all = [await socket.emitWithAck("add", "a", 1), await socket.emitWithAck("ask_me")];

      socket.disconnect();
      return all;
    });

    assert.deepEqual(answers, [{ code: "need_numbers" }, { code: "no_answer" }]);
  });
});

describe("the view", () => {
  test("connects when it is looked at", async () => {
    const page = await visit();

    assert.equal(await page.locator("#meeting-websocket").getAttribute("data-state"), "connecting");
    const before = (await current.demo.json("/stats")).websockets;
    await goTo(page, "features");
    await eventually(async () => (await current.demo.json("/stats")).websockets > before, "more WebSockets");
    await goTo(page, "websocket");
    await goTo(page, "features");
  });

  test("says when the client is not there", async () => {
    const page = await visit({ mayFail: true });

    await page.route("**/socket.io.esm.min.js", (route) => route.fulfill({ status: 404 }));
    await page.goto(`${current.demo.url}/?again#features`);
    await page.waitForSelector("#lab-missing:visible");
    assert.equal(await page.locator(".meeting").isVisible(), false);
  });
});
