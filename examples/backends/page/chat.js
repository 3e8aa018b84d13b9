// SPDX-License-Identifier: MIT
// The page of the chat, the same for all back ends: npm's Socket.IO client and nothing else.
"use strict";

const at = (id) => document.getElementById(id);
const seen = new Set(); // ids of what is shown: a message may come twice, live and from the history
let socket = null;
let room = "lobby";

function show({ id, user, text }) {
  if (seen.has(id)) return;
  seen.add(id);
  const line = document.createElement("li");
  line.textContent = `${user}: ${text}`;
  at("said").append(line);
  line.scrollIntoView();
}

function showPeople(error, members) {
  if (Array.isArray(members)) at("people").textContent = [...new Set(members.map(({ user }) => user))].sort().join(", ");
}

/** At the beginning, after each reconnection, and when another room is chosen. */
function join(name) {
  if (name !== room) {
    seen.clear();
    at("said").replaceChildren();
  }
  room = name;
  for (const button of at("rooms").querySelectorAll("[value]")) button.ariaPressed = String(button.value === name);
  socket.emit("join", name, (error, items) => {
    if (!error && name === room) items.forEach((item) => show(item.args[0]));
  });
}

function logIn(name, password) {
  socket = io({ auth: { name, password }, retries: 3, ackTimeout: 10_000, forceNew: true });
  socket.on("connect", () => {
    at("login").hidden = true;
    at("chat").hidden = false;
    at("state").textContent = "";
    join(room);
  });
  socket.on("connect_error", (error) => (at(socket.active ? "state" : "problem").textContent = error.message));
  socket.on("disconnect", (reason) => (at("state").textContent = `(${reason})`));
  socket.on("said", show);
  socket.on("people", () => socket.emit("who", showPeople));
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  at("problem").textContent = "";
  logIn(at("name").value, at("password").value);
});
at("say").addEventListener("submit", (event) => {
  event.preventDefault();
  socket.emit("say", at("text").value, (error, done) => {
    if (done === true) at("say").reset();
  });
});
at("rooms").addEventListener("click", ({ target }) => {
  if (target.id === "logout") {
    socket.disconnect();
    location.reload();
  } else if (target.value) join(target.value);
});
