// SPDX-License-Identifier: MIT
// The short logs of the cards of the view "Features".

import { appendLine, make } from "./dom.js";
import { put, putPlain, timeNow } from "./text.js";

const LONGEST = 100;

/** A line of a log: the name of an event or answer, and what there is to say about it. */
export class Log {
  #log;

  constructor(selector) {
    this.#log = document.querySelector(selector);
  }

  #add(kind, name, fillIn) {
    const payload = make("span", { className: "payload" });

    fillIn(payload);
    appendLine(
      this.#log,
      make(
        "li",
        { data: { kind } },
        make("time", { textContent: timeNow(false) }),
        make("code", { className: "event", textContent: name }),
        payload,
      ),
      LONGEST,
    );
  }

  /** A text of the page's tables. */
  tell(kind, name, key, values) {
    this.#add(kind, name, (payload) => put(payload, key, values));
  }

  /** Text as it came. */
  show(kind, name, text) {
    this.#add(kind, name, (payload) => putPlain(payload, text));
  }
}

/** Milliseconds since started, as the page says them. */
export function since(started) {
  return (performance.now() - started).toFixed(1);
}
