// SPDX-License-Identifier: MIT
// Nothing of the demo page covers anything else or is cut, in windows of any size.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";

import { artifacts, fitsItsWindow, goAway, goTo, panel, views, visit } from "./visitor.js";

const sizes = [
  [1366, 768],
  [1366, 650],
  [1280, 600],
  [1024, 600],
  [1920, 1080],
  [360, 740],
];
const looks = ["en", "ru"].flatMap((locale) => ["light", "dark"].map((colorScheme) => ({ locale, colorScheme })));
const manyRooms = Array.from({ length: 13 }, (_, i) => `room${i + 1}`);

/* What is wrong with the boxes of a page: parts that cross; controls that reach out of their card, lie under
 * something else, or whose text is cut; a chosen tab that is out of sight. */
function crossings() {
  const visible = (node) => node.checkVisibility() && node.getBoundingClientRect().width > 0;
  const name = (node) => node.id || node.className || node.tagName;
  const parts = [...document.querySelectorAll("header, footer, .card")].filter(visible);
  const pen = document.createElement("canvas").getContext("2d");
  const found = [];
  const inside = (inner, outer) =>
    inner.left >= outer.left - 1 &&
    inner.right <= outer.right + 1 &&
    inner.top >= outer.top - 1 &&
    inner.bottom <= outer.bottom + 1;
  const room = (node, style) => node.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const isCut = (node) => {
    const style = getComputedStyle(node);

    pen.font = style.font;
    if (node.placeholder) return pen.measureText(node.placeholder).width > room(node, style) + 1;
    return node.tagName !== "INPUT" && node.tagName !== "PRE" && node.scrollWidth > node.clientWidth + 1;
  };

  for (const [i, one] of parts.entries())
    for (const other of parts.slice(i + 1)) {
      const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];

      if (getComputedStyle(one).position === "sticky" && one.tagName === "HEADER") continue;
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        found.push(`${name(one)} crosses ${name(other)}`);
    }
  for (const control of [...document.querySelectorAll(":is(.card, .top) :is(button, input, select, a, pre)")]) {
    const card = control.closest(".card, .top");
    const scroller = control.closest(".tabs");

    if (!visible(control)) continue;
    if (!scroller && !inside(control.getBoundingClientRect(), card.getBoundingClientRect()))
      found.push(`${name(control)} reaches out of its card`);
    if (isCut(control)) found.push(`${name(control)} is cut: ${control.placeholder || control.textContent}`);
    if (scroller && control.getAttribute("aria-selected") !== "true") continue;
    control.scrollIntoView({ block: "center" });
    const box = control.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);

    if (!top || !(control.contains(top) || top.contains(control))) found.push(`${name(control)} is covered`);
    if (scroller && !inside(box, scroller.getBoundingClientRect())) found.push(`${name(control)} is out of sight`);
  }
  scrollTo(0, 0);
  return found;
}

/* Of the card on the left, what one writes in is in sight without scrolling. */
function hiddenInputs() {
  return [...document.querySelectorAll("main:not([hidden]) .chat .compose input")]
    .filter((node) => node.checkVisibility() && node.getBoundingClientRect().bottom > innerHeight)
    .map((node) => node.id || node.className);
}

/* The panel at the lower edge is in the window, and so are its controls; what is above it can be reached. */
function panelFaults() {
  const panel = document.querySelector("#behind");
  const edge = panel.getBoundingClientRect();
  const found = edge.bottom > innerHeight + 1 || edge.top < 100 ? [`the panel is at ${edge.top} to ${edge.bottom}`] : [];

  for (const control of panel.querySelectorAll("button, [role=tabpanel]")) {
    if (!control.checkVisibility()) continue;
    const box = control.getBoundingClientRect();

    if (box.left < 0 || box.right > innerWidth + 1 || box.top < edge.top || box.bottom > edge.bottom + 1)
      found.push(`${control.id} reaches out of the panel`);
    if (control.tagName === "BUTTON" && control.scrollWidth > control.clientWidth + 1) found.push(`${control.id} is cut`);
  }
  return found;
}

async function lookBehind(page) {
  for (const tab of ["code", "wire"]) {
    await page.locator(`main:not([hidden]) [data-behind="${tab}"]`).first().click();
    await page.locator("#behind .part, #behind .wire").first().waitFor({ state: "attached" });
    assert.deepEqual(await page.evaluate(panelFaults), []);
    assert.deepEqual(await page.evaluate(crossings), []);
    await fitsItsWindow(page);
  }
  await page.click("#behind-close");
}

async function look(page, view) {
  await goTo(page, view);
  assert.deepEqual(await page.evaluate(crossings), []);
  if (page.viewportSize().width > 900) assert.deepEqual(await page.evaluate(hiddenInputs), []);
  await fitsItsWindow(page);
  await lookBehind(page);
}

describe("layout", () => {
  for (const [width, height] of sizes)
    test(`nothing covers anything at ${width}x${height}`, async () => {
      for (const { locale, colorScheme } of looks) {
        const page = await visit({ rooms: manyRooms, options: { viewport: { width, height }, locale, colorScheme } });

        await page.click('#tabs [data-room="room9"]');
        for (const view of views) {
          await look(page, view);
          await page.screenshot({
            path: path.join(artifacts, `layout-${view}-${width}x${height}-${locale}-${colorScheme}.png`),
          });
        }
        await goAway(page);
      }
    });

  test("the chosen tab is in sight among many", async () => {
    const page = await visit({ rooms: manyRooms });
    const isInSight = () =>
      page.evaluate(() => {
        const list = document.querySelector("#tabs").getBoundingClientRect();
        const tab = document.querySelector('[role="tab"][aria-selected="true"]').getBoundingClientRect();

        return tab.left >= list.left - 1 && tab.right <= list.right + 1;
      });

    await page.fill("#chat-room", "the_last_one");
    await page.press("#chat-room", "Enter");
    await panel(page, "the_last_one").waitFor();
    assert.equal(await isInSight(), true);
    await page.focus('[role="tab"][aria-selected="true"]');
    await page.keyboard.press("Home");
    assert.equal(await isInSight(), true);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await isInSight(), true);
  });
});
