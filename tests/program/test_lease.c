/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "lease/record.h"

static const struct yg_lease_record sample = {.webhook = "ma\"in",
                                              .ns = "/chat",
                                              .since_ms = 1700000000123,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease_record),
        cmocka_unit_test(test_lease_record_out_of_memory),
        cmocka_unit_test(test_lease_records_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
