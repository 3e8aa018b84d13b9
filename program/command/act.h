/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_ACT_H
#define YG_COMMAND_ACT_H

#include "command/run.h"

/* What commands do, emits and what is done to sockets; each answers, now or later. */

void yg_act_emit(struct yg_run *run);
void yg_act_on_sockets(struct yg_run *run); /* join, leave, disconnect */
void yg_act_update(struct yg_run *run);

#endif
