/* SPDX-License-Identifier: MIT */
#include "http/conditional.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"

#include <cmocka.h>

#define THEN "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct yd_file_meta meta = {.size = 100, .modified = 784111777, .etag = "\"a,b\""};

struct want {
    const char *names[3], *values[3];
    int status;
    uint64_t first, len; /* of 206 */
};

static void check(const struct want *want, const char *method, const struct yd_file_meta *of)
{
    struct yd_http_field fields[3];
    struct yd_http_head head = {.method = yodel_str_of(method), .fields = fields};
    uint64_t first, len;
    int status;

    for (; head.num_fields < 3 && want->names[head.num_fields] != NULL; head.num_fields++) {
        fields[head.num_fields].name = yodel_str_of(want->names[head.num_fields]);
        fields[head.num_fields].value = yodel_str_of(want->values[head.num_fields]);
    }
    status = yd_file_decide(&head, of, 1780000000, &first, &len);
    if (status != want->status)
        fail_msg("%s: %s: %d", want->names[0], want->values[0], status);
    if (status != 206 && status != 200)
        return;
    if (first != (status == 206 ? want->first : 0) || len != (status == 206 ? want->len : of->size))
        fail_msg("%s: %s: %u bytes from %u", want->names[0], want->values[0], (unsigned)len,
                 (unsigned)first);
}

static void test_http_conditional_conditions(void **state)
{
    static const struct want wants[] = {
        {{NULL}, {NULL}, 200, 0, 0},
        {{"if-none-match"}, {"\"a,b\""}, 304, 0, 0},
        {{"If-None-Match"}, {"W/\"a,b\""}, 304, 0, 0},
        {{"If-None-Match"}, {"\"x\", W/\"y\" ,\"a,b\""}, 304, 0, 0},
        {{"If-None-Match"}, {"*"}, 304, 0, 0},
        {{"If-None-Match"}, {"\"x\""}, 200, 0, 0},
        {{"If-None-Match"}, {"a,b"}, 200, 0, 0},
        {{"If-None-Match"}, {""}, 200, 0, 0},
        {{"If-None-Match", "If-None-Match"}, {"\"x\"", "\"a,b\""}, 304, 0, 0},
        {{"If-None-Match", "If-Modified-Since"}, {"\"x\"", AFTER}, 200, 0, 0},
        {{"If-Modified-Since"}, {THEN}, 304, 0, 0},
        {{"If-Modified-Since"}, {AFTER}, 304, 0, 0},
        {{"If-Modified-Since"}, {BEFORE}, 200, 0, 0},
        {{"If-Modified-Since"}, {"yesterday"}, 200, 0, 0},
        {{"If-Match"}, {"\"a,b\""}, 200, 0, 0},
        {{"If-Match"}, {"*"}, 200, 0, 0},
        {{"If-Match"}, {"W/\"a,b\""}, 412, 0, 0},
        {{"If-Match"}, {"\"x\""}, 412, 0, 0},
        {{"If-Match", "If-Unmodified-Since"}, {"\"a,b\"", BEFORE}, 200, 0, 0},
        {{"If-Match", "If-None-Match"}, {"\"a,b\"", "\"a,b\""}, 304, 0, 0},
        {{"If-Unmodified-Since"}, {THEN}, 200, 0, 0},
        {{"If-Unmodified-Since"}, {BEFORE}, 412, 0, 0},
    };

    for (size_t i = 0; i < YD_LEN(wants); i++) {
        check(&wants[i], "GET", &meta);
        check(&wants[i], "HEAD", &meta);
    }
}

static void test_http_conditional_ranges(void **state)
{
    static const struct want wants[] = {
        {{"Range"}, {"bytes=0-9"}, 206, 0, 10},
        {{"Range"}, {"Bytes=90-"}, 206, 90, 10},
        {{"Range"}, {"bytes=99-99"}, 206, 99, 1},
        {{"Range"}, {"bytes=0-1000"}, 206, 0, 100},
        {{"Range"}, {"bytes= 5-6 "}, 206, 5, 2},
        {{"Range"}, {"bytes=-10"}, 206, 90, 10},
        {{"Range"}, {"bytes=-1000"}, 206, 0, 100},
        {{"Range"}, {"bytes=1-99999999999999999999999999"}, 206, 1, 99},
        {{"Range"}, {"bytes=100-"}, 416, 0, 0},
        {{"Range"}, {"bytes=99999999999999999999999999-"}, 416, 0, 0},
        {{"Range"}, {"bytes=18446744073709551615-18446744073709551615"}, 416, 0, 0},
        {{"Range"}, {"bytes=-0"}, 416, 0, 0},
        {{"Range"}, {"bytes=5-4"}, 200, 0, 0},
        {{"Range"}, {"bytes=a-b"}, 200, 0, 0},
        {{"Range"}, {"bytes="}, 200, 0, 0},
        {{"Range"}, {"bytes=-"}, 200, 0, 0},
        {{"Range"}, {"bytes=--5"}, 200, 0, 0},
        {{"Range"}, {"bytes=1"}, 200, 0, 0},
        {{"Range"}, {"bytes=1-2x"}, 200, 0, 0},
        {{"Range"}, {"lines=1-2"}, 200, 0, 0},
        {{"Range"}, {"byte"}, 200, 0, 0},
        {{"Range"}, {"bytes=0-1,5-6"}, 200, 0, 0},
        {{"Range", "Range"}, {"bytes=0-1", "bytes=0-1"}, 200, 0, 0},
        {{"Range", "If-Range"}, {"bytes=0-1", "\"a,b\""}, 206, 0, 2},
        {{"Range", "If-Range"}, {"bytes=0-1", "W/\"a,b\""}, 200, 0, 0},
        {{"Range", "If-Range"}, {"bytes=0-1", "\"x\""}, 200, 0, 0},
        {{"Range", "If-Range"}, {"bytes=0-1", THEN}, 206, 0, 2},
        {{"Range", "If-Range"}, {"bytes=0-1", AFTER}, 200, 0, 0},
        {{"Range", "If-None-Match"}, {"bytes=0-1", "\"a,b\""}, 304, 0, 0},
    };

    for (size_t i = 0; i < YD_LEN(wants); i++)
        check(&wants[i], "GET", &meta);
}

static void test_http_conditional_ranges_of_others(void **state)
{
    static const struct yd_file_meta empty = {.etag = "\"e\""};
    static const struct want whole = {{"Range"}, {"bytes=0-9"}, 200, 0, 0};
    static const struct want none = {{"Range"}, {"bytes=0-0"}, 416, 0, 0};
    static const struct want no_tail = {{"Range"}, {"bytes=-5"}, 416, 0, 0};

    check(&whole, "HEAD", &meta); /* RFC 9110 14.2: of GET only */
    check(&none, "GET", &empty);
    check(&no_tail, "GET", &empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_conditional_conditions),
        cmocka_unit_test(test_http_conditional_ranges),
        cmocka_unit_test(test_http_conditional_ranges_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
