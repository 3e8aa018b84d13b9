/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "decision/decision.h"

/* Verdicts copied into one block. */

struct copy {
    struct yd_verdict verdict;
    yodel_ws_accept_options accept;
    yodel_response response;
    _Alignas(void *) char room[];
};

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static size_t headers_size(const yodel_header *headers, size_t num)
{
    size_t size = num * sizeof *headers;

    for (size_t i = 0; i < num; i++)
        size += text_size(headers[i].name) + text_size(headers[i].value);
    return size;
}

static size_t size_of(const struct yd_verdict *verdict)
{
    size_t size = text_size(verdict->message) + text_size(verdict->data);

    if (verdict->accept != NULL)
        size += headers_size(verdict->accept->headers, verdict->accept->num_headers) +
                text_size(verdict->accept->subprotocol);
    if (verdict->response != NULL)
        size += headers_size(verdict->response->headers, verdict->response->num_headers) +
                text_size(verdict->response->content_type) + verdict->response->body.len;
    return size;
}

static const char *put_text(char **room, const char *text)
{
    char *copy = *room;
    size_t size = text_size(text);

    if (text == NULL)
        return NULL;
    memcpy(copy, text, size);
    *room += size;
    return copy;
}

/* room must be aligned for pointers. */
static const yodel_header *put_headers(char **room, const yodel_header *headers, size_t num)
{
    yodel_header *copy = (yodel_header *)(void *)*room;

    if (num == 0)
        return NULL;
    *room += num * sizeof *headers;
    for (size_t i = 0; i < num; i++) {
        copy[i].name = put_text(room, headers[i].name);
        copy[i].value = put_text(room, headers[i].value);
    }
    return copy;
}

static yodel_bytes put_bytes(char **room, yodel_bytes data)
{
    uint8_t *copy = (uint8_t *)*room;

    if (data.len > 0)
        memcpy(copy, data.ptr, data.len);
    *room += data.len;
    return (yodel_bytes){copy, data.len};
}

static void put_accept(struct copy *copy, char **room)
{
    copy->accept = *copy->verdict.accept;
    copy->accept.headers = put_headers(room, copy->accept.headers, copy->accept.num_headers);
    copy->accept.subprotocol = put_text(room, copy->accept.subprotocol);
    copy->verdict.accept = &copy->accept;
}

static void put_response(struct copy *copy, char **room)
{
    copy->response = *copy->verdict.response;
    copy->response.headers = put_headers(room, copy->response.headers, copy->response.num_headers);
    copy->response.content_type = put_text(room, copy->response.content_type);
    copy->response.body = put_bytes(room, copy->response.body);
    copy->verdict.response = &copy->response;
}

/* There is an accept or a response, never both: the headers come first in the room. */
struct yd_verdict *yd_verdict_copy(const struct yodel_allocator *mem,
                                   const struct yd_verdict *verdict)
{
    struct copy *copy = yd_zalloc(mem, sizeof *copy + size_of(verdict));
    char *room;

    if (copy == NULL)
        return NULL;
    room = copy->room;
    copy->verdict = *verdict;
    if (verdict->accept != NULL)
        put_accept(copy, &room);
    if (verdict->response != NULL)
        put_response(copy, &room);
    copy->verdict.message = put_text(&room, verdict->message);
    copy->verdict.data = put_text(&room, verdict->data);
    return &copy->verdict;
}
