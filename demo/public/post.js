// SPDX-License-Identifier: MIT
// Requests to the views of the server, and how a shell would make them.

import { say, sayCount } from "./text.js";

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

/** Posts JSON and shows in answer what came back.  Returns whether it was taken. */
export async function post(path, body, answer) {
  answer.dataset.state = "busy";
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
    });
    const text = await response.text();

    answer.dataset.state = response.ok ? "ok" : "failed";
    answer.textContent = response.ok
      ? `${response.status} ${response.statusText}: ${sayCount("delivered", JSON.parse(text).members)}`
      : `${response.status}: ${text}`;
    return response.ok;
  } catch {
    answer.dataset.state = "failed";
    answer.textContent = say("failed");
    return false;
  }
}
