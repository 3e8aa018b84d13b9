/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "http/http_internal.h"
#include "proto/http1_chars.h"
#include "proto/url.h"

/* One block for a request, its fields and its head: nothing of it lies in memory of the connection,
 * so views of it live as long as it does. */
int yd_request_new(struct yd_http_conn *hc, const uint8_t *data, size_t len,
                   yodel_request **ret_req)
{
    const struct yodel_allocator *mem = hc->http->mem;
    size_t num_fields = hc->scan.num_lines;
    struct yd_http_field *fields;
    yodel_request *req;
    uint8_t *head;

    req = yd_alloc(mem, sizeof *req + num_fields * sizeof *fields + len);
    if (req == NULL)
        return -ENOMEM;
    memset(&req->hc, 0, sizeof *req - offsetof(yodel_request, hc));
    fields = (struct yd_http_field *)(req + 1);
    head = (uint8_t *)(fields + num_fields);
    memcpy(head, data, len);
    yd_http_head_of(&hc->scan, head, fields, &req->head);
    req->hc = hc;
    req->head_len = len;
    yd_arena_init(&req->arena, mem);
    yd_arena_lend(&req->arena, req->room, sizeof req->room);
    *ret_req = req;
    return 0;
}

/* Its task may be still to come. */
static void free_reader(struct yd_body_reader *reader)
{
    if (reader == NULL)
        return;
    reader->req = NULL;
    if (!reader->queued)
        yd_free(reader->mem, reader);
}

void yd_request_free(yodel_request *req)
{
    const struct yodel_allocator *mem = req->hc->http->mem;

    if (req->gate != NULL && req->gate->lost != NULL)
        req->gate->lost(req, req->user);
    yd_decision_end(&req->decision);
    free_reader(req->reader);
    json_decref(req->json);
    yd_buf_free(mem, &req->body);
    yd_arena_done(&req->arena);
    yd_free(mem, req);
}

bool yd_request_is_answered(const yodel_request *req)
{
    return req->answered;
}

struct yd_conn *yd_request_conn(const yodel_request *req)
{
    return req->hc->conn;
}

struct yd_http *yd_request_http(const yodel_request *req)
{
    return req->hc->http;
}

void *yd_request_mark(const yodel_request *req)
{
    return req->mark;
}

void yd_request_set_mark(yodel_request *req, void *mark)
{
    req->mark = mark;
}

const struct yd_http_head *yd_request_head(const yodel_request *req)
{
    return &req->head;
}

int yodel_request_http_minor(const yodel_request *req)
{
    if (req == NULL)
        return -EINVAL;
    return req->head.minor > 0;
}

yodel_str yodel_request_method(const yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return req->head.method;
}

yodel_str yodel_request_path(const yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return req->head.path;
}

yodel_str yodel_request_query(const yodel_request *req)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return req->head.query;
}

yodel_bytes yodel_request_body(const yodel_request *req)
{
    if (req == NULL)
        return (yodel_bytes){NULL, 0};
    return (yodel_bytes){req->body.ptr, req->body.len};
}

yodel_loop *yodel_request_loop(const yodel_request *req)
{
    if (req == NULL)
        return NULL;
    return yd_conn_loop(req->hc->conn)->open;
}

yodel_str yodel_request_param(const yodel_request *req, const char *name)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    for (size_t i = 0; i < req->num_params; i++)
        if (yodel_str_eq(req->params[i].name, yodel_str_of(name)))
            return req->params[i].value;
    return (yodel_str){NULL, 0};
}

/* Of each field at most once, so that asking again and again takes no more memory. */
static yodel_str decode_once(yodel_request *req, yodel_str encoded)
{
    struct yd_decoded *decoded = req->decoded;

    while (decoded != NULL && decoded->encoded != encoded.ptr)
        decoded = decoded->next;
    if (decoded != NULL)
        return decoded->value;
    decoded = yd_arena_alloc(&req->arena, sizeof *decoded + encoded.len);
    if (decoded == NULL)
        return (yodel_str){NULL, 0};
    *decoded = (struct yd_decoded){req->decoded, encoded.ptr,
                                   yd_url_form_decode(encoded, (char *)(decoded + 1))};
    req->decoded = decoded;
    return decoded->value;
}

yodel_str yd_request_query_value(yodel_request *req, yodel_str encoded)
{
    return yd_url_form_is_plain(encoded) ? encoded : decode_once(req, encoded);
}

yodel_str yodel_request_query_param(yodel_request *req, const char *name)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return yd_request_query_value(req, yd_url_query_find(req->head.query, yodel_str_of(name)));
}

yodel_str yodel_request_header(const yodel_request *req, const char *name)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    return yd_http_field(&req->head, yodel_str_of(name));
}

yodel_str yodel_request_header_at(const yodel_request *req, const char *name, size_t i)
{
    if (req == NULL)
        return (yodel_str){NULL, 0};
    for (size_t j = 0; j < req->head.num_fields; j++)
        if (yd_str_eq_nocase(req->head.fields[j].name, yodel_str_of(name)) && i-- == 0)
            return req->head.fields[j].value;
    return (yodel_str){NULL, 0};
}

void yodel_request_each_header(const yodel_request *req, yodel_header_fn *each, void *user)
{
    if (req == NULL || each == NULL)
        return;
    for (size_t i = 0; i < req->head.num_fields; i++)
        each(req->head.fields[i].name, req->head.fields[i].value, user);
}

/* ---- cookies ---- */

/* Takes what stands before mark off text, and mark. */
static yodel_str take_until(yodel_str *text, char mark)
{
    const char *found = text->len > 0 ? memchr(text->ptr, mark, text->len) : NULL;
    size_t len = found != NULL ? (size_t)(found - text->ptr) : text->len;
    yodel_str taken = {text->ptr, len};

    if (found != NULL)
        len++;
    text->ptr += len;
    text->len -= len;
    return taken;
}

/* Of pairs "name=value" with ';' between them (RFC 6265 4.2). */
static yodel_str cookie_in(yodel_str cookies, yodel_str name)
{
    while (cookies.len > 0) {
        yodel_str pair = take_until(&cookies, ';');
        bool is_pair = pair.len > 0 && memchr(pair.ptr, '=', pair.len) != NULL;
        yodel_str key = take_until(&pair, '=');

        if (is_pair && yodel_str_eq(yd_http_trim(key), name))
            return yd_http_trim(pair);
    }
    return (yodel_str){NULL, 0};
}

yodel_str yodel_request_cookie(const yodel_request *req, const char *name)
{
    yodel_str value = {NULL, 0};

    if (req == NULL)
        return (yodel_str){NULL, 0};
    for (size_t i = 0; i < req->head.num_fields && value.ptr == NULL; i++)
        if (yd_str_eq_nocase(req->head.fields[i].name, YODEL_STR("Cookie")))
            value = cookie_in(req->head.fields[i].value, yodel_str_of(name));
    return value;
}
