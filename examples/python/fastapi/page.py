# SPDX-License-Identifier: MIT
"""The application of main.py, with a page at / to try it."""

import pathlib

from fastapi.responses import FileResponse
from main import app

PAGE = pathlib.Path(__file__).with_name("index.html")


@app.get("/", include_in_schema=False)
def page():
    return FileResponse(PAGE)
