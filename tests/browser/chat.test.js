// SPDX-License-Identifier: MIT
// Visitors of the demo page talk to each other.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";

import { eventually } from "../interop/demo.js";
import { artifacts, current, goAway, hears, panel, presence, say, visit } from "./visitor.js";

describe("chat", () => {
  test("between two browsers", async () => {
    const anna = await visit({ name: "Anna" });
    const boris = await visit({ name: "Борис" });

    await presence(anna, "lobby", 2);
    await presence(boris, "lobby", 2);
    await say(anna, "lobby", "Is anybody here?");
    await hears(anna, "lobby", "Is anybody here?", "own");
    await hears(boris, "lobby", "Is anybody here?", "other");
    await say(boris, "lobby", "Да 👋 <b>");
    await hears(anna, "lobby", "Да 👋 <b>", "other");
    assert.equal(await panel(anna, "lobby").locator("li.other .author").textContent(), "Борис");
    await anna.screenshot({ path: path.join(artifacts, "chat-wide.png") });
  });

  test("presence goes up and down", async () => {
    const anna = await visit();

    await presence(anna, "lobby", 1);
    for (let round = 0; round < 3; round++) {
      const guest = await visit({ name: "guest" });
      await presence(anna, "lobby", 2);
      if (round === 0) await guest.reload().then(() => presence(anna, "lobby", 2));
      await goAway(guest);
      await presence(anna, "lobby", 1);
    }
  });

  test("in several rooms at once", async () => {
    const anna = await visit({ rooms: ["lobby", "room123"] });
    const boris = await visit({ name: "Борис", rooms: ["room123"] });

    await presence(anna, "room123", 2);
    await presence(anna, "lobby", 1);
    await say(boris, "room123", "in the other room");
    await anna.locator('#tabs [data-room="room123"] .badge', { hasText: "1" }).waitFor();
    await anna.click('#tabs [data-room="room123"]');
    await hears(anna, "room123", "in the other room", "other");
    assert.equal(await anna.locator('#tabs [data-room="room123"] .badge').isVisible(), false);
    assert.equal(await panel(anna, "lobby").locator("li").count(), 0);
    await anna.fill("#chat-room", "комната");
    await anna.press("#chat-room", "Enter");
    await presence(anna, "комната", 1);
    await say(anna, "комната", "одна");
    await hears(anna, "комната", "одна", "own");
    await panel(anna, "комната").locator(".leave").click();
    await eventually(
      async () => (await current.demo.json(`/rooms/${encodeURIComponent("комната")}`)).members === 0,
      "left",
    );
    assert.equal(await anna.locator("#tabs [role=tab]").count(), 2);
  });

  test("refuses names that are no room", async () => {
    const page = await visit();

    await page.fill("#chat-room", "a-b c");
    await page.press("#chat-room", "Enter");
    assert.equal(await page.locator("#tabs [role=tab]").count(), 1);
    assert.equal(await page.$eval("#chat-room", (input) => input.validity.patternMismatch), true);
  });

  test("by the keyboard", async () => {
    const page = await visit({ rooms: ["one", "two", "three"] });

    await page.focus('#tabs [data-room="one"]');
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.locator('#tabs [aria-selected="true"]').getAttribute("data-room"), "two");
    await page.keyboard.press("End");
    assert.equal(await page.locator('#tabs [aria-selected="true"]').getAttribute("data-room"), "three");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.locator('#tabs [aria-selected="true"]').getAttribute("data-room"), "one");
  });
});

describe("from the server", () => {
  test("a POST is heard by everybody in the room", async () => {
    const anna = await visit();
    const boris = await visit({ name: "Борис" });

    await presence(anna, "lobby", 2);
    await anna.fill("#notify-text", "it's noon");
    const curl = await anna.locator("#notify-curl").textContent();
    assert.ok(curl.includes(`/rooms/lobby/messages`), curl);
    assert.ok(curl.includes(`'{"message":"it'\\''s noon"}'`), curl);
    await anna.click("#notify-form button");
    await hears(anna, "lobby", "it's noon", "server");
    await hears(boris, "lobby", "it's noon", "server");
    await anna.locator("#notify-answer", { hasText: "202" }).waitFor();
    assert.match(await anna.locator("#notify-answer").textContent(), /2 members/);
  });
});
