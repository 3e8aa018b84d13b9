// SPDX-License-Identifier: MIT
// The card "Namespace": what comes in /chat, messages to all, and rooms.

import { appendLine, make } from "./dom.js";
import { fillText, knowsCode, onLanguage, put, putPlain, say, timeNow } from "./text.js";

const joinForm = document.querySelector("#sio-join-form");
const roomInput = document.querySelector("#sio-room");
const chips = document.querySelector("#sio-rooms");
const log = document.querySelector("#sio-chat-log");
const form = document.querySelector("#sio-chat-form");
const target = document.querySelector("#sio-target");
const input = document.querySelector("#sio-chat-input");

const rooms = new Set();
let link;

/* kind is the name of an event, or "system" for what the page itself has to say. */
function showLine(kind, fillIn) {
  const payload = make("span", { className: "payload" });

  fillIn(payload);
  appendLine(
    log,
    make(
      "li",
      { data: { kind } },
      make("time", { textContent: timeNow(false) }),
      make("code", { className: "event", textContent: kind, hidden: kind === "system" }),
      payload,
    ),
  );
}

function remark(key, values) {
  showLine("system", (payload) => put(payload, key, values));
}

/* The server says it in Russian, as the notes do, and by a code for those who know other languages. */
function hear(event, text, meant) {
  showLine(event, (payload) =>
    knowsCode(meant?.code) ? put(payload, `code_${meant.code}`, meant) : putPlain(payload, String(text)),
  );
}

/* An empty acknowledgement is a yes; else it says what was wrong. */
function failed(answer) {
  if (answer?.error) hear("system", answer.error, answer);
  return Boolean(answer?.error);
}

function showRooms() {
  const chosen = target.value;
  const all = make("option", { value: "", data: { text: "sioEveryone" } });

  target.replaceChildren(all, ...[...rooms].map((room) => make("option", { value: room, textContent: room })));
  target.value = rooms.has(chosen) ? chosen : "";
  chips.replaceChildren(
    ...[...rooms].map((room) => {
      const chip = make("button", { type: "button", className: "chip room", data: { room } }, room);

      chip.setAttribute("aria-label", `${say("leave")}: ${room}`);
      chip.append(make("span", { ariaHidden: "true", className: "cross" }, "×"));
      chip.addEventListener("click", () => leave(room));
      return chip;
    }),
  );
  chips.hidden = rooms.size === 0;
  fillText(target);
}

function join(room) {
  link.chat.emit("join", { room }, (answer) => {
    if (failed(answer)) return;
    rooms.add(room);
    showRooms();
    target.value = room;
  });
}

function leave(room) {
  link.chat.emit("leave", { room }, (answer) => {
    if (failed(answer)) return;
    rooms.delete(room);
    remark("sioLeft", { room });
    showRooms();
  });
}

function speak() {
  const text = input.value.trim();

  if (text === "") return;
  if (target.value === "") link.chat.emit("user_message", { text }, failed);
  else link.chat.emit("room_say", { room: target.value, text }, failed);
  input.value = "";
}

/* A server that has been restarted knows nothing of rooms; one that recovered the session does. */
function onConnect() {
  if (link.isBack) remark(link.recovered ? "sioRecovered" : "sioBack");
  if (!link.recovered) for (const room of rooms) link.chat.emit("join", { room });
}

function showState() {
  for (const button of [form, joinForm].map((each) => each.querySelector("button")))
    button.disabled = link.state !== "open";
}

function listen({ chat }) {
  for (const event of ["server_response", "server_broadcast", "notification"])
    chat.on(event, (value) => hear(event, value?.data, value));
  chat.on("room_message", (text, meant) => hear("room_message", text, meant));
  chat.on("connect", onConnect);
  chat.on("disconnect", (why) => remark("lostWhy", { why }));
}

export function startSioChat(theLink) {
  link = theLink;
  listen(link);
  joinForm.addEventListener("submit", (event) => {
    event.preventDefault();
    join(roomInput.value.trim());
    roomInput.value = "";
    input.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    speak();
  });
  link.addEventListener("state", showState);
  onLanguage.add(showRooms);
  showRooms();
  showState();
}
