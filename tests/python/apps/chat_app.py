# SPDX-License-Identifier: MIT
"""A Django project of one file: the notes' chat, and consumers that do what programs do wrong.

CHAT_LAYER     the backend; yodel.channels.Layer
CHAT_CONFIG    its CONFIG, as JSON"""

import asyncio
import json
import os
import threading

import django
from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpResponse
from django.urls import path, re_path

settings.configure(
    SECRET_KEY="secret!",
    DEBUG=True,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["channels"],
    ASGI_APPLICATION=f"{__name__}.application",
    LOGGING_CONFIG=None,
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": os.environ.get("CHAT_LAYER", "yodel.channels.Layer"),
            "CONFIG": json.loads(os.environ.get("CHAT_CONFIG", "{}")),
        }
    },
)
django.setup()

# pylint: disable=wrong-import-position
from channels.consumer import SyncConsumer  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer, JsonWebsocketConsumer, WebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402

SEEN = []
RELEASED = []


class Chat(AsyncWebsocketConsumer):
    """The notes' consumer."""

    async def connect(self):
        self.group = f"chat_{self.scope['url_route']['kwargs']['room']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        SEEN.append(["disconnect", self.group, code])
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data):
        message = json.loads(text_data)["message"]
        await self.channel_layer.group_send(self.group, {"type": "chat_message", "message": message})

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


class Busy(Chat):
    """Is busy with each message until somebody comes to /ws/release/; then sends it back."""

    async def receive(self, text_data):
        SEEN.append(["busy", text_data])
        while not RELEASED:
            await asyncio.sleep(0.02)
        await self.send(text_data=text_data)
        SEEN.append(["done", text_data])


class Release(AsyncWebsocketConsumer):
    """Lets all that are busy go on."""

    async def connect(self):
        RELEASED.append(1)
        await self.accept()


class Mutating(Chat):
    """Changes what it gets."""

    async def chat_message(self, event):
        event["message"].append(self.channel_name)
        await self.send(text_data=json.dumps({"message": event["message"]}))


class Own(AsyncWebsocketConsumer):
    """Sends itself messages, and one of them to the client."""

    async def receive(self, text_data):
        for number in range(int(text_data)):
            await self.channel_layer.send(self.channel_name, {"type": "own.number", "number": number})

    async def own_number(self, event):
        await self.send(text_data=str(event["number"]))


class SyncChat(WebsocketConsumer):
    """The same without coroutines; its groups are the class's."""

    groups = ["sync"]

    def receive(self, text_data=None, bytes_data=None):
        async_to_sync(self.channel_layer.group_send)("sync", {"type": "chat.message", "message": text_data})

    def chat_message(self, event):
        self.send(text_data=event["message"])


class Json(JsonWebsocketConsumer):
    """What comes goes back; "close" closes, "job" is for a worker."""

    def receive_json(self, content, **kwargs):
        if content == "close":
            self.close(4001)
        elif content == "job":
            async_to_sync(self.channel_layer.send)("jobs", {"type": "job.do", "reply": self.channel_name})
        else:
            self.send_json(content)

    def job_done(self, event):
        self.send_json(event["result"])


class Jobs(SyncConsumer):
    """Of runworker."""

    def job_do(self, message):
        async_to_sync(self.channel_layer.send)(message["reply"], {"type": "job.done", "result": [1, 2, {"a": None}]})


def say(request, room):
    """A view: in a thread."""
    event = {"type": "chat_message", "message": request.GET.get("text", "from view")}
    async_to_sync(get_channel_layer().group_send)(f"chat_{room}", event)
    return HttpResponse("sent")


def storm(_request, room, threads, times):
    """Sends from so many threads, each with short event loops."""

    def work(number):
        for turn in range(times):
            event = {"type": "chat_message", "message": [number, turn]}
            asyncio.run(get_channel_layer().group_send(f"chat_{room}", event))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return HttpResponse("sent")


class Stats(AsyncWebsocketConsumer):
    """Says the layer's counters, and what consumers have seen."""

    async def connect(self):
        await self.accept()
        counts = self.channel_layer.stats() if hasattr(self.channel_layer, "stats") else {}
        more = {"seen": SEEN, "threads": threading.active_count(), "pid": os.getpid()}
        await self.send(json.dumps({**counts, **more}))


urlpatterns = [
    path("say/<str:room>/", say),
    path("storm/<str:room>/<int:threads>/<int:times>/", storm),
]

application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter(
            [
                re_path(r"^ws/chat/(?P<room>\w+)/$", Chat.as_asgi()),
                re_path(r"^ws/busy/(?P<room>\w+)/$", Busy.as_asgi()),
                re_path(r"^ws/mutating/(?P<room>\w+)/$", Mutating.as_asgi()),
                path("ws/own/", Own.as_asgi()),
                path("ws/sync/", SyncChat.as_asgi()),
                path("ws/release/", Release.as_asgi()),
                path("ws/stats/", Stats.as_asgi()),
                path("ws/json/", Json.as_asgi()),
            ]
        ),
        "channel": ChannelNameRouter({"jobs": Jobs.as_asgi()}),
    }
)
