/* SPDX-License-Identifier: MIT */
#ifndef YP_WSGI_BODY_H
#define YP_WSGI_BODY_H

#include <yodel/yodel.h>

#include "base/buf.h"

/* The body of a request, which a loop reads and a worker takes: at most two reads of 64 KiB wait.
 * Counted.  Plain C. */
struct yp_body;

/* Begins to read the body of req, which has been deferred; on its loop.  NULL: it cannot be. */
struct yp_body *yp_body_begin(yodel_request *req);
struct yp_body *yp_body_ref(struct yp_body *body);
void yp_body_unref(struct yp_body *body);

/* Waits for what is there next and appends it to *into.  Any thread, without the GIL.  Returns 1;
 * 0 at the end; or why there is no more: YODEL_ERR_CLOSED (the client left), -ETIMEDOUT,
 * YODEL_ERR_PROTOCOL, -ENOMEM. */
int yp_body_take(struct yp_body *body, struct yd_buf *into);

#endif
