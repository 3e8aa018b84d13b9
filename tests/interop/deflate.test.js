// SPDX-License-Identifier: MIT
// permessage-deflate with every offer that the npm client can make.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { Client } from "./client.js";
import { Demo } from "./demo.js";

let demo;

before(async () => (demo = await Demo.start()));
after(() => demo.stop());

const text = "Джодль ихо! ".repeat(500);
const offers = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  { clientMaxWindowBits: 9, serverMaxWindowBits: 9 },
  { clientMaxWindowBits: 10, serverMaxWindowBits: 12, serverNoContextTakeover: true },
  { clientMaxWindowBits: true },
];

async function exchange(where, options, prefix) {
  const client = await Client.open(demo.ws(where), [], {
    perMessageDeflate: { threshold: 0, ...options },
  });

  assert.match(client.ws.extensions, /permessage-deflate/);
  for (const message of [text, "", "x", "hello", text, randomBytes(30_000).toString("hex")]) {
    client.send(message);
    assert.equal(await client.next(), prefix + message);
  }
  assert.equal((await client.close()).code, 1000);
}

for (const where of ["/echo", "/ws"])
  describe(where, () => {
    for (const options of offers)
      test(JSON.stringify(options), () => exchange(where, options, where === "/ws" ? "Echo: " : ""));
  });

test("binary, large", async () => {
  const client = await Client.open(demo.ws("/echo"), [], { perMessageDeflate: { threshold: 0 } });
  const data = Buffer.concat([randomBytes(500_000), Buffer.alloc(3_000_000, "ab")]);

  for (let i = 0; i < 3; i++) {
    client.send(data);
    assert.deepEqual(await client.next(), data);
  }
  await client.close();
});

test("fragments of one mebibyte, compressed", async () => {
  const client = await Client.open(demo.ws("/echo"), [], { perMessageDeflate: { threshold: 0 } });
  const data = Buffer.alloc(1 << 20, "fragments ");

  for (let i = 0; i < data.length; i += 4096)
    client.send(data.subarray(i, i + 4096), { fin: i + 4096 >= data.length, binary: true });
  assert.deepEqual(await client.next(), data);
  await client.close();
});

test("compressed and plain messages in turn", async () => {
  const client = await Client.open(demo.ws("/echo"), [], { perMessageDeflate: { threshold: 0 } });

  for (let i = 0; i < 20; i++) {
    client.send(text, { compress: i % 2 === 0 });
    assert.equal(await client.next(), text);
  }
  await client.close();
});

test("a room of compressing and plain members", async () => {
  const open = (options) => Client.open(demo.ws("/ws/chat/deflate/"), [], { perMessageDeflate: options });
  const members = await Promise.all([open(false), open(true), open({ serverMaxWindowBits: 9 })]);

  members[0].send(JSON.stringify({ message: text }));
  for (const member of members) assert.equal(await member.nextWith("message"), text);
  await Promise.all(members.map((member) => member.close()));
});
