# SPDX-License-Identifier: MIT
"""Starlette's lifespan with a state."""

import contextlib

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


@contextlib.asynccontextmanager
async def lifespan(_app):
    yield {"greeting": "from the lifespan"}


async def home(request):
    return JSONResponse({"greeting": request.state.greeting})


app = Starlette(routes=[Route("/", home)], lifespan=lifespan)
