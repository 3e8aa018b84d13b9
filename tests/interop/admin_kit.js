// SPDX-License-Identifier: MIT
// yodel serve with its admin page, and who plays the page.  YODEL_PROGRAM names the binary.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { io } from "socket.io-client-4.5.4";

const binary = process.env.YODEL_PROGRAM ?? "build/dev/yodel";
// An unknown name that begins with YODEL_ is an error of the configuration.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("YODEL_")));
export const LIMIT_MS = 30_000;
// "changeit", at the least cost.
const HASH = "$2b$04$4fE9NKkLy865WIHFI8.C..O7MoBN8GmRxWvP8Ct7xHSINGrfsvsPG";
const OTHER = "$2b$04$tm.UlP4yzMqhF3XuAY7z.OJB6qYjOlZ0EohvQvHrxrKi5LmBBZOd2";
const KEY = "key-of-the-tests-of-the-admin-page";
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
export const good = { username: "admin", password: "changeit" };

/** What a test has opened, to be closed also when it fails. */
export const opened = [];

/** All of it, whatever fails. */
export async function closeAll() {
  const closes = opened.splice(0).reverse();
  const failures = [];

  for (const close of closes)
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function eventually(check, what) {
  const end = Date.now() + LIMIT_MS;

  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}

/** A server: public serves clients, internal the page and metrics. */
export class Yodel {
  static async start({ admin = "", more = "", listen = "", spaces = "{name: /, auth: none}", server: words = "" } = {}) {
    const server = new Yodel();
    const file = path.join((server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "yodel-admin-"))), "yodel.yaml");

    fs.writeFileSync(path.join(server.folder, "hash"), HASH, { mode: 0o600 });
    fs.writeFileSync(
      file,
      (listen ||
        'listen:\n  - {name: public, address: "127.0.0.1:0"}\n  - {name: internal, address: "127.0.0.1:0", serve: [admin, api, metrics, health]}\n') +
        `shutdown: {spread: 0s, drain: 5s}\nserver: {loops: 2${words}}\nnamespaces: [${spaces}]\n` +
        `api: {keys: [{name: tests, sha256: "${sha256(KEY)}", scopes: [emit, rooms, read, admin]}]}\n` +
        `admin: {enabled: true, username: admin, password_hash_file: "${server.folder}/hash"${admin}}\n${more}`,
    );
    server.process = spawn(binary, ["serve", "-c", file], { env, stdio: ["ignore", "pipe", "pipe"] });
    opened.push(() => server.stop());
    server.said = "";
    server.process.stderr.on("data", (data) => (server.said += data));
    let text = "";
    server.process.stdout.on("data", (data) => (text += data));
    await eventually(() => / \d+\n.* \d+\n/.test(text) || server.process.exitCode !== null, `yodel: ${server.said}`);
    assert.equal(server.process.exitCode, null, server.said);
    [server.url, server.internal] = [...text.matchAll(/ (\d+)\n/g)].map(([, port]) => `http://127.0.0.1:${port}`);
    return server;
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, "exit");
      this.process.kill("SIGTERM");
      const timer = setTimeout(() => this.process.kill("SIGKILL"), LIMIT_MS);
      const [code] = await ended;
      clearTimeout(timer);
      assert.equal(code, 0, this.said);
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** It ends without a word. */
  async kill() {
    const ended = once(this.process, "exit");

    this.process.kill("SIGKILL");
    await ended;
  }

  /** A reload with another password: "other". */
  async changePassword() {
    fs.writeFileSync(path.join(this.folder, "hash"), OTHER);
    this.process.kill("SIGHUP");
    await eventually(() => this.said.includes("reload: done"), "the reload is done");
  }

  /** A call of the API. */
  async post(call, body) {
    const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
    const answer = await fetch(`${this.internal}/api/v1/${call}`, { method: "POST", headers, body: JSON.stringify(body) });

    assert.equal(answer.status, 200, await answer.text());
  }

  async count(name) {
    const text = await (await fetch(`${this.internal}/metrics`)).text();
    const line = text.split("\n").find((each) => each.startsWith(`${name} `));

    return Number(line.split(" ")[1]);
  }
}

export function client(url, options) {
  const socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"], ...options });

  opened.push(() => socket.disconnect());
  return socket;
}

export async function connected(url, options) {
  const socket = client(url, options);

  await eventually(() => socket.connected, "a client is connected");
  return socket;
}

/** What the page does: from "connect" on it keeps what it is told, and what that comes to. */
export class Page {
  constructor(url, auth, options = {}) {
    this.told = [];
    this.sockets = new Map();
    this.faults = [];
    this.socket = client(`${url}/admin`, { auth, ...options });
    this.socket.on("connect_error", (error) => (this.refused = error.message));
    this.socket.on("disconnect", (reason) => (this.left = reason));
    this.socket.on("connect", () => this.#listen());
  }

  static async open(url, auth = good, options = {}) {
    const page = new Page(url, auth, options);

    await eventually(() => page.config || page.refused, "the page is let in");
    assert.equal(page.refused, undefined);
    return page;
  }

  static async refused(url, auth) {
    const page = new Page(url, auth);

    await eventually(() => page.refused !== undefined || page.config, "the page is refused");
    page.socket.disconnect();
    return page.refused;
  }

  #listen() {
    if (this.isListening) return;
    this.isListening = true;
    for (const event of [
      "session",
      "config",
      "server_stats",
      "all_sockets",
      "socket_connected",
      "socket_updated",
      "socket_disconnected",
      "room_joined",
      "room_left",
      "event_received",
      "event_sent",
    ])
      this.socket.on(event, (...args) => this.#take(event, args));
  }

  #take(event, args) {
    this.told.push([event, ...args]);
    const act = {
      session: (id) => (this.session = id),
      config: (config) => (this.config = config),
      all_sockets: (all) => {
        this.sockets = new Map(all.map((each) => [each.id, { ...each, rooms: new Set(each.rooms) }]));
        if (this.sockets.size !== all.length) this.faults.push("twice in all_sockets");
      },
      socket_connected: (each) => {
        if (this.sockets.has(each.id)) this.faults.push(`${each.id} connects twice`);
        this.sockets.set(each.id, { ...each, rooms: new Set(each.rooms) });
      },
      socket_updated: (each) => Object.assign(this.#known(each.id, event), each),
      socket_disconnected: (_, id) => (this.#known(id, event).gone = true),
      room_joined: (_, room, id) => {
        if (this.#known(id, event).rooms.has(room)) this.faults.push(`${id} joins ${room} twice`);
        this.#known(id, event).rooms.add(room);
      },
      room_left: (_, room, id) => {
        const socket = this.#known(id, event);

        if (!socket.rooms.delete(room)) this.faults.push(`${id} leaves ${room}, where it is not`);
        if (socket.gone && socket.rooms.size === 0) this.sockets.delete(id);
      },
    }[event];
    act?.(...args);
  }

  #known(id, event) {
    if (!this.sockets.has(id)) this.faults.push(`${event} of ${id}, which is unknown`);
    return this.sockets.get(id) ?? { rooms: new Set() };
  }

  all(event) {
    return this.told.filter(([name]) => name === event).map(([, ...args]) => args);
  }

  async next(event, fits = () => true) {
    return eventually(() => this.all(event).find((args) => fits(...args)), event);
  }
}
