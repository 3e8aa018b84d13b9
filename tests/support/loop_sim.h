/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_LOOP_SIM_H
#define YD_TESTS_LOOP_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "loop/loop.h"

/*
 * A loop without a kernel: a clock that stands still until it is moved, and peers that do what a
 * test says.  Nothing happens outside the calls below.
 *
 *     yd_loop_new(&yd_loop_sim, mem, log, 0, &loop); ... yd_net_listen(...);
 *     struct sim_peer *peer = sim_connect(loop);
 *     sim_send_text(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 *     sim_run(loop);
 *     assert_string_equal(sim_received(peer), "HTTP/1.1 404 ...");
 *     sim_free_peers(loop); ... yd_loop_free(loop);
 *
 * What the simulation itself needs comes from malloc(), so that a failing allocator fails nothing
 * but the code under test.
 */
extern const struct yd_loop_ops yd_loop_sim;

/* The other end of a stream.  Lives until sim_free_peers(). */
struct sim_peer {
    struct sim_peer *next;
    struct yd_stream *stream; /* NULL: closed by the server, or never taken */
    struct yd_buf input;      /* to be read by the stream, */
    size_t input_at;          /* from here on */
    struct yd_buf output;     /* taken from it */
    size_t ahead;             /* of the input: what the backend has read and not given */
    struct iovec pending[64]; /* what a send left, in memory of the sender */
    int num_pending;
    uint64_t pending_sum;  /* of its bytes */
    size_t pending_taken;  /* of it already; to be told */
    unsigned pending_wait; /* turns until that */
    int control;           /* other end of the socket that stands for the connection */
    int fd;                /* its own end */

    size_t chop;      /* most bytes of one read; 0: as many as there are */
    size_t max_taken; /* most bytes of one send; 0: all */
    size_t window;    /* bytes that are taken in all from now on; SIZE_MAX at first */
    int error;        /* -errno that sends and, after the input, reads give; 0: none */
    bool ends;        /* its output ends after the input */
    bool told_end;    /* and the stream knows */
    bool silent;      /* a connection that goes out, and never gets there */
    size_t read_into; /* reads that went to where the stream's owner wanted them */
};

/* Connects to the listener that was started last.  The connection may be refused. */
struct sim_peer *sim_connect(struct yd_loop *loop);
void sim_free_peers(struct yd_loop *loop);

/*
 * What becomes of connections that go out: fn gets the other end of each, which does nothing yet.
 * It returns 0 (it is connected in the next turn), -errno (it is refused), or 1 (nothing ever
 * comes of it).  Without one all are refused.
 */
struct sockaddr;
typedef int(sim_dial_fn)(struct yd_loop *loop, struct sim_peer *peer, const struct sockaddr *addr,
                         void *arg);
void sim_on_dial(struct yd_loop *loop, sim_dial_fn *fn, void *arg);

/* False once the listener has been stopped: sim_connect() is not allowed then. */
bool sim_is_listening(struct yd_loop *loop);

/* Lets connections, and their peers with them, move between the two loops and those that are linked
 * with either. */
void sim_link(struct yd_loop *a, struct yd_loop *b);

/* Calls fn(loop, arg) whenever another thread, or another loop, wakes the loop by mail: what
 * happens inside comes between the post and what its caller does next. */
void sim_on_wake(struct yd_loop *loop, void (*fn)(struct yd_loop *loop, void *arg), void *arg);

void sim_send(struct sim_peer *peer, const void *data, size_t len);
void sim_send_text(struct sim_peer *peer, const char *text);
/* Ends the peer's output after what it has sent; or breaks the connection there. */
void sim_end(struct sim_peer *peer);
void sim_break(struct sim_peer *peer, int error);

/* What a descriptor is ready for from now on, as YODEL_WATCH_... bits: each turn its watch is told
 * what it waits for of that, or that it has failed. */
void sim_set_ready(struct yd_loop *loop, int fd, unsigned events);
/* Watches that run. */
unsigned sim_num_watches(struct yd_loop *loop);

/* What has come from the server, with a NUL after it; and forgets it. */
const char *sim_received(struct sim_peer *peer);
size_t sim_received_len(const struct sim_peer *peer);
void sim_forget(struct sim_peer *peer);

/* Our side has ended its sending; it has closed altogether. */
bool sim_is_shut(struct sim_peer *peer);
bool sim_is_closed(const struct sim_peer *peer);

/*
 * From now on the loop does things as late as a backend by completions may, and at other times, as
 * seed chooses (0: prompt, as at first; YODEL_SIM_LATE=seed in the environment: from the start):
 * sends are told of some turns after they were taken, in pieces; what is read stays with the
 * backend for a while, and does not go where it is wanted; streams end, and work and reads of files
 * are done, some turns later.  What the backend has been given meanwhile is used, or looked at, in
 * each turn.  guests: a client may come in by a listener that has been stopped.
 */
void sim_set_late(struct yd_loop *loop, uint64_t seed, bool guests);

/* One turn: at most one read of each peer, sends that go on, finished work, then the loop's own. */
void sim_turn(struct yd_loop *loop);
/* Turns until nothing moves any more; time stands still. */
void sim_run(struct yd_loop *loop);
/* sim_run(), then ms pass, with every timer at its time. */
void sim_advance(struct yd_loop *loop, uint64_t ms);
/* Moves the clock alone, without a turn: the loop waits in the kernel all the while or, in a
 * handler, the handler takes that long. */
void sim_sleep(struct yd_loop *loop, uint64_t ms);

#endif
