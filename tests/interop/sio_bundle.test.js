// SPDX-License-Identifier: MIT
// The client's files, served by the server.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import zlib from "node:zlib";

import { App, isReference, require } from "./sio_kit.js";

const directory = path.join(path.dirname(require.resolve("socket.io/package.json")), "client-dist");
const { version } = require("socket.io/package.json");
let app;

before(async () => (app = await App.start("sio-ref", ["--client-dir", directory])));
after(() => app.stop());

function get(name, { headers = {}, method = "GET" } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${app.url}/socket.io/${name}`, { method, headers, agent: false }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on("error", reject);
    request.end();
  });
}

const names = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

for (const name of names.flatMap((script) => [script, `${script}.map`]))
  test(name, async () => {
    const { status, headers, body } = await get(name);

    assert.equal(status, 200);
    assert.equal(headers["content-type"], `application/${name.endsWith(".map") ? "json" : "javascript"}; charset=utf-8`);
    assert.equal(headers["cache-control"], "public, max-age=0");
    assert.equal(headers.etag, `"${version}"`);
    assert.equal(headers["content-encoding"], undefined);
    assert.deepEqual(body, await readFile(path.join(directory, name)));
  });

test("compressed", async () => {
  const { headers, body } = await get(names[0], { headers: { "Accept-Encoding": "gzip" } });

  assert.equal(headers["content-encoding"], "gzip");
  if (!isReference) assert.equal(headers.vary, "Accept-Encoding");
  assert.deepEqual(zlib.gunzipSync(body), await readFile(path.join(directory, names[0])));
});

test("with a query", async () => assert.equal((await get(`${names[0]}?v=1&x`)).status, 200));

test("not modified", async () => {
  for (const tag of [`"${version}"`, `W/"${version}"`]) {
    const { status, body } = await get(names[0], { headers: { "If-None-Match": tag } });
    assert.equal(status, 304);
    assert.equal(body.length, 0);
  }
  assert.equal((await get(names[0], { headers: { "If-None-Match": '"4.0.0"' } })).status, 200);
});

test("other names are Engine.IO's", async () => {
  for (const name of ["socket.io.esm.js", "socket.io.js/", "socket.io.min.js.gz", "x.js"]) {
    const { status, body } = await get(name);
    assert.equal(status, 400);
    assert.deepEqual(JSON.parse(body), { code: 0, message: "Transport unknown" });
  }
});
