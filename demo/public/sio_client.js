// SPDX-License-Identifier: MIT
// npm's client, as the server serves it.

const CLIENT = "/socket.io/socket.io.esm.min.js";

let loading = null;

/** What new connections may use; ?transport=polling in the page's address leaves one. */
export const transports = new URLSearchParams(location.search).getAll("transport");

/** Options of a Manager, with those. */
export function withTransports(options) {
  return transports.length > 0 ? { ...options, transports } : options;
}

/** Gives the client's module, or null where the server has none. */
export function loadClient() {
  loading ??= import(CLIENT).catch(() => null);
  return loading;
}
