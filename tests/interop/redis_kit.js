// SPDX-License-Identifier: MIT
// A private redis-server, and servers of both makes that share it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";

import { here, LIMIT_MS, require, sleep, within } from "./sio_kit.js";

const Redis = require("ioredis");
const binary = process.env.YODEL_TESTAPPS ?? path.join(here, "../../build/dev/yodel-testapps");
const STOP_LIMIT_MS = 40_000;

/** Below the ports that the system gives to connections: one of these could have it by the time that it is listened at. */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = net.createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );

    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

export class RedisServer {
  static async start(words = []) {
    const redis = new RedisServer();

    redis.port = await freePort();
    redis.words = words;
    await redis.run();
    return redis;
  }

  async run() {
    const words = ["--port", this.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", ...this.words];

    this.process = spawn("redis-server", words.map(String), { stdio: "ignore" });
    this.onExit = () => this.process.kill("SIGKILL");
    process.once("exit", this.onExit);
    this.client = new Redis(this.url, { retryStrategy: () => 50, maxRetriesPerRequest: null }); // within() has the limit
    this.client.on("error", () => {});
    await within(this.client.ping(), "redis-server");
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  async stop() {
    this.client?.disconnect();
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
    process.removeListener("exit", this.onExit);
  }

  /** How many servers have subscribed a channel; sharded: with SSUBSCRIBE. */
  async count(channel, { sharded = false } = {}) {
    return (await this.client.pubsub(sharded ? "SHARDNUMSUB" : "NUMSUB", channel))[1];
  }

  /** What is published from now on, on channels of a pattern; it counts as no subscriber of theirs. */
  async hear(pattern) {
    const client = new Redis(this.url);
    const messages = [];

    client.on("pmessage", (_, channel, message) => messages.push([channel, message]));
    await client.psubscribe(pattern);
    return { messages, end: () => client.disconnect() };
  }

  /** How many wait for the next entry of a stream.  One of node's that begins later does not see what came before. */
  async countReaders() {
    const clients = await this.client.client("LIST");

    return clients.split("\n").filter((line) => / flags=\w*b/.test(line) && / cmd=xread /.test(line)).length;
  }
}

/** The way to a Redis on which what readers of streams get comes late, and all else at once. */
export class LateReaders {
  static async start(redis, ms) {
    const late = new LateReaders();

    late.sockets = new Set();
    late.server = net.createServer((socket) => late.#carry(socket, net.connect(redis.port, "127.0.0.1"), ms)).listen(0, "127.0.0.1");
    await once(late.server, "listening");
    late.url = `redis://127.0.0.1:${late.server.address().port}`;
    return late;
  }

  #carry(socket, to, ms) {
    let reads = false;

    for (const [one, other] of [[socket, to], [to, socket]]) {
      this.sockets.add(one);
      one.setNoDelay(true);
      one.on("error", () => {});
      one.on("close", () => (this.sockets.delete(one), other.destroy()));
    }
    socket.on("data", (bytes) => {
      reads ||= bytes.includes("XREAD\r\n");
      to.write(bytes);
    });
    to.on("data", (bytes) => (reads ? setTimeout(() => socket.write(bytes), ms) : socket.write(bytes)));
  }

  stop() {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** One server of the cluster: make is "yodel" or "node". */
export class Node {
  static async start(make, redis, words = []) {
    const node = new Node();
    const all = ["--port", "0", "--redis", redis.url, ...words];

    node.make = make;
    node.process =
      make === "yodel"
        ? spawn(binary, ["cluster", "--loops", "2", ...all], { stdio: ["ignore", "pipe", "pipe"] })
        : spawn(process.execPath, [path.join(here, "reference/cluster.cjs"), ...all], { stdio: ["ignore", "pipe", "pipe"] });
    node.said = "";
    node.process.stderr.on("data", (text) => (node.said += text));
    node.ended = once(node.process, "exit");
    node.onExit = () => node.process.kill("SIGKILL");
    process.once("exit", node.onExit);
    node.port = await within(node.#readPort(), `a ${make} server`);
    return node;
  }

  async #readPort() {
    let text = "";

    for await (const chunk of this.process.stdout.iterator({ destroyOnReturn: false })) {
      text += chunk;
      const found = / on (\d+)$/m.exec(text);
      if (found) return Number(found[1]);
    }
    throw new Error(`the server did not start: ${this.said}`);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Has the server do something: see tests/apps/cluster_app.c. */
  async do(verb, body = {}) {
    const response = await fetch(`${this.url}/do/${verb}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", connection: "close" },
    });

    return response.json();
  }

  async stop() {
    const killer = setTimeout(() => this.process.kill("SIGKILL"), STOP_LIMIT_MS);

    this.process.kill("SIGTERM");
    const [status, signal] = await this.ended;
    clearTimeout(killer);
    process.removeListener("exit", this.onExit);
    if (this.make === "yodel" && (signal !== null || status !== 0 || /Sanitizer|runtime error/.test(this.said)))
      throw new Error(`the server ended with ${signal ?? status}: ${this.said}`);
  }

  async kill() {
    this.process.kill("SIGKILL");
    await this.ended;
    process.removeListener("exit", this.onExit);
  }
}

/** Tries check() until it holds. */
export async function until(check, what, limitMs = LIMIT_MS) {
  const end = Date.now() + limitMs;

  while (!(await check())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
}
