/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_VISITOR_H
#define YG_SERVE_VISITOR_H

#include "serve/state.h"
#include "state/until.h"

/* Clients that come by a request of their own, without Socket.IO: WebSockets and readers of event
 * streams. */

/*
 * Whether a client may come: listener, origin, token, and the path among the token's namespaces.
 *
 * need        of yg_auth_need
 * ret_token   for yg_token_free(), whatever is returned
 *
 * Returns 0, or the HTTP status to refuse it with: 401 and 403 for good, 503 to come back.
 */
int yg_visitor_check(struct yg_state *state, yodel_request *req, int need,
                     struct yg_token *ret_token);

/* The same for a result of the library's: what cannot be is 400, too much 403, else 503. */
int yg_visitor_status(int result);

/* Whether the token lets its client be in a room: it joins it, or allows to. */
bool yg_visitor_may_join(const struct yg_token *token, const char *room);

/* When a connection with this token ends: 0: never. */
int64_t yg_visitor_end_ms(const struct yg_config *config, const struct yg_token *token);

#endif
