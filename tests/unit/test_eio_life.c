/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "eio_sim.h"

/* How sessions live and end: what counts as a sign of life, and what a client is told. */

static int set_up(void **state)
{
    struct eio_sim *sim = malloc(sizeof *sim);

    *state = sim;
    return sim != NULL ? eio_sim_start(sim, &yd_mem_default, 1, NULL) : -1;
}

static int tear_down(void **state)
{
    eio_sim_stop(*state);
    free(*state);
    return 0;
}

static void restart_with(struct eio_sim *sim, size_t max_buffered)
{
    struct yd_eio_options options;

    eio_sim_stop(sim);
    eio_sim_options(&options);
    options.max_buffered = max_buffered;
    assert_int_equal(eio_sim_start(sim, &yd_mem_default, 1, &options), 0);
}

/* ---- an upload that takes its time ---- */

static struct sim_peer *begin_post(struct eio_sim *sim, size_t len)
{
    struct sim_peer *peer = sim_connect(sim->base.loops[0]);
    char head[300];

    (void)snprintf(head, sizeof head,
                   "POST /e/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Length: %zu\r\n\r\n",
                   eio_sim_sid(sim), len);
    sim_send_text(peer, head);
    eio_sim_run(sim);
    return peer;
}

/* The session has got its ping, and owes the pong within 500 ms. */
static void await_ping(struct eio_sim *sim)
{
    struct sim_peer *poll = eio_sim_poll(sim);

    eio_sim_advance(sim, 1000);
    eio_sim_expect(poll, 200, "2");
}

static void send_slowly(struct eio_sim *sim, struct sim_peer *peer, const char *text)
{
    for (; *text != '\0'; text++) {
        sim_send(peer, text, 1);
        eio_sim_advance(sim, 300);
    }
}

static void test_eio_life_bytes_of_a_post_are_a_sign(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post;

    eio_sim_open(sim, 0);
    await_ping(sim);
    post = begin_post(sim, 6);
    send_slowly(sim, post, "4abcd");
    eio_sim_expect_told(sim, "");
    sim_send_text(post, "e");
    eio_sim_run(sim);
    eio_sim_expect(post, 200, "ok");
    eio_sim_expect_told(sim, "text:abcde;");
    eio_sim_expect(eio_sim_say(sim, "3"), 200, "ok");
    eio_sim_advance(sim, 900);
    eio_sim_expect_told(sim, "");
}

static void test_eio_life_a_post_that_stops_is_none(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post;

    eio_sim_open(sim, 0);
    await_ping(sim);
    post = begin_post(sim, 9);
    send_slowly(sim, post, "4ab");
    eio_sim_advance(sim, 199);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 1);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

/* A masked frame's header and key (of zeros), for len bytes of text. */
static void begin_frame(struct sim_peer *ws, uint8_t len)
{
    uint8_t head[6] = {0x81, 0x80 | len};

    sim_send(ws, head, sizeof head);
}

static void test_eio_life_bytes_of_a_message_are_a_sign(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    eio_sim_advance(sim, 1000);
    ws_sim_expect_text(ws, "2");
    begin_frame(ws, 6);
    send_slowly(sim, ws, "4abcd");
    eio_sim_expect_told(sim, "");
    sim_send_text(ws, "e");
    ws_sim_text(ws, "3");
    eio_sim_advance(sim, 900);
    eio_sim_expect_told(sim, "text:abcde;");
}

static void test_eio_life_a_message_that_stops_is_none(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    eio_sim_advance(sim, 1000);
    begin_frame(ws, 9);
    send_slowly(sim, ws, "4ab");
    eio_sim_advance(sim, 199);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 1);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

/* It has answered, but there is so much for it to read first that we do not listen. */
static void test_eio_life_who_is_not_listened_to_lives(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;
    char text[1500];

    restart_with(sim, 1 << 20);
    sim->echo = true;
    ws = eio_sim_ws_open(sim, 0);
    ws->window = 0;
    memset(text, 'x', sizeof text);
    text[0] = '4';
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 200; i++)
        ws_sim_text(ws, text);
    eio_sim_run(sim);
    sim->base.told.len = 0;
    sim->echo = false;
    eio_sim_advance(sim, 1000);
    ws_sim_text(ws, "3");
    eio_sim_advance(sim, 3000);
    eio_sim_expect_told(sim, "");
    ws->window = SIZE_MAX;
    eio_sim_advance(sim, 100);
    sim->base.told.len = 0;
    eio_sim_advance(sim, 800);
    eio_sim_expect_told(sim, "");
}

/* ---- who does not fetch is not listened to ---- */

/* Posts, each of which causes as many bytes, until one is not answered. */
static struct sim_peer *post_until_held_back(struct eio_sim *sim)
{
    struct sim_peer *post = NULL;
    char text[1500];

    sim->echo = true;
    memset(text, 'x', sizeof text);
    text[0] = '4';
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 300; i++) {
        post = eio_sim_say(sim, text);
        if (sim_received_len(post) == 0)
            break;
        eio_sim_expect(post, 200, "ok");
    }
    assert_in_range(yd_eio_buffered(sim->session), 256 * 1024, 258 * 1024);
    sim->base.told.len = 0;
    return post;
}

static void test_eio_life_a_post_waits_for_a_poll(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post;

    restart_with(sim, 1 << 20);
    eio_sim_open(sim, 0);
    post = post_until_held_back(sim);
    http_sim_assert_status(eio_sim_poll(sim), 200);
    eio_sim_expect(post, 200, "ok");
    assert_int_equal(yd_eio_buffered(sim->session), 0);
    eio_sim_expect(eio_sim_say(sim, "4on"), 200, "ok");
    eio_sim_expect_told(sim, "text:on;");
}

static void test_eio_life_ends_with_a_post_that_waits(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post;

    restart_with(sim, 1 << 20);
    eio_sim_open(sim, 0);
    post = post_until_held_back(sim);
    eio_sim_expect(eio_sim_say(sim, "4second"), 400, ""); /* at once */
    assert_true(sim_is_closed(post));
    eio_sim_expect_told(sim, "close:transport error;");

    eio_sim_open(sim, 0);
    post = post_until_held_back(sim);
    sim_break(post, -ECONNRESET);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "close:transport error;");

    eio_sim_open(sim, 0);
    post = post_until_held_back(sim);
    eio_sim_advance(sim, 1500); /* nobody has fetched the ping */
    eio_sim_expect(post, 200, "ok");
    eio_sim_expect_told(sim, "close:ping timeout;");
}

static void test_eio_life_an_upgrade_frees_a_post_that_waits(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post, *ws;

    restart_with(sim, 1 << 20);
    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    post = post_until_held_back(sim);
    ws_sim_text(ws, "5");
    eio_sim_run(sim);
    eio_sim_expect(post, 200, "ok");
    ws_sim_text(ws, "4on");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:on;");
}

/* ---- what a hook does to the session whose answer it is asked about ---- */

static struct eio_sim *hooked; /* NULL: the hook does nothing; it acts once */
static bool hook_sends;

static void act(const yodel_request *req, yodel_sio_add_header_fn *add, void *arg, void *user)
{
    struct eio_sim *sim = hooked;

    hooked = NULL;
    if (sim == NULL)
        return;
    if (hook_sends) {
        struct yd_msg *msg = yd_ws_make_msg(&yd_mem_default, YODEL_WS_TEXT,
                                            (yodel_bytes){(const uint8_t *)"4hook", 5});

        assert_int_equal(yd_eio_send(sim->session, &msg, 1, 0), 0);
        yd_msg_unref(msg);
    } else {
        yd_eio_close(sim->session, YD_EIO_FORCED_CLOSE);
    }
}

static int set_up_hook(void **state)
{
    struct eio_sim *sim = malloc(sizeof *sim);
    struct yd_eio_options options;

    *state = sim;
    hooked = NULL;
    eio_sim_options(&options);
    options.headers = act;
    return sim != NULL ? eio_sim_start(sim, &yd_mem_default, 1, &options) : -1;
}

static void arm(struct eio_sim *sim, bool sends)
{
    hooked = sim;
    hook_sends = sends;
}

static void test_eio_life_a_hook_may_send(void **state)
{
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    assert_int_equal(eio_sim_send(sim, "4one", 0), 0);
    arm(sim, true);
    eio_sim_expect(eio_sim_poll(sim), 200, "4one");
    eio_sim_expect(eio_sim_poll(sim), 200, "4hook");
}

static void test_eio_life_a_hook_may_close(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll;

    eio_sim_open(sim, 0);
    assert_int_equal(eio_sim_send(sim, "4one", 0), 0);
    arm(sim, false);
    eio_sim_expect(eio_sim_poll(sim), 200, "4one");
    eio_sim_expect_told(sim, "close:forced close;");
    eio_sim_expect(eio_sim_poll(sim), 200,
                   "6\x1e"
                   "1");

    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    arm(sim, false);
    eio_sim_expect(eio_sim_say(sim, "4a"), 200, "ok"); /* of which it was asked */
    eio_sim_expect(poll, 200, "1");
    eio_sim_expect_told(sim, "text:a;close:forced close;");
}

static void test_eio_life_a_hook_may_close_in_an_upgrade(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws;

    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    arm(sim, false);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim)); /* its own handshake */
    ws_sim_expect(ws, 0x88, "", 0);
    eio_sim_expect(poll, 200, "1");
    eio_sim_expect_told(sim, "close:forced close;");

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    poll = eio_sim_poll(sim);
    arm(sim, false);
    ws_sim_text(ws, "5"); /* the answer to the poll that is still held */
    eio_sim_run(sim);
    http_sim_assert_status(poll, 200);
    ws_sim_expect(ws, 0x88, "", 0);
    eio_sim_expect_told(sim, "close:forced close;");
}

/* ---- close frames: a code alone, as the reference sends ---- */

static void expect_code_alone(struct sim_peer *ws, uint16_t code)
{
    uint8_t body[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    ws_sim_expect(ws, 0x88, body, sizeof body);
}

static void test_eio_life_closes_without_a_reason(void **state)
{
    static const char bad_close[] = {0x03};
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);
    char big[2100];

    memset(big, '4', sizeof big);
    ws_sim_frame(ws, 0x81, big, sizeof big);
    eio_sim_run(sim);
    expect_code_alone(ws, 1009);
    ws = eio_sim_ws(sim, 0, "");
    sim_forget(ws);
    ws_sim_frame(ws, 0x81, "4\xff", 2);
    eio_sim_run(sim);
    expect_code_alone(ws, 1007);
    ws = eio_sim_ws(sim, 0, "");
    sim_forget(ws);
    ws_sim_frame(ws, 0x83, "4", 1);
    eio_sim_run(sim);
    expect_code_alone(ws, 1002);
    ws = eio_sim_ws(sim, 0, "");
    sim_forget(ws);
    ws_sim_frame(ws, 0x88, bad_close, sizeof bad_close);
    eio_sim_run(sim);
    expect_code_alone(ws, 1002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_eio_life_bytes_of_a_post_are_a_sign, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_a_post_that_stops_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_bytes_of_a_message_are_a_sign, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_a_message_that_stops_is_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_who_is_not_listened_to_lives, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_a_post_waits_for_a_poll, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_ends_with_a_post_that_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_an_upgrade_frees_a_post_that_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_a_hook_may_send, set_up_hook, tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_a_hook_may_close, set_up_hook, tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_a_hook_may_close_in_an_upgrade, set_up_hook,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_eio_life_closes_without_a_reason, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
