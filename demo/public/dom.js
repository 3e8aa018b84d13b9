// SPDX-License-Identifier: MIT
// Elements, and lists that grow at their end.

import { put } from "./text.js";

/** An element with properties and children; text among the children is text, never markup. */
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);

  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** An arrow up or down for what was sent ("out") and received ("in"). */
export function makeArrow(direction) {
  const isOut = direction === "out";
  const what = make("span", { className: "only-heard", data: { text: isOut ? "sent" : "received" } });

  put(what, what.dataset.text);
  return make("span", { className: "arrow" }, make("span", { ariaHidden: "true" }, isOut ? "↑" : "↓"), what);
}

/** Appends to the list in a log that is kept short; follows its end unless the reader has scrolled up. */
export function appendLine(log, line, longest = 300) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const list = log.querySelector("ol");

  list.append(line);
  while (list.childElementCount > longest) list.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}
