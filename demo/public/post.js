// SPDX-License-Identifier: MIT
// Requests to the views of the server, and how a shell would make them.

import { put, putPlain } from "./text.js";
import { note } from "./wire.js";

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function shellCommand(path, body) {
  return [
    `curl ${location.origin}${path}`,
    "-H 'Content-Type: application/json'",
    `-d ${quoted(body)}`,
  ].join(" \\\n  ");
}

/** Posts JSON and shows in answer what came back; noted as from.  Returns whether it was taken. */
export async function post(path, body, answer, from) {
  answer.dataset.state = "busy";
  note(from, "out", "http", "POST", `${path} ${body}`);
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
    });
    const status = `${response.status} ${response.statusText}`;

    const text = await response.text();

    note(from, "in", "http", String(response.status), text);
    answer.dataset.state = response.ok ? "ok" : "failed";
    if (response.ok) put(answer, "delivered", { status, n: JSON.parse(text).members });
    else putPlain(answer, status);
    return response.ok;
  } catch {
    answer.dataset.state = "failed";
    put(answer, "failed");
    return false;
  }
}
