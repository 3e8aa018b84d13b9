// SPDX-License-Identifier: MIT
// Tokens and keys of `yodel token` beside those of npm's jose.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { Random } from "./random.js";

globalThis.crypto ??= webcrypto; // node 18 has it by name alone, and jose takes it from there
const jose = await import("jose").catch(() => null);
const skip = jose === null && "jose is not installed";
const cli = process.env.YODEL_TOKEN_CLI;
const folder = mkdtempSync(join(tmpdir(), "yodel-token-"));
const NOW = 1700000000;
const ALGORITHMS = {
  HS256: "secret", HS384: "secret", HS512: "secret", ES256: "pair", ES384: "pair", ES512: "pair", EdDSA: "pair",
  RS256: "rsa", RS384: "rsa", RS512: "rsa", PS256: "rsa", PS384: "rsa", PS512: "rsa",
};

after(() => rmSync(folder, { recursive: true }));

function run(args, input = "") {
  const { status, stdout, stderr } = spawnSync(cli, args, { input, encoding: "utf8" });

  return { status, out: stdout.trim(), err: stderr };
}

function check(token, args) {
  const { status, out, err } = run(["token", "check", "-o", "json", ...args], token);

  assert.ok(status === 0 || status === 65, `${status} ${err}`);
  return JSON.parse(out);
}

// Files of the key, and what jose signs and verifies with.
async function makeKey(alg) {
  const file = join(folder, alg);

  if (ALGORITHMS[alg] === "rsa") {
    const pair = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });

    writeFileSync(file, pair.privateKey);
    chmodSync(file, 0o600);
    writeFileSync(`${file}.pub`, pair.publicKey);
  } else {
    assert.equal(run(["token", "key", "--alg", alg, "--out", file]).status, 0);
  }
  const text = readFileSync(file, "utf8");

  if (ALGORITHMS[alg] === "secret") {
    const secret = new TextEncoder().encode(text.trimEnd());

    return { file, publicFile: file, sign: secret, verify: secret };
  }
  return {
    file,
    publicFile: `${file}.pub`,
    sign: await jose.importPKCS8(text, alg),
    verify: await jose.importSPKI(readFileSync(`${file}.pub`, "utf8"), alg, { extractable: true }),
  };
}

const keys = new Map();

function keyOf(alg) {
  if (!keys.has(alg)) keys.set(alg, makeKey(alg));
  return keys.get(alg);
}

function tampered(token) {
  const at = token.lastIndexOf(".") + 5;

  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

for (const alg of Object.keys(ALGORITHMS)) {
  test(`${alg}: each takes the other's tokens`, { skip }, async () => {
    const key = await keyOf(alg);
    const ours = run(["token", "sign", "--key-file", key.file, "--alg", alg, "--kid", "k", "--user", "ann"]).out;
    const { payload, protectedHeader } = await jose.jwtVerify(ours, key.verify, { algorithms: [alg] });
    const theirs = await new jose.SignJWT({ sub: "bob" })
      .setProtectedHeader({ alg, typ: "JWT" })
      .setExpirationTime("1h")
      .sign(key.sign);
    const args = ["--key-file", key.publicFile, "--alg", alg];

    assert.equal(payload.sub, "ann");
    assert.deepEqual(protectedHeader, { alg, typ: "JWT", kid: "k" });
    assert.equal(check(theirs, args).user, "bob");
    assert.equal(check(tampered(theirs), args).code, "signature_wrong");
    await assert.rejects(jose.jwtVerify(tampered(ours), key.verify));
  });

  test(`${alg}: a set of keys`, { skip }, async () => {
    const key = await keyOf(alg);
    const jwk = { ...(await jose.exportJWK(key.verify)), kid: "k", alg, use: "sig" };
    const file = join(folder, `${alg}.json`);
    const ours = run(["token", "sign", "--key-file", key.file, "--alg", alg, "--kid", "k", "--user", "ann"]).out;

    writeFileSync(file, JSON.stringify({ keys: [{ kty: "new" }, jwk] }));
    assert.equal(check(ours, ["--jwks-file", file]).user, "ann");
    if (ALGORITHMS[alg] !== "secret")
      await jose.jwtVerify(ours, jose.createLocalJWKSet({ keys: [jwk] }));
  });
}

// The same claims are good for both, where both look at them.
function randomClaims(random) {
  const time = () => NOW + [-3600, -31, -30, -29, 0, 29, 30, 31, 3600][random.below(9)];
  const claims = { sub: "ann" };

  if (!random.chance(10)) claims.exp = random.chance(10) ? String(time()) : time();
  if (random.chance(40)) claims.nbf = random.chance(10) ? null : time();
  if (!random.chance(20)) claims.iss = random.chance(80) ? "iss" : "other";
  if (!random.chance(20)) claims.aud = [["aud"], "aud", ["x", "aud"], ["x"], "x", []][random.below(6)];
  return claims;
}

test("random claims", { skip }, async () => {
  const key = await keyOf("HS256");
  const random = new Random(5);
  const args = ["--key-file", key.file, "--issuer", "iss", "--audience", "aud", "--at", String(NOW)];
  let good = 0;

  for (let i = 0; i < 300; i++) {
    const claims = randomClaims(random);
    const token = await new jose.CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: "HS256" })
      .sign(key.sign);
    const theirs = await jose
      .jwtVerify(token, key.verify, {
        issuer: "iss", audience: "aud", clockTolerance: 30, currentDate: new Date(NOW * 1000), requiredClaims: ["exp"],
      })
      .then(() => true, () => false);

    assert.equal(check(token, args).valid, theirs, JSON.stringify(claims));
    good += theirs;
  }
  assert.ok(good > 20 && good < 200, `${good} of them are good`);
});
