/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eio_sim.h"
#include "failmem.h"
#include "http_sim.h"
#include "net/limits.h"
#include "proto/forwarded.h"

#include <cmocka.h>

#include "base/mem.h"

/* Sessions of clients that a trusted proxy names, and messages above their limits. */

static struct failmem fm;
static struct eio_sim sim;
static struct yd_trust *trust;
static struct yd_front front;
static struct yd_limits *limits;

static void start(struct yd_eio_options *options, struct yd_limits_options limit)
{
    static const uint64_t secret[2] = {3, 4};

    limit.secret = secret;
    failmem_init(&fm, 0);
    assert_int_equal(eio_sim_start(&sim, &fm.mem, 2, options), 0);
    assert_non_null(limits = yd_limits_new(&fm.mem, &limit));
    trust = calloc(1, sizeof *trust + sizeof trust->ranges[0]);
    trust->num = 1;
    assert_true(yd_ip_range_parse(YODEL_STR("unix"), &trust->ranges[0]));
    front = (struct yd_front){.trust = trust, .forwarded = YD_FORWARDED_FOR | YD_FORWARDED_PROTO};
    for (unsigned i = 0; i < 2; i++) {
        sim.base.listeners[i].front = &front;
        sim.base.nets[i].options.limits = limits;
    }
}

static int teardown(void **state)
{
    (void)state;
    eio_sim_stop(&sim);
    yd_limits_free(limits);
    free(trust);
    failmem_assert_empty(&fm);
    return 0;
}

static struct sim_peer *ask(unsigned loop, const char *query, const char *headers)
{
    struct sim_peer *peer = sim_connect(sim.base.loops[loop]);
    char text[500];

    (void)snprintf(text, sizeof text,
                   "GET /e/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: a\r\n%s\r\n", query,
                   headers);
    sim_send_text(peer, text);
    eio_sim_run(&sim);
    return peer;
}

static void test_eio_handshake_is_of_the_client(void **state)
{
    const struct yd_eio_handshake *handshake;

    (void)state;
    start(NULL, (struct yd_limits_options){.connections = 5});
    http_sim_assert_status(
        ask(0, "", "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"), 200);
    handshake = yd_eio_handshake(sim.session);
    assert_true(yodel_str_eq(yd_eio_handshake_address(handshake), YODEL_STR("192.0.2.1")));
    assert_true(handshake->secure);
    front.trust = NULL;
    http_sim_assert_status(ask(0, "", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"),
                           200);
    handshake = yd_eio_handshake(sim.session);
    assert_true(yodel_str_eq(yd_eio_handshake_address(handshake), YODEL_STR("unix")));
    assert_false(handshake->secure);
}

static void test_eio_origins_of_the_same_host(void **state)
{
    static const char *const origins[] = {YODEL_ORIGIN_SAME_HOST, NULL};
    struct yd_eio_options options;

    (void)state;
    eio_sim_options(&options);
    options.origins = origins;
    start(&options, (struct yd_limits_options){.connections = 5});
    http_sim_assert_status(ask(0, "", "Origin: http://a\r\n"), 200);
    http_sim_assert_status(ask(0, "", "Origin: http://b\r\n"), 403);
    http_sim_assert_status(ask(0, "", "Origin: https://a\r\n"), 403);
    http_sim_assert_status(ask(0, "", "Origin: https://a\r\nX-Forwarded-Proto: https\r\n"), 200);
}

/* A poll that is moved to the loop of its session goes on counting for its client. */
static void test_eio_polls_of_other_loops_count(void **state)
{
    struct sim_peer *first, *second;
    char headers[] = "X-Forwarded-For: 192.0.2.1\r\n";

    (void)state;
    start(NULL, (struct yd_limits_options){.connections = 1});
    http_sim_assert_status(ask(0, "", headers), 200);
    first = ask(1, eio_sim_sid(&sim), headers);
    assert_int_equal(sim_received_len(first), 0);
    second = ask(0, "", headers);
    http_sim_assert_status(second, 429);
    sim_break(first, -ECONNRESET);
    eio_sim_run(&sim);
    http_sim_assert_status(ask(1, "", headers), 200);
}

static void test_eio_limits_packets(void **state)
{
    struct sim_peer *peer;

    (void)state;
    start(NULL, (struct yd_limits_options){.conn_messages = 3});
    eio_sim_open(&sim, 0);
    peer = eio_sim_say(&sim, "4a\x1e"
                             "4b\x1e"
                             "4c");
    eio_sim_expect(peer, 200, "ok");
    eio_sim_expect_told(&sim, "text:a;text:b;text:c;");
    peer = eio_sim_say(&sim, "4a\x1e"
                             "4b\x1e"
                             "4c\x1e"
                             "4d");
    http_sim_assert_status(peer, 429);
    assert_string_equal(http_sim_header(peer, "Retry-After"), "1");
    eio_sim_expect_told(&sim, "text:a;text:b;text:c;close:transport error;");
    assert_int_equal(atomic_load(&sim.base.loops[0]->counters.limited_messages), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_eio_handshake_is_of_the_client, teardown),
        cmocka_unit_test_teardown(test_eio_origins_of_the_same_host, teardown),
        cmocka_unit_test_teardown(test_eio_polls_of_other_loops_count, teardown),
        cmocka_unit_test_teardown(test_eio_limits_packets, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
