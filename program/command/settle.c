/* SPDX-License-Identifier: MIT */
#include "command/settle.h"

#include <errno.h>
#include <stdlib.h>

#define SETTLE_MS 5000

struct settle {
    atomic_uint open; /* loops that have not been there yet, and the one that asks them */
    struct yg_parcel *parcel;
};

/* After each call, whether it ran or not: the last one tells. */
static void close_one(void *arg)
{
    struct settle *settle = arg;

    if (atomic_fetch_sub(&settle->open, 1) > 1)
        return;
    yg_parcel_send(settle->parcel);
    free(settle);
}

static void pass(yodel_loop *loop, void *arg)
{
    (void)loop, (void)arg;
}

static struct settle *new_settle(struct yg_run *run, void (*open)(struct yg_parcel *parcel))
{
    struct settle *settle = calloc(1, sizeof(*settle));

    if (settle == NULL)
        return NULL;
    settle->open = 1;
    settle->parcel = yg_parcel_new(run, open);
    if (settle->parcel != NULL)
        return settle;
    free(settle);
    return NULL;
}

int yg_settle(struct yg_run *run, void (*open)(struct yg_parcel *parcel))
{
    struct settle *settle = new_settle(run, open);
    yodel_loop *loop;

    if (settle == NULL)
        return -ENOMEM;
    yg_run_wait(run, SETTLE_MS);
    for (unsigned i = 0; (loop = yodel_server_loop(run->service->server, i)) != NULL; i++) {
        atomic_fetch_add(&settle->open, 1);
        (void)yodel_loop_post(loop, pass, settle, close_one);
    }
    close_one(settle);
    return 0;
}
