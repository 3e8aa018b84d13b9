/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_LOOP_SIM_PARTS_H
#define YD_TESTS_LOOP_SIM_PARTS_H

#include "loop_sim.h"

/* Between the files of the simulated loop. */

struct sim_work {
    struct sim_work *next;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
    unsigned wait; /* turns until it is done */
};

struct sim_watch {
    struct sim_watch *next;
    struct yd_watch *owner; /* NULL: stopped */
    unsigned ready;
};

struct sim {
    struct yd_loop base; /* first */
    uint64_t clock;      /* ms */
    struct sim *linked;  /* the next of a ring of loops whose connections may come here */
    void (*on_wake)(struct yd_loop *loop, void *arg);
    void *wake_arg;
    struct yd_listener *listener;
    struct yd_listener *stopped; /* which a client comes in by nevertheless */
    struct sim_peer *peers;
    struct sim_peer *connecting; /* whose stream is about to be opened */
    struct sim_work *work, **work_end;
    struct sim_watch *watches;
    sim_dial_fn *on_dial;
    void *dial_arg;
    struct yd_stream *closed; /* on_closed is to come; linked by their states */
    uint64_t late;            /* what sim_set_late() has chosen by now; 0: all is prompt */
    bool guests;              /* clients may come in by a listener that was stopped */
    uint64_t turned_at;       /* the last turn's time */
    bool slept;               /* time has passed since the last turn: what the kernel did is told */
    bool moved;               /* something happened in this turn */
    bool sends;               /* one was begun */
};

struct stream_state {
    _Alignas(16) struct sim_peer *peer; /* NULL: gone */
    struct yd_stream *next_closed;
    unsigned wait; /* turns until the end is told */
};

static inline struct sim *sim_of(struct yd_loop *loop)
{
    return (struct sim *)loop;
}

static inline struct stream_state *state_of(struct yd_stream *stream)
{
    return (struct stream_state *)((char *)stream - sizeof(struct stream_state));
}

/* One of num, by chance; 0 in a loop that is prompt. */
unsigned sim_chance(struct sim *sim, unsigned num);

struct sim_peer *sim_add_peer(struct sim *sim);

/* ---- loop_sim_streams.c ---- */

/* The peer of a connection that left that loop: where it is linked; NULL when it is not there. */
struct sim_peer **sim_find_left(struct sim *sim, int fd);

int sim_stream_open(struct yd_stream *stream);
void sim_stream_pause(struct yd_stream *stream, bool paused);
void sim_stream_read(struct yd_stream *stream);
ssize_t sim_stream_send(struct yd_stream *stream, const struct iovec *iov, int num);
ssize_t sim_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num);
void sim_stream_shutdown(struct yd_stream *stream);
void sim_stream_close(struct yd_stream *stream);
void sim_stream_detach(struct yd_stream *stream);

/* What a turn does for a peer: ahead of what the loop does, and after it. */
void sim_run_peer(struct sim *sim, struct sim_peer *peer);
/* Again, when time has passed: for what has been begun in the same turn. */
void sim_send_on(struct sim *sim, struct sim_peer *peer);
void sim_submit_peer(struct sim *sim, struct sim_peer *peer);

/* Tells of the ends that are due; or of all. */
void sim_run_closed(struct sim *sim, bool all);

/* peer goes: its stream has no other end any more. */
void sim_forget_closed(struct sim *sim, const struct sim_peer *peer);

#endif
