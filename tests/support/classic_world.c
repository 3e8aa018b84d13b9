/* SPDX-License-Identifier: MIT */
#include "classic_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/msgpack_json.h"

struct world world;

/* ---- what is published ---- */

static void keep(const yodel_str *argv)
{
    struct published *published = &world.list[world.num++];

    assert_true(world.num < sizeof world.list / sizeof world.list[0]);
    (void)snprintf(published->channel, sizeof published->channel, "%.*s", (int)argv[1].len,
                   argv[1].ptr);
    assert_int_equal(yd_buf_append(&yd_mem_default, &published->bytes, argv[2].ptr, argv[2].len),
                     0);
}

static bool on_command(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                       const yodel_str *argv)
{
    char text[32];

    if (argc == 3 && yodel_str_eq(argv[0], YODEL_STR("PUBLISH")))
        keep(argv);
    if (world.num_servers < 0 || !yodel_str_eq(argv[0], YODEL_STR("PUBSUB")))
        return false;
    redis_sim_say(sim, conn, "*2");
    redis_sim_say_bulk(sim, conn, argv[2].ptr, argv[2].len);
    (void)snprintf(text, sizeof text, ":%d", world.num_servers);
    redis_sim_say(sim, conn, text);
    return true;
}

static const char *uid(void)
{
    return ((struct yd_classic *)world.part)->uid;
}

/* The adapter's uid is "@", and what follows it of an id of a request "#". */
static void hide_uid(const char *from, char *to)
{
    while (*from != '\0') {
        if (strncmp(from, uid(), YD_CLASSIC_UID_LEN) != 0) {
            *to++ = *from++;
            continue;
        }
        *to++ = '@';
        if (from[YD_CLASSIC_UID_LEN] != '"') {
            (void)snprintf(world.request, sizeof world.request, "%.*s", YD_CLASSIC_REQUEST_LEN,
                           from);
            from += YD_CLASSIC_REQUEST_LEN - YD_CLASSIC_UID_LEN;
            *to++ = '#';
        }
        from += YD_CLASSIC_UID_LEN;
    }
    *to = '\0';
}

const char *world_published(const char *channel)
{
    struct yd_msgpack_blobs blobs = {(yodel_bytes[8]){{NULL, 0}}, 0, 8};
    struct yd_buf json = {0};
    const struct published *published;
    yodel_bytes rest;

    if (world.taken == world.num)
        return NULL;
    published = &world.list[world.taken++];
    assert_string_equal(published->channel, channel);
    rest = (yodel_bytes){published->bytes.ptr, published->bytes.len};
    if (rest.ptr[0] == '{')
        assert_int_equal(yd_buf_append(&yd_mem_default, &json, rest.ptr, rest.len), 0);
    else
        assert_int_equal(yd_msgpack_to_json(&yd_mem_default, &rest, 20, &json, &blobs), 0);
    assert_int_equal(yd_buf_append(&yd_mem_default, &json, "", 1), 0);
    hide_uid((const char *)json.ptr, world.text);
    yd_buf_free(&yd_mem_default, &json);
    return world.text;
}

void world_expect_published(const char *channel, const char *json)
{
    const char *text = world_published(channel);

    assert_non_null(text);
    assert_string_equal(text, json);
}

void world_expect_nothing_published(void)
{
    assert_int_equal(world.taken, world.num);
}

/* ---- what others say ---- */

void world_say_bytes(const char *channel, yodel_bytes payload)
{
    redis_sim_publish_bytes(&world.redis_sim, channel, payload);
    world_run();
}

void world_say(const char *channel, const char *payload)
{
    world_say_bytes(channel, (yodel_bytes){(const uint8_t *)payload, strlen(payload)});
}

void world_say_packed(const char *channel, const char *json)
{
    struct yd_buf packed = {0};

    assert_int_equal(yd_msgpack_put_json(&yd_mem_default, &packed, yodel_str_of(json), NULL, 0), 0);
    world_say_bytes(channel, (yodel_bytes){packed.ptr, packed.len});
    yd_buf_free(&yd_mem_default, &packed);
}

void world_answer(const char *channel, const char *format, bool packed)
{
    const char *mark = strstr(format, "%s");
    char text[2000];

    assert_non_null(mark);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - format), format, world.request,
                   mark + 2);
    if (packed)
        world_say_packed(channel, text);
    else
        world_say(channel, text);
}

static size_t list_of(const char *const *names, yodel_str ret_list[8])
{
    size_t num = 0;

    for (; names != NULL && names[num] != NULL; num++)
        ret_list[num] = yodel_str_of(names[num]);
    return num;
}

void world_broadcast(const char *channel, const char *nsp, const char *event,
                     const char *const *rooms, const char *const *except)
{
    yodel_str room_list[8], except_list[8];
    struct yd_sio_outgoing out = {.kind = YD_SIO_REMOTE_EMIT,
                                  .ns = yodel_str_of(nsp),
                                  .rooms = room_list,
                                  .num_rooms = list_of(rooms, room_list),
                                  .except = except_list,
                                  .num_except = list_of(except, except_list),
                                  .event = yodel_str_of(event)};
    struct yd_buf buf = {0};

    assert_int_equal(yd_classic_put_emit(&yd_mem_default, &buf, OTHER, (yodel_str){NULL, 0}, &out),
                     0);
    world_say_bytes(channel, (yodel_bytes){buf.ptr, buf.len});
    yd_buf_free(&yd_mem_default, &buf);
}

/* ---- what is seen ---- */

void world_expect_all(const char *packet)
{
    for (unsigned i = 0; i < LOOPS; i++)
        sio_sim_expect(&world.clients[i], packet);
}

void world_expect_nothing(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        sio_sim_expect_nothing(&world.clients[i]);
}

yodel_sio_target world_all(void)
{
    return yodel_sio_to_all(world.sim.ns);
}

void world_join(unsigned client, const char *room)
{
    yodel_sio_target target = yodel_sio_to_room(world.sim.ns, world.clients[client].sid);

    assert_int_equal(yodel_sio_target_join(yodel_sio_target_with(target, YODEL_SIO_LOCAL),
                                           (const char *[]){room, NULL}),
                     0);
    world_run();
}

unsigned world_malformed(void)
{
    yodel_redis_stats stats = {.size = sizeof stats};

    assert_int_equal(yodel_redis_get_stats(world.redis, &stats), 0);
    return (unsigned)stats.malformed;
}

static void note(int result, unsigned missing, yodel_str json)
{
    world.answers++;
    world.result = result;
    world.missing = missing;
    (void)snprintf(world.json, sizeof world.json, "%.*s", (int)json.len, json.ptr);
}

void world_on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    char text[sizeof world.json] = "";
    size_t len = 0;

    (void)user;
    if (sockets->json != NULL)
        len = json_dumpb(sockets->json, text, sizeof text, JSON_COMPACT);
    assert_true(len < sizeof text);
    note(sockets->result, sockets->missing, (yodel_str){text, len});
}

void world_on_answers(const yodel_sio_answers *answers, void *user)
{
    (void)user;
    note(answers->result, answers->missing, answers->json);
}

static void on_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event, void *user)
{
    yodel_str name = yodel_sio_server_event_name(event);
    const yodel_sio_args *args = yodel_sio_server_event_args(event);

    (void)ns;
    (void)user;
    world.events++;
    (void)snprintf(world.json, sizeof world.json, "%.*s %.*s", (int)name.len, name.ptr,
                   (int)args->json.len, args->json.ptr);
    yodel_sio_server_ack_unref(world.ack);
    world.ack = yodel_sio_server_event_ack(event);
}

/* ---- life ---- */

void world_run(void)
{
    do
        sio_sim_run(&world.sim);
    while (redis_sim_serve(&world.redis_sim));
}

void world_advance(uint64_t ms)
{
    world_run();
    for (uint64_t at = 0; at < ms; at += 10) {
        sio_sim_advance(&world.sim, 10);
        world_run();
    }
}

static void end_part(void)
{
    if (world.part != NULL) {
        world.part->ops->end(world.part);
        world.part->ops->free(world.part);
    }
    yodel_redis_unref(world.redis);
    yodel_sio_unref(world.sio);
}

static void begin_here(struct sio_sim *sim, void *arg)
{
    (void)arg;
    yd_redis_begin(world.redis);
    world.part->ops->begin(world.part, sim->base.loops[0]);
}

static bool start_adapter(const yodel_sio_redis_options *given)
{
    struct yd_redis_env env = {.loop = world.sim.base.loops[0],
                               .mem = &world.fm.mem,
                               .log = &world.sim.base.sink,
                               .secret = {1, 2}};
    yodel_sio_redis_options options = {
        .size = sizeof options, .prefix = "socket.io", .max_requests = 10};
    struct yd_adapter_setup setup = {.mem = &world.fm.mem, .options = &options};
    int rc;

    if (given != NULL) {
        options.answer_one = given->answer_one;
        if (given->prefix != NULL)
            options.prefix = given->prefix;
    }
    world.sio = yodel_sio_ref(world.sim.sio);
    if ((rc = yd_redis_new(&env, NULL, &world.redis)) < 0) {
        assert_int_equal(rc, -ENOMEM);
        return false;
    }
    setup.sio = world.sio;
    setup.redis = world.redis;
    if ((rc = yd_classic_new(&setup, &world.part)) < 0) {
        assert_int_equal(rc, -ENOMEM);
        return false;
    }
    yd_sio_set_own_form(world.sio);
    return true;
}

bool world_start(const yodel_sio_redis_options *options, size_t fail_at)
{
    memset(&world, 0, sizeof world);
    world.num_servers = -1;
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, LOOPS, NULL), 0);
    world.sim.at_end = end_part;
    assert_int_equal(yodel_sio_namespace_handle(
                         world.sim.ns,
                         YODEL_OPTIONS(yodel_sio_handlers, .on_server_event = on_server_event),
                         NULL),
                     0);
    redis_sim_start(&world.redis_sim, world.sim.base.loops[0]);
    world.redis_sim.on_command = on_command;
    world.fm.calls = 0;
    world.fm.fail_at = fail_at;
    if (!start_adapter(options))
        return false;
    sio_sim_on_loop(&world.sim, 0, begin_here, NULL);
    world_run();
    world_advance(50);
    return true;
}

void world_begin(void)
{
    assert_true(world_start(NULL, 0));
    for (unsigned i = 0; i < LOOPS; i++)
        sio_sim_connect(&world.sim, i, &world.clients[i]);
    world_run();
}

static void abandon_here(struct sio_sim *sim, void *arg)
{
    (void)sim;
    (void)arg;
    yd_redis_abandon(world.redis);
}

void world_stop(void)
{
    world.fm.fail_at = 0;
    yodel_sio_server_ack_unref(world.ack);
    if (world.redis != NULL) {
        sio_sim_on_loop(&world.sim, 0, abandon_here, NULL);
        world_advance(100);
    }
    redis_sim_stop(&world.redis_sim);
    sio_sim_stop(&world.sim);
    for (unsigned i = 0; i < world.num; i++)
        yd_buf_free(&yd_mem_default, &world.list[i].bytes);
    failmem_assert_empty(&world.fm);
}
