/* SPDX-License-Identifier: MIT */
/* Headers that a program adds to the answers with files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "http/static.h"
#include "http_sim.h"

#include <cmocka.h>

static char root[] = "/tmp/yodel-headers-XXXXXX";
static struct failmem fm;
static struct http_sim hs;

static const yodel_header more[YODEL_STATIC_MAX_HEADERS + 1] = {
    {"Content-Security-Policy", "default-src 'self'"},
    {"X-Frame-Options", "DENY"},
    {"A3", "3"},
    {"A4", "4"},
    {"A5", "5"},
    {"A6", "6"},
    {"A7", "7"},
    {"A8", "8"},
    {"A9", "9"}};

static void make_path(char path[100], const char *name)
{
    (void)snprintf(path, 100, "%s/%s", root, name);
}

static int make_tree(void **state)
{
    static const char *const names[] = {"a.js", "a.js.br"};
    char path[100];

    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    for (size_t i = 0; i < YD_LEN(names); i++) {
        FILE *file;

        make_path(path, names[i]);
        if ((file = fopen(path, "w")) == NULL)
            return -1;
        (void)fputs("text", file);
        (void)fclose(file);
    }
    return 0;
}

static int remove_tree(void **state)
{
    char path[100];

    (void)state;
    make_path(path, "a.js");
    (void)unlink(path);
    make_path(path, "a.js.br");
    (void)unlink(path);
    return rmdir(root);
}

static int setup(void **state)
{
    (void)state;
    failmem_init(&fm, 0);
    return http_sim_start(&hs, &fm.mem, 0);
}

static int teardown(void **state)
{
    (void)state;
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

static int add(const yodel_header *headers, size_t num)
{
    return yd_http_static(
        &hs.http, "/", root,
        YODEL_OPTIONS(yodel_static_options, .headers = headers, .num_headers = num));
}

static void test_static_headers(void **state)
{
    struct sim_peer *peer;

    assert_int_equal(add(more, YODEL_STATIC_MAX_HEADERS), 0);
    peer = http_sim_ask(&hs, "GET /a.js HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\n"
                             "Range: bytes=0-1\r\n\r\n");
    http_sim_assert_status(peer, 206);
    assert_string_equal(http_sim_header(peer, "Content-Security-Policy"), "default-src 'self'");
    assert_string_equal(http_sim_header(peer, "A8"), "8");
    assert_string_equal(http_sim_header(peer, "Content-Encoding"), "br");
    assert_string_not_equal(http_sim_header(peer, "Content-Range"), "");
    peer = http_sim_ask(&hs, "GET /nosuch HTTP/1.1\r\nHost: h\r\n\r\n");
    http_sim_assert_status(peer, 404);
    assert_string_equal(http_sim_header(peer, "X-Frame-Options"), "");
}

static void test_static_wrong_headers(void **state)
{
    static const yodel_header wrong[] = {
        {"Content-Length", "1"}, {"a b", "1"}, {"a", "1\n2"}, {NULL, "1"}, {"a", NULL}};

    for (size_t i = 0; i < YD_LEN(wrong); i++)
        assert_int_equal(add(&wrong[i], 1), -EINVAL);
    assert_int_equal(add(more, YODEL_STATIC_MAX_HEADERS + 1), -EINVAL);
    assert_int_equal(add(NULL, 1), -EINVAL);
    assert_int_equal(add(NULL, 0), 0);
}

static void test_static_headers_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        int rc;

        if (http_sim_start(&hs, &fm.mem, 0) < 0)
            continue;
        rc = add(more, 2);
        failmem_pause(&fm);
        failmem_assert_whole(&fm, rc, hs.http.mounts != NULL, hs.http.mounts == NULL);
        failmem_resume(&fm);
        http_sim_stop(&hs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_static_headers),
        FIXTURE_TEST(test_static_wrong_headers),
        cmocka_unit_test(test_static_headers_without_memory),
    };

    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
