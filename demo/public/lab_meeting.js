// SPDX-License-Identifier: MIT
// The card "One room, three kinds of clients": a raw WebSocket, a Socket.IO client and an EventSource.

import { Log } from "./log.js";
import { LiveSocket } from "./socket.js";
import { note } from "./wire.js";

/* One of the three: what it hears, whether it is connected, and how it speaks. */
function startSeat(name, speak) {
  const seat = document.querySelector(`#meeting-${name}`);
  const form = seat.querySelector("form");
  const input = form.querySelector("input");
  const log = new Log(`#meeting-${name} [role="log"]`);

  form.addEventListener("submit", (event) => {
    const text = input.value.trim();

    event.preventDefault();
    if (text !== "") speak(text);
    input.value = "";
  });
  return {
    hear: ({ from, text }) => log.show("event", String(from), String(text)),
    setOpen: (isOpen) => {
      seat.dataset.state = isOpen ? "open" : "connecting";
      form.querySelector("button").disabled = !isOpen;
    },
  };
}

function startWebSocket() {
  const socket = new LiveSocket("/ws/meeting", "meeting");
  const seat = startSeat("websocket", (text) => socket.send(text));

  seat.setOpen(false);
  socket.addEventListener("state", () => seat.setOpen(socket.state === "open"));
  socket.addEventListener("message", ({ detail }) => seat.hear(JSON.parse(detail)));
  socket.start();
}

function startSocketIo(manager) {
  const socket = manager.socket("/meeting");
  const seat = startSeat("socketio", (text) => socket.emit("say", text));

  seat.setOpen(false);
  socket.on("connect", () => seat.setOpen(true));
  socket.on("disconnect", () => seat.setOpen(false));
  socket.on("said", (message) => seat.hear(message));
}

async function post(text) {
  const body = JSON.stringify({ text });

  note("meeting", "out", "http", "POST", `/meeting/messages ${body}`);
  const answer = await fetch("/meeting/messages", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });

  note("meeting", "in", "http", String(answer.status), await answer.text());
}

function startEventSource() {
  const source = new EventSource("/meeting/events");
  const seat = startSeat("eventsource", (text) => post(text).catch(() => {}));

  seat.setOpen(false);
  note("meeting", "out", "sse", "GET", "/meeting/events");
  source.onopen = () => {
    note("meeting", "in", "sse", "200", "text/event-stream");
    seat.setOpen(true);
  };
  source.onerror = () => seat.setOpen(false); // it comes back by itself
  source.onmessage = ({ data }) => {
    note("meeting", "in", "sse", "event", `data: ${data}`);
    seat.hear(JSON.parse(data));
  };
}

export function startMeeting(manager) {
  startWebSocket();
  startSocketIo(manager);
  startEventSource();
}
