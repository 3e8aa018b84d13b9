# SPDX-License-Identifier: MIT
"""
One queue for a consumer of Channels: what its client sends and what its channel gets.

channels.utils.await_many_dispatch(), by which channels.consumer waits for both, makes a task for
each and again for each message.  install() puts a function in its place there that reads one queue,
if the consumer's layer is ours and its `receive` is that of our server's WebSocket; for all others
it calls the original, with nothing changed but that a channel of our layer leaves its groups when
the consumer ends, however it ends.
"""

import asyncio
import functools
import inspect
import time
import warnings

import channels.consumer

from yodel.channels.layer import Layer

TURN = 32  # messages that a consumer takes before others have their turn


def install():
    """Takes the place of the original; called again, does nothing."""
    # Of synchronous consumers, for any `send` that is not written in Python.
    warnings.filterwarnings("ignore", "async_to_sync was passed a non-async", UserWarning, r"channels\.consumer")
    original = getattr(channels.consumer, "await_many_dispatch", None)
    if original is None or hasattr(original, "yodel_original"):
        return

    @functools.wraps(original)
    async def await_many_dispatch(consumer_callables, dispatch):
        layer, channel = _channel_of(consumer_callables)
        if layer is None:
            await original(consumer_callables, dispatch)
            return
        port = _port_of(consumer_callables)
        layer.begin_consumer(channel, port)
        try:
            if port is None:
                await original(consumer_callables, dispatch)
            else:
                await _dispatch_all(layer, consumer_callables[0], dispatch)
        finally:
            layer.end_consumer(channel)

    await_many_dispatch.yodel_original = original
    channels.consumer.await_many_dispatch = await_many_dispatch


def _channel_of(callables):
    """Layer and name of a consumer's channel, if the layer is ours."""
    for one in callables:
        if isinstance(one, functools.partial) and len(one.args) == 1 and inspect.ismethod(one.func):
            layer = one.func.__self__
            if isinstance(layer, Layer) and one.func.__func__ is type(layer).receive:
                return layer, one.args[0]
    return None, None


def _port_of(callables):
    """The port of our server's WebSocket, if the consumer reads that and its channel and nothing else."""
    port = getattr(callables[0], "__self__", None)
    is_ours = type(port).__module__ == "yodel._yodel" and hasattr(port, "open_port")
    return port if len(callables) == 2 and is_ours else None


async def _dispatch_all(layer, receive, dispatch):
    turn = 0
    while True:
        event = await receive()
        if type(event) is tuple:  # (deadline, message) of the layer
            if event[0] < time.monotonic():
                layer.note_expired()
                continue
            event = event[1]
        await dispatch(event)
        turn += 1
        if turn == TURN:
            turn = 0
            await asyncio.sleep(0)
