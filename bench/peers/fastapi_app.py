# SPDX-License-Identifier: MIT
"""FastAPI on uvicorn or daphne: /ws answers "Echo: X", /echo echoes, /broadcast sends to all,
/compute echoes after about a millisecond of work.  The application is `app`, for other servers.

Usage: fastapi_app.py PORT [uvicorn|daphne]
"""

import socket
import sys

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


@app.websocket("/compute")
async def compute(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            data = await websocket.receive_text()
            sum(range(50_000))
            await websocket.send_text(data)
    except WebSocketDisconnect:
        pass


def serve_daphne(port):
    from daphne.server import Server

    server = Server(
        application=app,
        endpoints=[f"tcp:port={port}:interface=127.0.0.1:backlog=4096"],
        ready_callable=lambda: print("PORT", server.listening_addresses[0][1], flush=True),
    )
    server.run()


def serve_uvicorn(port):
    import uvicorn

    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    config = uvicorn.Config(app, log_level="critical", backlog=4096)
    print("PORT", listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    if sys.argv[2:] == ["daphne"]:
        serve_daphne(port)
    else:
        serve_uvicorn(port)


if __name__ == "__main__":
    main()
