/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_HUB_H
#define YG_ADMIN_HUB_H

#include "admin/looker.h"

/* Where all comes together, on loop 0: what loops tell, and who looks. */

/* Returns NULL when out of memory. */
struct yg_hub *yg_hub_new(struct yg_admin *admin);
/* After the loops have ended; takes NULL. */
void yg_hub_free(struct yg_hub *hub);

/* Loop 0 starts, and ends. */
int yg_hub_start(struct yg_hub *hub);
void yg_hub_stop(struct yg_hub *hub);

/* A page has logged in: on its socket's loop.  0, or -errno: it is not told anything. */
int yg_hub_add(struct yg_viewer *viewer);

/* A loop has something for the hub: posted to loop 0 with the loop's part. */
void yg_hub_drain(yodel_loop *loop, void *arg);

/* ---- for other nodes (far.h) ---- */

struct yg_looker *yg_hub_lookers(struct yg_hub *hub);
/* A page of another node looks: it gathers at once.  0 or -ENOMEM. */
int yg_hub_add_far(struct yg_hub *hub, const char *process, uint64_t asked);
/* Pages of other nodes that are over are forgotten. */
void yg_hub_drop_far(struct yg_hub *hub, bool (*is_over)(const struct yg_looker *looker, void *arg),
                     void *arg);
/* All pages of this process begin anew. */
void yg_hub_begin_all_anew(struct yg_hub *hub);
/* All pages of this process are told.  Takes a reference; NULL does nothing. */
void yg_hub_tell_all(struct yg_hub *hub, struct yg_admin_record *record);
/* What was told outside of a drain goes out, to those that have all that they wait for. */
void yg_hub_settle(struct yg_hub *hub);

#endif
