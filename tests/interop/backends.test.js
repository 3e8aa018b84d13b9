// SPDX-License-Identifier: MIT
// The back ends of examples/backends: one chat, three languages, npm's client.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { io } from "socket.io-client-4.8.4";

import { withBackend } from "./backends.js";
import { eventually } from "./demo.js";

const LIMIT_MS = 30_000;

class Client {
  constructor(url, name, password) {
    this.said = [];
    this.people = [];
    this.socket = io(url, { auth: { name, password }, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
    this.socket.on("said", ({ user, text }) => this.said.push(`${user}: ${text}`));
    this.socket.on("people", () => {
      const show = (members) => (this.people = members.map(({ user }) => user).sort());
      this.ask("who").then(show, () => {}); // not if it leaves meanwhile
    });
  }

  happens = async (name) => (await once(this.socket, name, { signal: AbortSignal.timeout(LIMIT_MS) }))[0];
  ask = (...words) => this.socket.timeout(LIMIT_MS).emitWithAck(...words);
  join = async (room) => (await this.ask("join", room)).map(({ args: [{ user, text }] }) => `${user}: ${text}`);

  async sees(what, wanted) {
    await eventually(() => this[what].join() === wanted.join(), `${what} is ${wanted}`, LIMIT_MS);
  }
}

async function talk(url) {
  for (const [name, password] of [["ann", "oak"], ["zed", null], ["zed", undefined], [["ann"], "rose"], [{}, {}]]) {
    const stranger = new Client(url, name, password);
    assert.equal((await stranger.happens("connect_error")).message, "wrong name or password");
    assert.equal(stranger.socket.active, false);
  }
  const ann = new Client(url, "ann", "rose");
  const boris = new Client(url, "boris", "oak");
  await Promise.all([ann.happens("connect"), boris.happens("connect")]);
  for (const words of [["say", "in no room"], ["join", "no room!"], ["join", ["lobby"]], ["join"], ["who"], ["what"]])
    assert.deepEqual(await ann.ask(...words), { error: "what?" });

  assert.deepEqual(await ann.join("lobby"), []);
  assert.deepEqual(await boris.join("lobby"), []);
  await ann.sees("people", ["ann", "boris"]);
  assert.equal(await ann.ask("say", "hello"), true);
  assert.equal(await boris.ask("say", "Привет 👋"), true);
  for (const client of [ann, boris]) await client.sees("said", ["ann: hello", "boris: Привет 👋"]);

  boris.socket.io.engine.close();
  await ann.sees("people", ["ann"]);
  await ann.ask("say", "meanwhile");
  if (!boris.socket.connected) await boris.happens("connect");
  assert.deepEqual(await boris.join("lobby"), ["ann: hello", "boris: Привет 👋", "ann: meanwhile"]);
  await ann.sees("people", ["ann", "boris"]);

  assert.deepEqual(await boris.join("garden"), []);
  await ann.sees("people", ["ann"]);
  await boris.sees("people", ["boris"]);
  await boris.join("lobby");
  await ann.sees("people", ["ann", "boris"]);

  // Many at once are told in one request, with the meta from before it: she is in the last room alone.
  const rooms = Array.from({ length: 150 }, (_, number) => `room${String.fromCharCode(97 + (number % 26), 97 + Math.floor(number / 26))}`);
  await Promise.all([...rooms, "lobby", "garden", "lobby"].map((room) => ann.ask("join", room)));
  await ann.sees("people", ["ann", "boris"]);
  for (const room of ["garden", rooms[0], rooms[1], rooms[149]]) {
    await boris.join(room);
    await boris.sees("people", ["boris"]);
  }
  await boris.join("lobby");
  await ann.sees("people", ["ann", "boris"]);
  assert.deepEqual(await ann.ask("say", "a\0b"), { error: "what?" });
  assert.deepEqual(await ann.ask("say", "x".repeat(1001)), { error: "what?" });
  assert.equal(await ann.ask("say", "Ж".repeat(1000)), true);
  boris.socket.disconnect(); // logs out
  await ann.sees("people", ["ann"]);
  ann.socket.disconnect();
}

for (const name of ["php", "flask", "express"]) test(name, () => withBackend(name, talk));
