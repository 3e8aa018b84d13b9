/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/call.h"
#include "ws/ws.h"

struct post {
    struct yd_call call;
    struct yd_ws_service *service;
    uint64_t id;
    yodel_ws_post_fn *fn;
    void *arg;
    yodel_free_fn *free_arg;
};

yodel_ws *yd_ws_find(struct yd_loop *loop, uint64_t id)
{
    struct yd_conn *conn = loop->net != NULL ? yd_net_find(loop->net, id) : NULL;
    yodel_request *req;

    if (conn == NULL)
        return NULL;
    if (conn->events == &yd_ws_conn_events)
        return conn->up;
    req = yd_request_held(loop->net, id, &yd_ws_hold);
    return req != NULL ? yd_request_holder(req) : NULL;
}

static void run_post(struct yd_loop *loop, void *arg)
{
    struct post *post = arg;
    yodel_ws *ws = yd_ws_find(loop, post->id);

    if (ws != NULL)
        post->fn(ws, post->arg);
    if (post->free_arg != NULL)
        post->free_arg(post->arg);
    yd_free(post->service->mem, post);
}

int yd_ws_post(struct yd_ws_service *service, struct yd_loop *loop, uint64_t id, size_t weight,
               yodel_ws_post_fn *fn, void *arg, yodel_free_fn *free_arg)
{
    struct post *post = yd_alloc(service->mem, sizeof *post);
    int rc = -ENOMEM;

    if (post == NULL)
        goto fail;
    *post = (struct post){.service = service, .id = id, .fn = fn, .arg = arg, .free_arg = free_arg};
    yd_call_init(&post->call, weight, run_post, post);
    if ((rc = yd_call_post(&post->call, loop)) < 0)
        goto fail;
    return 0;

fail:
    yd_free(service->mem, post);
    if (free_arg != NULL)
        free_arg(arg);
    return rc;
}

yodel_id yodel_ws_id(const yodel_ws *ws)
{
    if (ws == NULL)
        return (yodel_id){0};
    return (yodel_id){yd_conn_id(ws->conn)};
}
