/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "bus/call.h"
#include "server/server.h"

/* Calls that name their object by an id and come from any thread: the arguments are copied into one
 * block, which travels to the object's loop. */

/* The server outlives it: it runs or frees what was posted before it goes. */
struct action {
    struct yd_call call;
    yodel_server *server;
    uint64_t id;
    yodel_response response;
    yodel_ws_accept_options accept;
    yodel_bytes data;
    int kind; /* of a message, or the code of a close */
    _Alignas(void *) char room[];
};

/* Whether there is what is to be copied; the loop checks the rest. */
static bool have_text(const yodel_header *headers, size_t num)
{
    if (num > 0 && headers == NULL)
        return false;
    for (size_t i = 0; i < num; i++)
        if (headers[i].name == NULL || headers[i].value == NULL)
            return false;
    return true;
}

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

static struct action *make_action(yodel_server *server, uint64_t id, size_t room)
{
    struct action *action = yd_zalloc(&server->mem, sizeof *action + room);

    if (action == NULL)
        return NULL;
    action->server = server;
    action->id = id;
    return action;
}

static void free_action(void *arg)
{
    struct action *action = arg;

    yd_free(&action->server->mem, action);
}

static struct action *pack_response(yodel_server *server, uint64_t id,
                                    const yodel_response *response)
{
    size_t size = headers_size(response->headers, response->num_headers) +
                  text_size(response->content_type) + response->body.len;
    struct action *action = make_action(server, id, size);
    char *room;

    if (action == NULL)
        return NULL;
    room = action->room;
    action->response = *response;
    action->response.headers = put_headers(&room, response->headers, response->num_headers);
    action->response.content_type = put_text(&room, response->content_type);
    action->response.body = put_bytes(&room, response->body);
    return action;
}

/* ---- requests ---- */

static void run_respond(struct yd_loop *loop, void *arg)
{
    struct action *action = arg;

    (void)yd_request_respond_by_id(loop->net, action->id, &action->response);
    free_action(action);
}

int yodel_request_respond_id(yodel_server *server, yodel_request_id id, const yodel_response *given)
{
    struct yd_loop *loop = yd_server_loop(server, id.value);
    yodel_response response;
    struct action *action;
    int rc;

    if ((rc = yd_options_read(given, &response, sizeof response)) < 0 ||
        (rc = yd_response_check(&response)) < 0)
        return rc;
    if (loop == NULL)
        return 0;
    if ((action = pack_response(server, id.value, &response)) == NULL)
        return -ENOMEM;
    yd_call_init(&action->call, YD_CALL_CONTROL, run_respond, action);
    if ((rc = yd_call_post(&action->call, loop)) < 0)
        free_action(action);
    return rc;
}

/* ---- WebSockets ---- */

/* What a call of the program's counts in a mailbox: what it keeps besides is not known. */
#define POST_WEIGHT 100

int yodel_ws_post(yodel_server *server, yodel_id id, yodel_ws_post_fn *fn, void *arg,
                  yodel_free_fn *free_arg)
{
    struct yd_loop *loop = yd_server_loop(server, id.value);

    if (loop != NULL)
        return yd_ws_post(&server->ws, loop, id.value, POST_WEIGHT, fn, arg, free_arg);
    if (free_arg != NULL)
        free_arg(arg);
    return 0;
}

/* Takes action; NULL: out of memory. */
static int post(struct action *action, size_t weight, yodel_ws_post_fn *fn)
{
    struct yd_loop *loop;

    if (action == NULL)
        return -ENOMEM;
    if ((loop = yd_server_loop(action->server, action->id)) == NULL) {
        free_action(action);
        return 0;
    }
    return yd_ws_post(&action->server->ws, loop, action->id, weight, fn, action, free_action);
}

static void run_accept(yodel_ws *ws, void *arg)
{
    (void)yodel_ws_accept(ws, &((struct action *)arg)->accept);
}

int yodel_ws_accept_id(yodel_server *server, yodel_id id, const yodel_ws_accept_options *given)
{
    yodel_ws_accept_options options;
    struct action *action;
    char *room;
    int rc;

    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (!have_text(options.headers, options.num_headers))
        return -EINVAL;
    action = make_action(server, id.value,
                         headers_size(options.headers, options.num_headers) +
                             text_size(options.subprotocol));
    if (action == NULL)
        return -ENOMEM;
    room = action->room;
    action->accept = options;
    action->accept.size = sizeof options;
    action->accept.headers = put_headers(&room, options.headers, options.num_headers);
    action->accept.subprotocol = put_text(&room, options.subprotocol);
    return post(action, YD_CALL_CONTROL, run_accept);
}

static void run_reject(yodel_ws *ws, void *arg)
{
    (void)yodel_ws_reject(ws, &((struct action *)arg)->response);
}

int yodel_ws_reject_id(yodel_server *server, yodel_id id, const yodel_response *given)
{
    yodel_response response;
    int rc;

    if ((rc = yd_options_read(given, &response, sizeof response)) < 0)
        return rc;
    response.size = sizeof response;
    if ((rc = yd_response_check(&response)) < 0)
        return rc;
    if (response.status != 0 && !yd_status_refuses(response.status))
        return -EINVAL;
    return post(pack_response(server, id.value, &response), YD_CALL_CONTROL, run_reject);
}

static void run_send(yodel_ws *ws, void *arg)
{
    struct action *action = arg;

    (void)yodel_ws_send(ws, (yodel_ws_type)action->kind, action->data);
}

static struct action *pack_data(yodel_server *server, uint64_t id, int kind, yodel_bytes data)
{
    struct action *action = make_action(server, id, data.len);
    char *room;

    if (action == NULL)
        return NULL;
    room = action->room;
    action->kind = kind;
    action->data = put_bytes(&room, data);
    return action;
}

int yodel_ws_send_id(yodel_server *server, yodel_id id, yodel_ws_type type, yodel_bytes data)
{
    return post(pack_data(server, id.value, (int)type, data), sizeof(struct action) + data.len,
                run_send);
}

static void run_close(yodel_ws *ws, void *arg)
{
    struct action *action = arg;

    yodel_ws_close(ws, (uint16_t)action->kind,
                   (yodel_str){(const char *)action->data.ptr, action->data.len});
}

int yodel_ws_close_id(yodel_server *server, yodel_id id, uint16_t code, yodel_str reason)
{
    return post(
        pack_data(server, id.value, code, (yodel_bytes){(const uint8_t *)reason.ptr, reason.len}),
        YD_CALL_CONTROL, run_close);
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
