// SPDX-License-Identifier: MIT
// What is behind a card: the lines of C of the server, and what passes on the wire.  A panel at the lower edge
// of the window, for one card at a time.

import { appendLine, make, makeArrow } from "./dom.js";
import { highlighted } from "./highlight.js";
import { currentLanguage, fillText, onLanguage, put, putPlain, say } from "./text.js";
import { showEnds } from "./views.js";
import { listeners, recordsOf } from "./wire.js";

const LONGEST = 200;
const TABS = ["code", "wire"];

const panel = document.querySelector("#behind");
const title = document.querySelector("#behind-title");
const tabs = document.querySelector("#behind-tabs");
const code = document.querySelector("#behind-code");
const wirePanel = document.querySelector("#behind-wire-panel");
const log = document.querySelector("#behind-wire");
const pause = document.querySelector("#behind-pause");
const clear = document.querySelector("#behind-clear");
const close = document.querySelector("#behind-close");

let card = null; // the element whose panel it is
let opener = null; // the button that has the focus back at the end
let sources = new Set();
let isPaused = false;
let missed = 0; // while it was paused

/* ---- the code ---- */

function makePart({ file, line, text }) {
  const lines = text.replace(/\n$/, "").split("\n");
  const numbers = lines.map((_, i) => line + i).join("\n");

  return make(
    "section",
    { className: "part" },
    make("h3", { className: "path", textContent: `${file}:${line}` }),
    make(
      "div",
      { className: "listing" },
      make("pre", { className: "numbers", ariaHidden: "true", textContent: numbers }),
      make("pre", { className: "source" }, make("code", {}, ...highlighted(lines.join("\n")))),
    ),
  );
}

async function showCode(wanted) {
  code.replaceChildren(put(make("p", { className: "empty" }), "behindLoading"));
  try {
    const answer = await fetch(`/source/${wanted.dataset.card}`);
    const { parts } = await answer.json();

    if (wanted === card) code.replaceChildren(...parts.map(makePart));
  } catch {
    if (wanted === card) code.replaceChildren(put(make("p", { className: "empty" }), "behindNoCode"));
  }
}

/* ---- the wire ---- */

function timeOf(date) {
  return `${date.toLocaleTimeString(currentLanguage(), { hour12: false })}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function showRecord(record) {
  appendLine(
    log,
    make(
      "li",
      { data: { direction: record.direction, kind: record.kind.split(" ")[0] } },
      make("time", { textContent: timeOf(record.at) }),
      makeArrow(record.direction),
      make("span", { className: "transport", textContent: record.transport }),
      make("span", { className: "kind", textContent: record.kind }),
      make("code", { className: "payload", textContent: record.text }),
      put(make("span", { className: "note" }), "bytes", { n: record.bytes }),
    ),
    LONGEST,
  );
}

function showPause() {
  pause.setAttribute("aria-pressed", isPaused);
  if (isPaused && missed > 0) put(pause, "behindGoOnAfter", { n: missed });
  else put(pause, isPaused ? "behindGoOn" : "behindPause");
}

function showAll() {
  missed = 0;
  log.querySelector("ol").replaceChildren();
  for (const record of recordsOf(sources).slice(-LONGEST)) showRecord(record);
  log.scrollTop = log.scrollHeight;
  showPause();
}

listeners.add((record) => {
  if (!card || !sources.has(record.from)) return;
  if (!isPaused) showRecord(record);
  else missed += 1;
  showPause();
});

function togglePause() {
  isPaused = !isPaused;
  if (isPaused) showPause();
  else showAll();
}

/* ---- the panel ---- */

function choose(tab, isFocused = false) {
  for (const each of tabs.children) {
    const isChosen = each.dataset.tab === tab;

    each.setAttribute("aria-selected", isChosen);
    each.tabIndex = isChosen ? 0 : -1;
    if (isChosen && isFocused) each.focus({ preventScroll: true });
  }
  code.hidden = tab !== "code";
  wirePanel.hidden = pause.hidden = clear.hidden = tab !== "wire";
  if (tab === "wire") log.scrollTop = log.scrollHeight;
  panel.dataset.tab = tab;
  showButtons();
}

/* Which of the cards' buttons has opened what is there. */
function showButtons() {
  for (const button of document.querySelectorAll("[data-behind]")) {
    const isIt = !panel.hidden && button.closest("[data-card]") === card && button.dataset.behind === panel.dataset.tab;

    button.setAttribute("aria-expanded", isIt);
  }
}

function showTitle() {
  if (card) putPlain(title, say("behindTitle", { card: card.querySelector("h2").textContent }));
}

/* The card is to be seen above the panel. */
function bringUp(node) {
  const { top } = node.getBoundingClientRect();

  if (top < 0 || top > panel.getBoundingClientRect().top - 120) node.scrollIntoView({ block: "start" });
}

function open(button) {
  const next = button.closest("[data-card]");

  opener = button;
  if (next !== card) {
    card = next;
    sources = new Set(card.dataset.wire.split(" "));
    isPaused = false;
    showCode(card);
    showAll();
    showTitle();
  }
  panel.hidden = false;
  choose(button.dataset.behind, true);
  showEnds(document.querySelector("main:not([hidden])")); // logs have become lower
  bringUp(card);
}

function shut() {
  panel.hidden = true;
  card = null;
  showButtons();
  opener?.focus();
}

function toggle(button) {
  if (button.getAttribute("aria-expanded") === "true") shut();
  else open(button);
}

function moveBetweenTabs(event) {
  const here = TABS.indexOf(panel.dataset.tab);
  const next = { ArrowRight: here + 1, ArrowLeft: here + 1, Home: 0, End: 1 }[event.key];

  if (next === undefined) return;
  event.preventDefault();
  choose(TABS[next % TABS.length], true);
}

/* Each card gets the buttons that open its panel, below its title. */
function addButtons() {
  for (const each of document.querySelectorAll("[data-card]")) {
    const buttons = [
      ["code", "behindCode"],
      ["wire", "behindWire"],
    ].map(([tab, key]) => {
      const button = make("button", { type: "button", className: "peek", data: { behind: tab, text: key } });

      button.setAttribute("aria-controls", "behind");
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => toggle(button));
      return button;
    });

    each.querySelector(".path").after(make("p", { className: "peeks" }, ...buttons));
    fillText(each);
  }
}

export function startBehind() {
  addButtons();
  for (const tab of tabs.children) tab.addEventListener("click", () => choose(tab.dataset.tab));
  tabs.addEventListener("keydown", moveBetweenTabs);
  pause.addEventListener("click", togglePause);
  clear.addEventListener("click", () => log.querySelector("ol").replaceChildren());
  close.addEventListener("click", shut);
  panel.addEventListener("keydown", (event) => event.key === "Escape" && shut());
  addEventListener("hashchange", () => panel.hidden || shut());
  onLanguage.add(showTitle);
  showPause();
}
