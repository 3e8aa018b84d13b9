// SPDX-License-Identifier: MIT
// Runs a test app, and clients of both versions against it.
//
// YODEL_TESTAPPS names the binary.  YODEL_SUBJECT=reference runs the same tests against the
// JavaScript server, which says whether the tests are right.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { io as io454 } from "socket.io-client-4.5.4";
import { io as io484 } from "socket.io-client-4.8.4";

export { sleep };
export const here = path.dirname(fileURLToPath(import.meta.url));
export const require = createRequire(import.meta.url);
process.setMaxListeners(0);
export const isReference = process.env.YODEL_SUBJECT === "reference";

const binary = process.env.YODEL_TESTAPPS ?? path.join(here, "../../build/dev/yodel-testapps");
const STOP_LIMIT_MS = 40_000;
/** For anything that should happen at once: a busy machine is no failure. */
export const LIMIT_MS = 30_000;

export class App {
  /** words are further options; reference: the JavaScript twin, whatever the subject is. */
  static async start(name, words = [], { reference = isReference, port = 0 } = {}) {
    const app = new App();
    const all = [name, "--port", String(port), ...words];

    app.isReference = reference;
    app.process = reference
      ? spawn(process.execPath, [path.join(here, "reference/apps.cjs"), ...all], { stdio: ["ignore", "pipe", "pipe"] })
      : spawn(binary, all, { stdio: ["ignore", "pipe", "pipe"] });
    app.said = "";
    app.process.stderr.on("data", (text) => (app.said += text));
    app.ended = once(app.process, "exit");
    process.once("exit", () => app.forget());
    app.port = await app.#readPort();
    return app;
  }

  async #readPort() {
    let text = "";

    for await (const chunk of this.process.stdout.iterator({ destroyOnReturn: false })) {
      text += chunk;
      const found = / on (\d+)$/m.exec(text);
      if (found) return Number(found[1]);
    }
    throw new Error(`the app did not start: ${this.said}`);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Asks it to end: it must, with status 0 and no word from a sanitizer. */
  async stop() {
    const killer = setTimeout(() => this.process.kill("SIGKILL"), STOP_LIMIT_MS);

    this.process.kill("SIGTERM");
    const [status, signal] = await this.ended;
    clearTimeout(killer);
    if (signal !== null || status !== 0 || /Sanitizer|runtime error/.test(this.said))
      throw new Error(`the app ended with ${signal ?? status}: ${this.said}`);
  }

  /** Ends it when a test leaves it behind. */
  forget() {
    if (this.process.exitCode === null) this.process.kill("SIGKILL");
  }

  async kill() {
    this.process.kill("SIGKILL");
    await this.ended;
  }
}

/** Runs check with an app, which must end well afterwards. */
export async function withApp(name, words, check, options) {
  const app = await App.start(name, words, options);

  try {
    await check(app);
  } catch (error) {
    app.forget();
    throw error;
  }
  await app.stop();
}

/** The ways a client may take. */
export const ways = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  upgrade: { transports: ["polling", "websocket"] },
};
export const versions = { "4.5.4": io454, "4.8.4": io484 };

/** Every combination: [name, {io, version, way, loops}]. */
export function matrix({ loops = [1, 4] } = {}) {
  const all = [];

  for (const [version, io] of Object.entries(versions))
    for (const way of Object.keys(ways))
      for (const n of isReference ? [1] : loops) all.push([`${version}, ${way}, loops ${n}`, { io, version, way, loops: n }]);
  return all;
}

/** Rejects after limitMs, saying what was waited for. */
export function within(promise, what, limitMs = LIMIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), limitMs);
  });

  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The arguments of the next event of a socket, or of its manager. */
export function next(emitter, event, limitMs) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), event, limitMs);
}

/** Emits and gives the arguments of the acknowledgement. */
export function ask(socket, ...args) {
  return within(new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer))), `ack of ${args[0]}`);
}

/** Waits until check() gives something true, which it returns. */
export async function eventually(check, what, limitMs = LIMIT_MS) {
  const deadline = Date.now() + limitMs;

  for (;;) {
    const result = await check();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`did not happen: ${what}`);
    await sleep(10);
  }
}

/** Clients of one test, to be dismissed together. */
export class Clients {
  #all = [];

  constructor(app, { io = io484, way = "websocket", ...options } = {}) {
    this.app = app;
    this.io = io;
    this.way = way;
    this.options = { forceNew: true, reconnection: false, ...ways[way], ...options };
  }

  /** A client that is connecting. */
  begin(namespace = "/", options = {}) {
    const socket = this.io(this.app.url + namespace, { ...this.options, ...options });

    this.#all.push(socket);
    return socket;
  }

  /** A client that is connected, and upgraded if that is its way. */
  async open(namespace = "/", options = {}) {
    const socket = this.begin(namespace, options);
    const refused = new Promise((_, reject) => socket.once("connect_error", reject));

    await Promise.race([next(socket, "connect"), refused]);
    const { engine } = socket.io;
    if (this.way === "upgrade" && !options.transports && engine.transport.name === "polling") await next(engine, "upgrade");
    return socket;
  }

  /** The error of a connection that is refused. */
  async refusal(namespace, options) {
    const [error] = await next(this.begin(namespace, options), "connect_error");

    return error;
  }

  dismiss() {
    for (const socket of this.#all.splice(0)) socket.io._close?.() ?? socket.disconnect();
  }
}

/** Runs check with clients that are gone afterwards. */
export async function withClients(app, options, check) {
  const clients = new Clients(app, options);

  try {
    return await check(clients);
  } finally {
    clients.dismiss();
  }
}

/** The remote control of features-app. */
export class Control {
  static async open(app, options = {}) {
    const control = new Control();

    control.clients = new Clients(app, options);
    control.socket = await control.clients.open("/ctl");
    control.gone = [];
    control.going = [];
    control.socket.on("x-disconnected", (...args) => control.gone.push(args));
    control.socket.on("x-disconnecting", (...args) => control.going.push(args));
    return control;
  }

  /** The answer to {nsp, socket, chain, call, args}. */
  async ask(request) {
    return (await ask(this.socket, "ctl", request))[0];
  }

  /** The result; an error is thrown. */
  async run(nsp, chain, call, ...args) {
    const answer = await this.ask({ nsp, chain, call, args });

    if (answer.err) throw Object.assign(new Error(answer.err), { responses: answer.responses });
    return answer.ok;
  }

  async runOn(socket, chain, call, ...args) {
    const answer = await this.ask({ nsp: socket.nsp, socket: socket.id, chain, call, args });

    if (answer.err) throw Object.assign(new Error(answer.err), { responses: answer.responses });
    return answer.ok;
  }

  /** Why the server says that the socket of an id went. */
  async reason(id) {
    const found = await eventually(() => this.gone.find(([gone]) => gone === id), "x-disconnected");

    return found[1];
  }

  close() {
    this.clients.dismiss();
  }
}

/** Collects what a socket hears from now on: [event, ...args]. */
export function listen(socket) {
  const heard = [];

  socket.onAny((...args) => heard.push(args));
  return heard;
}
