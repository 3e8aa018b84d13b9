/* SPDX-License-Identifier: MIT */
#include "demo.h"

static void show_health(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_pack(req, 200, "{s:s}", "status", "ok");
}

static void show_stats(yodel_request *req, void *user)
{
    struct demo *demo = user;
    yodel_server_stats stats;

    yodel_server_get_stats(demo->server, &stats);
    (void)yodel_request_reply_pack(
        req, 200, "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "accepted",
        (long long)stats.accepted, "refused", (long long)stats.refused, "connections",
        (long long)stats.connections, "websockets", (long long)stats.websockets, "requests",
        (long long)stats.requests, "messages_in", (long long)stats.messages_in, "messages_out",
        (long long)stats.messages_out, "bytes_in", (long long)stats.bytes_in, "bytes_out",
        (long long)stats.bytes_out, "congested", (long long)stats.congested);
}

int demo_add_views(struct demo *demo)
{
    int rc = yodel_server_route(demo->server, "GET /health", show_health, demo);

    if (rc < 0)
        return rc;
    return yodel_server_route(demo->server, "GET /stats", show_stats, demo);
}
