// SPDX-License-Identifier: MIT
// The card "Login": a namespace that not everybody gets into.

import { Log } from "./log.js";
import { knowsCode } from "./text.js";

const form = document.querySelector("#login-form");
const [name, password] = form.querySelectorAll("input");
const logOut = document.querySelector("#login-out");
const log = new Log("#login-log");

function showState(socket) {
  form.dataset.state = socket.connected ? "in" : "out";
  form.querySelector("button").disabled = name.disabled = password.disabled = socket.connected;
  logOut.disabled = !socket.connected;
}

function listen(socket) {
  socket.on("connect", () => {
    log.tell("ok", "connect", "loginIn", { id: socket.id });
    showState(socket);
  });
  socket.on("connect_error", (error) => {
    const code = error.data?.code;

    if (knowsCode(code)) log.tell("failed", "connect_error", `code_${code}`);
    else log.show("failed", "connect_error", error.message);
  });
  socket.on("disconnect", () => {
    log.tell("system", "disconnect", "loginOut");
    showState(socket);
  });
  socket.on("came", (who) => log.tell("event", "came", "loginCame", { name: who }));
  socket.on("went", (who) => log.tell("event", "went", "loginWent", { name: who }));
}

export function startLogin(manager) {
  const socket = manager.socket("/members");

  socket.disconnect(); // until somebody logs in
  name.value = document.querySelector("#chat-name").value;
  listen(socket);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    socket.auth = { name: name.value.trim(), password: password.value };
    socket.connect();
  });
  logOut.addEventListener("click", () => socket.disconnect());
  showState(socket);
}
