/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_WEBSOCKETS_H
#define YG_SERVE_WEBSOCKETS_H

#include <yodel/channels.h>

#include "serve/visitor.h"

/* Plain WebSockets: members of groups. */

#define YG_CLOSE_EXPIRED 4001 /* the client comes back with another token */

/* A path of the configuration: the user of its handlers. */
struct yg_websocket_path {
    struct yg_state *state;
    const struct yg_websocket *options; /* of the start */
};

/* Joins a group; where it has presence, with who that is.  As yodel_group_add(). */
int yg_websocket_join(struct yg_state *state, yodel_ws *ws, const char *room, const char *user,
                      const json_t *info);

/* The room of the path, "" when it has none: who shows a token needs its grant.  Returns 0, or the
 * status to refuse with. */
int yg_websocket_room(yodel_request *req, const struct yg_token *token,
                      char ret_room[YODEL_GROUP_NAME_MAX + 1]);

/* Its number, for the log. */
uint64_t yg_websocket_number(const struct yg_state *state, const yodel_ws *ws);

/* Why one has ended, for metrics. */
enum yg_end_reason yg_websocket_reason(struct yg_state *state, const yodel_ws_closing *closing);

#endif
