/* SPDX-License-Identifier: MIT */
#ifndef YD_FUZZ_CALLS_H
#define YD_FUZZ_CALLS_H

#include <errno.h>

#include "program.h"

/* Whose handler is running, and what is at hand. */
struct ctx {
    struct program *p;
    struct wsock *ws; /* a WebSocket of this loop; NULL: none */
    struct ssock *ss; /* a socket of this loop; NULL: none */
};

static inline bool failed_now(const struct ctx *c, int rc)
{
    return rc == -ENOMEM && c->p->has_failed;
}

/* ---- ws_calls.c: WebSockets, groups ---- */

void call_ws_send(struct ctx *c);
void call_ws_close(struct ctx *c);
void call_ws_accept(struct ctx *c);
void call_ws_reject(struct ctx *c);
void call_ws_defer(struct ctx *c);
void call_ws_pause(struct ctx *c);
void call_group_add(struct ctx *c);
void call_group_discard(struct ctx *c);
void call_ws_look(struct ctx *c);
void call_post(struct ctx *c);
void call_by_id(struct ctx *c);
void call_group_send(struct ctx *c);
void call_group_event(struct ctx *c);
void call_channel_event(struct ctx *c);
void call_members(struct ctx *c);

/* ---- presence_side.c ---- */

void call_watch(struct ctx *c);
void call_unwatch(struct ctx *c);
void call_history(struct ctx *c);
void call_resume(struct ctx *c);
void call_keep(struct ctx *c);

/* ---- sio_calls.c ---- */

void call_emit(struct ctx *c);
void call_emit_ack(struct ctx *c);
void call_join(struct ctx *c);
void call_leave(struct ctx *c);
void call_each_room(struct ctx *c);
void call_disconnect(struct ctx *c);
void call_look(struct ctx *c);
void call_sockets_rooms(struct ctx *c);
void call_disconnect_sockets(struct ctx *c);
void call_fetch(struct ctx *c);
void call_find(struct ctx *c);

#endif
