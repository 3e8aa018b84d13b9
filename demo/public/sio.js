// SPDX-License-Identifier: MIT
// The view "Socket.IO": one connection of npm's client with two namespaces, and how it fares.

import { startSioChat } from "./sio_chat.js";
import { loadClient, transports } from "./sio_client.js";
import { startSioEcho } from "./sio_echo.js";
import { startSioNotify } from "./sio_notify.js";
import { tellWatchers, watch } from "./socket.js";
import { put, putPlain } from "./text.js";
import { watchManager } from "./wire.js";

const LONGEST_WAIT_MS = 4000;
const BOTH = transports.length > 0 ? transports : ["polling", "websocket"];

const view = document.querySelector("#view-socketio");
const strip = document.querySelector("#sio-link");
const stateText = document.querySelector("#sio-state");
const note = document.querySelector("#sio-note");
const idText = document.querySelector("#sio-id");
const nodeLine = document.querySelector("#sio-node");
const nodeName = document.querySelector("#sio-node-name");
const select = document.querySelector("#sio-transports");
const steps = document.querySelectorAll("#sio-steps [data-step]");
const again = document.querySelector("#sio-again");

/** Emits "state"; state is "connecting", "open" (both namespaces are) or "waiting". */
class Link extends EventTarget {
  #manager = null;
  #sockets = [];
  #attempt = 0;
  #lostWhy = "";
  #drops = 0;

  state = "connecting";

  open(Manager) {
    this.#manager = new Manager({
      transports: BOTH,
      reconnectionDelay: 500,
      reconnectionDelayMax: LONGEST_WAIT_MS,
    });
    watchManager(this.#manager, "sio");
    this.root = this.#manager.socket("/");
    this.chat = this.#manager.socket("/chat");
    this.#sockets = [this.root, this.chat];
    for (const socket of this.#sockets) {
      socket.on("connect", () => this.#update());
      socket.on("disconnect", (why) => this.#lose(why));
    }
    this.#manager.on("open", () => this.#watchTransport());
    this.#manager.on("reconnect_attempt", (attempt) => {
      this.#attempt = attempt;
      this.#update();
    });
    this.#manager.on("error", () => this.#update());
    this.#watchTransport();
  }

  get transport() {
    return this.#manager?.engine?.transport?.name ?? "";
  }

  get recovered() {
    return this.chat.recovered === true;
  }

  /** Whether this is not the first time that it is open. */
  get isBack() {
    return this.#drops > 0;
  }

  /** Which attempt to come back this is. */
  get attempt() {
    return Math.max(1, this.#attempt);
  }

  /** Begins anew with other transports, as `io({transports})` would. */
  use(transports) {
    this.#manager.opts.transports = transports;
    this.#restart();
  }

  /** Ends a wait early. */
  retry() {
    if (this.state === "waiting") this.#restart();
  }

  #restart() {
    for (const socket of this.#sockets) socket.disconnect();
    for (const socket of this.#sockets) socket.connect();
    this.#watchTransport();
  }

  #watchTransport() {
    this.#manager.engine?.on("upgrade", () => this.#update());
    this.#update();
  }

  #lose(why) {
    if (why !== "io client disconnect") this.#lostWhy = why;
    this.#drops += 1;
    this.#attempt = 0;
    this.#update();
  }

  #update() {
    const isUp = this.#sockets.every((socket) => socket.connected);

    if (isUp) this.#attempt = 0;
    this.state = isUp ? "open" : this.#lostWhy || this.#attempt > 0 ? "waiting" : "connecting";
    if (isUp) this.#lostWhy = "";
    this.dispatchEvent(new CustomEvent("state"));
    tellWatchers();
  }
}

const link = new Link();

function showNote() {
  if (link.state === "waiting") put(note, "sioAttempt", { n: link.attempt });
  else if (link.state === "open" && link.isBack) put(note, link.recovered ? "sioRecovered" : "sioBack");
  else putPlain(note, "");
}

function showLink() {
  const words = { open: "connected", waiting: "lost", connecting: "connecting" };
  const isUp = link.state === "open";

  strip.dataset.state = link.state;
  strip.dataset.transport = isUp ? link.transport : "";
  put(stateText, words[link.state]);
  showNote();
  idText.textContent = isUp ? link.chat.id : "—";
  again.hidden = link.state !== "waiting";
  for (const step of steps) step.classList.toggle("on", isUp && step.dataset.step === link.transport);
}

/** Which of several nodes serves us; a single server has no name. */
function showNode({ node = "" }) {
  nodeLine.hidden = node === "";
  nodeName.textContent = node;
}

function showMissing() {
  view.dataset.client = "missing";
  document.querySelector("#sio-missing").hidden = false;
}

export async function startSio() {
  const client = await loadClient();

  if (!client) return showMissing();
  watch(link);
  link.addEventListener("state", showLink);
  link.open(client.Manager);
  link.root.on("connect", () => link.root.emit("node", showNode));
  startSioEcho(link);
  startSioChat(link);
  startSioNotify();
  select.value = BOTH.join(" ");
  select.addEventListener("change", () => link.use(select.value.split(" ")));
  again.addEventListener("click", () => link.retry());
  view.dataset.client = "loaded";
  showLink();
}
