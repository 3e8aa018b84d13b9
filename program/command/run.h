/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_RUN_H
#define YG_COMMAND_RUN_H

#include "command/execute.h"

/*
 * The life of a command under way.  It belongs to the loop of who asks.  What the library tells, on
 * whatever loop, is packed into a parcel that is posted there.  A guard, a timer,
 * answers for parcels that get lost: at its next look where the post has failed, for want of memory
 * or of room in a mailbox, and in the end for those of a loop that has ended.
 */
struct yg_run {
    struct yg_service *service;
    struct yg_command *command;
    yodel_loop *loop;
    yodel_sio_socket *sender; /* inside yg_execute() only */
    char sender_id[32];       /* "": there is none */
    yodel_sio_namespace *ns;  /* a reference; NULL: none yet */
    bool quick, uncounted;
    bool is_over;         /* answered or abandoned */
    atomic_uint num_lost; /* parcels that were: counted on whatever loop, seen by the guard */
    atomic_uint refs;
    yg_answer_fn *answer;
    void *user;
    yodel_timer guard;
    uint64_t guard_end_ms;            /* by yodel_loop_now() */
    void (*late)(struct yg_run *run); /* NULL: it has failed then */
    struct yg_acks *acks;             /* of an emit that is acknowledged; see acks.h */
    size_t matched; /* sockets, and who did not tell of some: until it is answered */
    unsigned missing;
};

/* What the library told. */
struct yg_parcel {
    struct yg_run *run; /* a reference */
    void (*open)(struct yg_parcel *parcel);
    int result;       /* 0, or why it is not whole */
    unsigned missing; /* loops and processes that did not answer */
    bool has_come;    /* on the loop of the run */
    bool gone;
    size_t index;
    json_t *json; /* a reference; NULL: none, or out of memory */
    json_t *more;
};

/*
 * Readies a parcel ahead of a call of the library: its callback must send it, and when that call
 * fails it is dropped.
 *
 * open   called on the loop of the run, unless that is over
 *
 * Returns NULL when out of memory.
 */
struct yg_parcel *yg_parcel_new(struct yg_run *run, void (*open)(struct yg_parcel *parcel));
void yg_parcel_send(struct yg_parcel *parcel);
void yg_parcel_drop(struct yg_parcel *parcel);

/* How long an answer may take before the guard answers: ms, and a margin.  It looks for lost
 * parcels meanwhile. */
void yg_run_wait(struct yg_run *run, uint32_t ms);

/* The same, for what was done and may be answered without what was awaited: late(run) does, when ms
 * are over or a parcel was lost. */
void yg_run_wait_or(struct yg_run *run, uint32_t ms, void (*late)(struct yg_run *run));

/* Answers; the run is over.  body is taken; NULL: out of memory. */
void yg_run_done(struct yg_run *run, json_t *body);
void yg_run_fail(struct yg_run *run, enum yg_problem problem, const char *detail, json_t *body);
/* The same for a negative result of the library. */
void yg_run_fail_result(struct yg_run *run, int result);
/* Nobody was found: there is none, or parcel says that not all could be looked at. */
void yg_run_fail_absent(const struct yg_parcel *parcel);

/* Gives a reference back; the last one frees the run. */
void yg_run_unref(struct yg_run *run);

/* A member that tells that some did not answer.  Returns object, which is NULL when out of memory.
 */
json_t *yg_run_partial(json_t *object, unsigned missing);

#endif
