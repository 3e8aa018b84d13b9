/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "bus/call.h"
#include "server/server.h"

/* Calls that name their object by an id and come from any thread: the arguments are copied into one
 * block, which travels to the object's loop. */

/* The server outlives it: it runs or frees what was posted before it goes. */
struct action {
    yodel_server *server;
    uint64_t id;
    yodel_bytes data;
    int kind; /* of a message, or the code of a close */
    _Alignas(void *) char room[];
};

static yodel_bytes put_bytes(char **room, yodel_bytes data)
{
    uint8_t *copy = (uint8_t *)*room;

    if (data.len > 0)
        memcpy(copy, data.ptr, data.len);
    *room += data.len;
    return (yodel_bytes){copy, data.len};
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

/* What a call of the program's counts in a mailbox: what it keeps besides is not known. */
#define POST_WEIGHT 100

int yodel_ws_post(yodel_server *server, yodel_id id, yodel_ws_post_fn *fn, void *arg,
                  yodel_free_fn *free_arg)
{
    bool is_whole = server != NULL && fn != NULL;
    struct yd_loop *loop = is_whole ? yd_server_loop(server, id.value) : NULL;

    if (loop != NULL)
        return yd_ws_post(&server->ws, loop, id.value, POST_WEIGHT, fn, arg, free_arg);
    if (free_arg != NULL)
        free_arg(arg);
    return is_whole ? 0 : -EINVAL;
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
    if (server == NULL || (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY))
        return -EINVAL;
    if (type == YODEL_WS_TEXT && !yd_utf8_is_valid(data.ptr, data.len))
        return YODEL_ERR_ENCODING;
    return post(pack_data(server, id.value, (int)type, data), sizeof(struct action) + data.len,
                run_send);
}

static void run_close(yodel_ws *ws, void *arg)
{
    struct action *action = arg;

    yodel_ws_close(ws, (uint16_t)action->kind, (const char *)action->data.ptr);
}

int yodel_ws_close_id(yodel_server *server, yodel_id id, uint16_t code, const char *reason)
{
    size_t size = reason != NULL ? strlen(reason) + 1 : 1; /* with its NUL */

    if (server == NULL)
        return -EINVAL;
    return post(pack_data(server, id.value, code,
                          (yodel_bytes){(const uint8_t *)(reason != NULL ? reason : ""), size}),
                YD_CALL_CONTROL, run_close);
}

int yodel_prepared_new(yodel_server *server, yodel_ws_type type, yodel_bytes data,
                       yodel_prepared **ret_message)
{
    struct yd_msg *msg;

    if (server == NULL || ret_message == NULL)
        return -EINVAL;
    if (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY)
        return -EINVAL;
    if (type == YODEL_WS_TEXT && !yd_utf8_is_valid(data.ptr, data.len))
        return YODEL_ERR_ENCODING;
    if ((msg = yd_ws_make_msg(&server->mem, type, data)) == NULL)
        return -ENOMEM;
    *ret_message = (yodel_prepared *)msg;
    return 0;
}
