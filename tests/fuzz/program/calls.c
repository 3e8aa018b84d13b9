/* SPDX-License-Identifier: MIT */
#include "calls.h"

/* What handlers and other threads call: any call of the headers, on their own object or another. */

const char *const program_rooms[NUM_ROOMS] = {"r1", "r2", "r3"};
const char *const program_groups[NUM_GROUPS] = {"g1", "g2", "/#r1", "/#r2", "/chat#r1"};
const char *const program_names[NUM_NAMES] = {"/", "/chat", "/dyn-1", "/dyn-2", "/fn-1", "/no"};

/* ---- targets ---- */

/* The handler's own, more often than another of the same loop. */
static struct wsock *choose_wsock(struct program *p, struct wsock *own)
{
    struct wsock *chosen = own;
    unsigned skip = pick(p, 4);

    if (own != NULL && skip < 2)
        return own;
    for (struct wsock *ws = p->wsocks; ws != NULL; ws = ws->next)
        if (ws->ws != NULL && (int)ws->loop == p->current) {
            chosen = ws;
            if (skip-- == 0)
                break;
        }
    return chosen;
}

static struct ssock *choose_ssock(struct program *p, struct ssock *own)
{
    struct ssock *chosen = own;
    unsigned skip = pick(p, 4);

    if (own != NULL && skip < 2)
        return own;
    for (struct ssock *ss = p->ssocks; ss != NULL; ss = ss->next)
        if (ss->socket != NULL && (int)ss->loop == p->current) {
            chosen = ss;
            if (skip-- == 0)
                break;
        }
    return chosen;
}

/* ---- the rest ---- */

static void call_sio_more(struct ctx *c)
{
    sio_more(c->p, c->ss);
}

static void reload_in_steps(struct ctx *c)
{
    yodel_tls_reload *reload = NULL;

    if (yodel_server_prepare_tls(c->p->server, &reload) < 0 && !c->p->has_failed)
        broken(c->p, "yodel_server_prepare_tls: failed");
    if (once_in(c->p, 2))
        yodel_tls_reload_exchange(reload);
    else
        yodel_tls_reload_free(reload);
}

static void call_server_look(struct ctx *c)
{
    yodel_sio *sio = c->p->services[pick(c->p, c->p->num_services)].sio;
    yodel_server_stats stats = {.size = sizeof stats};
    yodel_sio_stats sio_stats = {.size = sizeof sio_stats};

    if (yodel_server_get_stats(c->p->server, &stats) < 0)
        broken(c->p, "yodel_server_get_stats: failed");
    if (yodel_sio_get_stats(sio, &sio_stats) < 0)
        broken(c->p, "yodel_sio_get_stats: failed");
    if (yodel_server_reload_tls(c->p->server) < 0 && !c->p->has_failed)
        broken(c->p, "yodel_server_reload_tls: failed");
    reload_in_steps(c);
    look_at_names(sio);
    look_at_references(c->p);
    if (sio_stats.polling > sio_stats.clients)
        broken(c->p, "more clients on polling than clients");
}

static void call_upload(struct ctx *c)
{
    if (once_in(c->p, 2))
        stream_use(c->p);
    else if (c->p->current >= 0)
        upload_act(c->p);
}

static void call_kept(struct ctx *c)
{
    (once_in(c->p, 3) ? use_kept : open_side_act)(c->p);
}

static void call_stop(struct ctx *c)
{
    if (once_in(c->p, 12))
        program_stop(c->p);
}

/* ---- drawing ---- */

enum needs { NOTHING, A_WS, A_SOCKET };

static const struct call {
    unsigned weight;
    enum needs needs;
    void (*fn)(struct ctx *c);
} calls[] = {
    {4, A_WS, call_ws_send},          {4, A_WS, call_ws_close},
    {5, A_WS, call_ws_accept},        {3, A_WS, call_ws_reject},
    {6, A_WS, call_ws_defer},         {3, A_WS, call_ws_pause},
    {11, NOTHING, call_upload},       {8, A_WS, call_group_add},
    {3, A_WS, call_group_discard},    {3, A_WS, call_ws_look},
    {3, NOTHING, call_post},          {5, NOTHING, call_by_id},
    {5, NOTHING, call_group_send},    {5, NOTHING, call_group_event},
    {2, NOTHING, call_channel_event}, {2, NOTHING, call_members},
    {2, NOTHING, call_watch},         {1, NOTHING, call_unwatch},
    {1, NOTHING, call_history},       {1, NOTHING, call_keep},
    {2, A_WS, call_resume},           {12, NOTHING, call_emit},
    {6, NOTHING, call_emit_ack},      {9, A_SOCKET, call_join},
    {4, A_SOCKET, call_leave},        {2, A_SOCKET, call_each_room},
    {4, A_SOCKET, call_disconnect},   {2, A_SOCKET, call_look},
    {2, NOTHING, call_sockets_rooms}, {2, NOTHING, call_disconnect_sockets},
    {2, NOTHING, call_fetch},         {6, NOTHING, call_sio_more},
    {1, NOTHING, call_server_look},   {20, NOTHING, call_kept},
    {3, NOTHING, call_find},          {1, NOTHING, call_stop},
};

static const struct call *choose_call(struct program *p)
{
    unsigned total = 0, chosen;

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        total += calls[i].weight;
    chosen = pick(p, total);
    for (const struct call *call = calls;; call++) {
        if (chosen < call->weight)
            return call;
        chosen -= call->weight;
    }
}

static void call_one(struct program *p, struct wsock *ws, struct ssock *ss)
{
    const struct call *call = choose_call(p);
    struct ctx c = {.p = p};

    if (p->current >= 0) {
        c.ws = call->needs == A_WS ? choose_wsock(p, ws) : NULL;
        c.ss = call->needs != A_WS ? choose_ssock(p, ss) : NULL;
    }
    if ((call->needs == A_WS && c.ws == NULL) || (call->needs == A_SOCKET && c.ss == NULL))
        return;
    program_counts.calls++;
    p->depth++;
    call->fn(&c);
    p->depth--;
}

void act(struct program *p, struct wsock *ws, struct ssock *ss)
{
    unsigned how_many;

    if (p->over || p->depth > 6)
        return;
    how_many = draw(p);
    how_many = how_many < 128 ? 0 : how_many < 192 ? 1 : how_many < 240 ? 2 : 4;
    for (; how_many > 0; how_many--)
        call_one(p, ws != NULL && ws->ws != NULL ? ws : NULL,
                 ss != NULL && ss->socket != NULL ? ss : NULL);
}

void act_abroad(struct program *p)
{
    if (p->far != NULL && once_in(p, 4))
        far_act(p);
    else if (p->python != NULL && once_in(p, 4))
        python_act(p);
    else if (p->cluster != NULL && once_in(p, 2))
        cluster_side_act(p);
    else if (p->redis != NULL && once_in(p, 2))
        redis_side_act(p);
    else
        call_one(p, NULL, NULL);
}
