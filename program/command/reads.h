/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_READS_H
#define YG_COMMAND_READS_H

#include "command/run.h"

/* What commands read of sockets and rooms; each answers, now or later. */

void yg_read_sockets(struct yg_run *run);
void yg_read_socket(struct yg_run *run);
void yg_read_rooms(struct yg_run *run);
void yg_read_presence(struct yg_run *run);

/* And of groups, nodes and this process. */

void yg_read_members(struct yg_run *run); /* presence of a group */
void yg_read_history(struct yg_run *run); /* of rooms, too */
void yg_forget_history(struct yg_run *run);
void yg_read_nodes(struct yg_run *run);
void yg_read_stats(struct yg_run *run);

#endif
