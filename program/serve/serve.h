/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_SERVE_H
#define YG_SERVE_SERVE_H

#include "config/load.h"

/*
 * Serves until a signal ends it: TERM and INT drain (a second one ends at once), QUIT ends at once,
 * HUP reads the configuration again, USR1 opens the log anew, USR2 starts a successor, which takes
 * over.  Called with one thread in the process.
 *
 * load     how config was read, for the next time; borrowed
 * config   what to serve; a reference of its own is taken
 * words      what stood behind "serve", for a successor; the last is NULL; borrowed
 * takes_over   whether the listening sockets are asked of the process that runs
 *
 * Returns 0; -EINVAL when the configuration asks for something that cannot be served or names
 * something that is not there, which was said; or another failure, which may pass and was said,
 * too.
 */
int yg_serve(const struct yg_load *load, const struct yg_config *config, char **words,
             bool takes_over);

/* HUP, USR1 and USR2 wait from now on until it serves: they would end a process that still reads
 * its configuration. */
void yg_signals_hold(void);

#endif
