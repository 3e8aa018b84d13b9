// SPDX-License-Identifier: MIT
// The card "Acknowledgements": questions and answers in both directions.

import { Log, since } from "./log.js";
import { knowsCode } from "./text.js";

const PATIENCE_MS = 1000;

const form = document.querySelector("#question-form");
const [a, b] = form.querySelectorAll("input");
const log = new Log("#question-log");

function showFailure(name, answer) {
  if (knowsCode(answer?.code)) log.tell("failed", name, `code_${answer.code}`);
  else log.show("failed", name, JSON.stringify(answer));
}

function add(socket) {
  const started = performance.now();
  const values = [a.valueAsNumber, b.valueAsNumber];

  socket.emit("add", ...values, (answer) => {
    if (typeof answer === "number") log.tell("ok", "add", "questionSum", { sum: answer, ms: since(started) });
    else showFailure("add", answer);
  });
}

function askInVain(socket) {
  log.tell("waiting", "never", "questionWaiting", { ms: PATIENCE_MS });
  socket.timeout(PATIENCE_MS).emit("never", (error) => {
    if (error) log.tell("failed", "never", "questionNoAnswer", { ms: PATIENCE_MS });
  });
}

function beAsked(socket) {
  const started = performance.now();

  socket.emit("ask_me", (answer) => {
    if (answer?.name !== undefined) log.tell("ok", "ask_me", "questionKnows", { name: answer.name, ms: since(started) });
    else showFailure("ask_me", answer);
  });
}

export function startQuestion(manager) {
  const socket = manager.socket("/ask");

  socket.on("name?", (answer) => {
    const name = document.querySelector("#chat-name").value;

    log.tell("asked", "name?", "questionAsked", { name });
    answer(name);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(socket);
  });
  document.querySelector("#question-never").addEventListener("click", () => askInVain(socket));
  document.querySelector("#question-ask-me").addEventListener("click", () => beAsked(socket));
}
