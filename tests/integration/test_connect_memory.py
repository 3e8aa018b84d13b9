# SPDX-License-Identifier: MIT
"""yodel connect, while memory ends: it ends as well, with a word, and never otherwise.  YODEL_PROGRAM names a program whose
allocations fail by a file."""

import concurrent.futures
import mmap
import os
import struct
import subprocess
import tempfile

from harness import LIMIT, equal, run
from yodel_program import ENV, YODEL, Yodel, folder

CONFIG = """
listen: [{name: public, address: "127.0.0.1:0"}, {name: internal, address: "127.0.0.1:0", serve: [health]}]
namespaces: [{name: /, auth: none}]
websockets: [{path: /ws, auth: none}]
shutdown: {spread: 0s}
"""


def connect_without(first, words):
    """Runs it without its first-th allocation.  Returns its status, and how many allocations there were."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(struct.pack("=III", 0, first, 1) + bytes(mmap.PAGESIZE - 12))
        file.flush()
        env = {**ENV, "PROGRAM_FAILS_BY": file.name}
        text = b'yodel:join "a"\n{"event": "x", "args": [{"_placeholder": true, "num": 0}], "attachments": ["AAEC"], "ack": true}\n'
        done = subprocess.run([YODEL, "connect", *words, "--timeout", "20s"], env=env, input=text, capture_output=True, timeout=LIMIT)
        file.seek(0)
        num = struct.unpack("=I", file.read(4))[0]
    assert done.returncode in (0, 1, 65, 69, 77) and b"Sanitizer" not in done.stderr, (first, words, done)
    assert done.returncode == 0 or done.stdout + done.stderr, (first, words)
    return done.returncode, num


def bears_all(*words):
    equal(connect_without(0, words)[0], 0)
    num = connect_without(0, words)[1]
    assert num > 10, num
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = list(pool.map(lambda first: connect_without(first, words)[0], range(1, num + 2)))
    equal(seen[-1], 0)
    assert any(seen), seen


def test_each_allocation_fails_once():
    with folder() as path:
        (path / "yodel.yaml").write_text(CONFIG)
        with Yodel("-c", str(path / "yodel.yaml")) as server:
            for transport in ("websocket", "polling", "upgrade"):
                bears_all(f"http://127.0.0.1:{server.port}", "--transport", transport, "--ack")


def test_deflated_messages(demo):
    bears_all(f"ws://127.0.0.1:{demo.port}/echo", "--deflate")


run(dict(globals()))
