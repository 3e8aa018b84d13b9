# SPDX-License-Identifier: MIT
"""As little of a Django project as the consumer of the notes needs."""

import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent

SECRET_KEY = "secret!"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["channels"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE / "templates"]}]
ASGI_APPLICATION = "asgi.application"
USE_TZ = True

# The one line that differs: the original is channels.layers.InMemoryChannelLayer.
CHANNEL_LAYERS = {"default": {"BACKEND": os.environ.get("CHAT_LAYER", "yodel.channels.Layer")}}
