// SPDX-License-Identifier: MIT
// Runs yodel-demo on a free port.  YODEL_DEMO names the binary.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

const binary = process.env.YODEL_DEMO ?? path.join(root, "build/dev/yodel-demo");
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;

export class Demo {
  static async start({ port = 0, words = [] } = {}) {
    const demo = new Demo();
    const page = path.join(root, "demo/public");
    const options = ["--port", String(port), "--public", page, "--drain-ms", "1000", ...words];

    demo.process = spawn(binary, options, { stdio: ["ignore", "pipe", "pipe"] });
    demo.said = "";
    demo.process.stderr.on("data", (text) => (demo.said += text));
    demo.ended = once(demo.process, "exit");
    demo.port = port || (await demo.#readPort());
    await demo.#isUp();
    return demo;
  }

  async #readPort() {
    let text = "";

    for await (const chunk of this.process.stdout.iterator({ destroyOnReturn: false })) {
      text += chunk;
      const found = /^PORT (\d+)$/m.exec(text);
      if (found) return Number(found[1]);
    }
    throw new Error(`the demo did not start: ${this.said}`);
  }

  async #isUp() {
    const deadline = Date.now() + START_LIMIT_MS;

    while (
      !(await fetch(`${this.url}/health`).then(
        (answer) => answer.ok,
        () => false,
      ))
    ) {
      if (Date.now() > deadline) throw new Error(`the demo does not answer: ${this.said}`);
      await sleep(20);
    }
  }

  get url() {
    return `http://localhost:${this.port}`;
  }

  ws(where) {
    return `ws://127.0.0.1:${this.port}${where}`;
  }

  async json(where) {
    return (await fetch(this.url + where)).json();
  }

  /** Asks it to end: it must, with status 0 and no word from a sanitizer. */
  async stop() {
    const killer = setTimeout(() => this.process.kill("SIGKILL"), STOP_LIMIT_MS);

    this.process.kill("SIGTERM");
    const [status, signal] = await this.ended;
    clearTimeout(killer);
    assert.equal(signal, null, `ended by a signal: ${this.said}`);
    assert.equal(status, 0, this.said);
    assert.doesNotMatch(this.said, /Sanitizer|runtime error/);
  }

  /** Ends it without ceremony, as a crash would. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.ended;
  }
}

/** Waits until check() gives something true, which it returns. */
export async function eventually(check, what, limitMs = 30_000) {
  const deadline = Date.now() + limitMs;

  for (;;) {
    const result = await check();
    if (result) return result;
    assert.ok(Date.now() < deadline, `did not happen: ${what}`);
    await sleep(20);
  }
}
