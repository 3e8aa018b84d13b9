// SPDX-License-Identifier: MIT
// EventSource of a real browser, against examples/events: what it misses while its connection is
// cut it gets after that, by Last-Event-ID.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";

import { eventually, root } from "../interop/demo.js";
import { openPage } from "./visitor.js";

const folder = process.env.YODEL_DEMO ? path.dirname(process.env.YODEL_DEMO) : path.join(root, "build/dev");

let example;
let port;
let proxy;
const lines = new Set();
let isCut = false;

/** Between the browser and the server: a connection that can be cut. */
function pass(from) {
  if (isCut) {
    from.destroy();
    return;
  }
  const to = net.connect(port, "127.0.0.1");
  for (const [one, other] of [
    [from, to],
    [to, from],
  ]) {
    lines.add(one);
    one.on("error", () => {});
    one.on("close", () => {
      lines.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }
}

before(async () => {
  example = spawn(path.join(folder, "examples/events"), ["127.0.0.1:0"], { stdio: ["ignore", "ignore", "pipe"] });
  const [text] = await once(example.stderr, "data");
  port = Number(/port (\d+)/.exec(text)[1]);
  proxy = net.createServer(pass).listen(0, "127.0.0.1");
  await once(proxy, "listening");
});

after(async () => {
  proxy.close();
  for (const line of lines) line.destroy();
  example.kill("SIGTERM");
  const [status] = await once(example, "exit");
  assert.equal(status, 0);
});

async function say(text) {
  const answer = await fetch(`http://127.0.0.1:${port}/say`, { method: "POST", body: text });

  assert.equal(answer.status, 200);
}

function listen() {
  window.heard = [];
  window.opened = 0;
  window.source = new EventSource("/events");
  source.onopen = () => opened++;
  source.addEventListener("news", (event) => heard.push([event.lastEventId, event.data]));
}

test("comes back by itself and misses nothing", async () => {
  const page = await openPage();
  const hears = async (texts) => {
    await eventually(async () => (await page.evaluate("heard")).length >= texts.length, `${texts.length} events`);
    assert.deepEqual(await page.evaluate("heard"), texts);
  };

  await page.goto(`http://127.0.0.1:${proxy.address().port}/`);
  await page.evaluate(listen);
  await eventually(() => page.evaluate("opened === 1"), "open");
  await say("one");
  await say("two");
  await hears([
    ["1", "one"],
    ["2", "two"],
  ]);
  isCut = true;
  for (const line of lines) line.destroy();
  await eventually(() => page.evaluate("source.readyState === EventSource.CONNECTING"), "it is lost");
  await say("three");
  await say("four");
  isCut = false;
  await eventually(() => page.evaluate("opened === 2"), "open again");
  await say("five");
  await hears([
    ["1", "one"],
    ["2", "two"],
    ["3", "three"],
    ["4", "four"],
    ["5", "five"],
  ]);
  await page.evaluate("source.close()");
});
