// SPDX-License-Identifier: MIT
// Five hundred clients at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client } from "./client.js";
import { Demo, eventually } from "./demo.js";

const CLIENTS = 500;

let demo;

before(async () => (demo = await Demo.start({ words: ["--loops", "4"] })));
after(() => demo.stop());

function crowd(where) {
  return Promise.all(Array.from({ length: CLIENTS }, () => Client.open(demo.ws(where))));
}

async function dismiss(clients) {
  const ends = await Promise.all(clients.map((client) => client.close()));

  assert.deepEqual(new Set(ends.map((end) => end.code)), new Set([1000]));
  await eventually(async () => (await demo.json("/stats")).websockets === 0, "all have gone");
}

test("each gets its own echoes", async () => {
  const clients = await crowd("/ws");

  assert.equal((await demo.json("/stats")).websockets, CLIENTS);
  await Promise.all(
    clients.map(async (client, i) => {
      for (let round = 0; round < 5; round++) client.send(`${i}/${round}`);
      for (let round = 0; round < 5; round++) assert.equal(await client.next(), `Echo: ${i}/${round}`);
    }),
  );
  await dismiss(clients);
});

test("in one room, everybody hears everything once", async () => {
  const clients = await crowd("/echo"); // others, who hear nothing
  const members = await Promise.all(
    Array.from({ length: 100 }, () => Client.open(demo.ws("/ws/chat/crowd/"))),
  );

  assert.deepEqual(await demo.json("/rooms/crowd"), { room: "crowd", members: 100 });
  for (const [i, member] of members.slice(0, 10).entries())
    for (let round = 0; round < 5; round++) member.send(JSON.stringify({ message: [i, round] }));
  for (const member of members) {
    const heard = Array.from({ length: 10 }, () => []);
    for (let i = 0; i < 50; i++) {
      const [sender, round] = await member.nextWith("message");
      heard[sender].push(round);
    }
    for (const rounds of heard) assert.deepEqual(rounds, [0, 1, 2, 3, 4]);
  }
  await dismiss([...members, ...clients]);
});

test("half of them vanish", async () => {
  const members = await Promise.all(
    Array.from({ length: 200 }, () => Client.open(demo.ws("/ws/chat/vanish/"))),
  );
  const [gone, left] = [members.slice(0, 100), members.slice(100)];

  for (const client of gone) client.ws.terminate();
  await eventually(async () => (await demo.json("/rooms/vanish")).members === 100, "100 are left");
  left[0].send(JSON.stringify({ message: "who is here?" }));
  for (const client of left) assert.equal(await client.nextWith("message"), "who is here?");
  await dismiss(left);
});

test("a view speaks to all of them", async () => {
  const members = await Promise.all(
    Array.from({ length: 100 }, () => Client.open(demo.ws("/ws/chat/view/"))),
  );
  const answer = await fetch(`${demo.url}/rooms/view/messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ message: "from view" }),
  });

  assert.equal(answer.status, 202);
  assert.deepEqual(await answer.json(), { sent: true, members: 100 });
  for (const member of members) assert.equal(await member.nextWith("message"), "from view");
  await dismiss(members);
});

test("a stop closes everybody with 1001", async () => {
  const other = await Demo.start({ words: ["--loops", "2"] });
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => Client.open(other.ws("/ws/chat/stop/"))),
  );
  const stopped = other.stop();
  const ends = await Promise.all(clients.map((client) => client.closed));

  assert.deepEqual(new Set(ends.map((end) => end.code)), new Set([1001]));
  await stopped;
});
