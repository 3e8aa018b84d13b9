// SPDX-License-Identifier: MIT
// The demo page for those who do not see it, or have no mouse, or no JavaScript; in their language.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";

import { faultsOfAccess, faultsOfContrast, foreignTexts } from "./access.js";
import {
  artifacts,
  current,
  goAway,
  goTo,
  hears,
  labIsUp,
  openPage,
  presence,
  say,
  views,
  visit,
  visitSio,
} from "./visitor.js";

const viewport = { width: 1280, height: 800 };

async function joinSio(page, room) {
  await page.fill("#sio-room", room);
  await page.press("#sio-room", "Enter");
  await page.locator(`#sio-rooms [data-room="${room}"]`).waitFor();
}

/* Somebody of that name says something. */
async function sayAs(page, name) {
  const answer = await fetch(`${current.demo.url}/rooms/lobby/messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ message: { name, text: `I am ${name}` } }),
  });

  assert.equal(answer.status, 202);
  await hears(page, "lobby", `I am ${name}`, "other");
}

async function isInOrder(page, locale) {
  assert.deepEqual(await page.evaluate(faultsOfAccess), []);
  assert.deepEqual(await page.evaluate(faultsOfContrast), []);
  assert.deepEqual(await page.evaluate(foreignTexts), []);
  assert.equal(await page.getAttribute("html", "lang"), locale);
}

describe("what is heard and seen", () => {
  for (const locale of ["en", "ru"])
    for (const colorScheme of ["light", "dark"])
      test(`every view, ${locale}, ${colorScheme}`, async () => {
        const page = await visit({ rooms: ["lobby", "room123"], options: { viewport, locale, colorScheme } });

        await presence(page, "lobby", 1);
        await say(page, "lobby", "hello");
        await hears(page, "lobby", "hello", "own");
        for (let i = 0; i < 24; i++) await sayAs(page, `name${i}`);
        await page.click('[data-sample="hello"]');
        await page.locator('#echo-log [data-direction="in"]').waitFor();
        await page.click("#notify-form button");
        await page.locator("#notify-answer", { hasText: "202" }).waitFor();
        for (const view of views) {
          await goTo(page, view);
          if (view === "socketio") {
            await joinSio(page, "r1");
            await page.click("#sio-notify-form button");
            await page.locator('#sio-chat-log [data-kind="notification"]').waitFor();
          }
          if (view === "features") {
            await page.fill("#login-password", "wrong");
            await page.click("#login-form button");
            await page.locator('#login-log [data-kind="failed"]').waitFor();
            await page.click("#question-form button");
            await page.locator('#question-log [data-kind="ok"]').waitFor();
            await page.click("#picture-draw");
            await page.click("#picture-send");
            await page.locator("#picture-shelf li").waitFor();
            await page.click("#line-cut");
            await page.locator("#line-result[data-state]").waitFor();
            await page.click("#line-back");
            await page.locator('#line-log [data-kind="missed"]').first().waitFor();
            await labIsUp(page);
          }
          await isInOrder(page, locale);
          await page.locator('main:not([hidden]) [data-behind="code"]').first().click();
          await page.locator("#behind-code .part").first().waitFor();
          await isInOrder(page, locale);
          await page.click("#behind-tab-wire");
          await isInOrder(page, locale);
          await page.click("#behind-close");
        }
      });

  test("names of different people differ in colour", async () => {
    const page = await visit();
    const colors = () =>
      page.$$eval(".messages .author", (nodes) => nodes.map((node) => getComputedStyle(node).color));

    for (const name of ["Anna", "Boris", "Clara"]) await sayAs(page, name);
    for (let round = 0; round < 2; round++) {
      assert.equal(new Set(await colors()).size, 3);
      await page.click("#theme");
    }
  });
});

describe("the keyboard alone", () => {
  for (const view of views)
    test(`reaches every control of the view ${view}, and shows where it is`, async () => {
      const page = await visit({ rooms: ["lobby", "room123"] });

      await goTo(page, view);
      const wanted = await page.evaluate(() => {
        const nodes = [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")];

        globalThis.wanted = nodes.filter(
          (node) => node.checkVisibility() && !node.disabled && !node.classList.contains("only-heard") && node.tabIndex >= 0,
        );
        globalThis.wanted[1].focus();
        return globalThis.wanted.length;
      });
      const missed = [];

      for (let i = 0; i < wanted; i++) {
        await page.keyboard.press(i === 0 ? "Shift+Tab" : "Tab");
        missed.push(
          ...(await page.evaluate((at) => {
            const here = document.activeElement;
            const isSeen = getComputedStyle(here).outlineStyle !== "none";

            return here === globalThis.wanted[at] && isSeen ? [] : [`${at}: ${here.outerHTML.slice(0, 100)}`];
          }, i)),
        );
      }
      assert.deepEqual(missed, []);
    });
});

describe("languages", () => {
  test("what has been said is said again in the other language, without a reload", async () => {
    const page = await visitSio();
    const log = page.locator("#sio-chat-log");

    await page.evaluate(() => (globalThis.sameDocument = true));
    await log.locator('[data-kind="server_response"]', { hasText: "Welcome to the chat!" }).waitFor();
    await page.fill("#sio-chat-input", "Вы в комнате");
    await page.press("#sio-chat-input", "Enter");
    await log.getByText("A user wrote: Вы в комнате").waitFor();
    await joinSio(page, "r1");
    await log.getByText("You are in the room r1").waitFor();
    await page.click("#language");
    await log.getByText("Добро пожаловать в чат!").waitFor();
    await log.getByText("Пользователь написал: Вы в комнате").waitFor();
    await log.getByText("Вы в комнате r1").waitFor();
    assert.equal(await page.title(), "Yodel: демо");
    await page.click("#language");
    await log.getByText("Welcome to the chat!").waitFor();
    assert.equal(await page.evaluate("sameDocument"), true);
  });

  test("the choice is kept", async () => {
    const page = await visit();

    await page.click("#language");
    await page.reload();
    await page.locator("#chat-title", { hasText: "Комнаты чата" }).waitFor();
    await goAway(page);
  });
});

describe("without JavaScript", () => {
  test("the page says that it needs it, in both languages", async () => {
    const page = await openPage({ javaScriptEnabled: false });

    await page.goto(current.demo.url);
    await page.locator("noscript p", { hasText: "This page needs JavaScript" }).waitFor({ timeout: 30_000 });
    await page.locator('noscript [lang="ru"]', { hasText: "нужен JavaScript" }).waitFor({ timeout: 30_000 });
    await page.screenshot({ path: path.join(artifacts, "no-script.png") });
  });
});
