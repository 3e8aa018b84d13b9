# SPDX-License-Identifier: MIT
"""The notes' FastAPI program, as it stands there, and what else FastAPI can do with a WebSocket."""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/ws")
async def websocket_endpoint(websocket: WebSocket):
    await websocket.accept()  # Принимаем соединение
    while True:
        data = await websocket.receive_text()  # Получаем сообщение
        await websocket.send_text(f"Echo: {data}")  # Отправляем ответ


@app.websocket("/json/{item}")
async def json_endpoint(websocket: WebSocket, item: int, name: str = "nobody"):
    """JSON, a path parameter and one of the query."""
    await websocket.accept(subprotocol=(websocket.scope["subprotocols"] or [None])[0])
    try:
        while True:
            await websocket.send_json({"item": item, "name": name, "got": await websocket.receive_json()})
    except WebSocketDisconnect as end:
        print("ENDED", end.code, flush=True)


@app.websocket("/bytes")
async def bytes_endpoint(websocket: WebSocket):
    """Bytes, and a close of the server's."""
    await websocket.accept()
    await websocket.send_bytes(await websocket.receive_bytes())
    await websocket.close(4001, "as given")


@app.websocket("/refused")
async def refused_endpoint(websocket: WebSocket):
    await websocket.close(4001)
