// SPDX-License-Identifier: MIT
// A back end that answers each event of a webhook with the same event for its sender: both servers of bench/program.py ask it.
// With an argument it listens on the Unix socket of that path, too.
import http from "node:http";

const server = http.createServer((req, res) => {
  const parts = [];
  req.on("data", (part) => parts.push(part));
  req.on("end", () => {
    const { events } = JSON.parse(Buffer.concat(parts));
    const results = events.map(({ id, kind, event, args }) => (kind === "event" ? { id, actions: [{ emit: { event, args } }] } : { id }));
    const body = JSON.stringify({ results });
    res.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    res.end(body);
  });
});
server.keepAliveTimeout = 60000;
const tell = () => console.log(`PORT ${server.address().port}`);
const path = process.argv[2];
if (path) http.createServer({ keepAliveTimeout: 60000 }, server.listeners("request")[0]).listen(path, () => server.listen(0, "127.0.0.1", tell));
else server.listen(0, "127.0.0.1", tell);
