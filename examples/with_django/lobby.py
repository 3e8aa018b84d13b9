# SPDX-License-Identifier: MIT
"""The side of Django, for daphne: LOBBY_REDIS is the address of Redis."""

import json
import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not for the open",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [os.environ["LOBBY_REDIS"]]},
        }
    },
)
django.setup()

# pylint: disable=wrong-import-position
from asgiref.sync import async_to_sync
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

GROUP = "chat_lobby"


class Lobby(AsyncWebsocketConsumer):
    async def connect(self):
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        text = json.loads(text_data)["text"]
        await self.channel_layer.group_send(GROUP, {"type": "chat_message", "text": text, "server": "Django"})

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"text": event["text"], "server": event["server"]}))


def say(request):
    """curl 'http://localhost:5000/say/?text=hello' reaches the clients of both servers."""
    message = {"type": "chat_message", "text": request.GET["text"], "server": "a view of Django"}
    async_to_sync(get_channel_layer().group_send)(GROUP, message)
    return HttpResponse("sent\n")


urlpatterns = [path("say/", say)]
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("ws/lobby/", Lobby.as_asgi())])}
)
