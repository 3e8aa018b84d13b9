/* SPDX-License-Identifier: MIT */
#ifndef YG_API_MEMORY_H
#define YG_API_MEMORY_H

#include <stdint.h>

#include "base/problem.h"

/*
 * Answers by idempotency key, of this process, for all its threads.  At its limits the oldest are
 * forgotten.
 */
struct yg_memory;

#define YG_MEMORY_DIGEST 32

enum yg_memory_state {
    YG_MEMORY_FRESH,  /* not seen: it is noted as under way */
    YG_MEMORY_BUSY,   /* under way */
    YG_MEMORY_KNOWN,  /* ret_problem and ret_text are its answer */
    YG_MEMORY_OTHER,  /* it was of another command */
    YG_MEMORY_FAILED, /* out of memory: nothing is noted */
};

/* Returns NULL when out of memory. */
struct yg_memory *yg_memory_new(size_t max_answers, size_t max_bytes, uint32_t ttl_ms);

/* How long answers are kept that are asked for from now on; 0: not at all. */
void yg_memory_set_ttl(struct yg_memory *memory, uint32_t ttl_ms);

/* NULL does nothing. */
void yg_memory_free(struct yg_memory *memory);

/*
 * Asks for a key.
 *
 * key       digest, of YG_MEMORY_DIGEST bytes, of who asks, for what, and of the key
 * command   digest of the command, as long
 * now_ms    of a clock that does not go back
 * ret_text  the answer is added to it
 */
enum yg_memory_state yg_memory_begin(struct yg_memory *memory, const uint8_t *key,
                                     const uint8_t *command, uint64_t now_ms,
                                     enum yg_problem *ret_problem, struct yg_text *ret_text);

/* Keeps the answer of one that was fresh; when there is no memory for it, it is forgotten. */
void yg_memory_keep(struct yg_memory *memory, const uint8_t *key, enum yg_problem problem,
                    const char *ptr, size_t len);

/* Forgets one that was fresh: the next is fresh again. */
void yg_memory_forget(struct yg_memory *memory, const uint8_t *key);

/* How many there are. */
size_t yg_memory_num(struct yg_memory *memory);

#endif
