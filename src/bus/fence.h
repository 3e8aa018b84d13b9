/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_FENCE_H
#define YD_BUS_FENCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "loop/loop.h"

/*
 * Grace periods.  Who sends an operation is counted from before it looks up the receivers until it
 * has posted to the last one.  What moves a receiver can wait until all who were counted before
 * have left: whatever they decided about the receiver's old place has been posted by then.
 *
 * Threads are counted in one of two generations; a fence begins the next one and waits until the
 * one before is empty.  Nobody blocks: the last one to leave posts the mail of those who wait.
 */

#define YD_FENCE_SLOTS 16

/* The threads of one slot; one cache line each. */
struct yd_fence_slot {
    atomic_uint senders[2]; /* of each generation */
    char pad[64 - 2 * sizeof(atomic_uint)];
};

struct yd_fence_wait;

struct yd_fence {
    atomic_uint generation;
    pthread_mutex_t lock;                       /* for the three below */
    struct yd_fence_wait *passing;              /* wait for the generation before */
    struct yd_fence_wait *queued, **queued_end; /* for the next grace period */
    struct yd_fence_slot slots[YD_FENCE_SLOTS];
};

/* Embedded in what waits.  mail.run(mail, loop) is called on loop. */
struct yd_fence_wait {
    struct yd_mail mail;
    struct yd_fence_wait *next;
    struct yd_loop *loop;
    yd_mail_fn *then; /* what mail.run was given as */
};

/* A sender that is counted. */
struct yd_fence_pass {
    struct yd_fence_slot *slot;
    unsigned generation; /* 0 or 1 */
};

void yd_fence_init(struct yd_fence *fence);
void yd_fence_done(struct yd_fence *fence);

/* Any thread; between the two the caller must not wait for anything. */
struct yd_fence_pass yd_fence_enter(struct yd_fence *fence);
void yd_fence_leave(struct yd_fence *fence, struct yd_fence_pass pass);

/*
 * Calls wait->mail.run(&wait->mail, loop) on loop, in a task, after all that was sent by those who
 * have entered before this call has been carried out there.  Any thread that has not entered.
 * When loop has ended mail.run is called at once, with NULL for the loop.
 */
void yd_fence_wait(struct yd_fence *fence, struct yd_loop *loop, struct yd_fence_wait *wait);

#endif
