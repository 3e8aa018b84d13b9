# SPDX-License-Identifier: MIT
"""Names, keys and bytes of channels_redis.core.RedisChannelLayer."""

import base64
import binascii
import hashlib
import os
import struct

import msgpack

RANDOM = 12  # bytes before each message: members of a sorted set differ
CHANNELS = "__asgi_channel__"

# Each message to its key, if there is room; after what is too old has gone.  Returns the positions of the others.
SEND = """
local full, n = {}, #KEYS
for i = 1, n do
    redis.call('ZREMRANGEBYSCORE', KEYS[i], 0, ARGV[3 * n + 1])
    if redis.call('ZCOUNT', KEYS[i], '-inf', '+inf') < tonumber(ARGV[n + i]) then
        redis.call('ZADD', KEYS[i], ARGV[2 * n + i], ARGV[i])
        redis.call('EXPIRE', KEYS[i], ARGV[3 * n + 2])
    else
        full[#full + 1] = i
    end
end
return full
"""

FLUSH = """
local keys = redis.call('KEYS', ARGV[1])
for i = 1, #keys, 5000 do
    redis.call('DEL', unpack(keys, i, math.min(i + 4999, #keys)))
end
"""


def decode_hosts(hosts):
    """CONFIG's "hosts" as a list of dicts, as channels_redis reads them."""
    if isinstance(hosts, (str, bytes)):
        raise ValueError("hosts is a list of Redis hosts, not a string")
    found = []
    for entry in hosts or ["redis://localhost:6379"]:
        if isinstance(entry, dict):
            found.append(dict(entry))
        elif isinstance(entry, (tuple, list)):
            found.append({"host": entry[0], "port": entry[1]})
        else:
            found.append({"address": entry})
    return found


def shard(name, number):
    """Which of so many hosts has a group, or the key of a channel."""
    return int((binascii.crc32(name.encode()) & 0xFFF) / (4096 / number)) if number > 1 else 0


def non_local(channel):
    """The part of a channel's name that its key has."""
    return channel[: channel.find("!") + 1] if "!" in channel else channel


class Codec:
    """Messages as bytes.

    keys     symmetric_encryption_keys: the first encrypts, all decrypt
    max_age  seconds that an encrypted message is believed"""

    def __init__(self, keys, max_age):
        self._max_age = max_age
        self._crypter = None
        if isinstance(keys, (str, bytes)):
            raise ValueError("symmetric_encryption_keys is a list of keys")
        if keys:
            from cryptography.fernet import Fernet, MultiFernet

            digests = [hashlib.sha256(key.encode() if isinstance(key, str) else key).digest() for key in keys]
            self._crypter = MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])

    @staticmethod
    def pack(message):
        """A message's (number of pairs, their bytes); TypeError or ValueError for what msgpack does not know."""
        data = msgpack.packb(message, use_bin_type=True)
        if data[0] < 0x90:
            return data[0] & 15, data[1:]
        if data[0] == 0xDE:
            return struct.unpack(">H", data[1:3])[0], data[3:]
        return struct.unpack(">I", data[1:5])[0], data[5:]

    def encode(self, packed, channels=None):
        """What stands in Redis: a packed message, with the channels that it is for."""
        number, pairs = packed
        if channels is not None:
            number += 1
            pairs += msgpack.packb(CHANNELS) + msgpack.packb(channels)
        data = (bytes((0x80 | number,)) if number < 16 else b"\xdf" + struct.pack(">I", number)) + pairs
        return os.urandom(RANDOM) + (self._crypter.encrypt(data) if self._crypter else data)

    def decode(self, data):
        """(channels, message); channels is a list, empty if there are none.  ValueError for what is no message."""
        data = data[RANDOM:]
        try:
            if self._crypter:
                data = self._crypter.decrypt(data, self._max_age)
            message = msgpack.unpackb(data, raw=False, strict_map_key=False)
        except Exception as problem:  # pylint: disable=broad-except  msgpack has many
            raise ValueError(f"no message: {problem!r}") from None
        if not isinstance(message, dict):
            raise ValueError("no message: it is no map")
        channels = message.pop(CHANNELS, [])
        if isinstance(channels, str):
            channels = [channels]
        if not isinstance(channels, list):
            raise ValueError("no message: no list of channels")
        return [name for name in channels if isinstance(name, str)], message
