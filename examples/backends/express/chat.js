// SPDX-License-Identifier: MIT
// A chat whose sockets are in Yodel: a request tells of events, the answer says what to do.
import { createHmac, timingSafeEqual } from "node:crypto";

import express from "express";

const { API_KEY, API_URL, PORT, WEBHOOK_SECRET } = process.env;
const USERS = new Map([["ann", "rose"], ["boris", "oak"]]); // a real one keeps hashes

function isSigned({ headers, body }) {
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signatures = "" } = headers;
  const hash = createHmac("sha256", WEBHOOK_SECRET).update(`${id}.${time}.`).update(body ?? "").digest("base64");
  const right = Buffer.from(`v1,${hash}`);
  const isRight = (text) => Buffer.byteLength(text) === right.length && timingSafeEqual(Buffer.from(text), right);
  return signatures.split(" ").some(isRight) && Math.abs(Date.now() / 1000 - time) <= 300;
}

async function api(call, body) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${API_KEY}` };
  const options = { method: body ? "POST" : "GET", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(2000) };
  const answer = await fetch(API_URL + call, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

const emit = (room, event, ...args) => ({ emit: { to: { rooms: [room] }, event, args, history: event === "said" } });

async function onEvent({ id, event: name, args: [value], socket }, rooms) {
  const room = rooms.get(socket.sid) ?? socket.meta?.room;
  if (name === "join" && typeof value === "string" && /^[a-z]{1,20}$/.test(value)) {
    const leave = room && room !== value ? [{ leave: { rooms: [room] } }, emit(room, "people")] : [];
    await api("/join", { of: { sockets: [socket.sid] }, rooms: [value] }); // now, so that nothing is missed
    const { items } = await api(`/history?room=${value}`);
    rooms.set(socket.sid, value);
    const actions = [...leave, { join: { rooms: [value] } }, emit(value, "people")]; // it may have left since
    return { meta: { room: value }, actions, ack: [items] };
  }
  if (name === "say" && room && typeof value === "string" && /^[^\0]{1,1000}$/u.test(value))
    return { actions: [emit(room, "said", { id, user: socket.user, text: value })], ack: [true] };
  return { ack: [name === "who" && room ? (await api(`/presence?room=${room}`)).members : { error: "what?" }] };
}

async function answer(event, rooms) {
  if (event.kind === "event") return onEvent(event, rooms);
  if (event.kind !== "connect") return { actions: (event.rooms ?? []).map((room) => emit(room, "people")) };
  const { name, password } = event.auth ?? {};
  const isKnown = USERS.has(name) && USERS.get(name) === password;
  return isKnown ? { user: name } : { reject: { message: "wrong name or password" } };
}

const app = express().use(express.raw({ type: () => true, limit: "4mb" }));
app.post("/", async (request, response) => {
  if (!isSigned(request)) return response.sendStatus(400); // 401 would be a refusal of the client
  const [results, rooms] = [[], new Map()]; // of sockets, by answers to what is ahead: their meta is as it was before it
  for (const event of JSON.parse(request.body).events) results.push({ id: event.id, ...(await answer(event, rooms)) });
  return response.json({ results });
});
app.listen(PORT, "127.0.0.1");
