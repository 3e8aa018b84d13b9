// SPDX-License-Identifier: MIT
// A WebSocket that comes back by itself.

import { note } from "./wire.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const STEADY_MS = 3000; // open for so long, the next wait starts small again

const all = new Set();

/** Calls listener(sockets) whenever the state of any socket changes. */
export const watchers = new Set();

/** Says that the state of one has changed. */
export function tellWatchers() {
  for (const watcher of watchers) watcher([...all]);
}

/** Adds what has a state and a retry() of its own. */
export function watch(connection) {
  all.add(connection);
}

/**
 * Emits "state" and "message" (detail: the text).  state is "connecting", "open", "waiting" (until
 * retryAt) or "closed" (by stop()).
 */
export class LiveSocket extends EventTarget {
  #path;
  #from;
  #socket = null;
  #timer = 0;
  #failures = 0;

  state = "closed";
  retryAt = 0;

  /** from is what its frames are noted as. */
  constructor(path, from) {
    super();
    this.#path = path;
    this.#from = from;
  }

  start() {
    all.add(this);
    this.#connect();
  }

  stop() {
    all.delete(this);
    clearTimeout(this.#timer);
    this.#socket?.close(1000, "left");
    this.#note("out", "close", "1000 left");
    this.#socket = null;
    this.#become("closed");
  }

  /** Ends a wait early. */
  retry() {
    if (this.state === "waiting") this.#connect();
  }

  /** Returns whether it was sent: what is said while there is no connection is not kept. */
  send(text) {
    if (this.state !== "open") return false;
    this.#socket.send(text);
    this.#note("out", "text", text);
    return true;
  }

  #note(direction, kind, data) {
    note(this.#from, direction, "websocket", kind, data);
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state"));
    tellWatchers();
  }

  #connect() {
    const url = new URL(this.#path, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    let openedAt = 0;

    clearTimeout(this.#timer);
    this.#socket = socket;
    this.#become("connecting");
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      openedAt = performance.now();
      this.#note("out", "GET", this.#path);
      this.#note("in", "101", socket.extensions);
      this.#become("open");
    };
    socket.onmessage = (event) => {
      if (socket !== this.#socket) return;
      this.#note("in", "text", event.data);
      this.dispatchEvent(new CustomEvent("message", { detail: event.data }));
    };
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.#socket) return;
      this.#note("in", "close", `${code} ${reason}`.trim());
      if (openedAt > 0 && performance.now() - openedAt >= STEADY_MS) this.#failures = 0;
      this.#wait();
    };
  }

  #wait() {
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    // Some of it by chance: the clients of a server that restarts do not all come at once.
    const wait = longest * (0.7 + 0.3 * Math.random());

    this.retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#become("waiting");
  }
}

window.addEventListener("online", () => {
  for (const socket of all) socket.retry();
});
