/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_ACCOUNT_H
#define YG_BASE_ACCOUNT_H

#include <stdint.h>

/*
 * The number of a user or a group of the system, which may be given as a number.  These block, and
 * are for a process that has no other thread yet.
 *
 * Returns 0; -ENOENT: there is none of that name.
 */
int yg_account_user(const char *name, uint32_t *ret_uid);
int yg_account_group(const char *name, uint32_t *ret_gid);

#endif
