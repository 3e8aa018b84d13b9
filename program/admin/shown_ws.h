/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_SHOWN_WS_H
#define YG_ADMIN_SHOWN_WS_H

#include "admin/admin_state.h"

/* Plain WebSockets as pages see them: sockets of a namespace "ws:/path" whose rooms are groups. */

#define YG_WS_NAMESPACE "ws:"

/* What pages are told of it.  On its loop. */
void yg_shown_ws_describe(struct yg_text *text, const struct yg_admin_ws *shown);

/* Closes the one of that id, on whatever loop of this process; that there is none is no error. Any
 * thread.  0, -ENOMEM, or what yodel_loop_post() says. */
int yg_shown_ws_close(struct yg_admin *admin, const char *id);

#endif
