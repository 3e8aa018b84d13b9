/* SPDX-License-Identifier: MIT */
/* Messages that are larger than a read: in parts, straight into their place, sent at once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "proto/deflate.h"
#include "tls_sim.h"
#include "ws_sim.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define MAX_MESSAGE (3 * MIB)

/* What on_message is to do, beside looking at what it gets. */
struct plan {
    bool echo;
    void (*then)(yodel_ws *ws); /* NULL: nothing */
};

static struct failmem fm;
static struct ws_sim sim;
static struct plan plan;
static struct sim_peer *peer, *plain; /* plain: what the client sends and gets inside TLS */
static struct tls_sim tls;
static bool over_tls;
static yodel_ws *socket;
static uint8_t *pattern; /* what all messages begin with */
static size_t expected;  /* length of the next message */
static int messages, closes, send_result, sent_well;

static int on_open(yodel_ws *ws, void *user)
{
    socket = ws;
    return 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    messages++;
    assert_int_equal(message->data.len, expected);
    assert_memory_equal(message->data.ptr, pattern, expected);
    if (plan.echo)
        send_result = yodel_ws_send(ws, message->type, message->data);
    sent_well += plan.echo && send_result == 0;
    if (plan.then != NULL)
        plan.then(ws);
    return 0;
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    closes++;
    socket = NULL;
}

static int start_with(const struct yodel_allocator *mem, yodel_ws_deflate deflate)
{
    int rc;

    plan = (struct plan){.echo = true};
    messages = closes = send_result = sent_well = 0;
    socket = NULL;
    over_tls = false;
    if ((rc = ws_sim_start(&sim, mem)) < 0)
        return rc;
    rc = yd_ws_route(
        &sim.service, &sim.hs.http, "/ws",
        YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open, .on_message = on_message,
                      .on_close = on_close,
                      .options = YODEL_OPTIONS(yodel_ws_options, .max_message = MAX_MESSAGE,
                                               .max_buffered = 8 * MIB, .deflate = deflate)),
        NULL);
    if (rc < 0)
        ws_sim_stop(&sim);
    return rc;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return start_with(&fm.mem, YODEL_WS_DEFLATE_SHARED);
}

static int teardown(void **state)
{
    if (over_tls)
        tls_sim_stop(&tls);
    ws_sim_stop(&sim);
    if (over_tls)
        yd_tls_free(sim.hs.front.tls);
    failmem_assert_empty(&fm);
    return 0;
}

static int setup_pattern(void **state)
{
    pattern = malloc(MAX_MESSAGE + 1);
    for (size_t i = 0; i <= MAX_MESSAGE; i++)
        pattern[i] = (uint8_t)('a' + (i * 7 + i / 26 + i / 4096) % 26);
    return 0;
}

static int teardown_pattern(void **state)
{
    free(pattern);
    return 0;
}

static void run(void)
{
    if (over_tls)
        tls_sim_run(&tls, sim.hs.loop);
    else
        sim_run(sim.hs.loop);
}

static void open_plain(void)
{
    peer = plain = ws_sim_open(&sim, "/ws");
}

static void open_tls(void)
{
    over_tls = true;
    sim.hs.front.tls = tls_sim_server(&fm.mem, &sim.hs.sink);
    peer = sim_connect(sim.hs.loop);
    tls_sim_start(&tls, peer);
    plain = &tls.plain;
    sim_send_text(
        plain, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    run();
    http_sim_assert_status(plain, 101);
    sim_forget(plain);
}

static void open_either(bool with_tls)
{
    if (with_tls)
        open_tls();
    else
        open_plain();
}

static void send_message(size_t len)
{
    expected = len;
    ws_sim_frame(plain, 0x81, pattern, len);
}

/* ---- messages, cut in every way ---- */

static void echo_sizes(const size_t *sizes, size_t num, size_t chop, size_t max_taken)
{
    peer->chop = chop;
    peer->max_taken = max_taken;
    for (size_t i = 0; i < num; i++) {
        send_message(sizes[i]);
        run();
        assert_int_equal(send_result, 0);
        ws_sim_expect(plain, 0x81, pattern, sizes[i]);
        assert_int_equal(yodel_ws_buffered(socket), 0);
    }
    assert_int_equal(messages, num);
    messages = 0;
}

static void echo_everything(void)
{
    static const size_t small[] = {0, 1, 4095, 4096, 16379, 16380, 16384, 16385, 20000};
    static const size_t large[] = {65521,  65522,     65523,     65535, 65536,      81920,
                                   300000, 2 * 16374, 3 * 16384, MIB,   MIB + 1024, MAX_MESSAGE};
    static const size_t chops[] = {0, 16384, 70001};

    echo_sizes(small, YD_LEN(small), 7, 5);
    echo_sizes(small, YD_LEN(small), 1000, 333);
    echo_sizes(large, 6, 1000, 777);
    for (size_t i = 0; i < YD_LEN(chops); i++) {
        echo_sizes(large, YD_LEN(large), chops[i], chops[YD_LEN(chops) - 1 - i]);
    }
}

static void test_ws_large_messages_come_cut_anywhere(void **state)
{
    open_plain();
    echo_everything();
    assert_true(peer->read_into > 50);
}

static void test_ws_large_messages_come_over_tls(void **state)
{
    open_tls();
    echo_everything();
}

/* Continuations of many sizes, with control frames between and amid reads. */
static void send_fragments(size_t len, size_t step)
{
    expected = len;
    for (size_t at = 0; at < len; at += step, step += step / 2) {
        size_t part = YD_MIN(step, len - at);
        uint8_t first = (at == 0 ? 0x01 : 0) | (at + part == len ? 0x80 : 0);

        ws_sim_frame(plain, first, pattern + at, part);
        if (at + part < len)
            ws_sim_frame(plain, 0x89, "ping", 4);
    }
}

static void test_ws_large_messages_come_in_fragments(void **state)
{
    static const size_t chops[] = {0, 777, 50000};

    open_plain();
    for (size_t i = 0; i < YD_LEN(chops); i++) {
        for (size_t step = 10; step < 400000; step = step * 9) {
            struct ws_sim_frame frame;

            peer->chop = chops[i];
            send_fragments(250000, step);
            run();
            while (ws_sim_next(peer, &frame) && frame.first_byte == 0x8a)
                assert_int_equal(frame.len, 4);
            assert_int_equal(frame.first_byte, 0x81);
            assert_int_equal(frame.len, 250000);
            assert_memory_equal(frame.data, pattern, 250000);
        }
    }
    assert_true(peer->read_into > 0);
}

static void test_ws_large_messages_are_inflated(void **state)
{
    struct yd_deflater *deflater = yd_deflater_new(&yd_mem_default, 15, 1, 8);
    struct yd_buf deflated = {0};
    char extension[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    const char *end;

    expected = MAX_MESSAGE;
    assert_int_equal(yd_deflate_message(deflater, pattern, expected, false, &deflated), 0);
    peer = plain = ws_sim_connect(&sim, "/ws", extension);
    end = strstr(sim_received(peer), "\r\n\r\n");
    assert_non_null(end);
    sim_forget(peer);
    plan.echo = false;
    for (size_t chop = 0; chop < 5000; chop += 1234) {
        peer->chop = chop;
        ws_sim_frame(peer, 0xc1, deflated.ptr, deflated.len);
        run();
    }
    assert_int_equal(messages, 5);
    yd_deflater_free(deflater);
    yd_buf_free(&yd_mem_default, &deflated);
}

static void test_ws_large_text_is_checked(void **state)
{
    open_plain();
    plan.echo = false;
    expected = MIB;
    pattern[MIB - 10] = 0xff;
    ws_sim_frame(peer, 0x81, pattern, MIB);
    pattern[MIB - 10] = 'x';
    run();
    assert_int_equal(messages, 0);
    ws_sim_expect_close(peer, 1007);
}

static uint8_t cut_text[] = "abc\xc3\xa4";

static void send_parts_of_text(yodel_ws *ws)
{
    const uint8_t *data = sim.service.loops[0].checked.ptr;

    assert_int_equal(yodel_ws_send(ws, YODEL_WS_TEXT, (yodel_bytes){data, 4}), YODEL_ERR_ENCODING);
    assert_int_equal(yodel_ws_send(ws, YODEL_WS_TEXT, (yodel_bytes){data + 4, 1}),
                     YODEL_ERR_ENCODING);
    assert_int_equal(yodel_ws_send(ws, YODEL_WS_TEXT, (yodel_bytes){data, 5}), 0);
}

static int on_cut_text(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    send_parts_of_text(ws);
    return 0;
}

/* Only the very message that a handler is given needs no second check. */
static void test_ws_large_part_of_a_text_is_checked(void **state)
{
    assert_int_equal(
        yd_ws_route(&sim.service, &sim.hs.http, "/cut",
                    YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open, .on_message = on_cut_text),
                    NULL),
        0);
    peer = plain = ws_sim_open(&sim, "/cut");
    ws_sim_frame(peer, 0x81, cut_text, 5);
    run();
    ws_sim_expect(peer, 0x81, cut_text, 5);
    assert_null(sim.service.loops[0].checked.ptr);
    assert_int_equal(
        yodel_ws_send(socket, YODEL_WS_TEXT, (yodel_bytes){(const uint8_t *)"\xff", 1}),
        YODEL_ERR_ENCODING);
}

/* ---- order and slow readers ---- */

static const size_t mixed[] = {10, 100000, 5, 4096, 70000, 4095, 200000, 1, 300};

static void send_mixed(yodel_ws *ws)
{
    for (size_t i = 0; i < YD_LEN(mixed); i++)
        assert_int_equal(yodel_ws_send(ws, YODEL_WS_BINARY, (yodel_bytes){pattern + i, mixed[i]}),
                         0);
}

static void expect_mixed(void)
{
    for (size_t i = 0; i < YD_LEN(mixed); i++)
        ws_sim_expect(plain, 0x82, pattern + i, mixed[i]);
}

static void check_order(bool with_tls)
{
    static const size_t limits[] = {0, 1, 999, 4096, 65536};

    open_either(with_tls);
    plan = (struct plan){.then = send_mixed};
    for (size_t i = 0; i < YD_LEN(limits); i++) {
        peer->max_taken = limits[i] == 1 && with_tls ? 100 : limits[i];
        send_message(100);
        run();
        expect_mixed();
    }
    peer->max_taken = 0;
    for (size_t window = 0; window < 400000; window = window * 2 + 13) {
        peer->window = window;
        send_message(100);
        run();
        peer->window = SIZE_MAX;
        run();
        expect_mixed();
    }
}

static void test_ws_large_output_keeps_its_order(void **state)
{
    check_order(false);
}

static void test_ws_large_output_keeps_its_order_over_tls(void **state)
{
    check_order(true);
}

static void seen_at_once(yodel_ws *ws)
{
    assert_int_equal(yodel_ws_buffered(ws), 0);
    assert_true(sim_received_len(peer) >= expected);
}

static void test_ws_large_output_waits_for_nothing(void **state)
{
    open_plain();
    plan.then = seen_at_once;
    send_message(4096);
    run();
    assert_int_equal(messages, 1);
}

static void check_slow_reader(bool with_tls)
{
    open_either(with_tls);
    peer->window = 1000;
    for (int i = 0; i < 10; i++)
        send_message(200000);
    run();
    assert_in_range(messages, 1, 3); /* it is not listened to while so much waits for it */
    peer->window = 300000;
    run();
    assert_in_range(messages, 2, 5);
    peer->window = SIZE_MAX;
    peer->max_taken = 50000;
    run();
    assert_int_equal(messages, 10);
    for (int i = 0; i < 10; i++)
        ws_sim_expect(plain, 0x81, pattern, 200000);
}

static void test_ws_large_input_rests_for_a_slow_reader(void **state)
{
    check_slow_reader(false);
}

static void test_ws_large_input_rests_for_a_slow_reader_over_tls(void **state)
{
    check_slow_reader(true);
}

/* ---- ends, everywhere ---- */

static void close_it(yodel_ws *ws)
{
    yodel_ws_close(ws, 1000, "enough");
}

static void abort_all(yodel_ws *ws)
{
    yd_net_abort(&sim.hs.net);
}

static void leave_all(yodel_ws *ws)
{
    yd_net_abort(&sim.hs.net);
    yodel_ws_close(ws, 1000, "enough");
}

/* Inside on_message, with more of the next message there already, or half a message under way. */
static void check_end_inside(bool with_tls, void (*then)(yodel_ws *ws), size_t window)
{
    open_either(with_tls);
    plan.then = then;
    peer->window = window;
    send_message(300000);
    send_message(300000);
    run();
    sim_advance(sim.hs.loop, 20000);
    assert_int_equal(messages, 1);
    assert_int_equal(closes, 1);
    assert_true(sim_is_closed(peer));
}

static void test_ws_large_message_may_end_its_connection(void **state)
{
    void (*const ends[])(yodel_ws *) = {close_it, abort_all, leave_all};

    teardown(state);
    for (int i = 0; i < 2 * 3 * 3; i++) {
        assert_int_equal(setup(state), 0);
        check_end_inside(i % 2 == 1, ends[i / 2 % 3], (size_t[]){SIZE_MAX, 0, 5000}[i / 6]);
        teardown(state);
    }
    assert_int_equal(setup(state), 0);
}

/* The end comes while the rest of a message is awaited. */
static void check_end_amid(bool with_tls, int how)
{
    open_either(with_tls);
    send_message(MIB);
    plain->input.len -= 500000;
    run();
    assert_int_equal(messages, 0);
    if (how == 0)
        sim_end(peer);
    else if (how == 1)
        sim_break(peer, -ECONNRESET);
    else if (how == 2)
        close_it(socket);
    else if (how == 3)
        abort_all(socket);
    sim_send(plain, pattern, 100000); /* some more of it, or what looks so */
    run();
    sim_advance(sim.hs.loop, 20000);
    assert_int_equal(closes, 1);
    assert_int_equal(sim.service.loops[0].reserved, 0);
}

static void test_ws_large_message_may_be_cut_off(void **state)
{
    teardown(state);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(setup(state), 0);
        check_end_amid(i % 2 == 1, i / 2);
        teardown(state);
    }
    assert_int_equal(setup(state), 0);
}

static void break_and_send(yodel_ws *ws)
{
    peer->error = -EPIPE;
    assert_int_equal(yodel_ws_send(ws, YODEL_WS_BINARY, (yodel_bytes){pattern, 100000}), 0);
    assert_int_equal(closes, 0); /* never inside a call */
    assert_int_equal(yodel_ws_send(ws, YODEL_WS_BINARY, (yodel_bytes){pattern, 100000}),
                     YODEL_ERR_CLOSED);
    assert_int_equal(yodel_ws_send_text(ws, YODEL_STR("x")), YODEL_ERR_CLOSED);
    assert_int_equal(closes, 0);
}

static void check_broken_send(bool with_tls)
{
    open_either(with_tls);
    sim_set_late(sim.hs.loop, 0, false); /* each send is told at once that the connection broke */
    plan = (struct plan){.then = break_and_send};
    send_message(300000);
    run();
    assert_int_equal(messages, 1);
    assert_int_equal(closes, 1);
}

static void test_ws_large_send_that_breaks_ends_in_a_task(void **state)
{
    check_broken_send(false);
}

static void test_ws_large_send_that_breaks_ends_in_a_task_over_tls(void **state)
{
    check_broken_send(true);
}

/* ---- memory ---- */

/* All of a message arrives, or the connection ends; a send that failed has left nothing behind. */
static void check_without_memory(struct failmem *each, size_t window)
{
    struct ws_sim_frame frame;
    int answers = 0;

    sim_forget(peer);
    peer->window = window;
    for (int i = 0; i < 3; i++) {
        send_message(i == 1 ? 2 * MIB : 100000);
        run();
    }
    peer->window = SIZE_MAX;
    run();
    while (ws_sim_next(peer, &frame) && frame.first_byte == 0x81) {
        assert_true(frame.len == 100000 || frame.len == 2 * MIB);
        assert_memory_equal(frame.data, pattern, frame.len);
        answers++;
    }
    if (closes == 0)
        assert_int_equal(answers, sent_well);
    else
        assert_true(failmem_has_failed(each));
    sim_end(peer);
    run();
    sim_advance(sim.hs.loop, 10000);
    assert_true(closes <= 1 && sim_is_closed(peer));
    assert_int_equal(sim.service.loops[0].reserved, 0);
}

static void test_ws_large_without_memory(void **state)
{
    static const size_t windows[] = {SIZE_MAX, 70000, 0};
    struct failmem each;

    for (size_t i = 0; i < YD_LEN(windows); i++) {
        FAILMEM_LOOP(&each)
        {
            if (start_with(&each.mem, 0) < 0)
                continue;
            peer = plain = ws_sim_connect(&sim, "/ws", "");
            if (socket != NULL)
                check_without_memory(&each, windows[i]);
            ws_sim_stop(&sim);
        }
    }
}

/* Who announces large messages and sends next to nothing costs no more than a bound. */
static void test_ws_large_announcements_are_bounded(void **state)
{
    struct sim_peer *peers[200];
    size_t before;

    for (size_t i = 0; i < YD_LEN(peers); i++)
        peers[i] = ws_sim_open(&sim, "/ws");
    before = atomic_load(&fm.bytes);
    for (size_t i = 0; i < YD_LEN(peers); i++) {
        sim_send(peers[i], "\x82\xff\0\0\0\0\0\x30\0\0mask", 14); /* 3 MiB */
        sim_send(peers[i], pattern, 1 + i % 50);
    }
    run();
    assert_true(atomic_load(&fm.bytes) - before < 70 * MIB);
    assert_in_range(sim.service.loops[0].reserved, 40 * MIB, 65 * MIB);
    for (size_t i = 0; i < YD_LEN(peers); i++)
        sim_end(peers[i]);
    run();
    assert_int_equal(sim.service.loops[0].reserved, 0);
}

/* Those who then do send get their messages through all the same. */
static void test_ws_large_messages_grow_when_nothing_may_be_reserved(void **state)
{
    open_plain();
    sim.service.loops[0].reserved = 100 * MIB;
    echo_everything();
    assert_int_equal(sim.service.loops[0].reserved, 100 * MIB);
}

static void test_ws_large_burst_leaves_no_memory_behind(void **state)
{
    size_t before, busy;

    open_plain();
    send_message(100);
    run();
    ws_sim_expect(plain, 0x81, pattern, 100);
    sim_advance(sim.hs.loop, 900);
    before = atomic_load(&fm.bytes);
    for (int i = 0; i < 30; i++) {
        peer->window = 0;
        send_message(300000 + 5000 * (size_t)i);
        run();
        peer->window = SIZE_MAX;
        run();
        ws_sim_expect(plain, 0x81, pattern, expected);
        busy = atomic_load(&fm.bytes);
        assert_true(busy - before < 9 * MIB);
    }
    for (int i = 0; i < 10; i++) {
        ws_sim_frame(plain, 0x8a, "", 0);
        sim_advance(sim.hs.loop, 900);
    }
    assert_true(atomic_load(&fm.bytes) <= before);
}

/* In a steady flow of large messages no memory comes from the allocator or goes to it. */
static void test_ws_large_messages_reuse_memory(void **state)
{
    size_t calls = 0;

    open_plain();
    if (sim.hs.loop->pool.max_held == 0)
        skip();
    for (int i = 0; i < 20; i++) {
        if (i == 10)
            calls = atomic_load(&fm.calls);
        peer->window = 50000;
        send_message(200000);
        run();
        peer->window = SIZE_MAX;
        run();
        ws_sim_expect(plain, 0x81, pattern, expected);
    }
    assert_int_equal(atomic_load(&fm.calls), calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_ws_large_messages_come_cut_anywhere),
        FIXTURE_TEST(test_ws_large_messages_come_over_tls),
        FIXTURE_TEST(test_ws_large_messages_come_in_fragments),
        FIXTURE_TEST(test_ws_large_messages_are_inflated),
        FIXTURE_TEST(test_ws_large_text_is_checked),
        FIXTURE_TEST(test_ws_large_part_of_a_text_is_checked),
        FIXTURE_TEST(test_ws_large_output_keeps_its_order),
        FIXTURE_TEST(test_ws_large_output_keeps_its_order_over_tls),
        FIXTURE_TEST(test_ws_large_output_waits_for_nothing),
        FIXTURE_TEST(test_ws_large_input_rests_for_a_slow_reader),
        FIXTURE_TEST(test_ws_large_input_rests_for_a_slow_reader_over_tls),
        FIXTURE_TEST(test_ws_large_message_may_end_its_connection),
        FIXTURE_TEST(test_ws_large_message_may_be_cut_off),
        FIXTURE_TEST(test_ws_large_send_that_breaks_ends_in_a_task),
        FIXTURE_TEST(test_ws_large_send_that_breaks_ends_in_a_task_over_tls),
        cmocka_unit_test(test_ws_large_without_memory),
        FIXTURE_TEST(test_ws_large_announcements_are_bounded),
        FIXTURE_TEST(test_ws_large_messages_grow_when_nothing_may_be_reserved),
        FIXTURE_TEST(test_ws_large_burst_leaves_no_memory_behind),
        FIXTURE_TEST(test_ws_large_messages_reuse_memory),
    };

    return cmocka_run_group_tests(tests, setup_pattern, teardown_pattern);
}
