/* SPDX-License-Identifier: MIT */
#include "eio/eio_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "eio/eio_answer.h"
#include "net/caller.h"
#include "proto/json_scan.h"
#include "proto/url.h"

/* ---- the query ---- */

static bool is(yodel_str text, const char *expected)
{
    return yodel_str_eq(text, yodel_str_of(expected));
}

/* The last of several fields of a name counts. */
void yd_eio_read_ask(yodel_request *req, struct yd_eio_ask *ret_ask)
{
    yodel_str query = yodel_request_query(req), name, value;

    *ret_ask = (struct yd_eio_ask){.transport = {NULL, 0}};
    while (yd_url_query_next(&query, &name, &value)) {
        if (yd_url_form_equals(name, YODEL_STR("transport")))
            ret_ask->transport = yd_request_query_value(req, value);
        else if (yd_url_form_equals(name, YODEL_STR("sid")))
            ret_ask->sid = yd_request_query_value(req, value);
        else if (yd_url_form_equals(name, YODEL_STR("EIO")))
            ret_ask->v4 = is(yd_request_query_value(req, value), "4");
        else if (yd_url_form_equals(name, YODEL_STR("b64")))
            ret_ask->b64 = value.len > 0;
    }
}

/* ---- ids ---- */

/* What a character of an id stands for; -1 for none. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Byte 12 of the 15 is the loop; it begins at character 16 of the 20. */
static int index_of_id(yodel_str sid)
{
    int high, low;

    if (sid.len != YD_EIO_ID_LEN)
        return -1;
    high = value_of(sid.ptr[16]);
    low = value_of(sid.ptr[17]);
    return high < 0 || low < 0 ? -1 : high << 2 | low >> 4;
}

struct yd_eio_loop *yd_eio_loop_of_id(struct yd_eio *eio, yodel_str sid)
{
    int index = index_of_id(sid);

    return index >= 0 && (unsigned)index < eio->num_loops ? &eio->loops[index] : NULL;
}

/* Bytes 9 to 11 are the node: characters 12 to 15. */
static bool node_of_id(yodel_str sid, uint32_t *ret_node)
{
    uint32_t node = 0;

    if (sid.len != YD_EIO_ID_LEN)
        return false;
    for (size_t i = 12; i < 16; i++) {
        int value = value_of(sid.ptr[i]);

        if (value < 0)
            return false;
        node = node << 6 | (uint32_t)value;
    }
    *ret_node = node;
    return true;
}

bool yd_eio_is_far(struct yd_eio *eio, const yodel_request *req, yodel_str sid,
                   struct yd_eio_home *ret_home)
{
    struct yd_eio_far *far = yd_eio_far_of(eio);
    int loop = index_of_id(sid);
    uint32_t node;

    if (far == NULL || loop < 0 || !node_of_id(sid, &node))
        return false;
    if (yd_eio_far_is_own(far, node) || yd_conn_carried(yd_request_conn(req)) != NULL)
        return false;
    *ret_home = (struct yd_eio_home){.node = node, .loop = (unsigned)loop};
    return true;
}

struct yd_eio_session *yd_eio_find(struct yd_eio_loop *home, yodel_str sid)
{
    struct yd_map_node *node = yd_map_find(&home->sessions, sid);
    struct yd_eio_session *session;

    if (node == NULL)
        return NULL;
    session = yd_container_of(node, struct yd_eio_session, node);
    yd_eio_catch_up(session);
    return !yd_eio_has_ended(session) ? session : NULL;
}

/* ---- origins ---- */

static bool is_listed(const struct yd_eio *eio, const yodel_request *req, yodel_str origin)
{
    for (size_t i = 0; eio->origins[i] != NULL; i++)
        if (yd_request_origin_matches(req, origin, eio->origins[i]))
            return true;
    return false;
}

/* The scheme and host that a URL begins with. */
static yodel_str origin_of(yodel_str url)
{
    const char *host = url.len > 0 ? memmem(url.ptr, url.len, "://", 3) : NULL;
    const char *end;

    if (host == NULL)
        return (yodel_str){NULL, 0};
    host += 3;
    end = memchr(host, '/', (size_t)(url.ptr + url.len - host));
    if (end != NULL)
        url.len = (size_t)(end - url.ptr);
    return url;
}

/* Browsers send no Origin with a GET to where the page came from; they say so in another way. */
static bool is_from_own_page(const struct yd_eio *eio, const yodel_request *req)
{
    const struct yd_http_head *head = yd_request_head(req);
    yodel_str referer = yd_http_field(head, YODEL_STR("Referer"));

    if (is(yd_http_field(head, YODEL_STR("Sec-Fetch-Site")), "same-origin"))
        return true;
    return referer.ptr != NULL && is_listed(eio, req, origin_of(referer));
}

static bool origin_is_allowed(const struct yd_eio *eio, const yodel_request *req, bool upgrade)
{
    const struct yd_http_head *head = yd_request_head(req);
    size_t num = yd_http_count_fields(head, YODEL_STR("Origin"));

    if (eio->origins == NULL)
        return true;
    if (num == 0)
        return !upgrade && is_from_own_page(eio, req);
    return num == 1 && is_listed(eio, req, yd_http_field(head, YODEL_STR("Origin")));
}

/* ---- the checks ---- */

static bool transport_is_known(const struct yd_eio *eio, yodel_str transport)
{
    return (is(transport, "polling") && !eio->options.no_polling) ||
           (is(transport, "websocket") && !eio->options.no_websocket);
}

/* A request for a session of another loop goes there. */
static enum yd_eio_error look_up(struct yd_eio_loop *home, yodel_request *req,
                                 struct yd_eio_ask *ask)
{
    struct yd_eio_loop *there;

    if (yd_eio_is_far(home->eio, req, ask->sid, &ask->far))
        return YD_EIO_FAR;
    if ((there = yd_eio_loop_of_id(home->eio, ask->sid)) == NULL)
        return YD_EIO_SESSION_UNKNOWN;
    if (there != home) {
        if (yd_eio_is_stopping(there))
            return YD_EIO_BUSY;
        return yd_request_move(req, there->loop->net) == 0 ? YD_EIO_MOVED : YD_EIO_BUSY;
    }
    ask->session = yd_eio_find(home, ask->sid);
    return ask->session != NULL ? YD_EIO_OK : YD_EIO_SESSION_UNKNOWN;
}

static enum yd_eio_error check_session(const struct yd_eio_ask *ask, bool upgrade)
{
    if (!upgrade &&
        (is(ask->transport, "websocket") || yd_eio_transport(ask->session) != YD_EIO_POLLING))
        return YD_EIO_BAD_REQUEST;
    return ask->v4 ? YD_EIO_OK : YD_EIO_BAD_REQUEST;
}

enum yd_eio_error yd_eio_check(struct yd_eio_loop *home, yodel_request *req, bool upgrade,
                               struct yd_eio_ask *ret_ask)
{
    enum yd_eio_error error;

    yd_eio_read_ask(req, ret_ask);
    if (!origin_is_allowed(home->eio, req, upgrade))
        return YD_EIO_ALIEN;
    if (!transport_is_known(home->eio, ret_ask->transport))
        return YD_EIO_TRANSPORT_UNKNOWN;
    if (ret_ask->sid.len > 0) {
        error = look_up(home, req, ret_ask);
        return error == YD_EIO_OK ? check_session(ret_ask, upgrade) : error;
    }
    if (!is(yodel_request_method(req), "GET"))
        return YD_EIO_BAD_METHOD;
    if (is(ret_ask->transport, "websocket") && !upgrade)
        return YD_EIO_BAD_REQUEST;
    return YD_EIO_OK;
}

/* ---- refusing ---- */

static const char *const messages[] = {
    "Transport unknown", "Session ID unknown", "Bad handshake method",
    "Bad request",       "Forbidden",          "Unsupported protocol version",
};

/* An upgrade is refused in plain words, a poll as a document. */
void yd_eio_refuse_with(struct yd_eio *eio, yodel_request *req, bool upgrade,
                        enum yd_eio_error error, int status)
{
    char text[100];
    int len;

    if (upgrade)
        len = snprintf(text, sizeof text, "%s", messages[error]);
    else
        len = snprintf(text, sizeof text, "{\"code\":%d,\"message\":\"%s\"}", (int)error,
                       messages[error]);
    (void)yd_eio_answer(eio, req,
                        &(struct yd_eio_answer){
                            .status = status,
                            .content_type = upgrade ? "text/html" : "application/json",
                            .body = {(const uint8_t *)text, (size_t)len},
                        });
}

void yd_eio_refuse_because(struct yd_eio *eio, yodel_request *req, bool upgrade,
                           const char *message)
{
    yodel_str why = yodel_str_of(message != NULL ? message : messages[YD_EIO_FORBIDDEN]);
    struct yd_eio_answer answer = {
        .status = 403, .content_type = upgrade ? "text/plain; charset=utf-8" : "application/json"};
    struct yd_buf text = {0};
    int rc;

    if (upgrade)
        rc = yd_buf_append_str(eio->mem, &text, why);
    else if ((rc = yd_buf_append_str(eio->mem, &text, YODEL_STR("{\"code\":4,\"message\":"))) ==
                 0 &&
             (rc = yd_json_put_string(eio->mem, &text, why)) == 0)
        rc = yd_buf_append_str(eio->mem, &text, YODEL_STR("}"));
    answer.body = (yodel_bytes){text.ptr, text.len};
    if (rc == 0)
        (void)yd_eio_answer(eio, req, &answer);
    else
        yd_eio_refuse(eio, req, upgrade, YD_EIO_FORBIDDEN);
    yd_buf_free(eio->mem, &text);
}

void yd_eio_refuse(struct yd_eio *eio, yodel_request *req, bool upgrade, enum yd_eio_error error)
{
    switch (error) {
    case YD_EIO_OK:
    case YD_EIO_MOVED:
    case YD_EIO_FAR:
        break;
    case YD_EIO_BUSY:
        (void)yd_eio_answer(eio, req, &(struct yd_eio_answer){.status = 503, .closes = true});
        break;
    case YD_EIO_ALIEN:
        yd_eio_refuse_with(eio, req, upgrade, YD_EIO_FORBIDDEN, 403);
        break;
    case YD_EIO_FORBIDDEN:
        yd_eio_refuse_with(eio, req, upgrade, error, upgrade ? 400 : 403);
        break;
    default:
        yd_eio_refuse_with(eio, req, upgrade, error, 400);
        break;
    }
}
