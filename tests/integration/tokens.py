# SPDX-License-Identifier: MIT
"""Tokens for tests, signed by HS256."""

import base64
import contextlib
import hashlib
import hmac
import json
import time

SECRET, OTHER = "0123456789abcdef0123456789abcdef", "x" * 32


def part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def token(user="ann", seconds=3600, secret=SECRET, yodel=None, **claims):
    claims = {"sub": user, "exp": int(time.time()) + seconds, **claims}
    if yodel is not None:
        claims["yodel"] = yodel
    signed = part({"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
    return signed + "." + part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def let_in_briefly(connect, refusal, **claims):
    """What connect(token) gives with one that ends soon, but not before it is let in; and when it ends.

    refusal   what connect() raises for one that has ended: this machine was too busy for it
    """
    for seconds in range(1, 30):
        ends = int(time.time()) + seconds
        with contextlib.suppress(refusal):
            return connect(token(exp=ends, **claims)), ends
    raise AssertionError("each had ended before it was let in")
