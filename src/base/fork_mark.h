/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_FORK_MARK_H
#define YD_BASE_FORK_MARK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Tells a process from the children that fork() makes of it, without a system call: a page that the
 * kernel empties in a child (MADV_WIPEONFORK, Linux 4.14).
 */
struct yd_fork_mark;

/* NULL: out of memory, or an older kernel. */
const struct yd_fork_mark *yd_fork_mark_new(void);
void yd_fork_mark_free(const struct yd_fork_mark *mark);

/* False for NULL, and in the process that has made it. */
bool yd_fork_mark_is_childs(const struct yd_fork_mark *mark);

#endif
