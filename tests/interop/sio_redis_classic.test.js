// SPDX-License-Identifier: MIT
// Two Yodel servers and two of node, by the classic adapter, on one Redis: they behave as one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { io } from "socket.io-client-4.8.4";

import { Node, RedisServer, until } from "./redis_kit.js";
import { require, sleep, within } from "./sio_kit.js";

const { Emitter } = require("@socket.io/redis-emitter");
const msgpackParser = require("socket.io-msgpack-parser");
const makes = ["yodel", "yodel", "node", "node"];

class Cluster {
  static async start(words = [], { parser } = {}) {
    const cluster = new Cluster();

    cluster.parser = parser;
    cluster.redis = await RedisServer.start();
    cluster.nodes = await Promise.all(makes.map((make) => Node.start(make, cluster.redis, words)));
    cluster.clients = [];
    await until(async () => (await cluster.redis.count("socket.io-request#/#")) === 4, "four subscribers");
    return cluster;
  }

  async connect(nsp = "/") {
    const clients = await Promise.all(this.nodes.map((node) => this.connectTo(node, nsp)));

    return clients;
  }

  async connectTo(node, nsp = "/") {
    const client = io(node.url + nsp, { transports: ["websocket"], forceNew: true, reconnection: false, parser: this.parser });

    client.make = node.make;
    client.got = [];
    client.onAny((event, ...args) => {
      if (typeof args.at(-1) !== "function") client.got.push([event, ...args]);
    });
    this.clients.push(client);
    await within(new Promise((resolve) => client.once("connect", resolve)), `a client of ${node.make}`);
    return client;
  }

  async leave() {
    for (const client of this.clients.splice(0)) client.disconnect();
    await until(async () => (await this.nodes[0].do("fetch")).sockets?.length === 0, "nobody is left");
  }

  async stop() {
    await this.leave();
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.redis.stop();
  }
}

/** Everybody has got these events, in this order, and nobody has others. */
async function expectGot(clients, expected) {
  for (const client of clients)
    await until(() => client.got.length >= expected.length, `${expected.length} events on ${client.make}, got ${JSON.stringify(client.got)}`);
  for (const client of clients) assert.deepEqual(client.got.splice(0), expected, client.make);
}

async function expectNothing(clients) {
  await sleep(100);
  for (const client of clients) assert.deepEqual(client.got, [], client.make);
}

let cluster;

before(async () => {
  cluster = await Cluster.start();
});
after(() => cluster.stop());

async function withClients(check, nsp) {
  const clients = await cluster.connect(nsp);

  try {
    await check(clients, cluster.nodes);
  } finally {
    await cluster.leave();
  }
}

test("an emit reaches the clients of all servers, once", () =>
  withClients(async (clients, nodes) => {
    for (const node of nodes) {
      await node.do("emit", { event: "e", args: [node.make, 1, { a: [true, null, 1.5, "é"] }] });
      await expectGot(clients, [["e", node.make, 1, { a: [true, null, 1.5, "é"] }]]);
    }
    await expectNothing(clients);
  }));

test("binary arrives as binary", () =>
  withClients(async (clients, nodes) => {
    for (const node of nodes) {
      await node.do("binary", { event: "b" });
      for (const client of clients) {
        await until(() => client.got.length > 0, `binary on ${client.make}`);
        const [event, word, bytes] = client.got.shift();

        assert.deepEqual([event, word, [...bytes]], ["b", "bytes", [1, 2, 255]], `${node.make} to ${client.make}`);
      }
    }
  }));

test("rooms and exceptions", () =>
  withClients(async (clients, nodes) => {
    for (const client of clients) await client.emitWithAck("join", "r", "a#b", "");
    for (const node of nodes)
      for (const room of ["r", "a#b", "", clients[0].id, clients[2].id]) {
        const inside = room === clients[0].id ? [clients[0]] : room === clients[2].id ? [clients[2]] : clients;

        await node.do("emit", { rooms: [room], event: "e", args: [room] });
        await expectGot(inside, [["e", room]]);
      }
    for (const node of nodes) {
      await node.do("emit", { rooms: ["r", "a#b", "none"], except: [clients[1].id, clients[3].id], event: "e" });
      await expectGot([clients[0], clients[2]], [["e"]]);
      await node.do("emit", { rooms: ["none"], event: "e" });
      await node.do("emit", { except: ["r"], event: "e" });
    }
    await expectNothing(clients);
  }));

test("numbers are rooms of their text", () =>
  withClients(async (clients, nodes) => {
    for (const client of clients) await client.emitWithAck("join", client.make === "node" ? "number:42" : "42");
    await nodes[2].do("emit", { rooms: ["number:42"], event: "e" });
    await expectGot(clients, [["e"]]);
    await expectNothing(clients);
  }));

test("a client's broadcast reaches all others", () =>
  withClients(async (clients) => {
    for (const client of clients) {
      client.emit("shout", "x", 1);
      await expectGot(
        clients.filter((other) => other !== client),
        [["shouted", "x", 1]],
      );
    }
    await expectNothing(clients);
  }));

test("local and volatile", () =>
  withClients(async (clients, nodes) => {
    for (const [i, node] of nodes.entries()) {
      await node.do("emit", { event: "l", flags: { local: true } });
      await expectGot([clients[i]], [["l"]]);
      await expectNothing(clients);
      await node.do("emit", { event: "v", flags: { volatile: true } });
      await expectGot(clients, [["v"]]);
    }
  }));

test("acknowledgements of a broadcast", () =>
  withClients(async (clients, nodes) => {
    for (const [i, client] of clients.entries()) client.on("q", (...args) => args.at(-1)(i));
    for (const node of nodes) {
      const all = await node.do("ack", { event: "q", args: ["x"], timeout: 20_000 });

      assert.equal(all.result, 0, node.make);
      assert.deepEqual(all.answers.sort(), [0, 1, 2, 3], node.make);
      const none = await node.do("ack", { rooms: ["nobody"], event: "q", timeout: 20_000 });

      assert.deepEqual([none.result, none.answers], [0, []], node.make);
    }
    clients[0].off("q"); /* one of Yodel's and one of node's do not answer */
    clients[2].off("q");
    for (const node of [nodes[0], nodes[2]]) {
      const part = await node.do("ack", { event: "q", timeout: 2500 });

      assert.notEqual(part.result, 0, node.make);
      assert.deepEqual(part.answers.sort(), [1, 3], node.make);
      if (node.make === "yodel") assert.equal(part.missing, 2);
    }
  }));

test("binary acknowledgements", () =>
  withClients(async (clients, nodes) => {
    for (const client of clients) client.on("q", (done) => done(Buffer.from([7])));
    const { attachments, result } = await nodes[0].do("ack", { event: "q", timeout: 20_000 });

    assert.deepEqual([attachments, result], [4, 0]);
  }));

test("fetchSockets, rooms, socketsJoin and socketsLeave", () =>
  withClients(async (clients, nodes) => {
    const ids = clients.map((client) => client.id).sort();

    for (const client of clients) await client.emitWithAck("set", client.make);
    for (const node of nodes) {
      const { result, sockets } = await node.do("fetch");

      assert.equal(result, 0, node.make);
      assert.deepEqual(sockets.map(({ id }) => id).sort(), ids, node.make);
      for (const client of clients) {
        const socket = sockets.find(({ id }) => id === client.id);

        assert.deepEqual([socket.rooms, socket.data], [[client.id], { name: client.make }]);
        assert.equal(typeof socket.handshake.issued, "number");
        assert.equal(typeof socket.handshake.headers.host, "string");
      }
    }
    for (const node of nodes) {
      await node.do("join", { names: ["j1", "j2"], except: [clients[3].id] });
      await until(async () => (await node.do("fetch", { rooms: ["j1"] })).sockets.length === 3, `three in j1 by ${node.make}`);
      const { sockets } = await node.do("fetch", { rooms: ["j2"] });

      assert.deepEqual(sockets.map(({ id }) => id).sort(), [...ids].filter((id) => id !== clients[3].id));
      const { sockets: rooms } = await node.do("rooms");

      assert.deepEqual(rooms.sort(), [...ids, "j1", "j2"].sort(), node.make);
      await node.do("leave", { rooms: ["j1"], names: ["j1", "j2"] });
      await until(async () => (await node.do("fetch", { rooms: ["j1", "j2"] })).sockets.length === 0, `nobody in j1 by ${node.make}`);
    }
  }));

test("disconnectSockets", async () => {
  for (const [i, close] of [false, true, false, true].entries())
    await withClients(async (clients, nodes) => {
      const reasons = clients.map((client) => new Promise((resolve) => client.once("disconnect", resolve)));

      await nodes[i].do("disconnect", { except: [clients[1].id, clients[2].id], close });
      assert.equal(await within(reasons[0], "one of Yodel to end"), "io server disconnect");
      assert.equal(await within(reasons[3], "one of node to end"), "io server disconnect");
      await sleep(50);
      assert.ok(clients[1].connected && clients[2].connected);
    });
});

async function nextTold(node) {
  let told = [];

  await until(async () => (told = (await node.do("told")).told).length > 0, `an event of a server at ${node.make}`);
  return told;
}

test("serverSideEmit, with and without answers", async () => {
  for (const node of cluster.nodes) {
    const others = cluster.nodes.filter((other) => other !== node);

    await node.do("server", { event: "hello", args: ["x", { y: 1 }] });
    for (const other of others) assert.deepEqual(await nextTold(other), [{ nsp: "/", event: "hello", args: ["x", { y: 1 }] }]);
    assert.deepEqual((await node.do("told")).told, []);
    const { result, answers } = await node.do("serverask", { event: "ask", args: [1], timeout: 20_000 });

    assert.equal(result, 0, node.make);
    assert.deepEqual(answers.map(({ from }) => from).sort(), others.map(({ make }) => make).sort());
    for (const other of others) assert.deepEqual((await other.do("told")).told, [{ nsp: "/", event: "ask", args: [1] }]);
  }
  const { result, missing } = await cluster.nodes[0].do("serverask", { event: "quiet", timeout: 2000 });

  assert.deepEqual([result, missing], [-110, 3]);
});

test("namespaces: others, children, and names that look like patterns", async () => {
  for (const nsp of ["/chat", "/dyn-7", "/ab", "/a1"]) /* Yodel's have "/a*", too */
    await withClients(async (clients, nodes) => {
      await until(async () => (await cluster.redis.count(`socket.io-request#${nsp}#`)) === 4, `four subscribers of ${nsp}`);
      for (const node of nodes) {
        await node.do("emit", { nsp, event: "e", args: [nsp] });
        await expectGot(clients, [["e", nsp]]);
        await node.do("emit", { nsp: "/", event: "other" });
      }
      await expectNothing(clients);
    }, nsp);
  const clients = [await cluster.connectTo(cluster.nodes[0], "/a*"), await cluster.connectTo(cluster.nodes[1], "/a*")];

  await cluster.nodes[0].do("emit", { nsp: "/a*", event: "e" });
  await cluster.nodes[2].do("emit", { nsp: "/ab", event: "other" });
  await expectGot(clients, [["e"]]);
  await expectNothing(clients);
  await cluster.leave();
});

test("the emitter of node", () =>
  withClients(async (clients, nodes) => {
    const emitter = new Emitter(cluster.redis.client);

    for (const client of clients) await client.emitWithAck("join", "r");
    emitter.emit("e", 1, Buffer.from([9]));
    for (const client of clients) await until(() => client.got.length === 1, `the emitter's event on ${client.make}`);
    for (const client of clients) assert.deepEqual([client.got[0][0], client.got[0][1], [...client.got.shift()[2]]], ["e", 1, [9]]);
    emitter.to("r").except(clients[0].id).volatile.emit("e", 2);
    await expectGot(clients.slice(1), [["e", 2]]);
    emitter.of("chat").emit("not here");
    emitter.in("r").socketsJoin(["s", "t"]);
    await until(async () => (await nodes[0].do("fetch", { rooms: ["s"] })).sockets.length === 4, "all in s");
    emitter.in("s").socketsLeave("r");
    await until(async () => (await nodes[2].do("fetch", { rooms: ["r"] })).sockets.length === 0, "nobody in r");
    for (const node of nodes) await node.do("told");
    emitter.serverSideEmit("hello", 1);
    for (const node of nodes) await until(async () => (await node.do("told")).told.length === 1, `hello on ${node.make}`);
    await expectNothing(clients);
    emitter.disconnectSockets();
    for (const client of clients) await until(() => !client.connected, `the end of a client of ${client.make}`);
  }));

test("the emitter of Yodel", () =>
  withClients(async (clients, nodes) => {
    for (const client of clients) await client.emitWithAck("join", "r");
    await nodes[0].do("xemit", { event: "e", args: [1, "x"] });
    await expectGot(clients, [["e", 1, "x"]]);
    await nodes[0].do("xemit", { rooms: ["r"], except: [clients[0].id, clients[2].id], event: "e", flags: { volatile: true } });
    await expectGot([clients[1], clients[3]], [["e"]]);
    await nodes[0].do("xbinary", { event: "b", rooms: ["r", "s"] });
    for (const client of clients) {
      await until(() => client.got.length === 1, `binary on ${client.make}`);
      assert.deepEqual([...client.got.shift()[2]], [1, 2, 255]);
    }
    await nodes[0].do("xjoin", { rooms: ["r"], names: ["s", "t"] });
    await until(async () => (await nodes[2].do("fetch", { rooms: ["s"] })).sockets.length === 4, "all in s");
    await nodes[0].do("xleave", { rooms: ["s"], names: ["r"] });
    await until(async () => (await nodes[2].do("fetch", { rooms: ["r"] })).sockets.length === 0, "nobody in r");
    for (const node of nodes) await node.do("told");
    await nodes[0].do("xserver", { event: "hello" });
    for (const node of nodes) await until(async () => (await node.do("told")).told.length === 1, `hello on ${node.make}`);
    await expectNothing(clients);
    await nodes[0].do("xdisconnect", { rooms: ["t"], close: true });
    for (const client of clients) await until(() => !client.connected, `the end of a client of ${client.make}`);
  }));

test("the emitter of Yodel, for a namespace without its slash", () =>
  withClients(async (clients, nodes) => {
    for (const client of clients) await client.emitWithAck("join", "a", "b");
    await nodes[0].do("xemit", { nsp: "/chat", rooms: ["a", "b"], event: "e" });
    await expectGot(clients, [["e"]]);
    await expectNothing(clients);
  }, "/chat"));

test("one that ends is not waited for, one that hangs is at the time limit", async () => {
  const more = await Node.start("node", cluster.redis);

  await until(async () => (await cluster.redis.count("socket.io-request#/#")) === 5, "five subscribers");
  const heard = await cluster.redis.hear("socket.io-request#/*");

  more.process.kill("SIGSTOP");
  const began = Date.now();
  const asked = cluster.nodes[0].do("fetch", { timeout: 60_000 });

  await until(() => heard.messages.length > 0, "the request");
  await more.kill();
  const { result, missing } = await asked;

  heard.end();
  assert.equal(missing, 1);
  assert.notEqual(result, 0);
  assert.ok(Date.now() - began < 50_000, `${Date.now() - began} ms`);
});

test("exactly one subscription of requests for each server and namespace", async () => {
  assert.equal(await cluster.redis.count("socket.io-request#/chat#"), 4);
  assert.equal(await cluster.redis.count("socket.io-request#/#"), 4);
});

/** What kills servers of node, which are not asked here: X01 to X20. */
test("hostile messages are counted, and nothing else", async () => {
  const nodes = await Promise.all([Node.start("yodel", cluster.redis, ["--prefix", "x"]), Node.start("yodel", cluster.redis, ["--prefix", "x"])]);
  const { client } = cluster.redis;
  const clients = await Promise.all(nodes.map((node) => cluster.connectTo(node)));
  const { encode } = require("notepack.io");
  const broadcasts = [
    "",
    "\0",
    Buffer.from([0xc0]),
    Buffer.from([0xc1]),
    encode(["u", { type: 2, data: ["e"], nsp: "/" }]),
    encode(["u", { type: 2, data: ["e"], nsp: "/" }, null]),
    encode(["u", null, { rooms: [], except: [] }]),
    encode(["u", { type: 2, data: null, nsp: "/" }, { rooms: [] }]),
    encode(["u", { type: 2, data: [{}], nsp: "/" }, { rooms: [] }]),
    encode(["u", { type: 2, data: ["disconnect"], nsp: "/" }, { rooms: [] }]),
    encode(["u", { type: 2, data: ["e"], nsp: "/" }, { rooms: [{}] }]),
    encode(["u", { type: 2, data: ["e"], nsp: "/" }, { rooms: "r" }]),
    encode(["u", { type: 2, data: ["e"], nsp: "/" }, { rooms: [] }]).subarray(0, 20),
    Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x93, 0xa1, 0x75, 0xdf, 0xff, 0xff, 0xff, 0xff]),
    Buffer.alloc(100_000, 0x91),
    "{}",
  ];
  const requests = [
    "",
    "null",
    "{",
    '{"type":5,"requestId":"r"}',
    '{"type":6,"data":null}',
    '{"type":6,"data":{}}',
    '{"type":7,"requestId":"r","opts":{"rooms":[],"except":[]}}',
    '{"type":2,"opts":1}',
    '{"type":4,"sid":{}}',
    '{"type":99}',
    `{"type":6,"data":${"[".repeat(100_000)}`,
    encode({ type: 7, requestId: "r", packet: { type: 2, data: [] }, opts: { rooms: [], except: [] } }),
    Buffer.from([0xc1]),
  ];

  await until(async () => (await cluster.redis.count("x-request#/#")) === 2, "two subscribers");
  for (const message of broadcasts) await client.publish("x#/#", message);
  for (const message of requests) await client.publish("x-request#/#", message);
  for (const message of [...broadcasts, ...requests]) await client.publish("x-response#/#", message);
  await client.publish("x#/#r#", encode(["u", { type: 2, data: ["e"], nsp: "/other" }, { rooms: [] }]));
  await nodes[0].do("emit", { event: "alive" });
  await expectGot(clients, [["alive"]]);
  for (const node of nodes)
    await until(async () => (await node.do("stats")).malformed >= broadcasts.length + requests.length - 2, "all are counted");
  await cluster.leave();
  for (const node of nodes) await node.stop();
});

test("answers to the one that asked", async () => {
  const words = ["--prefix", "one", "--answer-one"];
  const nodes = [await Node.start("yodel", cluster.redis, words), await Node.start("node", cluster.redis, words)];
  const clients = await Promise.all(nodes.map((node) => cluster.connectTo(node)));

  for (const client of clients) client.on("q", (done) => done(client.make));
  await until(async () => (await cluster.redis.count("one-request#/#")) === 2, "two subscribers");
  for (const node of nodes) {
    assert.equal((await node.do("fetch")).sockets.length, 2, node.make);
    assert.deepEqual((await node.do("ack", { event: "q", timeout: 20_000 })).answers.sort(), ["node", "yodel"]);
  }
  await cluster.leave();
  for (const node of nodes) await node.stop();
});

test("clients that speak MessagePack", async () => {
  const words = ["--prefix", "pack", "--msgpack"];
  const nodes = await Promise.all(["yodel", "yodel", "node"].map((make) => Node.start(make, cluster.redis, words)));

  cluster.parser = msgpackParser;
  const clients = await Promise.all(nodes.map((node) => cluster.connectTo(node)));

  cluster.parser = undefined;
  await until(async () => (await cluster.redis.count("pack-request#/#")) === 3, "three subscribers");
  for (const node of nodes) {
    await node.do("emit", { event: "e", args: [1, { a: "b" }] });
    await expectGot(clients, [["e", 1, { a: "b" }]]);
  }
  await cluster.leave();
  for (const node of nodes) await node.stop();
});

test("Redis ends and comes back", async () => {
  await withClients(async (clients, nodes) => {
    await cluster.redis.stop();
    await nodes[0].do("emit", { event: "local" });
    await expectGot([clients[0]], [["local"]]);
    const { missing, result } = await nodes[0].do("fetch", { timeout: 300 });

    assert.ok(missing > 0 && result !== 0);
    await cluster.redis.run();
    await until(async () => (await cluster.redis.count("socket.io-request#/#")) === 4, "four subscribers again");
    await until(async () => {
      await nodes[0].do("emit", { event: "again" });
      await sleep(50);
      return clients.every(({ got }) => got.some(([event]) => event === "again"));
    }, "events for all again");
  });
});
