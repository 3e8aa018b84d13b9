/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_SESSION_H
#define YG_SERVE_SESSION_H

#include "hook/answer.h"
#include "serve/state.h"

/*
 * A socket with what its token grants: from its middleware on, until it ends or its token does.
 * Without a token it has no session, and nothing is granted.
 */

/*
 * Begins, in the middleware: says who it is, joins the rooms of the token.
 *
 * token      its grants are taken; the caller frees it all the same.  All zero: anonymous
 * said       what the webhook says of it, in place of what the token does; NULL: nothing
 * ret_code   of a refusal, a word for the client; static
 *
 * Returns YES; NO; LATER when memory has ended.
 */
enum yg_verdict yg_session_begin(struct yg_state *state, yodel_sio_socket *socket,
                                 const struct yg_config *config, const struct yg_namespace *ns,
                                 struct yg_token *token, const struct yg_hook_result *said,
                                 const char **ret_code);

/* What its token grants; NULL: it has shown none. */
const struct yg_grants *yg_session_grants(yodel_sio_socket *socket);

/* The event yodel:refresh: a new token, of the same user. */
#define YG_REFRESH_EVENT "yodel:refresh"
#define YG_EXPIRING_EVENT "yodel:expiring"
/* Asks the client for another token. */
void yg_session_tell_expiring(yodel_sio_socket *socket);
void yg_session_refresh(yodel_sio_socket *socket, yodel_sio_event *event, void *user);

#endif
