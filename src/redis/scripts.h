/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_SCRIPTS_H
#define YD_REDIS_SCRIPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/mem.h"

/*
 * Scripts that commands run again and again: where a Redis has one, EVALSHA with its digest goes
 * out in the place of EVAL with its text.  Belongs to the client's loop.
 */

#define YD_REDIS_MOST_SCRIPTS 32
#define YD_REDIS_MOST_SCRIPT ((size_t)16 * 1024) /* bytes: longer ones always go out whole */

struct yd_redis_script {
    uint32_t bit; /* of it, among those of a connection */
    char digest[41];
    size_t len;
    uint8_t text[];
};

struct yd_redis_scripts {
    struct yd_redis_script *items[YD_REDIS_MOST_SCRIPTS];
    uint8_t num;
    uint8_t num_missing; /* times that a Redis had none of what it has said to have */
    bool is_off;         /* they go out whole */
};

/* One that was seen before; NULL: it goes out whole, as what is run once. */
const struct yd_redis_script *yd_redis_script_find(struct yd_redis_scripts *scripts,
                                                   const struct yodel_allocator *mem,
                                                   yodel_bytes text);

/* A Redis has none that it had, or EVALSHA is not allowed. */
void yd_redis_script_missing(struct yd_redis_scripts *scripts, bool for_good);

void yd_redis_scripts_done(struct yd_redis_scripts *scripts, const struct yodel_allocator *mem);

#endif
