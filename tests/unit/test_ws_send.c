/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "proto/deflate.h"
#include "ws_sim.h"

/* What goes to one client: compressed messages, reasons of a close. */

struct fixture {
    struct ws_sim sim;
    struct failmem fm;
    struct sim_peer *peer;
    yodel_ws *ws;
    yodel_ws_closing closing;
    char reason[200];
};

static int on_open(yodel_ws *ws, void *user)
{
    ((struct fixture *)user)->ws = ws;
    return 0;
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    struct fixture *f = user;

    f->closing = *closing;
    assert_int_equal(closing->size, sizeof *closing);
    if (closing->reason.len > 0)
        memcpy(f->reason, closing->reason.ptr, closing->reason.len);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *head, *end;

    *state = f;
    failmem_init(&f->fm, 0);
    assert_int_equal(ws_sim_start(&f->sim, &f->fm.mem), 0);
    assert_int_equal(
        yd_ws_route(&f->sim.service, &f->sim.hs.http, "/ws",
                    YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open, .on_close = on_close,
                                  .options = YODEL_OPTIONS(yodel_ws_options, .deflate_min = 1,
                                                           .deflate = YODEL_WS_DEFLATE_CONTEXT)),
                    f),
        0);
    f->peer = ws_sim_connect(&f->sim, "/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    head = sim_received(f->peer);
    http_sim_assert_status(f->peer, 101);
    end = strstr(head, "\r\n\r\n");
    yd_buf_consume(&f->peer->output, (size_t)(end + 4 - head));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ws_sim_stop(&f->sim);
    failmem_assert_empty(&f->fm);
    free(f);
    return 0;
}

/* ---- compression with a context ---- */

static int append(const uint8_t *data, size_t len, void *user)
{
    return yd_buf_append(&yd_mem_default, user, data, len);
}

/* The client's next message is text, inflated in the context of those before. */
static void expect_inflated(struct fixture *f, struct yd_inflater *inflater, const char *text)
{
    struct ws_sim_frame frame;
    struct yd_buf message = {0};
    uint64_t total = 0;

    assert_true(ws_sim_next(f->peer, &frame));
    assert_int_equal(frame.first_byte, 0xc1);
    assert_int_equal(yd_inflate_piece(inflater, frame.data, frame.len, true, true, &total, 1000,
                                      append, &message),
                     0);
    assert_int_equal(message.len, strlen(text));
    assert_memory_equal(message.ptr, text, message.len);
    yd_buf_free(&yd_mem_default, &message);
}

static int send_text(struct fixture *f, const char *text)
{
    int rc = yodel_ws_send_text(f->ws, yodel_str_of(text));

    sim_run(f->sim.hs.loop);
    return rc;
}

/* A message that could not be queued leaves nothing behind that later ones refer to. */
static void test_ws_send_that_fails_does_not_spoil_later_messages(void **state)
{
    static const char first[] = "the quick brown fox jumps over the lazy dog",
                      second[] = "Pack my box with five dozen liquor jugs, and then once more",
                      third[] = "Pack my box with five dozen liquor jugs, and the quick brown fox";
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        struct yd_inflater *inflater = yd_inflater_new(&yd_mem_default, 15);
        void *fresh;
        struct fixture *f;
        int rc;

        assert_int_equal(set_up(&fresh), 0);
        f = fresh;
        assert_int_equal(send_text(f, first), 0);
        expect_inflated(f, inflater, first);
        f->fm.fail_at = f->fm.calls + n;
        rc = yodel_ws_send_text(f->ws, yodel_str_of(second));
        failed = failmem_has_failed(&f->fm);
        failmem_pause(&f->fm); /* the flush, and what comes after, has all that it needs */
        sim_run(f->sim.hs.loop);
        assert_int_equal(rc, failed ? -ENOMEM : 0);
        if (!failed)
            expect_inflated(f, inflater, second);
        assert_int_equal(send_text(f, third), 0);
        expect_inflated(f, inflater, third);
        yd_inflater_free(inflater);
        tear_down(&fresh);
    }
}

/* ---- the reason of a close ---- */

static void test_ws_send_close_without_a_reason(void **state)
{
    struct fixture *f = *state;
    struct ws_sim_frame frame;

    yodel_ws_close(f->ws, 4000, NULL);
    ws_sim_close(f->peer, 4000, "");
    sim_run(f->sim.hs.loop);
    assert_true(ws_sim_next(f->peer, &frame));
    assert_int_equal(frame.len, 2);
    assert_int_equal(f->closing.reason.len, 0);
}

/* Filled with a's up to a character of several bytes that begins at start. */
static void check_reason(size_t start, const char *character, size_t expected)
{
    char reason[200] = "";
    struct ws_sim_frame frame;
    void *fresh;
    struct fixture *f;

    assert_int_equal(set_up(&fresh), 0);
    f = fresh;
    memset(reason, 'a', start);
    strcpy(reason + start, character);
    yodel_ws_close(f->ws, 4000, reason);
    ws_sim_close(f->peer, 4000, "");
    sim_run(f->sim.hs.loop);
    assert_true(ws_sim_next(f->peer, &frame));
    assert_int_equal(frame.first_byte, 0x88);
    assert_int_equal(frame.len, 2 + expected);
    assert_memory_equal(frame.data + 2, reason, expected);
    assert_int_equal(f->closing.reason.len, expected);
    assert_memory_equal(f->reason, reason, expected);
    tear_down(&fresh);
}

static void test_ws_send_cuts_a_reason_between_characters(void **state)
{
    check_reason(121, "\xc3\xa9", 123);
    check_reason(122, "\xc3\xa9", 122); /* of two bytes, the second of which is one too many */
    check_reason(121, "\xe2\x82\xac", 121);
    check_reason(120, "\xf0\x9f\x98\x80", 120);
    check_reason(119, "\xf0\x9f\x98\x80", 123);
    check_reason(123, "a", 123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_send_that_fails_does_not_spoil_later_messages),
        cmocka_unit_test(test_ws_send_cuts_a_reason_between_characters),
        cmocka_unit_test_setup_teardown(test_ws_send_close_without_a_reason, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
