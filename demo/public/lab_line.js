// SPDX-License-Identifier: MIT
// The card "Recovery": a client whose line is cut, and another one that goes on talking.

import { Log } from "./log.js";
import { withTransports } from "./sio_client.js";
import { onLanguage, put, putPlain, say } from "./text.js";
import { watchManager } from "./wire.js";

const ROOM = crypto.getRandomValues(new Uint32Array(3)).join("-"); // of this page alone
const WORDS_MEANWHILE = 3;

const state = document.querySelector("#line-state");
const idText = document.querySelector("#line-id");
const result = document.querySelector("#line-result");
const cutButton = document.querySelector("#line-cut");
const backButton = document.querySelector("#line-back");
const newButton = document.querySelector("#line-new");
const sayButton = document.querySelector("#line-say");
const log = new Log("#line-log");

let makeSocket;
let one; // its line can be cut
let other;
let wasCut = false;
let isWaiting = true; // for "ready", ahead of which comes what was missed
let missed = 0; // heard meanwhile
let spoken = 0;

function showState() {
  const isUp = one.connected && !isWaiting;

  state.dataset.state = isUp ? "open" : wasCut ? "waiting" : "connecting";
  put(state.querySelector(".pill-text"), isUp ? "connected" : wasCut ? "lineIsCut" : "connecting");
  putPlain(idText, one.id ?? "—");
  cutButton.disabled = !isUp;
  backButton.disabled = newButton.disabled = !wasCut || one.connected;
}

function onReady({ recovered }) {
  isWaiting = false;
  if (wasCut) {
    const key = recovered ? "lineRecovered" : "lineNewSession";

    log.tell(recovered ? "ok" : "failed", "connect", key, { n: missed, id: one.id });
    put(result, key, { n: missed, id: one.id });
    result.dataset.state = recovered ? "ok" : "failed";
  }
  wasCut = false;
  showState();
}

function listen(socket) {
  socket.on("connect", showState);
  socket.on("said", (text) => {
    if (isWaiting) missed += 1;
    log.show(isWaiting ? "missed" : "event", "said", text);
  });
  socket.on("ready", onReady);
  socket.on("disconnect", (why) => {
    isWaiting = true;
    missed = 0;
    log.tell("system", "disconnect", "lineLost", { why });
    showState();
  });
}

/* Of its own, and on its own: a Manager that does not come back by itself. */
function makeOne() {
  isWaiting = true;
  missed = 0;
  one = makeSocket({ reconnection: false });
  listen(one);
}

async function speak() {
  spoken += 1;
  await other.emitWithAck("say", say("lineWords", { n: spoken }));
}

/* As a network loss does: nobody says good-bye. */
async function cut() {
  wasCut = true;
  putPlain(result, "");
  one.io.engine.transport.close();
  showState();
  for (let i = 0; i < WORDS_MEANWHILE; i++) await speak();
  put(result, "lineMeanwhile", { n: WORDS_MEANWHILE });
  result.dataset.state = "busy";
}

function comeBackAnew() {
  one.off();
  makeOne();
}

export function startLine(Manager) {
  makeSocket = (options) => {
    const manager = new Manager(withTransports({ ...options, transports: ["websocket", "polling"] }));

    watchManager(manager, "line");
    return manager.socket("/line", { auth: { room: ROOM } });
  };
  makeOne();
  other = makeSocket({});
  cutButton.addEventListener("click", cut);
  backButton.addEventListener("click", () => one.connect());
  newButton.addEventListener("click", comeBackAnew);
  sayButton.addEventListener("click", speak);
  onLanguage.add(showState);
  showState();
}
