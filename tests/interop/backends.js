// SPDX-License-Identifier: MIT
// script/backends NAME: a back end, and the program in front of it, on free ports.  YODEL_PROGRAM names the binary.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import { root } from "./demo.js";

const env = { YODEL_PROGRAM: path.join(root, "build/dev/yodel"), ...process.env };

/** Runs it, gives the address to `use`, and ends it by the signal of Ctrl-C. */
export async function withBackend(name, use) {
  const words = ["--pdeathsig", "INT", path.join(root, "script/backends"), name, "--port", "0"]; // it ends with this test
  const script = spawn("setpriv", words, { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(script, "exit");
  let said = "";
  script.stderr.on("data", (text) => (said += text));
  try {
    const url = await new Promise((resolve, reject) => {
      let text = "";
      script.stdout.on("data", (chunk) => {
        const found = /^open (\S+) /m.exec((text += chunk));
        if (found) resolve(found[1]);
      });
      ended.then(() => reject(new Error(`${name} did not start: ${said}`)));
    });
    await use(url);
  } finally {
    script.kill("SIGINT");
    await ended;
  }
}
