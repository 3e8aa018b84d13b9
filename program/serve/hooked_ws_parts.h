/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOKED_WS_PARTS_H
#define YG_SERVE_HOOKED_WS_PARTS_H

#include "hook/hook.h"
#include "serve/hook_records.h"
#include "serve/hooked_ws.h"
#include "serve/question.h"
#include "serve/websockets.h"

/* What hooked_ws.c and hooked_ws_connect.c share. */

struct yg_hooked_ws {
    struct yg_state *state;
    const struct yg_websocket *options;
    yodel_loop *loop;
    yodel_ws *ws; /* NULL: it has gone */
    struct yg_hook *hook;
    struct yg_lane *lane;     /* NULL: it was left */
    unsigned refs;            /* of the WebSocket, and of each event under way */
    bool is_known;            /* the back end knows of it, or may */
    struct yg_record *record; /* NULL: none */
    bool stays;               /* the record is for others, or for the end */
    bool is_open;
    int64_t connected_ms;              /* since 1970 */
    char sid[YODEL_CHANNEL_NAME_SIZE]; /* its channel's name */
    char *path, *address;
    char *user; /* NULL: anonymous */
    json_t *meta, *info;
    struct yg_until until;
    int64_t expires_at; /* seconds since 1970; 0: never */
    bool was_asked;     /* ahead of its end */
    struct yg_names rooms;
    struct yg_admin_ws shown; /* to admin pages */
    /* Until it is open: */
    yodel_decision *decision;
    struct yg_hook_event *question; /* until it was told */
    struct yg_question_key key;
    struct yg_token token;
    char room[YODEL_GROUP_NAME_MAX + 1]; /* of the path; "": none */
    json_t *hello;                       /* NULL: nothing */
    struct yg_command **actions;
    size_t num_actions;
};

void yg_hooked_ws_unref(struct yg_hooked_ws *hooked);
/* Has Redis know of it as it is now. */
void yg_hooked_ws_record(struct yg_hooked_ws *hooked);
/* Tells the back end, if it knows of it, and leaves the lane. */
void yg_hooked_ws_goodbye(struct yg_hooked_ws *hooked, const char *reason, int code);
int yg_hooked_ws_join(struct yg_hooked_ws *hooked, const char *room);
/* Carries out what an answer says. */
void yg_hooked_ws_act(struct yg_hooked_ws *hooked, struct yg_command **actions, size_t num);
/* Begins, or changes, the wait for its end. */
void yg_hooked_ws_end_at(struct yg_hooked_ws *hooked, int64_t expires_at);
void yg_hooked_ws_on_time(void *owner);

/* on_connect. */
int yg_hooked_ws_connect(yodel_ws *ws, yodel_request *req, void *user);

extern const struct yg_lane_owner yg_hooked_ws_owner;

#endif
