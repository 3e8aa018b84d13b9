/* SPDX-License-Identifier: MIT */
#ifndef YG_API_STORE_H
#define YG_API_STORE_H

#include <stdint.h>
#include <yodel/loop.h>

#include "api/memory.h"

/* Answers by idempotency key that all nodes share, where there is such a store: it is asked when
 * this process has none. */

/* A question under way; of the store. */
struct yg_api_asking;

/* What is known: state FAILED when the store cannot be asked, else as of yg_memory_begin(); a fresh
 * one is noted as under way there. */
struct yg_api_known {
    enum yg_memory_state state;
    enum yg_problem problem; /* of a known answer, and its text */
    yodel_str text;
};
typedef void yg_api_known_fn(const struct yg_api_known *known, void *user);

/* An answer that is to be kept. */
struct yg_api_answer {
    const uint8_t *command; /* digest of what it answers */
    uint32_t ttl_ms;
    enum yg_problem problem;
    yodel_str text;
};

struct yg_api_store {
    /*
     * Asks.  fn is called once, in a later turn of the loop, unless it is given up.
     *
     * key, command   digests of YG_MEMORY_DIGEST bytes
     * ttl_ms         how long answers are kept
     *
     * Returns NULL when it cannot be asked.
     */
    struct yg_api_asking *(*ask)(void *user, yodel_loop *loop, const uint8_t *key,
                                 const uint8_t *command, uint32_t ttl_ms, yg_api_known_fn *fn,
                                 void *fn_user);
    /* Gives one up that had no reply, on its loop: what a question has noted is forgotten; an
     * answer is kept all the same. */
    void (*give_up)(struct yg_api_asking *asking);
    /* As yg_memory_keep().  fn is called as that of ask, with a state that says nothing, when other
     * nodes know the answer, or the store is too slow.  Returns NULL when it cannot be kept. */
    struct yg_api_asking *(*keep)(void *user, yodel_loop *loop, const uint8_t *key,
                                  const struct yg_api_answer *answer, yg_api_known_fn *fn,
                                  void *fn_user);
    /* As yg_memory_forget(). */
    void (*forget)(void *user, const uint8_t *key);
    void *user;
};

#endif
