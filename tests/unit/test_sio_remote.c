/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "failmem.h"
#include "sio/remote.h"
#include "sio_sim.h"

/*
 * Two services and an adapter between them that has no wire: what one sends is read by
 * yd_sio_read_op(), and made again by names in the other, as adapters for Redis do.
 */

#define LOOPS 2

struct process;

struct request {
    struct yd_sio_remote_asker asker;
    struct process *from; /* who asked */
    uint64_t token;
    enum yd_sio_remote_kind kind;
};

struct process {
    struct sio_sim sim;
    struct failmem fm;
    struct yd_peer peer;
    struct sio_client clients[LOOPS];
    struct process *other;
};

static struct {
    struct process processes[2];
    char told[1024];
    unsigned counted;
    bool no_end; /* the part of an ask is not closed */
} world;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
    size_t len = strlen(world.told);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(world.told + len, sizeof world.told - len, format, args);
    va_end(args);
}

static void expect_told(const char *text)
{
    assert_string_equal(world.told, text);
    world.told[0] = '\0';
}

/* ---- answers ---- */

static void add_result(struct request *request, struct yd_buf *buf)
{
    struct process *to = request->from;

    assert_int_equal(yd_bus_add_result(&to->sim.bus, &to->peer, request->token,
                                       (yodel_bytes){buf->ptr, buf->len}),
                     0);
    yd_buf_free(&to->fm.mem, buf);
}

static void on_counted(struct yd_sio_remote_asker *asker, unsigned num)
{
    world.counted += num;
}

static void on_answered(struct yd_sio_remote_asker *asker, yodel_str element,
                        const yodel_bytes *attachments, uint32_t num)
{
    struct request *request = yd_container_of(asker, struct request, asker);
    struct yd_buf buf = {0};

    assert_int_equal(
        yd_sio_put_answers(&request->from->fm.mem, &buf, false, element, attachments, num), 0);
    add_result(request, &buf);
}

static void put_fetched(struct request *request, struct yd_ask *ask)
{
    const struct yodel_allocator *mem = &request->from->fm.mem;
    struct yd_buf array = {0}, buf = {0};
    yodel_str inside;

    assert_int_equal(yd_sio_remote_fetched(ask, request->kind, &array), 0);
    inside = (yodel_str){(char *)array.ptr + 1, array.len - 2};
    if (request->kind == YD_SIO_REMOTE_SOCKETS)
        assert_int_equal(yd_sio_put_sockets(mem, &buf, inside), 0);
    else
        assert_int_equal(yd_sio_put_room_names(mem, &buf, inside), 0);
    yd_buf_free(&request->from->other->fm.mem, &array);
    add_result(request, &buf);
}

static void on_end(struct yd_asker *asker, struct yd_ask *ask, unsigned missing)
{
    struct request *request = yd_container_of(asker, struct request, asker.asker);
    struct process *to = request->from;

    if (ask != NULL &&
        (request->kind == YD_SIO_REMOTE_SOCKETS || request->kind == YD_SIO_REMOTE_ROOMS))
        put_fetched(request, ask);
    if (!world.no_end)
        yd_bus_close_part(&to->sim.bus, &to->peer, request->token, missing, missing != 0);
    free(request);
}

/* ---- the adapter ---- */

static int make_op(struct process *to, yodel_sio_namespace *ns, const struct yd_sio_outgoing *out,
                   struct yd_sio_remote_asker *asker, struct yd_op **op)
{
    yodel_str rooms[8], except[8], names[8];
    struct yd_sio_remote_scope scope = {rooms, out->num_rooms, except, out->num_except, out->flags};
    struct yd_sio_remote_words words = {.event = out->event,
                                        .elements = out->elements,
                                        .attachments = out->attachments,
                                        .num_attachments = out->num_attachments};
    size_t at = 0, num = 0;

    for (size_t i = 0; i < out->num_rooms; i++)
        rooms[i] = yd_sio_out_room(out, i);
    for (size_t i = 0; i < out->num_except; i++)
        except[i] = yd_sio_out_except(out, i);
    switch (out->kind) {
    case YD_SIO_REMOTE_EMIT:
        return yd_sio_remote_emit(ns, &scope, &words, out->timeout_ms, asker, op);
    case YD_SIO_REMOTE_JOIN:
    case YD_SIO_REMOTE_LEAVE:
        while (yd_sio_out_next_name(out, &at, &names[num]))
            num++;
        return yd_sio_remote_rooms(ns, out->kind, &scope, names, num, op);
    case YD_SIO_REMOTE_DISCONNECT:
        return yd_sio_remote_disconnect(ns, &scope, out->close, op);
    case YD_SIO_REMOTE_SERVER:
        return yd_sio_remote_server_event(ns, &words, asker, op);
    default:
        return yd_sio_remote_fetch(ns, out->kind, &scope, op);
    }
}

static bool takes(struct yd_peer *peer, const struct yd_op *op)
{
    struct process *from = yd_container_of(peer, struct process, peer);
    struct yd_sio_outgoing out;

    return yd_sio_is_op_of(from->sim.sio, op) && yd_sio_read_op(op, &out);
}

static int encode(struct yd_peer *peer, const struct yd_op *op, uint64_t token, struct yd_buf *buf)
{
    return 0;
}

static int send(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    struct process *from = yd_container_of(peer, struct process, peer);
    struct request *request = NULL;
    yodel_sio_namespace *ns;
    struct yd_sio_outgoing out;
    struct yd_op *made;
    int rc;

    assert_true(yd_sio_read_op(op, &out));
    if ((ns = yd_sio_remote_find(from->other->sim.sio, out.ns)) == NULL)
        return YODEL_ERR_NOT_FOUND;
    if (out.wants_reply) {
        request = calloc(1, sizeof *request);
        *request =
            (struct request){{{on_end}, on_counted, on_answered, false}, from, token, out.kind};
    }
    rc = make_op(from->other, ns, &out, request != NULL ? &request->asker : NULL, &made);
    yd_sio_remote_unref(ns);
    if (rc < 0)
        free(request);
    else
        (void)yd_bus_inject(made, request != NULL ? &request->asker.asker : NULL);
    return rc;
}

static const struct yd_peer_ops peer_ops = {.takes = takes, .encode = encode, .send = send};

/* ---- the world ---- */

static void on_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event, void *user)
{
    yodel_sio_server_ack *ack = yodel_sio_server_event_ack(event);
    yodel_str name = yodel_sio_server_event_name(event);
    const yodel_sio_args *args = yodel_sio_server_event_args(event);
    int number = -1;

    (void)yodel_sio_server_event_unpack(event, "i", &number);
    tell("%.*s %.*s %d%s;", (int)name.len, name.ptr, (int)args->json.len, args->json.ptr, number,
         ack != NULL ? " ack" : "");
    assert_null(yodel_sio_server_event_ack(event));
    if (number >= 0)
        assert_int_equal(yodel_sio_server_ack_answer(ack, "i", number + 1), 0);
    if (number >= 0 && ack != NULL)
        assert_int_equal(yodel_sio_server_ack_answer_args(ack, NULL), YODEL_ERR_STATE);
    assert_null(yodel_sio_server_ack_unref(ack));
}

static void run(void)
{
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 2; j++)
            sio_sim_run(&world.processes[j].sim);
}

static void advance(uint64_t ms)
{
    for (int j = 0; j < 2; j++)
        sio_sim_advance(&world.processes[j].sim, ms);
    run();
}

static void start(void)
{
    memset(&world, 0, sizeof world);
    for (unsigned i = 0; i < 2; i++) {
        struct process *process = &world.processes[i];

        failmem_init(&process->fm, 0);
        process->other = &world.processes[1 - i];
        assert_int_equal(sio_sim_start(&process->sim, &process->fm.mem, LOOPS, NULL), 0);
        process->peer.ops = &peer_ops;
        assert_int_equal(yd_bus_add_peer(&process->sim.bus, &process->peer), 0);
        yd_sio_set_own_form(process->sim.sio);
        assert_int_equal(yodel_sio_namespace_handle(
                             process->sim.ns,
                             YODEL_OPTIONS(yodel_sio_handlers, .on_server_event = on_server_event),
                             NULL),
                         0);
        for (unsigned j = 0; j < LOOPS; j++)
            sio_sim_connect(&process->sim, j, &process->clients[j]);
    }
}

static void stop(void)
{
    for (unsigned i = 0; i < 2; i++)
        sio_sim_stop(&world.processes[i].sim);
    for (unsigned i = 0; i < 2; i++)
        failmem_assert_empty(&world.processes[i].fm);
}

static void expect_all(const char *packet, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        for (unsigned j = 0; j < LOOPS; j++)
            sio_sim_expect(&world.processes[i].clients[j], packet);
}

static yodel_sio_target here(void)
{
    return yodel_sio_to_all(world.processes[0].sim.ns);
}

/* ---- the tests ---- */

static void test_sio_remote_emit_rooms_except(void **state)
{
    struct sio_client *far = world.processes[1].clients;
    const char *ids[] = {far[0].sid, NULL};

    start();
    assert_int_equal(yodel_sio_emit(here(), "a", "si", "x", 1), 0);
    run();
    expect_all("2[\"a\",\"x\",1]", 0, 2);
    assert_int_equal(yodel_sio_target_join(here(), YODEL_ROOMS("r", "")), 0);
    run();
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.processes[0].sim.ns, "r"), "b", ""), 0);
    run();
    expect_all("2[\"b\"]", 0, 2);
    assert_int_equal(yodel_sio_emit(yodel_sio_target_except(here(), ids), "c", ""), 0);
    run();
    expect_all("2[\"c\"]", 0, 1);
    sio_sim_expect_nothing(&far[0]);
    sio_sim_expect(&far[1], "2[\"c\"]");
    assert_int_equal(yodel_sio_target_leave(here(), YODEL_ROOMS("r")), 0);
    run();
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.processes[0].sim.ns, "r"), "d", ""), 0);
    assert_int_equal(
        yodel_sio_emit(yodel_sio_to_rooms(world.processes[0].sim.ns, YODEL_ROOMS("", "r")), "e",
                       ""),
        0);
    assert_int_equal(
        yodel_sio_emit(yodel_sio_to_rooms(world.processes[0].sim.ns, (const char *const[]){NULL}),
                       "nobody", ""),
        0);
    assert_int_equal(yodel_sio_emit(yodel_sio_target_with(here(), YODEL_SIO_LOCAL), "f", ""), 0);
    run();
    expect_all("2[\"e\"]", 0, 2);
    expect_all("2[\"f\"]", 0, 1);
    sio_sim_expect_nothing(&far[0]);
    assert_int_equal(
        yodel_sio_target_disconnect(yodel_sio_to_room(world.processes[0].sim.ns, ""), 0), 0);
    run();
    expect_all("1", 0, 2);
    stop();
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    tell("%d %u %.*s;", answers->result, answers->missing, (int)answers->json.len,
         answers->json.ptr);
}

static void test_sio_remote_acknowledgements_come_one_by_one(void **state)
{
    start();
    assert_int_equal(
        yodel_sio_emit_ack(yodel_sio_target_timeout(here(), 1000), "q", NULL, on_answers, NULL), 0);
    run();
    expect_all("20[\"q\"]", 0, 2);
    assert_int_equal(world.counted, LOOPS);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < LOOPS; j++) {
            char text[32];

            (void)snprintf(text, sizeof text, "30[%u,9]", i * 10 + j);
            expect_told("");
            sio_sim_say(&world.processes[i].clients[j], text);
            run();
        }
    expect_told("0 0 [0,1,10,11];");
    stop();
}

/* One does not answer, one leaves: what came counts. */
static void test_sio_remote_acknowledgements_that_are_missing(void **state)
{
    start();
    assert_int_equal(
        yodel_sio_emit_ack(yodel_sio_target_timeout(here(), 1000), "q", NULL, on_answers, NULL), 0);
    run();
    sio_sim_say(&world.processes[0].clients[0], "30[1]");
    sio_sim_say(&world.processes[1].clients[1], "30[]");
    sio_sim_leave(&world.processes[0].clients[1]);
    run();
    expect_told("");
    advance(1100);
    assert_true(strstr(world.told, " [1,null];") != NULL ||
                strstr(world.told, " [null,1];") != NULL);
    stop();
}

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    tell("%d %u %zu;", sockets->result, sockets->missing, json_array_size(sockets->json));
}

static void on_counts(const yodel_sio_sockets *sockets, void *user)
{
    tell("%d", sockets->result);
    for (size_t i = 0; i < json_array_size(sockets->json); i++) {
        const json_t *room = json_array_get(sockets->json, i);

        tell(" %s=%d", json_string_value(json_object_get(room, "name")),
             (int)json_integer_value(json_object_get(room, "count")));
    }
    tell(";");
}

static void test_sio_remote_fetches(void **state)
{
    start();
    assert_int_equal(yodel_sio_target_join(here(), YODEL_ROOMS("r", "\"q\"")), 0);
    run();
    assert_int_equal(yodel_sio_target_fetch(here(), on_sockets, NULL), 0);
    run();
    expect_told("0 0 4;");
    assert_int_equal(yodel_sio_namespace_fetch_rooms(world.processes[0].sim.ns, on_sockets, NULL),
                     0);
    run();
    expect_told("0 0 6;"); /* those two, and four of ids */
    assert_int_equal(
        yodel_sio_namespace_fetch_room_counts(world.processes[0].sim.ns, on_counts, NULL), 0);
    run();
    expect_told("0 r=4 \"q\"=4;");
    world.no_end = true;
    assert_int_equal(yodel_sio_target_fetch(here(), on_sockets, NULL), 0);
    run();
    expect_told("");
    advance(10100);
    assert_true(strstr(world.told, " 1 4;") != NULL);
    stop();
}

static void test_sio_remote_server_side_events(void **state)
{
    yodel_sio_namespace *ns = world.processes[0].sim.ns;
    const yodel_sio_args args = {.size = sizeof args, .json = YODEL_STR("[7]")};

    start();
    ns = world.processes[0].sim.ns;
    assert_int_equal(yodel_sio_server_side_emit(ns, "hello", "is", 3, "x"), 0);
    assert_int_equal(yodel_sio_server_side_emit_args(ns, "hi", NULL), 0);
    run();
    expect_told("hello [3,\"x\"] 3;hi [] -1;");
    assert_int_equal(yodel_sio_server_side_emit_ack(ns, "q", &args, 0, on_answers, NULL), 0);
    run();
    expect_told("q [7] 7 ack;0 0 [8];");
    assert_int_equal(yodel_sio_server_side_emit_ack(ns, "q", NULL, 0, on_answers, NULL), 0);
    run();
    assert_true(strstr(world.told, "q [] -1 ack;") == world.told);
    assert_true(strstr(world.told, " 1 [];") != NULL);
    assert_int_equal(yodel_sio_server_side_emit(ns, "disconnect", ""), YODEL_ERR_NAME);
    stop();
}

/* A namespace that the other has not is no error of either. */
static void test_sio_remote_unknown_namespace(void **state)
{
    yodel_sio_namespace *ns;

    start();
    ns = sio_sim_of(world.processes[0].sim.sio, "/only");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns), "a", ""), 0);
    assert_int_equal(yodel_sio_target_fetch(yodel_sio_to_all(ns), on_sockets, NULL), 0);
    run();
    assert_true(strstr(world.told, " 1 0;") != NULL);
    assert_null(yd_sio_remote_find(world.processes[1].sim.sio, YODEL_STR("/only")));
    stop();
}

static void count_change(struct yd_sio_watcher *watcher)
{
    world.counted++;
}

static void count_ns(yodel_sio_namespace *ns, void *user)
{
    tell("%s ", yodel_sio_namespace_name(ns).ptr);
}

static void test_sio_remote_watches_namespaces(void **state)
{
    struct yd_sio_watcher watcher = {.changed = count_change};
    yodel_sio *sio;

    start();
    sio = world.processes[0].sim.sio;
    yd_sio_watch(sio, &watcher);
    assert_non_null(sio_sim_of_pattern(sio, "/c[0-9]"));
    assert_int_equal(world.counted, 0);
    sio_sim_join(&world.processes[0].clients[0], "/c1", "");
    assert_int_equal(world.counted, 1);
    assert_int_equal(yd_sio_remote_each(sio, count_ns, NULL), 0);
    assert_true(strstr(world.told, "/c1 ") != NULL);
    assert_true(strstr(world.told, "/ ") != NULL);
    sio_sim_say(&world.processes[0].clients[0], "1/c1,");
    assert_int_equal(world.counted, 2);
    assert_int_equal(yodel_sio_target_join(here(), YODEL_ROOMS("r")), 0);
    run();
    assert_true(yd_sio_remote_has_room(world.processes[0].sim.ns, YODEL_STR("r")));
    assert_false(yd_sio_remote_has_room(world.processes[0].sim.ns, YODEL_STR("x")));
    assert_true(yd_sio_remote_has_room(world.processes[0].sim.ns,
                                       yodel_str_of(world.processes[0].clients[0].sid)));
    yd_sio_unwatch(sio, &watcher);
    assert_non_null(sio_sim_of(sio, "/more"));
    assert_int_equal(world.counted, 2);
    stop();
}

static void test_sio_remote_refuses_what_cannot_be_said(void **state)
{
    static const yodel_bytes data = {(const uint8_t *)"x", 1};
    const struct yd_sio_remote_scope all = {.flags = 0};
    struct yd_sio_remote_words words = {.event = YODEL_STR("disconnect")};
    yodel_sio_namespace *ns;
    struct yd_op *op;

    start();
    ns = world.processes[0].sim.ns;
    assert_int_equal(yd_sio_remote_emit(ns, &all, &words, 0, NULL, &op), YODEL_ERR_PROTOCOL);
    words = (struct yd_sio_remote_words){
        .event = YODEL_STR("e"),
        .elements = YODEL_STR("{\"_placeholder\":true,\"num\":1}"),
        .attachments = &data,
        .num_attachments = 1,
    };
    assert_int_equal(yd_sio_remote_emit(ns, &all, &words, 0, NULL, &op), YODEL_ERR_PROTOCOL);
    words.num_attachments = 11;
    assert_int_equal(yd_sio_remote_emit(ns, &all, &words, 0, NULL, &op), YODEL_ERR_PROTOCOL);
    stop();
}

/* All of an operation is made, or nothing is. */
static void test_sio_remote_out_of_memory(void **state)
{
    const yodel_str names[] = {YODEL_STR("a"), YODEL_STR("b\0c"), YODEL_STR("d")};
    const struct yd_sio_remote_scope scope = {names, 3, names, 1, 0};
    const struct yd_sio_remote_words words = {.event = YODEL_STR("e"), .elements = YODEL_STR("1")};

    for (unsigned what = 0; what < 5; what++)
        for (size_t n = 1;; n++) {
            struct request *request = calloc(1, sizeof *request);
            struct process *process;
            yodel_sio_namespace *ns;
            struct yd_op *op;
            bool failed;
            int rc;

            start();
            process = &world.processes[0];
            *request = (struct request){
                {{on_end}, on_counted, on_answered, false}, &world.processes[1], 1, 0};
            world.no_end = true;
            ns = process->sim.ns;
            process->fm.fail_at = process->fm.calls + n;
            if (what == 0)
                rc = yd_sio_remote_emit(ns, &scope, &words, 10, &request->asker, &op);
            else if (what == 1)
                rc = yd_sio_remote_rooms(ns, YD_SIO_REMOTE_JOIN, &scope, names, 3, &op);
            else if (what == 2)
                rc = yd_sio_remote_disconnect(ns, &scope, false, &op);
            else if (what == 3)
                rc = yd_sio_remote_fetch(ns, YD_SIO_REMOTE_ROOMS, &scope, &op);
            else
                rc = yd_sio_remote_server_event(ns, &words, &request->asker, &op);
            failed = failmem_has_failed(&process->fm);
            process->fm.fail_at = 0;
            assert_int_equal(rc, failed ? -ENOMEM : 0);
            if (rc == 0)
                (void)yd_bus_inject(op, &request->asker.asker);
            else
                free(request);
            run();
            stop();
            if (!failed)
                break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_remote_emit_rooms_except),
        cmocka_unit_test(test_sio_remote_acknowledgements_come_one_by_one),
        cmocka_unit_test(test_sio_remote_acknowledgements_that_are_missing),
        cmocka_unit_test(test_sio_remote_fetches),
        cmocka_unit_test(test_sio_remote_server_side_events),
        cmocka_unit_test(test_sio_remote_unknown_namespace),
        cmocka_unit_test(test_sio_remote_watches_namespaces),
        cmocka_unit_test(test_sio_remote_refuses_what_cannot_be_said),
        cmocka_unit_test(test_sio_remote_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
