/* SPDX-License-Identifier: MIT */
/*
 * The FastAPI example of the notes: ws://localhost:8000/ws answers "Echo: " and what it was sent.
 *
 *     @app.websocket("/ws")                          yodel_server_route_ws(server, "/ws", ...)
 *     await websocket.accept()                       no on_connect: every client is accepted
 *     data = await websocket.receive_text()          on_message(ws, message, user)
 *     await websocket.send_text(f"Echo: {data}")     yodel_ws_send_text(ws, answer)
 *
 * Usage: echo [address]
 */
#include <stdio.h>
#include <string.h>
#include <yodel/yodel.h>

enum { MESSAGE_MAX = 4096 };

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    char answer[6 + MESSAGE_MAX] = "Echo: ";

    (void)user;
    if (message->type != YODEL_WS_TEXT) {
        yodel_ws_close(ws, 1003, "text only");
        return 0;
    }
    if (message->data.len > 0)
        memcpy(answer + 6, message->data.ptr, message->data.len);
    return yodel_ws_send_text(ws, (yodel_str){answer, 6 + message->data.len});
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8000";
    yodel_server *server = NULL;
    int rc = yodel_server_new(
        YODEL_OPTIONS(yodel_server_options, .max_message = MESSAGE_MAX, .handle_signals = 1),
        &server);

    if (rc >= 0)
        rc = yodel_server_route_ws(
            server, "/ws", YODEL_OPTIONS(yodel_ws_handlers, .on_message = on_message), NULL);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "echo: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "echo: %s\n", yodel_strerror(rc));
    yodel_server_unref(server);
    return rc < 0;
}
