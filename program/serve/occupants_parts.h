/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_OCCUPANTS_PARTS_H
#define YG_SERVE_OCCUPANTS_PARTS_H

#include "hook/hook.h"
#include "serve/occupants.h"

/* What the files of occupants share. */

#define MOST_SENT 128 /* spots of a command */
#define HEAD_WORDS 9  /* of a command, ahead of the spots */
#define SPOT_WORDS 7

/* A room of which this node has members, or an event to tell, or is the last who left. */
struct spot {
    struct yg_occupants *of;
    struct spot *next, *prev;             /* of all */
    struct spot *next_changed, **changed; /* while is_changed: in what list, and who leads to it */
    yodel_timer timer;                    /* while is_waiting: when it is asked for again */
    bool is_in;                           /* the node has members */
    bool was_in;                          /* it had some since Redis was told */
    bool is_member; /* Redis has said that the node is in, and was not told otherwise since */
    bool knows;     /* back ends were told that it is occupied, when Redis was last asked */
    bool restores;  /* of another Redis, which may not know that */
    bool is_changed, is_sent, is_waiting;
    bool sent_in, sent_was_in, sent_done;
    uint32_t delay_ms;
    char done[YG_HOOK_ID];   /* an event that was taken, which Redis does not know yet */
    struct telling *telling; /* NULL: none that is this run's */
    unsigned num_told;       /* events with the webhook */
    struct yg_lane *lane;
    yodel_str ns, room, place;
    char names[];
};

struct telling {
    struct spot *spot;
    enum yg_hook_kind kind;
    char id[YG_HOOK_ID];
};

struct yg_occupants {
    struct yg_state *state;
    yodel_loop *loop; /* NULL: it has not begun, or has ended */
    yodel_timer turn, again;
    void *spots; /* a tree, for tsearch(3) */
    struct spot *first, *first_changed, **end_changed;
    size_t num_left, num_told;
    char epoch[YG_HOOK_ID];
    uint64_t next_id;
    bool is_asking, is_turning, is_scanning;
    bool is_restoring; /* some that are changed are so because Redis is another one */
    bool must_scan;    /* Redis has rooms of this run that it may not have */
    size_t num_at_end;
    struct spot *sent[MOST_SENT];
    size_t num_sent;
    yodel_str words[HEAD_WORDS + SPOT_WORDS * MOST_SENT];
    char delays[MOST_SENT][12];
    char id[YG_HOOK_ID], grace[12];
    atomic_uint_least64_t rooms, failed, dropped;
};

static inline void yg_occupants_count(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- occupants_spots.c ---- */

/* NULL: there is none. */
struct spot *yg_spot_find(const struct yg_occupants *of, yodel_str place);
/* NULL: out of memory, and counted. */
struct spot *yg_spot_new(struct yg_occupants *of, yodel_str place);
/* Frees it once nothing is to be said of it, here or to Redis. */
void yg_spot_forget(struct spot *spot);
/* Takes it out of all that has it; events that are told have it still. */
void yg_spot_detach(struct spot *spot);
void yg_spot_free(struct spot *spot);

/* It is to be sent with the next command, or is not. */
void yg_spot_change(struct spot *spot);
void yg_spot_unchange(struct spot *spot);
/* It is sent again after that time; 0: it is not. */
void yg_spot_wait(struct spot *spot, int64_t ms);
void yg_spot_stop_waiting(struct spot *spot);

/* An event that Redis says is this run's to tell; empty: none.  One that is told already is. */
void yg_spot_take_event(struct spot *spot, yodel_str kind, yodel_str id, int64_t seq);

/* The webhook of a namespace that is told of rooms; NULL: none. */
struct yg_hook *yg_occupants_hook(const struct yg_occupants *of, yodel_str name);

/* ---- occupants_sync.c ---- */

/* Sends what has changed, one command at a time: what comes meanwhile is joined into the next. */
void yg_occupants_flush(struct yg_occupants *of);
/* For the timer that runs when Redis has failed. */
yodel_timer_fn yg_occupants_on_again;
void yg_occupants_change_all(struct yg_occupants *of);
/* Looks at all rooms of this run that Redis has. */
void yg_occupants_scan(struct yg_occupants *of, yodel_str cursor);

/* What Redis is: another one than before is told all. */
void yg_occupants_take_epoch(struct yg_occupants *of, yodel_str epoch);
/* The first words of a command; returns how many. */
size_t yg_occupants_put_head(struct yg_occupants *of, const char *script, yodel_str *words);

#endif
