/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failmem.h"
#include "loop_sim.h"
#include "net/net.h"
#include "tls_sim.h"

#include <cmocka.h>

/* Connections on loops that are as late as a backend by completions may be.  What is late is a
 * matter of the seed: each test goes through many. */
#define SEEDS 60

static struct failmem fm;
static struct yd_loop *loops[2];
static struct yd_net nets[2];
static struct yd_net_listener listeners[2];
static bool has_stopped[2]; /* those */
static struct yd_front front;
static struct yodel_log_sink sink;
static struct yd_conn *conn; /* the last one */
static char got[400];        /* by connections of the second loop */
static unsigned closes, drains, stops;
static int close_error;
static uint64_t sleeps; /* ms, in on_data */
static bool sleeps_on;  /* in on_data: beyond a deadline, with output behind what is under way */
static bool has_tls;
static bool moves; /* to the second loop, when the first byte has come */

/* ---- the protocol ---- */

/* More runs than one send has. */
#define MESSAGES 70
#define MESSAGE 30000

static void write_much(struct yd_conn *to)
{
    struct yd_msg *msg = yd_msg_new(&fm.mem, 0, MESSAGE);

    assert_non_null(msg);
    memset(yd_msg_payload(msg), 'm', msg->len);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(yd_conn_write_payload(to, msg), 0);
    yd_msg_unref(msg);
    assert_int_equal(yd_conn_write(to, "last", 4, NULL, 0), 0);
}

static size_t on_data(struct yd_conn *from, uint8_t *data, size_t len)
{
    if (moves && yd_conn_loop(from) == loops[0]) {
        if (yd_conn_move(from, &nets[1], data, 1) < 0)
            yd_conn_abort(from, -ENOMEM);
        return 1;
    }
    strncat(got, (const char *)data, len);
    if (sleeps_on) {
        write_much(from);
        yd_conn_set_timeout(from, 200);
        sim_sleep(yd_conn_loop(from), 1000);
        return len;
    }
    if (sleeps > 0) {
        sim_sleep(yd_conn_loop(from), sleeps);
        assert_int_equal(yd_conn_write(from, "answer", 6, NULL, 0), 0);
    }
    return len;
}

static void on_eof(struct yd_conn *from)
{
    yd_conn_close(from);
}

static void on_timeout(struct yd_conn *from)
{
    yd_conn_abort(from, -ETIMEDOUT);
}

static void on_drain(struct yd_conn *from)
{
    assert_int_equal(yd_conn_buffered(from), 0);
    drains++;
}

static void on_stop(struct yd_conn *from)
{
    stops++;
    yd_conn_close(from);
}

static void on_closed(struct yd_conn *from, int error)
{
    assert_int_equal(yd_conn_buffered(from), 0);
    close_error = error;
    closes++;
    if (conn == from)
        conn = NULL;
}

static const struct yd_conn_events events = {.on_data = on_data,
                                             .on_eof = on_eof,
                                             .on_timeout = on_timeout,
                                             .on_drain = on_drain,
                                             .on_stop = on_stop,
                                             .on_closed = on_closed};

static int on_connection(struct yd_conn *from, int refusal)
{
    conn = from;
    yd_conn_set_events(from, &events, NULL);
    return 0;
}

/* ---- the fixture ---- */

static void begin_loop(unsigned i, uint64_t seed)
{
    struct yd_net_options options = {.send_ms = 400,
                                     .linger_ms = 100,
                                     .close_ms = 200,
                                     .discard_ms = 1000,
                                     .max_discard = 100000};

    assert_int_equal(yd_loop_new(&yd_loop_sim, &fm.mem, &sink, i, &loops[i]), 0);
    sim_set_late(loops[i], seed, false);
    (void)yd_net_init(&nets[i], loops[i], &options);
    nets[i].on_connection = on_connection;
    assert_int_equal(yd_net_listen(&nets[i], &listeners[i], -1, &front), 0);
}

static void begin(uint64_t seed)
{
    failmem_init(&fm, 0);
    conn = NULL;
    got[0] = '\0';
    closes = drains = stops = 0;
    close_error = 0;
    sleeps = 0;
    front = (struct yd_front){.tls = has_tls ? tls_sim_server(&fm.mem, &sink) : NULL};
    begin_loop(0, seed);
    begin_loop(1, seed + 1000);
    sim_link(loops[0], loops[1]);
}

static void run_all(void)
{
    for (int i = 0; i < 6; i++)
        sim_run(loops[i % 2]);
}

static void end(void)
{
    for (int i = 0; i < 2; i++) {
        yd_net_abort(&nets[i]);
        if (!has_stopped[i])
            yd_listener_stop(&listeners[i].base);
        has_stopped[i] = false;
    }
    run_all();
    for (int i = 0; i < 2; i++)
        yd_loop_close(loops[i]);
    for (int i = 0; i < 2; i++) {
        yd_net_done(&nets[i]);
        yd_loop_free(loops[i]);
    }
    yd_tls_free(front.tls);
    failmem_assert_empty(&fm);
}

static int setup(void **state)
{
    has_tls = moves = sleeps_on = false;
    return 0;
}

static int setup_tls(void **state)
{
    (void)setup(state);
    has_tls = true;
    return 0;
}

/* ---- output that is under way ---- */

/* A connection that dies while the kernel has its bytes, and others that take what is free. */
static void abort_in_the_middle(void (*send)(void))
{
    struct yd_conn *dying = conn;

    send();
    sim_turn(loops[0]);
    yd_conn_abort(dying, -EIO);
    sim_turn(loops[0]);
    assert_int_equal(closes, 1);
    (void)sim_connect(loops[0]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yd_conn_write(conn, "another one's output", 20, NULL, 0), 0);
        sim_turn(loops[0]);
    }
    sim_run(loops[0]); /* the backend looks at what is under way */
}

static void send_copy(void)
{
    char bytes[900];

    memset(bytes, 'a', sizeof bytes);
    assert_int_equal(yd_conn_write(conn, bytes, sizeof bytes, NULL, 0), 0);
}

static void test_late_send_keeps_its_bytes(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        (void)sim_connect(loops[0]);
        abort_in_the_middle(send_copy);
        end();
    }
}

static void send_message(void)
{
    struct yd_msg *msg = yd_msg_new(&fm.mem, 0, 30000);

    assert_non_null(msg);
    memset(yd_msg_payload(msg), 'b', msg->len);
    assert_int_equal(yd_conn_write_payload(conn, msg), 0);
    yd_msg_unref(msg);
}

static void test_late_send_keeps_its_message(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        (void)sim_connect(loops[0]);
        abort_in_the_middle(send_message);
        end();
    }
}

static void test_late_send_keeps_what_tls_has_sealed(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        struct tls_sim tls;

        begin(seed);
        tls_sim_start(&tls, sim_connect(loops[0]));
        tls_sim_run(&tls, loops[0]);
        abort_in_the_middle(send_message);
        tls_sim_stop(&tls);
        end();
    }
}

/* What the peer's end breaks is let go of as late. */
static void test_late_send_outlives_a_broken_connection(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        peer = sim_connect(loops[0]);
        send_message();
        sim_turn(loops[0]);
        sim_break(peer, -ECONNRESET);
        sim_run(loops[0]);
        assert_int_equal(closes, 1);
        assert_int_equal(close_error, -ECONNRESET);
        end();
    }
}

static void test_late_send_counts_as_buffered(void **state)
{
    unsigned seen = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        peer = sim_connect(loops[0]);
        send_copy();
        yd_conn_want_drain(conn);
        sim_turn(loops[0]);
        seen += conn->sending && yd_conn_buffered(conn) > 0;
        assert_int_equal(drains, yd_conn_buffered(conn) == 0);
        sim_run(loops[0]);
        assert_int_equal(drains, 1);
        assert_int_equal(yd_conn_buffered(conn), 0);
        assert_int_equal(sim_received_len(peer), 900);
        end();
    }
    assert_true(seen > SEEDS / 2);
}

/* ---- deadlines ---- */

/* What takes a turn or two has no deadline that it could miss, however long handlers take. */
static void test_late_send_meets_its_deadline(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        sleeps = 1000;
        peer = sim_connect(loops[0]);
        for (int i = 0; i < 5; i++) {
            sim_send_text(peer, "x");
            sim_run(loops[0]);
        }
        assert_string_equal(sim_received(peer), "answeransweransweransweranswer");
        assert_int_equal(closes, 0);
        sim_advance(loops[0], 5000);
        assert_int_equal(closes, 0);
        end();
    }
}

/* It counts from the send, not from the wait ahead of the handler. */
static void test_late_send_without_progress_ends(void **state)
{
    for (uint64_t seed = 0; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        sleeps = 1000;
        peer = sim_connect(loops[0]);
        peer->window = 0;
        sim_send_text(peer, "x");
        sim_run(loops[0]);
        sim_advance(loops[0], 399);
        assert_int_equal(closes, 0);
        sim_advance(loops[0], 1);
        assert_int_equal(closes, 1);
        assert_int_equal(close_error, -ETIMEDOUT);
        assert_int_equal(atomic_load(&loops[0]->counters.sends_stalled), 1);
        end();
    }
}

/* What stands behind a send that is under way is sent ahead of a deadline that a handler has slept
 * through: the kernel has not refused it. */
static void test_late_send_is_followed_ahead_of_deadlines(void **state)
{
    unsigned seen = 0;

    sleeps_on = true;
    for (uint64_t seed = 0; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        peer = sim_connect(loops[0]);
        send_copy();
        sim_turn(loops[0]);
        seen += conn->sending;
        sim_send_text(peer, "x");
        sim_run(loops[0]);
        assert_int_equal(sim_received_len(peer), 900 + MESSAGES * MESSAGE + 4);
        assert_memory_equal(sim_received(peer) + 900 + MESSAGES * MESSAGE, "last", 4);
        end();
    }
    assert_true(seen > SEEDS / 2);
}

/* The same, of a peer that does not read: the deadline ends it. */
static void test_late_deadline_ends_who_does_not_read(void **state)
{
    sleeps_on = true;
    for (uint64_t seed = 0; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        peer = sim_connect(loops[0]);
        peer->window = 0;
        send_copy();
        sim_turn(loops[0]);
        sim_send_text(peer, "x");
        sim_run(loops[0]);
        assert_int_equal(closes, 1);
        assert_int_equal(sim_received_len(peer), 0);
        end();
    }
}

/* ---- moves ---- */

/* Turn by turn; true when the backend has kept input that was not asked for. */
static bool run_move(const struct sim_peer *peer)
{
    bool kept = false;

    for (int i = 0; i < 30; i++) {
        sim_turn(loops[0]);
        kept = kept || (peer->stream == NULL && peer->ahead > 0);
    }
    run_all();
    return kept;
}

static void test_late_move_takes_what_was_read(void **state)
{
    unsigned kept = 0;

    moves = true;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        peer = sim_connect(loops[0]);
        peer->chop = 2;
        sim_send_text(peer, "what was read is not lost");
        kept += run_move(peer);
        assert_string_equal(got, "what was read is not lost");
        end();
    }
    assert_true(kept > 10);
}

/* Each byte in a record of its own. */
static void send_sealed(struct tls_sim *tls, const char *text)
{
    char *data;
    long len;

    for (const char *c = text; *c != '\0'; c++)
        assert_int_equal(SSL_write(tls->ssl, c, 1), 1);
    len = BIO_get_mem_data(SSL_get_wbio(tls->ssl), &data);
    sim_send(tls->peer, data, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(tls->ssl));
}

/* What the backend has read is sealed: it waits for the filter. */
static void test_late_move_takes_sealed_input(void **state)
{
    unsigned kept = 0;

    moves = true;
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        struct tls_sim tls;

        begin(seed);
        tls_sim_start(&tls, sim_connect(loops[0]));
        tls_sim_run(&tls, loops[0]);
        tls.peer->chop = 40;
        send_sealed(&tls, "sealed input is not lost either");
        kept += run_move(tls.peer);
        assert_string_equal(got, "sealed input is not lost either");
        tls_sim_stop(&tls);
        end();
    }
    assert_true(kept > 5);
}

/* Without memory for what was read the connection ends: nothing is left out of the middle. */
static void test_late_move_without_memory(void **state)
{
    static const char text[] = "all, or the beginning";

    moves = true;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_peer *peer;

        begin(seed);
        peer = sim_connect(loops[0]);
        peer->chop = 2;
        sim_send_text(peer, text);
        fm.fail_at = fm.calls + 1 + seed % 12;
        (void)run_move(peer);
        assert_memory_equal(got, text, strlen(got));
        if (strcmp(got, text) != 0)
            assert_true(sim_is_closed(peer));
        end();
    }
}

/* ---- the end of a listener ---- */

/* One whom the kernel had accepted comes in after that. */
static void stop_with_a_guest(uint64_t seed, void (*stop)(struct yd_net *net))
{
    begin(seed);
    sim_set_late(loops[0], seed, true);
    stop(&nets[0]);
    yd_listener_stop(&listeners[0].base);
    has_stopped[0] = true;
    sim_run(loops[0]);
    sim_advance(loops[0], 300);
    assert_null(conn);
}

static void test_late_accept_while_the_server_stops(void **state)
{
    unsigned seen = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        stop_with_a_guest(seed, yd_net_stop);
        seen += closes; /* told to, or by its own end, which may come first */
        end();
    }
    assert_true(seen > SEEDS / 4);
}

static void test_late_accept_of_nobody(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        stop_with_a_guest(seed, yd_net_abort);
        assert_int_equal(closes + stops, 0);
        end();
    }
}

/* ---- files ---- */

static ssize_t read_result;
static unsigned reads;

static void on_file_read(struct yd_file_read *read, ssize_t result)
{
    read_result = result;
    reads++;
}

/* A read ends short at the end of the file alone. */
static void test_late_read_of_a_file(void **state)
{
    char name[] = "/tmp/yodel-late-XXXXXX", buf[20];
    int fd = mkstemp(name);

    assert_int_equal(write(fd, "0123456789", 10), 10);
    (void)unlink(name);
    for (uint64_t seed = 0; seed <= 10; seed++) {
        struct yd_file_read read = {
            .fd = fd, .buf = buf, .len = 4, .offset = 3, .done = on_file_read};

        begin(seed);
        reads = 0;
        assert_int_equal(yd_loop_read_file(loops[0], &read), 0);
        assert_int_equal(reads, 0);
        sim_run(loops[0]);
        assert_int_equal(reads, 1);
        assert_int_equal(read_result, 4);
        assert_memory_equal(buf, "3456", 4);
        read.len = sizeof buf;
        assert_int_equal(yd_loop_read_file(loops[0], &read), 0);
        sim_run(loops[0]);
        assert_int_equal(read_result, 7);
        read.fd = -1;
        assert_int_equal(yd_loop_read_file(loops[0], &read), 0);
        sim_run(loops[0]);
        assert_int_equal(read_result, -EBADF);
        end();
    }
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_late_send_keeps_its_bytes, setup),
        cmocka_unit_test_setup(test_late_send_keeps_its_message, setup),
        cmocka_unit_test_setup(test_late_send_keeps_what_tls_has_sealed, setup_tls),
        cmocka_unit_test_setup(test_late_send_outlives_a_broken_connection, setup),
        cmocka_unit_test_setup(test_late_send_counts_as_buffered, setup),
        cmocka_unit_test_setup(test_late_send_meets_its_deadline, setup),
        cmocka_unit_test_setup(test_late_send_without_progress_ends, setup),
        cmocka_unit_test_setup(test_late_send_is_followed_ahead_of_deadlines, setup),
        cmocka_unit_test_setup(test_late_deadline_ends_who_does_not_read, setup),
        cmocka_unit_test_setup(test_late_move_takes_what_was_read, setup),
        cmocka_unit_test_setup(test_late_move_takes_sealed_input, setup_tls),
        cmocka_unit_test_setup(test_late_move_without_memory, setup),
        cmocka_unit_test_setup(test_late_accept_while_the_server_stops, setup),
        cmocka_unit_test_setup(test_late_accept_of_nobody, setup),
        cmocka_unit_test_setup(test_late_read_of_a_file, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
