/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CONNECT_SESSION_H
#define YG_CLI_CONNECT_SESSION_H

#include "cli/connect.h"

/* Connects, until it is over.  The dial's loop is set here.  Returns the status to end with. */
int yg_connect_run(const struct yg_connect_options *options, struct yg_dial *dial);

#endif
