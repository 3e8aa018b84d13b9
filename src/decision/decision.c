/* SPDX-License-Identifier: MIT */
#include "decision/decision.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"

enum state {
    OPEN = 0,
    DECIDED, /* by a verdict, perhaps under way; or claimed on the loop */
    DROPPED, /* the mail that says so is under way; on the loop it may still be decided */
    OVER
};

/* ---- lifetime ---- */

void yd_decision_init(yodel_decision *d, const struct yd_decision_ops *ops, struct yd_loop *loop,
                      void *subject)
{
    d->ops = ops;
    d->loop = loop;
    d->subject = subject;
    atomic_init(&d->refs, 1);
    atomic_init(&d->holds, 2);
    atomic_init(&d->state, OPEN);
    yd_loop_keep(loop);
}

static void hold(yodel_decision *d)
{
    atomic_fetch_add_explicit(&d->holds, 1, memory_order_relaxed);
}

static void release(yodel_decision *d)
{
    struct yd_keeper keeper;

    if (atomic_fetch_sub_explicit(&d->holds, 1, memory_order_acq_rel) != 1)
        return;
    keeper = d->loop->keeper; /* the loop may go with it */
    if (d->ops->free != NULL)
        d->ops->free(d);
    else
        yd_free(d->loop->mem, d);
    yd_keeper_release(&keeper);
}

static bool change(yodel_decision *d, enum state from, enum state to)
{
    unsigned expected = from;

    return atomic_compare_exchange_strong(&d->state, &expected, to);
}

int yd_decision_closed_by(const yodel_decision *d)
{
    switch (atomic_load(&d->state)) {
    case OPEN:
        return 0;
    case OVER:
        return YODEL_ERR_CLOSED;
    default:
        return YODEL_ERR_STATE;
    }
}

yodel_decision *yodel_decision_ref(yodel_decision *d)
{
    if (d == NULL)
        return NULL;
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

yodel_decision *yd_decision_again(yodel_decision *d)
{
    unsigned refs = atomic_load(&d->refs);

    while (refs > 0 && yd_decision_closed_by(d) == 0)
        if (atomic_compare_exchange_weak(&d->refs, &refs, refs + 1))
            return d;
    return NULL;
}

/* ---- on the way to the loop ---- */

/* Verdicts that say no more than their verb: they travel without memory. */
static const struct yd_verdict bare[] = {{.verb = YD_ACCEPT}, {.verb = YD_REFUSE}};

static const struct yd_verdict *find_bare(const struct yd_verdict *verdict)
{
    if (verdict->accept != NULL || verdict->response != NULL || verdict->message != NULL ||
        verdict->data != NULL)
        return NULL;
    for (size_t i = 0; i < YD_LEN(bare); i++)
        if (bare[i].verb == verdict->verb)
            return &bare[i];
    return NULL;
}

static void free_verdict(yodel_decision *d, const struct yd_verdict *verdict)
{
    if (find_bare(verdict) == verdict)
        return;
    if (d->ops->unpack != NULL)
        d->ops->unpack(d, (struct yd_verdict *)verdict);
    else
        yd_free(d->loop->mem, (struct yd_verdict *)verdict);
}

static void drop(yodel_decision *d)
{
    d->is_claimed = true;
    d->ops->drop(d);
    d->is_claimed = false;
}

static void run_verdict(yodel_decision *d)
{
    const struct yd_verdict *verdict = d->verdict;
    int rc = 0;

    d->is_claimed = true;
    if (d->subject != NULL)
        rc = d->ops->apply(d, verdict);
    d->is_claimed = false;
    if (rc < 0 && d->subject != NULL)
        drop(d);
    free_verdict(d, verdict);
}

static void run_mail(struct yd_mail *mail, void *receiver)
{
    yodel_decision *d = yd_container_of(mail, yodel_decision, mail);

    (void)receiver;
    if (d->verdict != NULL)
        run_verdict(d);
    else if (d->subject != NULL && change(d, DROPPED, DECIDED))
        drop(d);
    release(d);
}

/* On the loop itself it is a task. */
static int post(yodel_decision *d)
{
    int rc = 0;

    hold(d);
    d->mail.run = run_mail;
    if (yd_loop_is_current(d->loop))
        yd_loop_task(d->loop, &d->mail);
    else if ((rc = yd_loop_post(d->loop, &d->mail)) < 0)
        release(d);
    return rc;
}

yodel_decision *yodel_decision_unref(yodel_decision *d)
{
    if (d == NULL || atomic_fetch_sub(&d->refs, 1) != 1)
        return NULL;
    if (change(d, OPEN, DROPPED))
        (void)post(d); /* after the loop has ended there is nobody to tell */
    release(d);
    return NULL;
}

static int pack(yodel_decision *d, const struct yd_verdict *verdict,
                const struct yd_verdict **ret_copy)
{
    struct yd_verdict *copy = NULL;
    int rc;

    if ((*ret_copy = find_bare(verdict)) != NULL)
        return 0;
    if (d->ops->pack != NULL)
        rc = d->ops->pack(d, verdict, &copy);
    else
        rc = (copy = yd_verdict_copy(d->loop->mem, verdict)) != NULL ? 0 : -ENOMEM;
    *ret_copy = copy;
    return rc;
}

static int decide_there(yodel_decision *d, const struct yd_verdict *verdict)
{
    const struct yd_verdict *copy;
    int rc;

    if ((rc = pack(d, verdict, &copy)) < 0)
        return rc;
    if (!change(d, OPEN, DECIDED)) {
        free_verdict(d, copy);
        return yd_decision_closed_by(d);
    }
    d->verdict = copy;
    if ((rc = post(d)) < 0) {
        atomic_store(&d->state, OVER);
        free_verdict(d, copy);
    }
    return rc;
}

static int decide_here(yodel_decision *d, const struct yd_verdict *verdict)
{
    int rc;

    if (!change(d, OPEN, DECIDED))
        return yd_decision_closed_by(d);
    hold(d);
    d->is_claimed = true;
    rc = d->ops->apply(d, verdict);
    d->is_claimed = false;
    if (rc < 0)
        atomic_store(&d->state, d->subject != NULL ? OPEN : OVER);
    release(d);
    return rc;
}

int yd_decision_decide(yodel_decision *d, const struct yd_verdict *verdict)
{
    int rc;

    if (d == NULL || (d->ops->verbs & verdict->verb) == 0)
        return -EINVAL;
    if (d->ops->check != NULL && (rc = d->ops->check(verdict)) < 0)
        return rc;
    if ((rc = yd_decision_closed_by(d)) < 0)
        return rc;
    if (!d->ops->later && yd_loop_is_current(d->loop))
        return decide_here(d, verdict);
    return decide_there(d, verdict);
}

/* ---- for the owner of the subject ---- */

int yd_decision_claim(yodel_decision *d)
{
    if (d == NULL || d->is_claimed)
        return 1;
    d->was_dropped = !change(d, OPEN, DECIDED);
    if (d->was_dropped && !change(d, DROPPED, DECIDED))
        return YODEL_ERR_STATE;
    d->is_claimed = true;
    return 0;
}

/* The last reference may have been given back meanwhile: then it is dropped here. */
void yd_decision_unclaim(yodel_decision *d)
{
    d->is_claimed = false;
    atomic_store(&d->state, d->was_dropped ? DROPPED : OPEN);
    if (!d->was_dropped && atomic_load(&d->refs) == 0 && change(d, OPEN, DROPPED))
        (void)post(d);
}

static void detach(yodel_decision **place)
{
    yodel_decision *d = *place;

    *place = NULL;
    d->subject = NULL;
    d->is_claimed = false;
    if (d->ops->detached != NULL)
        d->ops->detached(d);
    release(d);
}

void yd_decision_settle(yodel_decision **d)
{
    if (*d != NULL)
        detach(d);
}

int yd_decision_take(yodel_decision **d)
{
    int rc = yd_decision_claim(*d);

    if (rc >= 0)
        yd_decision_settle(d);
    return rc < 0 ? rc : 0;
}

void yd_decision_end(yodel_decision **place)
{
    yodel_decision *d = *place;
    bool untold;

    if (d == NULL)
        return;
    untold = change(d, OPEN, OVER);
    if (!untold)
        (void)change(d, DROPPED, OVER);
    hold(d);
    detach(place);
    if (untold && d->gone != NULL)
        d->gone(d, d->gone_user);
    release(d);
}

bool yd_decision_arrives(const yodel_decision *d)
{
    return d != NULL && !d->is_claimed && atomic_load(&d->state) == DECIDED;
}

void yd_decision_override(yodel_decision **d)
{
    (void)yd_decision_claim(*d);
    yd_decision_settle(d);
}

/* ---- what the program asks ---- */

int yodel_decision_is_open(const yodel_decision *d)
{
    if (d == NULL)
        return 0;
    return yd_decision_closed_by(d) == 0;
}

int yodel_decision_on_gone(yodel_decision *d, yodel_decision_gone_fn *fn, void *user)
{
    int rc;

    if (d == NULL)
        return -EINVAL;
    if ((rc = yd_decision_closed_by(d)) < 0)
        return rc;
    d->gone = fn;
    d->gone_user = user;
    return 0;
}
