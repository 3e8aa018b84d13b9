// SPDX-License-Identifier: MIT
// Socket.IO clients for test_nginx_restarts.py: by polling, by WebSocket, and with the upgrade.  Each asks the
// namespace /ask again and again, and repeats a question until it is answered.
//
//     node restart_crowd.mjs URL CLIENTS
//
// Ends when its input does, and prints what has happened as JSON.
import { createRequire } from "node:module";

const require = createRequire(new URL("../package.json", import.meta.url));
const { io } = require("socket.io-client-4.8.4");
const [url, clients] = [process.argv[2], Number(process.argv[3])];
const ways = [["polling"], ["websocket"], ["polling", "websocket"]];
let over = false;

function client(number) {
  const socket = io(`${url}/ask`, {
    transports: ways[number % ways.length],
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    retries: 20,
    ackTimeout: 1500,
  });
  const seen = { way: ways[number % ways.length].join("+"), connects: [], asked: 0, answered: 0, wrong: 0, failed: 0 };
  socket.on("connect", () => seen.connects.push(Date.now()));
  const ask = () => {
    const a = number, b = seen.asked++;
    socket.emit("add", a, b, (error, sum) => {
      if (error) seen.failed++;
      else if (sum !== a + b) seen.wrong++;
      else seen.answered++;
      if (!over) setTimeout(ask, 200);
    });
  };
  ask();
  return { socket, seen };
}

const all = Array.from({ length: clients }, (_, number) => client(number));
process.stdin.resume();
process.stdin.on("end", async () => {
  over = true;
  for (let i = 0; i < 100 && all.some(({ seen }) => seen.answered + seen.wrong + seen.failed < seen.asked); i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  console.log(JSON.stringify(all.map(({ seen }) => seen)));
  process.exit(0);
});
