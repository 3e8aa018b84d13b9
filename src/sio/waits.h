/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_WAITS_H
#define YD_SIO_WAITS_H

#include "loop/loop.h"

/* The acknowledgements that one socket owes, by id; on the socket's loop. */

/* An answer of a client; borrowed. */
struct yd_sio_answer {
    yodel_str args; /* JSON values with commas between them, checked */
    const yodel_bytes *attachments;
    uint32_t num_attachments;
};

/* Who waits for answers: begins its owner.  Exactly one of the two is called for each id that was
 * added and not taken back. */
struct yd_sio_asker {
    /* The answer has come.  No call of the program's is open. */
    void (*answered)(struct yd_sio_asker *asker, const struct yd_sio_answer *answer,
                     struct yd_loop *loop);
    /* It will not come: result is why.  Calls of the program's may be open. */
    void (*missed)(struct yd_sio_asker *asker, int result, struct yd_loop *loop);
};

struct yd_sio_waits;

/* max: ids at a time.  NULL when out of memory. */
struct yd_sio_waits *yd_sio_waits_new(const struct yodel_allocator *mem, const uint64_t secret[2],
                                      struct yd_loop *loop, unsigned max);
/* Takes NULL.  What is owed is missed with YODEL_ERR_CLOSED. */
void yd_sio_waits_free(struct yd_sio_waits *waits);

/* id, which no one waits for yet, is owed to asker, for timeout_ms: then it is missed with
 * -ETIMEDOUT.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG (max). */
int yd_sio_waits_add(struct yd_sio_waits *waits, uint64_t id, struct yd_sio_asker *asker,
                     uint32_t timeout_ms);
/* Takes id back, without a call; false when it is not owed any more. */
bool yd_sio_waits_remove(struct yd_sio_waits *waits, uint64_t id);
/* The answer to id has come; one that no one waits for is dropped.  waits may be NULL. */
void yd_sio_waits_answer(struct yd_sio_waits *waits, uint64_t id,
                         const struct yd_sio_answer *answer);

#endif
