// SPDX-License-Identifier: MIT
// The section "Chat rooms": one WebSocket a room.

import { appendLine, make } from "./dom.js";
import { LiveSocket } from "./socket.js";
import { fillText, onLanguage, put, putPlain, say, timeNow } from "./text.js";

const joinForm = document.querySelector("#join-form");
const nameInput = document.querySelector("#chat-name");
const roomInput = document.querySelector("#chat-room");
const tabs = document.querySelector("#tabs");
const panels = document.querySelector("#panels");
const noRoom = document.querySelector("#no-room");

const rooms = new Map();
const self = crypto.getRandomValues(new Uint32Array(2)).join("-"); // tells own messages from others'
let active = null;

/** Called with the names of the rooms and the one in front when either has changed. */
export const onRooms = new Set();

function tellRooms() {
  for (const listener of onRooms) listener([...rooms.keys()], active?.name ?? "");
}

function remember() {
  localStorage.setItem("yodel.rooms", JSON.stringify([...rooms.keys()]));
}

/* What people write is an object with a name; a program behind an HTTP view writes what it likes. */
function describe(message) {
  if (typeof message === "string") return { kind: "server", text: message };
  if (message !== null && typeof message === "object" && typeof message.text === "string") {
    const kind = message.from === self ? "own" : "other";
    return { kind, name: String(message.name ?? ""), text: message.text };
  }
  return { kind: "server", text: JSON.stringify(message) };
}

function authorOf({ kind, name }) {
  const author = make("span", { className: "author" });

  return name ? putPlain(author, name) : put(author, kind === "server" ? "fromServer" : "somebody");
}

/* One of twelve: names that look alike have colours that do not. */
function hueOf(name) {
  let sum = 7;

  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 65521;
  return (sum % 12) * 30;
}

class Room {
  #retryTimer = 0;
  #unread = 0;
  #present = 0;

  constructor(name) {
    this.name = name;
    this.socket = new LiveSocket(`/ws/chat/${encodeURIComponent(name)}/`, "chat");
    this.#makeTab();
    this.#makePanel();
    this.socket.addEventListener("state", () => this.showState());
    this.socket.addEventListener("message", ({ detail }) => this.#receive(JSON.parse(detail)));
    this.socket.start();
  }

  #makeTab() {
    this.badge = make("span", { className: "badge", hidden: true });
    this.tab = make(
      "button",
      { type: "button", role: "tab", id: `tab-${this.name}`, data: { room: this.name } },
      make("span", { className: "dot", ariaHidden: "true" }),
      make("span", { textContent: this.name }),
      this.badge,
    );
    this.tab.setAttribute("aria-controls", `panel-${this.name}`);
    this.tab.addEventListener("click", () => show(this));
    tabs.append(this.tab);
  }

  #makePanel() {
    this.status = make("span", { className: "room-state", role: "status" });
    this.retryButton = make("button", { type: "button", className: "chip", data: { text: "again" } });
    this.leaveButton = make("button", { type: "button", className: "chip leave", data: { text: "leave" } });
    this.log = make(
      "div",
      { className: "messages", role: "log", tabIndex: 0, data: { label: "messages", empty: "quietRoom" } },
      make("ol"),
    );
    this.input = make("input", { maxLength: 2000, data: { label: "messageHint", hint: "messageHint" } });
    this.sendButton = make("button", { type: "submit", className: "button", data: { text: "send" } });
    this.form = make("form", { className: "compose", autocomplete: "off" }, this.input, this.sendButton);
    this.panel = make(
      "div",
      { className: "panel", role: "tabpanel", id: `panel-${this.name}`, data: { room: this.name } },
      make("div", { className: "panel-head" }, this.status, this.retryButton, this.leaveButton),
      this.log,
      this.form,
    );
    this.panel.setAttribute("aria-labelledby", this.tab.id);
    this.retryButton.addEventListener("click", () => this.socket.retry());
    this.leaveButton.addEventListener("click", () => leave(this));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say();
    });
    panels.append(this.panel);
    this.translate();
  }

  #say() {
    const text = this.input.value.trim();
    const message = { from: self, name: nameInput.value.trim(), text };

    if (text !== "" && this.socket.send(JSON.stringify({ message }))) this.input.value = "";
  }

  #receive(frame) {
    if ("presence" in frame) {
      this.#present = frame.presence;
      this.showState();
      return;
    }
    const message = describe(frame.message);
    const line = make(
      "li",
      { className: message.kind },
      authorOf(message),
      make("time", { textContent: timeNow(false) }),
      make("p", { textContent: message.text }),
    );

    line.style.setProperty("--hue", hueOf(message.name ?? ""));
    appendLine(this.log, line);
    if (this !== active || document.hidden) this.#setUnread(this.#unread + 1);
  }

  #setUnread(count) {
    this.#unread = count;
    this.badge.hidden = count === 0;
    this.badge.textContent = count > 99 ? "99+" : count;
    if (count > 0) this.badge.title = say("unread", { n: count });
  }

  read() {
    this.#setUnread(0);
  }

  showState() {
    const { state, retryAt } = this.socket;

    clearTimeout(this.#retryTimer);
    if (state === "open") {
      put(this.status, "here", { n: this.#present });
    } else if (state === "waiting") {
      const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));

      put(this.status, "retryIn", { n: seconds });
      this.#retryTimer = setTimeout(() => this.showState(), 1000);
    } else {
      put(this.status, "connecting");
    }
    this.retryButton.hidden = state !== "waiting";
    this.sendButton.disabled = state !== "open";
    this.panel.dataset.state = state;
    this.panel.dataset.present = state === "open" ? this.#present : "";
    this.tab.dataset.state = state;
  }

  translate() {
    fillText(this.panel);
    this.showState();
  }

  remove() {
    clearTimeout(this.#retryTimer);
    this.socket.stop();
    clearTimeout(this.#retryTimer);
    this.tab.remove();
    this.panel.remove();
  }
}

/* Scrolls the list of tabs, and nothing else, until a tab is in sight. */
function bringIntoSight(tab) {
  const list = tabs.getBoundingClientRect();
  const { left, right } = tab.getBoundingClientRect();

  if (left < list.left) tabs.scrollLeft -= list.left - left;
  else if (right > list.right) tabs.scrollLeft += right - list.right;
}

function show(room) {
  active = room;
  for (const each of rooms.values()) {
    const isActive = each === room;

    each.tab.setAttribute("aria-selected", isActive);
    each.tab.tabIndex = isActive ? 0 : -1;
    each.panel.hidden = !isActive;
  }
  tabs.hidden = rooms.size === 0;
  noRoom.hidden = rooms.size > 0;
  if (room) {
    room.read();
    bringIntoSight(room.tab);
    room.log.scrollTop = room.log.scrollHeight;
  }
  tellRooms();
}

function join(name) {
  if (!rooms.has(name)) rooms.set(name, new Room(name));
  show(rooms.get(name));
  remember();
}

function leave(room) {
  rooms.delete(room.name);
  room.remove();
  show(room === active ? ([...rooms.values()].at(-1) ?? null) : active);
  remember();
  (active?.tab ?? roomInput).focus();
}

/* The keys of a list of tabs, as the ARIA practices have them. */
function moveBetweenTabs(event) {
  const list = [...rooms.values()];
  const here = list.indexOf(active);
  const steps = { ArrowRight: here + 1, ArrowLeft: here - 1 + list.length, Home: 0, End: list.length - 1 };

  if (!(event.key in steps)) return;
  event.preventDefault();
  show(list[steps[event.key] % list.length]);
  active.tab.focus();
}

function storedRooms() {
  try {
    const names = JSON.parse(localStorage.getItem("yodel.rooms")) ?? ["lobby"];
    return names.filter((name) => /^[\p{L}\p{N}_]+$/u.test(name));
  } catch {
    return ["lobby"];
  }
}

export function startChat() {
  nameInput.value = localStorage.getItem("yodel.name") ?? `guest-${100 + Math.floor(Math.random() * 900)}`;
  nameInput.addEventListener("change", () => localStorage.setItem("yodel.name", nameInput.value.trim()));
  joinForm.addEventListener("submit", (event) => {
    event.preventDefault();
    join(roomInput.value);
    roomInput.value = "";
    active.input.focus();
  });
  tabs.addEventListener("keydown", moveBetweenTabs);
  document.addEventListener("visibilitychange", () => document.hidden || active?.read());
  onLanguage.add(() => rooms.forEach((room) => room.translate()));
  for (const name of storedRooms()) join(name);
  if (rooms.size > 0) show(rooms.values().next().value);
}
