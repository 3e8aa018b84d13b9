/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_ACKS_H
#define YG_COMMAND_ACKS_H

#include "command/run.h"

/* An emit that is acknowledged: each socket is asked for itself, so that its answer has its id. */

#define YG_ACKS_MAX 10000         /* sockets */
#define YG_ACKS_BYTES (16u << 20) /* of their answers; those beyond are missing */

/* Asks them, some in each turn of the loop, and answers the command when all have answered or the
 * time of each is over. */
void yg_acks_ask(struct yg_run *run, const json_t *sids);

/* How many have not answered yet. */
size_t yg_acks_num_open(const struct yg_acks *acks);

/* Asks nobody else; ahead of the end of the run.  NULL does nothing. */
void yg_acks_stop(struct yg_acks *acks);
/* After that, on whatever loop; NULL does nothing. */
void yg_acks_free(struct yg_acks *acks);

#endif
