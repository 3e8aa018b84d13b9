// SPDX-License-Identifier: MIT
// The raw wire: what is said to both servers, and their transcripts compared.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { App } from "./sio_kit.js";
import { lengthenPauses, Run } from "./sio_wire.js";
import { cases } from "./sio_wire_cases.js";

const only = process.env.ONLY && new RegExp(process.env.ONLY);
const BATCH = 8;
const ATTEMPTS = 4;
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

async function compareOnce(exchange, differs) {
  const [expected, seen] = await Promise.all([transcript(reference, exchange), transcript(subject, exchange)]);

  if (differs && subject.isReference) return; // what it does may hang on chance
  if (differs) assert.deepEqual(seen, differs.expect, differs.because);
  else assert.deepEqual(seen, expected);
}

/** What two parties say at one time has an order only by pauses of some 30 ms between them, beside pings each second.
 *  On a busy machine a pause is too short for either server, now and then: longer ones follow, and servers that differ do
 *  so each time. */
async function compare(exchange, differs) {
  for (let attempt = 1; attempt < ATTEMPTS; attempt++)
    try {
      return await compareOnce(exchange, differs);
    } catch (error) {
      if (error.code !== "ERR_ASSERTION") throw error;
      lengthenPauses();
    }
  return compareOnce(exchange, differs);
}

test("transcripts", { concurrency: BATCH }, async (suite) => {
  const chosen = cases.filter(([name]) => !only || only.test(name));

  await Promise.all(chosen.map(([name, exchange, differs]) => suite.test(name, () => compare(exchange, differs))));
});
