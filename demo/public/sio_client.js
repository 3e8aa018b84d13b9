// SPDX-License-Identifier: MIT
// npm's client, as the server serves it.

const CLIENT = "/socket.io/socket.io.esm.min.js";

let loading = null;

/** Gives the client's module, or null where the server has none. */
export function loadClient() {
  loading ??= import(CLIENT).catch(() => null);
  return loading;
}
