/* SPDX-License-Identifier: MIT */
/*
 * A timer that sends to a group: every client of ws://localhost:8000/ticker gets {"tick": n}, with
 * the same n for all, once in interval milliseconds.
 *
 * Usage: ticker [interval [address]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <yodel/yodel.h>

struct ticker {
    yodel_channels *channels;
    yodel_timer timer;
    uint32_t interval; /* ms */
    int ticks;
};

static void on_tick(yodel_timer *timer, void *user)
{
    struct ticker *ticker = user;

    (void)timer;
    (void)yodel_group_send_pack(ticker->channels, "ticker", "{s:i}", "tick", ++ticker->ticks);
}

/* One loop has the timer; the group's members are on all of them. */
static int on_start(yodel_loop *loop, void *user)
{
    struct ticker *ticker = user;

    if (yodel_loop_index(loop) != 0)
        return 0;
    yodel_timer_init(&ticker->timer, loop, on_tick, ticker);
    return yodel_timer_start_periodic(&ticker->timer, ticker->interval);
}

static int on_open(yodel_ws *ws, void *user)
{
    return yodel_group_add(((struct ticker *)user)->channels, "ticker", ws);
}

int main(int argc, char **argv)
{
    struct ticker ticker = {.interval = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000};
    const char *address = argc > 2 ? argv[2] : "localhost:8000";
    yodel_server *server = NULL;
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);

    if (rc >= 0)
        rc = yodel_channels_new_memory(server, &ticker.channels);
    if (rc >= 0)
        rc = yodel_server_add_loop_handlers(
            server, YODEL_OPTIONS(yodel_loop_handlers, .on_start = on_start), &ticker);
    if (rc >= 0)
        rc = yodel_server_route_ws(server, "/ticker",
                                   YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open), &ticker);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "ticker: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "ticker: %s\n", yodel_strerror(rc));
    yodel_channels_unref(ticker.channels);
    yodel_server_unref(server);
    return rc < 0;
}
