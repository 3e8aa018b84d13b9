/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOK_STORE_H
#define YG_SERVE_HOOK_STORE_H

#include "hook/hook.h"
#include "lease/notices.h"
#include "serve/state.h"

/* Notices on their way into Redis, for a webhook's port. */

struct yg_store {
    struct yg_state *state;
    const char *hook; /* its name; borrowed for as long as the program runs */
    yodel_loop *loop;
    yodel_loop_fn *wake; /* called with arg on the loop when there is news */
    void *arg;
    struct yg_hook_counts *counts;
    size_t most; /* notices of all lanes */
};

/* Returns 0, or an error and nothing was sent: without Redis, -ENOTSUP. */
int yg_store_begin(const struct yg_store *store, const struct yg_hook_stored *notices, size_t num,
                   bool again, struct yg_hook_storing **ret_storing);
/* 1: it is not known yet; 0: Redis has them; negative: it may have them. */
int yg_store_look(const struct yg_hook_storing *storing);
void yg_store_end(struct yg_hook_storing *storing);

/* The command for notices, as for yg_notices_store(). */
int yg_store_command(struct yg_state *state, const char *hook, size_t most,
                     const struct yg_hook_stored *notices, size_t num, bool again,
                     struct yg_notice_command *ret_command);

#endif
