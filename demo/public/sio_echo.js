// SPDX-License-Identifier: MIT
// The card "Echo to all": the event "message" of the namespace "/".

import { appendLine, make, makeArrow } from "./dom.js";
import { timeNow } from "./text.js";

const form = document.querySelector("#sio-echo-form");
const input = document.querySelector("#sio-echo-input");
const log = document.querySelector("#sio-echo-log");

function showEvent(direction, text) {
  appendLine(
    log,
    make(
      "li",
      { data: { direction } },
      make("time", { textContent: timeNow(true) }),
      makeArrow(direction),
      make("span", { className: "payload", textContent: text }),
    ),
  );
}

export function startSioEcho(link) {
  const button = form.querySelector("button");
  const showState = () => (button.disabled = link.state !== "open");

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    showEvent("out", input.value);
    link.root.emit("message", input.value);
    input.value = "";
  });
  link.root.on("message", (text) => showEvent("in", String(text)));
  link.addEventListener("state", showState);
  showState();
}
