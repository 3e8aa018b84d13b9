// SPDX-License-Identifier: MIT
// The section "From the server": an HTTP request that speaks to a room.

import { make } from "./dom.js";
import { onRooms } from "./chat.js";
import { post, shellCommand } from "./post.js";
import { onLanguage, put, say } from "./text.js";

const form = document.querySelector("#notify-form");
const select = document.querySelector("#notify-room");
const input = document.querySelector("#notify-text");
const curl = document.querySelector("#notify-curl");
const copy = document.querySelector("#notify-copy");
const answer = document.querySelector("#notify-answer");

function path() {
  return `/rooms/${encodeURIComponent(select.value || "lobby")}/messages`;
}

function body() {
  return JSON.stringify({ message: input.value || say("notifyDefault") });
}

function showCurl() {
  curl.textContent = shellCommand(path(), body());
}

function showRooms(names, activeName) {
  select.replaceChildren(
    ...(names.length > 0 ? names : ["lobby"]).map((name) => make("option", { textContent: name })),
  );
  select.value = activeName || "lobby";
  showCurl();
}

export function startNotify() {
  onRooms.add(showRooms);
  onLanguage.add(showCurl);
  showCurl();
  select.addEventListener("change", showCurl);
  input.addEventListener("input", showCurl);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await post(path(), body(), answer, "notify")) input.value = "";
    showCurl();
  });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(curl.textContent);
    put(copy, "copied");
    setTimeout(() => put(copy, "copy"), 1500);
  });
  // A clipboard is for pages of a secure origin only.
  copy.hidden = navigator.clipboard === undefined;
}
