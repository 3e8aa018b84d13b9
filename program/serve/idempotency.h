/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_IDEMPOTENCY_H
#define YG_SERVE_IDEMPOTENCY_H

#include "api/store.h"
#include "serve/state.h"

/* Answers by idempotency key in Redis, so that all nodes know them. */

/* NULL without Redis; static, but for user. */
const struct yg_api_store *yg_idempotency_store(struct yg_state *state,
                                                struct yg_api_store *ret_store);

#endif
