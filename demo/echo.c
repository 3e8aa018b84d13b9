/* SPDX-License-Identifier: MIT */
#include "demo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MIB = 1 << 20,
    ECHO_MAX = 64 * MIB,       /* conformance suites send large messages to /echo */
    PREFIX_ECHO_MAX = 16 * MIB /* what uvicorn lets in by default */
};

int demo_after_send(yodel_ws *ws, int rc)
{
    if (rc == YODEL_ERR_CONGESTED) {
        yodel_ws_close(ws, 1013, "the answers are not being read");
        return 0;
    }
    return rc == YODEL_ERR_CLOSED ? 0 : rc;
}

/* card: echo */
/* await websocket.send_text(f"Echo: {data}") */
static int on_prefix_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    static const char prefix[] = "Echo: ";
    const size_t prefix_len = sizeof prefix - 1;
    char *answer;
    int rc;

    (void)user;
    if (message->type != YODEL_WS_TEXT) {
        yodel_ws_close(ws, 1003, "this endpoint takes text");
        return 0;
    }
    answer = malloc(prefix_len + message->data.len);
    if (answer == NULL)
        return -ENOMEM;
    memcpy(answer, prefix, prefix_len);
    if (message->data.len > 0)
        memcpy(answer + prefix_len, message->data.ptr, message->data.len);
    rc = yodel_ws_send_text(ws, (yodel_str){answer, prefix_len + message->data.len});
    free(answer);
    return demo_after_send(ws, rc);
}
/* card end */

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)user;
    return demo_after_send(ws, yodel_ws_send(ws, message->type, message->data));
}

/* card: echo */
static int add(struct demo *demo, const char *path, yodel_ws_message_fn *handler,
               const yodel_ws_options *options)
{
    return yodel_server_route_ws(
        demo->server, path,
        YODEL_OPTIONS(yodel_ws_handlers, .on_message = handler, .options = options), demo);
}

static int add_prefix_echo(struct demo *demo)
{
    return add(demo, "/ws", on_prefix_message,
               YODEL_OPTIONS(yodel_ws_options, .max_message = PREFIX_ECHO_MAX,
                             .max_buffered = 2 * PREFIX_ECHO_MAX,
                             .deflate = YODEL_WS_DEFLATE_SHARED));
}
/* card end */

int demo_add_echo(struct demo *demo, const struct demo_options *options)
{
    static const char *const subprotocols[] = {"chat.v1", "chat.v2", NULL};
    int rc;

    rc = add_prefix_echo(demo);
    if (rc < 0)
        return rc;
    /* Reading stops while the output is over its limit, so two of the largest messages are enough
     * for an echo that never has to drop one. */
    rc = add(demo, "/echo", on_message,
             YODEL_OPTIONS(yodel_ws_options, .max_message = ECHO_MAX,
                           .max_buffered = 2 * (size_t)ECHO_MAX + MIB,
                           .deflate = YODEL_WS_DEFLATE_CONTEXT, .deflate_min = 1));
    if (rc < 0)
        return rc;
    rc = add(demo, "/restricted", on_message,
             YODEL_OPTIONS(yodel_ws_options, .origins = options->origins));
    if (rc < 0)
        return rc;
    return add(demo, "/subprotocol", on_message,
               YODEL_OPTIONS(yodel_ws_options, .subprotocols = subprotocols));
}
