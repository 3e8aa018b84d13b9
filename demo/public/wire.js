// SPDX-License-Identifier: MIT
// What passes between this page and the server: kept for a while, and told to who listens.

const LONGEST = 400;
const LONGEST_TEXT = 2000;
const HEAD_BYTES = 16;

const records = [];

/** Called with each record: {from, direction, transport, kind, text, bytes, at}. */
export const listeners = new Set();

/** Records of those sources, the oldest first. */
export function recordsOf(sources) {
  return records.filter((record) => sources.has(record.from));
}

function hex(bytes) {
  const head = [...new Uint8Array(bytes, 0, Math.min(bytes.byteLength, HEAD_BYTES))];

  return head.map((byte) => byte.toString(16).padStart(2, "0")).join(" ") + (bytes.byteLength > HEAD_BYTES ? " …" : "");
}

function sizeOf(data) {
  return typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength;
}

/**
 * Notes one frame, packet or request.
 *
 * from       whose it is: "echo", "chat", "sio:/chat", ...
 * direction  "out" or "in"
 * transport  "websocket", "polling", "http", "sse"
 * kind       its name in the protocol: "text", "EVENT", "ping", ...
 * data       a string or an ArrayBuffer
 */
export function note(from, direction, transport, kind, data = "") {
  const bytes = sizeOf(data);
  const whole = typeof data === "string" ? data : hex(data);
  const text = whole.length > LONGEST_TEXT ? `${whole.slice(0, LONGEST_TEXT)}…` : whole;
  const record = { from, direction, transport, kind, text, bytes, at: new Date() };

  records.push(record);
  if (records.length > LONGEST) records.shift();
  for (const listener of listeners) listener(record);
}

const SIO_TYPES = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"];

/* "2/chat,5["a"]" -> {type: "EVENT", namespace: "/chat", id: "5", attachments: 0} */
function readSio(text) {
  const [, type, attachments, namespace, id] = /^(\d)(?:(\d+)-)?(?:(\/[^,]*),?)?(\d+)?/.exec(text) ?? [];

  return { type: SIO_TYPES[type], attachments: Number(attachments ?? 0), namespace: namespace ?? "/", id };
}

/** Notes all that passes on connections of a Manager of npm's client, as `${name}` and `${name}:/namespace`. */
export function watchManager(manager, name) {
  const waiting = { in: { left: 0, from: name }, out: { left: 0, from: name } }; // attachments of a packet

  const seeMessage = (direction, transport, data) => {
    const binary = waiting[direction];

    if (typeof data !== "string") {
      binary.left -= 1;
      note(binary.from, direction, transport, "BINARY", data);
      return;
    }
    const { type, attachments, namespace, id } = readSio(data);
    const from = `${name}:${namespace}`;

    if (attachments > 0) waiting[direction] = { left: attachments, from };
    note(from, direction, transport, id === undefined ? type : `${type} #${id}`, `4${data}`);
  };
  const see = (direction, engine) => (packet) => {
    const transport = engine.transport.name;
    const types = { open: 0, close: 1, ping: 2, pong: 3, message: 4, upgrade: 5, noop: 6 };

    if (packet.type === "message") seeMessage(direction, transport, packet.data);
    else note(name, direction, transport, packet.type, `${types[packet.type]}${packet.data ?? ""}`);
  };
  const watched = new WeakSet();
  const watch = (engine) => {
    if (!engine || watched.has(engine)) return;
    watched.add(engine);
    engine.on("packet", see("in", engine));
    engine.on("packetCreate", see("out", engine));
    engine.on("upgrading", ({ name: next }) => {
      // The probe has been answered: it passes beside the session.
      note(name, "out", next, "ping", "2probe");
      note(name, "in", next, "pong", "3probe");
    });
    engine.on("upgrade", ({ name: next }) => note(name, "out", next, "upgrade", "5"));
    engine.on("close", (why) => note(name, "in", engine.transport.name, "closed", String(why)));
  };

  const open = manager.open.bind(manager);

  manager.open = manager.connect = (done) => {
    const result = open(done);

    watch(manager.engine);
    return result;
  };
  watch(manager.engine);
}
