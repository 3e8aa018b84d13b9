// SPDX-License-Identifier: MIT
// Exchanges on the raw wire, and a transcript of them that two servers can be compared by.

import http from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import WebSocket from "ws";

const HEADERS = [
  "content-type", "cache-control", "content-encoding", "vary", "set-cookie", "x-xss-protection",
  "access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods",
  "access-control-allow-headers", "access-control-expose-headers", "access-control-max-age",
];

/** One run of an exchange against one server: what it says goes to its log. */
export class Run {
  #ids = new Map();
  #sockets = [];
  #agent = new http.Agent({ keepAlive: true });

  constructor(port, { path = "/socket.io/" } = {}) {
    this.port = port;
    this.path = path;
    this.log = [];
  }

  /** Ids become <1>, <2>, ... in the order they are seen. */
  #mask(text) {
    return text
      .replace(/"(sid|pid)":"([\w-]{20})"/g, (_, key, id) => {
        if (!this.#ids.has(id)) this.#ids.set(id, `<${this.#ids.size + 1}>`);
        return `"${key}":"${this.#ids.get(id)}"`;
      })
      .replace(/=([\w-]{20});/g, (all, id) => (this.#ids.has(id) ? `=${this.#ids.get(id)};` : all))
      .replace(/^42\d+\["question"/, '42#["question"'); // ids are counted over all clients
  }

  note(text) {
    this.log.push(this.#mask(text));
  }

  /** A request; its promise ends with {status, headers, body}, which are noted unless silent. */
  request(method, query, { headers = {}, body, path = this.path, silent = false, fresh = false, name = "" } = {}) {
    const outcome = new Promise((resolve) => {
      const request = http.request({
        host: "127.0.0.1", port: this.port, method, headers,
        path: path + (query === undefined ? "" : `?${query}`),
        agent: fresh ? false : this.#agent,
      });
      request.on("response", (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString("latin1") }));
        response.on("error", () => resolve({ status: "cut", headers: {}, body: "" }));
      });
      request.on("error", (error) => resolve({ status: error.code === "ECONNRESET" ? "reset" : error.code, headers: {}, body: "" }));
      request.end(body);
      this.last = request;
    });

    return outcome.then((answer) => {
      const seen = HEADERS.filter((name) => answer.headers[name] !== undefined).map((name) => `${name}: ${answer.headers[name]}`);
      if (!silent) this.note(`${name}${method} ${answer.status} [${seen.join("; ")}] ${answer.body}`);
      return answer;
    });
  }

  /** Opens a polling session; its id. */
  async open(more = "", options = {}) {
    const { body } = await this.request("GET", `EIO=4&transport=polling${more}`, { silent: true, ...options });
    const { sid } = JSON.parse(body.slice(1));

    this.sid = sid;
    this.#mask(`"sid":"${sid}"`);
    return sid;
  }

  get #session() {
    return `EIO=4&transport=polling&sid=${this.sid}`;
  }

  poll(options) {
    return this.request("GET", this.#session, options);
  }

  post(body, options) {
    return this.request("POST", this.#session, { headers: { "Content-Type": "text/plain;charset=UTF-8" }, ...options, body });
  }

  /** Polls until what came has the text. */
  async pollFor(text) {
    let all = "";

    while (!all.includes(text)) {
      const { status, body } = await this.poll({ silent: true });
      all += (all && "\x1e") + body;
      if (status !== 200) break;
    }
    this.note(`polled ${all}`);
  }

  /** A WebSocket that is open, or refused; what it hears is noted. */
  async ws(query = "EIO=4&transport=websocket", { name = "", protocols = [], path = this.path, ...options } = {}) {
    const ws = new WebSocket(`ws://127.0.0.1:${this.port}${path}?${query}`, protocols, { perMessageDeflate: false, ...options });
    const socket = new Wire(this, ws, name);

    this.#sockets.push(socket);
    await socket.opened;
    return socket;
  }

  /** A WebSocket session in namespace "/", whose greetings are not noted. */
  async joined(connect = "40") {
    const socket = await this.ws(undefined);

    socket.send(connect);
    await socket.until((text) => text.includes('["auth"'));
    this.log.length = 0;
    return socket;
  }

  upgrade(options) {
    return this.ws(`EIO=4&transport=websocket&sid=${this.sid}`, { name: "probe ", ...options });
  }

  /** Octets over TCP, and what comes back within ms or until the end. */
  async raw(octets, ms = 300) {
    const socket = net.connect(this.port, "127.0.0.1");
    const chunks = [];
    const ended = new Promise((resolve) => {
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("error", () => resolve("reset"));
      socket.on("close", () => resolve("closed"));
    });

    socket.write(octets);
    const end = await Promise.race([ended, sleep(ms, "open")]);
    socket.destroy();
    return { end, text: Buffer.concat(chunks).toString("latin1") };
  }

  done() {
    for (const socket of this.#sockets) socket.ws.terminate();
    this.#agent.destroy();
  }
}

/** A WebSocket of a run; deaf: it was refused. */
export class Wire {
  #waiting = [];
  heard = [];

  constructor(run, ws, name) {
    this.run = run;
    this.ws = ws;
    this.name = name;
    this.opened = new Promise((resolve) => {
      ws.on("open", () => resolve(true));
      ws.on("unexpected-response", (request, response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => {
          run.note(`${name}refused ${response.statusCode} ${Buffer.concat(chunks)}`);
          this.deaf = true;
          resolve(false);
          ws.terminate();
        });
      });
      ws.on("error", () => resolve(false));
    });
    this.closed = new Promise((resolve) => {
      ws.on("close", (code) => {
        this.#hear(`close ${code}`);
        resolve(code);
      });
    });
    ws.on("message", (data, isBinary) => this.#hear(isBinary ? `binary ${data.toString("hex")}` : data.toString()));
  }

  #hear(text) {
    if (this.deaf) return;
    this.heard.push(text);
    this.run.note(this.name + text);
    this.#waiting = this.#waiting.filter(({ is, resolve }) => !is(text) || void resolve(true));
  }

  send(...messages) {
    for (const message of messages) this.ws.send(message);
  }

  /** Until something is heard, the end at the latest. */
  until(is, ms = 2_000) {
    const heard = new Promise((resolve) => this.#waiting.push({ is, resolve }));
    const late = sleep(ms, undefined, { ref: false }).then(() => this.run.note(`${this.name}waited in vain`));

    return Promise.race([heard, this.closed, late]);
  }

  /** Until anything has been heard. */
  async first() {
    while (this.heard.length === 0 && this.ws.readyState < WebSocket.CLOSING) await sleep(5);
  }

  /** Sends, then an event whose answer says that all before was taken; or the end. */
  async probe(...messages) {
    const done = this.until((text) => text.includes("the-end"));

    this.send(...messages, '42["message","the-end"]');
    await done;
  }

  close() {
    this.ws.close();
    return this.closed;
  }
}

let pace = 1;

/** Lies between what two parties say, so that it has an order. */
export function pause(ms) {
  return sleep(ms * pace);
}

/** This machine may be too busy for such pauses. */
export function lengthenPauses() {
  pace = Math.min(2 * pace, 4);
}

export { sleep };
