/* SPDX-License-Identifier: MIT */
#ifndef YD_DECISION_DECISION_H
#define YD_DECISION_DECISION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/decision.h>

#include "loop/loop.h"

/*
 * What stands behind yodel_decision: who may decide, once, from any thread.  What is decided, the
 * subject, belongs to a loop and to a layer, which has a table of what the verbs do to it.
 */

enum yd_verb { YD_ACCEPT = 1, YD_REJECT = 2, YD_REFUSE = 4, YD_RESPOND = 8, YD_ANSWER = 16 };

/* How it is decided.  Borrowed for the call, or a copy under way to the loop. */
struct yd_verdict {
    enum yd_verb verb;
    const yodel_ws_accept_options *accept; /* NULL: none */
    const yodel_response *response;        /* NULL: none */
    const char *message, *data;            /* NULL: none */
    yodel_str args;                        /* of an answer: JSON values with commas between them */
    const yodel_bytes *attachments;
    size_t num_attachments;
    bool is_packed; /* the answer is elsewhere: see the layer of its kind */
};

struct yd_decision_ops {
    unsigned verbs; /* bits of enum yd_verb */
    bool later;     /* what is decided on the loop itself takes effect in a task */
    /* On the loop: calls fn with the subject, a request, which stays until fn has returned.  NULL:
     * it is none, and yodel_decision_post() is not for it. */
    void (*run)(yodel_decision *d, yodel_decision_post_fn *fn, void *arg);
    /* What can be said about a verdict on any thread: 0, -EINVAL, ...  NULL: nothing. */
    int (*check)(const struct yd_verdict *verdict);
    /* A copy of a verdict, for the way to the loop, and its end.  Any thread, several at once.
     * NULL: yd_verdict_copy(). */
    int (*pack)(yodel_decision *d, const struct yd_verdict *verdict, struct yd_verdict **ret_copy);
    void (*unpack)(yodel_decision *d, struct yd_verdict *copy);
    /* On the loop, with a subject, claimed: does it to the subject.  On success it has called
     * yd_decision_settle(), ahead of any handler; on failure the subject is as it was. */
    int (*apply)(yodel_decision *d, const struct yd_verdict *verdict);
    /* The same for one that is dropped, or whose verdict could not be applied; it cannot fail. */
    void (*drop)(yodel_decision *d);
    /* On the loop: it has no subject any more.  NULL: nothing to do. */
    void (*detached)(yodel_decision *d);
    /* Frees it, when all references are gone.  Any thread.  NULL: it is a block of the loop's
     * allocator. */
    void (*free)(yodel_decision *d);
};

/* First member of its owner's struct, if there is more.  The fields are decision.c's. */
struct yodel_decision {
    struct yd_mail mail; /* a verdict, or a drop, is on its way to the loop: once */
    const struct yd_decision_ops *ops;
    struct yd_loop *loop;
    void *subject;                    /* on the loop only; NULL: it is over */
    const struct yd_verdict *verdict; /* under way */
    yodel_decision_gone_fn *gone;
    void *gone_user;
    atomic_uint refs;  /* of the program */
    atomic_uint holds; /* the program's together, the subject's, the mail's */
    atomic_uint state;
    bool is_claimed;  /* on the loop: by who is deciding just now */
    bool was_dropped; /* ahead of that */
};

/* Makes d, all zero, a decision on subject, open, with one reference for the program and a hold of
 * the subject's; on loop. */
void yd_decision_init(yodel_decision *d, const struct yd_decision_ops *ops, struct yd_loop *loop,
                      void *subject);

/* One more reference for the program, while it is open and has one; else NULL. */
yodel_decision *yd_decision_again(yodel_decision *d);

/* Any thread. */
static inline const struct yd_decision_ops *yd_decision_ops_of(const yodel_decision *d)
{
    return d->ops;
}

/* Why it cannot be decided, YODEL_ERR_STATE or YODEL_ERR_CLOSED; 0: it can.  Any thread. */
int yd_decision_closed_by(const yodel_decision *d);

/* The verbs; any thread.  As those of yodel/decision.h. */
int yd_decision_decide(yodel_decision *d, const struct yd_verdict *verdict);

/* ---- on the loop, for the owner of the subject; d may be NULL where nothing was deferred ---- */

static inline void *yd_decision_subject(const yodel_decision *d)
{
    return d->subject;
}

/* Decides ahead of others: 0, or 1 when that has been done further up, so the caller need not take
 * it back; YODEL_ERR_STATE when a verdict is under way. */
int yd_decision_claim(yodel_decision *d);
/* What was claimed with 0 could not be done. */
void yd_decision_unclaim(yodel_decision *d);
/* What was claimed is done: *d becomes NULL. */
void yd_decision_settle(yodel_decision **d);
/* Both, for what cannot fail. */
int yd_decision_take(yodel_decision **d);

/* The subject is gone: tells the program, if that has not decided.  *d becomes NULL first. */
void yd_decision_end(yodel_decision **d);
/* Whether a verdict is on its way to the loop. */
bool yd_decision_arrives(const yodel_decision *d);
/* Takes it away from the program even then: *d becomes NULL. */
void yd_decision_override(yodel_decision **d);

/* ---- verdicts ---- */

/* 0, YODEL_ERR_ENCODING or YODEL_ERR_FORMAT, as yodel_decision_refuse(). */
int yd_decision_check_refusal(const char *message, const char *data);

/* A copy in one block, to be freed by yd_free(); NULL when out of memory. */
struct yd_verdict *yd_verdict_copy(const struct yodel_allocator *mem,
                                   const struct yd_verdict *verdict);

#endif
