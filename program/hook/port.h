/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_PORT_H
#define YG_HOOK_PORT_H

#include "hook/client.h"

/* What a webhook needs of the world: a clock, an alarm, requests.  A test has its own. */
struct yg_hook_port {
    uint64_t (*now_ms)(void *user); /* never goes back */
    int64_t (*wall_ms)(void *user); /* since 1970 */
    uint32_t (*chance)(void *user); /* any number */
    /* Has yg_hook_turn() called after so long, in place of what was asked for before; never inside
     * this call. */
    void (*wake)(void *user, uint32_t ms);
    /* As yg_hook_client_post() and yg_hook_call_cancel(). */
    int (*post)(void *user, const struct yg_hook_request *request, yg_hook_reply_fn *reply,
                void *reply_user, struct yg_hook_call **ret_call);
    void (*cancel)(void *user, struct yg_hook_call *call);
    /* A line for the log; event is a stable name. */
    void (*tell)(void *user, bool is_error, const char *event, const char *text);
};

#endif
