// SPDX-License-Identifier: MIT
// What the page says, in the language of the visitor.

import english from "./text_en.js";
import russian from "./text_ru.js";

const languages = { en: english, ru: russian };

let language = "en";

/** Called after the language has changed. */
export const onLanguage = new Set();

export function currentLanguage() {
  return language;
}

/** The text of that key, with values in it; of a list of forms the one for values.n things. */
export function say(key, values = {}) {
  const entry = languages[language][key];
  const form = typeof entry === "string" ? entry : (entry[plural(values.n)] ?? entry.other);

  return form.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

function plural(n) {
  return new Intl.PluralRules(language).select(n);
}

function shown(value) {
  return typeof value === "number" ? value.toLocaleString(language) : String(value);
}

/** Whether the page knows what the server means by code. */
export function knowsCode(code) {
  return typeof code === "string" && Object.hasOwn(english, `code_${code}`);
}

/** Puts say(key, values) into node, there to be said again when the language changes. */
export function put(node, key, values) {
  node.dataset.text = key;
  if (values) node.dataset.values = JSON.stringify(values);
  else delete node.dataset.values;
  node.textContent = say(key, values);
  return node;
}

/** Puts text that is the same in all languages into node. */
export function putPlain(node, text) {
  delete node.dataset.text;
  delete node.dataset.values;
  node.textContent = text;
  return node;
}

function fill(root, name, set) {
  for (const node of root.querySelectorAll(`[data-${name}]`))
    set(node, say(node.dataset[name], JSON.parse(node.dataset.values ?? "{}")));
}

/** Says everything below root again that asks for it by data-text, data-label, data-hint, ... */
export function fillText(root) {
  fill(root, "text", (node, text) => (node.textContent = text));
  fill(root, "label", (node, text) => node.setAttribute("aria-label", text));
  fill(root, "hint", (node, text) => (node.placeholder = text));
  fill(root, "title", (node, text) => (node.title = text));
  fill(root, "empty", (node, text) => node.setAttribute("data-empty-text", text));
}

export function setLanguage(next) {
  language = next in languages ? next : "en";
  document.documentElement.lang = language;
  document.title = say("title");
  fillText(document);
  for (const listener of onLanguage) listener();
}

export function timeNow(withMillis) {
  const now = new Date();
  const time = now.toLocaleTimeString(language, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });

  return withMillis ? `${time}.${String(now.getMilliseconds()).padStart(3, "0")}` : time.slice(0, 5);
}
