// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";

import { Client, refusal } from "./client.js";
import { Demo } from "./demo.js";

let demo;

before(async () => (demo = await Demo.start({ words: ["--loops", "2"] })));
after(() => demo.stop());

async function closing(where, code, reason) {
  const client = await Client.open(demo.ws(where));

  return client.close(code, reason);
}

describe("echo", () => {
  test("of the notes", async () => {
    const client = await Client.open(demo.ws("/ws"));

    for (const text of ["hello", "привет 👋", "", "a\0b", "x".repeat(70_000)]) {
      client.send(text);
      assert.equal(await client.next(), `Echo: ${text}`);
    }
    assert.deepEqual(await client.close(), { code: 1000, reason: "" });
  });

  test("refuses binary with 1003", async () => {
    const client = await Client.open(demo.ws("/ws"));

    client.send(Buffer.from([1, 2, 3]));
    const { code, reason } = await client.closed;
    assert.equal(code, 1003);
    assert.ok(reason.length > 0);
  });

  test("keeps the type", async () => {
    const client = await Client.open(demo.ws("/echo"));
    const data = randomBytes(1000);

    client.send(data);
    assert.deepEqual(await client.next(), data);
    client.send("text");
    assert.equal(await client.next(), "text");
    await client.close();
  });

  test("answers pings", async () => {
    const client = await Client.open(demo.ws("/ws"));

    client.ws.ping("are you there");
    const [data] = await once(client.ws, "pong");
    assert.equal(data.toString(), "are you there");
    await client.close();
  });

  test("of 500 messages sent without waiting", async () => {
    const client = await Client.open(demo.ws("/ws"));

    for (let i = 0; i < 500; i++) client.send(String(i));
    for (let i = 0; i < 500; i++) assert.equal(await client.next(), `Echo: ${i}`);
    await client.close();
  });
});

describe("close", () => {
  for (const code of [1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 4000, 4999])
    test(`${code} comes back`, async () => {
      assert.deepEqual(await closing("/ws", code, "пока"), { code, reason: "пока" });
    });

  test("without a code comes back without one", async () => {
    const client = await Client.open(demo.ws("/ws"));

    client.ws.close();
    assert.equal((await client.closed).code, 1005);
  });

  test("of a server that was told before", async () => {
    const client = await Client.open(demo.ws("/ws"));

    client.send("last");
    client.ws.close(1000);
    assert.equal(await client.next(), "Echo: last");
    assert.equal((await client.closed).code, 1000);
  });
});

describe("fragments", () => {
  test("of one mebibyte in 1 KiB pieces", async () => {
    const client = await Client.open(demo.ws("/echo"));
    const data = randomBytes(1 << 20);

    for (let i = 0; i < data.length; i += 1024)
      client.send(data.subarray(i, i + 1024), { fin: i + 1024 >= data.length, binary: true });
    assert.deepEqual(await client.next(), data);
    await client.close();
  });

  test("of text cut within characters, with pings between", async () => {
    const client = await Client.open(demo.ws("/echo"));
    const text = "жук 🐞 ".repeat(200);
    const data = Buffer.from(text);
    let pongs = 0;

    client.ws.on("pong", () => pongs++);
    for (let i = 0; i < data.length; i += 7) {
      client.send(data.subarray(i, i + 7), { fin: i + 7 >= data.length, binary: false });
      if (i % 70 === 0) client.ws.ping();
    }
    assert.equal(await client.next(), text);
    assert.ok(pongs > 0);
    await client.close();
  });

  test("of a message too large", async () => {
    const client = await Client.open(demo.ws("/ws"));
    const piece = Buffer.alloc(1 << 20, "x");

    for (let i = 0; i < 17; i++) client.send(piece, { fin: i === 16, binary: false });
    assert.equal((await client.closed).code, 1009);
  });
});

describe("handshake", () => {
  test("chooses a subprotocol", async () => {
    const client = await Client.open(demo.ws("/subprotocol"), ["other", "chat.v2", "chat.v1"]);

    assert.equal(client.ws.protocol, "chat.v1");
    await client.close();
  });

  test("without a subprotocol that both know", async () => {
    // The client ends a connection whose server chose none.
    const client = new Client(demo.ws("/subprotocol"), ["other"]);

    assert.equal((await client.closed).code, 1006);
  });

  test("is refused to other origins", async () => {
    assert.equal(await refusal(demo.ws("/restricted"), [], { origin: "http://evil.example" }), 403);
    assert.equal(await refusal(demo.ws("/restricted")), 403);
    const client = await Client.open(demo.ws("/restricted"), [], { origin: "http://localhost:3000" });
    await client.close();
  });

  test("is decided by another thread", async () => {
    const client = await Client.open(demo.ws("/slow?delay=20"));

    assert.equal(await client.next(), "welcome");
    await client.close();
    assert.equal(await refusal(demo.ws("/slow?answer=reject&delay=20")), 403);
  });

  test("is refused where nothing is", async () => {
    assert.equal(await refusal(demo.ws("/nothing")), 404);
    assert.equal(await refusal(demo.ws("/ws/chat/a-b/")), 404);
  });
});
