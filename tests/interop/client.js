// SPDX-License-Identifier: MIT
// The npm client `ws` with its messages in a queue.

import { once } from "node:events";
import WebSocket from "ws";

export class Client {
  #messages = [];
  #readers = [];

  constructor(url, protocols = [], options = {}) {
    this.ws = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.ws.on("message", (data, isBinary) => this.#take(isBinary ? data : data.toString()));
    this.closed = new Promise((resolve) => {
      this.ws.on("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        for (const reader of this.#readers.splice(0)) reader.reject(new Error(`closed: ${code}`));
      });
    });
    this.ws.on("error", () => {}); // "close" follows
  }

  static async open(url, protocols, options) {
    const client = new Client(url, protocols, options);

    await once(client.ws, "open");
    return client;
  }

  #take(message) {
    const reader = this.#readers.shift();

    if (reader) reader.resolve(message);
    else this.#messages.push(message);
  }

  /** The next message: a string or a Buffer. */
  next() {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** The next JSON message with this key; others are passed over. */
  async nextWith(key) {
    for (;;) {
      const value = JSON.parse(await this.next());
      if (key in value) return value[key];
    }
  }

  send(data, options) {
    this.ws.send(data, options);
  }

  /** Closes; returns what the server's close said. */
  close(code = 1000, reason = "") {
    this.ws.close(code, reason);
    return this.closed;
  }
}

/** The status of an upgrade that is refused. */
export async function refusal(url, protocols, options) {
  const { ws } = new Client(url, protocols, options);
  const [, response] = await once(ws, "unexpected-response");

  ws.terminate();
  return response.statusCode;
}
