/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "net/caller.h"
#include "proto/forwarded.h"
#include "tls_sim.h"
#include "ws_sim.h"

#include <cmocka.h>

/* Clients that are known by their proxies' words, and the limits of each.  On a simulated loop
 * every peer is "unix". */

#define GET "GET /who HTTP/1.1\r\nHost: h:81\r\n"
#define WS                                                                                         \
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"                 \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V1 "PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\n"

static struct failmem fm;
static struct ws_sim sim;
static struct yd_trust *trust;
static struct yd_limits *limits;
static unsigned num_messages;

static void answer_who(yodel_request *req, void *user)
{
    yodel_str peer = yodel_request_peer(req), scheme = yodel_request_scheme(req);
    yodel_str host = yodel_request_host(req), tag = yodel_request_listener_tag(req);
    char text[300];

    (void)user;
    (void)snprintf(text, sizeof text, "%" YODEL_PRI " %" YODEL_PRI " %" YODEL_PRI " %" YODEL_PRI,
                   YODEL_ARG(peer), YODEL_ARG(scheme), YODEL_ARG(host), YODEL_ARG(tag));
    (void)yodel_request_reply_text(req, 200, NULL, yodel_str_of(text));
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)ws;
    (void)message;
    (void)user;
    num_messages++;
    return 0;
}

static int add_routes(void)
{
    static const char *const origins[] = {YODEL_ORIGIN_SAME_HOST, NULL};
    static const yodel_ws_options options = {.size = sizeof options, .origins = origins};
    static const yodel_ws_handlers plain = {.size = sizeof plain, .on_message = on_message};
    static const yodel_ws_handlers same = {
        .size = sizeof same, .on_message = on_message, .options = &options};
    int rc = yd_http_route(&sim.hs.http, "/who", answer_who, NULL);

    if (rc == 0)
        rc = yd_ws_route(&sim.service, &sim.hs.http, "/ws", &plain, NULL);
    return rc == 0 ? yd_ws_route(&sim.service, &sim.hs.http, "/same", &same, NULL) : rc;
}

static int setup(void **state)
{
    (void)state;
    failmem_init(&fm, 0);
    num_messages = 0;
    assert_int_equal(ws_sim_start(&sim, &fm.mem), 0);
    assert_int_equal(add_routes(), 0);
    trust = calloc(1, sizeof *trust + 2 * sizeof trust->ranges[0]);
    trust->num = 2;
    assert_true(yd_ip_range_parse(YODEL_STR("unix"), &trust->ranges[0]));
    assert_true(yd_ip_range_parse(YODEL_STR("10.0.0.0/8"), &trust->ranges[1]));
    sim.hs.front.trust = trust;
    sim.hs.front.tag = "public";
    sim.hs.front.forwarded = YD_FORWARDED_FOR | YD_FORWARDED_PROTO | YD_FORWARDED_HOST;
    sim.hs.net.options.header_ms = 1000;
    return 0;
}

static int teardown(void **state)
{
    struct yd_tls *tls = sim.hs.front.tls;

    (void)state;
    ws_sim_stop(&sim);
    yd_limits_free(limits);
    limits = NULL;
    yd_tls_free(tls);
    free(trust);
    failmem_assert_empty(&fm);
    return 0;
}

static void limit(struct yd_limits_options options)
{
    static const uint64_t secret[2] = {1, 2};

    options.secret = secret;
    assert_non_null(limits = yd_limits_new(&fm.mem, &options));
    sim.hs.net.options.limits = limits;
}

static uint64_t counter(const atomic_uint_least64_t *value)
{
    return atomic_load(value);
}

#define COUNT(name) counter(&sim.hs.loop->counters.name)

static void expect(const char *request, const char *answer)
{
    struct sim_peer *peer = http_sim_ask(&sim.hs, request);

    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), answer);
}

/* ---- forwarded fields ---- */

static void test_proxied_fields_of_a_trusted_peer(void **state)
{
    expect(GET "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
               "X-Forwarded-Host: a.example\r\n\r\n",
           "192.0.2.1 https a.example public");
    expect(GET "X-Forwarded-For: 2001:db8::1, 10.1.1.1\r\n\r\n", "[2001:db8::1] http h:81 public");
    expect(GET "X-Forwarded-For: unknown\r\n\r\n", "unknown http h:81 public");
    expect(GET "\r\n", "unix http h:81 public"); /* L13 */
}

static void test_proxied_fields_of_others(void **state)
{
    sim.hs.front.trust = NULL;
    expect(GET "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
               "X-Forwarded-Host: a.example\r\nForwarded: for=1.2.3.4;proto=https\r\n\r\n",
           "unix http h:81 public");
}

static void test_proxied_origins_of_the_same_host(void **state)
{
    static const struct {
        const char *headers;
        int status;
    } cases[] = {
        {"Origin: http://localhost\r\n", 101},
        {"Origin: https://localhost\r\n", 403},
        {"Origin: https://localhost\r\nX-Forwarded-Proto: https\r\n", 101},
        {"Origin: https://a.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\n",
         101},
        {"Origin: https://evil.example\r\nX-Forwarded-Proto: https\r\n", 403},
        {"", 403},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        char text[500];

        (void)snprintf(text, sizeof text,
                       "GET /same HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                       cases[i].headers);
        http_sim_assert_status(http_sim_ask(&sim.hs, text), cases[i].status);
    }
}

/* ---- PROXY ---- */

static void test_proxied_by_version_1(void **state)
{
    struct sim_peer *peer;

    sim.hs.front.proxy_protocol = true;
    expect(V1 GET "\r\n", "192.0.2.1:4711 http h:81 public");
    expect("PROXY UNKNOWN\r\n" GET "\r\n", "unix http h:81 public");
    /* The header tells a proxy that is trusted, too. */
    expect("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" GET "X-Forwarded-For: 192.0.2.9\r\n\r\n",
           "192.0.2.9 http h:81 public");
    expect(V1 GET "X-Forwarded-For: 6.6.6.6\r\n\r\n", "192.0.2.1:4711 http h:81 public");
    peer = sim_connect(sim.hs.loop);
    peer->chop = 1;
    sim_send_text(peer, V1 GET "\r\n");
    sim_run(sim.hs.loop);
    assert_string_equal(http_sim_body(peer), "192.0.2.1:4711 http h:81 public");
}

/* L11 */
static void test_proxied_by_version_2_local(void **state)
{
    static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x10"
                                "\xc0\0\2\1\xc6\x33\x64\1\0\1\0\2\4\0\1x" GET "\r\n";
    static const char tls[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14"
                              "\xc0\0\2\1\xc6\x33\x64\1\0\1\0\2\x20\0\5\1\0\0\0\0" GET "\r\n";
    struct sim_peer *peer = NULL;

    sim.hs.front.proxy_protocol = true;
    for (size_t chop = 0; chop < 4; chop++) {
        peer = sim_connect(sim.hs.loop);
        peer->chop = chop;
        sim_send(peer, local, sizeof local - 1);
        sim_run(sim.hs.loop);
        http_sim_assert_status(peer, 200);
        assert_string_equal(http_sim_body(peer), "unix http h:81 public");
    }
    peer = sim_connect(sim.hs.loop);
    sim_send(peer, tls, sizeof tls - 1);
    sim_run(sim.hs.loop);
    assert_string_equal(http_sim_body(peer), "192.0.2.1:1 https h:81 public");
}

/* L12 */
static void test_proxied_without_a_header_is_closed(void **state)
{
    struct sim_peer *peer;

    sim.hs.front.proxy_protocol = true;
    peer = http_sim_ask(&sim.hs, GET "\r\n");
    assert_string_equal(sim_received(peer), "");
    assert_true(sim_is_closed(peer));
    assert_non_null(strstr(sim.hs.log, "PROXY"));
    assert_int_equal(COUNT(proxy_refused), 1);
    peer = http_sim_ask(&sim.hs, "PROXY TCP4 192.0.");
    sim_advance(sim.hs.loop, 900);
    assert_false(sim_is_closed(peer));
    sim_advance(sim.hs.loop, 200);
    assert_true(sim_is_closed(peer));
    assert_string_equal(sim_received(peer), "");
    assert_int_equal(COUNT(proxy_refused), 2);
    peer = sim_connect(sim.hs.loop);
    sim_run(sim.hs.loop);
    sim_advance(sim.hs.loop, 1100);
    assert_true(sim_is_closed(peer));
    assert_int_equal(COUNT(proxy_refused), 3);
    sim.hs.front.trust = NULL;
    peer = http_sim_ask(&sim.hs, V1 GET "\r\n");
    assert_true(sim_is_closed(peer));
    assert_string_equal(sim_received(peer), "");
    assert_int_equal(COUNT(proxy_refused), 4);
}

static void test_proxied_connections_that_end_early(void **state)
{
    struct sim_peer *peer;

    sim.hs.front.proxy_protocol = true;
    peer = sim_connect(sim.hs.loop);
    sim_end(peer); /* a balancer looks */
    sim_run(sim.hs.loop);
    assert_true(sim_is_closed(peer));
    peer = http_sim_ask(&sim.hs, "PROXY ");
    sim_break(peer, -ECONNRESET);
    sim_run(sim.hs.loop);
    assert_true(sim_is_closed(peer));
    peer = http_sim_ask(&sim.hs, "PROXY ");
    yd_net_stop(&sim.hs.net);
    sim_run(sim.hs.loop);
    assert_true(sim_is_closed(peer));
    assert_int_equal(COUNT(proxy_refused), 0);
}

static void test_proxied_ahead_of_tls(void **state)
{
    for (size_t chop = 0; chop < 2; chop++) {
        struct sim_peer *peer;
        struct tls_sim tls;

        if (chop == 0)
            sim.hs.front.tls = tls_sim_server(&fm.mem, &sim.hs.sink);
        sim.hs.front.proxy_protocol = true;
        peer = sim_connect(sim.hs.loop);
        peer->chop = chop;
        sim_send_text(peer, V1);
        tls_sim_start(&tls, peer);
        sim_send_text(&tls.plain, GET "\r\n");
        tls_sim_run(&tls, sim.hs.loop);
        http_sim_assert_status(&tls.plain, 200);
        assert_string_equal(http_sim_body(&tls.plain), "192.0.2.1:4711 https h:81 public");
        tls_sim_stop(&tls);
    }
    assert_true(sim_is_closed(http_sim_ask(&sim.hs, "\x16\x03\x01")));
}

static void test_proxied_without_memory(void **state)
{
    ws_sim_stop(&sim);
    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;
        bool served, closed;

        failmem_pause(&fm);
        assert_int_equal(ws_sim_start(&sim, &fm.mem), 0);
        assert_int_equal(add_routes(), 0);
        sim.hs.front.trust = trust;
        sim.hs.front.proxy_protocol = true;
        limit((struct yd_limits_options){.connections = 1});
        failmem_resume(&fm);
        peer = http_sim_ask(&sim.hs, V1 GET "\r\n");
        served = strstr(sim_received(peer), "192.0.2.1:4711") != NULL;
        closed = sim_is_closed(peer) || strstr(sim_received(peer), "HTTP/1.1 50") != NULL;
        failmem_assert_whole(&fm, served ? 0 : -ENOMEM, served, closed);
        ws_sim_stop(&sim);
        yd_limits_free(limits);
        limits = NULL;
    }
    failmem_init(&fm, 0);
    assert_int_equal(ws_sim_start(&sim, &fm.mem), 0);
}

/* ---- limits ---- */

static struct sim_peer *ask_for(const char *request, const char *client)
{
    char text[500];

    (void)snprintf(text, sizeof text, "%sX-Forwarded-For: %s\r\n\r\n", request, client);
    return http_sim_ask(&sim.hs, text);
}

static struct sim_peer *ask_from(const char *request, const char *client)
{
    char text[500];

    (void)snprintf(text, sizeof text, "PROXY TCP%s %s %s 1 2\r\n%s\r\n",
                   strchr(client, ':') != NULL ? "6" : "4", client, client, request);
    return http_sim_ask(&sim.hs, text);
}

/* L14: clients of one proxy are clients of their own, and their WebSockets count. */
static void test_limits_count_the_real_client(void **state)
{
    struct sim_peer *peers[50], *peer;

    limit((struct yd_limits_options){.connections = 5});
    for (int i = 0; i < 50; i++) {
        char client[20];

        (void)snprintf(client, sizeof client, "192.0.2.%d", i);
        peers[i] = ask_for(WS, client);
        http_sim_assert_status(peers[i], 101);
    }
    for (int i = 0; i < 4; i++)
        http_sim_assert_status(ask_for(WS, "192.0.2.7"), 101);
    peer = ask_for(WS, "192.0.2.7");
    http_sim_assert_status(peer, 429);
    assert_string_equal(http_sim_header(peer, "Retry-After"), "1");
    assert_non_null(strstr(sim.hs.log, "192.0.2.7"));
    assert_int_equal(COUNT(limited_connections), 1);
    http_sim_assert_status(ask_for(GET, "::ffff:192.0.2.7"), 429);
    sim_break(peers[7], -ECONNRESET); /* the slot comes back */
    sim_run(sim.hs.loop);
    http_sim_assert_status(ask_for(WS, "192.0.2.7"), 101);
    http_sim_assert_status(ask_for(WS, "192.0.2.7"), 429);
    http_sim_assert_status(http_sim_ask(&sim.hs, GET "\r\n"), 200); /* the proxy itself */
}

/* A request through a proxy counts while it lasts, not the proxy's connection after that. */
static void test_limits_of_requests_by_a_proxy(void **state)
{
    struct sim_peer *peer = sim_connect(sim.hs.loop);

    limit((struct yd_limits_options){.connections = 1});
    for (int i = 0; i < 5; i++) {
        sim_send_text(peer, GET "X-Forwarded-For: 192.0.2.1\r\n\r\n");
        sim_run(sim.hs.loop);
        http_sim_assert_status(peer, 200);
        sim_forget(peer);
        http_sim_assert_status(ask_for(GET, "192.0.2.1"), 200);
    }
    http_sim_assert_status(ask_for(WS, "192.0.2.1"), 101);
    sim_send_text(peer, GET "X-Forwarded-For: 192.0.2.1\r\n\r\n");
    sim_run(sim.hs.loop);
    http_sim_assert_status(peer, 429);
    http_sim_assert_open(peer); /* it has other clients */
}

/* L14 */
static void test_limits_of_a_network_of_ipv6(void **state)
{
    sim.hs.front.proxy_protocol = true;
    limit((struct yd_limits_options){.connections = 5});
    for (int i = 0; i < 200; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "2001:db8:0:1::%x", i + 1);
        http_sim_assert_status(ask_from(WS, client), i < 5 ? 101 : 429);
        if (i == 60)
            break; /* more than so many answers a second there are not */
    }
    http_sim_assert_status(ask_from(WS, "2001:db8:0:2::1"), 101);
    http_sim_assert_status(ask_from(WS, "::ffff:192.0.2.1"), 101);
    for (int i = 0; i < 4; i++)
        http_sim_assert_status(ask_from(WS, "192.0.2.1"), 101);
    http_sim_assert_status(ask_from(WS, "::ffff:192.0.2.1"), 429);
}

static void test_limits_answer_a_flood_sparingly(void **state)
{
    int answered = 0;

    sim.hs.front.proxy_protocol = true;
    limit((struct yd_limits_options){.connections = 1});
    http_sim_assert_status(ask_from(WS, "192.0.2.1"), 101);
    for (int i = 0; i < 200; i++) {
        struct sim_peer *peer = ask_from(WS, "192.0.2.1");

        answered += sim_received_len(peer) > 0;
        assert_true(sim_is_shut(peer) || sim_is_closed(peer));
    }
    assert_int_equal(answered, 64);
    assert_int_equal(COUNT(limited_connections), 200);
    sim_advance(sim.hs.loop, 1000);
    http_sim_assert_status(ask_from(WS, "192.0.2.1"), 429);
}

/* L14: after a reset, a TLS handshake that failed, an upgrade that was refused. */
static void test_limits_give_every_slot_back(void **state)
{
    struct sim_peer *peer;

    sim.hs.front.proxy_protocol = true;
    limit((struct yd_limits_options){.connections = 1, .handshakes = 1});
    peer = ask_from("GET / HTTP", "192.0.2.1");
    sim_break(peer, -ECONNRESET);
    sim_run(sim.hs.loop);
    peer = ask_from("GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", "192.0.2.1");
    http_sim_assert_status(peer, 404);
    sim_end(peer);
    sim_run(sim.hs.loop);
    peer = ask_from("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Version: 7\r\n",
                    "192.0.2.1");
    http_sim_assert_status(peer, 426);
    sim_end(peer);
    sim_run(sim.hs.loop);
    sim.hs.front.tls = tls_sim_server(&fm.mem, &sim.hs.sink);
    peer = ask_from("no TLS at all", "192.0.2.1");
    sim_end(peer);
    sim_run(sim.hs.loop);
    assert_true(sim_is_closed(peer));
    yd_tls_free(sim.hs.front.tls);
    sim.hs.front.tls = NULL;
    http_sim_assert_status(ask_from(WS, "192.0.2.1"), 101);
    assert_int_equal(COUNT(limited_connections), 0);
    assert_int_equal(COUNT(limited_handshakes), 0);
}

static void test_limits_of_handshakes(void **state)
{
    struct sim_peer *slow[2], *peer;

    sim.hs.front.proxy_protocol = true;
    limit((struct yd_limits_options){.handshakes = 2});
    for (int i = 0; i < 20; i++) /* whole ones do not count */
        http_sim_assert_status(ask_from(WS, "192.0.2.1"), 101);
    for (int i = 0; i < 2; i++)
        slow[i] = http_sim_ask(&sim.hs, V1 "GET / HTTP");
    peer = ask_from(WS, "192.0.2.1");
    http_sim_assert_status(peer, 429);
    assert_int_equal(COUNT(limited_handshakes), 1);
    http_sim_assert_status(ask_from(WS, "192.0.2.2"), 101);
    sim_send_text(slow[0], "/1.1\r\nHost: h\r\n\r\n");
    sim_run(sim.hs.loop);
    http_sim_assert_status(slow[0], 404);
    http_sim_assert_status(ask_from(WS, "192.0.2.1"), 101);
    sim_advance(sim.hs.loop, 1100); /* the other one's time is over */
    http_sim_assert_status(ask_from(WS, "192.0.2.1"), 101);
}

/* One that begins TLS and says no more holds a slot; the next is dropped ahead of TLS, unanswered.
 */
static void test_limits_of_handshakes_of_tls(void **state)
{
    struct sim_peer *slow, *next, *other;
    struct tls_sim tls;

    sim.hs.front.proxy_protocol = true;
    sim.hs.front.tls = tls_sim_server(&fm.mem, &sim.hs.sink);
    limit((struct yd_limits_options){.handshakes = 1});
    slow = http_sim_ask(&sim.hs, V1 "\x16\x03\x01");
    next = http_sim_ask(&sim.hs, V1 "\x16\x03\x01");
    assert_true(sim_is_closed(next));
    assert_int_equal(sim_received_len(next), 0);
    assert_int_equal(COUNT(limited_handshakes), 1);
    other = http_sim_ask(&sim.hs, "PROXY TCP4 192.0.2.2 1.2.3.4 1 2\r\n\x16");
    assert_false(sim_is_closed(other));
    sim_advance(sim.hs.loop, 1100);
    assert_true(sim_is_closed(slow));
    next = http_sim_ask(&sim.hs, V1);
    tls_sim_start(&tls, next);
    sim_send_text(&tls.plain, GET "\r\n");
    tls_sim_run(&tls, sim.hs.loop);
    http_sim_assert_status(&tls.plain, 200);
    http_sim_ask(&sim.hs, V1 "\x16\x03\x01"); /* whole ones do not count */
    assert_int_equal(COUNT(limited_handshakes), 1);
    tls_sim_stop(&tls);
}

/* ---- messages ---- */

static void send_texts(struct sim_peer *peer, int num)
{
    for (int i = 0; i < num; i++)
        ws_sim_text(peer, "x");
    sim_run(sim.hs.loop);
}

static void test_limits_of_messages_of_a_connection(void **state)
{
    struct sim_peer *peer;

    limit((struct yd_limits_options){.conn_messages = 10});
    peer = ws_sim_open(&sim, "/ws");
    for (int i = 0; i < 5; i++) {
        send_texts(peer, 10);
        sim_advance(sim.hs.loop, 1000);
    }
    assert_int_equal(num_messages, 50);
    sim_forget(peer);
    send_texts(peer, 12);
    assert_int_equal(num_messages, 60);
    assert_int_equal(COUNT(limited_messages), 1);
    ws_sim_expect_close(peer, 1008);
    peer = ws_sim_open(&sim, "/ws");
    for (int i = 0; i < 11; i++)
        ws_sim_frame(peer, 0x89, "", 0); /* pings are answered, so they count */
    sim_run(sim.hs.loop);
    for (int i = 0; i < 10; i++)
        ws_sim_expect(peer, 0x8a, "", 0);
    ws_sim_expect_close(peer, 1008);
}

static void test_limits_of_messages_of_a_client(void **state)
{
    struct sim_peer *a, *b, *c;

    limit((struct yd_limits_options){.messages = 10});
    a = ask_for(WS, "192.0.2.1");
    b = ask_for(WS, "192.0.2.1");
    c = ask_for(WS, "192.0.2.2");
    send_texts(a, 6);
    send_texts(c, 10);
    send_texts(b, 4);
    assert_int_equal(num_messages, 20);
    assert_int_equal(COUNT(limited_messages), 0);
    send_texts(b, 1);
    assert_int_equal(num_messages, 20);
    assert_int_equal(http_sim_count(b, "too many messages"), 1);
    sim_advance(sim.hs.loop, 1000);
    send_texts(a, 10);
    assert_int_equal(num_messages, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_proxied_fields_of_a_trusted_peer),
        FIXTURE_TEST(test_proxied_fields_of_others),
        FIXTURE_TEST(test_proxied_origins_of_the_same_host),
        FIXTURE_TEST(test_proxied_by_version_1),
        FIXTURE_TEST(test_proxied_by_version_2_local),
        FIXTURE_TEST(test_proxied_without_a_header_is_closed),
        FIXTURE_TEST(test_proxied_connections_that_end_early),
        FIXTURE_TEST(test_proxied_ahead_of_tls),
        FIXTURE_TEST(test_proxied_without_memory),
        FIXTURE_TEST(test_limits_count_the_real_client),
        FIXTURE_TEST(test_limits_of_requests_by_a_proxy),
        FIXTURE_TEST(test_limits_of_a_network_of_ipv6),
        FIXTURE_TEST(test_limits_answer_a_flood_sparingly),
        FIXTURE_TEST(test_limits_give_every_slot_back),
        FIXTURE_TEST(test_limits_of_handshakes),
        FIXTURE_TEST(test_limits_of_handshakes_of_tls),
        FIXTURE_TEST(test_limits_of_messages_of_a_connection),
        FIXTURE_TEST(test_limits_of_messages_of_a_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
