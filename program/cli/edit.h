/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_EDIT_H
#define YG_CLI_EDIT_H

#include <yodel/loop.h>

/* Lines of a terminal, with editing and a history, by libedit on a thread of its own. */

struct yg_edit;

/* On the loop: line is borrowed; NULL: the input has ended. */
typedef void(yg_edit_fn)(const char *line, void *user);

/*
 * Begins to read lines.  The history is $XDG_STATE_HOME/yodel/connect_history or the same in
 * ~/.local/state, which nobody else may read.
 *
 * ret_edit   for yg_edit_close()
 *
 * Returns 0, -ENOMEM, -errno; -EOPNOTSUPP: there is no libedit here.
 */
int yg_edit_open(yodel_loop *loop, yg_edit_fn *fn, void *user, struct yg_edit **ret_edit);

/* Ahead of what is written to the terminal, and behind it: the line that is being edited makes
 * room.  NULL does nothing. */
void yg_edit_hide(struct yg_edit *edit);
void yg_edit_show(struct yg_edit *edit);

/* Ends it, and gives the terminal back as it was.  On the loop, outside of fn.  NULL does nothing.
 */
void yg_edit_close(struct yg_edit *edit);

#endif
