/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_CACHE_H
#define YG_HOOK_CACHE_H

#include "hook/answer.h"

/*
 * Answers to connect that a back end allows to be kept (Cache-Control: max-age), for webhooks.cache
 * at most: who comes again with the same question is answered without it.  Also refusals.  Of one
 * webhook on a loop.
 */
#define YG_CACHE_ANSWERS 10000 /* the oldest goes for a new one */
#define YG_CACHE_BYTES 16384   /* of an answer; longer ones are not kept */
#define YG_CACHE_KEY 32        /* bytes of a key */

/* All zero is an empty one. */
struct yg_hook_cache {
    void *tree; /* for tsearch(3) */
    struct yg_cached *oldest, *youngest;
    size_t num;
};

/* The key of a question: of all that the answer may depend on.  Returns false when out of memory.
 */
bool yg_hook_cache_key(yodel_str question, uint8_t ret_key[YG_CACHE_KEY]);

/*
 * Looks for the answer to a question that was asked before.
 *
 * now_ms       by a clock that does not go back
 * ns           for actions, as yg_hook_asked has it
 * ret_answer   one result, for yg_hook_answer_free()
 *
 * Returns whether there is one.
 */
bool yg_hook_cache_find(struct yg_hook_cache *cache, const uint8_t key[YG_CACHE_KEY],
                        uint64_t now_ms, const char *ns, struct yg_hook_answer **ret_answer);

/* Keeps one until end_ms; without memory it is not kept.  said: the result's object; NULL: empty.
 */
void yg_hook_cache_put(struct yg_hook_cache *cache, const uint8_t key[YG_CACHE_KEY],
                       uint64_t end_ms, const json_t *said);

void yg_hook_cache_clear(struct yg_hook_cache *cache);

#endif
