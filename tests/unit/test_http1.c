/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "proto/http1.h"

#define MAX_FIELDS 20
#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
/* The shortest head around a line, and around a target. */
#define LINE(line) TEXT("GET / HTTP/1.1\r\nHost: h\r\n" line "\r\n\r\n")
#define TARGET(target) TEXT("GET " target " HTTP/1.1\r\nHost: h\r\n\r\n")

static const struct yd_http_limits limits = {
    .max_head = 4096, .max_target = 1024, .max_fields = MAX_FIELDS};

/* What scanning said; fields belongs to head. */
struct outcome {
    int result; /* 0, or minus the status */
    const char *error;
    size_t start, end, looked_at;
    struct yd_http_field fields[MAX_FIELDS];
    struct yd_http_head head;
};

/* Each call gets a fresh copy of just the bytes so far, so that a sanitizer sees any step aside. */
static int scan_copy(struct yd_http_scan *scan, yodel_str text, size_t len, const char **ret_error)
{
    uint8_t *copy = malloc(len + 1);
    int result;

    assert_non_null(copy);
    memcpy(copy + 1, text.ptr, len);
    result = yd_http_scan(scan, &yd_mem_default, copy + 1, len, &limits, ret_error);
    free(copy);
    return result;
}

/* step 0: pieces of 1 to 40 bytes as seed says. */
static void run(yodel_str text, size_t step, unsigned seed, struct outcome *ret)
{
    struct yd_http_scan scan = {0};
    size_t len = 0;
    int result = 0;

    memset(ret, 0, sizeof(*ret));
    while (result == 0 && len < text.len) {
        size_t piece = step;

        if (step == 0) {
            seed = seed * 1103515245u + 12345u;
            piece = 1 + (seed >> 16) % 40;
        }
        len += YD_MIN(piece, text.len - len);
        result = scan_copy(&scan, text, len, &ret->error);
        if (result == 0)
            assert_int_equal(scan.pos, len);
    }
    ret->looked_at = scan.pos;
    ret->result = result < 0 ? result : 0;
    if (result <= 0) {
        yd_http_scan_done(&yd_mem_default, &scan);
        return;
    }
    ret->start = scan.start;
    ret->end = (size_t)result;
    yd_http_head_of(&scan, (const uint8_t *)text.ptr + ret->start, ret->fields, &ret->head);
    yd_http_scan_done(&yd_mem_default, &scan);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->start, b->start);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->looked_at, b->looked_at);
    assert_ptr_equal(a->error, b->error);
    assert_int_equal(a->head.num_fields, b->head.num_fields);
}

static void run_all(yodel_str text, struct outcome *ret)
{
    struct outcome other;

    run(text, text.len, 0, ret);
    run(text, 1, 0, &other);
    assert_same(ret, &other);
    for (unsigned seed = 1; seed <= 20; seed++) {
        run(text, 0, seed, &other);
        assert_same(ret, &other);
    }
}

static void assert_refused(yodel_str text, int status, const char *error)
{
    struct outcome outcome;

    run_all(text, &outcome);
    if (outcome.error == NULL || strcmp(outcome.error, error) != 0)
        print_error("head: %.*s\n", (int)YD_MIN(text.len, 200), text.ptr);
    assert_non_null(outcome.error);
    assert_string_equal(outcome.error, error);
    assert_int_equal(outcome.result, -status);
}

static void assert_text(yodel_str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void assert_accepted(yodel_str text, struct outcome *ret)
{
    run_all(text, ret);
    if (ret->result != 0)
        print_error("%s: %.*s\n", ret->error, (int)text.len, text.ptr);
    assert_int_equal(ret->result, 0);
    assert_int_equal(ret->end, text.len);
}

struct refusal {
    yodel_str head;
    int status;
    const char *error;
};

static void assert_all_refused(const struct refusal *refusals, size_t num)
{
    for (size_t i = 0; i < num; i++)
        assert_refused(refusals[i].head, refusals[i].status, refusals[i].error);
}

static void test_http1_refuses_first_bytes(void **state)
{
    static const struct refusal refusals[] = {
        {TEXT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400,
         "TLS on a port that speaks plain HTTP"},
        {TEXT("\0"), 400, "the first byte begins no method"},
        {TEXT(" GET / HTTP/1.1\r\n\r\n"), 400, "the first byte begins no method"},
        {TEXT("\tGET / HTTP/1.1\r\n\r\n"), 400, "the first byte begins no method"},
        {TEXT("\xff\x00\x12"), 400, "the first byte begins no method"},
        {TEXT(":"), 400, "the first byte begins no method"},
        {TEXT("\nGET / HTTP/1.1\r\n\r\n"), 400, "bare LF"},
        {TEXT("\rGET / HTTP/1.1\r\n\r\n"), 400, "bare CR"},
        {TEXT("\r\r\n"), 400, "bare CR"},
        {TEXT("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 400,
         "too many empty lines before the request"},
        {TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "HTTP version other than 1"},
    };

    assert_all_refused(refusals, YD_LEN(refusals));
}

static void test_http1_refuses_at_the_first_bad_byte(void **state)
{
    static const struct {
        yodel_str head;
        size_t looked_at;
    } heads[] = {
        {TEXT("\x16\x03\x01"), 0},
        {TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 11},
        {TEXT("GET / HTTPS"), 10},
        {TEXT("GET /\x80 HTTP/1.1\r\n"), 5},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nb\0c"), 26},
    };

    for (size_t i = 0; i < YD_LEN(heads); i++) {
        struct outcome outcome;

        run_all(heads[i].head, &outcome);
        assert_true(outcome.result < 0);
        assert_int_equal(outcome.looked_at, heads[i].looked_at);
    }
}

static void test_http1_refuses_request_lines(void **state)
{
    static const struct refusal refusals[] = {
        {TEXT("GET\r\n\r\n"), 400, "illegal byte in the method"},
        {TEXT("GET\t/ HTTP/1.1\r\n\r\n"), 400, "illegal byte in the method"},
        {TEXT("G\0T / HTTP/1.1\r\n\r\n"), 400, "illegal byte in the method"},
        {TEXT("G(T / HTTP/1.1\r\n\r\n"), 400, "illegal byte in the method"},
        {TEXT("GET /\r\n\r\n"), 400, "request line without a version"},
        {TEXT("GET /\n"), 400, "request line without a version"},
        {TEXT("GET  / HTTP/1.1\r\n\r\n"), 400, "empty target, or two spaces in the request line"},
        {TEXT("GET /  HTTP/1.1\r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / \r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / x HTTP/1.1\r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / http/1.1\r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / HTTP/1\r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / HTTP/1.x\r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / HTTP/11.1\r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / HTTP/1,1\r\n\r\n"), 400, "malformed HTTP version"},
        {TEXT("GET / HTTP/9.9\r\n\r\n"), 505, "HTTP version other than 1"},
        {TEXT("GET / HTTP/0.9\r\n\r\n"), 505, "HTTP version other than 1"},
        {TEXT("GET / HTTP/1.10\r\n\r\n"), 400, "text after the HTTP version"},
        {TEXT("GET / HTTP/1.1 \r\n\r\n"), 400, "text after the HTTP version"},
        {TEXT("GET / HTTP/1.1\n\n"), 400, "bare LF"},
        {TEXT("GET / HTTP/1.1\r\r\n\r\n"), 400, "bare CR"},
        {TEXT("GET / HTTP/1.1\0\r\n\r\n"), 400, "NUL byte"},
    };

    assert_all_refused(refusals, YD_LEN(refusals));
}

static void test_http1_refuses_targets(void **state)
{
    static const struct refusal refusals[] = {
        {TARGET("/a\tb"), 400, "illegal byte in the target"},
        {TARGET("/a\0b"), 400, "illegal byte in the target"},
        {TARGET("/a\x1f"), 400, "illegal byte in the target"},
        {TARGET("/a\x7f"), 400, "illegal byte in the target"},
        {TARGET("/a\xff"), 400, "illegal byte in the target"},
        {TARGET("/a#b"), 400, "fragment in the target"},
        {TARGET("*"), 400, "asterisk target without OPTIONS"},
        {TARGET("**"), 400, "target in neither origin nor absolute form"},
        {TARGET("a"), 400, "target in neither origin nor absolute form"},
        {TARGET("?a"), 400, "target in neither origin nor absolute form"},
        {TARGET("h:80"), 400, "target in neither origin nor absolute form"},
        {TARGET("ftp://h/"), 400, "target in neither origin nor absolute form"},
        {TARGET("http:/h/"), 400, "target in neither origin nor absolute form"},
        {TARGET("http://"), 400, "illegal authority in the target"},
        {TARGET("http:///a"), 400, "illegal authority in the target"},
        {TARGET("http://?a"), 400, "illegal authority in the target"},
        {TARGET("http://:80/"), 400, "illegal authority in the target"},
        {TARGET("http://u@h/"), 400, "illegal authority in the target"},
        {TARGET("http://h:x/"), 400, "illegal authority in the target"},
        {TEXT("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"), 400,
         "target in neither origin nor absolute form"},
        {TEXT("options * HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "asterisk target without OPTIONS"},
    };

    assert_all_refused(refusals, YD_LEN(refusals));
}

static void test_http1_refuses_every_raw_byte_in_a_target(void **state)
{
    for (unsigned c = 0; c < 256; c++) {
        char text[] = "GET /0123456789?abcdefghijk HTTP/1.1\r\nHost: h\r\n\r\n";
        struct outcome outcome;

        text[10] = (char)c;
        run((yodel_str){text, sizeof(text) - 1}, sizeof(text), 0, &outcome);
        assert_int_equal(outcome.result, c > ' ' && c < 0x7f && c != '#' ? 0 : -400);
    }
}

static void test_http1_refuses_lines(void **state)
{
    static const struct refusal refusals[] = {
        {TEXT("GET / HTTP/1.1\r\nHost: h\n\n"), 400, "bare LF"},
        {TEXT("GET / HTTP/1.1\r\nHost: h\r\n\n"), 400, "bare LF"},
        {TEXT("GET / HTTP/1.1\r\nHost: h\r\n\rx"), 400, "bare CR"},
        {LINE("A: b\nC: d"), 400, "bare LF"},
        {LINE("A: b\rC: d"), 400, "bare CR"},
        {LINE("A: b\r"), 400, "bare CR"},
        {LINE("A: b\0c"), 400, "NUL byte"},
        {LINE("A\0b: c"), 400, "NUL byte"},
        {LINE("A: b\001c"), 400, "control character"},
        {LINE("A: b\x7f"), 400, "control character"},
        {LINE("A\x1b: c"), 400, "control character"},
        {LINE("A: b\r\n c"), 400, "folded header line"},
        {LINE("A: b\r\n\tc"), 400, "folded header line"},
        {LINE("A: b\r\n "), 400, "folded header line"},
        {TEXT("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), 400, "folded header line"},
        {LINE("A : b"), 400, "blank in or after a header name"},
        {LINE("A\t: b"), 400, "blank in or after a header name"},
        {LINE("A b: c"), 400, "blank in or after a header name"},
        {LINE("A b"), 400, "blank in or after a header name"},
        {LINE("Ab"), 400, "header line without a colon"},
        {LINE(": b"), 400, "empty header name"},
        {LINE(":"), 400, "empty header name"},
        {LINE("A(b): c"), 400, "illegal byte in a header name"},
        {LINE("A\x80: c"), 400, "illegal byte in a header name"},
        {LINE("\"A\": c"), 400, "illegal byte in a header name"},
    };

    assert_all_refused(refusals, YD_LEN(refusals));
}

static void test_http1_refuses_hosts(void **state)
{
    static const struct refusal refusals[] = {
        {TEXT("GET / HTTP/1.1\r\n\r\n"), 400, "no Host header"},
        {TEXT("GET / HTTP/1.1\r\nHosts: h\r\n\r\n"), 400, "no Host header"},
        {TEXT("GET http://h/ HTTP/1.1\r\n\r\n"), 400, "no Host header"},
        {LINE("Host: h"), 400, "two Host headers"},
        {LINE("hOST: other"), 400, "two Host headers"},
        {TEXT("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"), 400, "two Host headers"},
        {TEXT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400, "empty Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: \t \r\n\r\n"), 400, "empty Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: a\xe9\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: http://h\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: h:80:80\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: h:-1\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: h:4294967376\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: h%2\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: h%zz\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n"), 400, "illegal Host header"},
        {TEXT("GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n"), 400, "illegal Host header"},
    };

    assert_all_refused(refusals, YD_LEN(refusals));
}

static void test_http1_refuses_framings(void **state)
{
    static const struct refusal refusals[] = {
        {LINE("Content-Length: -1"), 400, "Content-Length is not a number"},
        {LINE("Content-Length: +5"), 400, "Content-Length is not a number"},
        {LINE("Content-Length: 0x5"), 400, "Content-Length is not a number"},
        {LINE("Content-Length: 5, 5"), 400, "Content-Length is not a number"},
        {LINE("Content-Length: 5 5"), 400, "Content-Length is not a number"},
        {LINE("Content-Length: 5;"), 400, "Content-Length is not a number"},
        {LINE("Content-Length:"), 400, "empty Content-Length"},
        {LINE("Content-Length: 18446744073709551616"), 400, "Content-Length too large"},
        {LINE("Content-Length: 18446744073709551621"), 400, "Content-Length too large"},
        {LINE("Content-Length: 9223372036854775808"), 400, "Content-Length too large"},
        {LINE("Content-Length: 5\r\nContent-Length: 6"), 400, "two Content-Length headers"},
        {LINE("Content-Length: 5\r\ncontent-length: 5"), 400, "two Content-Length headers"},
        {LINE("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400,
         "Content-Length and Transfer-Encoding"},
        {LINE("Transfer-Encoding: chunked\r\nContent-Length: 0"), 400,
         "Content-Length and Transfer-Encoding"},
        {LINE("Transfer-Encoding: xchunked"), 400, "the last transfer coding is not chunked"},
        {LINE("Transfer-Encoding: identity"), 400, "the last transfer coding is not chunked"},
        {LINE("Transfer-Encoding: chunked;q=1"), 400, "the last transfer coding is not chunked"},
        {LINE("Transfer-Encoding: \"chunked\""), 400, "the last transfer coding is not chunked"},
        {LINE("Transfer-Encoding: chunke\x64\x0b"), 400, "control character"},
        {LINE("Transfer-Encoding:"), 400, "the last transfer coding is not chunked"},
        {LINE("Transfer-Encoding: chunked, gzip"), 400, "transfer coding after chunked"},
        {LINE("Transfer-Encoding: chunked, chunked"), 400, "transfer coding after chunked"},
        {LINE("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400,
         "transfer coding after chunked"},
        {LINE("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"), 400,
         "transfer coding after chunked"},
        {LINE("Transfer-Encoding: gzip, chunked"), 501, "transfer coding other than chunked"},
        {LINE("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501,
         "transfer coding other than chunked"},
        {LINE("Transfer-Encoding: ,chunked"), 400, "malformed Transfer-Encoding"},
        {LINE("Transfer-Encoding: chunked\r\nTransfer-Encoding:"), 400,
         "malformed Transfer-Encoding"},
        {TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
         "Transfer-Encoding in HTTP/1.0"},
        {LINE("Transfer-Encoding : chunked"), 400, "blank in or after a header name"},
    };

    assert_all_refused(refusals, YD_LEN(refusals));
}

/* begin, then num times fill, then finish. */
static yodel_str build(const char *begin, size_t num, const char *fill, const char *finish)
{
    size_t size = strlen(begin) + num * strlen(fill) + strlen(finish) + 1;
    char *text = malloc(size);
    char *p = text;

    assert_non_null(text);
    p = stpcpy(p, begin);
    for (size_t i = 0; i < num; i++)
        p = stpcpy(p, fill);
    p = stpcpy(p, finish);
    return (yodel_str){text, (size_t)(p - text)};
}

static void assert_built_refused(yodel_str text, int status, const char *error)
{
    assert_refused(text, status, error);
    free((char *)text.ptr);
}

static void test_http1_limits_heads(void **state)
{
    const char *end = " HTTP/1.1\r\nHost: h\r\n\r\n";

    assert_built_refused(build("GET /", 1024, "a", end), 414, "target too long");
    assert_built_refused(build("GET /", 100000, "a", ""), 414, "target too long");
    assert_built_refused(build("", 33, "M", " / HTTP/1.1\r\n"), 501, "method too long");
    assert_built_refused(build("", 100000, "M", ""), 501, "method too long");
    assert_built_refused(build("GET / HTTP/1.1\r\nHost: h\r\nA: ", 100000, "a", "\r\n\r\n"), 431,
                         "request head too large");
    assert_built_refused(build("GET / HTTP/1.1\r\n", 100000, "a", ""), 431,
                         "request head too large");
    assert_built_refused(build("GET / HTTP/1.1\r\nHost: h\r\n", 2000, "A: b\r\n", "\r\n"), 431,
                         "too many header lines");
    assert_built_refused(build("GET / HTTP/1.1\r\nHost: h\r\n", MAX_FIELDS, "A: b\r\n", "\r\n"),
                         431, "too many header lines");
    assert_built_refused(build("", 1000, "\r\n", "GET"), 400,
                         "too many empty lines before the request");
    assert_built_refused(build("", 65536, " ", "GET"), 400, "the first byte begins no method");
}

static void assert_built_accepted(yodel_str text)
{
    struct outcome outcome;

    assert_accepted(text, &outcome);
    free((char *)text.ptr);
}

static void test_http1_takes_heads_as_long_as_the_limits(void **state)
{
    const char *end = " HTTP/1.1\r\nHost: h\r\n\r\n";
    const char *begin = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
    size_t room = limits.max_head - strlen(begin) - 4;

    assert_built_accepted(build("GET /", 1023, "a", end));
    assert_built_accepted(build("", 32, "M", " / HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_built_accepted(build(begin, room, "a", "\r\n\r\n"));
    assert_built_refused(build(begin, room + 1, "a", "\r\n\r\n"), 431, "request head too large");
    assert_built_accepted(
        build("GET / HTTP/1.1\r\nHost: h\r\n", MAX_FIELDS - 1, "A: b\r\n", "\r\n"));
}

static void test_http1_says_414_when_the_target_fills_the_head(void **state)
{
    static const struct yd_http_limits wide = {
        .max_head = 64, .max_target = SIZE_MAX, .max_fields = SIZE_MAX};
    struct yd_http_scan scan = {0};
    yodel_str text = build("GET /", 59, "a", "");
    const char *error = NULL;

    assert_int_equal(
        yd_http_scan(&scan, &yd_mem_default, (const uint8_t *)text.ptr, text.len, &wide, &error),
        -414);
    assert_string_equal(error, "target too long");
    free((char *)text.ptr);
}

static void test_http1_limits_are_the_callers(void **state)
{
    static const struct yd_http_limits small = {.max_head = 40, .max_target = 5, .max_fields = 2};
    static const struct refusal heads[] = {
        {TEXT("GET /6789 HTTP/1.1\r\nHost: hhhhhhhhhh\r\n\r\n"), 0, NULL},
        {TEXT("GET /6789 HTTP/1.1\r\nHost: hhhhhhhhhhh\r\n\r\n"), 431, "request head too large"},
        {TEXT("GET /67890 HTTP/1.1\r\nHost: h\r\n\r\n"), 414, "target too long"},
        {TEXT("GET / HTTP/1.1\r\nHost:h\r\nA:\r\n\r\n"), 0, NULL},
        {TEXT("GET / HTTP/1.1\r\nHost:h\r\nA:\r\nA:\r\n\r\n"), 431, "too many header lines"},
    };

    for (size_t i = 0; i < YD_LEN(heads); i++) {
        struct yd_http_scan scan = {0};
        yodel_str text = heads[i].head;
        const char *error = NULL;
        int result = yd_http_scan(&scan, &yd_mem_default, (const uint8_t *)text.ptr, text.len,
                                  &small, &error);

        assert_int_equal(result, heads[i].status > 0 ? -heads[i].status : (int)text.len);
        if (heads[i].error != NULL)
            assert_string_equal(error, heads[i].error);
        yd_http_scan_done(&yd_mem_default, &scan);
    }
}

/* What several lines say together is looked at when all of them are known, each alone at once. */
static void test_http1_refuses_a_line_at_its_end(void **state)
{
    static const struct {
        yodel_str head;
        size_t looked_at;
    } heads[] = {
        {TEXT("GET a HTTP/1.1\r\nHost: h\r\n\r\n"), 16},
        {TEXT("GET / HTTP/1.1\r\nHost: a b\r\nC: d\r\n\r\n"), 27},
        {TEXT("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\nC: d\r\n\r\n"), 34},
        {TEXT("GET / HTTP/1.1\r\nContent-Length: x\r\nC: d\r\n\r\n"), 35},
        {TEXT("GET / HTTP/1.1\r\nA b: c\r\n\r\n"), 17},
        {TEXT("GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n"), 40},
        {TEXT("GET / HTTP/1.1\r\nA: b\r\n\r\n"), 24},
    };

    for (size_t i = 0; i < YD_LEN(heads); i++) {
        struct outcome outcome;

        run_all(heads[i].head, &outcome);
        assert_int_equal(outcome.result, -400);
        assert_int_equal(outcome.looked_at, heads[i].looked_at);
    }
}

/* Lines in room that was lent, kept between two pieces wherever the cut is, and grown. */
static void scan_with_room(const struct yodel_allocator *mem, yodel_str text, size_t cut,
                           bool *ret_done)
{
    struct yd_http_line room[2];
    struct yd_http_field fields[MAX_FIELDS];
    struct yd_http_scan scan = {0};
    struct yd_http_head head;
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    const char *error = NULL;
    int rc;

    yd_http_scan_lend(&scan, room, YD_LEN(room));
    rc = yd_http_scan(&scan, mem, bytes, cut, &limits, &error);
    if (rc == 0)
        rc = yd_http_scan_keep(mem, &scan);
    memset(room, 0xff, sizeof room);
    if (rc == 0) {
        yd_http_scan_lend(&scan, room, YD_LEN(room));
        rc = yd_http_scan(&scan, mem, bytes, text.len, &limits, &error);
    }
    *ret_done = rc == (int)text.len;
    if (*ret_done) {
        yd_http_head_of(&scan, bytes, fields, &head);
        assert_int_equal(head.num_fields, 5);
        assert_text(head.host, "h");
        assert_text(head.fields[0].name, "A");
        assert_text(head.fields[4].value, "e f");
    } else {
        assert_int_equal(rc, -ENOMEM);
    }
    yd_http_scan_done(mem, &scan);
}

static void test_http1_keeps_lines_between_pieces(void **state)
{
    static const yodel_str text =
        TEXT("GET / HTTP/1.1\r\nA: b\r\nB:\r\nHost: h\r\nC: d\r\nD:  e f \r\n\r\n");
    struct failmem fm;

    for (size_t cut = 1; cut < text.len; cut++) {
        FAILMEM_LOOP(&fm)
        {
            bool done;

            scan_with_room(&fm.mem, text, cut, &done);
            assert_int_equal(done, !failmem_has_failed(&fm));
        }
    }
}

static void test_http1_needs_no_memory_for_few_lines(void **state)
{
    static const yodel_str text = TEXT("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
    struct yd_http_line room[2];
    struct yd_http_scan scan = {0};
    const char *error = NULL;
    struct failmem fm;

    failmem_init(&fm, 1);
    yd_http_scan_lend(&scan, room, YD_LEN(room));
    assert_int_equal(
        yd_http_scan(&scan, &fm.mem, (const uint8_t *)text.ptr, text.len, &limits, &error),
        text.len);
    assert_false(failmem_has_failed(&fm));
    yd_http_scan_done(&fm.mem, &scan);
}

static void test_http1_reads_an_upgrade(void **state)
{
    static const yodel_str text = TEXT("GET /chat/r1?user=me&x=%20 HTTP/1.1\r\n"
                                       "Host: example.com:8080\r\n"
                                       "Upgrade: websocket\r\n"
                                       "connection:keep-alive, Upgrade\r\n"
                                       "Empty:\r\n"
                                       "Latin: \xe9 \t b  \r\n"
                                       "Sec-WebSocket-Version: 13\r\n\r\n");
    static const char *const names[] = {"Host",  "Upgrade", "connection",
                                        "Empty", "Latin",   "Sec-WebSocket-Version"};
    static const char *const values[] = {"example.com:8080", "websocket", "keep-alive, Upgrade", "",
                                         "\xe9 \t b",        "13"};
    struct outcome outcome;
    struct yd_http_head *head = &outcome.head;

    assert_accepted(text, &outcome);
    assert_text(head->method, "GET");
    assert_text(head->target, "/chat/r1?user=me&x=%20");
    assert_text(head->path, "/chat/r1");
    assert_text(head->query, "user=me&x=%20");
    assert_text(head->host, "example.com:8080");
    assert_int_equal(head->minor, 1);
    assert_true(head->keep_alive);
    assert_true(head->upgrade);
    assert_false(head->expect_continue);
    assert_int_equal(head->body, YD_HTTP_BODY_NONE);
    assert_int_equal(head->content_length, 0);
    assert_int_equal(head->num_fields, YD_LEN(names));
    for (size_t i = 0; i < YD_LEN(names); i++) {
        assert_text(head->fields[i].name, names[i]);
        assert_text(head->fields[i].value, values[i]);
    }
}

static void test_http1_skips_empty_lines_first(void **state)
{
    static const yodel_str text = TEXT("\r\n\r\n\r\n\r\nget / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct outcome outcome;

    assert_accepted(text, &outcome);
    assert_int_equal(outcome.start, 8);
    assert_text(outcome.head.method, "get");
}

static void test_http1_stops_at_the_end_of_the_head(void **state)
{
    static const yodel_str text =
        TEXT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok\0\xff");
    struct outcome outcome;

    run_all(text, &outcome);
    assert_int_equal(outcome.result, 0);
    assert_int_equal(outcome.end, text.len - 4);
}

static void test_http1_knows_target_forms(void **state)
{
    static const struct {
        yodel_str head;
        const char *path, *query, *host;
    } forms[] = {
        {TARGET("/"), "/", NULL, "h"},
        {TARGET("/?"), "/", "", "h"},
        {TARGET("/a%2?b?c"), "/a%2", "b?c", "h"},
        {TARGET("//a/../b"), "//a/../b", NULL, "h"},
        {TARGET("http://a.example"), "/", NULL, "a.example"},
        {TARGET("HTTP://a.example:81/x/y?z"), "/x/y", "z", "a.example:81"},
        {TARGET("https://a.example?q=http://b/"), "/", "q=http://b/", "a.example"},
        {TARGET("http://[::1]:80/"), "/", NULL, "[::1]:80"},
        {TEXT("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), "*", NULL, "h"},
        {TEXT("GET http://a/ HTTP/1.0\r\n\r\n"), "/", NULL, "a"},
    };

    for (size_t i = 0; i < YD_LEN(forms); i++) {
        struct outcome outcome;

        assert_accepted(forms[i].head, &outcome);
        assert_text(outcome.head.path, forms[i].path);
        assert_int_equal(outcome.head.query.ptr != NULL, forms[i].query != NULL);
        assert_text(outcome.head.query, forms[i].query != NULL ? forms[i].query : "");
        assert_text(outcome.head.host, forms[i].host);
    }
}

static void test_http1_takes_hosts(void **state)
{
    static const char *const hosts[] = {
        "h",     "a_b.example.", "127.0.0.1:80",    "h:", "h:0", "h:65535", "[::1]", "[::1]:8080",
        "a%20b", "a,b",          "[::ffff:1.2.3.4]"};

    for (size_t i = 0; i < YD_LEN(hosts); i++) {
        yodel_str text = build("GET / HTTP/1.1\r\nHost: ", 1, hosts[i], " \r\n\r\n");
        struct outcome outcome;

        assert_accepted(text, &outcome);
        assert_text(outcome.head.host, hosts[i]);
        free((char *)text.ptr);
    }
}

static void test_http1_knows_bodies(void **state)
{
    static const struct {
        yodel_str head;
        enum yd_http_body body;
        uint64_t length;
        bool wait;
    } bodies[] = {
        {LINE("Content-Length: 0"), YD_HTTP_BODY_NONE, 0, false},
        {LINE("Content-Length: 5"), YD_HTTP_BODY_LENGTH, 5, false},
        {LINE("Content-Length: 0007 "), YD_HTTP_BODY_LENGTH, 7, false},
        {LINE("Content-Length: 9223372036854775799"), YD_HTTP_BODY_LENGTH, 9223372036854775799u,
         false},
        {LINE("Transfer-Encoding: Chunked"), YD_HTTP_BODY_CHUNKED, 0, false},
        {LINE("Content-Length: 5\r\nExpect: 100-Continue"), YD_HTTP_BODY_LENGTH, 5, true},
        {LINE("Content-Length: 5\r\nExpect: more"), YD_HTTP_BODY_LENGTH, 5, false},
        {LINE("Expect: 100-continue"), YD_HTTP_BODY_NONE, 0, false},
        {TEXT("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"),
         YD_HTTP_BODY_LENGTH, 1, false},
    };

    for (size_t i = 0; i < YD_LEN(bodies); i++) {
        struct outcome outcome;

        assert_accepted(bodies[i].head, &outcome);
        assert_int_equal(outcome.head.body, bodies[i].body);
        assert_int_equal(outcome.head.content_length, bodies[i].length);
        assert_int_equal(outcome.head.expect_continue, bodies[i].wait);
    }
}

static void test_http1_knows_connection_options(void **state)
{
    static const struct {
        yodel_str head;
        uint8_t minor;
        bool keep_alive, upgrade;
    } options[] = {
        {LINE("A: b"), 1, true, false},
        {LINE("Connection: close"), 1, false, false},
        {LINE("Connection: a,, CLOSE ,b"), 1, false, false},
        {LINE("Connection: closed"), 1, true, false},
        {LINE("Connection: keep-alive\r\nConnection: close"), 1, false, false},
        {LINE("Connection: upgrade"), 1, true, false},
        {LINE("Upgrade: websocket"), 1, true, false},
        {LINE("Connection: upgrade\r\nUpgrade:"), 1, true, false},
        {LINE("Connection: x, upgrade\r\nUpgrade: y"), 1, true, true},
        {TEXT("GET / HTTP/1.0\r\n\r\n"), 0, false, false},
        {TEXT("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0, true, false},
        {TEXT("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), 0, false,
         false},
        {TEXT("GET / HTTP/1.9\r\nHost: h\r\n\r\n"), 1, true, false},
    };

    for (size_t i = 0; i < YD_LEN(options); i++) {
        struct outcome outcome;

        assert_accepted(options[i].head, &outcome);
        assert_int_equal(outcome.head.minor, options[i].minor);
        assert_int_equal(outcome.head.keep_alive, options[i].keep_alive);
        assert_int_equal(outcome.head.upgrade, options[i].upgrade);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http1_refuses_first_bytes),
        cmocka_unit_test(test_http1_refuses_at_the_first_bad_byte),
        cmocka_unit_test(test_http1_refuses_request_lines),
        cmocka_unit_test(test_http1_refuses_targets),
        cmocka_unit_test(test_http1_refuses_every_raw_byte_in_a_target),
        cmocka_unit_test(test_http1_refuses_lines),
        cmocka_unit_test(test_http1_refuses_hosts),
        cmocka_unit_test(test_http1_refuses_framings),
        cmocka_unit_test(test_http1_limits_heads),
        cmocka_unit_test(test_http1_takes_heads_as_long_as_the_limits),
        cmocka_unit_test(test_http1_says_414_when_the_target_fills_the_head),
        cmocka_unit_test(test_http1_limits_are_the_callers),
        cmocka_unit_test(test_http1_refuses_a_line_at_its_end),
        cmocka_unit_test(test_http1_keeps_lines_between_pieces),
        cmocka_unit_test(test_http1_needs_no_memory_for_few_lines),
        cmocka_unit_test(test_http1_reads_an_upgrade),
        cmocka_unit_test(test_http1_skips_empty_lines_first),
        cmocka_unit_test(test_http1_stops_at_the_end_of_the_head),
        cmocka_unit_test(test_http1_knows_target_forms),
        cmocka_unit_test(test_http1_takes_hosts),
        cmocka_unit_test(test_http1_knows_bodies),
        cmocka_unit_test(test_http1_knows_connection_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
