/* SPDX-License-Identifier: MIT */
#ifndef YD_SERVER_CARRYING_H
#define YD_SERVER_CARRYING_H

#include "carry/carry.h"

/* What a server carries to other nodes: yodel/carry.h. */
struct yd_carrying;

/* On a loop that stops. */
void yd_carrying_stop(struct yd_carrying *carrying, struct yd_loop *loop);
/* On a loop that ends, when it has no connections any more. */
void yd_carrying_end(struct yd_carrying *carrying, struct yd_loop *loop);
/* After the loops; NULL is a no-op. */
void yd_carrying_free(struct yd_carrying *carrying);

#endif
