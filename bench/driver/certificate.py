# SPDX-License-Identifier: MIT
"""One certificate for all servers that speak TLS, made anew for each run."""

import atexit
import functools
import subprocess
import tempfile
from pathlib import Path


@functools.cache
def certificate():
    """The files of a self-signed certificate and its key."""
    folder = tempfile.TemporaryDirectory(prefix="yodel-bench-")
    atexit.register(folder.cleanup)
    cert, key = Path(folder.name, "cert.pem"), Path(folder.name, "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    subprocess.run(
        [*command.split(), "-subj", "/CN=localhost", "-out", str(cert), "-keyout", str(key)],
        check=True,
        capture_output=True,
    )
    return cert, key
