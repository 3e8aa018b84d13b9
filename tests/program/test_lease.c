/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "lease/notices.h"
#include "lease/record.h"
#include "lease/room_scripts.h"

static const struct yg_lease_record sample = {.webhook = "ma\"in",
                                              .ns = "/chat",
                                              .since_ms = 1700000000123,
                                              .has_lane = true,
                                              .lane = 63,
                                              .is_connecting = true,
                                              .socket = {"{\"sid\":\"a\",\"meta\":[1]}", 22}};

static int round_trip(struct yg_lease_record *ret_record, struct yg_text *text)
{
    yg_text_puts(text, "1024 ");
    yg_record_put(&sample, text);
    if (yg_text_failed(text))
        return -ENOMEM;
    return yg_record_read("evt_1", (yodel_str){text->ptr, text->len}, ret_record);
}

static void test_lease_record(void **state)
{
    struct yg_lease_record record;
    struct yg_text text = {0};

    assert_int_equal(round_trip(&record, &text), 0);
    assert_string_equal(record.id, "evt_1");
    assert_string_equal(record.webhook, sample.webhook);
    assert_string_equal(record.ns, sample.ns);
    assert_true(record.since_ms == sample.since_ms);
    assert_int_equal(record.seq, 1024);
    assert_true(record.has_lane);
    assert_int_equal(record.lane, 63);
    assert_true(record.is_connecting);
    assert_true(yodel_str_eq(record.socket, sample.socket));
    yg_record_done(&record);
    yg_text_done(&text);
}

static void test_lease_record_out_of_memory(void **state)
{
    for (unsigned n = 1;; n++) {
        struct yg_lease_record record;
        struct yg_text text = {0};
        bool again;
        int rc;

        failing_start(n);
        rc = round_trip(&record, &text);
        again = failing_stop();
        assert_int_equal(rc, again ? -ENOMEM : 0);
        if (rc == 0)
            yg_record_done(&record);
        yg_text_done(&text);
        if (!again)
            break;
    }
}

/* As of a node that knows of none, and what nobody has written. */
static void test_lease_records_without_lane(void **state)
{
    static const char *const lanes[] = {"", "\"lane\":64,", "\"lane\":-1,", "\"lane\":\"7\","};

    for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
        struct yg_lease_record record;
        char text[128];

        snprintf(text, sizeof(text),
                 "1 {\"webhook\":\"a\",\"namespace\":\"/\",\"since\":1,%s\"socket\":{}}", lanes[i]);
        assert_int_equal(yg_record_read("a", yodel_str_of(text), &record), 0);
        assert_false(record.has_lane);
        assert_false(record.is_connecting);
        yg_record_done(&record);
    }
}

static void test_lease_connected_id(void **state)
{
    char id[YG_RECORD_ID];

    yg_record_connected_id("evt_p1", id);
    assert_string_equal(id, "evt_p1-c");
    yg_record_connected_id("0123456789012345678901234567890123456789012345678901234567890", id);
    assert_string_equal(id, "012345678901234567890123456789012345678901234-c");
}

static void test_lease_records_that_are_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "1024",
        "1024 ",
        " {}",
        "x {}",
        "4294967296 {\"webhook\":\"a\",\"namespace\":\"/\",\"since\":1,\"socket\":{}}",
        "99999999999999999999999 {}",
        "1 {}",
        "1 []",
        "1 {\"webhook\":1,\"namespace\":\"/\",\"socket\":{}}",
        "1 {\"webhook\":\"a\",\"namespace\":\"/\",\"socket\":[]}",
        "1 {\"webhook\":\"a\",\"namespace\":\"/\",\"socket\":{}",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct yg_lease_record record;

        assert_int_equal(yg_record_read("a", yodel_str_of(wrong[i]), &record), -EINVAL);
    }
}

/* ---- notices ---- */

static int store_some(struct yg_notice_command *ret_command)
{
    const struct yg_notice notices[] = {
        {"evt_1", "connected", "/", {"{}", 2}, 3, false},
        {"evt_2", "disconnected", "/chat", {"{\"a\":1}", 7}, 63, true},
    };

    return yg_notices_store("p", "main", "run", 10, true, notices, 2, ret_command);
}

static void has_words(const struct yg_notice_command *command, const char *expected)
{
    char words[400] = "";

    for (size_t i = 2; i < command->argc; i++)
        snprintf(words + strlen(words), sizeof(words) - strlen(words), "%.*s ",
                 (int)command->argv[i].len, command->argv[i].ptr);
    assert_string_equal(words, expected);
}

static void test_lease_notices(void **state)
{
    struct yg_notice_command command;
    bool given_up[YG_NOTICE_LANES] = {[5] = true, [63] = true};

    assert_int_equal(store_some(&command), 0);
    has_words(&command, "0 p main run 10 1 3 evt_1 connected / {} 0 "
                        "63 evt_2 disconnected /chat {\"a\":1} 1 ");
    yg_notice_command_done(&command);
    assert_int_equal(yg_notices_own("p", "main", "run", 1000, 32, given_up, &command), 0);
    has_words(&command, "0 p main run 1000 32 5 63 ");
    yg_notice_command_done(&command);
    assert_int_equal(yg_notices_own("p", "main", "run", 1000, 0, NULL, &command), 0);
    assert_int_equal(command.argc, 8 + YG_NOTICE_LANES);
    yg_notice_command_done(&command);
    for (unsigned i = 0; i < 1000; i++) {
        char name[20];

        snprintf(name, sizeof(name), "evt_%u", i);
        assert_true(yg_notices_lane(name, strlen(name)) < YG_NOTICE_LANES);
    }
    assert_int_equal(yg_notices_lane("evt_1", 5), yg_notices_lane("evt_1x", 5));
}

static void test_lease_notices_out_of_memory(void **state)
{
    for (unsigned n = 1;; n++) {
        struct yg_notice_command command;
        bool again;
        int rc;

        failing_start(n);
        rc = store_some(&command);
        again = failing_stop();
        assert_int_equal(rc, again ? -ENOMEM : 0);
        if (rc == 0)
            yg_notice_command_done(&command);
        if (!again)
            break;
    }
}

static void test_lease_places(void **state)
{
    static const char *const wrong[] = {
        "", "5", "5:", ":/a", "x:/a", "3:/a", "99999999999999999999:/a"};
    yodel_str ns, room;

    assert_int_equal(yg_place_read(YODEL_STR("4:/a:bc:d"), &ns, &room), 0);
    assert_true(yodel_str_eq(ns, YODEL_STR("/a:b")));
    assert_true(yodel_str_eq(room, YODEL_STR("c:d")));
    assert_int_equal(yg_place_read(YODEL_STR("1:/"), &ns, &room), 0);
    assert_int_equal(room.len, 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(yg_place_read(yodel_str_of(wrong[i]), &ns, &room), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease_record),
        cmocka_unit_test(test_lease_record_out_of_memory),
        cmocka_unit_test(test_lease_records_without_lane),
        cmocka_unit_test(test_lease_connected_id),
        cmocka_unit_test(test_lease_records_that_are_none),
        cmocka_unit_test(test_lease_notices),
        cmocka_unit_test(test_lease_notices_out_of_memory),
        cmocka_unit_test(test_lease_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
