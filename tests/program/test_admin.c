/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin_sessions.h"
#include "admin/describe.h"
#include "admin/guesses.h"
#include "admin/hide.h"
#include "admin/looker.h"
#include "failing.h"

/* The parts of the admin page that need no server. */

/* ---- guesses ---- */

static struct yg_guesses guesses;

static int set_up_guesses(void **state)
{
    yg_guesses_init(&guesses, 5, 60000);
    return 0;
}

static int tear_down_guesses(void **state)
{
    yg_guesses_done(&guesses);
    return 0;
}

static unsigned take_all(const char *peer, uint64_t now_ms)
{
    unsigned num = 0;

    while (num < 100 && yg_guesses_take(&guesses, yodel_str_of(peer), now_ms))
        num++;
    return num;
}

static void test_guesses_of_an_address(void **state)
{
    assert_int_equal(take_all("192.0.2.1:1000", 1000), 5);
    assert_int_equal(take_all("192.0.2.1:2000", 60999), 0);
    assert_int_equal(take_all("192.0.2.2:1000", 2000), 5);
    assert_int_equal(take_all("192.0.2.1:1000", 61000), 5);
    /* One that was right is no guess. */
    yg_guesses_return(&guesses, YODEL_STR("192.0.2.1:7"));
    assert_int_equal(take_all("192.0.2.1:1000", 61000), 1);
    yg_guesses_return(&guesses, YODEL_STR("198.51.100.1:7"));
}

static void test_guesses_by_network(void **state)
{
    assert_int_equal(take_all("[2001:db8::1]:1000", 1), 5);
    assert_int_equal(take_all("[2001:db8::ffff:2]:1", 1), 0);
    assert_int_equal(take_all("[2001:db8:0:1::1]:1", 1), 5);
    assert_int_equal(take_all("[::ffff:192.0.2.9]:1", 1), 5);
    assert_int_equal(take_all("192.0.2.9:1", 1), 0);
    assert_int_equal(take_all("", 1), 5);
    assert_int_equal(take_all("unix", 1), 0);
}

static void test_guesses_of_many(void **state)
{
    char peer[40];

    for (unsigned i = 0; i < 3 * YG_GUESS_ADDRESSES; i++) {
        snprintf(peer, sizeof peer, "10.0.%u.%u:1", i / 256, i % 256);
        assert_int_equal(take_all(peer, i), 5);
    }
}

/* ---- sessions ---- */

static void test_sessions_end(void **state)
{
    static struct yg_sessions sessions;
    char id[YG_SESSION_SIZE], hash[YG_SESSION_HASH_SIZE], first[YG_SESSION_HASH_SIZE];

    yg_sessions_init(&sessions);
    assert_int_equal(yg_session_make(id), 0);
    assert_int_equal(strlen(id), 32);
    yg_session_hash(yodel_str_of(id), "admin", "$2b$", first);
    assert_false(yg_sessions_has(&sessions, first, 5));
    yg_sessions_add(&sessions, first, 5);
    assert_true(yg_sessions_has(&sessions, first, 5));
    assert_true(yg_sessions_has(&sessions, first, YG_SESSION_MS + 4));
    assert_false(yg_sessions_has(&sessions, first, YG_SESSION_MS + 5));
    /* It is that of one user, and of one password. */
    yg_session_hash(yodel_str_of(id), "admin", "$2b$", hash);
    assert_string_equal(hash, first);
    yg_session_hash(yodel_str_of(id), "admin", "$2y$", hash);
    assert_string_not_equal(hash, first);
    yg_session_hash(yodel_str_of(id), "admin$", "2b$", hash);
    assert_string_not_equal(hash, first);
    /* When there are too many the one that ends first goes. */
    for (unsigned i = 0; i < YG_SESSIONS; i++) {
        assert_int_equal(yg_session_make(id), 0);
        yg_session_hash(yodel_str_of(id), "admin", "$2b$", hash);
        yg_sessions_add(&sessions, hash, 10 + i);
    }
    assert_false(yg_sessions_has(&sessions, first, 10));
    assert_true(yg_sessions_has(&sessions, hash, 10));
    yg_sessions_done(&sessions);
}

/* ---- what is hidden ---- */

static json_t *read_json(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static void test_hide_secrets(void **state)
{
    static const char *const names[] = {"x-colour", "Mine"};
    const struct yg_texts listed = {names, 2};
    json_t *handshake = read_json(
        "{\"headers\":{\"cookie\":\"a\",\"authorization\":\"b\",\"proxy-authorization\":\"c\","
        "\"x-csrf-token\":\"d\",\"x-colour\":\"e\",\"x-api-key\":\"f\",\"host\":\"h\","
        "\"referer\":\"http://h/p?key=g&x\"},\"query\":{\"EIO\":\"4\",\"mine\":\"i\","
        "\"access_token\":\"j\"},\"url\":\"/socket.io/?EIO=4&mine=i&access%5Ftoken=j=k&flag\","
        "\"auth\":{\"token\":\"l\"},\"address\":\"1\"}");
    json_t *expected = read_json(
        "{\"headers\":{\"host\":\"h\",\"referer\":\"http://h/p?key=...&x\"},\"query\":{\"EIO\":"
        "\"4\"},\"url\":\"/socket.io/?EIO=...&mine=...&access%5Ftoken=...&flag\",\"address\":"
        "\"1\"}");

    assert_int_equal(yg_hide_handshake(handshake, &listed), 0);
    assert_true(json_equal(handshake, expected));
    assert_int_equal(yg_hide_handshake(NULL, &listed), 0);
    json_decref(handshake);
    json_decref(expected);
}

/* ---- events as text ---- */

static void expect_event(const char *args, const size_t *sizes, size_t num, const char *expected)
{
    struct yg_text text = {0};

    yg_describe_event(&text, YODEL_STR("e\"1"), yodel_str_of(args), sizes, num);
    assert_false(yg_text_failed(&text));
    assert_string_equal(yg_text_string(&text), expected);
    yg_text_done(&text);
}

static void test_describe_events(void **state)
{
    static char large[YG_DESCRIBE_EVENT + 10];
    const size_t sizes[] = {5, 70000};

    expect_event("[]", NULL, 0, "[\"e\\\"1\"]");
    expect_event("[ \n]", NULL, 0, "[\"e\\\"1\"]");
    expect_event("[1,{\"a\":[2]}]", NULL, 0, "[\"e\\\"1\",1,{\"a\":[2]}]");
    expect_event("[{\"_placeholder\":true,\"num\":0},{\"a\":[{\"_placeholder\":true,\"num\":1}]}]",
                 sizes, 2,
                 "[\"e\\\"1\",{\"type\":\"binary\",\"bytes\":5},{\"a\":[{\"type\":\"binary\","
                 "\"bytes\":70000}]}]");
    expect_event(
        "[{\"_placeholder\":true,\"num\":-1},{\"_placeholder\":true,\"num\":9}]", sizes, 1,
        "[\"e\\\"1\",{\"_placeholder\":true,\"num\":-1},{\"_placeholder\":true,\"num\":9}]");
    memset(large, 'x', sizeof large - 1);
    expect_event(large, NULL, 0, "[\"e\\\"1\",\"(8201 bytes)\"]");
}

static void test_describe_without_memory(void **state)
{
    const size_t sizes[] = {5};

    for (unsigned n = 1; n < 60; n++) {
        struct yg_text text = {0};

        failing_start(n);
        yg_describe_event(&text, YODEL_STR("e"), YODEL_STR("[{\"_placeholder\":true,\"num\":0},1]"),
                          sizes, 1);
        (void)failing_stop();
        if (!yg_text_failed(&text))
            assert_non_null(strstr(yg_text_string(&text), "[\"e\","));
        yg_text_done(&text);
    }
}

/* ---- who looks ---- */

static struct yg_admin admin;
static struct yg_viewer viewer = {.admin = &admin};
static struct yg_looker *looker;

static int set_up_looker(void **state)
{
    atomic_store(&viewer.refs, 1);
    looker = yg_looker_new(&viewer);
    if (looker == NULL)
        return -1;
    yg_looker_begin(looker, 7, 2, 1000);
    return 0;
}

static int tear_down_looker(void **state)
{
    yg_looker_free(looker);
    assert_int_equal(atomic_load(&viewer.refs), 1);
    return 0;
}

static bool tell(unsigned loop, enum yg_admin_record_kind kind, const char *id, const char *args)
{
    struct yg_text text = {0};
    struct yg_admin_record *record;
    bool is_whole;

    yg_text_puts(&text, args);
    record = yg_admin_record_new(kind, yodel_str_of(id), &text);
    assert_non_null(record);
    yg_text_done(&text);
    record->loop = loop;
    record->gather = 7;
    record->total = kind == YG_RECORD_END ? (size_t)strtoul(id, NULL, 10) : 0;
    is_whole = yg_looker_tell(looker, record);
    yg_admin_record_unref(record);
    return is_whole;
}

/* What goes out to the page, as "event args;". */
static void expect_out(const char *expected)
{
    struct yg_text text = {0};

    for (size_t i = 0; i < looker->out.num; i++) {
        const struct yg_admin_record *record = looker->out.items[i];

        yg_text_printf(&text, "%s %s;", yg_admin_record_event(record->kind), record->text);
    }
    assert_string_equal(yg_text_string(&text), expected);
    yg_text_done(&text);
    yg_admin_batch_clear(&looker->out);
}

static void test_looker_snapshot_and_stream(void **state)
{
    assert_false(tell(1, YG_RECORD_JOINED, "b", "[1]")); /* in its description */
    assert_false(tell(0, YG_RECORD_STATE, "a", "{\"a\":1}"));
    assert_false(tell(0, YG_RECORD_END, "1", ""));
    assert_false(tell(0, YG_RECORD_END, "1", "")); /* of a loop that has */
    assert_false(tell(0, YG_RECORD_JOINED, "a", "[2]"));
    assert_false(tell(1, YG_RECORD_STATE, "b", "{\"b\":1}"));
    assert_true(tell(1, YG_RECORD_END, "1", ""));
    assert_false(tell(1, YG_RECORD_DISCONNECTED, "b", "[3]"));
    expect_out("");
    yg_looker_go_live(looker, 100000);
    expect_out("all_sockets [[{\"a\":1},{\"b\":1}]];room_joined [2];socket_disconnected [3];");
    tell(1, YG_RECORD_LEFT, "b", "[4]");
    tell(1, YG_RECORD_GONE, "b", "");
    tell(1, YG_RECORD_LEFT, "b", "[5]"); /* nobody knows it */
    tell(0, YG_RECORD_CONNECTED, "c", "[6]");
    tell(0, YG_RECORD_CONNECTED, "c", "[7]");
    tell(0, YG_RECORD_RECEIVED, "c", "[8]");
    expect_out("room_left [4];socket_connected [6];event_received [8];");
    assert_false(looker->is_lost);
}

/* Another page's descriptions are not its own, and it may begin anew at any time. */
static void test_looker_begins_anew(void **state)
{
    tell(0, YG_RECORD_STATE, "a", "{\"a\":1}");
    tell(0, YG_RECORD_END, "1", "");
    yg_looker_begin(looker, 8, 1, 2000);
    tell(0, YG_RECORD_STATE, "a", "{\"a\":1}");
    assert_false(tell(0, YG_RECORD_END, "1", ""));
    assert_false(tell(0, YG_RECORD_JOINED, "a", "[1]"));
    yg_looker_begin(looker, 7, 1, 3000);
    assert_true(tell(0, YG_RECORD_END, "0", ""));
    yg_looker_go_live(looker, 100000);
    expect_out("all_sockets [[]];");
}

static void test_looker_of_many(void **state)
{
    char id[20];

    tell(0, YG_RECORD_END, "0", "");
    for (unsigned i = 0; i < YG_SNAPSHOT_SOCKETS + 5; i++) {
        snprintf(id, sizeof id, "s%u", i);
        tell(1, YG_RECORD_STATE, id, "{}");
    }
    assert_true(tell(1, YG_RECORD_END, "5000", ""));
    yg_looker_go_live(looker, 100000);
    assert_int_equal(looker->out.num, 1);
    assert_non_null(strstr(looker->out.items[0]->text, "1000 of 5000 sockets are shown"));
    yg_admin_batch_clear(&looker->out);
    /* One more has no room until another goes. */
    tell(1, YG_RECORD_CONNECTED, "late", "[1]");
    tell(1, YG_RECORD_DISCONNECTED, "s3", "[2]");
    tell(1, YG_RECORD_GONE, "s3", "");
    tell(1, YG_RECORD_CONNECTED, "later", "[3]");
    expect_out("socket_disconnected [2];socket_connected [3];");
}

static void test_looker_of_large_ones(void **state)
{
    tell(0, YG_RECORD_STATE, "a", "{\"long\":\"..................................\"}");
    tell(0, YG_RECORD_STATE, "b", "{}");
    tell(0, YG_RECORD_END, "2", "");
    assert_true(tell(1, YG_RECORD_END, "0", ""));
    yg_looker_go_live(looker, 20);
    assert_non_null(strstr(looker->out.items[0]->text, "[[{},{\"id\":\"1 of 2 sockets are shown"));
}

static void test_looker_that_cannot_keep_up(void **state)
{
    tell(0, YG_RECORD_END, "0", "");
    for (unsigned i = 0; i <= YG_PENDING_RECORDS; i++)
        tell(0, YG_RECORD_JOINED, "a", "[1]");
    assert_true(looker->is_lost);
}

static void test_looker_takes_what_comes_late(void **state)
{
    struct yg_text text = {0};
    struct yg_admin_record *record;

    tell(0, YG_RECORD_END, "0", "");
    assert_true(tell(1, YG_RECORD_END, "0", ""));
    yg_looker_go_live(looker, 1000);
    yg_admin_batch_clear(&looker->out);
    assert_false(yg_looker_has_process(looker, "p"));
    assert_int_equal(yg_looker_add_process(looker, "p"), 0);
    assert_true(yg_looker_has_process(looker, "p"));
    yg_text_puts(&text, "{\"far\":1}");
    record = yg_admin_record_new(YG_RECORD_STATE, YODEL_STR("f"), &text);
    yg_text_done(&text);
    yg_looker_take_state(looker, record);
    yg_looker_take_state(looker, record);
    assert_int_equal(looker->out.num, 1);
    assert_memory_equal(looker->out.items[0]->text, "[{\"far\":1},\"", 12);
    yg_admin_record_unref(record);
}

/* Out of memory it is told everything, or begins anew. */
static void tell_without_memory(enum yg_admin_record_kind kind, unsigned loop, const char *id)
{
    struct yg_text text = {0};
    struct yg_admin_record *record;

    failing_stop();
    yg_text_puts(&text, "[1]");
    record = yg_admin_record_new(kind, yodel_str_of(id), &text);
    yg_text_done(&text);
    assert_non_null(record);
    record->loop = loop;
    record->gather = 7;
    record->total = 1;
    failing_start(1);
    (void)yg_looker_tell(looker, record);
    failing_stop();
    yg_admin_record_unref(record);
}

static void test_looker_without_memory(void **state)
{
    tell_without_memory(YG_RECORD_STATE, 0, "a");
    assert_true(looker->is_lost);
    yg_looker_begin(looker, 7, 1, 2000);
    assert_false(looker->is_lost);
    tell(0, YG_RECORD_STATE, "a", "{}");
    assert_true(tell(0, YG_RECORD_END, "1", ""));
    failing_start(1);
    yg_looker_go_live(looker, 1000);
    assert_true(failing_stop());
    assert_true(looker->is_lost);
    yg_looker_begin(looker, 7, 1, 3000);
    assert_true(tell(0, YG_RECORD_END, "0", ""));
    yg_looker_go_live(looker, 1000);
    assert_false(looker->is_lost);
    yg_admin_batch_clear(&looker->out);
    tell_without_memory(YG_RECORD_CONNECTED, 0, "b");
    assert_true(looker->is_lost);
    assert_int_equal(looker->out.num, 0);
}

static void test_records_without_memory(void **state)
{
    struct yg_text text = {0};

    yg_text_puts(&text, "[1]");
    failing_start(1);
    assert_null(yg_admin_record_new(YG_RECORD_JOINED, YODEL_STR("a"), &text));
    failing_stop();
    failing_start(1);
    assert_null(yg_looker_new(&viewer));
    failing_stop();
    text.failed = true;
    assert_null(yg_admin_record_new(YG_RECORD_JOINED, YODEL_STR("a"), &text));
    yg_text_done(&text);
}

/* ---- the queue of a loop ---- */

static bool put(struct yg_admin_queue *queue, enum yg_admin_record_kind kind, size_t len)
{
    struct yg_text text = {0};
    struct yg_admin_record *record;

    for (size_t i = 0; i < len; i++)
        yg_text_putc(&text, 'x');
    record = yg_admin_record_new(kind, YODEL_STR("a"), &text);
    yg_text_done(&text);
    return yg_admin_queue_put(queue, kind, record);
}

static void test_queue_has_bounds(void **state)
{
    struct yg_admin_records records;
    struct yg_admin_queue queue;

    yg_admin_queue_init(&queue);
    assert_true(put(&queue, YG_RECORD_JOINED, 10));
    assert_false(put(&queue, YG_RECORD_JOINED, 10));
    for (int i = 0; i < 5; i++)
        put(&queue, YG_RECORD_RECEIVED, (size_t)1 << 20);
    assert_int_equal(yg_admin_queue_left_out(&queue), 3);
    assert_false(yg_admin_queue_take(&queue, &records));
    assert_int_equal(records.num, 4);
    yg_admin_records_clear(&records);
    for (int i = 0; i < 5; i++)
        put(&queue, YG_RECORD_JOINED, (size_t)1 << 20);
    put(&queue, YG_RECORD_STATE, 10); /* is bounded by who looks */
    assert_true(yg_admin_queue_take(&queue, &records));
    assert_int_equal(records.num, 5);
    yg_admin_records_clear(&records);
    yg_admin_queue_put(&queue, YG_RECORD_JOINED, NULL); /* there was no memory */
    assert_true(yg_admin_queue_take(&queue, &records));
    assert_false(yg_admin_queue_take(&queue, &records));
    /* The hub could not be called: the next one tries again. */
    assert_true(put(&queue, YG_RECORD_JOINED, 1));
    yg_admin_queue_not_posted(&queue);
    assert_true(put(&queue, YG_RECORD_JOINED, 1));
    yg_admin_queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_guesses_of_an_address, set_up_guesses,
                                        tear_down_guesses),
        cmocka_unit_test_setup_teardown(test_guesses_by_network, set_up_guesses, tear_down_guesses),
        cmocka_unit_test_setup_teardown(test_guesses_of_many, set_up_guesses, tear_down_guesses),
        cmocka_unit_test(test_sessions_end),
        cmocka_unit_test(test_hide_secrets),
        cmocka_unit_test(test_describe_events),
        cmocka_unit_test(test_describe_without_memory),
        cmocka_unit_test_setup_teardown(test_looker_snapshot_and_stream, set_up_looker,
                                        tear_down_looker),
        cmocka_unit_test_setup_teardown(test_looker_begins_anew, set_up_looker, tear_down_looker),
        cmocka_unit_test_setup_teardown(test_looker_of_many, set_up_looker, tear_down_looker),
        cmocka_unit_test_setup_teardown(test_looker_of_large_ones, set_up_looker, tear_down_looker),
        cmocka_unit_test_setup_teardown(test_looker_that_cannot_keep_up, set_up_looker,
                                        tear_down_looker),
        cmocka_unit_test_setup_teardown(test_looker_takes_what_comes_late, set_up_looker,
                                        tear_down_looker),
        cmocka_unit_test_setup_teardown(test_looker_without_memory, set_up_looker,
                                        tear_down_looker),
        cmocka_unit_test(test_records_without_memory),
        cmocka_unit_test(test_queue_has_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
