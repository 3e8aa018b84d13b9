from fastapi import FastAPI, WebSocket

app = FastAPI()

@app.websocket("/ws")
async def websocket_endpoint(websocket: WebSocket):
    await websocket.accept()  # Принимаем соединение
    while True:
        data = await websocket.receive_text()  # Получаем сообщение
        await websocket.send_text(f"Echo: {data}")  # Отправляем ответ
