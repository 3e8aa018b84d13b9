/* SPDX-License-Identifier: MIT */
#include "bus/fence.h"

#include <stdint.h>

#include "base/container.h"

void yd_fence_init(struct yd_fence *fence)
{
    *fence = (struct yd_fence){.queued_end = &fence->queued};
    pthread_mutex_init(&fence->lock, NULL);
}

void yd_fence_done(struct yd_fence *fence)
{
    pthread_mutex_destroy(&fence->lock);
}

/* ---- the end of a grace period ---- */

/* Tasks of the loop may hold operations that were sent before: this one goes after them. */
static void run_mail(struct yd_mail *mail, void *receiver)
{
    struct yd_fence_wait *wait = yd_container_of(mail, struct yd_fence_wait, mail);

    mail->run = wait->then;
    yd_loop_task(receiver, mail);
}

static void release_all(struct yd_fence_wait *wait)
{
    while (wait != NULL) {
        struct yd_fence_wait *next = wait->next;

        wait->then = wait->mail.run;
        wait->mail.run = run_mail;
        if (yd_loop_post(wait->loop, &wait->mail) < 0)
            wait->then(&wait->mail, NULL);
        wait = next;
    }
}

static bool is_empty(const struct yd_fence *fence, unsigned generation)
{
    for (unsigned i = 0; i < YD_FENCE_SLOTS; i++)
        if (atomic_load(&fence->slots[i].senders[generation]) != 0)
            return false;
    return true;
}

/* With the lock held.  Who is released is appended to the list that ends at end. */
static void advance(struct yd_fence *fence, struct yd_fence_wait **end)
{
    for (;;) {
        unsigned before = (atomic_load(&fence->generation) + 1) & 1;

        if (fence->passing != NULL && !is_empty(fence, before))
            return;
        *end = fence->passing;
        while (*end != NULL)
            end = &(*end)->next;
        fence->passing = fence->queued;
        fence->queued = NULL;
        fence->queued_end = &fence->queued;
        if (fence->passing == NULL)
            return;
        atomic_fetch_add(&fence->generation, 1);
    }
}

void yd_fence_wait(struct yd_fence *fence, struct yd_loop *loop, struct yd_fence_wait *wait)
{
    struct yd_fence_wait *released = NULL;

    wait->loop = loop;
    wait->next = NULL;
    pthread_mutex_lock(&fence->lock);
    *fence->queued_end = wait;
    fence->queued_end = &wait->next;
    advance(fence, &released);
    pthread_mutex_unlock(&fence->lock);
    release_all(released);
}

/* ---- those who send ---- */

/* Spreads threads over the slots: which one a thread gets does not matter. */
static struct yd_fence_slot *choose_slot(struct yd_fence *fence)
{
    uint64_t hash = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9e3779b97f4a7c15);

    return &fence->slots[hash >> 60 & (YD_FENCE_SLOTS - 1)];
}

static void end_grace(struct yd_fence *fence)
{
    struct yd_fence_wait *released = NULL;

    pthread_mutex_lock(&fence->lock);
    advance(fence, &released);
    pthread_mutex_unlock(&fence->lock);
    release_all(released);
}

/* The order of all these accesses is sequentially consistent: who leaves last sees that the
 * generation has changed, or who changed it sees that nobody is left. */
void yd_fence_leave(struct yd_fence *fence, struct yd_fence_pass pass)
{
    if (atomic_fetch_sub(&pass.slot->senders[pass.generation], 1) == 1 &&
        (atomic_load(&fence->generation) & 1) != pass.generation)
        end_grace(fence);
}

/* Who counts itself in a generation that has ended meanwhile may have come too late to be waited
 * for, and tries again. */
struct yd_fence_pass yd_fence_enter(struct yd_fence *fence)
{
    struct yd_fence_pass pass = {choose_slot(fence), 0};

    for (;;) {
        pass.generation = atomic_load(&fence->generation) & 1;
        atomic_fetch_add(&pass.slot->senders[pass.generation], 1);
        if ((atomic_load(&fence->generation) & 1) == pass.generation)
            return pass;
        yd_fence_leave(fence, pass);
    }
}
