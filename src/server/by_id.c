/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "server/server.h"

/* Calls that name their object by an id and come from any thread: the arguments are copied into one
 * block, which travels to the object's loop. */

/* The server outlives it: it runs or frees what was posted before it goes. */
struct parcel {
    struct yd_mail mail;
    yodel_server *server;
    uint64_t id;
    yodel_response response;
    yodel_ws_accept_options accept;
    yodel_bytes data;
    int kind; /* of a message, or the code of a close */
    char room[];
};

static size_t headers_size(const yodel_header *headers, size_t num)
{
    size_t size = num * sizeof *headers;

    for (size_t i = 0; i < num; i++)
        size += strlen(headers[i].name) + strlen(headers[i].value) + 2;
    return size;
}

static const char *put_text(char **room, const char *text)
{
    char *copy = *room;
    size_t size;

    if (text == NULL)
        return NULL;
    size = strlen(text) + 1;
    memcpy(copy, text, size);
    *room += size;
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

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static struct parcel *make_parcel(yodel_server *server, uint64_t id, size_t room)
{
    struct parcel *parcel = yd_zalloc(&server->mem, sizeof *parcel + room);

    if (parcel == NULL)
        return NULL;
    parcel->server = server;
    parcel->id = id;
    return parcel;
}

static void free_parcel(void *arg)
{
    struct parcel *parcel = arg;

    yd_free(&parcel->server->mem, parcel);
}

static struct parcel *pack_response(yodel_server *server, uint64_t id,
                                    const yodel_response *response)
{
    size_t size = headers_size(response->headers, response->num_headers) +
                  text_size(response->content_type) + response->body.len;
    struct parcel *parcel = make_parcel(server, id, size);
    char *room;

    if (parcel == NULL)
        return NULL;
    room = parcel->room;
    parcel->response = *response;
    parcel->response.headers = put_headers(&room, response->headers, response->num_headers);
    parcel->response.content_type = put_text(&room, response->content_type);
    parcel->response.body = put_bytes(&room, response->body);
    return parcel;
}

/* ---- requests ---- */

static void run_respond(struct yd_mail *mail, void *receiver)
{
    struct parcel *parcel = yd_container_of(mail, struct parcel, mail);
    struct yd_loop *loop = receiver;

    (void)yd_request_respond_by_id(loop->net, parcel->id, &parcel->response);
    free_parcel(parcel);
}

int yodel_request_respond_id(yodel_server *server, yodel_request_id id, const yodel_response *given)
{
    struct yd_loop *loop = yd_server_loop(server, id.value);
    yodel_response response;
    struct parcel *parcel;
    int rc;

    if ((rc = yd_options_read(given, &response, sizeof response)) < 0 ||
        (rc = yd_response_check(&response)) < 0)
        return rc;
    if (loop == NULL)
        return 0;
    if ((parcel = pack_response(server, id.value, &response)) == NULL)
        return -ENOMEM;
    parcel->mail.run = run_respond;
    if ((rc = yd_loop_post(loop, &parcel->mail)) < 0)
        free_parcel(parcel);
    return rc;
}

/* ---- WebSockets ---- */

int yodel_ws_post(yodel_server *server, yodel_ws_id id, yodel_ws_post_fn *fn, void *arg,
                  yodel_free_fn *free_arg)
{
    struct yd_loop *loop = yd_server_loop(server, id.value);

    if (loop != NULL)
        return yd_ws_post(&server->ws, loop, id.value, fn, arg, free_arg);
    if (free_arg != NULL)
        free_arg(arg);
    return 0;
}

static int post(struct parcel *parcel, yodel_ws_post_fn *fn)
{
    if (parcel == NULL)
        return -ENOMEM;
    return yodel_ws_post(parcel->server, (yodel_ws_id){parcel->id}, fn, parcel, free_parcel);
}

static void run_accept(yodel_ws *ws, void *arg)
{
    (void)yodel_ws_accept(ws, &((struct parcel *)arg)->accept);
}

int yodel_ws_accept_id(yodel_server *server, yodel_ws_id id, const yodel_ws_accept_options *given)
{
    yodel_ws_accept_options options;
    struct parcel *parcel;
    char *room;
    int rc;

    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    parcel = make_parcel(server, id.value,
                         headers_size(options.headers, options.num_headers) +
                             text_size(options.subprotocol));
    if (parcel == NULL)
        return -ENOMEM;
    room = parcel->room;
    parcel->accept = options;
    parcel->accept.size = sizeof options;
    parcel->accept.headers = put_headers(&room, options.headers, options.num_headers);
    parcel->accept.subprotocol = put_text(&room, options.subprotocol);
    return post(parcel, run_accept);
}

static void run_reject(yodel_ws *ws, void *arg)
{
    (void)yodel_ws_reject(ws, &((struct parcel *)arg)->response);
}

int yodel_ws_reject_id(yodel_server *server, yodel_ws_id id, const yodel_response *given)
{
    yodel_response response;
    int rc;

    if ((rc = yd_options_read(given, &response, sizeof response)) < 0)
        return rc;
    response.size = sizeof response;
    return post(pack_response(server, id.value, &response), run_reject);
}

static void run_send(yodel_ws *ws, void *arg)
{
    struct parcel *parcel = arg;

    (void)yodel_ws_send(ws, (yodel_ws_type)parcel->kind, parcel->data);
}

static struct parcel *pack_data(yodel_server *server, uint64_t id, int kind, yodel_bytes data)
{
    struct parcel *parcel = make_parcel(server, id, data.len);
    char *room;

    if (parcel == NULL)
        return NULL;
    room = parcel->room;
    parcel->kind = kind;
    parcel->data = put_bytes(&room, data);
    return parcel;
}

int yodel_ws_send_id(yodel_server *server, yodel_ws_id id, yodel_ws_type type, yodel_bytes data)
{
    return post(pack_data(server, id.value, (int)type, data), run_send);
}

static void run_close(yodel_ws *ws, void *arg)
{
    struct parcel *parcel = arg;

    yodel_ws_close(ws, (uint16_t)parcel->kind,
                   (yodel_str){(const char *)parcel->data.ptr, parcel->data.len});
}

int yodel_ws_close_id(yodel_server *server, yodel_ws_id id, uint16_t code, yodel_str reason)
{
    return post(
        pack_data(server, id.value, code, (yodel_bytes){(const uint8_t *)reason.ptr, reason.len}),
        run_close);
}

int yodel_prepared_new(yodel_server *server, yodel_ws_type type, yodel_bytes data,
                       yodel_prepared **ret_message)
{
    struct yd_msg *msg;

    if (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY)
        return -EINVAL;
    if (type == YODEL_WS_TEXT && !yd_utf8_is_valid(data.ptr, data.len))
        return YODEL_ERR_ENCODING;
    if ((msg = yd_ws_make_msg(&server->mem, type, data)) == NULL)
        return -ENOMEM;
    *ret_message = (yodel_prepared *)msg;
    return 0;
}
