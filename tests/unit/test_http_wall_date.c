/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http_sim.h"

/* ---- a wall clock of the test's own, in place of the C library's ---- */

static struct timespec wall;
static int looks;

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    looks += clock == CLOCK_REALTIME;
    *ret_time = wall;
    return 0;
}

time_t time(time_t *ret_time)
{
    looks++;
    if (ret_time != NULL)
        *ret_time = wall.tv_sec;
    return wall.tv_sec;
}

/* ---- tests ---- */

static void on_hello(yodel_request *req, void *user)
{
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("hello"));
}

static void assert_date(struct http_sim *hs, const char *expected)
{
    struct sim_peer *peer = http_sim_ask(hs, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");

    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_header(peer, "Date"), expected);
}

static void pass(struct http_sim *hs, uint64_t ms)
{
    uint64_t all = (uint64_t)wall.tv_nsec / 1000000 + ms;

    wall.tv_sec += (time_t)(all / 1000);
    wall.tv_nsec = (long)(all % 1000) * 1000000;
    sim_advance(hs->loop, ms);
}

static void test_http_wall_date_is_made_once_a_second(void **state)
{
    struct http_sim hs;

    wall = (struct timespec){784111777, 600 * 1000000};
    looks = 0;
    assert_int_equal(http_sim_start(&hs, &yd_mem_default, 0), 0);
    assert_int_equal(yd_http_route(&hs.http, "/", on_hello, NULL), 0);
    for (int i = 0; i < 10; i++)
        assert_date(&hs, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(looks, 1);
    pass(&hs, 399);
    assert_date(&hs, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(looks, 1);
    pass(&hs, 1);
    assert_date(&hs, "Sun, 06 Nov 1994 08:49:38 GMT");
    assert_date(&hs, "Sun, 06 Nov 1994 08:49:38 GMT");
    assert_int_equal(looks, 2);
    pass(&hs, 86400000);
    assert_date(&hs, "Mon, 07 Nov 1994 08:49:38 GMT");
    assert_int_equal(looks, 3);
    http_sim_stop(&hs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_wall_date_is_made_once_a_second),
    };

    return cmocka_run_group_tests_name("http_wall_date", tests, NULL, NULL);
}
