/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_WATCH_H
#define YG_ADMIN_WATCH_H

#include "admin/admin_state.h"

/* What a loop tells the hub of its sockets, while somebody looks. */

/* From loop 0: the loop describes its sockets for that number, and watches them from then on; or
 * does so no more.  0, or what yodel_loop_post() says. */
int yg_watch_begin(struct yg_admin_loop *at, uint64_t gather);
int yg_watch_end(struct yg_admin_loop *at);

/* On the loop: a record for the hub.  text is emptied; a failure of it is a loss. */
void yg_watch_tell(struct yg_admin_loop *at, enum yg_admin_record_kind kind, yodel_str id,
                   struct yg_text *text);

/* The part of the present loop. */
struct yg_admin_loop *yg_watch_loop(struct yg_admin *admin, yodel_loop *loop);

#endif
