/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "eio_ask.h"
#include "failmem.h"

static void say(struct eio_sim *sim, struct sim_peer *ws, const char *text)
{
    ws_sim_text(ws, text);
    eio_sim_run(sim);
}

static void expect_closed(struct sim_peer *ws)
{
    ws_sim_expect_close(ws, 0); /* without a status */
    ws_sim_expect_nothing(ws);
}

/* ---- sessions that begin on WebSocket ---- */

static void test_eio_opens_on_websocket(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws(sim, 0, "");
    char expected[200];
    size_t all, polling;

    (void)snprintf(expected, sizeof expected,
                   "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":1000,"
                   "\"pingTimeout\":500,\"maxPayload\":2000}",
                   sim->id);
    ws_sim_expect_text(ws, expected);
    say(sim, ws, "4hi");
    ws_sim_frame(ws, 0x82, "ab", 2);
    ws_sim_frame(ws, 0x82, "", 0);
    say(sim, ws, "bYWI=");
    eio_sim_expect_told(sim, "open;text:hi;binary:6162;binary:;binary:6162;");
    assert_int_equal(eio_sim_send(sim, "4yes", 0), 0);
    assert_int_equal(eio_sim_send_binary(sim, "abc", 3, YD_EIO_VOLATILE), 0);
    ws_sim_expect_text(ws, "4yes");
    ws_sim_expect(ws, 0x82, "abc", 3);
    assert_int_equal(yd_eio_transport(sim->session), YD_EIO_WEBSOCKET);
    yd_eio_count(sim->eio, &all, &polling);
    assert_int_equal(all, 1);
    assert_int_equal(polling, 0);
}

static void test_eio_refuses_upgrades(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = eio_sim_upgrade(sim, 0, "&sid=AAAAAAAAAAAAAAAAAAAA");

    assert_string_equal(http_sim_header(peer, "Connection"), "close");
    assert_string_equal(http_sim_header(peer, "Content-Type"), "text/html");
    eio_sim_expect(peer, 400, "Session ID unknown");
    eio_sim_expect(eio_sim_upgrade(sim, 0, "&transport=no"), 400, "Transport unknown");
    eio_sim_expect(eio_sim_upgrade(sim, 0, "&EIO=3"), 400, "Unsupported protocol version");
    eio_sim_expect_told(sim, "");
}

static void test_eio_turns_polling_upgrades_away(void **state)
{
    struct eio_sim *sim = *state;

    expect_closed(eio_sim_ws(sim, 0, "&transport=polling"));
    eio_sim_expect_told(sim, "");
}

static void test_eio_takes_the_first_subprotocol(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[0]);

    sim_send_text(peer, "GET /e/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n"
                        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Protocol: one, two\r\n\r\n");
    eio_sim_run(sim);
    assert_string_equal(http_sim_header(peer, "Sec-WebSocket-Protocol"), "one");
}

static void test_eio_sends_binary_as_text(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws(sim, 0, "&b64=1");
    struct ws_sim_frame frame;

    assert_true(ws_sim_next(ws, &frame));
    assert_int_equal(eio_sim_send_binary(sim, "abc", 3, 0), 0);
    ws_sim_expect_text(ws, "bYWJj");
}

static void test_eio_closes_websockets_on_bad_packets(void **state)
{
    static const struct {
        const char *packet, *told;
    } cases[] = {
        {"", "close:parse error;"},      {"9", "close:parse error;"},
        {"b!!", "close:parse error;"},   {"2", "close:transport error;"},
        {"1", "close:transport close;"},
    };
    struct eio_sim *sim = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_peer *ws = eio_sim_ws_open(sim, 0);

        say(sim, ws, cases[i].packet);
        expect_closed(ws);
        eio_sim_expect_told(sim, cases[i].told);
        say(sim, ws, "4late");
        eio_sim_expect_told(sim, "");
    }
}

static void test_eio_ignores_packets(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    say(sim, ws, "0");
    say(sim, ws, "5");
    say(sim, ws, "6");
    say(sim, ws, "3x");
    say(sim, ws, "4a");
    eio_sim_expect_told(sim, "text:a;");
    ws_sim_expect_nothing(ws);
}

static void test_eio_ends_with_its_websocket(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);
    char big[2002];

    ws_sim_close(ws, 1000, "");
    eio_sim_run(sim);
    sim_end(ws);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:transport close;");
    ws = eio_sim_ws_open(sim, 0);
    sim_end(ws);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:transport close;");
    ws = eio_sim_ws_open(sim, 0);
    ws_sim_frame(ws, 0x81, "4\xff", 2);
    eio_sim_run(sim);
    ws_sim_expect_close(ws, 1007);
    eio_sim_advance(sim, 100);
    eio_sim_expect_told(sim, "close:transport error;");
    ws = eio_sim_ws_open(sim, 0);
    memset(big, '4', sizeof big);
    ws_sim_frame(ws, 0x81, big, 2000);
    eio_sim_run(sim);
    sim->base.told.len = 0;
    ws_sim_frame(ws, 0x81, big, 2001);
    eio_sim_run(sim);
    ws_sim_expect_close(ws, 1009);
    eio_sim_advance(sim, 100);
    eio_sim_expect_told(sim, "close:transport error;");
}

static void test_eio_closes_its_websocket(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    assert_int_equal(eio_sim_send(sim, "41", 0), 0);
    yd_eio_close(sim->session, YD_EIO_FORCED_SERVER_CLOSE);
    eio_sim_expect_told(sim, "");
    eio_sim_run(sim);
    ws_sim_expect_text(ws, "41");
    expect_closed(ws);
    eio_sim_expect_told(sim, "close:forced server close;");
}

static void test_eio_closes_in_a_handler(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    sim->close_after = "bye";
    ws_sim_text(ws, "4bye");
    say(sim, ws, "4late");
    expect_closed(ws);
    eio_sim_expect_told(sim, "text:bye;close:forced close;");
    sim->close_at_open = true;
    ws = eio_sim_ws(sim, 0, "");
    eio_sim_expect_told(sim, "open;close:forced close;");
    sim->refuse_open = true;
    ws = eio_sim_ws(sim, 0, "");
    eio_sim_expect_told(sim, "");
    sim->close_at_open = false;
    ws = eio_sim_ws(sim, 0, "");
    eio_sim_expect_told(sim, "");
}

static void test_eio_pings_websockets(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    eio_sim_advance(sim, 999);
    ws_sim_expect_nothing(ws);
    eio_sim_advance(sim, 1);
    ws_sim_expect_text(ws, "2");
    eio_sim_advance(sim, 499);
    say(sim, ws, "3");
    eio_sim_advance(sim, 999);
    ws_sim_expect_nothing(ws);
    eio_sim_advance(sim, 1);
    ws_sim_expect_text(ws, "2");
    eio_sim_advance(sim, 499);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 1);
    expect_closed(ws);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

static void sleep_for(struct eio_sim *sim, uint64_t ms)
{
    sim_sleep(sim->base.loops[0], ms);
    eio_sim_run(sim);
}

/* The client counts from the handshake on, so turns that are late must not add up; but a loop that
 * has slept owes the client its whole time. */
static void test_eio_makes_up_for_late_turns_but_not_for_sleep(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    sleep_for(sim, 1020);
    ws_sim_expect_text(ws, "2");
    eio_sim_advance(sim, 479);
    eio_sim_expect_told(sim, "");
    say(sim, ws, "3");
    sleep_for(sim, 3000);
    ws_sim_expect_text(ws, "2");
    eio_sim_advance(sim, 499);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 1);
    expect_closed(ws);
    eio_sim_expect_told(sim, "close:ping timeout;");

    ws = eio_sim_ws_open(sim, 0);
    sleep_for(sim, 1020);
    ws_sim_expect_text(ws, "2");
    eio_sim_advance(sim, 480);
    expect_closed(ws);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

static void test_eio_bounds_websocket_output(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);
    char text[302] = "4";

    memset(text + 1, 'a', 300);
    ws->window = 0;
    assert_int_equal(eio_sim_send(sim, text, 0), 0);
    assert_false(yd_eio_is_writable(sim->session));
    assert_int_equal(eio_sim_send(sim, "4b", YD_EIO_VOLATILE), 0); /* dropped */
    assert_int_equal(eio_sim_send(sim, "4c", 0), YODEL_ERR_CONGESTED);
    eio_sim_expect_told(sim, "");
    ws->window = SIZE_MAX;
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "drain;");
    ws_sim_expect_text(ws, text);
    ws_sim_expect_nothing(ws);
    assert_int_equal(eio_sim_send(sim, "4d", 0), 0);
    ws_sim_expect_text(ws, "4d");
}

static void test_eio_keeps_messages_together(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);
    struct yd_msg *msgs[3];
    char big[300];

    memset(big, 'b', sizeof big);
    msgs[0] = yd_ws_make_msg(&yd_mem_default, YODEL_WS_TEXT, (yodel_bytes){(uint8_t *)"452-", 4});
    msgs[1] = yd_ws_make_msg(&yd_mem_default, YODEL_WS_BINARY, (yodel_bytes){(uint8_t *)big, 300});
    msgs[2] = yd_ws_make_msg(&yd_mem_default, YODEL_WS_BINARY, (yodel_bytes){(uint8_t *)big, 300});
    ws->window = 0;
    assert_int_equal(yd_eio_send(sim->session, msgs, 3, 0), 0); /* beyond the bound, but whole */
    assert_int_equal(yd_eio_send(sim->session, msgs, 3, 0), YODEL_ERR_CONGESTED);
    for (size_t i = 0; i < 3; i++)
        yd_msg_unref(msgs[i]);
    ws->window = SIZE_MAX;
    eio_sim_run(sim);
    ws_sim_expect_text(ws, "452-");
    ws_sim_expect(ws, 0x82, big, 300);
    ws_sim_expect(ws, 0x82, big, 300);
    ws_sim_expect_nothing(ws);
}

/* ---- upgrades ---- */

static void test_eio_upgrades(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws;
    size_t all, polling;

    sim->echo = true;
    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    ws_sim_expect_nothing(ws); /* no open packet */
    assert_int_equal(sim_received_len(poll), 0);
    say(sim, ws, "2probe");
    ws_sim_expect_text(ws, "3probe");
    eio_sim_expect(poll, 200, "6"); /* at once */

    (void)eio_sim_say(sim, "4a"); /* data during the probe goes by polling */
    poll = eio_sim_poll(sim);
    eio_sim_expect(poll, 200, "4a");
    poll = eio_sim_poll(sim);
    eio_sim_advance(sim, 49);
    assert_int_equal(sim_received_len(poll), 0); /* no busy loop */
    eio_sim_advance(sim, 1);
    eio_sim_expect(poll, 200, "6");

    (void)eio_sim_say(sim, "4b\x1e"
                           "4c");
    ws_sim_expect_nothing(ws);
    assert_int_equal(sim->num_upgrades, 0);
    say(sim, ws, "5");
    ws_sim_expect_text(ws, "4b");
    ws_sim_expect_text(ws, "4c");
    eio_sim_expect_told(sim, "text:a;text:b;text:c;");
    assert_int_equal(sim->num_upgrades, 1);
    assert_int_equal(yd_eio_transport(sim->session), YD_EIO_WEBSOCKET);
    yd_eio_count(sim->eio, &all, &polling);
    assert_int_equal(all, 1);
    assert_int_equal(polling, 0);
    eio_sim_expect_error(eio_sim_poll(sim), 3);
    eio_sim_expect_error(eio_sim_say(sim, "4d"), 3);
    say(sim, ws, "4e");
    ws_sim_expect_text(ws, "4e");
    eio_sim_advance(sim, 400); /* the time of the upgrade has no meaning any more */
    eio_sim_expect_told(sim, "text:e;");
    say(sim, ws, "5");
    say(sim, ws, "4f");
    eio_sim_expect_told(sim, "text:f;");
}

static void test_eio_upgrades_without_a_probe(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws;

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    poll = eio_sim_poll(sim);
    say(sim, ws, "5");
    eio_sim_expect(poll, 200, "1");
    say(sim, ws, "4a");
    eio_sim_expect_told(sim, "text:a;");
}

static void test_eio_switches_in_the_middle_of_a_turn(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws;

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    poll = eio_sim_poll(sim);
    sim_set_late(poll->stream->loop, 0, false); /* the switch may as well come after that turn */
    sim_send_text(poll,
                  ""); /* what is sent now waits for the turn's end, and the switch is first */
    ws_sim_text(ws, "5");
    {
        struct yd_msg *msg =
            yd_ws_make_msg(&yd_mem_default, YODEL_WS_TEXT, (yodel_bytes){(uint8_t *)"4x", 2});

        assert_int_equal(yd_eio_send(sim->session, &msg, 1, 0), 0);
        yd_msg_unref(msg);
    }
    eio_sim_run(sim);
    eio_sim_expect(poll, 200, "1");
    ws_sim_expect_text(ws, "4x");
    ws_sim_expect_nothing(ws);
}

static void test_eio_gives_up_bad_probes(void **state)
{
    static const char *const bad[] = {"4a", "2", "2prob", "3probe", "", "9"};
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sim_peer *ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));

        say(sim, ws, bad[i]);
        expect_closed(ws);
        say(sim, ws, "5");
    }
    {
        struct sim_peer *ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));

        ws_sim_frame(ws, 0x82, "2probe", 6);
        eio_sim_run(sim);
        expect_closed(ws);
    }
    eio_sim_expect_told(sim, "");
    (void)eio_sim_send(sim, "4x", 0);
    eio_sim_expect(eio_sim_poll(sim), 200, "4x");
}

static void test_eio_gives_up_late_probes(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws;

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "2probe");
    ws_sim_expect_text(ws, "3probe");
    eio_sim_advance(sim, 299);
    ws_sim_expect_nothing(ws);
    eio_sim_advance(sim, 1);
    expect_closed(ws);
    poll = eio_sim_poll(sim); /* held as long as ever */
    eio_sim_advance(sim, 100);
    assert_int_equal(sim_received_len(poll), 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "2probe");
    eio_sim_expect(poll, 200, "6");
    sim_end(ws); /* it dies by itself */
    eio_sim_run(sim);
    poll = eio_sim_poll(sim);
    eio_sim_advance(sim, 100);
    assert_int_equal(sim_received_len(poll), 0);
    eio_sim_expect_told(sim, "");
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim)); /* and another may try */
    say(sim, ws, "2probe");
    say(sim, ws, "5");
    say(sim, ws, "4a");
    eio_sim_expect_told(sim, "text:a;");
}

static void test_eio_closes_second_websockets(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    expect_closed(eio_sim_ws(sim, 0, eio_sim_sid(sim)));
    say(sim, ws, "2probe");
    ws_sim_expect_text(ws, "3probe");
    expect_closed(eio_sim_ws(sim, 0, eio_sim_sid(sim)));
    say(sim, ws, "5");
    expect_closed(eio_sim_ws(sim, 0, eio_sim_sid(sim)));
    say(sim, ws, "4a");
    eio_sim_expect_told(sim, "text:a;");
}

static void test_eio_may_stay_on_its_transport(void **state)
{
    struct yd_eio_options options;
    struct eio_sim *sim;

    eio_sim_options(&options);
    options.no_upgrades = true;
    sim = *state = start_with(&options);
    eio_sim_open(sim, 0);
    expect_closed(eio_sim_ws(sim, 0, eio_sim_sid(sim)));
    teardown(state);
    eio_sim_options(&options);
    options.no_websocket = true;
    sim = *state = start_with(&options);
    eio_sim_expect(eio_sim_upgrade(sim, 0, ""), 400, "Transport unknown");
}

static void test_eio_closes_the_probe_with_the_session(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "2probe");
    ws_sim_expect_text(ws, "3probe");
    (void)eio_sim_say(sim, "1");
    expect_closed(ws);
    eio_sim_expect_told(sim, "close:transport close;");
}

static void test_eio_ends_after_the_switch(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "2probe");
    ws_sim_expect_text(ws, "3probe");
    (void)eio_sim_send(sim, "41", 0);
    yd_eio_close(sim->session, YD_EIO_FORCED_CLOSE);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:forced close;");
    say(sim, ws, "5");
    ws_sim_expect_text(ws, "41");
    expect_closed(ws);
}

static void test_eio_goes_on_beating_over_the_switch(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;

    eio_sim_open(sim, 0);
    eio_sim_advance(sim, 900);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "5");
    eio_sim_advance(sim, 100); /* the interval has kept running */
    ws_sim_expect_text(ws, "2");
    say(sim, ws, "3");
    teardown(state);

    assert_int_equal(setup(state), 0);
    sim = *state;
    eio_sim_open(sim, 0);
    eio_sim_advance(sim, 1400); /* a ping waits for a poll, a pong is awaited */
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "5");
    ws_sim_expect_text(ws, "2");
    eio_sim_advance(sim, 999);
    ws_sim_expect_nothing(ws);
    eio_sim_advance(sim, 1);
    ws_sim_expect_text(ws, "2");
    eio_sim_expect_told(sim, "");
}

static void test_eio_drains_over_the_switch(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;
    char text[302] = "4";

    memset(text + 1, 'a', 300);
    eio_sim_open(sim, 0);
    assert_int_equal(eio_sim_send(sim, text, 0), 0);
    assert_int_equal(eio_sim_send(sim, "4b", 0), YODEL_ERR_CONGESTED);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "5");
    ws_sim_expect_text(ws, text);
    eio_sim_expect_told(sim, "drain;");
}

static int queue(struct eio_sim *sim, const char *text)
{
    struct yd_msg *msg = yd_ws_make_msg(sim->base.http.mem, YODEL_WS_TEXT,
                                        (yodel_bytes){(const uint8_t *)text, strlen(text)});
    int rc = yd_eio_send(sim->session, &msg, 1, 0);

    yd_msg_unref(msg);
    return rc;
}

/* The poll that a probe releases takes the output along. */
static void test_eio_drains_with_the_poll_that_a_probe_releases(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws;
    char text[302] = "4";

    memset(text + 1, 'a', 300);
    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    assert_int_equal(queue(sim, text), 0);
    assert_int_equal(queue(sim, "4b"), YODEL_ERR_CONGESTED);
    say(sim, ws, "2probe");
    ws_sim_expect_text(ws, "3probe");
    eio_sim_expect(poll, 200, text);
    eio_sim_expect_told(sim, "drain;");
}

static void test_eio_upgrades_with_a_post_on_the_way(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post, *ws;
    char text[200];

    eio_sim_open(sim, 0);
    post = sim_connect(sim->base.loops[0]);
    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Length: 3\r\n\r\n4a",
                   sim->id);
    sim_send_text(post, text);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "5");
    sim_send_text(post, "b");
    eio_sim_run(sim);
    eio_sim_expect_error(post, 3);
    say(sim, ws, "4c");
    eio_sim_expect_told(sim, "text:c;");
}

/* ---- failing memory ---- */

static void live_a_life(struct eio_sim *sim)
{
    struct sim_peer *ws;

    sim->echo = true;
    (void)eio_sim_get(sim, 0, "");
    if (sim->session == NULL)
        return;
    (void)eio_sim_poll(sim);
    ws = eio_sim_upgrade(sim, 0, eio_sim_sid(sim));
    say(sim, ws, "2probe");
    (void)eio_sim_send(sim, "4x", 0);
    say(sim, ws, "5");
    say(sim, ws, "4a");
    (void)eio_sim_send_binary(sim, "abc", 3, 0);
    eio_sim_advance(sim, 1000);
    ws = eio_sim_upgrade(sim, 0, "&b64=1");
    say(sim, ws, "4a");
    (void)eio_sim_send_binary(sim, "abc", 3, 0);
}

static void test_eio_upgrades_with_failing_allocations(void **state)
{
    live_without_memory(1, NULL, live_a_life,
                        "open;text:a;open;text:a;close:ping timeout;close:ping timeout;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_eio_opens_on_websocket),
        FIXTURE_TEST(test_eio_refuses_upgrades),
        FIXTURE_TEST(test_eio_turns_polling_upgrades_away),
        FIXTURE_TEST(test_eio_takes_the_first_subprotocol),
        FIXTURE_TEST(test_eio_sends_binary_as_text),
        FIXTURE_TEST(test_eio_closes_websockets_on_bad_packets),
        FIXTURE_TEST(test_eio_ignores_packets),
        FIXTURE_TEST(test_eio_ends_with_its_websocket),
        FIXTURE_TEST(test_eio_closes_its_websocket),
        FIXTURE_TEST(test_eio_closes_in_a_handler),
        FIXTURE_TEST(test_eio_pings_websockets),
        FIXTURE_TEST(test_eio_makes_up_for_late_turns_but_not_for_sleep),
        FIXTURE_TEST(test_eio_bounds_websocket_output),
        FIXTURE_TEST(test_eio_keeps_messages_together),
        FIXTURE_TEST(test_eio_upgrades),
        FIXTURE_TEST(test_eio_upgrades_without_a_probe),
        FIXTURE_TEST(test_eio_switches_in_the_middle_of_a_turn),
        FIXTURE_TEST(test_eio_gives_up_bad_probes),
        FIXTURE_TEST(test_eio_gives_up_late_probes),
        FIXTURE_TEST(test_eio_closes_second_websockets),
        TEARDOWN_TEST(test_eio_may_stay_on_its_transport),
        FIXTURE_TEST(test_eio_closes_the_probe_with_the_session),
        FIXTURE_TEST(test_eio_ends_after_the_switch),
        FIXTURE_TEST(test_eio_goes_on_beating_over_the_switch),
        FIXTURE_TEST(test_eio_drains_over_the_switch),
        FIXTURE_TEST(test_eio_drains_with_the_poll_that_a_probe_releases),
        FIXTURE_TEST(test_eio_upgrades_with_a_post_on_the_way),
        cmocka_unit_test(test_eio_upgrades_with_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
