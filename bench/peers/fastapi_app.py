# SPDX-License-Identifier: MIT
"""FastAPI on uvicorn: /ws answers "Echo: X", /echo echoes, /broadcast sends to all.

Usage: fastapi_app.py PORT
"""

import socket
import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
members: set[WebSocket] = set()


@app.websocket("/ws")
async def websocket_endpoint(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            data = await websocket.receive_text()
            await websocket.send_text(f"Echo: {data}")
    except WebSocketDisconnect:
        pass


@app.websocket("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


@app.websocket("/broadcast")
async def broadcast(websocket: WebSocket):
    await websocket.accept()
    members.add(websocket)
    try:
        while True:
            data = await websocket.receive_text()
            for member in list(members):
                await member.send_text(data)
    except WebSocketDisconnect:
        pass
    finally:
        members.discard(websocket)


def main():
    listener = socket.create_server(
        ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), backlog=4096
    )
    config = uvicorn.Config(app, log_level="critical", backlog=4096)
    print("PORT", listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
