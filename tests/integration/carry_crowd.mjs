// SPDX-License-Identifier: MIT
// Socket.IO clients for test_carry.py: by polling, by WebSocket, and with the upgrade, after a balancer.  Each has
// the app say back what it sends, in text and binary, several at once.
//
//     node carry_crowd.mjs URL CLIENTS ROUNDS
//
// Prints what has happened as JSON.  With ROUNDS 0 it goes on until its input ends, and reconnects; to each line of its
// input it says "well" when, from then on, every client has got so many right answers.
import { createRequire } from "node:module";

const require = createRequire(new URL("../package.json", import.meta.url));
const { io } = require("socket.io-client-4.8.4");
const [url, clients, rounds] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const ways = [["polling"], ["websocket"], ["polling", "websocket"]];
const MANY = 9;
const all = []; // what each has seen
let over = false;

const echo = (socket, value) =>
  new Promise((resolve, reject) => {
    socket.timeout(rounds ? 30_000 : 2_000).emit("echo", value, Buffer.from(value), (error, ...back) => {
      if (error) reject(error);
      else resolve(back[0] === value && Buffer.from(value).equals(Buffer.from(back[1])));
    });
  });

async function talk(number) {
  const transports = ways[number % ways.length];
  const socket = io(url, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  const seen = { way: transports.join("+"), connects: 0, errors: [], drops: [], right: 0, wrong: 0, failed: 0, last: "" };

  all.push(seen);
  socket.on("connect", () => seen.connects++);
  let left = false;

  socket.on("disconnect", (reason, details) => left || seen.drops.push(`${reason} ${details?.context?.status ?? ""} ${details?.context?.responseText ?? details?.message ?? ""}`));
  socket.on("connect_error", (error) => seen.errors.push(`${error.message} ${error.context?.responseText ?? ""}`));
  for (let round = 0; rounds ? round < rounds : !over; round++) {
    const values = [0, 1, 2].map((i) => `${number}.${round}.${i}${"x".repeat((round % 5) * 900)}`);
    const results = await Promise.allSettled(values.map((value) => echo(socket, value)));

    for (const { status, value } of results) {
      if (status !== "fulfilled") seen.failed++;
      else if (value) seen.right++;
      else seen.wrong++;
    }
    if (!rounds) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  seen.last = socket.io.engine?.transport?.name ?? "";
  left = true;
  socket.disconnect();
  return seen;
}

function ask() {
  const begun = all.map(({ right }) => right);
  const timer = setInterval(() => {
    if (all.some(({ right }, number) => right < begun[number] + MANY)) return;
    clearInterval(timer);
    console.log("well");
  }, 20);
}

process.stdin.on("data", ask);
process.stdin.on("end", () => (over = true));
const clientsEnd = Array.from({ length: clients }, (_, number) => talk(number));
console.log(JSON.stringify(await Promise.all(clientsEnd)));
process.exit(0);
