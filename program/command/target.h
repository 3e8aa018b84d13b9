/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_TARGET_H
#define YG_COMMAND_TARGET_H

#include "command/run.h"

/*
 * The sockets that a command is for.  What it points to lives as long as the command.
 *
 * ret_target   not for sender alone
 *
 * Returns 0; -ENOMEM; -ENOTSUP: a user was named, and the namespace has no personal rooms; -EINVAL:
 * the name of such a room would be too long.
 */
int yg_target_make(struct yg_run *run, yodel_sio_target *ret_target);

/* The room of a user in the namespace of the run.  Returns as yg_target_make(). */
int yg_target_user_room(struct yg_run *run, const char *user, const char **ret_room);

#endif
