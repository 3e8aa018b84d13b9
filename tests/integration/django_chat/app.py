# SPDX-License-Identifier: MIT
"""The notes' chat on Django Channels, as daphne runs it: DJANGO_CHAT is the layer's configuration, JSON.

Beside the notes: {"name": 1} answers the channel's name, {"to": name, "message"} sends to a channel,
{"burst": n} sends n messages to the group, and /say/ is a view that sends to a group or a channel.
What comes through the channel "jobs" goes to the group chat_jobs, if a worker runs.
"""

import json
import os

import django
from asgiref.sync import async_to_sync
from django.conf import settings

CONFIG = json.loads(os.environ.get("DJANGO_CHAT", "{}"))
settings.configure(
    DEBUG=False,
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="app",
    ASGI_APPLICATION="app.application",
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": CONFIG},
)
django.setup()

from channels.consumer import AsyncConsumer  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path, re_path  # noqa: E402


def plain(value):
    """Bytes as the tests can see them."""
    return {"bytes": list(value)} if isinstance(value, bytes) else value


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.room_group_name = f"chat_{self.room_name}"
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive(self, text_data):
        data = json.loads(text_data)
        if "name" in data:
            await self.send(text_data=json.dumps({"name": self.channel_name}))
        elif "to" in data:
            await self.channel_layer.send(
                data["to"], {"type": "chat_message", "message": data["message"]}
            )
        elif "burst" in data:
            for i in range(data["burst"]):
                await self.channel_layer.group_send(
                    self.room_group_name, {"type": "chat_message", "message": i}
                )
        else:
            message = data["message"]
            if isinstance(message, dict) and "bytes" in message:
                message = bytes(message["bytes"])
            await self.channel_layer.group_send(
                self.room_group_name, {"type": "chat_message", "message": message}
            )

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": plain(event["message"])}))


class JobConsumer(AsyncConsumer):
    async def work(self, event):
        await self.channel_layer.group_send(
            "chat_jobs", {"type": "chat_message", "message": event["work"]}
        )


def say(request, room):
    layer = get_channel_layer()
    message = {"type": "chat_message", "message": request.GET.get("text", "from a view")}
    if "job" in request.GET:
        async_to_sync(layer.send)(request.GET["job"], {"type": "work", "work": request.GET["text"]})
    else:
        async_to_sync(layer.group_send)(f"chat_{room}", message)
    return JsonResponse({"sent": True})


urlpatterns = [path("say/<str:room>/", say)]
application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter([re_path(r"ws/chat/(?P<room_name>\w+)/$", ChatConsumer.as_asgi())]),
        "channel": ChannelNameRouter({"jobs": JobConsumer.as_asgi()}),
    }
)
