/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "sio/sio_base.h"
#include "sio_sim.h"

/* What happens in rooms, as handlers are told of it on loop 0. */

#define MAX_IDS 50

static struct {
    struct failmem fm;
    struct sio_sim sim;
    char told[4000];
    char ids[MAX_IDS][YD_ID_LEN]; /* as they were told first: A, B, ... */
    unsigned num_ids;
    int freed;
    int balance[5]; /* events of each kind */
} world;

/* ---- what is told ---- */

static char letter(yodel_str id)
{
    unsigned i = 0;

    while (i < world.num_ids && memcmp(world.ids[i], id.ptr, YD_ID_LEN) != 0)
        i++;
    if (i == world.num_ids) {
        assert_true(i < MAX_IDS);
        memcpy(world.ids[world.num_ids++], id.ptr, YD_ID_LEN);
    }
    return (char)('A' + i);
}

/* "+room" created, "room:A" joined, "room/A" left, "-room" deleted; a room of an id is a letter. */
static void tell(const yodel_sio_room_event *event)
{
    size_t at = strlen(world.told);
    char name[300];

    if (event->room.len == YD_ID_LEN)
        (void)snprintf(name, sizeof name, "%c", letter(event->room));
    else
        (void)snprintf(name, sizeof name, "%" YODEL_PRI, YODEL_ARG(event->room));
    if (event->change == YODEL_SIO_ROOM_CREATED || event->change == YODEL_SIO_ROOM_DELETED)
        (void)snprintf(world.told + at, sizeof world.told - at, "%c%s ",
                       event->change == YODEL_SIO_ROOM_CREATED ? '+' : '-', name);
    else
        (void)snprintf(world.told + at, sizeof world.told - at, "%s%c%c ", name,
                       event->change == YODEL_SIO_ROOM_JOINED ? ':' : '/',
                       letter(event->socket_id));
}

static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    bool has_id = event->change == YODEL_SIO_ROOM_JOINED || event->change == YODEL_SIO_ROOM_LEFT;

    (void)user;
    assert_non_null(ns);
    assert_int_equal(event->size, sizeof *event);
    assert_int_equal(event->socket_id.len, has_id ? YD_ID_LEN : 0);
    assert_true(yd_loop_is_current(world.sim.base.loops[0]));
    world.balance[event->change]++;
    tell(event);
}

static void expect(const char *told)
{
    assert_string_equal(world.told, told);
    world.told[0] = '\0';
}

static void forget(void)
{
    world.told[0] = '\0';
}

static void count_freed(void *user)
{
    (void)user;
    world.freed++;
}

/* ---- the program ---- */

static const char *name_of(yodel_sio_event *event)
{
    const char *name = NULL;

    assert_int_equal(yodel_sio_event_unpack(event, "s", &name), 0);
    return name;
}

static void on_join(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    assert_int_equal(yodel_sio_socket_join(socket, name_of(event)), 0);
}

static void on_leave(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    yodel_sio_socket_leave(socket, name_of(event));
}

static void handle(yodel_sio_namespace *ns)
{
    assert_int_equal(yodel_sio_namespace_on(ns, "join", on_join, NULL), 0);
    assert_int_equal(yodel_sio_namespace_on(ns, "leave", on_leave, NULL), 0);
}

static void start_with(unsigned num_loops, const yodel_sio_options *options)
{
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, num_loops, options), 0);
    handle(world.sim.ns);
}

static void start(unsigned num_loops)
{
    start_with(num_loops, NULL);
    assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room, &world, count_freed), 0);
}

/* Each JOINED has had its LEFT, each CREATED its DELETED. */
static void expect_balance(void)
{
    assert_int_equal(world.balance[YODEL_SIO_ROOM_JOINED], world.balance[YODEL_SIO_ROOM_LEFT]);
    assert_int_equal(world.balance[YODEL_SIO_ROOM_CREATED], world.balance[YODEL_SIO_ROOM_DELETED]);
}

static void stop(void)
{
    sio_sim_stop(&world.sim);
    expect_balance();
    failmem_assert_empty(&world.fm);
}

static int teardown(void **state)
{
    (void)state;
    stop();
    assert_int_equal(world.freed, 1);
    return 0;
}

static void say(struct sio_client *client, const char *event, const char *room)
{
    char text[400];

    (void)snprintf(text, sizeof text, "2[\"%s\",\"%s\"]", event, room);
    sio_sim_say(client, text);
}

/* Only that loop turns. */
static void say_alone(struct sio_client *client, const char *event, const char *room)
{
    char text[400];

    (void)snprintf(text, sizeof text, "2[\"%s\",\"%s\"]", event, room);
    sio_sim_put(client, text);
    sio_sim_run_loop(&world.sim, client->loop);
}

/* ---- order ---- */

static void test_sio_room_events_are_those_of_node(void **state)
{
    struct sio_client a, b;

    (void)state;
    start(1);
    sio_sim_connect(&world.sim, 0, &a);
    expect("+A A:A ");
    say(&a, "join", "x");
    say(&a, "join", "x");
    say(&a, "leave", "none");
    expect("+x x:A ");
    sio_sim_connect(&world.sim, 0, &b);
    say(&b, "join", "x");
    say(&b, "join", "y");
    expect("+B B:B x:B +y y:B ");
    say(&a, "leave", "x");
    say(&a, "leave", "x");
    say(&a, "join", "y");
    say(&a, "join", "z");
    expect("x/A y:A +z z:A ");
    sio_sim_leave(&b); /* in the order it joined them */
    expect("B/B -B x/B -x y/B ");
    sio_sim_leave(&a);
    expect("A/A -A y/A -y z/A -z ");
}

static void test_sio_room_events_know_the_room_of_an_id(void **state)
{
    struct sio_client a, b;

    (void)state;
    start(1);
    sio_sim_connect(&world.sim, 0, &a);
    sio_sim_connect(&world.sim, 0, &b);
    forget();
    say(&b, "join", a.sid);
    expect("A:B ");
    say(&a, "leave", a.sid);
    say(&a, "leave", a.sid);
    expect("A/A ");
    say(&a, "join", a.sid);
    say(&a, "join", a.sid);
    expect("A:A ");
    sio_sim_leave(&a);
    expect("A/A ");
    sio_sim_leave(&b);
    expect("B/B -B A/B -A ");
}

/* Loop 0 runs last, and finds one order. */
static void test_sio_room_events_are_in_one_order_for_all_loops(void **state)
{
    struct sio_client a, b;

    (void)state;
    start(3);
    sio_sim_connect(&world.sim, 1, &a);
    sio_sim_connect(&world.sim, 2, &b);
    forget();
    say_alone(&b, "join", "x");
    say_alone(&a, "join", "x");
    say_alone(&b, "leave", "x");
    say_alone(&a, "leave", "x");
    say_alone(&a, "join", "x");
    expect("");
    sio_sim_run(&world.sim);
    expect("+x x:B x:A x/B x/A -x +x x:A ");
}

static void on_known(yodel_sio_namespace *ns, yodel_str room, void *user)
{
    char *known = user;

    assert_non_null(ns);
    if (room.len != YD_ID_LEN)
        strncat(known, room.ptr, room.len);
}

static void list_known(struct sio_sim *sim, void *arg)
{
    *(char *)arg = '\0';
    assert_int_equal(yodel_sio_each_known_room(sim->sio, on_known, arg), 0);
}

static void test_sio_room_events_lists_what_is_known(void **state)
{
    struct sio_client a, b;
    char known[100];

    (void)state;
    start(2);
    sio_sim_connect(&world.sim, 1, &a);
    sio_sim_connect(&world.sim, 1, &b);
    sio_sim_on_loop(&world.sim, 0, list_known, known);
    assert_string_equal(known, "");
    say(&a, "join", "x");
    sio_sim_on_loop(&world.sim, 0, list_known, known);
    assert_string_equal(known, "x");
    say_alone(&b, "join", "x");
    say_alone(&b, "join", "y");
    say_alone(&a, "leave", "x");
    sio_sim_run(&world.sim);
    sio_sim_on_loop(&world.sim, 0, list_known, known);
    assert_int_equal(strlen(known), 2);
    sio_sim_leave(&b);
    sio_sim_run(&world.sim);
    sio_sim_on_loop(&world.sim, 0, list_known, known);
    assert_string_equal(known, "");
    assert_int_equal(yodel_sio_each_known_room(world.sim.sio, on_known, known), YODEL_ERR_STATE);
    assert_int_equal(yodel_sio_each_known_room(NULL, on_known, known), -EINVAL);
    assert_int_equal(yodel_sio_each_known_room(world.sim.sio, NULL, known), -EINVAL);
}

static void join_both(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(sim->ns), YODEL_ROOMS("p", "q")), 0);
}

static void leave_both(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_all(sim->ns), YODEL_ROOMS("p", "q")), 0);
}

static void test_sio_room_events_tell_what_targets_do(void **state)
{
    struct sio_client a;

    (void)state;
    start(2);
    sio_sim_connect(&world.sim, 1, &a);
    forget();
    sio_sim_on_loop(&world.sim, 0, join_both, NULL);
    expect("+p p:A +q q:A ");
    sio_sim_on_loop(&world.sim, 1, leave_both, NULL);
    expect("p/A -p q/A -q ");
}

static void test_sio_room_events_are_told_until_the_end(void **state)
{
    struct sio_client a, b;

    (void)state;
    start(2);
    sio_sim_connect(&world.sim, 0, &a);
    sio_sim_connect(&world.sim, 1, &b);
    say(&b, "join", "x");
    say(&a, "join", "x");
    stop();
    assert_int_equal(world.balance[YODEL_SIO_ROOM_LEFT], 4);
    start(1);
}

/* ---- middleware ---- */

static int refuse_late(yodel_sio_socket *socket, void *user)
{
    (void)user;
    assert_int_equal(yodel_sio_socket_join(socket, "m"), 0);
    return yodel_sio_socket_auth(socket) != NULL &&
                   json_object_get(yodel_sio_socket_auth(socket), "ok") != NULL
               ? 0
               : yodel_sio_socket_refuse(socket, "no", NULL);
}

static void test_sio_room_events_tell_what_middleware_joins(void **state)
{
    struct sio_client a;

    (void)state;
    start(1);
    assert_int_equal(yodel_sio_namespace_use(world.sim.ns, refuse_late, NULL), 0);
    sio_sim_open(&world.sim, 0, &a);
    sio_sim_say(&a, "0");
    sio_sim_expect(&a, "4{\"message\":\"no\"}");
    expect("+m m:A m/A -m ");
    sio_sim_join(&a, "/", "{\"ok\":1}");
    expect("+m m:B +B B:B ");
    sio_sim_leave(&a);
    expect("m/B -m B/B -B ");
}

/* ---- lost clients ---- */

static void come_back(const struct sio_client *lost, unsigned loop, struct sio_client *ret_client)
{
    char auth[100];

    (void)snprintf(auth, sizeof auth, "{\"pid\":\"%s\"}", lost->pid);
    sio_sim_open(&world.sim, loop, ret_client);
    sio_sim_join(ret_client, "/", auth);
    assert_string_equal(ret_client->sid, lost->sid);
}

static void test_sio_room_events_of_a_lost_client(void **state)
{
    yodel_sio_options options;
    struct sio_client a, b;

    (void)state;
    sio_sim_options(&options);
    options.recovery_ms = 60000;
    for (unsigned loop = 0; loop < 3; loop++) {
        start_with(3, &options);
        assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room, NULL, NULL), 0);
        sio_sim_connect(&world.sim, 1, &a);
        say(&a, "join", "x");
        expect("+A A:A +x x:A ");
        sio_sim_leave(&a);
        expect("A/A -A x/A -x ");
        sio_sim_on_loop(&world.sim, 0, join_both, NULL);
        expect("");
        come_back(&a, loop, &b);
        expect("+A A:A +x x:A +p p:A +q q:A ");
        say(&b, "leave", "x");
        expect("x/A -x ");
        sio_sim_leave(&b);
        expect("A/A -A p/A -p q/A -q ");
        sio_sim_advance(&world.sim, 100000);
        expect("");
        stop();
    }
    start(1);
}

/* ---- handlers that do what they like ---- */

static void disconnect(yodel_sio_socket *socket, void *arg)
{
    (void)arg;
    yodel_sio_socket_disconnect(socket, 1);
}

static void on_room_acting(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    yodel_sio_target room = yodel_sio_to_room(ns, "x");
    char id[YD_ID_LEN + 1];
    yodel_sio_namespace *made;

    on_room(ns, event, user);
    if (event->room.len != 1 || event->room.ptr[0] != 'x')
        return;
    switch (event->change) {
    case YODEL_SIO_ROOM_CREATED:
        assert_int_equal(yodel_sio_emit(room, "hello", ""), 0);
        assert_int_equal(yodel_sio_target_join(room, YODEL_ROOMS("y")), 0);
        break;
    case YODEL_SIO_ROOM_JOINED:
        (void)snprintf(id, sizeof id, "%" YODEL_PRI, YODEL_ARG(event->socket_id));
        assert_int_equal(yodel_sio_namespace_post(ns, id, disconnect, NULL, NULL), 0);
        break;
    case YODEL_SIO_ROOM_LEFT:
        assert_int_equal(yodel_sio_of(world.sim.sio, "/made", &made), 0);
        assert_int_equal(yodel_sio_namespace_on_room(made, on_room, NULL, count_freed), 0);
        assert_int_equal(yodel_sio_namespace_off_room(made, NULL, NULL), 1);
        break;
    default:
        assert_int_equal(yodel_sio_namespace_off_room(ns, on_room_acting, NULL), 1);
        assert_int_equal(world.freed, 1);
    }
}

static void test_sio_room_events_handlers_may_do_anything(void **state)
{
    struct sio_client a;

    (void)state;
    start_with(2, NULL);
    assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room_acting, NULL, count_freed),
                     0);
    sio_sim_connect(&world.sim, 1, &a);
    forget();
    say(&a, "join", "x");
    sio_sim_expect(&a, "2[\"hello\"]");
    expect("+x x:A +y y:A A/A -A x/A -x "); /* and then it is removed */
    sio_sim_stop(&world.sim);
    assert_int_equal(world.freed, 2);
    failmem_assert_empty(&world.fm);
    start(1);
}

static unsigned ended;

static void stop_all(struct sio_sim *sim, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < sim->base.num_loops; i++)
        if (yd_loop_is_current(sim->base.loops[i]))
            yd_sio_stop(sim->sio, sim->base.loops[i]);
}

static void on_room_stopping(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    on_room(ns, event, user);
    if (event->change == YODEL_SIO_ROOM_JOINED && event->room.len == 1 && ended++ == 0)
        stop_all(&world.sim, NULL);
}

static void test_sio_room_events_handlers_may_stop(void **state)
{
    struct sio_client a;

    (void)state;
    ended = 0;
    start_with(1, NULL);
    assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room_stopping, NULL, NULL), 0);
    sio_sim_connect(&world.sim, 0, &a);
    forget();
    say(&a, "join", "x");
    expect("+x x:A A/A -A x/A -x ");
    stop();
    start(1);
}

/* ---- handlers that come and go ---- */

static void test_sio_room_events_begin_with_their_handler(void **state)
{
    struct sio_client a;

    (void)state;
    start_with(1, NULL);
    sio_sim_connect(&world.sim, 0, &a);
    say(&a, "join", "x");
    assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room, &world, count_freed), 0);
    assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room, NULL, NULL), 0);
    say(&a, "join", "x");
    say(&a, "join", "y");
    say(&a, "leave", "x");
    expect("+y +y y:A y:A ");
    assert_int_equal(yodel_sio_namespace_off_room(world.sim.ns, on_room, NULL), 1);
    say(&a, "join", "z");
    sio_sim_leave(&a);
    expect("+z z:A y/A -y z/A -z ");
    world.balance[YODEL_SIO_ROOM_LEFT]++; /* what the other one missed */
    world.balance[YODEL_SIO_ROOM_DELETED]++;
}

static void test_sio_room_events_free_what_they_take(void **state)
{
    yodel_sio_namespace *ns;

    (void)state;
    start(1);
    ns = world.sim.ns;
    assert_int_equal(yodel_sio_namespace_on_room(NULL, on_room, NULL, count_freed), -EINVAL);
    assert_int_equal(yodel_sio_namespace_on_room(ns, NULL, NULL, count_freed), -EINVAL);
    assert_int_equal(world.freed, 2);
    for (size_t n = 1, rc = 1; rc != 0; n++) {
        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        rc = yodel_sio_namespace_on_room(ns, on_room, NULL, count_freed) < 0;
        world.fm.fail_at = 0;
        assert_int_equal(world.freed, (int)(2 + n) - (rc ? 0 : 1));
    }
    world.freed = 0;
    assert_int_equal(yodel_sio_namespace_off_room(ns, on_room, &ns), 0);
    assert_int_equal(yodel_sio_namespace_off_room(ns, on_room, &world), 1);
    assert_int_equal(yodel_sio_namespace_off_room(NULL, NULL, NULL), -EINVAL);
    assert_int_equal(world.freed, 1);
    assert_int_equal(yodel_sio_namespace_off_room(ns, NULL, NULL), 1);
    assert_int_equal(yodel_sio_namespace_off_room(ns, NULL, NULL), 0);
    assert_int_equal(world.freed, 2);
    world.freed = 1;
}

/* ---- children ---- */

static char child_name[50];

static void on_child_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    (void)snprintf(child_name, sizeof child_name, "%" YODEL_PRI,
                   YODEL_ARG(yodel_sio_namespace_name(ns)));
    (void)yodel_sio_emit(yodel_sio_to_all(ns), "nobody", "");
    on_room(ns, event, user);
}

static void test_sio_room_events_of_a_child_that_is_gone(void **state)
{
    yodel_sio_namespace *parent, *child;
    struct sio_client a;

    (void)state;
    start(2);
    assert_non_null(parent = sio_sim_of_pattern(world.sim.sio, "/room-\\d+"));
    assert_int_equal(yodel_sio_namespace_on_room(parent, on_child_room, NULL, NULL), 0);
    handle(parent);
    sio_sim_open(&world.sim, 1, &a);
    sio_sim_join(&a, "/room-7", "");
    sio_sim_say(&a, "2/room-7,[\"join\",\"x\"]");
    expect("+A A:A +x x:A ");
    child = yodel_sio_find_namespace(world.sim.sio, "/room-7");
    assert_non_null(child);
    assert_int_equal(yodel_sio_namespace_on_room(child, on_room, NULL, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_sio_namespace_off_room(child, NULL, NULL), YODEL_ERR_STATE);
    yodel_sio_namespace_unref(child);
    sio_sim_put(&a, "1/room-7,");
    sio_sim_run_loop(&world.sim, 1);
    expect("");
    assert_null(yodel_sio_find_namespace(world.sim.sio, "/room-7"));
    child_name[0] = '\0';
    sio_sim_run(&world.sim);
    expect("A/A -A x/A -x ");
    assert_string_equal(child_name, "/room-7");
}

/* Rooms of one name in several namespaces are several rooms. */
static void test_sio_room_events_tell_namespaces_apart(void **state)
{
    yodel_sio_namespace *other;
    struct sio_client a;

    (void)state;
    start(1);
    assert_non_null(other = sio_sim_of(world.sim.sio, "/other"));
    handle(other);
    assert_int_equal(yodel_sio_namespace_on_room(other, on_room, NULL, NULL), 0);
    sio_sim_connect(&world.sim, 0, &a);
    sio_sim_join(&a, "/other", "");
    forget();
    say(&a, "join", "x");
    sio_sim_say(&a, "2/other,[\"join\",\"x\"]");
    say(&a, "leave", "x");
    expect("+x x:A +x x:B x/A -x ");
}

/* ---- limits ---- */

static int joined[3];

static void join_more(struct sio_sim *sim, void *arg)
{
    (void)arg;
    yd_loop_limit_mail(sim->base.loops[0], 300);
    joined[0] = yodel_sio_socket_join(sim->socket, "x");
    joined[1] = yodel_sio_socket_join(sim->socket, "y");
    joined[2] = yodel_sio_socket_join(sim->socket, "y");
    yodel_sio_socket_leave(sim->socket, "x");
    assert_int_equal(yodel_sio_socket_join(sim->socket, NULL), YODEL_ERR_NAME);
}

static void count_room(yodel_str room, void *num)
{
    (void)room;
    ++*(unsigned *)num;
}

static void count_rooms(struct sio_sim *sim, void *num)
{
    yodel_sio_socket_each_room(sim->socket, count_room, num);
}

static void test_sio_room_events_have_a_limit(void **state)
{
    struct sio_client a;
    unsigned num = 0;

    (void)state;
    start(2);
    sio_sim_connect(&world.sim, 1, &a);
    forget();
    sio_sim_on_loop(&world.sim, 1, join_more, NULL);
    assert_int_equal(joined[0], 0);
    assert_int_equal(joined[1], YODEL_ERR_CONGESTED);
    assert_int_equal(joined[2], YODEL_ERR_CONGESTED);
    expect("+x x:A x/A -x ");
    sio_sim_on_loop(&world.sim, 1, count_rooms, &num);
    assert_int_equal(num, 1);
    say(&a, "join", "y");
    expect("+y y:A ");
    assert_int_equal(atomic_load(&world.sim.base.loops[0]->mail_bytes), 0);
}

/* ---- out of memory ---- */

struct attempt {
    size_t fail_at;
    int rc;
};

static void join_failing(struct sio_sim *sim, void *arg)
{
    struct attempt *attempt = arg;
    unsigned num = 0;

    world.fm.fail_at = atomic_load(&world.fm.calls) + attempt->fail_at;
    attempt->rc = yodel_sio_socket_join(sim->socket, "x");
    world.fm.fail_at = 0;
    count_rooms(sim, &num);
    assert_int_equal(num, attempt->rc == 0 ? 2 : 1);
}

static void test_sio_room_events_tell_a_join_or_there_is_none(void **state)
{
    struct attempt attempt = {.rc = -1};

    (void)state;
    for (attempt.fail_at = 1; attempt.rc < 0 || attempt.fail_at < 10; attempt.fail_at++) {
        struct sio_client a;

        start(2);
        sio_sim_connect(&world.sim, 1, &a);
        forget();
        sio_sim_on_loop(&world.sim, 1, join_failing, &attempt);
        assert_true(attempt.rc == 0 || attempt.rc == -ENOMEM);
        expect(attempt.rc == 0 ? "+x x:A " : "");
        stop();
    }
    start(1);
}

/* Every allocation of a connection, its joins, its end: what was told is whole. */
static void test_sio_room_events_are_whole_without_memory(void **state)
{
    yodel_sio_options options;

    (void)state;
    sio_sim_options(&options);
    options.recovery_ms = 60000;
    for (size_t n = 1; n < 120; n++) {
        struct sio_client a, b;

        start_with(2, &options);
        assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room, NULL, NULL), 0);
        sio_sim_connect(&world.sim, 1, &a);
        say(&a, "join", "x");
        sio_sim_leave(&a);
        expect_balance();
        sio_sim_open(&world.sim, n % 2, &b);
        world.fm.fail_at = atomic_load(&world.fm.calls) + n / 2;
        sio_sim_put(&b, "0{\"pid\":\"\"}");
        sio_sim_run(&world.sim);
        sio_sim_leave(&b);
        world.fm.fail_at = 0;
        stop();
        start_with(2, &options);
        assert_int_equal(yodel_sio_namespace_on_room(world.sim.ns, on_room, NULL, NULL), 0);
        sio_sim_connect(&world.sim, 1, &a);
        say(&a, "join", "x");
        sio_sim_leave(&a);
        sio_sim_open(&world.sim, n % 2, &b);
        world.fm.fail_at = atomic_load(&world.fm.calls) + n / 2;
        {
            char text[100];

            (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"}", a.pid);
            sio_sim_put(&b, text);
            sio_sim_run(&world.sim);
        }
        world.fm.fail_at = 0;
        stop();
    }
    start(1);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sio_room_events_are_those_of_node),
        TEST(test_sio_room_events_know_the_room_of_an_id),
        TEST(test_sio_room_events_are_in_one_order_for_all_loops),
        TEST(test_sio_room_events_lists_what_is_known),
        TEST(test_sio_room_events_tell_what_targets_do),
        TEST(test_sio_room_events_are_told_until_the_end),
        TEST(test_sio_room_events_tell_what_middleware_joins),
        TEST(test_sio_room_events_of_a_lost_client),
        TEST(test_sio_room_events_handlers_may_do_anything),
        TEST(test_sio_room_events_handlers_may_stop),
        TEST(test_sio_room_events_begin_with_their_handler),
        TEST(test_sio_room_events_free_what_they_take),
        TEST(test_sio_room_events_of_a_child_that_is_gone),
        TEST(test_sio_room_events_tell_namespaces_apart),
        TEST(test_sio_room_events_have_a_limit),
        TEST(test_sio_room_events_tell_a_join_or_there_is_none),
        TEST(test_sio_room_events_are_whole_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
