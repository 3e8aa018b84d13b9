/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_ASK_H
#define YD_BUS_ASK_H

#include "bus/bus.h"

/*
 * Answers that are gathered from several places: loops, sockets, other processes.  Each is a part
 * that is opened and closed once; when the last part is closed, or the time is over, the sink is
 * called, once.
 */

/* Why a result is not complete. */
enum yd_missing {
    YD_MISSING_LATE = 1,    /* did not answer in time */
    YD_MISSING_CLOSED = 2,  /* a loop has ended, a client has left */
    YD_MISSING_UNABLE = 4,  /* a far peer cannot answer this */
    YD_MISSING_MEMORY = 8,  /* out of memory for an answer */
    YD_MISSING_REFUSED = 16 /* was not sent: congested, or too many wait already */
};

struct yd_ask_ops {
    /* What was gathered is complete but for missing, of enum yd_missing.  Nothing of the program's
     * is being called. */
    void (*sink)(struct yd_ask *ask, unsigned missing);
    /* No reference is left. */
    void (*free)(struct yd_ask *ask);
};

/* First member of its owner's struct. */
struct yd_ask {
    const struct yd_ask_ops *ops;
    struct yd_bus *bus;
    struct yd_layer *layer; /* that takes results of far peers; NULL: none come */
    atomic_uint refs;
    pthread_mutex_t lock; /* for all below, and for what the parts add to the owner's struct */
    unsigned open;
    unsigned missing;
    unsigned num_missing;           /* parts that did not answer */
    bool has_answer;                /* yd_ask_answered() was called */
    bool told;                      /* the sink's turn has come: nothing more counts */
    bool listed;                    /* of_loop is, or was until the sink was called */
    uint16_t awaited[YD_MAX_PEERS]; /* answers of far peers, by their index */
    struct yd_buf answered;         /* hashes of the processes that have answered */
    uint32_t timeout_ms;
    uint64_t token;
    uint64_t sequence;      /* of the last native operation when it was sent */
    struct yd_asker *asker; /* gets the result in place of the sink; NULL: none */
    struct yd_loop *home;   /* whose timer it has; NULL: none */
    struct yd_timer timer;
    struct yd_mail mail; /* calls the sink */
    struct yd_list of_loop, of_bus;
};

/* One reference.  The rest of the owner's struct is untouched. */
void yd_ask_init(struct yd_ask *ask, const struct yd_ask_ops *ops, struct yd_bus *bus);
/* Whether the owner's struct is of the kind that has these. */
static inline bool yd_ask_has_ops(const struct yd_ask *ask, const struct yd_ask_ops *ops)
{
    return ask->ops == ops;
}
void yd_ask_ref(struct yd_ask *ask);
void yd_ask_unref(struct yd_ask *ask);

/* Has the sink called on this thread's loop, or on one if it has none, and not inside the call that
 * closes the last part.  For one that is not sent by yd_bus_ask(), which does it. */
void yd_ask_settle(struct yd_ask *ask);

/* Opens a part, with a reference: while another one is open, or before the ask is begun. */
void yd_ask_open(struct yd_ask *ask);

/* The result that says why something is missing; 0: nothing is. */
int yd_missing_result(unsigned missing);

/* With the lock held until yd_ask_leave(): adds to what is gathered.  False, without the lock: too
 * late, nothing counts any more. */
bool yd_ask_enter(struct yd_ask *ask);
void yd_ask_leave(struct yd_ask *ask);
/* With the lock held: num more parts did not answer. */
static inline void yd_ask_miss(struct yd_ask *ask, unsigned num)
{
    ask->num_missing += num;
}
/* In the sink: how many did not. */
static inline unsigned yd_ask_num_missing(const struct yd_ask *ask)
{
    return ask->num_missing;
}
/* The allocator of its bus. */
static inline const struct yodel_allocator *yd_ask_mem(const struct yd_ask *ask)
{
    return yd_bus_mem(ask->bus);
}
/* Its time limit, ms; 0: none. */
static inline uint32_t yd_ask_timeout(const struct yd_ask *ask)
{
    return ask->timeout_ms;
}
/* The loop that has its time limit; NULL: none. */
static inline struct yd_loop *yd_ask_home(const struct yd_ask *ask)
{
    return ask->home;
}

/*
 * Closes a part, and gives back its reference.  missing: of enum yd_missing, 0: it is all there.
 * After the last one the sink is called in a task of loop, the current one; NULL: on no loop.
 */
void yd_ask_close(struct yd_ask *ask, struct yd_loop *loop, unsigned missing);
/* The same, of a part that stands for several, num of which are missing. */
void yd_ask_close_some(struct yd_ask *ask, struct yd_loop *loop, unsigned missing, unsigned num);
/* An answer has come, from wherever: peers that wait for no more than one close their parts.  The
 * caller has a part, or a reference, and not the lock. */
void yd_ask_answered(struct yd_ask *ask);
/* As yd_ask_close(), but the sink may be called in this call: no function of the program's is
 * running. */
void yd_ask_close_now(struct yd_ask *ask, struct yd_loop *loop, unsigned missing);

/* ---- between the files of this layer ---- */

/* On home: starts the time limit. */
void yd_ask_start_timer(struct yd_ask *ask);
/* The sink will not be called, as nothing was sent; gives back its reference. */
void yd_ask_cancel(struct yd_ask *ask);

/* bus_far.c: no far peer is waited for any more. */
void yd_far_forget(struct yd_ask *ask);

#endif
