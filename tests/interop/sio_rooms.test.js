// SPDX-License-Identifier: MIT
// What happens in rooms: the same script against Yodel and against the JavaScript server, whose adapter tells it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ask, Clients, Control, eventually, isReference, next, withApp } from "./sio_kit.js";

const LIMIT_MS = 20_000;

/** What a control is told of rooms, with letters for the ids of clients. */
class Watch {
  #told = [];
  #letters = new Map();
  #checked = 0;

  static async open(control) {
    const watch = new Watch();

    control.socket.on("x-room", (...args) => watch.#told.push(args));
    await ask(control.socket, "watch-rooms");
    return watch;
  }

  name(letter, socket) {
    this.#letters.set(socket.id, letter);
    return socket;
  }

  #text([nsp, change, room, id]) {
    const of = (text) => this.#letters.get(text) ?? text;

    return `${nsp} ${change} ${of(room)} ${of(id)}`.trim();
  }

  /** Waits until that was told, and no more, since the last time. */
  async expect(what, ...lines) {
    await eventually(() => this.#told.length >= this.#checked + lines.length, what, LIMIT_MS);
    assert.deepEqual(this.all.slice(this.#checked), lines, what);
    this.#checked += lines.length;
  }

  get all() {
    return this.#told.map((args) => this.#text(args));
  }
}

/** Runs script({open, control, watch, clients}); gives all that was told. */
async function transcript(words, options, script) {
  let all;

  await withApp("features-app", words, async (app) => {
    const clients = new Clients(app);
    const control = await Control.open(app);

    try {
      const watch = await Watch.open(control);
      const open = async (letter, ...args) => watch.name(letter, await clients.open(...args));

      await script({ clients, control, open, watch });
      all = watch.all;
    } finally {
      clients.dismiss();
      control.close();
    }
  }, options);
  return all;
}

async function joinAndLeave({ control, open, watch }) {
  const a = await open("A");
  await watch.expect("a socket is in its own room", "/ create-room A", "/ join-room A A");
  await ask(a, "join", ["x", "y"]);
  await watch.expect("two at once", "/ create-room x", "/ join-room x A", "/ create-room y", "/ join-room y A");
  await ask(a, "join", ["x", "x"]);
  await ask(a, "leave", "none");
  const b = await open("B");
  await watch.expect("twice is once", "/ create-room B", "/ join-room B B");
  await ask(b, "join", ["x", a.id]);
  await watch.expect("the room of another's id", "/ join-room x B", "/ join-room A B");
  await ask(a, "leave", "x");
  await ask(a, "leave", "x");
  await ask(a, "leave", "y");
  await watch.expect("the last one", "/ leave-room x A", "/ leave-room y A", "/ delete-room y");
  await control.run("/", [["to", "x"]], "socketsJoin", ["p", "q"]);
  await watch.expect("by a target", "/ create-room p", "/ join-room p B", "/ create-room q", "/ join-room q B");
  await control.run("/", [["to", "q"]], "socketsLeave", "p");
  await watch.expect("and out again", "/ leave-room p B", "/ delete-room p");
  await ask(a, "leave", a.id);
  await ask(a, "join", [a.id]);
  await watch.expect("one's own room", "/ leave-room A A", "/ join-room A A");
  b.disconnect();
  await watch.expect("in the order it joined", "/ leave-room B B", "/ delete-room B", "/ leave-room x B", "/ delete-room x",
    "/ leave-room A B", "/ leave-room q B", "/ delete-room q");
  a.io.engine.close();
  await watch.expect("a connection that is lost", "/ leave-room A A", "/ delete-room A");
}

async function namespaces({ control, open, watch }) {
  const child = await open("A", "/dyn-one");
  await watch.expect("of a child", "/dyn-one create-room A", "/dyn-one join-room A A");
  await ask(child, "join", ["x"]);
  await watch.expect("room of a child", "/dyn-one create-room x", "/dyn-one join-room x A");
  const chat = await open("B", "/chat");
  await ask(chat, "join", ["x"]);
  await watch.expect("another room of that name", "/chat create-room B", "/chat join-room B B", "/chat create-room x", "/chat join-room x B");
  child.disconnect();
  await watch.expect("a child that goes", "/dyn-one leave-room A A", "/dyn-one delete-room A", "/dyn-one leave-room x A", "/dyn-one delete-room x");
  await control.run("/chat", [["to", "x"]], "disconnectSockets", true);
  await watch.expect("by the server", "/chat leave-room B B", "/chat delete-room B", "/chat leave-room x B", "/chat delete-room x");
  await open("C", "/mw");
  await watch.expect("joined by middleware", "/mw create-room from-mw", "/mw join-room from-mw C", "/mw create-room C", "/mw join-room C C");
}

async function recovery({ clients, control, open, watch }) {
  const a = await open("A", "/chat");
  const coming = next(a, "hello");

  await ask(a, "join", ["x"]);
  await control.runOn(a, [], "emit", "hello");
  await coming;
  await watch.expect("at first", "/chat create-room A", "/chat join-room A A", "/chat create-room x", "/chat join-room x A");
  a.io.reconnection(false);
  a.io.engine.close();
  await watch.expect("it is lost", "/chat leave-room A A", "/chat delete-room A", "/chat leave-room x A", "/chat delete-room x");
  const connected = next(a, "connect", LIMIT_MS);
  a.connect();
  await connected;
  assert.equal(a.recovered, true);
  await watch.expect("it comes back", "/chat create-room A", "/chat join-room A A", "/chat create-room x", "/chat join-room x A");
  await ask(a, "leave", "x");
  await watch.expect("and leaves", "/chat leave-room x A", "/chat delete-room x");
  clients.dismiss();
  await watch.expect("for good", "/chat leave-room A A", "/chat delete-room A");
}

const scripts = { "joins and leaves": [joinAndLeave], "namespaces": [namespaces], "recovery": [recovery, "--recovery"] };

for (const [name, [script, ...words]] of Object.entries(scripts))
  describe(name, () => {
    for (const loops of isReference ? [1] : [1, 4])
      test(`loops ${loops}`, async () => {
        const theirs = await transcript(["--patient", ...words], { reference: true }, script);
        const ours = await transcript(["--patient", ...words, "--loops", String(loops)], {}, script);

        assert.deepEqual(ours, theirs);
      });
  });
