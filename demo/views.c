/* SPDX-License-Identifier: MIT */
#include "demo.h"

#include <strings.h>

static int is_json(yodel_str content_type)
{
    static const char json[] = "application/json";
    const size_t len = sizeof json - 1;

    return content_type.len >= len && strncasecmp(content_type.ptr, json, len) == 0 &&
           (content_type.len == len || content_type.ptr[len] == ';' ||
            content_type.ptr[len] == ' ');
}

int demo_takes_json(yodel_request *req)
{
    if (is_json(yodel_request_header(req, "content-type")))
        return 1;
    (void)yodel_request_reply_text(req, 415, NULL,
                                   YODEL_STR("Content-Type must be application/json\n"));
    return 0;
}

static void show_health(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_pack(req, 200, "{s:s}", "status", "ok");
}

/* Whom the server takes the client for: the peer, or the one whom a trusted proxy names. */
static void show_client(yodel_request *req, void *user)
{
    yodel_str peer = yodel_request_peer(req), scheme = yodel_request_scheme(req);
    yodel_str host = yodel_request_host(req);

    (void)user;
    (void)yodel_request_reply_pack(req, 200, "{s:s%,s:s%,s:s%}", "peer", peer.ptr, peer.len,
                                   "scheme", scheme.ptr, scheme.len, "host", host.ptr, host.len);
}

static void show_stats(yodel_request *req, void *user)
{
    struct demo *demo = user;
    yodel_server_stats stats = {.size = sizeof stats};
    yodel_sio_stats sio_stats = {.size = sizeof sio_stats};

    (void)yodel_server_get_stats(demo->server, &stats);
    (void)yodel_sio_get_stats(demo->sio, &sio_stats);
    (void)yodel_request_reply_pack(
        req, 200, "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "accepted",
        (long long)stats.accepted, "refused", (long long)stats.refused, "connections",
        (long long)stats.connections, "websockets", (long long)stats.websockets, "requests",
        (long long)stats.requests, "messages_in", (long long)stats.messages_in, "messages_out",
        (long long)stats.messages_out, "bytes_in", (long long)stats.bytes_in, "bytes_out",
        (long long)stats.bytes_out, "congested", (long long)stats.congested, "sio_clients",
        (long long)sio_stats.clients, "sio_polling", (long long)sio_stats.polling);
}

int demo_add_views(struct demo *demo)
{
    int rc = yodel_server_route(demo->server, "GET /health", show_health, demo);

    if (rc >= 0)
        rc = yodel_server_route(demo->server, "GET /whoami", show_client, demo);
    if (rc < 0)
        return rc;
    return yodel_server_route(demo->server, "GET /stats", show_stats, demo);
}
