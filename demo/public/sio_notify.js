// SPDX-License-Identifier: MIT
// The card "From the server": POST /notify, heard by everybody in /chat.

import { post, shellCommand } from "./post.js";
import { onLanguage, say } from "./text.js";

const form = document.querySelector("#sio-notify-form");
const input = document.querySelector("#sio-notify-text");
const curl = document.querySelector("#sio-notify-curl");
const answer = document.querySelector("#sio-notify-answer");

function body() {
  return JSON.stringify({ data: input.value || say("notifyDefault") });
}

function showCurl() {
  curl.textContent = shellCommand("/notify", body());
}

export function startSioNotify() {
  onLanguage.add(showCurl);
  showCurl();
  input.addEventListener("input", showCurl);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await post("/notify", body(), answer, "sio_notify")) input.value = "";
    showCurl();
  });
}
