// SPDX-License-Identifier: MIT
// The section "Echo": frames to /ws and back.

import { appendLine, make, makeArrow } from "./dom.js";
import { LiveSocket } from "./socket.js";
import { timeNow } from "./text.js";

const form = document.querySelector("#echo-form");
const input = document.querySelector("#echo-input");
const log = document.querySelector("#echo-log");
const socket = new LiveSocket("/ws", "echo");
const sentAt = []; // answers come in the order of the questions

function showFrame(direction, text, note = "") {
  appendLine(
    log,
    make(
      "li",
      { data: { direction } },
      make("time", { textContent: timeNow(true) }),
      makeArrow(direction),
      make("span", { className: "payload", textContent: text }),
      make("span", { className: "note", textContent: note }),
    ),
  );
}

function send(text) {
  if (!socket.send(text)) return;
  sentAt.push(performance.now());
  showFrame("out", text);
}

function showState() {
  const isOpen = socket.state === "open";

  form.querySelector("button").disabled = !isOpen;
  for (const chip of document.querySelectorAll("[data-sample]")) chip.disabled = !isOpen;
  if (!isOpen) sentAt.length = 0;
}

export function startEcho() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(input.value);
    input.value = "";
  });
  for (const chip of document.querySelectorAll("[data-sample]"))
    chip.addEventListener("click", () => send(chip.dataset.sample));
  socket.addEventListener("state", showState);
  socket.addEventListener("message", ({ detail }) => {
    const started = sentAt.shift();
    const took = started === undefined ? "" : `${(performance.now() - started).toFixed(1)} ms`;

    showFrame("in", detail, took);
  });
  showState();
  socket.start();
}
