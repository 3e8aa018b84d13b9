# SPDX-License-Identifier: MIT
"""Starlette and FastAPI programs: what their documentation shows of answers, bodies and tasks."""

import asyncio
import contextlib
import gc
import json
import os
import pathlib

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import (
    FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse,
)
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

HERE = pathlib.Path(__file__).resolve().parent
SEEN = []


@contextlib.asynccontextmanager
async def lifespan(_app):
    yield {"greeting": "from the lifespan"}
    print("lifespan left", flush=True)


app = FastAPI(lifespan=lifespan)
app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


@app.get("/items/{item_id}")
async def item(item_id: int, q: str = None):
    return {"item_id": item_id, "q": q}


@app.post("/items")
async def create(request: Request):
    return JSONResponse(await request.json(), status_code=201, headers={"Location": "/items/1"})


@app.get("/sync")
def sync():
    return {"thread": True}


@app.get("/text")
async def text():
    return PlainTextResponse("привет")


@app.get("/page", response_class=HTMLResponse)
async def page():
    return "<p>page</p>"


@app.get("/away")
async def away():
    return RedirectResponse("/text")


@app.get("/empty", status_code=204)
async def empty():
    return Response(status_code=204)


@app.get("/teapot")
async def teapot():
    raise HTTPException(418, "short and stout", headers={"X-Tea": "1"})


@app.get("/cookies")
async def cookies():
    response = PlainTextResponse("cookies")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return response


@app.get("/stream")
async def stream():
    async def parts():
        for number in range(5):
            yield f"{number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/sync_stream")
def sync_stream():
    return StreamingResponse(iter([b"a", b"b", b"c"]))


@app.get("/endless")
async def endless():
    async def parts():
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.01)
        finally:
            SEEN.append("left")

    return StreamingResponse(parts())


@app.get("/seen")
async def seen():
    gc.collect()  # a generator that was not iterated to its end may be in a circle of Starlette's
    return SEEN


@app.get("/file")
async def file():
    return FileResponse(__file__)


@app.get("/background")
async def background(tasks: BackgroundTasks):
    async def later():
        await asyncio.sleep(0.05)
        SEEN.append("background")

    tasks.add_task(later)
    return {"sent": True}


@app.post("/upload")
async def upload(request: Request):
    total, parts = 0, 0
    async for part in request.stream():
        total += len(part)
        parts += bool(part)
    return {"bytes": total, "several": parts > 1}


@app.get("/state")
async def state(request: Request):
    return {"greeting": request.state.greeting}


@app.get("/client")
async def client(request: Request):
    return {
        "host": request.client.host if request.client else None, "scheme": request.url.scheme,
        "url": str(request.url), "root_path": request.scope["root_path"],
    }


@app.get("/raises")
async def raises():
    raise RuntimeError("in the handler")


@app.get("/disconnected")
async def disconnected(request: Request):
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)
    SEEN.append("is_disconnected")


class Header(BaseHTTPMiddleware):
    """Adds one to each answer."""

    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["X-Middleware"] = "1"
        return response


if os.environ.get("MIDDLEWARE"):
    app.add_middleware(Header)
    app.add_middleware(GZipMiddleware, minimum_size=100)


@app.get("/long")
async def long():
    return json.loads(json.dumps({"long": "x" * 1000}))
