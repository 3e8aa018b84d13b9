/* SPDX-License-Identifier: MIT */
/* What the headers' macros and inline code expand to, under the strictest warnings of users: this
 * is compiled with -std=c11 -pedantic -Wall -Wextra -Wconversion and more, as an error each. */
#include <stdio.h>
#include <string.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)user;
    return yodel_ws_send(ws, message->type, message->data);
}

static void hello(yodel_request *req, void *user)
{
    yodel_str method = yodel_request_method(req);
    char line[64];

    (void)user;
    (void)snprintf(line, sizeof line, "%" YODEL_PRI "\n", YODEL_ARG(method));
    (void)yodel_request_reply_text(req, 200, NULL, yodel_str_of(line));
}

static int set_up(yodel_server *server, yodel_sio **ret_sio)
{
    int rc = yodel_server_route(server, "GET /", hello, NULL);

    if (rc >= 0)
        rc = yodel_server_route_ws(
            server, "/ws",
            YODEL_OPTIONS(yodel_ws_handlers, .on_message = on_message,
                          .options = YODEL_OPTIONS(yodel_ws_options, .ping_ms = UINT32_MAX)),
            NULL);
    if (rc >= 0)
        rc = yodel_sio_new(server, YODEL_OPTIONS(yodel_sio_options, .max_rooms = 10), ret_sio);
    if (rc >= 0)
        rc = yodel_server_listen(server,
                                 YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    return rc;
}

int main(void)
{
    const char *const *rooms = YODEL_ROOMS("r1", "r2");
    yodel_server_stats stats = {.size = sizeof stats};
    yodel_server *server = NULL;
    yodel_sio *sio = NULL;
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &server);

    if (rc >= 0)
        rc = set_up(server, &sio);
    if (rc >= 0)
        rc = yodel_server_get_stats(server, &stats);
    if (rc < 0 || strcmp(rooms[1], "r2") != 0 || rooms[2] != NULL || YODEL_VERSION_MAJOR > 9)
        fprintf(stderr, "strict: %s: %s\n", yodel_error_name(rc), yodel_strerror(rc));
    sio = yodel_sio_unref(sio);
    server = yodel_server_unref(server);
    return rc < 0;
}
