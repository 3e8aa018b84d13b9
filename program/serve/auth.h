/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_AUTH_H
#define YG_SERVE_AUTH_H

#include <yodel/sio.h>

#include "config/config.h"
#include "token/token.h"

/*
 * Who may connect.  A configuration's answer to that is a struct yg_auth, counted and exchanged
 * with the configuration.
 */
struct yg_state;
struct yg_auth;

/*
 * Reads keys, also of a file.  Blocks.
 *
 * Returns 0; -EINVAL, which was said in the log; -ENOMEM.
 */
int yg_auth_new(struct yg_state *state, const struct yg_config *config, struct yg_auth **ret_auth);
struct yg_auth *yg_auth_ref(struct yg_auth *auth);
/* NULL does nothing.  Returns NULL.  Any thread. */
struct yg_auth *yg_auth_unref(struct yg_auth *auth);

/*
 * What tokens are held against by a configuration whose methods have jwt.  Reads a file of keys.
 *
 * Returns 0, then it is for yg_token_checker_free(); -EINVAL with the problem; -ENOMEM.
 */
int yg_auth_checker(const struct yg_config *config, struct yg_token_problem *problem,
                    struct yg_token_checker **ret_checker);

enum yg_verdict {
    YG_VERDICT_YES,
    YG_VERDICT_NO,    /* for good: the same token will never do */
    YG_VERDICT_LATER, /* the server cannot say: the client may come back */
    YG_VERDICT_WAIT   /* a key is being fetched: yg_key_source_wait(), and ask again */
};

/*
 * Holds what a client has shown against the need.
 *
 * need          of yg_auth_need
 * shown         the token; ptr NULL: none was shown
 * peer          for the log
 * is_last       it was asked for after a wait: WAIT is not the answer
 * ret_token     of YES, for yg_token_free(); all zero for who is anonymous
 * ret_refusal   of NO
 */
enum yg_verdict yg_auth_check(struct yg_state *state, struct yg_auth *auth, int need,
                              yodel_str shown, yodel_str peer, bool is_last,
                              struct yg_token *ret_token, struct yg_refusal *ret_refusal);

/* Whether a webhook says who may connect; name: that of the namespace or WebSocket. */
bool yg_auth_asks(const struct yg_config *config, const char *webhook);

/* What need is left of need (yg_auth_need) for a token where a webhook may have the last word. */
int yg_auth_need_of(const struct yg_config *config, int need, const char *webhook);

/*
 * Whether one whom a webhook lets in may come: somebody must be named where the need is that and
 * nobody may be anonymous.
 *
 * has_user       by the token or by the answer
 * was_answered   false: the back end could not be asked, and may name it later
 * where          for the log, which is told of a refusal for good
 *
 * Returns YES, NO or LATER.
 */
enum yg_verdict yg_auth_check_user(struct yg_state *state, const struct yg_config *config, int need,
                                   bool has_user, bool was_answered, const char *where);

/* Where its key set is fetched; "": there is none. */
const char *yg_auth_url(const struct yg_auth *auth);
/* As yg_token_checker_set_jwks(). */
int yg_auth_set_keys(struct yg_auth *auth, const char *text, size_t len,
                     struct yg_token_problem *problem);
/* Has auth use what another one has fetched, if both do from the same place. */
void yg_auth_inherit(struct yg_auth *auth, struct yg_auth *from);

/* A token that a client has shown, and what it is part of. */
struct yg_shown {
    yodel_str text; /* ptr NULL: none */
    json_t *holder; /* a reference, or NULL */
};

/* Looks where auth.jwt.sources says.  Returns 0, or -ENOMEM.  ret_shown is for json_decref() of its
 * holder. */
int yg_auth_of_socket(const struct yg_config *config, yodel_sio_socket *socket,
                      struct yg_shown *ret_shown);
/* The same of a request, which has no auth.token. */
yodel_str yg_auth_of_request(const struct yg_config *config, yodel_request *req);

/* Counts, for metrics. */
struct yg_text;
void yg_auth_put(struct yg_state *state, struct yg_text *text);

#endif
