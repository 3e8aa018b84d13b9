/* SPDX-License-Identifier: MIT */
#include "proto/ws_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"

#include <cmocka.h>

#define MAX_FIELDS 16

#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY_TEXT "dGhlIHNhbXBsZSBub25jZQ=="
#define KEY "Sec-WebSocket-Key: " KEY_TEXT "\r\n"

static void parse(const char *text, struct yd_http_field *fields, struct yd_http_head *ret_head)
{
    static const struct yd_http_limits limits = {4096, 1024, MAX_FIELDS};
    const uint8_t *bytes = (const uint8_t *)text;
    struct yd_http_scan scan = {0};
    const char *error = "";

    assert_int_equal(yd_http_scan(&scan, &yd_mem_default, bytes, strlen(text), &limits, &error),
                     strlen(text));
    yd_http_head_of(&scan, bytes, fields, ret_head);
    yd_http_scan_done(&yd_mem_default, &scan);
}

/* The verdict on a request with these further fields. */
static int check(const char *request_line, const char *lines)
{
    struct yd_http_field fields[MAX_FIELDS];
    struct yd_http_head head;
    yodel_str key = {NULL, 0};
    const char *error = NULL;
    char text[2048];
    int result;

    snprintf(text, sizeof(text), "%s\r\nHost: a.example\r\n%s\r\n", request_line, lines);
    parse(text, fields, &head);
    result = yd_ws_check_request(&head, &key, &error);
    assert_true((key.ptr != NULL) == (result == 0));
    assert_true((error != NULL) == (result < 0));
    return result;
}

static void test_ws_handshake_takes_upgrades(void **state)
{
    static const char *const lines[] = {
        UPGRADE VERSION KEY,
        "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: " KEY_TEXT "\r\n",
        "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n" VERSION KEY,
        "Upgrade: h2c\r\n" UPGRADE VERSION KEY,
        UPGRADE VERSION KEY "Content-Length: 0\r\n",
        UPGRADE VERSION "Sec-WebSocket-Key: /+09azAZaaaaaaaaaaaaaA==\r\n",
    };

    for (size_t i = 0; i < YD_LEN(lines); i++)
        assert_int_equal(check("GET /ws HTTP/1.1", lines[i]), 0);
}

static void test_ws_handshake_gives_the_key(void **state)
{
    struct yd_http_field fields[MAX_FIELDS];
    struct yd_http_head head;
    const char *error;
    yodel_str key;

    parse("GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE VERSION KEY "\r\n", fields, &head);
    assert_int_equal(yd_ws_check_request(&head, &key, &error), 0);
    assert_int_equal(key.len, YD_WS_KEY_LEN);
    assert_memory_equal(key.ptr, KEY_TEXT, YD_WS_KEY_LEN);
}

static void test_ws_handshake_leaves_plain_requests(void **state)
{
    static const char *const lines[] = {
        "",
        VERSION KEY,
        "Upgrade: websocket\r\n" VERSION KEY,
        "Upgrade: websocket\r\nConnection: close\r\n" VERSION KEY,
        "Connection: Upgrade\r\n" VERSION KEY,
        "Upgrade: h2c\r\nConnection: Upgrade\r\n" VERSION KEY,
        "Upgrade: websocket2\r\nConnection: Upgrade\r\n" VERSION KEY,
    };

    for (size_t i = 0; i < YD_LEN(lines); i++)
        assert_int_equal(check("GET /ws HTTP/1.1", lines[i]), 1);
    assert_int_equal(check("GET /ws HTTP/1.0", UPGRADE VERSION KEY), 1);
    assert_int_equal(check("POST /ws HTTP/1.1", ""), 1);
}

static void test_ws_handshake_refuses_other_methods(void **state)
{
    static const char *const lines[] = {"POST / HTTP/1.1", "get / HTTP/1.1", "HEAD / HTTP/1.1",
                                        "GETX / HTTP/1.1"};

    for (size_t i = 0; i < YD_LEN(lines); i++)
        assert_int_equal(check(lines[i], UPGRADE VERSION KEY), -405);
}

static void test_ws_handshake_refuses_other_versions(void **state)
{
    static const char *const values[] = {"8",          "14",   "13, 8", "8, 13", "013",
                                         "13abc",      "13.0", "0xd",   "-13",   "+13",
                                         "4294967309", "1",    "13,13", "",      "131"};
    char lines[512];

    for (size_t i = 0; i < YD_LEN(values); i++) {
        snprintf(lines, sizeof(lines), UPGRADE KEY "Sec-WebSocket-Version: %s\r\n", values[i]);
        assert_int_equal(check("GET / HTTP/1.1", lines), -426);
    }
    assert_int_equal(check("GET / HTTP/1.1", UPGRADE KEY), -426);
    assert_int_equal(check("GET / HTTP/1.1", UPGRADE KEY VERSION VERSION), -426);
}

static void test_ws_handshake_refuses_bad_keys(void **state)
{
    static const char *const values[] = {
        "",
        "dGhlIHNhbXBsZSBub25j",      /* 15 octets */
        "dGhlIHNhbXBsZSBub25jZTE=",  /* 17 */
        "dGhlIHNhbXBsZSBub25jZQ",    /* no padding */
        "dGhlIHNhbXBsZSBub25jZQ=",   /* half of it */
        "dGhlIHNhbXBsZSBub25jZQ===", /* too much */
        "dGhlIHNhbXBsZSBub25jZR==",  /* bits beyond the 16 octets */
        "dGhlIHNhbXBsZSBub25jZ===",  /* not enough bits */
        "dGhlIHNhbXBsZS-ub25jZQ==",  /* the other alphabet */
        "dGhlIHNhbXBs ZSBub25jZQ=",  /* characters of no alphabet */
        "!!!!!!!!!!!!!!!!!!!!!!==",
        "dGhlIHNhbXBs=SBub25jZQ==",
        KEY_TEXT ", " KEY_TEXT,
    };
    char lines[512];

    for (size_t i = 0; i < YD_LEN(values); i++) {
        snprintf(lines, sizeof(lines), UPGRADE VERSION "Sec-WebSocket-Key: %s\r\n", values[i]);
        assert_int_equal(check("GET / HTTP/1.1", lines), -400);
    }
    assert_int_equal(check("GET / HTTP/1.1", UPGRADE VERSION), -400);
    assert_int_equal(check("GET / HTTP/1.1", UPGRADE VERSION KEY KEY), -400);
}

static void test_ws_handshake_key_ends_are_the_canonical_ones(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char lines[] = UPGRADE VERSION KEY;
    size_t taken = 0;

    for (size_t i = 0; i < 64; i++) {
        lines[strlen(lines) - 5] = alphabet[i];
        if (check("GET / HTTP/1.1", lines) == 0) {
            assert_int_equal(i % 16, 0);
            taken++;
        }
    }
    assert_int_equal(taken, 4);
}

static void test_ws_handshake_refuses_bodies(void **state)
{
    assert_int_equal(check("GET / HTTP/1.1", UPGRADE VERSION KEY "Content-Length: 1\r\n"), -400);
    assert_int_equal(check("GET / HTTP/1.1", UPGRADE VERSION KEY "Transfer-Encoding: chunked\r\n"),
                     -400);
}

static void expect_subprotocols(const struct yd_http_head *head, const char *expected)
{
    char text[256] = "";
    size_t i;

    for (i = 0; yd_ws_subprotocol(head, i).ptr; i++) {
        yodel_str name = yd_ws_subprotocol(head, i);
        size_t len = strlen(text);

        assert_true(yd_ws_offers_subprotocol(head, name));
        snprintf(text + len, sizeof(text) - len, "%" YODEL_PRI " ", YODEL_ARG(name));
    }
    assert_string_equal(text, expected);
    assert_null(yd_ws_subprotocol(head, i + 1).ptr);
    assert_null(yd_ws_subprotocol(head, SIZE_MAX).ptr);
    assert_false(yd_ws_offers_subprotocol(head, YODEL_STR("other")));
}

static void test_ws_handshake_lists_subprotocols(void **state)
{
    static const struct {
        const char *first, *second, *expected;
    } cases[] = {
        {"", "", ""},
        {"chat", "", "chat "},
        {"chat, v2.chat,v1", "", "chat v2.chat v1 "},
        {",, chat ,,\tb ,", "", "chat b "},
        {"a, b", "c", "a b c "},
        {"", "c,d", "c d "},
        {"a, a", "A", "a a A "},
        {"b          x", "", ""},
        {"a, b c", "d", ""},
        {"a", "b, \xc3\xa9", ""},
        {"a, \"b\"", "", ""},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct yd_http_field fields[] = {
            {YODEL_STR("Sec-WebSocket-Protocol"), yodel_str_of(cases[i].first)},
            {YODEL_STR("X-Sec-WebSocket-Protocol"), YODEL_STR("other")},
            {YODEL_STR("sec-websocket-protocol"), yodel_str_of(cases[i].second)},
        };
        const struct yd_http_head head = {.fields = fields, .num_fields = 3};

        expect_subprotocols(&head, cases[i].expected);
    }
    expect_subprotocols(&(const struct yd_http_head){.num_fields = 0}, "");
}

/* 100 000 offers, and one with as many blanks inside. */
static void test_ws_handshake_long_lists_are_cheap(void **state)
{
    size_t len = 200000, n = 0;
    char *text = malloc(len);
    struct yd_http_field field = {YODEL_STR("Sec-WebSocket-Protocol"), {text, len}};
    const struct yd_http_head head = {.fields = &field, .num_fields = 1};

    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = i % 2 ? ',' : 'a';
    while (yd_ws_subprotocol(&head, n).ptr)
        n++;
    assert_int_equal(n, YD_WS_MAX_SUBPROTOCOLS);
    memset(text + 1, ' ', len - 2);
    text[len - 1] = 'x';
    assert_null(yd_ws_subprotocol(&head, 0).ptr);
    free(text);
}

static void test_ws_handshake_matches_origins(void **state)
{
    static const struct {
        const char *pattern, *yes[6], *no[12];
    } cases[] = {
        {"*", {"https://a.example", "null", "", "https://a https://b", "\xff"}, {NULL}},
        {"https://a.example",
         {"https://a.example", "HTTPS://A.Example", "https://a.example:443"},
         {"http://a.example", "https://a.example:444", "https://b.a.example", "https://a.example.",
          "https://a.example.evil", "https://xa.example", "null", "", "wss://a.example",
          "https://a.example https://a.example", "a.example", "//a.example"}},
        {"http://a.example:8080",
         {"http://a.example:8080"},
         {"http://a.example", "https://a.example:8080", "http://a.example:80808"}},
        {"//a.example:8443",
         {"https://a.example:8443", "http://a.example:8443"},
         {"https://a.example", "https://a.example:443"}},
        {"a.example:443",
         {"https://a.example", "wss://a.example", "http://a.example:443"},
         {"http://a.example", "foo://a.example"}},
        {"a.example",
         {"https://a.example", "http://A.EXAMPLE:99", "foo://a.example"},
         {"https://b.example", "https://a.example.evil", "https://a.example/", "https://a.example?",
          "https://u@a.example", "https://a.example:", "https://a.example:x",
          "https://a.example:65536", "https://a.example:-1", "https:/a.example", "https:a.example",
          "://a.example"}},
        {"//a.example", {"https://a.example", "http://a.example:99"}, {"https://b.example"}},
        {".example.com",
         {"https://example.com", "http://a.b.example.com:1", "https://A.EXAMPLE.com"},
         {"https://badexample.com", "https://example.com.evil", "https://com",
          "https://.example.com", "https://xample.com"}},
        {"https://.example.com",
         {"https://example.com", "https://a.example.com", "https://a.example.com:443"},
         {"http://a.example.com", "https://a.example.com:444"}},
        {".example.com:8080", {"http://a.example.com:8080"}, {"http://a.example.com"}},
        {"http://[::1]:3000", {"http://[::1]:3000"}, {"http://[::1]", "http://[::2]:3000"}},
        {"[::1]",
         {"http://[::1]", "http://[::1]:3000"},
         {"http://::1", "http://[::1", "http://[]"}},
        {"http://127.0.0.1", {"http://127.0.0.1", "http://127.0.0.1:80"}, {"http://127.0.0.2"}},
        {"chrome-extension://abcdef", {"chrome-extension://abcdef"}, {"https://abcdef"}},
        {"x+1.y-z://a-b_c.example:1",
         {"X+1.Y-Z://A-B_C.example:1"},
         {"x+1.y-z://a-b_c.example", "x_1://a-b_c.example:1", "x+1.y-z://a-b_c.example:65537"}},
        {"wss://a.example:443", {"wss://a.example"}, {"https://a.example"}},
        {"ws://a.example", {"ws://a.example:80"}, {"http://a.example"}},
        {"123", {"http://123", "http://123:4"}, {"http://1234", "http://"}},
        /* patterns that are none */
        {"", {NULL}, {"https://a.example", ""}},
        {"https://", {NULL}, {"https://a.example", "https://"}},
        {"https://a.example/path", {NULL}, {"https://a.example"}},
        {"1https://a", {NULL}, {"1https://a"}},
        {"null", {NULL}, {"null"}},
        {"/", {NULL}, {"/", "https://"}},
        {"a.example:123456", {NULL}, {"https://a.example:123456", "https://a.example"}},
        {"https://*", {NULL}, {"https://a.example", "https://*"}},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        yodel_str pattern = yodel_str_of(cases[i].pattern);

        for (size_t j = 0; j < YD_LEN(cases[i].yes) && cases[i].yes[j]; j++)
            assert_true(yd_ws_origin_matches(yodel_str_of(cases[i].yes[j]), pattern));
        for (size_t j = 0; j < YD_LEN(cases[i].no) && cases[i].no[j]; j++)
            assert_false(yd_ws_origin_matches(yodel_str_of(cases[i].no[j]), pattern));
    }
    assert_false(yd_ws_origin_matches((yodel_str){NULL, 0}, YODEL_STR("a.example")));
    assert_false(yd_ws_origin_matches(YODEL_STR("https://a.example\0"), YODEL_STR("a.example")));
}

static void same_host(const char *origin, const char *host, bool is_tls, bool wanted)
{
    assert_int_equal(yd_ws_origin_is_same_host(yodel_str_of(origin), yodel_str_of(host), is_tls),
                     wanted);
}

static void test_ws_origin_of_the_same_host(void **state)
{
    same_host("https://a.example", "a.example", true, true);
    same_host("https://A.Example", "a.example:443", true, true);
    same_host("https://a.example:443", "a.example", true, true);
    same_host("http://a.example", "a.example:80", false, true);
    same_host("http://[::1]:8080", "[::1]:8080", false, true);
    same_host("https://a.example:8443", "a.example", true, false);
    same_host("http://a.example", "a.example", true, false);
    same_host("https://a.example", "a.example", false, false);
    same_host("https://b.example", "a.example", true, false);
    same_host("https://x.a.example", "a.example", true, false);
    same_host("a.example", "a.example", true, false);
    same_host("null", "a.example", true, false);
    same_host("", "", false, false);
    same_host("https://a.example", "", true, false);
    same_host("https://.a.example", ".a.example", true, true); /* whatever it is, it is the same */
    same_host("https://a.example", "a.example:99999", true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_origin_of_the_same_host),
        cmocka_unit_test(test_ws_handshake_takes_upgrades),
        cmocka_unit_test(test_ws_handshake_gives_the_key),
        cmocka_unit_test(test_ws_handshake_leaves_plain_requests),
        cmocka_unit_test(test_ws_handshake_refuses_other_methods),
        cmocka_unit_test(test_ws_handshake_refuses_other_versions),
        cmocka_unit_test(test_ws_handshake_refuses_bad_keys),
        cmocka_unit_test(test_ws_handshake_key_ends_are_the_canonical_ones),
        cmocka_unit_test(test_ws_handshake_refuses_bodies),
        cmocka_unit_test(test_ws_handshake_lists_subprotocols),
        cmocka_unit_test(test_ws_handshake_long_lists_are_cheap),
        cmocka_unit_test(test_ws_handshake_matches_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
