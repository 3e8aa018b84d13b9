/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_ACKS_H
#define YG_COMMAND_ACKS_H

#include "command/run.h"

/* An emit that is acknowledged: each socket is asked for itself, so that its answer has its id. */

#define YG_ACKS_MAX 1000 /* sockets */

/* Asks them, and answers the command when all have answered or the time is over. */
void yg_acks_ask(struct yg_run *run, const json_t *sids);

/* How many have not answered yet. */
size_t yg_acks_num_open(const struct yg_acks *acks);

/* NULL does nothing. */
void yg_acks_free(struct yg_acks *acks);

#endif
