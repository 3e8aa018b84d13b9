/* SPDX-License-Identifier: MIT */
#include "serve/visitor.h"

#include <errno.h>
#include <string.h>

static int status_of(enum yg_verdict verdict)
{
    return verdict == YG_VERDICT_YES ? 0 : verdict == YG_VERDICT_NO ? 401 : 503;
}

int yg_visitor_check(struct yg_state *state, yodel_request *req, int need,
                     struct yg_token *ret_token)
{
    yodel_loop *loop = yodel_request_loop(req);
    const struct yg_config *config = yg_state_loop_config(state, loop);
    const yodel_str path = yodel_request_path(req);
    struct yg_refusal refusal;
    yodel_str shown = {NULL, 0};
    int status;

    *ret_token = (struct yg_token){0};
    if (!yg_state_serves(state, req, YG_SERVE_CLIENTS))
        return 404;
    if (!yg_origin_allows(&state->first->clients.origins, req)) {
        yg_refused(state, YG_REFUSED_ORIGIN, yodel_request_peer(req));
        return 403;
    }
    if (need != YG_AUTH_NONE)
        shown = yg_auth_of_request(config, req);
    status = status_of(yg_auth_check(state, yg_state_loop_auth(state, loop), need, shown,
                                     yodel_request_peer(req), false, ret_token, &refusal));
    if (status == 0 && ret_token->claims != NULL &&
        !yg_grants_namespace(&ret_token->grants, path.ptr, path.len))
        return 403;
    return status;
}

int yg_visitor_status(int result)
{
    if (result >= 0)
        return 0;
    return result == YODEL_ERR_NAME ? 400 : result == YODEL_ERR_TOO_BIG ? 403 : 503;
}

bool yg_visitor_may_join(const struct yg_token *token, const char *room)
{
    for (size_t i = 0; i < token->grants.num_rooms; i++) {
        if (strcmp(token->grants.rooms[i], room) == 0)
            return true;
    }
    return yg_grants_join(&token->grants, room, strlen(room), false);
}

/* ---- the end ---- */

int64_t yg_visitor_end_ms(const struct yg_config *config, const struct yg_token *token)
{
    const struct yg_jwt_config *jwt = &config->auth.jwt;

    if (token->expires_ms == 0 || jwt->on_expire == YG_EXPIRE_KEEP)
        return 0;
    return token->expires_ms + jwt->leeway_ms;
}
