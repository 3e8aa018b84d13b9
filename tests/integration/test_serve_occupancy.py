# SPDX-License-Identifier: MIT
"""yodel serve: the first who comes into a room and the last who leaves it are those of all nodes that share a Redis."""

import contextlib
import random
import signal
import threading
import time

from harness import LIMIT, equal, eventually, http, in_time, run
from hooked_server import Hooked, Hooks
from redis_server import RedisServer

KINDS = ", kinds: [connect, event, occupied, vacated]"
JOINS = {
    "connect": lambda event: {"rooms": ["all", *event["auth"]["rooms"]]},
    "join": lambda event: {"ack": [], "actions": [{"join": {"rooms": event["args"]}}]},
    "leave": lambda event: {"ack": [], "actions": [{"leave": {"rooms": event["args"]}}]},
}


def rooms(delay="0s", events="true", match="r:*"):
    return f'rooms: [{{match: "{match}", occupancy_events: {events}, vacated_delay: {delay}}}]'


def words(redis, name, delay="0s", lease="1s", **options):
    return f"server: {{id: {name}}}\nredis: {{url: '{redis.url}', lease: {lease}}}\n{rooms(delay, **options)}"


def node(backend, redis, name, hook=KINDS, **options):
    return Hooked(backend, hook=hook, more=words(redis, name, **options))


@contextlib.contextmanager
def nodes(num, answers=None, **options):
    """A Redis, a back end and num nodes; none of them waits for others any more."""
    with RedisServer() as redis, contextlib.closing(Hooks({**JOINS, **(answers or {})})) as backend, contextlib.ExitStack() as stack:
        servers = [stack.enter_context(node(backend, redis, f"n{i}", **options)) for i in range(num)]
        is_ready(redis)
        yield redis, backend, servers


def is_ready(redis):
    """The time in which nothing is concluded is over."""
    eventually(lambda: redis.call("HGET", "yodel:occupancy", "ready") is not None, "Redis has an epoch")

    def over():
        seconds, micro = redis.call("TIME")
        return int(redis.call("HGET", "yodel:occupancy", "ready")) < int(seconds) * 1000 + int(micro) // 1000

    eventually(over, "all nodes had the time to say what they have")


def die(server):
    server.yodel.signal(signal.SIGKILL)
    server.yodel.process.wait(LIMIT)


def stop(server):
    server.yodel.signal(signal.SIGTERM)
    equal(server.yodel.process.wait(LIMIT), 0)


def told(backend, room=None, known=()):
    """What was told of rooms: (kind, room), what was repeated once.  Events of a room come by turns, of those that are known from vacated on."""
    with backend.changed:
        events = [event for event in backend.events if event["kind"] in ("occupied", "vacated")]
    seen, order, last = {}, [], {}
    for event in events:
        if event["id"] in seen:
            equal((event["kind"], event["room"], event["seq"]), seen[event["id"]])
            continue
        seen[event["id"]] = (event["kind"], event["room"], event["seq"])
        before = last.get(event["room"], "occupied" if event["room"] in known else "vacated")
        assert before != event["kind"], (event, [other for other in events if other["room"] == event["room"]])
        equal((event["count"], "socket" in event), (1 if event["kind"] == "occupied" else 0, False))
        last[event["room"]] = event["kind"]
        order.append((event["kind"], event["room"]))
    return [pair for pair in order if room in (None, pair[1])]


def until(backend, count, room=None, known=()):
    assert backend.wait_for(lambda _: len(told(backend, room, known)) >= count), (count, told(backend, room, known))
    return told(backend, room, known)


def held(redis):
    """By room, how many nodes have members."""
    return {key.decode().rsplit("/", 1)[1]: int(redis.call("HGET", key, "n") or 0) for key in redis.call("KEYS", "yodel:occupancy:room:*")}


def is_empty(redis):
    eventually(lambda: [key for key in redis.call("KEYS", "yodel:occupancy:*") if b":fenced:" not in key] == [], "nothing is left in Redis")


def metric(server, name):
    lines = [line for line in http(server.internal, "GET", "/metrics").body.decode().splitlines() if line.startswith(name + " ")]
    return float(lines[0].split()[1])


BOTH = [("occupied", "r:1"), ("vacated", "r:1")]


def test_the_first_and_the_last_of_all_nodes():
    with nodes(3) as (redis, backend, (one, two, three)):
        clients = [server.client(auth={"rooms": ["r:1", "other"]}) for server in (one, two, three, one)]
        eventually(lambda: held(redis) == {"r:1": 3}, "all nodes have members")
        equal(until(backend, 1), BOTH[:1])
        equal(metric(one, "yodel_occupancy_rooms"), 1)
        for client in clients[:3]:
            client.close()
        eventually(lambda: held(redis) == {"r:1": 1}, "one node has members")
        equal(told(backend), BOTH[:1])
        clients[3].close()
        equal(until(backend, 2), BOTH)
        is_empty(redis)
        with two.client(auth={"rooms": ["r:1"]}):
            until(backend, 3)
        equal(until(backend, 4), 2 * BOTH)
        is_empty(redis)


def comes_back_within(delay):
    with nodes(2, delay=f"{delay * 1000:.0f}ms") as (redis, backend, (one, two)):
        begun = time.monotonic()
        one.client(auth={"rooms": ["r:1"]}).close()
        until(backend, 1)
        with two.client(auth={"rooms": ["r:1"]}):
            eventually(lambda: held(redis) == {"r:1": 1}, "the other node has it")
            if time.monotonic() - begun > delay:
                return False
            one.client(auth={"rooms": ["r:2"]}).close()
            until(backend, 2, room="r:2")  # after the same delay
            equal(told(backend, "r:1"), BOTH[:1])
        equal(until(backend, 2, room="r:1"), BOTH)
        is_empty(redis)
    return True


def test_a_delay_is_one_of_all_nodes():
    in_time(comes_back_within)


def leaves_and_dies_within(delay):
    with nodes(2, delay=f"{delay * 1000:.0f}ms") as (redis, backend, (one, two)):
        begun = time.monotonic()
        is_over = lambda: time.monotonic() - begun > delay
        one.client(auth={"rooms": ["r:1"]}).close()
        until(backend, 1)
        eventually(lambda: is_over() or redis.call("ZCARD", "yodel:occupancy:due") == 1, "it is due")
        die(one)
        if is_over():
            return False
        equal(until(backend, 2), BOTH)
        is_empty(redis)
    return True


def test_who_left_last_may_die():
    """Whoever looks then tells."""
    in_time(leaves_and_dies_within)


def test_a_survivor_leaves_for_a_node_that_has_died():
    with nodes(3) as (redis, backend, (one, two, three)):
        gone = one.client(auth={"rooms": ["r:1", "r:2"]})
        stays = two.client(auth={"rooms": ["r:2"]})
        eventually(lambda: held(redis) == {"r:1": 1, "r:2": 2}, "both nodes have members")
        die(one)
        equal(until(backend, 2, room="r:1"), BOTH)
        eventually(lambda: held(redis) == {"r:2": 1}, "one node has members")
        equal(told(backend, "r:2"), [("occupied", "r:2")])
        stays.close()
        equal(until(backend, 2, room="r:2"), [("occupied", "r:2"), ("vacated", "r:2")])
        gone.close()
        is_empty(redis)


def test_many_rooms_of_a_node_that_has_died():
    names = [f"r:{i}" for i in range(600)]
    hook = KINDS + ", queue: {events: 4000}"
    with nodes(2, hook=hook) as (redis, backend, (one, two)):
        clients = [one.client(auth={"rooms": names[i : i + 100]}) for i in range(0, 600, 100)]
        until(backend, 600)
        die(one)
        equal(sorted(until(backend, 1200)), sorted([(kind, name) for kind in ("occupied", "vacated") for name in names]))
        is_empty(redis)
        for client in clients:
            client.close()


def test_an_event_of_a_node_that_dies_is_told_by_another():
    """With its id, and ahead of what follows."""
    with nodes(2, answers={"occupied": (503, "")}) as (redis, backend, (one, two)):
        client = one.client(auth={"rooms": ["r:1"]})
        eventually(lambda: any(b'"occupied"' in request.body for request in backend.requests), "it was tried")
        die(one)
        client.close()
        with backend.changed:
            first = next(request.json()["events"][0]["id"] for request in backend.requests if b'"occupied"' in request.body)
        eventually(lambda: len(redis.call("SMEMBERS", "yodel:occupancy:runs")) == 1, "another has taken it over")
        backend.answers["occupied"] = {}
        equal(until(backend, 2), BOTH)
        equal(backend.of("occupied")[0]["id"], first)
        is_empty(redis)


def test_an_orderly_end_leaves_what_is_due_to_others():
    with nodes(2) as (redis, backend, (one, two)):
        stays = two.client(auth={"rooms": ["r:2"]})
        with one.client(auth={"rooms": ["r:1", "r:2"]}):
            until(backend, 2)
            stop(one)
        equal(until(backend, 2, room="r:1"), BOTH)
        equal(told(backend, "r:2"), [("occupied", "r:2")])
        stop(two)
        stays.close()
        with node(backend, redis, "n2"):
            until(backend, 2, room="r:2")
            is_empty(redis)


def ends_within(delay):
    """The delay of the room that is left by that."""
    with nodes(1, answers={"occupied": (503, "")}, delay=f"{delay * 1000:.0f}ms") as (redis, backend, (one,)):
        with one.client(auth={"rooms": ["r:1"]}):
            eventually(lambda: any(b'"occupied"' in request.body for request in backend.requests), "it was tried")
            begun = time.monotonic()
            one.yodel.signal(signal.SIGTERM)
        backend.answers["occupied"] = {}
        equal(one.yodel.process.wait(LIMIT), 0)
        if time.monotonic() - begun > delay:
            return False
        equal(told(backend), BOTH[:1])
        num = len(backend.of("occupied"))
        with node(backend, redis, "n1"):
            equal(until(backend, 2), BOTH)
            is_empty(redis)
        equal(len(backend.of("occupied")), num)
    return True


def test_what_was_sent_at_the_end_is_not_told_again():
    in_time(ends_within, 2)


def hop_once(servers, names, chance):
    with chance.choice(servers).client(auth={"rooms": chance.sample(names, chance.randint(0, 2))}) as client:
        for _ in range(chance.randint(0, 3)):
            client.call(chance.choice(["join", "leave"]), chance.choice(names))
            time.sleep(chance.random() / 50)


def still_alive(servers):
    """A connection may end before its process is seen to have."""
    for _ in range(50):
        alive = [server for server in servers if server.yodel.process.poll() is None]
        if len(alive) < len(servers):
            break
        time.sleep(0.1)
    return alive


def hop(servers, names, is_over, problems, seed):
    """A client that goes from node to node, and in and out of rooms; to a node that has died no more."""
    chance, alive = random.Random(seed), list(servers)
    while not is_over():
        try:
            hop_once(alive, names, chance)
        except Exception as error:
            alive = still_alive(servers)
            if len(alive) == len(servers):
                problems.append(error)
                return


def hopping(servers, names, seconds=4, num=8, enough=lambda: True):
    """For so long, and until it is enough."""
    problems = []
    deadline = time.monotonic() + seconds
    is_over = lambda: time.monotonic() > deadline + LIMIT or (time.monotonic() > deadline and enough())
    threads = [threading.Thread(target=hop, args=(servers, names, is_over, problems, i), daemon=True) for i in range(num)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * LIMIT + seconds)
    equal(problems, [])


def ends_vacated(redis, backend, names):
    """All have gone: each room that was told of was told of an even number of times."""
    is_empty(redis)
    eventually(lambda: all(len(told(backend, name)) % 2 == 0 for name in names), "all rooms are told to be empty")


def test_clients_that_hop_over_nodes():
    names = [f"r:{i}" for i in range(8)]
    with nodes(3, delay="20ms") as (redis, backend, servers):
        hopping(servers, names, enough=lambda: len(told(backend)) > 20)
        ends_vacated(redis, backend, names)
        assert len(told(backend)) > 20, told(backend)
        with backend.changed:
            ids = [event["id"] for event in backend.events if event["kind"] in ("occupied", "vacated")]
        equal(len(ids), len(set(ids)))


def test_clients_that_hop_while_events_are_durable():
    names = [f"r:{i}" for i in range(8)]
    with nodes(2, delay="20ms", hook=KINDS + ", queue: {durable: redis}") as (redis, backend, servers):
        hopping(servers, names, seconds=3, num=6, enough=lambda: len(told(backend)) > 16)
        ends_vacated(redis, backend, names)
        assert len(told(backend)) > 16, told(backend)


def in_background(function, *arguments, **options):
    """Its thread, and what it has given by then."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments, **options)), daemon=True)
    thread.start()
    return thread, results


def test_clients_that_hop_while_connections_to_redis_are_lost():
    """What was under way is sent again, and is told once."""
    names = [f"r:{i}" for i in range(6)]
    with nodes(2, delay="20ms") as (redis, backend, servers):
        thread, results = in_background(hopping, servers, names, seconds=4)
        for _ in range(15):
            time.sleep(0.2)
            redis.call("CLIENT", "KILL", "TYPE", "normal")
        thread.join(2 * LIMIT)
        equal(results, [None])
        ends_vacated(redis, backend, names)


def test_clients_that_hop_while_nodes_die():
    names = [f"r:{i}" for i in range(6)]
    with nodes(3, delay="20ms") as (redis, backend, servers):
        thread, results = in_background(hopping, servers, names, seconds=7)
        time.sleep(1)
        die(servers[0])
        time.sleep(3)
        die(servers[1])
        thread.join(2 * LIMIT)
        equal(results, [None])
        ends_vacated(redis, backend, names)


def test_redis_that_loses_all_is_told_who_is_where():
    """Nobody is told again of rooms that stay as they are, nor of those that one of two nodes left meanwhile."""
    with nodes(3) as (redis, backend, (one, two, three)):
        clients = [server.client(auth={"rooms": ["r:1", f"r:{server.port}"]}) for server in (one, two)]
        until(backend, 3)
        eventually(lambda: held(redis).get("r:1") == 2, "both nodes have it")
        epoch = redis.call("HGET", "yodel:occupancy", "epoch")
        redis.call("FLUSHALL")
        late = three.client(auth={"rooms": ["r:1", "r:late"]})  # maybe ahead of the others
        clients[0].close()
        eventually(lambda: redis.call("HGET", "yodel:occupancy", "epoch") not in (None, epoch), "it is another one")
        is_ready(redis)
        equal(until(backend, 1, room="r:late"), [("occupied", "r:late")])
        equal(until(backend, 2, room=f"r:{one.port}")[1:], [("vacated", f"r:{one.port}")])
        eventually(lambda: held(redis).get("r:1") == 2, "both nodes have it again")
        equal(told(backend, "r:1"), BOTH[:1])
        clients[1].close()
        late.close()
        equal(until(backend, 2, room="r:1"), BOTH)
        is_empty(redis)


def test_a_redis_that_begins_anew():
    """Who has come and gone meanwhile is told of afterwards."""
    with nodes(2) as (redis, backend, (one, two)):
        stays, goes = one.client(auth={"rooms": ["r:1"]}), two.client(auth={"rooms": ["r:2"]})
        until(backend, 2)
        redis.kill()
        goes.call("leave", "r:2")
        goes.call("join", "r:3")
        with one.client(auth={"rooms": ["r:4"]}) as other:
            other.call("leave", "r:4")
        redis.restart()
        until(backend, 2, room="r:2")
        until(backend, 1, room="r:3")
        equal(told(backend, "r:1"), BOTH[:1])
        stays.close()
        goes.close()
        equal(until(backend, 2, room="r:1"), BOTH)
        until(backend, 2, room="r:3")
        is_empty(redis)


def test_a_redis_that_loses_its_scripts():
    with nodes(1) as (redis, backend, (one,)):
        with one.client(auth={"rooms": []}) as client:
            for n in range(1, 6):
                equal(client.call("join", f"r:{n}"), [])
                until(backend, 1, room=f"r:{n}")
                eventually(lambda: held(redis).get(f"r:{n}") == 1, "Redis knows it")
                redis.call("SCRIPT", "FLUSH")
            sent = redis.call("INFO", "commandstats")
            assert b"cmdstat_evalsha" in sent, sent
        for n in range(1, 6):
            equal(until(backend, 2, room=f"r:{n}"), [("occupied", f"r:{n}"), ("vacated", f"r:{n}")])
        is_empty(redis)


def test_a_redis_that_stops_for_a_while():
    """For longer than leases last."""
    with nodes(2, lease="1s") as (redis, backend, servers):
        clients = [server.client(auth={"rooms": ["r:1"]}) for server in servers]
        moves = servers[0].client(auth={"rooms": ["r:2"]})
        until(backend, 2)
        eventually(lambda: held(redis) == {"r:1": 2, "r:2": 1}, "both nodes have it")
        redis.pause()
        time.sleep(5)
        moves.call("leave", "r:2")
        moves.call("join", "r:3")
        redis.resume()
        until(backend, 2, room="r:2")
        until(backend, 1, room="r:3")
        is_ready(redis)
        eventually(lambda: held(redis) == {"r:1": 2, "r:3": 1}, "both nodes have it again")
        equal(told(backend, "r:1"), BOTH[:1])
        for client in [*clients, moves]:
            client.close()
        equal(until(backend, 2, room="r:1"), BOTH)
        is_empty(redis)


def test_clients_that_hop_while_redis_stops_and_loses_all():
    names = [f"r:{i}" for i in range(3)]
    with nodes(2, delay="20ms") as (redis, backend, servers):
        thread, results = in_background(hopping, servers, names, seconds=10)
        time.sleep(1)
        redis.pause()
        time.sleep(2)
        redis.resume()
        time.sleep(1)
        redis.call("FLUSHALL")
        time.sleep(2)
        redis.restart()
        thread.join(2 * LIMIT)
        equal(results, [None])
        ends_vacated(redis, backend, names)


def test_a_node_that_stops_for_a_while():
    """Others tell that it has gone, and it comes back."""
    with nodes(2) as (redis, backend, (one, two)):
        with one.client(auth={"rooms": ["r:1"]}):
            until(backend, 1)
            one.yodel.signal(signal.SIGSTOP)
            try:
                equal(until(backend, 2), BOTH)
            finally:
                one.yodel.signal(signal.SIGCONT)
            equal(until(backend, 3), [*BOTH, BOTH[0]])
        equal(until(backend, 4), 2 * BOTH)
        is_empty(redis)


def test_a_reload_that_changes_whether_it_is_told():
    with nodes(2) as (redis, backend, (one, two)):
        with one.client(auth={"rooms": ["r:1"]}):
            until(backend, 1)
            for name, server in (("n0", one), ("n1", two)):
                server.reload(KINDS, words(redis, name, events="false"))
            with two.client(auth={"rooms": ["r:1", "r:2"]}) as client:
                equal(client.call("join", "r:3"), [])
                equal(told(backend), BOTH[:1])
        equal(until(backend, 2), BOTH)  # of what was told before the end is told, too
        is_empty(redis)
        for name, server in (("n0", one), ("n1", two)):
            server.reload(KINDS, words(redis, name, delay="50ms"))
        two.client(auth={"rooms": ["r:2"]}).close()
        equal(until(backend, 2, room="r:2"), [("occupied", "r:2"), ("vacated", "r:2")])
        is_empty(redis)


KNOWN = [f"r:{n}" for n in range(1, 5)]


def test_a_reload_that_begins_to_tell():
    """Who is there already counts from then on; back ends are told of the end alone."""
    with nodes(2, events="false") as (redis, backend, (one, two)):
        with one.client(auth={"rooms": ["r:1", "r:2", "r:3"]}) as first, two.client(auth={"rooms": ["r:1", "r:4"]}) as second:
            for name, server in (("n0", one), ("n1", two)):
                server.reload(KINDS, words(redis, name))
            eventually(lambda: held(redis) == {"r:1": 2, "r:2": 1, "r:3": 1, "r:4": 1}, "Redis knows them")
            equal(second.call("join", "r:2"), [])  # which is occupied
            equal(first.call("leave", "r:3"), [])
            equal(until(backend, 1, room="r:3", known=KNOWN), [("vacated", "r:3")])
            equal(first.call("leave", "r:1"), [])
            equal(first.call("leave", "r:2"), [])
            equal(first.call("join", "r:5"), [])
            equal(until(backend, 1, room="r:5", known=KNOWN), [("occupied", "r:5")])
            equal([told(backend, f"r:{n}", KNOWN) for n in (1, 2, 4)], [[]] * 3)
        for n in (1, 2, 4):
            equal(until(backend, 1, room=f"r:{n}", known=KNOWN), [("vacated", f"r:{n}")])
        is_empty(redis)


def test_a_reload_of_a_node_alone_that_begins_to_tell():
    with contextlib.closing(Hooks(JOINS)) as backend, Hooked(backend, hook=KINDS, more=rooms(events="false")) as server:
        with server.client(auth={"rooms": ["r:1", "r:2"]}) as client:
            server.reload(KINDS, rooms())
            server.reload(KINDS, rooms(delay="1ms"))  # counts nothing twice
            equal(client.call("leave", "r:1"), [])
            equal(until(backend, 1, known=KNOWN), [("vacated", "r:1")])
            equal(client.call("join", "r:1"), [])
            equal(until(backend, 2, known=KNOWN), [("vacated", "r:1"), ("occupied", "r:1")])
        until(backend, 4, known=KNOWN)
        equal([told(backend, f"r:{n}", KNOWN) for n in (1, 2)], [[("vacated", "r:1"), ("occupied", "r:1"), ("vacated", "r:1")], [("vacated", "r:2")]])


OTHER_KINDS = ", kinds: [connect, event]"


def test_a_reload_that_adds_the_kinds():
    """Rooms that are marked are counted though no webhook is told of them yet."""
    with contextlib.closing(Hooks(JOINS)) as backend, Hooked(backend, hook=OTHER_KINDS, more=rooms()) as server:
        with server.client(auth={"rooms": ["r:1", "r:2"]}) as client:
            server.reload(KINDS, rooms())
            assert "restart" not in server.yodel.said(), server.yodel.said()
            equal(client.call("leave", "r:1"), [])
            equal(until(backend, 1, known=KNOWN), [("vacated", "r:1")])
            equal(client.call("join", "r:9"), [])
            equal(until(backend, 1, room="r:9", known=KNOWN), [("occupied", "r:9")])
            server.reload(OTHER_KINDS, rooms())
            equal(client.call("leave", "r:9", "r:2"), [])
            equal(client.call("join", "r:1"), [])
        equal(told(backend, known=KNOWN), [("vacated", "r:1"), ("occupied", "r:9")])


def test_a_reload_of_nodes_that_adds_the_kinds():
    with nodes(2, hook=OTHER_KINDS) as (redis, backend, (one, two)):
        with one.client(auth={"rooms": ["r:1", "r:2"]}) as first, two.client(auth={"rooms": ["r:1"]}):
            for name, server in (("n0", one), ("n1", two)):
                server.reload(KINDS, words(redis, name))
            eventually(lambda: held(redis) == {"r:1": 2, "r:2": 1}, "Redis knows them")
            equal(first.call("leave", "r:1", "r:2"), [])
            equal(until(backend, 1, known=KNOWN), [("vacated", "r:2")])
        equal(until(backend, 1, room="r:1", known=KNOWN), [("vacated", "r:1")])
        is_empty(redis)


def test_a_reload_that_adds_all_of_it():
    """What nobody has counted from the start needs a restart, and that is said."""
    with contextlib.closing(Hooks(JOINS)) as backend, Hooked(backend, hook=OTHER_KINDS, more=rooms(events="false")) as server:
        server.reload(OTHER_KINDS, rooms())
        assert "restart" not in server.yodel.said(), server.yodel.said()
        server.reload(KINDS, rooms())
        assert "kinds: occupied and vacated need a restart" in server.yodel.said(), server.yodel.said()
        server.client(auth={"rooms": ["r:1"]}).close()


def test_namespaces_and_names_of_any_kind():
    names = ["r:a:b", "r:/x#y", "r:ü 1", "r:9:/"]
    with nodes(2) as (redis, backend, (one, two)):
        with one.client(auth={"rooms": names}):
            until(backend, len(names))
        equal(sorted(until(backend, 2 * len(names))), sorted((kind, name) for kind in ("occupied", "vacated") for name in names))
        is_empty(redis)


run(dict(globals()))
