# SPDX-License-Identifier: MIT
"""Django Channels on daphne: a chat room at /ws/chat/NAME/.

The layer is in memory, or channels_redis' core or pubsub; CHAT_LAYER names another one.  The
application is `application`, for other servers.

Usage: channels_app.py PORT [REDIS_PORT core|pubsub]
"""

import json
import os
import sys

from django.conf import settings

BACKENDS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}


def layer():
    if len(sys.argv) < 4 or sys.argv[3] not in BACKENDS:
        return {"BACKEND": os.environ.get("CHAT_LAYER", "channels.layers.InMemoryChannelLayer")}
    hosts = [f"redis://127.0.0.1:{sys.argv[2]}/0"]
    return {"BACKEND": BACKENDS[sys.argv[3]], "CONFIG": {"hosts": hosts, "capacity": 10000}}


settings.configure(
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": layer()},
)

import django  # noqa: E402

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.group = "chat_" + self.scope["url_route"]["kwargs"]["room_name"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data):
        message = json.loads(text_data)["message"]
        await self.channel_layer.group_send(
            self.group, {"type": "chat_message", "message": message}
        )

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


application = ProtocolTypeRouter(
    {"websocket": URLRouter([re_path(r"ws/chat/(?P<room_name>\w+)/$", ChatConsumer.as_asgi())])}
)


def main():
    from daphne.server import Server

    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = Server(
        application=application,
        endpoints=[f"tcp:port={port}:interface=127.0.0.1:backlog=4096"],
        ready_callable=lambda: print("PORT", server.listening_addresses[0][1], flush=True),
    )
    server.run()


if __name__ == "__main__":
    main()
