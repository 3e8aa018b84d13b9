/* SPDX-License-Identifier: MIT */
#include "serve/hook_store.h"

#include <errno.h>
#include <stdlib.h>

#include "serve/hook_records.h"

struct yg_hook_storing {
    struct yg_store store;
    atomic_int result;
    atomic_uint refs; /* of who asks, and of the reply */
};

void yg_store_end(struct yg_hook_storing *storing)
{
    if (atomic_fetch_sub(&storing->refs, 1) == 1)
        free(storing);
}

int yg_store_look(const struct yg_hook_storing *storing)
{
    return atomic_load(&storing->result);
}

/* A post that finds no room is no loss: the webhook looks by itself, too. */
static void on_reply(const yodel_redis_reply *reply, void *user)
{
    struct yg_hook_storing *storing = user;
    const struct yg_store *store = &storing->store;
    const bool is_well = yodel_redis_reply_type(reply) == YODEL_REDIS_INTEGER;

    if (is_well)
        atomic_fetch_add_explicit(&store->counts->lost[YG_LOST_QUEUE],
                                  (uint64_t)yodel_redis_reply_integer(reply), memory_order_relaxed);
    atomic_store(&storing->result, is_well ? 0 : -EIO);
    (void)yodel_loop_post(store->loop, store->wake, store->arg, NULL);
    yg_store_end(storing);
}

static size_t share(size_t most)
{
    return (most + YG_NOTICE_LANES - 1) / YG_NOTICE_LANES;
}

int yg_store_command(struct yg_state *state, const char *hook, size_t most,
                     const struct yg_hook_stored *notices, size_t num, bool again,
                     struct yg_notice_command *ret_command)
{
    struct yg_notice *stored = calloc(num, sizeof(*stored));
    int rc;

    if (stored == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++)
        stored[i] = (struct yg_notice){
            .id = notices[i].id,
            .kind = yg_hook_word(notices[i].kind),
            .ns = notices[i].ns,
            .event = notices[i].event,
            .lane = notices[i].lane % YG_NOTICE_LANES,
            .ends = notices[i].kind == YG_HOOK_DISCONNECTED,
        };
    rc = yg_notices_store(state->first->redis.prefix, hook, yg_records_run(state), share(most),
                          again, stored, num, ret_command);
    free(stored);
    return rc;
}

int yg_store_begin(const struct yg_store *store, const struct yg_hook_stored *notices, size_t num,
                   bool again, struct yg_hook_storing **ret_storing)
{
    struct yg_hook_storing *storing;
    struct yg_notice_command command;
    int rc;

    if (store->state->records == NULL)
        return -ENOTSUP;
    storing = calloc(1, sizeof(*storing));
    if (storing == NULL)
        return -ENOMEM;
    storing->store = *store;
    atomic_init(&storing->result, 1);
    atomic_init(&storing->refs, 2);
    rc = yg_store_command(store->state, store->hook, store->most, notices, num, again, &command);
    if (rc == 0) {
        rc = yodel_redis_command(store->state->redis, command.argc, command.argv, on_reply, storing,
                                 NULL);
        yg_notice_command_done(&command);
    }
    if (rc < 0) {
        free(storing);
        return rc;
    }
    *ret_storing = storing;
    return 0;
}
