/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "failmem.h"
#include "net/limits.h"
#include "net/rates.h"

#include <cmocka.h>

static const uint64_t secret[2] = {5, 6};

static struct yd_ip ip_of(const char *text)
{
    struct yd_ip ip;

    assert_true(yd_ip_parse(yodel_str_of(text), &ip));
    return ip;
}

static void test_limits_of_a_client(void **state)
{
    struct yd_limits_options options = {.connections = 3, .handshakes = 2, .secret = secret};
    struct yd_ip one = ip_of("192.0.2.1"), two = ip_of("192.0.2.2"), none = {.kind = YD_IP_UNIX};
    struct yd_limited *clients[3], *other, *nobody = (void *)&none;
    struct yd_limits *limits = yd_limits_new(&yd_mem_default, &options);

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(yd_limits_enter(limits, &one, true, &clients[i]), 0);
    assert_int_equal(yd_limits_enter(limits, &one, true, &clients[2]), YD_REFUSED_HANDSHAKE);
    assert_int_equal(yd_limits_enter(limits, &two, true, &other), 0);
    yd_limits_leave(limits, other, true);
    yd_limits_arrived(limits, clients[0]);
    assert_int_equal(yd_limits_enter(limits, &one, true, &clients[2]), 0);
    assert_ptr_equal(clients[0], clients[2]);
    assert_true(yd_limits_is(clients[0], &one));
    assert_false(yd_limits_is(clients[0], &two));
    assert_false(yd_limits_is(clients[0], &none));
    assert_int_equal(yd_limits_enter(limits, &one, false, &other), YD_REFUSED_CONNECTION);
    yd_limits_leave(limits, clients[1], true);
    yd_limits_leave(limits, clients[2], true);
    yd_limits_leave(limits, clients[0], false);
    for (int i = 0; i < 10; i++) { /* those without an address have no limit */
        assert_int_equal(yd_limits_enter(limits, &none, true, &nobody), 0);
        assert_null(nobody);
    }
    yd_limits_free(limits);
}

static void test_limits_of_messages_begin_anew_each_second(void **state)
{
    struct yd_limits_options options = {.messages = 3, .secret = secret};
    struct yd_limits *limits = yd_limits_new(&yd_mem_default, &options);
    struct yd_ip ip = ip_of("::1");
    struct yd_limited *client;

    (void)state;
    assert_int_equal(yd_limits_enter(limits, &ip, false, &client), 0);
    for (uint64_t second = 1; second < 4; second++) {
        for (int i = 0; i < 3; i++)
            assert_true(yd_limits_message(limits, client, 1000 * second + 999));
        assert_false(yd_limits_message(limits, client, 1000 * second));
        assert_false(yd_limits_message(limits, client, 1000 * second - 1)); /* a slow clock */
    }
    yd_limits_leave(limits, client, false);
    yd_limits_free(limits);
}

static void test_limits_without_memory(void **state)
{
    struct yd_limits_options options = {.connections = 1, .secret = secret};
    struct yd_ip ip = ip_of("192.0.2.1");
    struct failmem fm;

    (void)state;
    FAILMEM_LOOP(&fm)
    {
        struct yd_limits *limits = yd_limits_new(&fm.mem, &options);
        struct yd_limited *client = NULL;
        int rc = limits != NULL ? yd_limits_enter(limits, &ip, true, &client) : -ENOMEM;

        failmem_assert_whole(&fm, rc, client != NULL, client == NULL);
        if (rc == 0)
            yd_limits_leave(limits, client, true);
        yd_limits_free(limits);
    }
}

/* ---- on several threads ---- */

#define NUM_THREADS 4
#define ROUNDS 5000
#define MOST 3

static struct yd_limits *shared;
static atomic_int inside[8], most_inside;

static void visit(unsigned number)
{
    struct yd_ip ip = {.kind = YD_IP_V4, .bytes = {10, 0, 0, (uint8_t)(number % 8)}};
    struct yd_limited *client;
    int now, before;

    if (yd_limits_enter(shared, &ip, true, &client) != 0)
        return;
    now = atomic_fetch_add(&inside[number % 8], 1) + 1;
    before = atomic_load(&most_inside);
    while (now > before && !atomic_compare_exchange_weak(&most_inside, &before, now))
        ;
    (void)yd_limits_message(shared, client, number);
    if (number % 3 == 0)
        yd_limits_arrived(shared, client);
    atomic_fetch_sub(&inside[number % 8], 1);
    yd_limits_leave(shared, client, number % 3 != 0);
}

static void *visit_all(void *seed)
{
    unsigned number = (unsigned)(uintptr_t)seed;

    for (int i = 0; i < ROUNDS; i++)
        visit(number = number * 1103515245u + 12345u + (unsigned)i);
    return NULL;
}

static void test_limits_hold_on_several_threads(void **state)
{
    struct yd_limits_options options = {
        .connections = MOST, .handshakes = MOST, .messages = 10, .secret = secret};
    pthread_t threads[NUM_THREADS];
    struct failmem fm;

    (void)state;
    failmem_init(&fm, 0);
    shared = yd_limits_new(&fm.mem, &options);
    for (uintptr_t i = 0; i < NUM_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit_all, (void *)(i * 77)), 0);
    for (int i = 0; i < NUM_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(atomic_load(&most_inside) <= MOST);
    yd_limits_free(shared);
    failmem_assert_empty(&fm); /* every entry has gone with its last slot */
}

/* L14: 200 addresses of one network of 64 bits are one client; a mapped address is IPv4's. */
static void test_limits_of_a_network(void **state)
{
    struct yd_limits_options options = {.connections = 5, .secret = secret};
    struct yd_limits *limits = yd_limits_new(&yd_mem_default, &options);
    struct yd_ip beside = ip_of("2001:db8:1:3::1"), v4 = ip_of("1.2.3.4");
    struct yd_limited *clients[6], *other;
    size_t num = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        char text[64];
        struct yd_ip ip;
        int rc;

        (void)snprintf(text, sizeof text, "2001:db8:1:2:%x:%x:%x:%x", i, 7 * i, 65535 - i, i + 1);
        ip = ip_of(text);
        rc = yd_limits_enter(limits, &ip, false, &other);
        assert_int_equal(rc, num < 5 ? 0 : YD_REFUSED_CONNECTION);
        if (rc == 0)
            clients[num++] = other;
    }
    assert_int_equal(yd_limits_enter(limits, &beside, false, &clients[num]), 0);
    yd_limits_leave(limits, clients[num], false);
    while (num > 0)
        yd_limits_leave(limits, clients[--num], false);
    for (; num < 5; num++) {
        struct yd_ip ip = num % 2 == 0 ? ip_of("::ffff:1.2.3.4") : v4;

        assert_int_equal(yd_limits_enter(limits, &ip, false, &clients[num]), 0);
        assert_ptr_equal(clients[num], clients[0]);
    }
    assert_int_equal(yd_limits_enter(limits, &v4, false, &other), YD_REFUSED_CONNECTION);
    while (num > 0)
        yd_limits_leave(limits, clients[--num], false);
    yd_limits_free(limits);
}

/* ---- connections that come ---- */

static struct yd_rates *rates_of(const struct yodel_allocator *mem, unsigned of_server,
                                 unsigned of_client)
{
    return yd_rates_new(
        mem, &(struct yd_rates_options){
                 .server = of_server, .client = of_client, .period_ms = 500, .secret = secret});
}

static struct yd_ip client_ip(unsigned number)
{
    uint8_t bytes[4] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

    return yd_ip_of_bytes(bytes, 4, 1);
}

static void test_rates_of_a_server(void **state)
{
    struct yd_rates *rates = rates_of(&yd_mem_default, 3, 0);
    struct yd_ip ip = client_ip(1);

    assert_non_null(rates);
    for (uint64_t now = 1000; now < 3000; now += 500) {
        for (int i = 0; i < 3; i++)
            assert_true(yd_rates_server(rates, now + 499));
        assert_false(yd_rates_server(rates, now));
        assert_false(yd_rates_server(rates, now - 1)); /* a slow clock */
    }
    assert_true(yd_rates_client(rates, &ip, 0));
    yd_rates_free(rates);
}

/* Each for itself, also when they are many, and with nothing of theirs open. */
static void test_rates_of_clients(void **state)
{
    struct yd_rates *rates = rates_of(&yd_mem_default, 0, 2);
    struct yd_ip none = {.kind = YD_IP_UNIX}, ip;
    unsigned uncounted = 0;

    assert_non_null(rates);
    for (uint64_t now = 1000; now < 2000; now += 500) {
        for (int round = 0; round < 2; round++)
            for (unsigned i = 0; i < 20000; i++) {
                ip = client_ip(i);
                assert_true(yd_rates_client(rates, &ip, now + i % 500));
            }
        for (unsigned i = 0; i < 20000; i++) {
            ip = client_ip(i);
            uncounted += yd_rates_client(rates, &ip, now);
        }
    }
    assert_in_range(uncounted, 0, 400); /* of sets that are full */
    for (int i = 0; i < 10; i++) {
        assert_true(yd_rates_client(rates, &none, 1000));
        assert_true(yd_rates_server(rates, 1000));
    }
    yd_rates_free(rates);
}

static void test_rates_without_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_rates *rates = rates_of(&fm.mem, 1, 1);

        failmem_assert_whole(&fm, rates != NULL ? 0 : -ENOMEM, rates != NULL, rates == NULL);
        yd_rates_free(rates);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_of_a_client),
        cmocka_unit_test(test_limits_of_messages_begin_anew_each_second),
        cmocka_unit_test(test_limits_of_a_network),
        cmocka_unit_test(test_limits_without_memory),
        cmocka_unit_test(test_limits_hold_on_several_threads),
        cmocka_unit_test(test_rates_of_a_server),
        cmocka_unit_test(test_rates_of_clients),
        cmocka_unit_test(test_rates_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
