/* SPDX-License-Identifier: MIT */
#include "bus/call.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"

struct owned_call {
    struct yd_mail mail;
    yd_call_fn *fn;
    void *arg;
    void (*free_arg)(void *arg);
    size_t weight;
};

static void run_owned(struct yd_mail *mail, void *receiver)
{
    struct owned_call *call = yd_container_of(mail, struct owned_call, mail);
    struct yd_loop *loop = receiver;

    yd_loop_mail_less(loop, call->weight);
    call->fn(loop, call->arg);
    if (call->free_arg != NULL)
        call->free_arg(call->arg);
    yd_free(loop->mem, call);
}

static int post_owned(struct yd_loop *loop, struct owned_call *call)
{
    int rc = yd_loop_mail_more(loop, call->weight);

    if (rc == 0 && (rc = yd_loop_post(loop, &call->mail)) < 0)
        yd_loop_mail_less(loop, call->weight);
    return rc;
}

int yd_bus_call(struct yd_loop *loop, size_t weight, yd_call_fn *fn, void *arg,
                void (*free_arg)(void *arg))
{
    struct owned_call *call = yd_alloc(loop->mem, sizeof *call);
    int rc = -ENOMEM;

    if (call != NULL) {
        *call = (struct owned_call){{NULL, run_owned}, fn, arg, free_arg, weight};
        rc = post_owned(loop, call);
    }
    if (rc < 0) {
        yd_free(loop->mem, call);
        if (free_arg != NULL)
            free_arg(arg);
    }
    return rc;
}

static void run_call(struct yd_mail *mail, void *receiver)
{
    struct yd_call *call = yd_container_of(mail, struct yd_call, mail);

    call->fn(receiver, call->arg);
}

int yd_call_post(struct yd_call *call, struct yd_loop *loop)
{
    call->mail.run = run_call;
    return yd_loop_post(loop, &call->mail);
}
