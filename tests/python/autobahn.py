#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/conformance/autobahn.py, whose options it takes, against an ASGI application that echoes."""

import subprocess
import sys

from package import PYTHON, ROOT, AsgiProgram, require

require()
with AsgiProgram("ws_app:app") as server:
    words = [PYTHON, str(ROOT / "tests/conformance/autobahn.py"), "--port", str(server.port), *sys.argv[1:]]
    status = subprocess.run(words, check=False).returncode
sys.exit(status)
