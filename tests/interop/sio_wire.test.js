// SPDX-License-Identifier: MIT
// The raw wire: what is said to both servers, and their transcripts compared.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { App } from "./sio_kit.js";
import { Run } from "./sio_wire.js";
import { cases } from "./sio_wire_cases.js";

const only = process.env.ONLY && new RegExp(process.env.ONLY);
const BATCH = 8;
let reference, subject;

before(async () => {
  reference = await App.start("wire-app", [], { reference: true });
  subject = await App.start("wire-app", ["--loops", "2"]);
});
after(async () => {
  await reference.stop();
  await subject.stop();
});

async function transcript(app, exchange) {
  const run = new Run(app.port);

  try {
    await exchange(run);
    return run.log.slice();
  } finally {
    run.done();
  }
}

async function compare(exchange, differs) {
  const [expected, seen] = await Promise.all([transcript(reference, exchange), transcript(subject, exchange)]);

  if (differs && subject.isReference) return; // what it does may hang on chance
  if (differs) assert.deepEqual(seen, differs.expect, differs.because);
  else assert.deepEqual(seen, expected);
}

test("transcripts", { concurrency: BATCH }, async (suite) => {
  const chosen = cases.filter(([name]) => !only || only.test(name));

  await Promise.all(chosen.map(([name, exchange, differs]) => suite.test(name, () => compare(exchange, differs))));
});
