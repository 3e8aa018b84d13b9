/* SPDX-License-Identifier: MIT */
/*
 * Yodel as a guest in the loop of a program that uses libuv for itself: a timer of the program's
 * ticks once a second, every client hears of it, and the server has no thread of its own.
 *
 *     uv_timer_start(&clock.ticker, tick, ...)     the program's own handles, as ever
 *     yodel_server_start(server, loop, ...)        in place of yodel_server_run()
 *     uv_run(loop, UV_RUN_DEFAULT)                 runs both
 *
 * GET / answers how often it has ticked, and ws://localhost:8000/clock gets each tick.  SIGTERM and
 * SIGINT stop the server; when that is over the timer is closed, and the program ends.
 *
 * Usage: guest_uv [address]
 */
#include <stdio.h>
#include <uv.h>
#include <yodel/yodel.h>

struct clock {
    uv_timer_t ticker;
    yodel_channels *channels;
    unsigned ticks;
};

/* A callback of libuv on the server's thread: everything of the server may be called. */
static void tick(uv_timer_t *ticker)
{
    struct clock *clock = ticker->data;
    char text[32];
    int len = snprintf(text, sizeof text, "tick %u", ++clock->ticks);

    (void)yodel_group_send(clock->channels, "clock", YODEL_WS_TEXT,
                           (yodel_bytes){(const uint8_t *)text, (size_t)len});
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct clock *clock = user;

    (void)req;
    return yodel_group_add(clock->channels, "clock", ws);
}

static void on_get(yodel_request *req, void *user)
{
    struct clock *clock = user;
    char text[32];
    int len = snprintf(text, sizeof text, "%u ticks\n", clock->ticks);

    (void)yodel_request_reply_text(req, 200, "text/plain", (yodel_str){text, (size_t)len});
}

/* The server is over: without the ticker nothing keeps the loop running. */
static void on_stopped(yodel_server *server, void *user)
{
    struct clock *clock = user;

    (void)server;
    uv_close((uv_handle_t *)&clock->ticker, NULL);
}

static int set_up(yodel_server *server, struct clock *clock, const char *address)
{
    int rc = yodel_channels_new_memory(server, &clock->channels);

    if (rc >= 0)
        rc = yodel_server_route(server, "/", on_get, clock);
    if (rc >= 0)
        rc = yodel_server_route_ws(
            server, "/clock", YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect), clock);
    return rc >= 0 ? yodel_server_listen(server,
                                         YODEL_OPTIONS(yodel_listen_options, .address = address))
                   : rc;
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct clock clock = {.ticks = 0};
    yodel_server *server = NULL;
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .handle_signals = 1),
                              &server);

    uv_timer_init(loop, &clock.ticker);
    clock.ticker.data = &clock;
    uv_timer_start(&clock.ticker, tick, 1000, 1000);
    if (rc >= 0)
        rc = set_up(server, &clock, argc > 1 ? argv[1] : "localhost:8000");
    if (rc >= 0) {
        fprintf(stderr, "guest_uv: listening on port %d\n", rc);
        rc = yodel_server_start(server, loop, on_stopped, &clock);
    }
    if (rc < 0) {
        fprintf(stderr, "guest_uv: %s\n", yodel_strerror(rc));
        uv_close((uv_handle_t *)&clock.ticker, NULL);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    yodel_channels_unref(clock.channels);
    yodel_server_unref(server);
    uv_loop_close(loop);
    return rc < 0;
}
