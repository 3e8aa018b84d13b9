// SPDX-License-Identifier: MIT
// A server of C++: lambdas without captures are handlers, macros make temporaries.
#include <cstdio>
#include <cstring>
#include <yodel/sio.h>
#include <yodel/yodel.h>

namespace
{

int set_up(yodel_server *server)
{
    yodel_http_fn *hello = [](yodel_request *req, void *) {
        (void)yodel_request_reply_text(req, 200, nullptr, YODEL_STR("hello\n"));
    };
    yodel_ws_message_fn *echo = [](yodel_ws *ws, const yodel_ws_message *message, void *) {
        return yodel_ws_send(ws, message->type, message->data);
    };
    int rc = yodel_server_route(server, "GET /", hello, nullptr);

    if (rc >= 0)
        rc = yodel_server_route_ws(server, "/ws",
                                   YODEL_OPTIONS(yodel_ws_handlers, .on_message = echo), nullptr);
    if (rc >= 0)
        rc = yodel_server_listen(server,
                                 YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    return rc;
}

} // namespace

int main()
{
    yodel_server *server = nullptr;
    yodel_sio *sio = nullptr;
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &server);

    if (rc >= 0)
        rc = set_up(server);
    if (rc >= 0)
        rc = yodel_sio_new(server, nullptr, &sio);
    if (rc < 0)
        std::fprintf(stderr, "consumer: %s\n", yodel_strerror(rc));
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0 || std::strcmp(YODEL_ROOMS("r1")[0], "r1") != 0;
}
