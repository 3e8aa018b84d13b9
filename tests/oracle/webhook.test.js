// SPDX-License-Identifier: MIT
// Signatures of hooks, verified by npm's standardwebhooks.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

const { Webhook } = await import("standardwebhooks").catch(() => ({}));
const skip = Webhook === undefined && "standardwebhooks is not installed";

function headers(id, body, ...secrets) {
  const timestamp = `${Math.floor(Date.now() / 1000)}`;
  const signature = execFileSync(process.env.YODEL_SIGN_CLI, [id, timestamp, body, ...secrets], { encoding: "utf8" }).trim();

  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
}

test("each secret's owner can verify, and nobody else", { skip }, () => {
  for (const length of [1, 2, 3, 24, 32, 64]) {
    const [one, two, other] = [1, 2, 3].map(() => `whsec_${randomBytes(length + 3).toString("base64")}`);
    const body = JSON.stringify({ version: 1, events: [{ id: `e${length}`, text: "grüße ✓" }] });
    const sent = headers(`msg_${length}`, body, one, two);

    for (const secret of [one, two]) assert.deepEqual(new Webhook(secret).verify(body, sent), JSON.parse(body));
    assert.throws(() => new Webhook(other).verify(body, sent));
    assert.throws(() => new Webhook(one).verify(`${body} `, sent));
    assert.throws(() => new Webhook(one).verify(body, { ...sent, "webhook-id": "msg_0" }));
  }
});

test("a secret that is no base64 is used as it is", { skip }, () => {
  const sent = headers("msg_1", "{}", "not base64!");

  new Webhook(Buffer.from("not base64!").toString("base64")).verify("{}", sent);
});
