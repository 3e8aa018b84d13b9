/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <yodel/history.h>
#include <yodel/sio.h>

/* Threads that send, read and forget, and others that change what is kept meanwhile. */

#define SENDERS 3
#define MESSAGES 400

static struct {
    yodel_server *server;
    yodel_channels *channels;
    yodel_sio_namespace *ns;
    atomic_bool done;
    atomic_int sent, told, kept, refused, reads, read, changes;
} world;

/* cmocka's own may be used on the main thread only. */
#define check(condition) check_it(condition, __LINE__)

static void check_it(bool condition, int line)
{
    if (condition)
        return;
    (void)fprintf(stderr, "line %d: check failed\n", line);
    abort();
}

static void on_kept(int result, const char *offset, void *user)
{
    (void)user;
    check((result == 0) == (offset != NULL));
    atomic_fetch_add(&world.told, 1);
    atomic_fetch_add(&world.kept, result == 0);
}

static void on_history(const yodel_history *history, void *user)
{
    (void)user;
    check(history->result == 0);
    atomic_fetch_add(&world.read, 1);
}

static void note(int rc, atomic_int *counter)
{
    check(rc == 0 || rc == YODEL_ERR_UNSUPPORTED || rc == YODEL_ERR_CONGESTED);
    atomic_fetch_add(rc == 0 ? counter : &world.refused, 1);
}

static void *send_all(void *arg)
{
    const yodel_bytes data = {(const uint8_t *)"x", 1};

    for (unsigned i = 0; i < MESSAGES; i++) {
        note(yodel_group_send_told(world.channels, "room:x:1", YODEL_WS_TEXT, data, on_kept, NULL),
             &world.sent);
        note(yodel_sio_emit_kept_told(world.ns, "lobby", "e", NULL, on_kept, NULL), &world.sent);
        note(yodel_group_history(world.channels, "room:x:1", NULL, 0, on_history, NULL),
             &world.reads);
        if (i % 20 == 0)
            note(yodel_group_forget_history(world.channels, "/#lobby", on_history, NULL),
                 &world.reads);
    }
    return arg;
}

static void *change_all(void *arg)
{
    const yodel_history_options plain = {.size = sizeof plain, .max_messages = 3};
    const yodel_history_options events = {.size = sizeof events, .sio_events = 1};
    const yodel_history_rule rules[] = {
        {"room:*:1", NULL, &plain}, {"l*y", "*", &events}, {"*", "*", NULL}};

    for (size_t i = 0; !atomic_load(&world.done); i++) {
        check(yodel_channels_set_history(world.channels, &rules[i % 2], i % 3) == 0);
        check(yodel_channels_set_history(world.channels, rules, 3) == 0);
        atomic_fetch_add(&world.changes, 1);
    }
    return arg;
}

static void *run_server(void *arg)
{
    check(yodel_server_run(world.server) == 0);
    return arg;
}

static void test_rules_change_under_threads(void **state)
{
    pthread_t server, senders[SENDERS], changers[2];
    yodel_sio *sio;

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 3), &world.server), 0);
    assert_int_equal(yodel_channels_new_memory(world.server, &world.channels), 0);
    assert_int_equal(yodel_sio_new(world.server,
                                   YODEL_OPTIONS(yodel_sio_options, .channels = world.channels),
                                   &sio),
                     0);
    assert_int_equal(yodel_sio_of(sio, "/", &world.ns), 0);
    assert_int_equal(pthread_create(&server, NULL, run_server, NULL), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&changers[i], NULL, change_all, NULL), 0);
    while (atomic_load(&world.changes) == 0)
        (void)sched_yield();
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&senders[i], NULL, send_all, NULL), 0);
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(senders[i], NULL), 0);
    atomic_store(&world.done, true);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(changers[i], NULL), 0);
    assert_int_equal(yodel_sio_emit_kept_told(world.ns, "lobby", "e", NULL, on_kept, NULL), 0);
    atomic_fetch_add(&world.sent, 1);
    yodel_server_stop(world.server, 1000);
    assert_int_equal(pthread_join(server, NULL), 0);
    yodel_channels_unref(world.channels);
    yodel_sio_unref(sio);
    yodel_server_unref(world.server);
    assert_int_equal(world.told, world.sent);
    assert_int_equal(world.read, world.reads);
    assert_true(world.kept > 0 && world.changes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_change_under_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
