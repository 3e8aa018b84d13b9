// SPDX-License-Identifier: MIT
// The section "From the server": an HTTP request that speaks to a room.

import { make } from "./dom.js";
import { onRooms } from "./chat.js";
import { onLanguage, say, sayCount } from "./text.js";

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

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function showCurl() {
  curl.textContent = [
    `curl ${location.origin}${path()}`,
    "-H 'Content-Type: application/json'",
    `-d ${quoted(body())}`,
  ].join(" \\\n  ");
}

function showRooms(names, activeName) {
  select.replaceChildren(
    ...(names.length > 0 ? names : ["lobby"]).map((name) => make("option", { textContent: name })),
  );
  select.value = activeName || "lobby";
  showCurl();
}

async function post() {
  answer.dataset.state = "busy";
  try {
    const response = await fetch(path(), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: body(),
    });
    const text = await response.text();

    answer.dataset.state = response.ok ? "ok" : "failed";
    answer.textContent = response.ok
      ? `${response.status} ${response.statusText}: ${sayCount("delivered", JSON.parse(text).members)}`
      : `${response.status}: ${text}`;
    if (response.ok) input.value = "";
  } catch {
    answer.dataset.state = "failed";
    answer.textContent = say("failed");
  }
  showCurl();
}

export function startNotify() {
  onRooms.add(showRooms);
  onLanguage.add(showCurl);
  showCurl();
  select.addEventListener("change", showCurl);
  input.addEventListener("input", showCurl);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    post();
  });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(curl.textContent);
    copy.textContent = say("copied");
    setTimeout(() => (copy.textContent = say("copy")), 1500);
  });
  // A clipboard is for pages of a secure origin only.
  copy.hidden = navigator.clipboard === undefined;
}
