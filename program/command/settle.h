/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_SETTLE_H
#define YG_COMMAND_SETTLE_H

#include "command/run.h"

/*
 * Waits until every loop of this process has carried out what the present one has sent there
 * before.
 *
 * open   of a parcel that says no more than that.  A loop whose mailbox is full, or that there was
 *        no memory for, is not waited for
 *
 * Returns 0, or -ENOMEM and open is not called.
 */
int yg_settle(struct yg_run *run, void (*open)(struct yg_parcel *parcel));

#endif
