/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "carry_sim.h"
#include "failmem.h"
#include "fixture.h"

/* Sessions of one node that are asked for at another. */

static struct failmem memory;

static struct carry_sim *start(unsigned num, unsigned num_loops, const char *const *secrets)
{
    struct carry_sim *sim = malloc(sizeof *sim);

    assert_non_null(sim);
    failmem_init(&memory, 0);
    assert_int_equal(carry_sim_start(sim, &memory.mem, num, num_loops, secrets), 0);
    return sim;
}

static int setup(void **state)
{
    *state = start(3, 1, NULL);
    return 0;
}

static int setup_loops(void **state)
{
    *state = start(2, 2, NULL);
    return 0;
}

static int teardown(void **state)
{
    if (*state == NULL)
        return 0;
    carry_sim_stop(*state);
    free(*state);
    failmem_assert_empty(&memory);
    return 0;
}

static struct sim_peer *poll(struct carry_sim *sim, unsigned node, unsigned of)
{
    struct sim_peer *peer = carry_sim_connect(sim, node);

    carry_sim_ask_poll(sim, peer, of);
    carry_sim_run(sim);
    return peer;
}

static struct sim_peer *post(struct carry_sim *sim, unsigned node, unsigned of, const char *body)
{
    struct sim_peer *peer = carry_sim_connect(sim, node);

    carry_sim_ask_post(sim, peer, of, body);
    carry_sim_run(sim);
    return peer;
}

static void say(struct carry_sim *sim, unsigned of, const char *text)
{
    assert_int_equal(eio_sim_send(&sim->nodes[of].eio, text, 0), 0);
    carry_sim_run(sim);
}

static void expect_told(struct carry_sim *sim, unsigned node, const char *expected)
{
    eio_sim_expect_told(&sim->nodes[node].eio, expected);
}

static int count_of(const struct eio_sim *sim, const char *what)
{
    const char *text = sim->base.told.len > 0 ? (const char *)sim->base.told.ptr : "";
    const char *end = text + sim->base.told.len;
    int count = 0;

    while ((text = memmem(text, (size_t)(end - text), what, strlen(what))) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* ---- polls and posts ---- */

static void test_carry_polls(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;

    carry_sim_open(sim, 0);
    peer = poll(sim, 1, 0);
    assert_int_equal(sim_received_len(peer), 0);
    say(sim, 0, "4a");
    eio_sim_expect(peer, 200, "4a");
    carry_sim_ask_poll(sim, peer, 0); /* the connection goes on */
    carry_sim_run(sim);
    say(sim, 0, "4b");
    eio_sim_expect(peer, 200, "4b");
    assert_int_equal(sim->num_dials, 1);
    assert_int_equal(carry_sim_stats(sim, 1).out, 2);
    assert_int_equal(carry_sim_stats(sim, 0).in, 2);
    assert_int_equal(carry_sim_stats(sim, 1).failed, 0);
    assert_int_equal(carry_sim_stats(sim, 1).links, 1);
    assert_int_equal(carry_sim_stats(sim, 0).links, 1);
}

static void test_carry_posts(void **state)
{
    struct carry_sim *sim = *state;

    carry_sim_open(sim, 0);
    for (size_t chop = 0; chop < 4; chop++) {
        struct sim_peer *peer = carry_sim_connect(sim, 1);

        peer->chop = chop;
        carry_sim_ask_post(sim, peer, 0,
                           "4one\x1e"
                           "4two");
        carry_sim_run(sim);
        eio_sim_expect(peer, 200, "ok");
        expect_told(sim, 0, "text:one;text:two;");
    }
}

static void test_carry_posts_in_chunks(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer = carry_sim_connect(sim, 1);
    char text[400];

    carry_sim_open(sim, 0);
    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
                   sim->nodes[0].eio.id);
    sim_send_text(peer, text);
    carry_sim_run(sim);
    assert_string_equal(sim_received(peer), "HTTP/1.1 100 Continue\r\n\r\n");
    sim_forget(peer);
    sim_send_text(peer, "2\r\n4o\r\n2;x=y\r\nne\r\n0\r\nTrailer: a\r\n\r\n");
    carry_sim_run(sim);
    eio_sim_expect(peer, 200, "ok");
    expect_told(sim, 0, "text:one;");
    sim_send_text(peer, text);
    sim_send_text(peer, "0\r\n\r\n");
    carry_sim_run(sim);
    assert_non_null(strstr(sim_received(peer), "HTTP/1.1 200"));
}

/* R15: one kept connection of a proxy's brings requests of sessions of all nodes at once. */
static void test_carry_keeps_the_order_of_a_pipeline(void **state)
{
    struct carry_sim *sim = *state;
    struct http_sim_answer answer;
    struct sim_peer *peer;

    for (unsigned i = 0; i < 3; i++)
        carry_sim_open(sim, i);
    peer = carry_sim_connect(sim, 1);
    for (unsigned round = 0; round < 4; round++) {
        carry_sim_ask_poll(sim, peer, 0);
        carry_sim_ask_post(sim, peer, 1, "4to one");
        carry_sim_ask_poll(sim, peer, 2);
        carry_sim_ask_poll(sim, peer, 1);
        carry_sim_run(sim);
        say(sim, 1, "4of one"); /* is fetched last */
        say(sim, 2, "4of two");
        assert_int_equal(sim_received_len(peer), 0);
        say(sim, 0, "4of zero");
        for (unsigned i = 0; i < 4; i++) {
            static const char *const expected[] = {"4of zero", "ok", "4of two", "4of one"};

            assert_true(http_sim_next(peer, &answer));
            assert_int_equal(answer.status, 200);
            assert_string_equal(answer.body, expected[i]);
        }
    }
    expect_told(sim, 1, "text:to one;text:to one;text:to one;text:to one;");
}

static void test_carry_byte_by_byte(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer, *ws;

    for (sim->chop = 1; sim->chop < 4; sim->chop++) {
        carry_sim_break(sim);
        carry_sim_advance(sim, 300);
        carry_sim_open(sim, 0);
        eio_sim_expect(post(sim, 1, 0, "4one"), 200, "ok");
        expect_told(sim, 0, "text:one;");
        peer = poll(sim, 1, 0);
        say(sim, 0, "4a");
        eio_sim_expect(peer, 200, "4a");
        ws = carry_sim_upgrade(sim, 2, 0);
        carry_sim_run(sim);
        assert_memory_equal(sim_received(ws), "HTTP/1.1 101", 12);
        sim_end(ws);
        carry_sim_run(sim);
        carry_sim_advance(sim, 2000);
        expect_told(sim, 0, "close:ping timeout;");
    }
}

static void test_carry_tells_what_the_owner_refuses(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;

    carry_sim_open(sim, 0);
    sim->nodes[0].eio.id[0] ^= 1; /* another session of that node */
    peer = poll(sim, 1, 0);
    eio_sim_expect_error(peer, 1);
    assert_false(sim_is_shut(peer));
    peer = carry_sim_upgrade(sim, 1, 0);
    carry_sim_run(sim);
    eio_sim_expect(peer, 400, "Session ID unknown");
    carry_sim_run(sim);
    assert_true(sim_is_shut(peer) || sim_is_closed(peer));
    assert_int_equal(carry_sim_stats(sim, 1).failed, 0);
}

/* ---- WebSockets ---- */

static struct sim_peer *upgrade(struct carry_sim *sim, unsigned node, unsigned of)
{
    struct sim_peer *ws = carry_sim_upgrade(sim, node, of), *peer;

    carry_sim_run(sim);
    http_sim_assert_status(ws, 101);
    sim_forget(ws);
    peer = poll(sim, 2, of);
    ws_sim_text(ws, "2probe");
    carry_sim_run(sim);
    ws_sim_expect_text(ws, "3probe");
    carry_sim_advance(sim, 60);
    eio_sim_expect(peer, 200, "6");
    ws_sim_text(ws, "5");
    carry_sim_run(sim);
    return ws;
}

static void test_carry_upgrades(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *ws;

    carry_sim_open(sim, 0);
    ws = upgrade(sim, 1, 0);
    assert_int_equal(yd_eio_transport(sim->nodes[0].eio.session), YD_EIO_WEBSOCKET);
    ws_sim_text(ws, "4hi");
    carry_sim_run(sim);
    expect_told(sim, 0, "text:hi;");
    say(sim, 0, "4there");
    ws_sim_expect_text(ws, "4there");
    ws_sim_close(ws, 1000, "");
    carry_sim_run(sim);
    ws_sim_expect_close(ws, 1000);
    expect_told(sim, 0, "close:transport close;");
    assert_true(sim_is_shut(ws) || sim_is_closed(ws));
    sim_end(ws);
    carry_sim_advance(sim, 400);
    assert_true(sim_is_closed(ws));
}

static void test_carry_sends_much_both_ways(void **state)
{
    struct carry_sim *sim = *state;
    size_t len = 0, sent = 0;
    struct ws_sim_frame frame;
    struct sim_peer *ws;
    char text[1900];

    carry_sim_open(sim, 0);
    ws = upgrade(sim, 1, 0);
    memset(text, 'a', sizeof text);
    text[0] = '4';
    for (unsigned i = 0; i < 200; i++)
        ws_sim_frame(ws, 0x81, text, sizeof text);
    ws->window = 5000; /* it reads slowly */
    carry_sim_run(sim);
    assert_int_equal(count_of(&sim->nodes[0].eio, "text:"), 200);
    for (unsigned i = 0; i < 200; i++) {
        if (eio_sim_send_binary(&sim->nodes[0].eio, text, sizeof text, 0) == 0)
            sent++;
        carry_sim_run(sim);
    }
    assert_true(sent > 10 && sent < 150); /* the bound of the session holds */
    ws->window = SIZE_MAX;
    carry_sim_run(sim);
    while (ws_sim_next(ws, &frame))
        len += frame.len;
    assert_int_equal(len, sent * sizeof text);
}

static void test_carry_ends_with_the_client(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;

    carry_sim_open(sim, 0);
    peer = upgrade(sim, 1, 0);
    sim_break(peer, -ECONNRESET);
    carry_sim_run(sim);
    expect_told(sim, 0, "close:transport close;");
    carry_sim_open(sim, 0);
    peer = poll(sim, 1, 0);
    sim_end(peer);
    carry_sim_run(sim);
    expect_told(sim, 0, "close:transport error;");
    carry_sim_open(sim, 0);
    peer = upgrade(sim, 1, 0);
    sim_end(peer); /* without a closing handshake, */
    carry_sim_run(sim);
    expect_told(sim, 0, "close:transport close;");
    carry_sim_open(sim, 0);
    peer = upgrade(sim, 1, 0);
    ws_sim_close(peer, 1000, "");
    sim_end(peer); /* and without the other side's part in one */
    carry_sim_run(sim);
    expect_told(sim, 0, "close:transport close;");
    assert_int_equal(carry_sim_stats(sim, 1).failed, 0);
}

/* ---- who cannot be reached ---- */

static void test_carry_without_the_owner(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;

    carry_sim_open(sim, 0);
    sim->nodes[0].unknown = true;
    eio_sim_expect_error(poll(sim, 1, 0), 1);
    assert_int_equal(carry_sim_stats(sim, 1).failed, 1);
    sim->nodes[0].unknown = false;
    eio_sim_expect_error(poll(sim, 1, 0), 1); /* remembered for a moment */
    assert_int_equal(sim->num_dials, 0);
    carry_sim_advance(sim, 200);
    sim->nodes[0].refuses = true;
    eio_sim_expect_error(post(sim, 1, 0, "4a"), 1);
    carry_sim_advance(sim, 200);
    sim->nodes[0].refuses = false;
    sim->nodes[0].silent = true;
    peer = poll(sim, 1, 0);
    carry_sim_advance(sim, 690);
    assert_int_equal(sim_received_len(peer), 0);
    carry_sim_advance(sim, 20);
    eio_sim_expect(peer, 503, "");
    assert_int_equal(sim->dial_ms, 700);
    sim->nodes[0].silent = false;
    carry_sim_advance(sim, 200);
    eio_sim_expect(post(sim, 1, 0, "4a"), 200, "ok");
    expect_told(sim, 0, "text:a;");
}

/* Whoever knows where nodes are does not answer in time: as if there were none. */
static void test_carry_with_a_finder_that_is_slow(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;

    carry_sim_open(sim, 0);
    sim->nodes[0].is_looked_for = true;
    peer = poll(sim, 1, 0);
    carry_sim_advance(sim, 690);
    assert_int_equal(sim_received_len(peer), 0);
    carry_sim_advance(sim, 20);
    eio_sim_expect_error(peer, 1);
    yd_carry_found(sim->last_lookup); /* late */
    assert_int_equal(sim->num_dials, 0);
    peer = post(sim, 1, 0, "4a");
    assert_int_equal(sim_received_len(peer), 0);
    yd_carry_found(sim->last_lookup);
    carry_sim_run(sim);
    eio_sim_expect(peer, 200, "ok");
    expect_told(sim, 0, "text:a;");
}

/* A node gets another tag: sessions that it has stay there, and are not looked for elsewhere. */
static void test_carry_with_another_tag(void **state)
{
    struct carry_sim *sim = *state;

    carry_sim_open(sim, 0);
    yd_carry_set_node(sim->nodes[0].carry, 777);
    eio_sim_expect(post(sim, 0, 0, "4a"), 200, "ok");
    expect_told(sim, 0, "text:a;");
    assert_int_equal(carry_sim_stats(sim, 0).out, 0);
    eio_sim_expect_error(poll(sim, 1, 0), 1);
}

static void test_carry_needs_the_secret(void **state)
{
    static const char *const secrets[] = {"one secret of many", "another secret of"};
    struct carry_sim *sim = *state = start(2, 1, secrets);

    carry_sim_open(sim, 0);
    eio_sim_expect_error(poll(sim, 1, 0), 1);
    assert_int_equal(carry_sim_stats(sim, 0).refused, 1);
    assert_int_equal(carry_sim_stats(sim, 0).in, 0);
    assert_int_equal(carry_sim_num_links(sim), 0);
}

static void test_carry_finds_another_node_there(void **state)
{
    struct carry_sim *sim = *state;

    carry_sim_open(sim, 0);
    yd_carry_set_node(sim->nodes[0].carry, 777); /* it was started anew */
    eio_sim_expect_error(poll(sim, 1, 0), 1);
    assert_int_equal(carry_sim_stats(sim, 0).refused, 1);
}

/* A request that was carried is not carried again, whatever the nodes think. */
static void test_carry_goes_one_way_only(void **state)
{
    struct carry_sim *sim = *state;

    carry_sim_open(sim, 0);
    carry_sim_open(sim, 2);
    eio_sim_expect(post(sim, 1, 0, "4a"), 200, "ok"); /* there is a link */
    memcpy(sim->nodes[0].eio.id + 12, sim->nodes[2].eio.id + 12, 4);
    yd_carry_set_node(sim->nodes[1].carry, 101);
    eio_sim_expect_error(poll(sim, 1, 0), 1); /* node 2 has no such session */
    assert_int_equal(carry_sim_stats(sim, 2).out, 0);
    yd_carry_set_node(sim->nodes[2].carry, 500); /* node 2 thinks it is another one */
    eio_sim_expect_error(poll(sim, 1, 0), 1);
    assert_int_equal(carry_sim_stats(sim, 2).out, 0);
    assert_int_equal(carry_sim_stats(sim, 2).in, 2);
}

/* ---- links that break ---- */

static void test_carry_loses_a_link(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *held, *ws;

    carry_sim_open(sim, 0);
    ws = upgrade(sim, 1, 0);
    carry_sim_open(sim, 0);
    held = poll(sim, 1, 0);
    carry_sim_break(sim);
    carry_sim_run(sim);
    eio_sim_expect_error(held, 1);
    assert_true(sim_is_closed(ws));
    assert_int_equal(carry_sim_stats(sim, 1).failed, 2);
    assert_int_equal(carry_sim_stats(sim, 1).lost, 1);
    assert_int_equal(carry_sim_stats(sim, 1).links, 0);
    expect_told(sim, 0, "close:transport close;close:transport error;");
}

static void test_carry_loses_a_link_in_an_answer(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;
    char text[1900];
    unsigned num;

    carry_sim_open(sim, 0);
    eio_sim_expect(post(sim, 1, 0, "4a"), 200, "ok");
    memset(text, 'a', sizeof text);
    text[0] = '4';
    text[sizeof text - 1] = '\0';
    for (num = 0; num < 100 && eio_sim_send(&sim->nodes[0].eio, text, YD_EIO_ALWAYS) == 0; num++)
        ;
    peer = carry_sim_connect(sim, 1);
    peer->window = 1000;
    carry_sim_ask_poll(sim, peer, 0);
    carry_sim_run(sim);
    assert_int_equal(sim_received_len(peer), 1000);
    carry_sim_break(sim);
    carry_sim_run(sim);
    assert_true(sim_is_closed(peer)); /* neither whole nor followed by anything */
    assert_int_equal(carry_sim_stats(sim, 1).failed, 1);
}

static void test_carry_from_a_paused_owner(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;

    carry_sim_open(sim, 0);
    peer = poll(sim, 1, 0);
    carry_sim_advance(sim, 800); /* a link that is used is looked after */
    assert_int_equal(sim_received_len(peer), 0);
    sim->nodes[0].paused = true;
    carry_sim_advance(sim, 820);
    eio_sim_expect(peer, 503, "");
    assert_int_equal(carry_sim_num_links(sim), 0);
    peer = poll(sim, 1, 0);
    carry_sim_advance(sim, 720);
    eio_sim_expect(peer, 503, "");
    sim->nodes[0].paused = false;
    carry_sim_advance(sim, 100);
}

static void test_carry_ends_idle_links(void **state)
{
    struct carry_sim *sim = *state;

    carry_sim_open(sim, 0);
    eio_sim_expect(post(sim, 1, 0, "4a"), 200, "ok");
    carry_sim_advance(sim, 4500);
    assert_int_equal(carry_sim_num_links(sim), 1);
    carry_sim_advance(sim, 1000);
    assert_int_equal(carry_sim_num_links(sim), 0);
    assert_int_equal(carry_sim_stats(sim, 1).lost, 0);
    assert_int_equal(carry_sim_stats(sim, 0).lost, 0);
    expect_told(sim, 0, "text:a;close:ping timeout;");
    carry_sim_open(sim, 0);
    eio_sim_expect(post(sim, 1, 0, "4a"), 200, "ok");
    assert_int_equal(sim->num_dials, 2);
}

/* ---- stops ---- */

static void stop_node(struct carry_sim *sim, unsigned node)
{
    struct eio_sim *eio = &sim->nodes[node].eio;

    yd_carry_stop(sim->nodes[node].carry, eio->base.loops[0]);
    yd_eio_stop(eio->eio, eio->base.loops[0]);
    yd_net_stop(&eio->base.nets[0]);
    carry_sim_run(sim);
}

static void test_carry_when_the_owner_stops(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *held, *ws;

    carry_sim_open(sim, 0);
    ws = upgrade(sim, 1, 0);
    carry_sim_open(sim, 0);
    held = poll(sim, 1, 0);
    stop_node(sim, 0);
    eio_sim_expect(held, 200, "1");
    assert_false(sim_is_shut(held)); /* node 1 does not stop */
    ws_sim_expect_close(ws, 1001);
    ws_sim_close(ws, 1001, "");
    sim_end(ws);
    carry_sim_advance(sim, 500);
    assert_int_equal(carry_sim_num_links(sim), 0);
    eio_sim_expect_error(poll(sim, 1, 0), 1);
}

static void test_carry_when_the_client_s_node_stops(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *held, *ws, *peer;

    carry_sim_open(sim, 0);
    ws = upgrade(sim, 1, 0);
    carry_sim_open(sim, 0);
    held = poll(sim, 1, 0);
    stop_node(sim, 1);
    eio_sim_expect(held, 200, "6"); /* the session goes on by another way */
    assert_true(sim_is_shut(held) || sim_is_closed(held));
    ws_sim_expect_close(ws, 1001);
    ws_sim_close(ws, 1001, "");
    sim_end(ws);
    carry_sim_advance(sim, 500);
    assert_int_equal(sim->nodes[1].eio.base.nets[0].num_conns, 0);
    expect_told(sim, 0, "close:server shutting down;");
    peer = poll(sim, 2, 0);
    say(sim, 0, "4a");
    eio_sim_expect(peer, 200, "4a");
}

/* ---- loops ---- */

/* The link goes to the session's loop, whichever loop accepts it. */
static void test_carry_to_the_loop(void **state)
{
    struct carry_sim *sim = *state;
    struct sim_peer *peer;

    for (unsigned accepts_at = 0; accepts_at < 2; accepts_at++) {
        sim->nodes[0].accepts_at = accepts_at;
        for (unsigned loop = 0; loop < 2; loop++) {
            eio_sim_open(&sim->nodes[0].eio, loop);
            peer = poll(sim, 1, 0);
            say(sim, 0, "4a");
            eio_sim_expect(peer, 200, "4a");
        }
        assert_int_equal(sim->num_dials, 2 * (accepts_at + 1));
        carry_sim_break(sim);
        carry_sim_advance(sim, 300);
    }
}

/* ---- hostile bytes ---- */

static void expect_refused(struct carry_sim *sim, const void *data, size_t len, size_t chop)
{
    uint64_t before = carry_sim_stats(sim, 0).refused;
    struct sim_peer *peer = carry_sim_knock(sim, 0);

    peer->chop = chop;
    sim_send(peer, data, len);
    carry_sim_run(sim);
    carry_sim_advance(sim, 520);
    assert_true(sim_is_closed(peer));
    assert_true(carry_sim_stats(sim, 0).refused > before);
}

static void test_carry_refuses_what_is_no_link(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct carry_sim *sim = *state;
    struct yd_link_hello hello = {.from = 101, .to = 100};
    uint8_t bytes[YD_LINK_HELLO_SIZE + YD_LINK_PROOF_SIZE] = {0};

    for (size_t chop = 0; chop < 2; chop++) {
        expect_refused(sim, http, sizeof http - 1, chop);
        expect_refused(sim, "", 0, chop);
        yd_link_put_hello(bytes, &hello);
        expect_refused(sim, bytes, YD_LINK_HELLO_SIZE - 1, chop);
        expect_refused(sim, bytes, YD_LINK_HELLO_SIZE, chop);
        expect_refused(sim, bytes, sizeof bytes, chop);
        hello.loop = 7;
        yd_link_put_hello(bytes, &hello);
        expect_refused(sim, bytes, YD_LINK_HELLO_SIZE, chop);
        hello.loop = 0;
    }
}

static void test_carry_has_room_for_so_many_links(void **state)
{
    struct carry_sim *sim = *state;
    struct yd_link_hello hello = {.from = 101, .to = 100};
    struct sim_peer *peers[70];
    uint8_t bytes[YD_LINK_HELLO_SIZE];
    enum yd_link_answer answer;

    yd_link_put_hello(bytes, &hello);
    for (size_t i = 0; i < 70; i++) {
        peers[i] = carry_sim_knock(sim, 0);
        sim_send(peers[i], bytes, sizeof bytes);
        eio_sim_run(&sim->nodes[0].eio);
        if (i < 5)
            assert_int_equal(sim_received_len(peers[i]), YD_LINK_CHALLENGE_SIZE);
        if (sim_received_len(peers[i]) == 0)
            continue;
        assert_int_equal(yd_link_get_challenge((const uint8_t *)sim_received(peers[i]),
                                               YD_LINK_CHALLENGE_SIZE, &answer),
                         1);
        assert_int_equal(answer, i < 4 ? YD_LINK_ACCEPTED : YD_LINK_FULL);
    }
}

/* ---- memory ---- */

static void live(struct carry_sim *sim)
{
    struct sim_peer *peer = carry_sim_connect(sim, 1), *ws;

    (void)eio_sim_get(&sim->nodes[0].eio, 0, "");
    if (sim->nodes[0].eio.session == NULL)
        return;
    carry_sim_ask_poll(sim, peer, 0);
    carry_sim_ask_post(sim, peer, 0, "4b");
    carry_sim_run(sim);
    if (sim->nodes[0].eio.session != NULL)
        (void)eio_sim_send(&sim->nodes[0].eio, "4a", 0);
    carry_sim_run(sim);
    ws = carry_sim_upgrade(sim, 1, 0);
    carry_sim_run(sim);
    ws_sim_text(ws, "2probe");
    carry_sim_run(sim);
    ws_sim_text(ws, "5");
    ws_sim_text(ws, "4c");
    carry_sim_run(sim);
    (void)sim_received(peer);
    (void)sim_received(ws);
    sim_end(ws);
    carry_sim_run(sim);
}

/* Whatever fails, no answer is cut short by bytes of another, and nothing is left. */
static void test_carry_without_memory(void **state)
{
    struct carry_sim *sim = malloc(sizeof *sim);

    assert_non_null(sim);
    FAILMEM_LOOP(&memory)
    {
        int rc = carry_sim_start(sim, &memory.mem, 2, 1, NULL);

        failmem_assert_whole(&memory, rc, true, true);
        if (rc < 0)
            continue;
        live(sim);
        carry_sim_advance(sim, 3000);
        if (!failmem_has_failed(&memory))
            expect_told(sim, 0, "open;text:b;text:c;close:transport close;");
        carry_sim_stop(sim);
    }
    free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_carry_polls),
        FIXTURE_TEST(test_carry_posts),
        FIXTURE_TEST(test_carry_posts_in_chunks),
        FIXTURE_TEST(test_carry_keeps_the_order_of_a_pipeline),
        FIXTURE_TEST(test_carry_byte_by_byte),
        FIXTURE_TEST(test_carry_tells_what_the_owner_refuses),
        FIXTURE_TEST(test_carry_upgrades),
        FIXTURE_TEST(test_carry_sends_much_both_ways),
        FIXTURE_TEST(test_carry_ends_with_the_client),
        FIXTURE_TEST(test_carry_without_the_owner),
        FIXTURE_TEST(test_carry_with_a_finder_that_is_slow),
        FIXTURE_TEST(test_carry_with_another_tag),
        TEARDOWN_TEST(test_carry_needs_the_secret),
        FIXTURE_TEST(test_carry_finds_another_node_there),
        FIXTURE_TEST(test_carry_goes_one_way_only),
        FIXTURE_TEST(test_carry_loses_a_link),
        FIXTURE_TEST(test_carry_loses_a_link_in_an_answer),
        FIXTURE_TEST(test_carry_from_a_paused_owner),
        FIXTURE_TEST(test_carry_ends_idle_links),
        FIXTURE_TEST(test_carry_when_the_owner_stops),
        FIXTURE_TEST(test_carry_when_the_client_s_node_stops),
        cmocka_unit_test_setup_teardown(test_carry_to_the_loop, setup_loops, teardown),
        FIXTURE_TEST(test_carry_refuses_what_is_no_link),
        FIXTURE_TEST(test_carry_has_room_for_so_many_links),
        cmocka_unit_test(test_carry_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
