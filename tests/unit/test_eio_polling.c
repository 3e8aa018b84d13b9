/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "eio/session.h"
#include "eio_ask.h"
#include "failmem.h"

/* ---- data ---- */

static void test_eio_answers_a_poll(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer;

    eio_sim_open(sim, 0);
    assert_int_equal(eio_sim_send(sim, "4one", 0), 0);
    assert_int_equal(eio_sim_send_binary(sim, "abc", 3, 0), 0);
    assert_int_equal(yd_eio_buffered(sim->session), 5 + 6);
    assert_false(yd_eio_is_writable(sim->session));
    assert_int_equal(eio_sim_send(sim, "4lost", YD_EIO_VOLATILE), 0);
    eio_sim_expect(eio_sim_poll(sim), 200,
                   "4one\x1e"
                   "bYWJj");
    assert_int_equal(yd_eio_buffered(sim->session), 0);
    peer = eio_sim_poll(sim);
    assert_int_equal(sim_received_len(peer), 0);
    assert_true(yd_eio_is_writable(sim->session));
    assert_int_equal(eio_sim_send(sim, "4two", YD_EIO_VOLATILE), 0);
    eio_sim_expect(peer, 200, "4two");
    sim_send_text(peer, "GET /e/?EIO=4&transport=polling");
    sim_send_text(peer, eio_sim_sid(sim));
    sim_send_text(peer, " HTTP/1.1\r\nHost: a\r\n\r\n"); /* the connection goes on */
    eio_sim_run(sim);
    assert_int_equal(eio_sim_send(sim, "4three", 0), 0);
    eio_sim_expect(peer, 200, "4three");
}

static void test_eio_gathers_what_a_turn_sends(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll;

    sim->echo = true;
    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    eio_sim_expect(eio_sim_say(sim, "4a\x1e"
                                    "4b\x1e"
                                    "bYWI="),
                   200, "ok");
    eio_sim_expect_told(sim, "text:a;text:b;binary:6162;");
    eio_sim_expect(poll, 200,
                   "4a\x1e"
                   "4b\x1e"
                   "46162");
}

static void test_eio_posts_byte_by_byte(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[0]);
    char text[400];

    eio_sim_open(sim, 0);
    peer->chop = 1;
    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n"
                   "3\r\n4\xc3\xa4\r\n1\r\n\x1e\r\n2\r\n4b\r\n0\r\n\r\n",
                   sim->id);
    sim_send_text(peer, text);
    eio_sim_run(sim);
    eio_sim_expect(peer, 200, "ok");
    assert_string_equal(http_sim_header(eio_sim_say(sim, "4c"), "Content-Type"), "text/html");
    eio_sim_expect_told(sim, "text:\xc3\xa4;text:b;text:c;");
}

/* The session is found when the head is there, and may be gone when the body is. */
static void test_eio_looks_again_for_a_late_body(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[0]);
    char text[400];

    eio_sim_open(sim, 0);
    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Length: 2\r\n\r\n",
                   sim->id);
    sim_send_text(peer, text);
    eio_sim_run(sim);
    sim_send_text(peer, "4a");
    eio_sim_run(sim);
    eio_sim_expect(peer, 200, "ok");
    eio_sim_expect_told(sim, "text:a;");
    sim_send_text(peer, text);
    eio_sim_run(sim);
    yd_eio_end(sim->session, YD_EIO_FORCED_CLOSE);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:forced close;");
    sim_send_text(peer, "4b");
    eio_sim_run(sim);
    eio_sim_expect_error(peer, 1);
    eio_sim_expect_told(sim, "");
}

static void test_eio_closes_on_bad_packets(void **state)
{
    static const char *const bad[] = {"",      "9x",    "abc", "4a\x1e", "\0364a",       "b!!!!",
                                      "4\xff", "4\xc3", "7",   "bYWJ",   "4\xed\xa0\x80"};
    struct eio_sim *sim = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sim_peer *poll;

        eio_sim_open(sim, 0);
        poll = eio_sim_poll(sim);
        eio_sim_expect(eio_sim_say(sim, bad[i]), 200, "ok");
        eio_sim_expect_told(sim, i == 3 ? "text:a;close:parse error;" : "close:parse error;");
        eio_sim_expect(poll, 200, "1");
        expect_gone(sim);
    }
}

static void test_eio_ignores_and_refuses_packets(void **state)
{
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    eio_sim_expect(eio_sim_say(sim, "0\x1e"
                                    "5\x1e"
                                    "6\x1e"
                                    "3\x1e"
                                    "3probe\x1e"
                                    "4a"),
                   200, "ok");
    eio_sim_expect_told(sim, "text:a;");
    eio_sim_expect(eio_sim_say(sim, "2\x1e"
                                    "4b"),
                   200, "ok");
    eio_sim_expect_told(sim, "close:transport error;");
    expect_gone(sim);
}

static void test_eio_refuses_binary_bodies(void **state)
{
    struct eio_sim *sim = *state;
    char query[100];

    eio_sim_open(sim, 0);
    (void)snprintf(query, sizeof query, "?EIO=4&transport=polling&sid=%s", sim->id);
    eio_sim_expect(ask_for(sim, "POST", query,
                           "Content-Type: application/octet-stream\r\nContent-Length: 1\r\n\r\n4"),
                   400, "");
    eio_sim_expect_told(sim, "close:transport error;");
}

static void test_eio_limits_payloads(void **state)
{
    struct eio_sim *sim = *state;
    char body[2002], query[100];

    eio_sim_open(sim, 0);
    memset(body, 'a', sizeof body);
    body[0] = '4';
    body[2001] = '\0';
    eio_sim_expect(eio_sim_say(sim, body), 413, "");
    eio_sim_expect_told(sim, "");
    body[2000] = '\0'; /* of exactly the limit, which is beyond that of the server */
    eio_sim_expect(eio_sim_say(sim, body), 200, "ok");
    sim->base.told.len = 0;
    (void)snprintf(query, sizeof query, "?EIO=4&transport=polling&sid=%s", sim->id);
    eio_sim_expect(ask_for(sim, "POST", query, "Content-Length: 100000000\r\n"), 413, "");
    eio_sim_expect(eio_sim_say(sim, "4b"), 200, "ok"); /* the session lives */
    eio_sim_expect_told(sim, "text:b;");
}

static void test_eio_limits_payloads_in_chunks(void **state)
{
    struct eio_sim *sim = *state;
    char text[4000], body[2001];

    eio_sim_open(sim, 0);
    memset(body, 'a', sizeof body);
    body[2000] = '\0';
    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n7d0\r\n%s\r\n1\r\na\r\n0\r\n\r\n",
                   sim->id, body);
    eio_sim_expect(send_request(sim, text), 413, "");
    eio_sim_expect(eio_sim_say(sim, "4b"), 200, "ok");
    eio_sim_expect_told(sim, "text:b;");
}

/* ---- overlapping requests ---- */

static void test_eio_refuses_a_second_poll(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *first;

    eio_sim_open(sim, 0);
    first = eio_sim_poll(sim);
    eio_sim_expect(eio_sim_poll(sim), 400, "");
    eio_sim_expect(first, 200, "1");
    eio_sim_expect_told(sim, "close:transport error;");
    expect_gone(sim);
}

static struct sim_peer *begin_post(struct eio_sim *sim)
{
    char text[200];

    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Length: 3\r\n\r\n4a",
                   sim->id);
    return send_request(sim, text);
}

static void test_eio_refuses_a_second_post(void **state)
{
    static const char *const bodies[] = {"4b", ""};
    struct eio_sim *sim = *state;

    for (size_t i = 0; i < 2; i++) {
        struct sim_peer *first;

        eio_sim_open(sim, 0);
        first = begin_post(sim);
        eio_sim_expect(eio_sim_say(sim, bodies[i]), 400, "");
        assert_true(sim_is_closed(first));
        assert_int_equal(sim_received_len(first), 0);
        eio_sim_expect_told(sim, "close:transport error;");
        expect_gone(sim);
    }
}

static void test_eio_polls_and_posts_at_once(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post, *poll;

    eio_sim_open(sim, 0);
    post = begin_post(sim);
    poll = eio_sim_poll(sim);
    (void)eio_sim_send(sim, "4x", 0);
    eio_sim_expect(poll, 200, "4x");
    sim_send_text(post, "b");
    eio_sim_run(sim);
    eio_sim_expect(post, 200, "ok");
    eio_sim_expect_told(sim, "text:ab;");
}

static void test_eio_ends_with_its_requests(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer;

    eio_sim_open(sim, 0);
    peer = eio_sim_poll(sim);
    sim_end(peer);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:transport error;");
    eio_sim_open(sim, 0);
    peer = begin_post(sim);
    sim_break(peer, -ECONNRESET);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:transport error;");
    eio_sim_open(sim, 0);
    peer = begin_post(sim);
    eio_sim_advance(sim, 1400); /* it still waits for the pong */
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 100);
    eio_sim_expect_told(sim, "close:ping timeout;");
    sim_send_text(peer, "b"); /* the rest of the body finds nobody */
    eio_sim_run(sim);
    eio_sim_expect_error(peer, 1);
}

/* ---- closing ---- */

static void test_eio_is_closed_by_the_client(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll;

    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    eio_sim_expect(eio_sim_say(sim, "1"), 200, "ok");
    eio_sim_expect(poll, 200, "6");
    eio_sim_expect_told(sim, "close:transport close;");
    expect_gone(sim);
}

static void test_eio_tells_a_poll_of_the_end(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll;

    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    yd_eio_close(sim->session, YD_EIO_FORCED_CLOSE);
    eio_sim_expect_told(sim, ""); /* not inside the call */
    eio_sim_run(sim);
    eio_sim_expect(poll, 200, "1");
    eio_sim_expect_told(sim, "close:forced close;");
    expect_gone(sim);
}

static void test_eio_tells_a_later_poll_of_the_end(void **state)
{
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    assert_int_equal(eio_sim_send(sim, "41", 0), 0);
    yd_eio_close(sim->session, YD_EIO_FORCED_SERVER_CLOSE);
    yd_eio_close(sim->session, YD_EIO_FORCED_CLOSE);
    assert_int_equal(yd_eio_send(sim->session, NULL, 0, 0), YODEL_ERR_CLOSED);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:forced server close;");
    eio_sim_advance(sim, 29000);
    eio_sim_expect(eio_sim_say(sim, "4a"), 200, "ok"); /* not heard */
    eio_sim_expect(eio_sim_poll(sim), 200, "41");
    eio_sim_expect(eio_sim_poll(sim), 200,
                   "6\x1e"
                   "1");
    expect_gone(sim);
    eio_sim_expect_told(sim, "");
}

static void test_eio_flushes_ahead_of_the_end(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll;

    sim->echo = true;
    sim->close_after = "b";
    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    eio_sim_expect(eio_sim_say(sim, "4a\x1e"
                                    "4b\x1e"
                                    "4c"),
                   200, "ok");
    eio_sim_expect_told(sim, "text:a;text:b;close:forced close;");
    eio_sim_expect(poll, 200, "4a");
    eio_sim_expect(eio_sim_poll(sim), 200,
                   "6\x1e"
                   "1");
    expect_gone(sim);
}

static void test_eio_forgets_who_never_comes_back(void **state)
{
    struct eio_sim *sim = *state;
    size_t all, polling;

    eio_sim_open(sim, 0);
    yd_eio_close(sim->session, YD_EIO_FORCED_CLOSE);
    eio_sim_advance(sim, 29999);
    yd_eio_count(sim->eio, &all, &polling);
    assert_int_equal(all, 1);
    eio_sim_advance(sim, 1);
    yd_eio_count(sim->eio, &all, &polling);
    assert_int_equal(all, 0);
    eio_sim_expect_told(sim, "close:forced close;");
}

static void test_eio_stops(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws;

    ws = eio_sim_ws_open(sim, 0);
    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    eio_sim_open(sim, 0); /* one that does not poll */
    yd_eio_stop(sim->eio, sim->base.loops[0]);
    eio_sim_run(sim);
    eio_sim_expect(poll, 200, "1");
    ws_sim_expect_close(ws, 1001);
    eio_sim_expect_told(sim, "close:server shutting down;close:server shutting down;"
                             "close:server shutting down;");
    http_sim_assert_status(eio_sim_get(sim, 0, ""), 503);
    http_sim_assert_status(eio_sim_upgrade(sim, 0, ""), 503);
}

/* ---- heartbeat ---- */

static void test_eio_pings(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll;

    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    eio_sim_advance(sim, 999);
    assert_int_equal(sim_received_len(poll), 0);
    eio_sim_advance(sim, 1);
    eio_sim_expect(poll, 200, "2");
    eio_sim_advance(sim, 499);
    eio_sim_expect(eio_sim_say(sim, "3"), 200, "ok");
    poll = eio_sim_poll(sim);
    eio_sim_advance(sim, 999);
    assert_int_equal(sim_received_len(poll), 0);
    eio_sim_advance(sim, 1);
    eio_sim_expect(poll, 200, "2");
    poll = eio_sim_poll(sim);
    eio_sim_advance(sim, 499);
    assert_int_equal(sim_received_len(poll), 0);
    eio_sim_advance(sim, 1);
    eio_sim_expect(poll, 200, "1");
    eio_sim_expect_told(sim, "close:ping timeout;");
    expect_gone(sim);
}

/* A turn that takes its time: the ping goes late, and the client has the whole time to answer it.
 */
static void test_eio_counts_the_pong_from_the_ping(void **state)
{
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    eio_sim_run(sim);
    sim_sleep(sim->base.loops[0], 1800);
    eio_sim_run(sim);
    eio_sim_advance(sim, 499);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 1);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

static void test_eio_is_dead_on_time(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer;

    eio_sim_open(sim, 0);
    eio_sim_advance(sim, 1499);
    peer = sim_connect(sim->base.loops[0]);
    sim_send_text(peer, "GET /e/?EIO=4&transport=polling");
    sim_send_text(peer, eio_sim_sid(sim));
    sim_send_text(peer, " HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_sleep(sim->base.loops[0], 1); /* the request is read ahead of the timers */
    eio_sim_run(sim);
    eio_sim_expect_error(peer, 1);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

static void test_eio_takes_any_packet_for_life_once(void **state)
{
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    eio_sim_advance(sim, 1400);
    eio_sim_expect(eio_sim_say(sim, "4a"), 200, "ok");
    eio_sim_advance(sim, 400);
    eio_sim_expect(eio_sim_say(sim, "4b"), 200, "ok");
    eio_sim_expect_told(sim, "text:a;text:b;");
    eio_sim_advance(sim, 99);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 1);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

/* ---- bounds ---- */

static void test_eio_is_congested(void **state)
{
    struct eio_sim *sim = *state;
    char text[302] = "4";

    memset(text + 1, 'a', 300);
    eio_sim_open(sim, 0);
    assert_int_equal(eio_sim_send(sim, text, 0), 0);
    assert_int_equal(eio_sim_send(sim, "4b", 0), YODEL_ERR_CONGESTED);
    assert_int_equal(eio_sim_send(sim, "4b", YD_EIO_VOLATILE), 0); /* dropped */
    eio_sim_expect_told(sim, "");
    eio_sim_expect(eio_sim_poll(sim), 200, text);
    eio_sim_expect_told(sim, "drain;");
    assert_int_equal(eio_sim_send(sim, "4c", 0), 0);
    eio_sim_expect(eio_sim_poll(sim), 200, "4c");
    eio_sim_expect_told(sim, "");
}

static void expect_inflated(struct sim_peer *peer, const char *text)
{
    const char *body = http_sim_body(peer);
    char out[1000] = "";
    z_stream stream = {.next_in = (Bytef *)body,
                       .avail_in = (uInt)atoi(http_sim_header(peer, "Content-Length")),
                       .next_out = (Bytef *)out,
                       .avail_out = sizeof out - 1};

    assert_int_equal(inflateInit2(&stream, 15 + 32), Z_OK); /* either form */
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    (void)inflateEnd(&stream);
    assert_string_equal(out, text);
}

static void test_eio_compresses(void **state)
{
    static const struct {
        const char *accepts, *coding;
        unsigned flags;
        size_t len;
    } cases[] = {
        {"gzip, deflate, br", "gzip", 0, 400},
        {"deflate", "deflate", 0, 400},
        {"gzip;q=0.5, deflate;q=0.8", "deflate", 0, 400},
        {"*", "gzip", 0, 400},
        {"gzip;q=0", "", 0, 400},
        {"br, identity", "", 0, 400},
        {"gzip;q=x", "", 0, 400},
        {"gzip", "", YD_EIO_NO_COMPRESS, 400},
        {"gzip", "", 0, 399},
    };
    struct eio_sim *sim = *state;
    char text[401], query[100], line[100];

    eio_sim_open(sim, 0);
    (void)snprintf(query, sizeof query, "?EIO=4&transport=polling&sid=%s", sim->id);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_peer *peer;

        memset(text, 'a', sizeof text);
        text[0] = '4';
        text[cases[i].len] = '\0';
        assert_int_equal(eio_sim_send(sim, text, cases[i].flags), 0);
        (void)snprintf(line, sizeof line, "Accept-Encoding: %s\r\n", cases[i].accepts);
        peer = ask_for(sim, "GET", query, line);
        assert_string_equal(http_sim_header(peer, "Content-Encoding"), cases[i].coding);
        if (cases[i].coding[0] != '\0')
            expect_inflated(peer, text);
        else
            eio_sim_expect(peer, 200, text);
    }
}

static void test_eio_helps_old_browsers(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer =
        ask_for(sim, "GET", "?EIO=4&transport=polling", "User-Agent: Mozilla (x;MSIE 8) y\r\n");

    assert_string_equal(http_sim_header(peer, "X-XSS-Protection"), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_eio_answers_a_poll),
        FIXTURE_TEST(test_eio_gathers_what_a_turn_sends),
        FIXTURE_TEST(test_eio_posts_byte_by_byte),
        FIXTURE_TEST(test_eio_looks_again_for_a_late_body),
        FIXTURE_TEST(test_eio_closes_on_bad_packets),
        FIXTURE_TEST(test_eio_ignores_and_refuses_packets),
        FIXTURE_TEST(test_eio_refuses_binary_bodies),
        FIXTURE_TEST(test_eio_limits_payloads),
        FIXTURE_TEST(test_eio_limits_payloads_in_chunks),
        FIXTURE_TEST(test_eio_refuses_a_second_poll),
        FIXTURE_TEST(test_eio_refuses_a_second_post),
        FIXTURE_TEST(test_eio_polls_and_posts_at_once),
        FIXTURE_TEST(test_eio_ends_with_its_requests),
        FIXTURE_TEST(test_eio_is_closed_by_the_client),
        FIXTURE_TEST(test_eio_tells_a_poll_of_the_end),
        FIXTURE_TEST(test_eio_tells_a_later_poll_of_the_end),
        FIXTURE_TEST(test_eio_flushes_ahead_of_the_end),
        FIXTURE_TEST(test_eio_forgets_who_never_comes_back),
        FIXTURE_TEST(test_eio_stops),
        FIXTURE_TEST(test_eio_pings),
        FIXTURE_TEST(test_eio_counts_the_pong_from_the_ping),
        FIXTURE_TEST(test_eio_is_dead_on_time),
        FIXTURE_TEST(test_eio_takes_any_packet_for_life_once),
        FIXTURE_TEST(test_eio_is_congested),
        FIXTURE_TEST(test_eio_compresses),
        FIXTURE_TEST(test_eio_helps_old_browsers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
