# SPDX-License-Identifier: MIT
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path


def page(request, room_name="room123"):
    return render(request, "chat.html", {"room_name": room_name})


def say(request, room_name):
    """What a view sends to the group reaches the room's consumers."""
    event = {"type": "chat_message", "message": request.GET.get("text", "")}
    async_to_sync(get_channel_layer().group_send)(f"chat_{room_name}", event)
    return HttpResponse("sent\n", content_type="text/plain")


urlpatterns = [path("", page), path("chat/<str:room_name>/", page), path("say/<str:room_name>/", say)]
