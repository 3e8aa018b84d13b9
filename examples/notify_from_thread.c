/* SPDX-License-Identifier: MIT */
/*
 * Messages that no client asked for, from a thread of the program's own:
 *
 *     socketio.emit('notification', {'data': ...})     yodel_group_send_event(), to everybody
 *     emit('server_response', ..., to=sid)             yodel_ws_send_id(), to one
 *
 * Both may be called from any thread.  What a thread keeps of a WebSocket is its id: when the
 * client has gone meanwhile, a message to it is dropped.
 *
 * Usage: notify_from_thread [address]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <yodel/yodel.h>

struct app {
    yodel_server *server;
    yodel_channels *channels;
    atomic_int stopped;
    atomic_uint_fast64_t newest; /* the id of the client that came last */
};

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct app *app = user;

    (void)req;
    return yodel_group_add(app->channels, "everybody", ws);
}

static int on_open(yodel_ws *ws, void *user)
{
    struct app *app = user;

    atomic_store(&app->newest, yodel_ws_id(ws).value);
    return 0;
}

static int on_notification(yodel_ws *ws, const yodel_event *event, void *user)
{
    int seconds;
    int rc = yodel_event_unpack(event, "{s:i}", "seconds", &seconds);

    (void)user;
    return rc < 0 ? rc : yodel_ws_send_pack(ws, "{s:{s:i}}", "notification", "seconds", seconds);
}

static void *tick(void *arg)
{
    static const char text[] = "you are the newest here";
    const yodel_bytes for_newest = {(const uint8_t *)text, sizeof text - 1};
    const struct timespec second = {.tv_sec = 1};
    struct app *app = arg;

    for (int seconds = 1; !atomic_load(&app->stopped); seconds++) {
        yodel_id newest = {atomic_load(&app->newest)};

        (void)yodel_group_send_event(app->channels, "everybody", "notification", "{s:i}", "seconds",
                                     seconds);
        (void)yodel_ws_send_id(app->server, newest, YODEL_WS_TEXT, for_newest);
        nanosleep(&second, NULL);
    }
    return NULL;
}

static int set_up(struct app *app, const char *address)
{
    static const yodel_ws_event_handler events[] = {{"notification", on_notification},
                                                    {NULL, NULL}};
    int rc;

    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &app->server);
    if (rc >= 0)
        rc = yodel_channels_new_memory(app->server, &app->channels);
    if (rc >= 0)
        rc = yodel_server_route_ws(app->server, "/notifications",
                                   YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                                 .on_open = on_open, .events = events),
                                   app);
    if (rc >= 0)
        rc = yodel_server_listen(app->server,
                                 YODEL_OPTIONS(yodel_listen_options, .address = address));
    return rc;
}

int main(int argc, char **argv)
{
    struct app app = {0};
    pthread_t ticker;
    int rc = set_up(&app, argc > 1 ? argv[1] : "localhost:8000");

    if (rc >= 0) {
        fprintf(stderr, "notify_from_thread: listening on port %d\n", rc);
        rc = -pthread_create(&ticker, NULL, tick, &app);
    }
    if (rc >= 0) {
        rc = yodel_server_run(app.server);
        atomic_store(&app.stopped, 1);
        pthread_join(ticker, NULL);
    }
    if (rc < 0)
        fprintf(stderr, "notify_from_thread: %s\n", yodel_strerror(rc));
    yodel_channels_unref(app.channels);
    yodel_server_unref(app.server);
    return rc < 0;
}
