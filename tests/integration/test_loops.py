# SPDX-License-Identifier: MIT
"""Groups across loops: every member gets every message once, each sender's in their order."""

import asyncio
import json

import websockets
from harness import LIMIT, Demo, equal, eventually, run

CLIENTS = 24
MESSAGES = 25
ROUND_LIMIT = 120  # seconds; a bound for a hang, not a measure


async def open_members(demo, room, number):
    url = f"ws://127.0.0.1:{demo.port}/ws/chat/{room}/"
    members = [await websockets.connect(url, compression=None) for _ in range(number)]
    for member in members:
        while json.loads(await member.recv()) != {"presence": number}:
            pass
    return members


async def say(member, name):
    for i in range(MESSAGES):
        await member.send(json.dumps({"message": [name, i]}))
        if i % 5 == 0:
            await asyncio.sleep(0)


async def hear(member, number):
    heard = []
    while len(heard) < number:
        frame = json.loads(await member.recv())
        if "message" in frame:
            heard.append(tuple(frame["message"]))
    return heard


async def quiet(member):
    """Nothing but presence comes any more: what is sent next is what comes next."""
    await member.send(json.dumps({"message": ["end", 0]}))
    return (await hear(member, 1))[0]


def check_heard(heard, senders):
    equal(len(set(heard)), len(heard), "messages that came once")
    for sender in senders:
        equal([i for name, i in heard if name == sender], list(range(MESSAGES)), sender)


async def everybody_talks(demo, room):
    members = await open_members(demo, room, CLIENTS)
    tasks = [asyncio.create_task(hear(member, CLIENTS * MESSAGES)) for member in members]
    await asyncio.gather(*(say(member, i) for i, member in enumerate(members)))
    for heard in await asyncio.gather(*tasks):
        check_heard(heard, range(CLIENTS))
    equal(await quiet(members[0]), ("end", 0))
    for member in members[1:]:
        equal((await hear(member, 1))[0], ("end", 0))
    await asyncio.gather(*(member.close() for member in members))


def test_everybody_talks(demo):
    asyncio.run(asyncio.wait_for(everybody_talks(demo, "all"), ROUND_LIMIT))
    eventually(lambda: demo.members("all") == 0, "all have left")


async def two_rooms_at_once(demo):
    one = await open_members(demo, "even", 8)
    two = await open_members(demo, "odd", 8)
    tasks = [asyncio.create_task(hear(member, 8 * MESSAGES)) for member in one + two]
    await asyncio.gather(*(say(member, f"even{i}") for i, member in enumerate(one)),
                         *(say(member, f"odd{i}") for i, member in enumerate(two)))
    results = await asyncio.gather(*tasks)
    for heard in results[:8]:
        check_heard(heard, [f"even{i}" for i in range(8)])
    for heard in results[8:]:
        check_heard(heard, [f"odd{i}" for i in range(8)])
    await asyncio.gather(*(member.close() for member in one + two))


def test_two_rooms_at_once(demo):
    asyncio.run(asyncio.wait_for(two_rooms_at_once(demo), ROUND_LIMIT))


async def views_and_members(demo):
    """HTTP views on whichever loop, while members come and go."""
    listener = (await open_members(demo, "mixed", 1))[0]
    loop = asyncio.get_running_loop()
    url = f"ws://127.0.0.1:{demo.port}/ws/chat/mixed/"

    async def come_and_go():
        for _ in range(20):
            async with websockets.connect(url, compression=None) as ws:
                await ws.recv()

    async def post(name):
        for i in range(MESSAGES):
            await loop.run_in_executor(
                None, demo.post_json, "/rooms/mixed/messages", {"message": [name, i]}
            )

    heard = asyncio.create_task(hear(listener, 2 * MESSAGES))
    await asyncio.gather(come_and_go(), come_and_go(), post("a"), post("b"))
    # Each view ran on a connection of its own, so only "once" is promised, not an order.
    equal(sorted(await heard), sorted((name, i) for name in "ab" for i in range(MESSAGES)))
    await listener.close()


def test_views_and_members(demo):
    asyncio.run(asyncio.wait_for(views_and_members(demo), ROUND_LIMIT))


async def presence_settles(demo):
    """However the loops race, the last number that a member hears is right."""
    watcher = (await open_members(demo, "settle", 1))[0]
    url = f"ws://127.0.0.1:{demo.port}/ws/chat/settle/"
    for _ in range(10):
        guests = await asyncio.gather(*(websockets.connect(url) for _ in range(6)))
        await asyncio.gather(*(guest.close() for guest in guests[:4]))
        while json.loads(await asyncio.wait_for(watcher.recv(), LIMIT)) != {"presence": 3}:
            pass
        await asyncio.gather(*(guest.close() for guest in guests[4:]))
        while json.loads(await asyncio.wait_for(watcher.recv(), LIMIT)) != {"presence": 1}:
            pass
    equal(demo.members("settle"), 1)
    await watcher.close()


def test_presence_settles(demo):
    asyncio.run(asyncio.wait_for(presence_settles(demo), ROUND_LIMIT))


if __name__ == "__main__":
    run(globals(), lambda: Demo("--loops", "4"))
