/* SPDX-License-Identifier: MIT */
#include "bus/ask.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"

static void on_timeout(struct yd_timer *timer);

void yd_ask_init(struct yd_ask *ask, const struct yd_ask_ops *ops, struct yd_bus *bus)
{
    *ask = (struct yd_ask){.ops = ops, .bus = bus};
    atomic_init(&ask->refs, 1);
    pthread_mutex_init(&ask->lock, NULL);
    yd_timer_init(&ask->timer, on_timeout);
    yd_list_init(&ask->of_loop);
    yd_list_init(&ask->of_bus);
}

void yd_ask_ref(struct yd_ask *ask)
{
    atomic_fetch_add_explicit(&ask->refs, 1, memory_order_relaxed);
}

void yd_ask_unref(struct yd_ask *ask)
{
    if (atomic_fetch_sub_explicit(&ask->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&ask->lock);
    yd_buf_free(ask->bus->mem, &ask->answered);
    ask->ops->free(ask);
}

int yd_missing_result(unsigned missing)
{
    if ((missing & YD_MISSING_LATE) != 0)
        return -ETIMEDOUT;
    if ((missing & YD_MISSING_MEMORY) != 0)
        return -ENOMEM;
    if ((missing & YD_MISSING_UNABLE) != 0)
        return YODEL_ERR_UNSUPPORTED;
    if ((missing & YD_MISSING_REFUSED) != 0)
        return YODEL_ERR_CONGESTED;
    return (missing & YD_MISSING_CLOSED) != 0 ? YODEL_ERR_CLOSED : 0;
}

/* ---- the sink ---- */

/* The reference is the sink's.  On home, if there is one that runs. */
static void finish(struct yd_ask *ask)
{
    unsigned missing;

    yd_far_forget(ask);
    if (ask->home != NULL)
        yd_timer_stop(&ask->home->wheel, &ask->timer);
    pthread_mutex_lock(&ask->lock);
    yd_list_remove(&ask->of_loop);
    missing = ask->missing;
    pthread_mutex_unlock(&ask->lock);
    if (ask->asker != NULL)
        ask->asker->reply(ask->asker, ask, missing);
    else
        ask->ops->sink(ask, missing);
    yd_ask_unref(ask);
}

static void run_finish(struct yd_mail *mail, void *receiver)
{
    (void)receiver;
    finish(yd_container_of(mail, struct yd_ask, mail));
}

static bool is_listed(struct yd_ask *ask)
{
    bool listed;

    pthread_mutex_lock(&ask->lock);
    listed = ask->listed;
    pthread_mutex_unlock(&ask->lock);
    return listed;
}

/* It is told; loop is the current one, or NULL. */
static void tell(struct yd_ask *ask, struct yd_loop *loop, bool now)
{
    ask->mail.run = run_finish;
    if (ask->home != NULL && ask->home != loop) {
        if (yd_loop_post(ask->home, &ask->mail) < 0 && !is_listed(ask))
            finish(ask); /* else yd_bus_close() does, or did */
    } else if (loop != NULL && !now) {
        yd_loop_task(loop, &ask->mail);
    } else {
        finish(ask);
    }
}

/* ---- parts ---- */

void yd_ask_open(struct yd_ask *ask)
{
    yd_ask_ref(ask);
    pthread_mutex_lock(&ask->lock);
    ask->open++;
    pthread_mutex_unlock(&ask->lock);
}

bool yd_ask_enter(struct yd_ask *ask)
{
    pthread_mutex_lock(&ask->lock);
    if (!ask->told)
        return true;
    pthread_mutex_unlock(&ask->lock);
    return false;
}

void yd_ask_leave(struct yd_ask *ask)
{
    pthread_mutex_unlock(&ask->lock);
}

/* num: how many parts are missing, when one is closed; else all that are open are.  True for the
 * one who must tell it. */
static bool decide(struct yd_ask *ask, unsigned closed, unsigned missing, unsigned num)
{
    bool mine;

    pthread_mutex_lock(&ask->lock);
    ask->open -= closed;
    mine = !ask->told && (closed == 0 || ask->open == 0);
    if (!ask->told) {
        ask->missing |= missing;
        ask->num_missing += closed == 0 && missing != 0 ? ask->open : num;
    }
    ask->told = ask->told || mine;
    pthread_mutex_unlock(&ask->lock);
    return mine;
}

void yd_ask_close_some(struct yd_ask *ask, struct yd_loop *loop, unsigned missing, unsigned num)
{
    if (decide(ask, 1, missing, num))
        tell(ask, loop, false);
    yd_ask_unref(ask);
}

void yd_ask_close(struct yd_ask *ask, struct yd_loop *loop, unsigned missing)
{
    yd_ask_close_some(ask, loop, missing, missing != 0);
}

void yd_ask_close_now(struct yd_ask *ask, struct yd_loop *loop, unsigned missing)
{
    if (decide(ask, 1, missing, missing != 0))
        tell(ask, loop, true);
    yd_ask_unref(ask);
}

void yd_ask_cancel(struct yd_ask *ask)
{
    if (!decide(ask, 0, 0, 0))
        return;
    yd_far_forget(ask);
    yd_ask_unref(ask);
}

/* ---- the time limit ---- */

static void on_timeout(struct yd_timer *timer)
{
    struct yd_ask *ask = yd_container_of(timer, struct yd_ask, timer);

    if (decide(ask, 0, YD_MISSING_LATE, 0))
        finish(ask);
}

void yd_ask_start_timer(struct yd_ask *ask)
{
    if (ask->timeout_ms == 0 || !yd_ask_enter(ask))
        return;
    yd_timer_start(&ask->home->wheel, &ask->timer, yd_loop_due(ask->home, ask->timeout_ms));
    yd_list_append(&ask->bus->per_loop[ask->home->index].asks, &ask->of_loop);
    ask->listed = true;
    yd_ask_leave(ask);
}

/* One that is told already found its loop closed. */
static void end_asks(struct yd_list *asks)
{
    while (!yd_list_is_empty(asks)) {
        struct yd_ask *ask = yd_container_of(asks->next, struct yd_ask, of_loop);

        (void)decide(ask, 0, YD_MISSING_CLOSED, 0);
        finish(ask);
    }
}

void yd_bus_close(struct yd_bus *bus)
{
    if (bus->num_loops == 0)
        return;
    pthread_mutex_lock(&bus->far_lock); /* nothing is being sent */
    atomic_store(&bus->closed, true);
    pthread_mutex_unlock(&bus->far_lock);
    for (unsigned i = 0; i < bus->num_loops; i++)
        end_asks(&bus->per_loop[i].asks);
}
