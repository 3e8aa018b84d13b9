/* SPDX-License-Identifier: MIT */
#include "channels/channels.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "channels/channel_event.h"
#include "failmem.h"
#include "fixture.h"

#define LOOPS 3

/* Loops that are turned by hand; a member notes what it gets. */
struct world {
    struct failmem fm;
    struct yd_loop *loops[LOOPS];
    struct yd_bus bus;
    yodel_channels *channels;
    int released;
};

static struct world world;

struct listener {
    struct yd_member member;
    struct yd_loop *loop;
    int heard;
    char log[64];
    const char *leaves; /* what the listener before leaves when this one hears */
    struct listener *victim;
};

static void leave(struct listener *listener, const char *group);

static void on_deliver(struct yd_member *member, struct yd_delivery *what)
{
    struct listener *listener = yd_container_of(member, struct listener, member);
    size_t len = strlen(listener->log);

    listener->heard++;
    if (len + 1 < sizeof listener->log)
        listener->log[len] = what->msg != NULL ? (char)*yd_msg_payload(what->msg)
                                               : yodel_event_type(what->event).ptr[0];
    if (listener->victim != NULL)
        leave(listener->victim, listener->leaves);
}

static void release(void *owner)
{
    world.released++;
}

static int setup(void **state)
{
    struct yd_bus_options bus = {.mem = &world.fm.mem,
                                 .loops = world.loops,
                                 .num_loops = LOOPS,
                                 .secret = {1, 2},
                                 .process = "p"};
    struct yd_channels_options options = {
        .bus = &world.bus, .name = "groups", .owner = &world, .release_owner = release};

    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(yd_loop_new(&yd_loop_uv, &world.fm.mem, NULL, i, &world.loops[i]), 0);
    assert_int_equal(yd_bus_init(&world.bus, &bus), 0);
    assert_int_equal(yd_channels_new(&options, &world.channels), 0);
    return 0;
}

static int teardown(void **state)
{
    yodel_channels_unref(world.channels);
    assert_int_equal(world.released, 1);
    yd_bus_done(&world.bus);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_free(world.loops[i]);
    failmem_assert_empty(&world.fm);
    return 0;
}

static void turn(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        (void)yd_loop_turn(world.loops[i]);
}

static void init_listener(struct listener *listener, unsigned loop)
{
    memset(listener, 0, sizeof *listener);
    listener->member.deliver = on_deliver;
    listener->loop = world.loops[loop];
}

static int join(struct listener *listener, const char *group)
{
    struct yd_key key = yd_bus_key(&world.bus, yodel_str_of(group));
    int rc = yd_group_join(world.channels->groups, listener->loop, &key, &listener->member);

    return rc < 0 ? rc : 0;
}

static void leave(struct listener *listener, const char *group)
{
    struct yd_key key = yd_bus_key(&world.bus, yodel_str_of(group));

    (void)yd_group_leave(world.channels->groups, listener->loop, &key, &listener->member);
}

static void send_letter(const char *group, char letter)
{
    struct yd_msg *msg = yd_msg_new(&world.fm.mem, YODEL_WS_TEXT, 1);

    *yd_msg_payload(msg) = (uint8_t)letter;
    assert_int_equal(yd_channels_send(world.channels, yodel_str_of(group), msg, NULL), 0);
    yd_msg_unref(msg);
}

static void test_channels_reach_members_on_every_loop(void **state)
{
    struct listener listeners[6];

    for (unsigned i = 0; i < 6; i++) {
        init_listener(&listeners[i], i % LOOPS);
        assert_int_equal(join(&listeners[i], i < 5 ? "room" : "other"), 0);
    }
    assert_int_equal(join(&listeners[0], "room"), 0); /* twice is once */
    assert_int_equal(yd_channels_count(world.channels, YODEL_STR("room")), 5);
    assert_int_equal(yd_channels_count(world.channels, YODEL_STR("nowhere")), 0);
    send_letter("room", 'a');
    send_letter("nowhere", 'b');
    turn();
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(listeners[i].heard, i < 5 ? 1 : 0);
    leave(&listeners[0], "room");
    leave(&listeners[0], "room");
    leave(&listeners[0], "nowhere");
    send_letter("room", 'c');
    turn();
    assert_int_equal(listeners[0].heard, 1);
    assert_string_equal(listeners[1].log, "ac");
    for (unsigned i = 0; i < 6; i++)
        yd_member_leave_all(listeners[i].loop, &listeners[i].member);
    assert_int_equal(yd_channels_count(world.channels, YODEL_STR("room")), 0);
}

static int pack_event(const struct yodel_allocator *mem, yodel_event **ret, const char *type,
                      const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_event_new(mem, type, format, args, ret);
    va_end(args);
    return rc;
}

static void test_channels_keep_the_order_of_frames_and_events(void **state)
{
    struct listener listener;
    yodel_event *event;

    init_listener(&listener, 1);
    assert_int_equal(join(&listener, "g"), 0);
    assert_int_equal(pack_event(&world.fm.mem, &event, "x.y", "{s:s}", "k", "v"), 0);
    for (int i = 0; i < 5; i++) {
        send_letter("g", (char)('a' + i));
        assert_int_equal(yd_channels_send(world.channels, YODEL_STR("g"), NULL, event), 0);
    }
    yd_event_unref(event);
    turn();
    assert_string_equal(listener.log, "axbxcxdxex");
    yd_member_leave_all(listener.loop, &listener.member);
}

/* A handler may throw out members while a delivery walks over them: each hears at most once, who
 * was thrown out before its turn does not. */
static void test_channels_may_change_during_a_delivery(void **state)
{
    struct listener listeners[8];

    for (unsigned i = 0; i < 8; i++) {
        init_listener(&listeners[i], 0);
        assert_int_equal(join(&listeners[i], "g"), 0);
    }
    listeners[2].victim = &listeners[0]; /* has heard */
    listeners[3].victim = &listeners[7]; /* has not */
    listeners[4].victim = &listeners[4]; /* itself */
    for (unsigned i = 2; i < 5; i++)
        listeners[i].leaves = "g";
    send_letter("g", 'a');
    turn();
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(listeners[i].heard, i == 7 ? 0 : 1);
    assert_int_equal(yd_channels_count(world.channels, YODEL_STR("g")), 5);
    send_letter("g", 'b');
    turn();
    assert_string_equal(listeners[0].log, "a");
    assert_string_equal(listeners[1].log, "ab");
    assert_string_equal(listeners[6].log, "ab");
    for (unsigned i = 0; i < 8; i++)
        yd_member_leave_all(listeners[i].loop, &listeners[i].member);
}

/* The last member leaves inside the delivery. */
static void test_channels_may_empty_during_a_delivery(void **state)
{
    struct listener listener;

    init_listener(&listener, 0);
    listener.victim = &listener;
    listener.leaves = "g";
    assert_int_equal(join(&listener, "g"), 0);
    send_letter("g", 'a');
    turn();
    assert_int_equal(listener.heard, 1);
    assert_int_equal(yd_channels_count(world.channels, YODEL_STR("g")), 0);
}

static void test_channels_agree_with_a_model(void **state)
{
    enum { MEMBERS = 40, GROUPS = 10 };
    static bool model[MEMBERS][GROUPS];
    struct listener listeners[MEMBERS];

    srand(11);
    memset(model, 0, sizeof model);
    for (unsigned i = 0; i < MEMBERS; i++)
        init_listener(&listeners[i], i % LOOPS);
    for (int step = 0; step < 20000; step++) {
        unsigned m = (unsigned)rand() % MEMBERS, g = (unsigned)rand() % GROUPS;
        char name[8];

        snprintf(name, sizeof name, "g%u", g);
        if (rand() % 100 == 0) {
            yd_member_leave_all(listeners[m].loop, &listeners[m].member);
            memset(model[m], 0, sizeof model[m]);
        } else if (rand() % 2 == 0) {
            assert_int_equal(join(&listeners[m], name), 0);
            model[m][g] = true;
        } else {
            leave(&listeners[m], name);
            model[m][g] = false;
        }
        if (step % 100 != 0)
            continue;
        for (unsigned i = 0; i < MEMBERS; i++)
            listeners[i].heard = 0;
        send_letter(name, 'x');
        turn();
        for (unsigned i = 0; i < MEMBERS; i++)
            assert_int_equal(listeners[i].heard, model[i][g]);
    }
    for (unsigned i = 0; i < MEMBERS; i++)
        yd_member_leave_all(listeners[i].loop, &listeners[i].member);
}

struct count {
    struct yd_survey survey; /* first */
    int members, done, freed;
};

static void count_member(struct yd_member *member, yodel_str note, struct yd_survey *survey)
{
    (void)member;
    ((struct count *)survey)->members++;
}

static void count_done(struct yd_ask *ask, unsigned missing)
{
    assert_int_equal(missing, 0);
    ((struct count *)ask)->done++;
}

static void count_free(struct yd_ask *ask)
{
    ((struct count *)ask)->freed++;
}

static const struct yd_ask_ops count_ops = {.sink = count_done, .free = count_free};

static void init_count(struct count *count)
{
    *count = (struct count){.members = 0};
    yd_ask_init(&count->survey.ask, &count_ops, &world.bus);
    count->survey.each = count_member;
}

static void test_channels_survey_all_loops(void **state)
{
    struct listener listeners[4];
    struct count count, none;

    init_count(&count);
    init_count(&none);
    for (unsigned i = 0; i < 4; i++) {
        init_listener(&listeners[i], i % LOOPS);
        assert_int_equal(join(&listeners[i], "g"), 0);
    }
    assert_int_equal(yd_channels_survey(world.channels, YODEL_STR("g"), 0, &count.survey), 0);
    assert_int_equal(yd_channels_survey(world.channels, YODEL_STR("none"), 0, &none.survey), 0);
    assert_int_equal(count.done + none.done, 0); /* never inside the call */
    for (int i = 0; i < LOOPS; i++)
        turn();
    assert_int_equal(count.members, 4);
    assert_int_equal(count.done, 1);
    assert_int_equal(count.freed, 1);
    assert_int_equal(none.members, 0);
    assert_int_equal(none.done, 1);
    for (unsigned i = 0; i < 4; i++)
        yd_member_leave_all(listeners[i].loop, &listeners[i].member);
}

static void test_channels_without_memory(void **state)
{
    struct listener listener;

    for (size_t n = 1; n < 20; n++) {
        size_t blocks = atomic_load(&world.fm.blocks);
        int rc;

        init_listener(&listener, 0);
        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        rc = join(&listener, "room");
        world.fm.fail_at = 0;
        assert_true(rc == 0 || rc == -ENOMEM);
        yd_member_leave_all(listener.loop, &listener.member);
        assert_int_equal(yd_channels_count(world.channels, YODEL_STR("room")), 0);
        if (rc < 0)
            assert_true(atomic_load(&world.fm.blocks) <= blocks + 3); /* at most the maps' slots */
    }
}

static void test_channels_event_packs_and_unpacks(void **state)
{
    yodel_event *event;
    const char *text;
    int number;

    assert_int_equal(
        pack_event(&world.fm.mem, &event, "chat.message", "{s:s, s:i}", "text", "Привет", "n", 7),
        0);
    assert_true(yodel_str_eq(yodel_event_type(event), YODEL_STR("chat.message")));
    assert_int_equal(yodel_event_unpack(event, "{s:s, s:i}", "text", &text, "n", &number), 0);
    assert_string_equal(text, "Привет");
    assert_int_equal(number, 7);
    assert_int_equal(yodel_event_unpack(event, "{s:s}", "absent", &text), YODEL_ERR_FORMAT);
    yd_event_unref(event);
    assert_int_equal(pack_event(&world.fm.mem, &event, "", NULL), YODEL_ERR_NAME);
    assert_int_equal(pack_event(&world.fm.mem, &event, "a\n", NULL), YODEL_ERR_NAME);
    assert_int_equal(pack_event(&world.fm.mem, &event, "a", "[i]", 1), YODEL_ERR_FORMAT);
    assert_int_equal(pack_event(&world.fm.mem, &event, "a", "{s:s}", "k", "\xff"),
                     YODEL_ERR_FORMAT);
}

/* All of an event, or -ENOMEM; its documents are copies, whatever it was made of. */
static void test_channels_event_without_memory(void **state)
{
    json_t *document = json_pack("{s:[f]}", "list", 0.5);
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        yodel_event *event = NULL;
        const char *text = NULL;
        double number = 0;
        int rc;

        failmem_serve_jansson(&fm);
        rc = pack_event(&fm.mem, &event, "e", "{s:O, s:s}", "document", document, "text",
                        "long enough for more than one block of text");
        if (rc == 0)
            rc = yodel_event_unpack(event, "{s:{s:[f]}, s:s}", "document", "list", &number, "text",
                                    &text);
        assert_true(rc == 0 || (rc == -ENOMEM && failmem_has_failed(&fm)));
        if (rc == 0)
            assert_true(number == 0.5 && strlen(text) == 43);
        yd_event_unref(event);
        failmem_serve_jansson(NULL);
        assert_int_equal(document->refcount, 1);
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_channels_reach_members_on_every_loop),
        FIXTURE_TEST(test_channels_keep_the_order_of_frames_and_events),
        FIXTURE_TEST(test_channels_may_change_during_a_delivery),
        FIXTURE_TEST(test_channels_may_empty_during_a_delivery),
        FIXTURE_TEST(test_channels_agree_with_a_model),
        FIXTURE_TEST(test_channels_survey_all_loops),
        FIXTURE_TEST(test_channels_without_memory),
        FIXTURE_TEST(test_channels_event_packs_and_unpacks),
        cmocka_unit_test(test_channels_event_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
