// SPDX-License-Identifier: MIT
// Servers of Yodel and of node by the sharded and the streams adapter: they behave as one, and a client comes back to
// any of them.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { io } from "socket.io-client-4.8.4";

import { LateReaders, Node, RedisServer, until } from "./redis_kit.js";
import { sleep, within } from "./sio_kit.js";

const makes = ["yodel", "node", "yodel"];

/** All servers hear of what the others send to a namespace. */
async function hearAll(redis, words, num, nsp) {
  const sharded = words.includes("sharded");
  const channel = sharded ? `sio#${nsp}#` : `socket.io#${nsp}#`;

  await until(async () => (await redis.count(channel, { sharded })) === num, `${num} subscribers of ${channel}`);
  if (!sharded) await until(async () => (await redis.countReaders()) === num, `${num} readers`);
}

/** Rooms are those of some of the servers only: {room: how many}. */
async function hearRooms(redis, nsp, rooms) {
  for (const [room, num] of Object.entries(rooms)) {
    const channel = `sio#${nsp}#${room}#`;

    await until(async () => (await redis.count(channel, { sharded: true })) === num, `${num} subscribers of ${channel}`);
  }
}

class Cluster {
  /** lateMs: that readers of Yodel's servers are late. */
  static async start(words, redisWords = [], lateMs = 0) {
    const cluster = new Cluster();

    cluster.words = words;
    cluster.redis = await RedisServer.start(redisWords);
    cluster.late = lateMs > 0 ? await LateReaders.start(cluster.redis, lateMs) : null;
    cluster.nodes = await Promise.all(
      makes.map((make) => Node.start(make, make === "yodel" ? (cluster.late ?? cluster.redis) : cluster.redis, words)),
    );
    cluster.clients = [];
    for (const nsp of ["/", "/chat"]) await hearAll(cluster.redis, words, makes.length, nsp);
    return cluster;
  }

  async connectTo(node, nsp = "/") {
    const client = io(node.url + nsp, { transports: ["websocket"], forceNew: true, reconnectionDelay: 300, reconnectionDelayMax: 400 });

    client.make = node.make;
    client.got = [];
    client.onAny((event, ...args) => typeof args.at(-1) === "function" || client.got.push([event, ...args]));
    this.clients.push(client);
    await within(new Promise((resolve) => client.once("connect", resolve)), `a client of ${node.make}`);
    return client;
  }

  connect(nsp) {
    return Promise.all(this.nodes.map((node) => this.connectTo(node, nsp)));
  }

  async leave() {
    for (const client of this.clients.splice(0)) client.disconnect();
    await until(async () => (await this.nodes[0].do("fetch")).sockets?.length === 0, "nobody is left");
  }

  async stop() {
    await this.leave();
    await Promise.all(this.nodes.map((node) => node.stop()));
    this.late?.stop();
    await this.redis.stop();
  }
}

/** The events of a name that a client has got, without the name, and without the offset at their end. */
function eventsOf(client, name, length) {
  return client.got.filter(([event]) => event === name).map((args) => args.slice(1, 1 + length));
}

async function expectEvent(clients, name, args) {
  for (const client of clients) await until(() => eventsOf(client, name, args.length).length > 0, `${name} on ${client.make}`);
  for (const client of clients) {
    assert.deepEqual(eventsOf(client, name, args.length), [args], client.make);
    client.got = [];
  }
}

async function expectNothing(clients) {
  await sleep(100);
  for (const client of clients) assert.deepEqual(client.got, [], client.make);
}

const forms = {
  sharded: ["--form", "sharded", "--prefix", "sio"],
  streams: ["--form", "streams"],
  "streams with recovery": ["--form", "streams", "--recovery"],
};

for (const [form, words] of Object.entries(forms))
  describe(form, () => {
    let cluster;

    before(async () => {
      cluster = await Cluster.start(words);
    });
    after(() => cluster.stop());

    async function withClients(check, nsp) {
      try {
        await check(await cluster.connect(nsp), cluster.nodes);
      } finally {
        await cluster.leave();
      }
    }

    test("an emit reaches the clients of all servers, once", () =>
      withClients(async (clients, nodes) => {
        for (const node of nodes) {
          await node.do("emit", { event: "e", args: [1, { a: [true, null, 1.5, "é"] }] });
          await expectEvent(clients, "e", [1, { a: [true, null, 1.5, "é"] }]);
        }
        await expectNothing(clients);
      }));

    test("bytes arrive as bytes", () =>
      withClients(async (clients, nodes) => {
        for (const node of nodes) {
          await node.do("binary", { event: "b" });
          for (const client of clients) {
            await until(() => client.got.length > 0, `bytes on ${client.make}`);
            const [[event, word, bytes]] = client.got.splice(0);

            assert.deepEqual([event, word, [...bytes]], ["b", "bytes", [1, 2, 255]], `${node.make} to ${client.make}`);
          }
        }
      }));

    test("rooms, exceptions, and a namespace that a client has made", () =>
      withClients(async (clients, nodes) => {
        await clients[0].emitWithAck("join", "r");
        await clients[1].emitWithAck("join", "r", "x#y", "exactly 20 character");
        await clients[2].emitWithAck("join", "x#y", "exactly 20 character");
        await hearAll(cluster.redis, words, makes.length, "/dyn-1");
        if (form === "sharded") {
          await hearRooms(cluster.redis, "/dyn-1", { r: 2, "x#y": 2 });
        }
        for (const node of nodes) {
          await node.do("emit", { nsp: "/dyn-1", event: "e", args: [1], rooms: ["r"] });
          await expectEvent(clients.slice(0, 2), "e", [1]);
          await node.do("emit", { nsp: "/dyn-1", event: "e", args: [2], rooms: ["r", "x#y"] });
          await expectEvent(clients, "e", [2]);
          await node.do("emit", { nsp: "/dyn-1", event: "e", args: [3], rooms: ["r"], except: ["x#y"] });
          await expectEvent(clients.slice(0, 1), "e", [3]);
          await node.do("emit", { nsp: "/dyn-1", event: "e", args: [4], rooms: [clients[2].id] });
          await expectEvent(clients.slice(2), "e", [4]);
          await node.do("emit", { nsp: "/dyn-1", event: "e", args: [5], rooms: ["exactly 20 character"] });
          await expectEvent(clients.slice(1), "e", [5]);
          await node.do("emit", { nsp: "/dyn-1", event: "e", args: [6], rooms: ["nobody's"] });
          await node.do("emit", { nsp: "/dyn-1", event: "e", args: [7], rooms: [clients[(nodes.indexOf(node) + 1) % 3].id], flags: { local: true } });
          await expectNothing(clients);
        }
      }, "/dyn-1"));

    test("acknowledgements of all are gathered", () =>
      withClients(async (clients, nodes) => {
        for (const client of clients) client.on("q", (number, answer) => answer({ id: client.id, number }));
        for (const node of nodes) {
          const { answers, missing } = await node.do("ack", { event: "q", args: [7], timeout: 20_000 });

          assert.deepEqual(answers.map(({ id }) => id).sort(), clients.map(({ id }) => id).sort(), node.make);
          assert.ok(!missing);
        }
      }));

    test("an acknowledgement that does not come is missing, the others are there", () =>
      withClients(async (clients, nodes) => {
        for (const client of clients.slice(1)) client.on("q", (answer) => answer(client.id));
        const { answers, missing, result } = await nodes[0].do("ack", { event: "q", timeout: 2500 });

        assert.equal(answers.length, 2);
        assert.ok(missing > 0 || result < 0);
      }));

    test("sockets of all are fetched", () =>
      withClients(async (clients, nodes) => {
        for (const client of clients) await client.emitWithAck("set", client.make);
        await clients[1].emitWithAck("join", "r");
        for (const node of nodes) {
          const { sockets } = await node.do("fetch");

          assert.deepEqual(sockets.map(({ id }) => id).sort(), clients.map(({ id }) => id).sort(), node.make);
          assert.ok(sockets.every(({ handshake }) => typeof handshake.headers === "object"));
          assert.deepEqual((await node.do("fetch", { rooms: ["r"] })).sockets.map(({ id }) => id), [clients[1].id], node.make);
        }
      }));

    test("sockets of all join, leave and are disconnected", () =>
      withClients(async (clients, nodes) => {
        const joined = async (node) => (await node.do("fetch", { rooms: ["j"] })).sockets.length;

        for (const node of nodes) {
          await node.do("join", { rooms: clients.slice(0, 2).map(({ id }) => id), names: ["j"] });
          await until(async () => (await joined(node)) === 2, `two have joined, said ${node.make}`);
          await node.do("leave", { names: ["j"] });
          await until(async () => (await joined(node)) === 0, `all have left, said ${node.make}`);
        }
        for (const [i, node] of nodes.entries()) {
          const client = clients[(i + 1) % 3];
          const gone = new Promise((resolve) => client.once("disconnect", resolve));

          await node.do("disconnect", { rooms: [client.id] });
          assert.equal(await within(gone, `the end of a client, by ${node.make}`), "io server disconnect");
        }
      }));

    test("events of servers, and their answers", async () => {
      for (const node of cluster.nodes) {
        for (const other of cluster.nodes) await other.do("told");
        await node.do("server", { event: "hello", args: [1, { a: 2 }] });
        for (const other of cluster.nodes.filter((one) => one !== node)) {
          const { told } = await until2(() => other.do("told"), ({ told }) => told.length > 0, `hello of ${node.make} to ${other.make}`);

          assert.deepEqual(told.map(({ event, args }) => [event, args]), [["hello", [1, { a: 2 }]]]);
        }
        assert.deepEqual((await node.do("told")).told, []);
        const { answers } = await node.do("serverask", { event: "ask", args: [], timeout: 20_000 });

        assert.equal(answers.length, 2, node.make);
      }
    });

    test("each sender's events keep their order", () =>
      withClients(async (clients, nodes) => {
        const COUNT = 100;

        await Promise.all(
          nodes.map(async (node, i) => {
            for (let n = 0; n < COUNT; n++) await node.do("emit", { event: "o", args: [i, n] });
          }),
        );
        for (const client of clients) {
          await until(() => client.got.length === 3 * COUNT, `all events on ${client.make}`);
          for (let i = 0; i < 3; i++)
            assert.deepEqual(
              eventsOf(client, "o", 2).filter(([sender]) => sender === i).map(([, n]) => n),
              [...Array(COUNT).keys()],
            );
        }
      }));

    test("what is no message of ours is dropped and counted (X01-X20)", () =>
      withClients(async (clients, nodes) => {
        const { client: redis } = cluster.redis;
        const prefix = form === "sharded" ? "sio" : "socket.io";
        const publish = form === "sharded" ? "spublish" : "publish";
        const before = await nodes[0].do("stats");

        for (const bytes of hostile) await redis[publish](`${prefix}#/#`, bytes);
        if (form !== "sharded")
          for (const bytes of hostile) await redis.xadd("socket.io", "*", "uid", "evil", "nsp", "/", "type", "3", "data", bytes);
        await until(async () => (await nodes[0].do("stats")).malformed - before.malformed >= hostile.length, "all are counted");
        await nodes[0].do("emit", { event: "e", args: ["alive"] });
        await expectEvent([clients[0], clients[2]], "e", ["alive"]);
      }));
  });

const hostile = [
  Buffer.from([0xc0]), Buffer.from([0xc1]), Buffer.from([0x84, 0xa4]), Buffer.from([]), Buffer.from([0xdd, 255, 255, 255, 255]),
  Buffer.alloc(100_000, 0x91), Buffer.from("{"), Buffer.from("{}"), Buffer.from("null"), Buffer.from('{"type":3,"uid":"u","nsp":"/"}'),
  Buffer.from('{"type":3,"data":{"packet":{"type":2,"data":["x"]}},"uid":"u","nsp":"/"}'),
  Buffer.from('{"type":7,"data":{"requestId":"r"},"uid":"u","nsp":"/"}'),
  Buffer.from('{"type":9,"data":null,"uid":"u","nsp":"/"}'), Buffer.from('{"type":9,"data":{"packet":null},"uid":"u","nsp":"/"}'),
  Buffer.from('{"type":"3","data":{},"uid":"u","nsp":"/"}'), Buffer.from('{"type":99,"uid":"u","nsp":"/"}'),
  Buffer.from('{"type":4,"data":{"opts":{"rooms":[]},"rooms":7},"uid":"u","nsp":"/"}'),
  Buffer.from([...Buffer.from('{"type":3,"uid":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
  Buffer.from(`{"type":3,"data":${"[".repeat(50_000)}`), Buffer.from('{"type":3,"data":{"packet":{"type":2,"data":["connect"]},"opts":{}},"uid":"u","nsp":"/"}'),
];

async function until2(get, holds, what) {
  let found;

  await until(async () => holds((found = await get())), what);
  return found;
}

/* ---- recovery ---- */

/** Lets a client lose its connection: its server has seen that, and its state is there for all. */
async function lose(client, redis) {
  const key = `sio:session:${client._pid}`;

  client.io.reconnection(false);
  client.io.engine.close();
  await until(() => !client.connected, "the loss");
  await until(async () => (await redis.client.exists(key)) === 1, "its state");
}

/** Lets a client come back to another server. */
function comeBack(client, to) {
  client.io.uri = to.url;
  client.io.opts.port = String(to.port);
  client.io.reconnection(true);
  client.connect();
}

/**
 * A client is lost and comes back, from one server of Yodel's to the other, while all of them emit to it.  mayBeFresh: a server
 * that waits for its own events for a second takes nobody back, and has given them with the offset of the one before.
 */
async function comeAndGo(cluster, { mayBeFresh = false } = {}) {
  const { nodes } = cluster;
  const client = await cluster.connectTo(nodes[0]);
  let goes = true;
  let num = 0;

  await client.emitWithAck("join", "flow");
  const flow = (async () => {
    while (goes) await Promise.all(nodes.map((node) => node.do("emit", { event: "f", args: [num++], rooms: ["flow"] })));
  })();
  try {
    await until(() => client.got.length > 0, "the first event");
    for (let i = 0; i < 6; i++) {
      await sleep(100);
      await lose(client, cluster.redis);
      comeBack(client, nodes[i % 2 ? 0 : 2]);
      await until(() => client.connected, "the return");
      if (mayBeFresh && !client.recovered) return;
      assert.equal(client.recovered, true);
    }
  } finally {
    goes = false;
    await flow;
  }
  await until(() => eventsOf(client, "f", 1).length >= num, "all events");
  await sleep(100);
  assert.deepEqual(eventsOf(client, "f", 1).flat().sort((a, b) => a - b), [...Array(num).keys()]);
  await cluster.leave();
}

describe("recovery by streams", () => {
  let cluster;

  before(async () => {
    cluster = await Cluster.start(forms["streams with recovery"]);
  });
  after(() => cluster.stop());

  for (const [from, to, nsp] of [[0, 2, "/"], [0, 0, "/"], [0, 1, "/"], [1, 0, "/"], [1, 2, "/chat"], [0, 2, "/dyn-7"]])
    test(`from ${makes[from]} to ${from === to ? "the same" : makes[to]}, ${nsp}`, async () => {
      const { nodes } = cluster;
      const client = await cluster.connectTo(nodes[from], nsp);
      const { id } = client;
      const seen = () => eventsOf(client, "e", 1).flat();

      await client.emitWithAck("join", "room");
      await nodes[from].do("emit", { nsp, event: "e", args: [0], rooms: ["room"] });
      await until(() => seen().length === 1, "the first event");
      await lose(client, cluster.redis);
      for (let i = 1; i <= 5; i++) await nodes[i % 3].do("emit", { nsp, event: "e", args: [i], rooms: ["room"] });
      await nodes[from].do("emit", { nsp, event: "e", args: ["other"], rooms: ["another room"] });
      await nodes[from].do("binary", { nsp, event: "b", rooms: ["room"] });
      comeBack(client, nodes[to]);
      await until(() => client.connected, "the return");
      await nodes[to].do("emit", { nsp, event: "e", args: [6], rooms: ["room"] });
      await until(() => seen().includes(6), "the last event");
      assert.equal(client.recovered, true);
      assert.equal(client.id, id);
      assert.deepEqual(seen().sort(), [0, 1, 2, 3, 4, 5, 6]);
      assert.equal(eventsOf(client, "b", 1).length, 1);
      assert.equal((await nodes[to].do("fetch", { nsp, rooms: ["room"] })).sockets.length, 1);
      await cluster.leave();
    });

  test("nothing is lost, nothing comes twice, while events are under way", () => comeAndGo(cluster));

  test("a client comes back after its server was restarted", async () => {
    const { nodes, redis, words } = cluster;
    const client = await cluster.connectTo(nodes[0]);
    const { id } = client;

    await client.emitWithAck("join", "restart");
    await nodes[0].do("emit", { event: "e", args: [0], rooms: ["restart"] });
    await until(() => client.got.length === 1, "the first event");
    client.io.reconnection(false);
    await nodes[0].stop();
    await until(() => !client.connected, "the loss");
    await nodes[1].do("emit", { event: "e", args: [1], rooms: ["restart"] });
    nodes[0] = await Node.start("yodel", redis, words);
    // Who comes ahead of Redis is a new client.
    await hearAll(redis, words, makes.length, "/");
    comeBack(client, nodes[0]);
    await until(() => client.connected && client.got.length === 2, "what was missed");
    assert.equal(client.recovered, true);
    assert.equal(client.id, id);
    await cluster.leave();
  });
});

/* Also the reader of a server has the entries later than who asks what a client has missed. */
test("streams: nothing is lost, nothing comes twice, where the readers are late", async () => {
  const cluster = await Cluster.start(forms["streams with recovery"], [], 60);

  try {
    await comeAndGo(cluster, { mayBeFresh: true });
  } finally {
    await cluster.stop();
  }
});

/* ---- Redis ---- */

/** Redis with its data on disk: {dir, redis}. */
async function withKeptRedis(check) {
  const dir = mkdtempSync(path.join(tmpdir(), "yodel-redis-"));
  const redis = await RedisServer.start(["--dir", dir, "--appendonly", "yes", "--appendfsync", "always"]);
  const nodes = [];

  try {
    for (let i = 0; i < 2; i++) nodes.push(await Node.start("yodel", redis, forms["streams with recovery"]));
    await hearAll(redis, forms.streams, 2, "/");
    await check(redis, nodes);
    for (const node of nodes.splice(0)) await node.stop();
  } finally {
    for (const node of nodes) await node.kill();
    await redis.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function listen(node) {
  const client = io(node.url, { transports: ["websocket"], forceNew: true });

  client.got = [];
  client.onAny((...args) => client.got.push(args));
  await within(new Promise((resolve) => client.once("connect", resolve)), "a client");
  return client;
}

test("streams: nothing is lost, and nothing comes twice, while Redis is restarted with its data", () =>
  withKeptRedis(async (redis, nodes) => {
    const clients = await Promise.all(nodes.map(listen));
    let goes = true;
    let num = 0;
    const flow = (async () => {
      for (; goes; num++) await Promise.all(nodes.map((node, i) => node.do("emit", { event: "f", args: [i, num] })));
    })();

    for (let i = 0; i < 2; i++) {
      await sleep(300);
      await redis.stop();
      await sleep(500);
      const before = clients[0].got.length;

      await until(() => clients[0].got.length > before, "local delivery goes on");
      await redis.run();
      await hearAll(redis, forms.streams, 2, "/");
      await sleep(500);
    }
    goes = false;
    await flow;
    for (const client of clients) {
      await until(() => client.got.length >= 2 * num, `all events: ${client.got.length} of ${2 * num}`);
      for (let i = 0; i < 2; i++)
        assert.deepEqual(
          client.got.filter(([, sender]) => sender === i).map(([, , n]) => n),
          [...Array(num).keys()],
        );
      client.disconnect();
    }
  }));

test("streams: a Redis that comes back empty, with ids below those that were read, is read on (R11)", async () => {
  const redis = await RedisServer.start();

  await redis.client.xadd("socket.io", "4000000000000-0", "uid", "x", "nsp", "/nowhere", "type", "6", "data", '{"opts":{}}');
  const nodes = await Promise.all([0, 1].map(() => Node.start("yodel", redis, forms["streams with recovery"])));
  await hearAll(redis, forms.streams, 2, "/");
  const clients = await Promise.all(nodes.map(listen));
  const all = (num) => until(() => clients.every(({ got }) => got.length === num), `${num} events on both`);

  await nodes[0].do("emit", { event: "one" });
  await all(1);
  await redis.stop();
  await redis.run();
  await until(async () => (await nodes[0].do("told")).state === 2 && (await nodes[1].do("told")).state === 2, "both are up");
  await nodes[0].do("emit", { event: "two" });
  await nodes[1].do("emit", { event: "three" });
  await all(3);
  await redis.client.flushall();
  await nodes[0].do("emit", { event: "four" });
  await all(4);
  for (const client of clients) client.disconnect();
  for (const node of nodes) await node.stop();
  await redis.stop();
});

test("sharded: rooms that are joined and left while the link breaks are those that are subscribed (R2)", async () => {
  const redis = await RedisServer.start();
  const node = await Node.start("yodel", redis, forms.sharded);
  const client = await listen(node);
  const ROOMS = 1000;
  const has = new Set();

  for (let i = 0; i < ROOMS; i += 50) {
    const rooms = [...Array(50).keys()].map((n) => `r${i + n}`);

    await client.emitWithAck("join", ...rooms);
    for (const room of rooms) has.add(`sio#/#${room}#`);
  }
  for (let i = 0; i < 5; i++) {
    await redis.client.client("KILL", "TYPE", "pubsub");
    const leaves = [...Array(20).keys()].map((n) => `r${i * 20 + n}`);
    const joins = [...Array(20).keys()].map((n) => `s${i * 20 + n}`);

    await node.do("leave", { names: leaves.slice(0, 16) });
    await node.do("join", { names: joins.slice(0, 16) });
    for (const room of leaves.slice(0, 16)) has.delete(`sio#/#${room}#`);
    for (const room of joins.slice(0, 16)) has.add(`sio#/#${room}#`);
    await sleep(30 * i);
  }
  const subscribed = async () => (await redis.client.pubsub("SHARDCHANNELS", "sio#/#[rs]*")).sort();

  await until(async () => JSON.stringify(await subscribed()) === JSON.stringify([...has].sort()), "exactly the rooms of now");
  client.disconnect();
  await until(async () => (await subscribed()).length === 0, "no room");
  await node.stop();
  await redis.stop();
});
