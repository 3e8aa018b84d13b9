/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "http/reply_reader.h"

#define MAX_BODY 100
#define WAITS 1 /* no result: it is not whole */

/* Takes a text in pieces of so many bytes.  Returns 0 when it is whole, WAITS, or what reading
 * says; *ret_left: what is not of it. */
static int take(struct yg_reply_reader *reader, const char *text, size_t len, size_t piece,
                size_t *ret_left)
{
    size_t at = 0, used = 0;
    int rc = 0;

    yg_reply_reader_reset(reader, MAX_BODY);
    while (at < len && rc == 0 && reader->reading != YG_READING_DONE) {
        const size_t some = len - at < piece ? len - at : piece;

        rc = yg_reply_reader_take(reader, text + at, some, &used);
        at += used;
    }
    *ret_left = len - at;
    return rc < 0 ? rc : reader->reading == YG_READING_DONE ? 0 : WAITS;
}

static const struct {
    const char *text;
    int result;
    unsigned status;
    const char *body;
    bool is_kept;
    size_t left;
} cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, 200, "{}", true, 0},
    {"HTTP/1.1 200\nContent-Length:2\n\n{}", 0, 200, "{}", true, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length:  2 \r\n\r\n{}more", 0, 200, "{}",
     true, 4},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", 0, 204, "", true, 0},
    {"HTTP/1.1 304 Not Modified\r\n\r\n", 0, 304, "", true, 0},
    {"HTTP/1.1 200 OK\r\nConnection: a, Close\r\nContent-Length: 0\r\n\r\n", 0, 200, "", false, 0},
    {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 200, "", false, 0},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 0, 200, "", true, 0},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n", 0, 200, "",
     false, 0},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0,
     200, "", false, 0},
    {"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0,
     200, "a", true, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=\"b\"\r\nab\r\n0A\r\n0123456789\r\n"
     "0\r\nTrailer: a\r\n\r\nHTTP",
     0, 200, "ab0123456789", true, 4},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n", 0, 200,
     "", false, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n 1\r\n\r\na", 0, 200, "a", true, 0},
    {"HTTP/1.1 200 OK\r\nA: b\r\n \r\nContent-Length: 1\r\n\r\na", 0, 200, "a", true, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", -E2BIG, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", WAITS, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", WAITS, 200, "ab", true, 0},
    {"HTTP/1.1 200 OK\r\nContent-Le", WAITS, 0, "", false, 0},
    {"HTTP/1.1 103 Early Hints\r\n\r\n", WAITS, 103, "", false, 0},
    {"", WAITS, 0, "", false, 0},
    /* Nothing that goes on. */
    {"SSH-2.0\r\n", -EBADMSG, 0, "", false, 0},
    {"HTTP/2.0 200 OK\r\n\r\n", -EBADMSG, 0, "", false, 0},
    {"HTTP/1.1 20 OK\r\n\r\n", -EBADMSG, 0, "", false, 0},
    {"HTTP/1.1 2000\r\n\r\n", -EBADMSG, 0, "", false, 0},
    {"HTTP/1.1  200 OK\r\n\r\n", -EBADMSG, 0, "", false, 0},
    {"HTTP/1.1 101 Switching Protocols\r\n\r\n", -EBADMSG, 101, "", false, 0},
    {"HTTP/1.1 200 OK\r\nno field\r\n\r\n", -EBADMSG, 200, "", false, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n", -EBADMSG, 200, "", false, 0},
    {"HTTP/1.1 200 OK\r\n: 2\r\n\r\n", -EBADMSG, 200, "", false, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", -EBADMSG, 200, "", true,
     0},
    {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", -EBADMSG, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", -EBADMSG, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", -EBADMSG, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", -EBADMSG, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -EBADMSG, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     -EBADMSG, 200, "", true, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", -EBADMSG, 200, "", true, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1g\r\n", -EBADMSG, 200, "", true, 2},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", -EBADMSG, 200, "a", true, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff", -EBADMSG, 200, "",
     true, 0},
};

static void test_reply_reader_answers(void **state)
{
    struct yg_reply_reader reader = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece < 200; piece += piece < 20 ? 1 : 150) {
            size_t left;
            const int rc = take(&reader, cases[i].text, strlen(cases[i].text), piece, &left);

            if (rc != cases[i].result || (rc >= 0 && reader.status != cases[i].status) ||
                strcmp(yg_text_string(&reader.body), cases[i].body) != 0)
                fail_msg("%s by %zu: %d, %u, %s", cases[i].text, piece, rc, reader.status,
                         yg_text_string(&reader.body));
            if (rc == 0) {
                assert_int_equal(reader.is_kept, cases[i].is_kept);
                assert_int_equal(left, cases[i].left);
            }
        }
    }
    yg_reply_reader_done(&reader);
}

static void test_reply_reader_headers(void **state)
{
    static const char text[] =
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=b  \r\nEmpty:\r\nset-cookie:\tc=d\r\n"
        "Folded: one\r\n  two\r\nContent-Length: 0\r\n\r\n";
    struct yg_reply_reader reader = {0};
    size_t left;

    assert_int_equal(take(&reader, text, 30, 30, &left), WAITS);
    assert_null(yg_reply_reader_header(&reader, "Set-Cookie", 0));
    assert_int_equal(take(&reader, text, sizeof(text) - 1, 7, &left), 0);
    assert_string_equal(yg_reply_reader_header(&reader, "set-cookie", 0), "a=b");
    assert_string_equal(yg_reply_reader_header(&reader, "Set-Cookie", 1), "c=d");
    assert_null(yg_reply_reader_header(&reader, "Set-Cookie", 2));
    assert_string_equal(yg_reply_reader_header(&reader, "EMPTY", 0), "");
    assert_string_equal(yg_reply_reader_header(&reader, "folded", 0), "one   two");
    assert_null(yg_reply_reader_header(&reader, "fold", 0));
    yg_reply_reader_done(&reader);
}

static void test_reply_reader_ends(void **state)
{
    static const char to_end[] = "HTTP/1.1 200 OK\r\n\r\nbody", nul[] = "HTTP/1.1 200 O\0\r\n\r\n";
    struct yg_reply_reader reader = {0};
    char long_body[MAX_BODY + 1] = {0};
    size_t left, used;

    assert_int_equal(take(&reader, to_end, sizeof(to_end) - 1, 3, &left), WAITS);
    assert_false(reader.is_kept);
    assert_true(yg_reply_reader_end(&reader));
    assert_string_equal(reader.body.ptr, "body");
    assert_int_equal(take(&reader, to_end, sizeof(to_end) - 1, 3, &left), WAITS);
    assert_int_equal(yg_reply_reader_take(&reader, long_body, sizeof(long_body), &used), -E2BIG);
    assert_int_equal(take(&reader, cases[0].text, 30, 30, &left), WAITS);
    assert_false(yg_reply_reader_end(&reader));
    assert_int_equal(take(&reader, nul, sizeof(nul) - 1, 100, &left), -EBADMSG);
    yg_reply_reader_done(&reader);
}

/* Heads, ends of chunks and trailers have a limit in common. */
static void test_reply_reader_bounds_heads(void **state)
{
    static const char *const begins[] = {
        "HTTP/1.1 200 OK\r\nA: ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"};
    struct yg_reply_reader reader = {0};
    char more[1024];

    memset(more, 'a', sizeof(more));
    for (size_t i = 0; i < 3; i++) {
        size_t num = 0, left;
        int rc = take(&reader, begins[i], strlen(begins[i]), 100, &left);

        for (; rc >= 0 && num < 100; num++)
            rc = yg_reply_reader_take(&reader, more, sizeof(more), &left);
        assert_int_equal(rc, -E2BIG);
        assert_int_equal(num, 64);
    }
    yg_reply_reader_done(&reader);
}

static void test_reply_reader_out_of_memory(void **state)
{
    unsigned num = 0;

    for (bool again = true; again; num++) {
        struct yg_reply_reader reader = {0};
        size_t left;
        int rc;

        failing_start(num + 1);
        rc = take(&reader, cases[0].text, strlen(cases[0].text), 5, &left);
        again = failing_stop();
        assert_int_equal(rc, again ? -ENOMEM : 0);
        yg_reply_reader_done(&reader);
    }
    assert_true(num > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_reader_answers),
        cmocka_unit_test(test_reply_reader_headers),
        cmocka_unit_test(test_reply_reader_ends),
        cmocka_unit_test(test_reply_reader_bounds_heads),
        cmocka_unit_test(test_reply_reader_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
