/* SPDX-License-Identifier: MIT */
#include "bus/call.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"

static void run_call(struct yd_mail *mail, void *receiver)
{
    struct yd_call *call = yd_container_of(mail, struct yd_call, mail);

    yd_loop_mail_less(receiver, call->weight);
    call->fn(receiver, call->arg);
}

void yd_call_init(struct yd_call *call, size_t weight, yd_call_fn *fn, void *arg)
{
    *call = (struct yd_call){{NULL, run_call}, fn, arg, weight};
}

int yd_call_post(struct yd_call *call, struct yd_loop *loop)
{
    size_t weight = call->weight;
    int rc = yd_loop_mail_more(loop, weight);

    if (rc == 0 && (rc = yd_loop_post(loop, &call->mail)) < 0)
        yd_loop_mail_less(loop, weight);
    return rc;
}

struct owned_call {
    struct yd_call call; /* whose arg is this */
    yd_call_fn *fn;
    void *arg;
    void (*free_arg)(void *arg);
};

static void run_owned(struct yd_loop *loop, void *arg)
{
    struct owned_call *owned = arg;

    owned->fn(loop, owned->arg);
    if (owned->free_arg != NULL)
        owned->free_arg(owned->arg);
    yd_free(loop->mem, owned);
}

int yd_bus_call(struct yd_loop *loop, size_t weight, yd_call_fn *fn, void *arg,
                void (*free_arg)(void *arg))
{
    struct owned_call *owned = yd_alloc(loop->mem, sizeof *owned);
    int rc = -ENOMEM;

    if (owned != NULL) {
        *owned = (struct owned_call){.fn = fn, .arg = arg, .free_arg = free_arg};
        yd_call_init(&owned->call, weight, run_owned, owned);
        rc = yd_call_post(&owned->call, loop);
    }
    if (rc < 0) {
        yd_free(loop->mem, owned);
        if (free_arg != NULL)
            free_arg(arg);
    }
    return rc;
}
