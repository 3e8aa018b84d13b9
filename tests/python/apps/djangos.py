# SPDX-License-Identifier: MIT
"""A Django program of one file, by its ASGI handler: views, an upload, a stream, sessions' cookies."""

import asyncio
import hashlib

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="for a test",
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    FILE_UPLOAD_MAX_MEMORY_SIZE=65536,
)
django.setup()


def hello(request, name):
    response = HttpResponse(f"hello {name} {request.GET.get('q', '')}")
    response.set_cookie("visited", name)
    return response


@csrf_exempt
def upload(request):
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return JsonResponse({"name": file.name, "size": file.size, "sha256": digest.hexdigest(), "note": request.POST["note"]})


def stream(request):
    return StreamingHttpResponse((f"{i}\n" for i in range(5)), content_type="text/plain")


async def wait(request):
    await asyncio.sleep(0.05)
    return HttpResponse(request.scheme)


def away(request):
    return HttpResponseRedirect("/hello/there/")


def raises(request):
    raise RuntimeError("in the view")


urlpatterns = [
    path("hello/<str:name>/", hello),
    path("upload/", upload),
    path("stream/", stream),
    path("wait/", wait),
    path("away/", away),
    path("raises/", raises),
]
application = get_asgi_application()
