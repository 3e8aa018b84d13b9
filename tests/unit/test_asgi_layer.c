/* SPDX-License-Identifier: MIT */
#include "asgi_world.h"

static int send_event(const char *group, const char *channel, const char *json)
{
    yodel_event *event;
    int rc = yd_event_new_text(&world.fm.mem, YODEL_STR("t"), yodel_str_of(json), &event);

    if (rc < 0)
        return rc;
    rc = group != NULL ? yd_channels_send(world.channels, yodel_str_of(group), NULL, event)
                       : yd_channels_send_far(world.channels, yodel_str_of(channel), event);
    yd_event_unref(event);
    return rc;
}

/* The commands since the last time, each with ';' after it. */
static void expect_commands(const char *expected)
{
    char seen[2000] = "";

    for (; played.num_seen < played.num_commands; played.num_seen++) {
        size_t len = strlen(seen);

        snprintf(seen + len, sizeof seen - len, "%s;", played.commands[played.num_seen].text);
    }
    assert_string_equal(seen, expected);
}

static struct command *last_command(void)
{
    assert_true(played.num_commands > 0);
    return &played.commands[played.num_commands - 1];
}

static void answer(struct command *command, const struct yd_redis_reply *reply)
{
    assert_false(command->answered);
    command->answered = true;
    command->fn(reply, command->arg);
    run();
}

static void answer_int(struct command *command, int64_t number)
{
    answer(command, &(struct yd_redis_reply){.type = YODEL_REDIS_INTEGER, .integer = number});
}

/* Names with blanks between them. */
static void answer_members(struct command *command, const char *names)
{
    struct yd_redis_reply members[8] = {{.num = 0}};
    const struct yd_redis_reply *elements[8];
    struct yd_redis_reply reply = {.type = YODEL_REDIS_ARRAY, .elements = elements};

    while (*names != '\0') {
        size_t len = strcspn(names, " ");

        members[reply.num].type = YODEL_REDIS_STRING;
        members[reply.num].text = (yodel_str){names, len};
        elements[reply.num] = &members[reply.num];
        reply.num++;
        names += len + (names[len] == ' ');
    }
    answer(command, &reply);
}

static yodel_channels_redis_stats stats(void)
{
    yodel_channels_redis_stats ret;

    yd_asgi_get_stats(yd_asgi_of_channels(world.channels), &ret);
    return ret;
}

#define OWN "specific.00000000000000000000000000000001!"
#define GROUP_KEY "asgi:group:r"
#define ASK "ZREMRANGEBYSCORE " GROUP_KEY " 0 T;ZRANGE " GROUP_KEY " 0 -1;"

/* ---- core ---- */

static void test_asgi_layer_joins_with_the_first_and_leaves_with_the_last(void **state)
{
    struct yd_member a = {NULL, NULL}, b = {NULL, NULL};

    start(YODEL_CHANNELS_CORE);
    assert_int_equal(played.num_readers, 1);
    assert_int_equal(join(&a, "r"), 0);
    assert_int_equal(join(&b, "r"), 0);
    run();
    expect_commands("ZADD " GROUP_KEY " T " OWN "g0000000000000001;EXPIRE " GROUP_KEY " 86400;");
    leave(&a, "r");
    run();
    expect_commands("");
    leave(&b, "r");
    run();
    expect_commands("ZREM " GROUP_KEY " " OWN "g0000000000000001;");
    assert_int_equal(join(&a, "r"), 0); /* and out again, before anybody is told */
    leave(&a, "r");
    run();
    expect_commands("");
}

static void test_asgi_layer_renews(void **state)
{
    struct yd_member a = {NULL, NULL};

    start_with(&(yodel_channels_redis_options){.lease_s = 15});
    assert_int_equal(join(&a, "r"), 0);
    run();
    expect_commands("ZADD " GROUP_KEY " T " OWN "g0000000000000001;EXPIRE " GROUP_KEY " 86400;");
    advance(5100);
    expect_commands("ZADD " GROUP_KEY " T " OWN "g0000000000000001;EXPIRE " GROUP_KEY " 86400;");
    played.watcher->on_up(played.watcher); /* perhaps it has come back empty */
    expect_commands("ZADD " GROUP_KEY " T " OWN "g0000000000000001;EXPIRE " GROUP_KEY " 86400;");
    played.redis.failing = YODEL_ERR_CONGESTED;
    leave(&a, "r");
    run();
    played.redis.failing = 0;
    assert_int_equal(join(&a, "r"), 0);
    run();
    played.redis.failing = YODEL_ERR_CONGESTED;
    assert_int_equal(join(&a, "s"), 0);
    run();
    played.num_seen = played.num_commands;
    played.redis.failing = 0;
    advance(600); /* tried again */
    expect_commands("ZADD asgi:group:s T " OWN "g0000000000000003;EXPIRE asgi:group:s 86400;");
    yd_member_leave_all(world.loop, &a);
}

static void expect_message(const struct command *command, const char *expected, size_t len)
{
    assert_int_equal(command->last_len, 12 + len);
    assert_memory_equal(command->last + 12, expected, len);
}

#define EXPECT_MESSAGE(command, text) expect_message(command, text, sizeof(text) - 1)

static void test_asgi_layer_sends_once_to_each_process(void **state)
{
    struct yd_member a = {NULL, NULL};

    start(YODEL_CHANNELS_CORE);
    assert_int_equal(join(&a, "r"), 0);
    run();
    played.num_seen = played.num_commands;
    assert_int_equal(send_event("r", NULL, "{\"m\":1}"), 0);
    run();
    expect_told("{\"m\":1};"); /* without Redis */
    expect_commands(ASK);
    answer_members(last_command(), OWN "g0000000000000001 specific.b!2 specific.a!1 specific.b!1 "
                                       "no!t!valid jobs");
    expect_commands("EVAL * 1 asgijobs 100 T 60 T *;EVAL * 1 asgispecific.a! 100 T 60 T *;"
                    "EVAL * 1 asgispecific.b! 100 T 60 T *;");
    EXPECT_MESSAGE(&played.commands[played.num_commands - 2],
                   "\x83\xa4type\xa1t\xa1m\x01\xb0__asgi_channel__\x91\xacspecific.a!1");
    for (unsigned i = 3; i > 0; i--)
        answer_int(&played.commands[played.num_commands - i], 1);
    assert_int_equal(stats().published, 3);
    assert_int_equal(stats().waiting, 0);
    leave(&a, "r");
}

static void test_asgi_layer_keeps_the_order(void **state)
{
    start(YODEL_CHANNELS_CORE);
    assert_int_equal(send_event("r", NULL, "{\"m\":1}"), 0);
    assert_int_equal(send_event(NULL, "specific.a!1", "{\"m\":2}"), 0);
    assert_int_equal(send_event(NULL, "specific.a!1", "{\"m\":3}"), 0);
    run();
    expect_commands(ASK);
    answer_members(last_command(), "specific.a!1");
    expect_commands("EVAL * 1 asgispecific.a! 100 T 60 T *;");
    EXPECT_MESSAGE(last_command(),
                   "\x83\xa4type\xa1t\xa1m\x01\xb0__asgi_channel__\x91\xacspecific.a!1");
    answer_int(last_command(), 1);
    expect_commands("EVAL * 1 asgispecific.a! 100 T 60 T * T *;");
    EXPECT_MESSAGE(last_command(),
                   "\x83\xa4type\xa1t\xa1m\x03\xb0__asgi_channel__\xacspecific.a!1");
    answer_int(last_command(), 2);
    assert_int_equal(send_event(NULL, "not valid", "{}"), YODEL_ERR_NAME);
    assert_int_equal(send_event(NULL, "jobs", "{}"), 0);
    run();
    EXPECT_MESSAGE(last_command(), "\x81\xa4type\xa1t");
    answer_int(last_command(), 1);
    assert_int_equal(stats().published, 4);
}

static void test_asgi_layer_waits_for_room(void **state)
{
    start(YODEL_CHANNELS_CORE);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(send_event(NULL, "specific.a!1", "{}"), 0);
        run();
    }
    assert_int_equal(stats().full, 1);
    assert_int_equal(send_event(NULL, "specific.a!1", "{}"), YODEL_ERR_CONGESTED);
    expect_commands("EVAL * 1 asgispecific.a! 100 T 60 T *;");
    assert_int_equal(stats().full, 2); /* three wait */
    assert_int_equal(send_event(NULL, "specific.b!1", "{}"), 0);
    run();
    answer_int(&played.commands[0], 0);
    expect_commands("EVAL * 1 asgispecific.b! 100 T 60 T *;");
    advance(6);
    expect_commands("EVAL * 1 asgispecific.a! 100 T 60 T * T * T *;");
    answer_int(last_command(), 2);
    expect_commands("");
    advance(6);
    expect_commands("EVAL * 1 asgispecific.a! 100 T 60 T *;");
    answer(last_command(), NULL); /* lost: whether it is there is not known */
    advance(1000);
    expect_commands("");
    assert_int_equal(stats().lost, 1);
    assert_int_equal(stats().published, 2);
    played.redis.failing = YODEL_ERR_CONGESTED;
    assert_int_equal(send_event(NULL, "specific.c!1", "{}"), 0);
    run();
    played.redis.failing = 0;
    advance(6);
    expect_commands("EVAL * 1 asgispecific.c! 100 T 60 T *;");
    answer(last_command(), &(struct yd_redis_reply){.type = YODEL_REDIS_ERROR});
    answer_int(&played.commands[1], 7); /* more than there were: nonsense */
    assert_int_equal(stats().dropped, 2);
    assert_int_equal(stats().waiting, 0);
}

static void test_asgi_layer_has_a_bounded_queue(void **state)
{
    start_with(&(yodel_channels_redis_options){.max_queue = 1000});
    played.redis.failing = YODEL_ERR_CONGESTED;
    for (int i = 0; i < 50; i++)
        (void)send_event("r", NULL, "{\"m\":\"0123456789012345678901234567890123456789\"}");
    assert_true(stats().waiting <= 1000);
    assert_true(stats().dropped > 30);
    assert_int_equal(send_event(NULL, "specific.a!1", "{\"m\":\"01234567890123456789012345678\"}"),
                     YODEL_ERR_CONGESTED);
    run();
    assert_int_equal(stats().waiting, 0);
}

/* A reply of BZMPOP. */
static void receive(const char *map, size_t len, const char *score)
{
    char member[300] = "123456789012";
    struct yd_redis_reply texts[2] = {{.type = YODEL_REDIS_STRING}, {.type = YODEL_REDIS_STRING}};
    const struct yd_redis_reply *pair[] = {&texts[0], &texts[1]}, *pairs[1], *both[2];
    struct yd_redis_reply one = {YODEL_REDIS_ARRAY, 0, {NULL, 0}, 2, pair};
    struct yd_redis_reply list = {YODEL_REDIS_ARRAY, 0, {NULL, 0}, 1, pairs};
    struct yd_redis_reply reply = {YODEL_REDIS_ARRAY, 0, {NULL, 0}, 2, both};
    char now[40];

    snprintf(now, sizeof now, "%.6f", (double)yd_asgi_now_us() / 1e6);
    memcpy(member + 12, map, len);
    texts[0].text = (yodel_str){member, 12 + len};
    texts[1].text = yodel_str_of(score != NULL ? score : now);
    pairs[0] = &one;
    both[0] = &texts[0];
    both[1] = &list;
    played.readers[0]->on_reply(played.readers[0], &reply);
    run();
}

#define RECEIVE(map, score) receive(map, sizeof(map) - 1, score)
#define TO_GROUP "\x83\xa4type\xa1t\xa1m\x01\xb0__asgi_channel__\xd9\x3b" OWN "g000000000000000"

static void test_asgi_layer_receives(void **state)
{
    struct yd_member a = {NULL, NULL}, b = {NULL, NULL};

    start(YODEL_CHANNELS_CORE);
    played.readers[0]->make(played.readers[0], NULL);
    expect_told("BZMPOP 5 1 asgi" OWN " MIN COUNT 128 ");
    assert_int_equal(join(&a, "r"), 0);
    assert_int_equal(join(&b, "s"), 0);
    run();
    RECEIVE(TO_GROUP "1", NULL);
    expect_told("{\"m\":1};");
    RECEIVE("\x82\xa4type\xa1t\xb0__asgi_channel__\x94\xa1x"
            "\xd9\x3b" OWN "g0000000000000002"
            "\xd9\x3b" OWN "g0000000000000002"
            "\xd9\x3a" OWN "00000000000000ff",
            NULL);
    expect_told("{};"); /* once */
    assert_int_equal(world.direct, 0xff);
    leave(&a, "r");
    RECEIVE(TO_GROUP "1", NULL);
    expect_told("");
    leave(&b, "s");
}

static void test_asgi_layer_hostile(void **state)
{
    struct yd_member a = {NULL, NULL};
    struct yd_redis_reply error = {.type = YODEL_REDIS_ERROR,
                                   .text = YODEL_STR("ERR unknown command 'BZMPOP'")};

    start(YODEL_CHANNELS_CORE);
    assert_int_equal(join(&a, "r"), 0);
    run();
    RECEIVE(TO_GROUP "1", "1000000000.5"); /* too old */
    assert_int_equal(stats().expired, 1);
    RECEIVE(TO_GROUP "1", "inf");
    RECEIVE(TO_GROUP "1", "");
    RECEIVE("\xc1", NULL);
    RECEIVE("", NULL);
    RECEIVE("\x81\xa4type\xa1t", NULL);
    assert_int_equal(stats().malformed, 5);
    expect_told("");
    played.readers[0]->on_reply(played.readers[0], NULL);
    played.readers[0]->on_reply(played.readers[0], &error); /* an older Redis */
    played.readers[0]->make(played.readers[0], NULL);
    expect_told("BZPOPMIN asgi" OWN " 5 ");
    leave(&a, "r");
}

/* The first pattern that matches counts, as in Python's get_capacity(). */
static void test_asgi_layer_capacities(void **state)
{
    yodel_channels_capacity capacities[] = {{"job?", 5}, {"specific.[ab]!*", 7}, {"*", 9}};

    start_with(&(yodel_channels_redis_options){.capacities = capacities, .num_capacities = 3});
    assert_int_equal(send_event(NULL, "jobs", "{}"), 0);
    assert_int_equal(send_event(NULL, "specific.a!1", "{}"), 0);
    assert_int_equal(send_event(NULL, "specific.c!1", "{}"), 0);
    run();
    expect_commands("EVAL * 1 asgijobs 5 T 60 T *;EVAL * 1 asgispecific.a! 7 T 60 T *;"
                    "EVAL * 1 asgispecific.c! 9 T 60 T *;");
}

/* Rooms of a Socket.IO service are groups too, if the options say so. */
static void attached_rooms(int rooms)
{
    struct yd_member a = {NULL, NULL};
    struct yd_groups *groups;
    struct yd_key key = yd_bus_key(&world.bus, YODEL_STR("/chat#r"));

    assert_int_equal(yd_groups_new(&world.bus, "sio1", NULL, release, &groups), 0);
    assert_int_equal(yd_channels_attach(world.channels, groups), 0);
    start_with(&(yodel_channels_redis_options){.rooms = rooms});
    a.deliver = deliver;
    assert_int_equal(yd_group_join(groups, world.loop, &key, &a), 1);
    run();
    expect_commands(rooms ? "ZADD asgi:group:/chat#r T " OWN "g0000000000000001;"
                            "EXPIRE asgi:group:/chat#r 86400;"
                          : "");
    RECEIVE(TO_GROUP "1", NULL);
    expect_told(rooms ? "{\"m\":1};" : "");
    (void)yd_group_leave(groups, world.loop, &key, &a);
    run();
    yd_groups_unref(groups);
}

static void test_asgi_layer_rooms(void **state)
{
    attached_rooms(1);
}

static void test_asgi_layer_no_rooms(void **state)
{
    attached_rooms(0);
}

/* ---- pubsub ---- */

static struct yd_redis_sub *group_sub(void)
{
    return played.subs[played.num_subs - 1];
}

static void set_active(struct yd_redis_sub *sub, bool active)
{
    sub->active = active;
    sub->on_active(sub, active);
    run();
}

static void publish(struct yd_redis_sub *sub, const void *bytes, size_t len)
{
    sub->on_message(sub, sub->name, (yodel_bytes){bytes, len});
    run();
}

static void test_asgi_layer_pubsub_knows_its_own(void **state)
{
    struct yd_member a = {NULL, NULL};
    struct command sent;

    start(YODEL_CHANNELS_PUBSUB);
    assert_true(yodel_str_eq(played.subs[0]->name, YODEL_STR(OWN "*")));
    assert_int_equal(join(&a, "r"), 0);
    run();
    assert_true(yodel_str_eq(group_sub()->name, YODEL_STR("asgi__group__r")));
    assert_int_equal(send_event("r", NULL, "{}"), 0);
    run();
    expect_told("{};");
    expect_commands(""); /* who knows whether it comes back */
    set_active(group_sub(), true);
    expect_commands("PUBLISH asgi__group__r \x81\xa4type\xa1t;");
    sent = *last_command();
    publish(group_sub(), sent.last, sent.last_len);
    expect_told("");
    answer_int(last_command(), 1);
    publish(group_sub(), sent.last, sent.last_len); /* another one says the same */
    expect_told("{};");
    assert_int_equal(send_event("r", NULL, "{}"), 0);
    run();
    expect_told("{};");
    answer_int(last_command(), 1);
    set_active(group_sub(), false); /* its echo is lost with the connection */
    set_active(group_sub(), true);
    publish(group_sub(), sent.last, sent.last_len);
    expect_told("{};");
    played.subs[0]->on_message(played.subs[0], YODEL_STR(OWN "00000000000000fe"),
                               (yodel_bytes){sent.last, sent.last_len});
    assert_int_equal(world.direct, 0xfe);
    leave(&a, "r");
    run();
    assert_int_equal(played.num_subs, 1);
    assert_int_equal(send_event("r", NULL, "{}"), 0); /* no member: it does not come back */
    assert_int_equal(send_event(NULL, "asgispecific.x", "{}"), 0);
    run();
    answer_int(last_command(), 1);
    answer(&played.commands[played.num_commands - 2], NULL);
    assert_int_equal(stats().published, 3);
    assert_int_equal(stats().lost, 1);
}

/* ---- whether a group is heard ---- */

static void on_heard(struct yd_member *member)
{
    world.num_heard++;
}

static bool await(struct yd_member *member, const char *group)
{
    return yd_channels_await(world.channels, world.loop, yodel_str_of(group), member, on_heard);
}

static void test_asgi_layer_core_is_heard_when_redis_has_replied(void **state)
{
    struct yd_member a = {NULL, NULL};
    struct command *add;

    start(YODEL_CHANNELS_CORE);
    assert_false(join(&a, "early") < 0 || await(&a, "early")); /* Redis is not there */
    played.watcher->on_up(played.watcher);
    assert_int_equal(join(&a, "r"), 0);
    assert_true(await(&a, "r"));
    run();
    add = &played.commands[played.num_commands - 2];
    leave(&a, "r"); /* and again: what is asked last counts */
    assert_int_equal(world.num_heard, 1);
    run();
    assert_true(join(&a, "r") == 0 && await(&a, "r"));
    run();
    answer_int(add, 1);
    run();
    assert_int_equal(world.num_heard, 1);
    answer_int(&played.commands[played.num_commands - 2], 1);
    run();
    assert_int_equal(world.num_heard, 2);
    assert_false(await(&a, "r"));
    yd_member_leave_all(world.loop, &a);
}

static void test_asgi_layer_pubsub_is_heard_when_subscribed(void **state)
{
    struct yd_member a = {NULL, NULL};

    start(YODEL_CHANNELS_PUBSUB);
    played.watcher->on_up(played.watcher);
    assert_int_equal(join(&a, "r"), 0);
    assert_true(await(&a, "r"));
    run();
    set_active(group_sub(), true);
    assert_int_equal(world.num_heard, 1);
    assert_false(await(&a, "r"));
    assert_true(join(&a, "s") == 0 && await(&a, "s"));
    played.watcher->on_down(played.watcher);
    run();
    assert_int_equal(world.num_heard, 2);
    yd_member_leave_all(world.loop, &a);
}

/* ---- options ---- */

static void test_asgi_layer_options(void **state)
{
    yodel_redis *hosts[] = {&played.redis};
    yodel_channels_redis_options options = {.size = sizeof options};
    struct yd_asgi_setup setup = {world.channels, hosts, 1, &options};
    struct yd_part *part;

    setup.num_hosts = 0;
    assert_int_equal(yd_asgi_new(&setup, &part), -EINVAL);
    setup.num_hosts = 1;
    options.lease_s = 5;
    assert_int_equal(yd_asgi_new(&setup, &part), -EINVAL);
    options.lease_s = 0;
    options.form = (yodel_channels_form)7;
    assert_int_equal(yd_asgi_new(&setup, &part), -EINVAL);
    options.form = YODEL_CHANNELS_CORE;
    assert_int_equal(yd_asgi_new(&setup, &world.part), 0);
    assert_int_equal(yd_asgi_new(&setup, &part), YODEL_ERR_STATE);
    assert_int_equal(yd_asgi_receive(yd_asgi_of_channels(world.channels), "a!b", NULL, NULL),
                     YODEL_ERR_NAME);
}

/* ---- without memory ---- */

static void live(yodel_channels_form form)
{
    struct yd_member a = {NULL, NULL};
    struct yd_asgi *asgi = yd_container_of(world.part, struct yd_asgi, part);
    bool is_member;

    is_member = join(&a, "r") == 0;
    run();
    (void)send_event("r", NULL, "{\"m\":1}");
    (void)send_event(NULL, "specific.a!1", "{\"m\":2}");
    run();
    if (form == YODEL_CHANNELS_CORE) {
        RECEIVE(TO_GROUP "1", NULL);
    } else if (played.num_subs > 1) {
        set_active(group_sub(), true);
        publish(group_sub(), "\x81\xa4type\xa1t", 8);
    }
    failmem_pause(&world.fm);
    advance(6000); /* what was missed is noticed */
    if (is_member) {
        struct yd_map_node *node = yd_map_any(&asgi->groups);

        assert_non_null(node);
        assert_true(yd_container_of(node, struct yd_asgi_group, node)->joined);
    }
    yd_member_leave_all(world.loop, &a);
    run();
    assert_int_equal(asgi->groups.count, 0);
    lose_commands();
    advance(200);
    lose_commands();
    assert_int_equal(stats().waiting, 0);
    failmem_resume(&world.fm);
}

static void live_without_memory(yodel_channels_form form)
{
    struct failmem *fm = &world.fm;

    teardown(NULL);
    FAILMEM_LOOP(fm)
    {
        failmem_pause(fm);
        {
            bool again = fm->again;
            size_t fail_at = fm->fail_at, calls = atomic_load(&fm->calls);

            setup(NULL);
            failmem_pause(fm);
            fm->again = again;
            fm->fail_at = fail_at;
            atomic_store(&fm->calls, calls);
            start(form);
        }
        failmem_resume(fm);
        live(form);
        failmem_pause(fm);
        stop();
        yd_bus_done(&world.bus);
        yd_loop_free(world.loop);
        failmem_resume(fm);
        failmem_assert_empty(fm);
    }
    setup(NULL);
}

static void test_asgi_layer_core_without_memory(void **state)
{
    live_without_memory(YODEL_CHANNELS_CORE);
}

static void test_asgi_layer_pubsub_without_memory(void **state)
{
    live_without_memory(YODEL_CHANNELS_PUBSUB);
}

static void test_asgi_layer_made_without_memory(void **state)
{
    yodel_channels_capacity capacities[] = {{"a*", 5}, {"b", 6}};
    yodel_bytes keys[] = {{(const uint8_t *)"k", 1}};
    yodel_channels_redis_options options = {.size = sizeof options,
                                            .capacities = capacities,
                                            .num_capacities = 2,
                                            .symmetric_keys = keys,
                                            .num_symmetric_keys = 1};
    yodel_redis *hosts[] = {&played.redis};
    struct yd_asgi_setup asgi_setup = {world.channels, hosts, 1, &options};
    size_t blocks = atomic_load(&world.fm.blocks);
    int rc = -ENOMEM;

    for (size_t n = 1; rc == -ENOMEM; n++) {
        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        if ((rc = yd_asgi_new(&asgi_setup, &world.part)) < 0)
            assert_int_equal(atomic_load(&world.fm.blocks), blocks);
        world.fm.fail_at = 0;
    }
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_asgi_layer_joins_with_the_first_and_leaves_with_the_last),
        FIXTURE_TEST(test_asgi_layer_renews),
        FIXTURE_TEST(test_asgi_layer_core_is_heard_when_redis_has_replied),
        FIXTURE_TEST(test_asgi_layer_pubsub_is_heard_when_subscribed),
        FIXTURE_TEST(test_asgi_layer_sends_once_to_each_process),
        FIXTURE_TEST(test_asgi_layer_keeps_the_order),
        FIXTURE_TEST(test_asgi_layer_waits_for_room),
        FIXTURE_TEST(test_asgi_layer_has_a_bounded_queue),
        FIXTURE_TEST(test_asgi_layer_receives),
        FIXTURE_TEST(test_asgi_layer_hostile),
        FIXTURE_TEST(test_asgi_layer_capacities),
        FIXTURE_TEST(test_asgi_layer_rooms),
        FIXTURE_TEST(test_asgi_layer_no_rooms),
        FIXTURE_TEST(test_asgi_layer_pubsub_knows_its_own),
        FIXTURE_TEST(test_asgi_layer_options),
        FIXTURE_TEST(test_asgi_layer_core_without_memory),
        FIXTURE_TEST(test_asgi_layer_pubsub_without_memory),
        FIXTURE_TEST(test_asgi_layer_made_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
