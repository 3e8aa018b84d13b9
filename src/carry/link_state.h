/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_LINK_STATE_H
#define YD_CARRY_LINK_STATE_H

#include "carry/link.h"

/* Between link.c (streams and frames), link_begin.c (the proofs). */

enum yd_link_phase {
    YD_LINK_CALLING = 0, /* hello is out: awaits the challenge */
    YD_LINK_PROVING,     /* our proof is out: awaits the other one */
    YD_LINK_CALLED,      /* awaits hello */
    YD_LINK_DOUBTING,    /* the challenge is out: awaits the proof */
    YD_LINK_UP,
    YD_LINK_DEAD
};

struct yd_link_slot {
    struct yd_link_stream *stream; /* NULL: free */
    uint16_t generation;
    uint16_t next_free;
};

struct yd_link {
    struct yd_link_home *home;
    struct yd_link_home *const *homes; /* of one that came in, */
    unsigned num_homes;                /* while it does not prove itself here */
    struct yd_conn *conn;
    struct yd_list node; /* of the home */
    struct yd_link_owner *owner;
    struct yd_list waiting; /* streams that could send more */
    struct yd_link_slot *slots;
    uint32_t num_slots, num_streams;
    uint16_t free_slot;
    uint16_t why;               /* enum yd_link_why, once it is dead */
    uint32_t data_left;         /* of the frame that is coming in */
    uint32_t data_stream;       /* whose */
    uint64_t heard_at, used_at; /* ms */
    uint8_t phase;
    bool called : 1;   /* the other side has made it */
    bool leaving : 1;  /* no stream is opened any more */
    bool closing : 1;  /* it has no streams, and ends */
    bool stopping : 1; /* this node is: the link ends with its streams */
    uint8_t hello[YD_LINK_HELLO_SIZE];
    uint8_t challenge[YD_LINK_CHALLENGE_SIZE];
};

static inline const struct yodel_allocator *yd_link_mem(const struct yd_link *link)
{
    return link->home->net->mem;
}

/* Ends it: counts and logs why. */
void yd_link_fail(struct yd_link *link, enum yd_link_why why, const char *text);
/* The proofs are there: from now on frames come. */
void yd_link_be_up(struct yd_link *link);
/* A line a second. */
void yd_link_log(struct yd_link *link, const char *text);

/* Moves a connection that has said hello to the loop that it is for. */
void yd_link_move(struct yd_link *link, unsigned loop);

/* link_begin.c: what stands ahead of frames.  Returns the bytes used. */
size_t yd_link_take_begin(struct yd_link *link, const uint8_t *data, size_t len);
/* Sends hello.  Returns 0 or -errno. */
int yd_link_say_hello(struct yd_link *link, uint32_t node, unsigned loop);

#endif
