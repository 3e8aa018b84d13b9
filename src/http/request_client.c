/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "http/http_internal.h"
#include "http/relay.h"
#include "net/caller.h"
#include "proto/ws_handshake.h"

/* Who asks: the caller of the connection, or whom its trusted proxies name. */

static void answer_too_many(yodel_request *req, void *user)
{
    static const yodel_header retry = {"Retry-After", "1"};

    (void)user;
    (void)yd_request_fail(req, 429, "too many requests from one address", &retry, 1);
}

static void answer_no_memory(yodel_request *req, void *user)
{
    (void)user;
    (void)yd_request_fail(req, 503, NULL, NULL, 0);
}

bool yd_request_find_client(yodel_request *req)
{
    struct yd_conn *conn = req->hc->conn;
    const struct yd_carried *carried = yd_conn_carried(conn);
    const struct yd_trust *trust = yd_conn_trust(conn);
    struct yd_ip peer;
    int rc;

    if (carried != NULL) {
        req->forwarded = (struct yd_forwarded){
            .client = carried->ip, .is_tls = carried->is_tls, .host = carried->host};
        req->proxied = true;
        return true;
    }
    if (trust == NULL)
        return true;
    yd_conn_ip(conn, &peer);
    yd_forwarded_read(&req->head, yd_conn_forwarded(conn), &peer, trust, &req->forwarded);
    req->proxied = true;
    if (!req->forwarded.has_client || (rc = yd_conn_set_client(conn, &req->forwarded.client)) == 0)
        return true;
    req->read = req->head.body == YD_HTTP_BODY_NONE;
    req->fn = rc > 0 ? answer_too_many : answer_no_memory;
    return false;
}

void yd_request_leave_client(yodel_request *req)
{
    if (req->proxied && req->forwarded.has_client)
        yd_conn_unset_client(req->hc->conn);
}

void yd_request_tell_client(const yodel_request *req, struct yd_carried *ret_carried)
{
    *ret_carried = (struct yd_carried){.is_tls = yodel_request_is_tls(req) != 0,
                                       .tag = yodel_request_listener_tag(req)};
    if (req->proxied) {
        ret_carried->ip = req->forwarded.client;
        ret_carried->host = req->forwarded.host;
    } else {
        yd_conn_ip(req->hc->conn, &ret_carried->ip);
    }
}

/* ---- what a handler asks ---- */

yodel_str yodel_request_host(const yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return req->proxied && req->forwarded.host.ptr != NULL ? req->forwarded.host : req->head.host;
}

int yodel_request_is_tls(const yodel_request *req)
{
    if (req == NULL)
        return 0;
    if (req->proxied && req->forwarded.is_tls >= 0)
        return req->forwarded.is_tls;
    return yd_conn_client_uses_tls(req->hc->conn);
}

yodel_str yodel_request_scheme(const yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return yodel_request_is_tls(req) ? YODEL_STR("https") : YODEL_STR("http");
}

yodel_str yodel_request_listener_tag(const yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return yodel_str_of(yd_conn_tag(req->hc->conn));
}

yodel_str yodel_request_peer(yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    if (req->peer[0] == '\0' && req->proxied)
        yd_ip_write(&req->forwarded.client, req->peer);
    else if (req->peer[0] == '\0')
        yd_conn_peer(req->hc->conn, req->peer);
    return yodel_str_of(req->peer);
}

int yodel_request_peer_credentials(const yodel_request *req, yodel_peer_credentials *ret_peer)
{
    yodel_peer_credentials told = {.size = sizeof told};
    struct yd_credentials peer;
    int rc;

    if (req == NULL)
        return -EINVAL;
    if ((rc = yd_conn_credentials(req->hc->conn, &peer)) < 0)
        return rc == YODEL_ERR_NOT_FOUND ? rc : YODEL_ERR_CLOSED;
    told.uid = peer.uid;
    told.gid = peer.gid;
    told.pid = peer.pid;
    return yd_options_write(ret_peer, &told, sizeof told);
}

/* Of one that is longer than this the rest is not handed out: nothing is. */
#define MOST_OF_CERT 2048

static yodel_str cert_part(yodel_request *req, enum yd_cert_part part)
{
    char text[MOST_OF_CERT], *copy;
    ssize_t len = yd_conn_client_cert(req->hc->conn, part, text, sizeof text);

    if (len <= 0 || (copy = yd_arena_alloc(&req->arena, (size_t)len)) == NULL)
        return (yodel_str){NULL, 0};
    memcpy(copy, text, (size_t)len);
    return (yodel_str){copy, (size_t)len};
}

yodel_str yodel_request_client_cert_subject(yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return cert_part(req, YD_CERT_SUBJECT);
}

yodel_str yodel_request_client_cert_fingerprint(yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return cert_part(req, YD_CERT_FINGERPRINT);
}

bool yd_request_origin_matches(const yodel_request *req, yodel_str origin, const char *pattern)
{
    if (strcmp(pattern, YODEL_ORIGIN_SAME_HOST) == 0)
        return yd_ws_origin_is_same_host(origin, yodel_request_host(req),
                                         yodel_request_is_tls(req) != 0);
    return yd_ws_origin_matches(origin, yodel_str_of(pattern));
}
