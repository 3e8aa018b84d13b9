// SPDX-License-Identifier: MIT
// The unmodified page of npm's @socket.io/admin-ui in a real browser, beside yodel serve.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, test } from "node:test";

import { closeAll, connected, eventually, opened, Yodel } from "../interop/admin_kit.js";
import { launchChromium } from "./chromium.js";

const dist = fileURLToPath(new URL("../node_modules/@socket.io/admin-ui/ui/dist/", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png" };

afterEach(closeAll);

/** The files of the page, on an origin of their own. */
async function hosted() {
  const web = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://page");
    const name = path.join(dist, pathname === "/" ? "index.html" : path.normalize(pathname));

    fs.readFile(name, (error, data) => {
      response.writeHead(error ? 404 : 200, { "content-type": types[path.extname(name)] ?? "text/plain" });
      response.end(data);
    });
  });

  await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
  opened.push(() => web.close());
  return `http://127.0.0.1:${web.address().port}`;
}

async function browsed() {
  const browser = await launchChromium();
  opened.push(() => browser.close());
  const page = await browser.newPage();
  const faults = [];

  page.on("pageerror", (error) => faults.push(error.message));
  // Its fonts are on hosts outside.
  await page.route("**/*", (route) => (new URL(route.request().url()).hostname === "127.0.0.1" ? route.continue() : route.abort()));
  return { page, faults };
}

async function logIn(page, url, password) {
  const dialog = page.locator(".v-dialog");
  const fields = dialog.locator("input");

  await fields.first().waitFor();
  await fields.nth(0).fill(url);
  await fields.nth(1).fill("admin");
  await fields.nth(2).fill(password);
  await dialog.getByRole("button", { name: /^connect$/i }).click();
}

/** Words are in capitals by style alone. */
const shows = (page, text) => page.getByText(new RegExp(`^\\s*${text}\\s*$`, "i")).first().waitFor();

test("it logs in, shows sockets, rooms and events, and stays logged in", { timeout: 90_000 }, async () => {
  const origin = await hosted();
  const server = await Yodel.start({ admin: `, mode: development, readonly: false, origins: ["${origin}"]` });
  const socket = await connected(server.url);
  const { page, faults } = await browsed();

  await page.goto(`${origin}/`);
  await logIn(page, server.internal, "wrong");
  await page.getByText(/invalid credentials/i).first().waitFor();
  await logIn(page, server.internal, "changeit");
  await shows(page, "CONNECTED");
  await shows(page, "HEALTHY");

  await page.goto(`${origin}/#/sockets/`);
  await shows(page, socket.id);
  const late = await connected(server.url);
  const { id } = late;
  await shows(page, id);
  late.disconnect();
  await page.getByText(id, { exact: true }).waitFor({ state: "detached" });

  await server.post("join", { of: { all: true }, rooms: ["lobby"] });
  await page.goto(`${origin}/#/rooms/`);
  await shows(page, "lobby");
  await page.goto(`${origin}/#/events/`);
  socket.emit("wave", "left");
  await page.getByText("Event name: wave").first().waitFor();

  // A reload asks for no password: the session is stored.
  await page.reload();
  await shows(page, "CONNECTED");
  await page.goto(`${origin}/#/sockets/`);
  await shows(page, socket.id);

  // Its own button sends a client away.
  await page.locator("tr", { hasText: socket.id }).locator("button").last().click();
  await eventually(() => !socket.connected, "it was sent away");
  assert.deepEqual(faults, []);
});

test("in production mode it shows numbers", { timeout: 90_000 }, async () => {
  const origin = await hosted();
  const server = await Yodel.start({ admin: `, origins: ["${origin}"]` });
  const { page, faults } = await browsed();

  await page.goto(`${origin}/`);
  await logIn(page, server.internal, "changeit");
  await shows(page, "CONNECTED");
  await shows(page, "HEALTHY");
  await shows(page, "/admin");
  assert.equal(await page.getByText("Sockets", { exact: true }).count(), 0);
  assert.deepEqual(faults, []);
});
