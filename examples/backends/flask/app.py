# SPDX-License-Identifier: MIT
"""A chat whose sockets are in Yodel: a request tells of events, the answer says what to do."""

import base64
import hmac
import os
import re
import time
import urllib.request

from flask import Flask, json, request

USERS = {"ann": "rose", "boris": "oak"}  # a real one keeps hashes
app = Flask(__name__)


def is_signed(body):
    name, moment, signatures = (request.headers.get("webhook-" + each, "") for each in ("id", "timestamp", "signature"))
    right = hmac.digest(os.environb[b"WEBHOOK_SECRET"], f"{name}.{moment}.".encode() + body, "sha256")
    is_right = any(hmac.compare_digest(b"v1," + base64.b64encode(right), each) for each in signatures.encode().split(b" "))
    return is_right and abs(time.time() - int(moment)) <= 300


def api(call, body=None):
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["API_KEY"]}
    asked = urllib.request.Request(os.environ["API_URL"] + call, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(asked, timeout=2) as answer:
        return json.load(answer)


def emit(room, event, *args):
    return {"emit": {"to": {"rooms": [room]}, "event": event, "args": args, "history": event == "said"}}


def answer(event, rooms):
    if event["kind"] == "connect":
        name, password = ((event.get("auth") or {}).get(key) for key in ("name", "password"))
        is_known = isinstance(name, str) and name in USERS and USERS[name] == password
        return {"user": name} if is_known else {"reject": {"message": "wrong name or password"}}
    if event["kind"] != "event":
        return {"actions": [emit(room, "people") for room in event.get("rooms", [])]}
    name, value, socket = event["event"], next(iter(event["args"]), None), event["socket"]
    room = rooms.get(socket["sid"], (socket["meta"] or {}).get("room"))
    if name == "join" and isinstance(value, str) and re.fullmatch("[a-z]{1,20}", value):
        leave = [{"leave": {"rooms": [room]}}, emit(room, "people")] if room not in (None, value) else []
        api("/join", {"of": {"sockets": [socket["sid"]]}, "rooms": [value]})  # now, so that nothing is missed
        rooms[socket["sid"]] = value
        actions = [*leave, {"join": {"rooms": [value]}}, emit(value, "people")]  # it may have left since
        return {"meta": {"room": value}, "actions": actions, "ack": [api("/history?room=" + value)["items"]]}
    if name == "say" and room and isinstance(value, str) and re.fullmatch("[^\0]{1,1000}", value):
        return {"actions": [emit(room, "said", {"id": event["id"], "user": socket["user"], "text": value})], "ack": [True]}
    return {"ack": [api("/presence?room=" + room)["members"] if name == "who" and room else {"error": "what?"}]}


@app.post("/")
def webhook():
    if not is_signed(request.get_data()):
        return "", 400  # 401 would be a refusal of the client
    rooms = {}  # of sockets, by answers to what is ahead in this request: their meta is as it was before it
    return {"results": [{"id": event["id"], **answer(event, rooms)} for event in request.get_json()["events"]]}
