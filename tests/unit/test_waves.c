/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

/* A stop in waves: each tells its share of those that are there, and the last one everybody. */

#define MOST 20

static struct failmem fm;
static struct ws_sim sim;
static struct sim_peer *peers[MOST];
static int num_peers;

static void open_more(int num)
{
    while (num-- > 0)
        peers[num_peers++] = ws_sim_open(&sim, "/ws");
}

static int setup(void **state)
{
    num_peers = 0;
    failmem_init(&fm, 0);
    if (ws_sim_start(&sim, &fm.mem) < 0)
        return -1;
    return yd_ws_route(&sim.service, &sim.hs.http, "/ws", NULL, NULL);
}

static int teardown(void **state)
{
    ws_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static void stop_in(uint32_t waves)
{
    yd_net_hold(&sim.hs.net, waves);
    yd_net_stop(&sim.hs.net);
    sim_run(sim.hs.loop);
}

/* How many were told by the last wave, each once and with 1001. */
static int count_told(void)
{
    int num = 0;

    for (int i = 0; i < num_peers; i++)
        if (sim_received_len(peers[i]) > 0) {
            ws_sim_expect_close(peers[i], 1001);
            ws_sim_expect_nothing(peers[i]);
            ws_sim_close(peers[i], 1001, "");
            sim_end(peers[i]);
            num++;
        }
    sim_run(sim.hs.loop);
    return num;
}

static void expect_wave(bool goes_on, int told)
{
    assert_int_equal(yd_net_wave(&sim.hs.net), goes_on);
    sim_run(sim.hs.loop);
    assert_int_equal(count_told(), told);
}

static void test_waves_tell_a_share_each(void **state)
{
    open_more(10);
    stop_in(4);
    assert_int_equal(count_told(), 0);
    expect_wave(true, 3);
    expect_wave(true, 3);
    expect_wave(true, 2);
    expect_wave(false, 2);
    assert_int_equal(sim.hs.num_connections, 0);
}

static void test_waves_are_empty_when_few_are_there(void **state)
{
    open_more(2);
    stop_in(5);
    expect_wave(true, 1);
    expect_wave(true, 1);
    expect_wave(true, 0);
    expect_wave(true, 0);
    expect_wave(false, 0);
}

/* Those that leave by themselves make the shares of the others smaller. */
static void test_waves_do_not_count_who_has_gone(void **state)
{
    open_more(8);
    stop_in(4);
    expect_wave(true, 2);
    for (int i = 0; i < num_peers; i++)
        if (i % 2 == 0)
            sim_break(peers[i], -ECONNRESET);
    sim_run(sim.hs.loop);
    expect_wave(true, 1);
    expect_wave(true, 1);
    assert_false(yd_net_wave(&sim.hs.net));
    sim_run(sim.hs.loop);
    (void)count_told();
    assert_int_equal(sim.hs.num_connections, 0);
}

/* An HTTP connection is answered once more, as its last, and is in no share after that. */
static void test_waves_answer_who_asks_meanwhile(void **state)
{
    struct sim_peer *late;

    open_more(2);
    late = sim_connect(sim.hs.loop);
    sim_run(sim.hs.loop);
    stop_in(3);
    expect_wave(true, 1);
    sim_send_text(late, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_run(sim.hs.loop);
    http_sim_assert_status(late, 404);
    assert_string_equal(http_sim_header(late, "Connection"), "close");
    sim_end(late);
    expect_wave(true, 1);
    expect_wave(false, 0);
    assert_int_equal(sim.hs.num_connections, 0);
}

/* Without waves everybody is told by the stop. */
static void test_waves_of_no_time(void **state)
{
    open_more(3);
    stop_in(0);
    assert_int_equal(count_told(), 3);
    assert_false(yd_net_wave(&sim.hs.net));
    assert_int_equal(count_told(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_waves_tell_a_share_each),
        FIXTURE_TEST(test_waves_are_empty_when_few_are_there),
        FIXTURE_TEST(test_waves_do_not_count_who_has_gone),
        FIXTURE_TEST(test_waves_answer_who_asks_meanwhile),
        FIXTURE_TEST(test_waves_of_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
