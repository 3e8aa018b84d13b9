/* SPDX-License-Identifier: MIT */
/*
 * A chat over PostgreSQL, in any number of processes: what a client says goes out by pg_notify(),
 * and what LISTEN brings goes to the room.  libpq runs in its asynchronous mode, with its
 * descriptor watched by a loop, so nothing here blocks and there is no thread.
 *
 *     new WebSocket("ws://localhost:8000/chat").send("hello")
 *     psql -c "NOTIFY chat, 'hello from psql'"
 *
 * Usage: chat_postgres conninfo [address]          conninfo: "host=/run/postgresql dbname=chat"
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/yodel.h>

enum { MAX_MESSAGE = 7999 /* bytes of a notification */, MAX_WAITING = 1000, RETRY_MS = 500 };

struct text {
    struct text *next;
    char bytes[];
};

/* Everything here is of the first loop: its thread alone touches it. */
static struct {
    const char *conninfo;
    yodel_channels *channels;
    yodel_loop *loop;
    PGconn *conn; /* NULL: none */
    yodel_watch watch;
    yodel_timer retry;
    int connected, busy;         /* a query is under way */
    struct text *waiting, **end; /* to be sent, oldest first */
    unsigned num_waiting;
} pg;

/* ---- the connection ---- */

static void lose(const char *what)
{
    fprintf(stderr, "chat_postgres: %s: %s", what, PQerrorMessage(pg.conn));
    yodel_watch_stop(&pg.watch); /* ahead of PQfinish(), which closes the descriptor */
    PQfinish(pg.conn);
    pg.conn = NULL;
    pg.connected = pg.busy = 0;
    (void)yodel_timer_start(&pg.retry, RETRY_MS);
}

static void send_next(void)
{
    struct text *text = pg.waiting;
    const char *values[1];

    if (text == NULL || pg.busy)
        return;
    values[0] = text->bytes;
    pg.busy =
        PQsendQueryParams(pg.conn, "SELECT pg_notify('chat', $1)", 1, NULL, values, NULL, NULL, 0);
    if (!pg.busy)
        return; /* the connection is broken, as the next event tells */
    pg.num_waiting--;
    if ((pg.waiting = text->next) == NULL)
        pg.end = &pg.waiting;
    free(text);
}

/* Sends what libpq has, and waits for room if it could not send all. */
static void flush(void)
{
    unsigned more = PQflush(pg.conn) == 1 ? YODEL_WATCH_WRITABLE : 0;

    (void)yodel_watch_set_events(&pg.watch, YODEL_WATCH_READABLE | more);
}

/* libpq may use another descriptor for each address that it tries. */
static void connect_on(void)
{
    PostgresPollingStatusType wanted = PQconnectPoll(pg.conn);

    if (wanted == PGRES_POLLING_FAILED ||
        yodel_watch_start(&pg.watch, PQsocket(pg.conn),
                          wanted == PGRES_POLLING_WRITING ? YODEL_WATCH_WRITABLE
                                                          : YODEL_WATCH_READABLE) < 0) {
        lose("cannot connect");
        return;
    }
    if (wanted != PGRES_POLLING_OK)
        return;
    pg.connected = 1;
    (void)PQsetnonblocking(pg.conn, 1);
    pg.busy = PQsendQuery(pg.conn, "LISTEN chat");
    flush();
}

static void take_results(void)
{
    PGresult *result;

    while (pg.busy && !PQisBusy(pg.conn)) {
        if ((result = PQgetResult(pg.conn)) == NULL)
            pg.busy = 0;
        else if (PQresultStatus(result) == PGRES_FATAL_ERROR)
            fprintf(stderr, "chat_postgres: %s", PQresultErrorMessage(result));
        PQclear(result);
    }
}

static void take_notifications(void)
{
    PGnotify *notification;

    while ((notification = PQnotifies(pg.conn)) != NULL) {
        yodel_str text = yodel_str_of(notification->extra);

        (void)yodel_group_send(pg.channels, "chat", YODEL_WS_TEXT,
                               (yodel_bytes){(const uint8_t *)text.ptr, text.len});
        PQfreemem(notification);
    }
}

static void on_ready(yodel_watch *watch, unsigned events, void *user)
{
    (void)watch;
    (void)user;
    if (!pg.connected) {
        connect_on();
        return;
    }
    if ((events & YODEL_WATCH_ERROR) != 0 || !PQconsumeInput(pg.conn)) {
        lose("connection lost");
        return;
    }
    take_results();
    take_notifications();
    send_next();
    flush();
}

static void on_retry(yodel_timer *timer, void *user)
{
    (void)timer;
    (void)user;
    if ((pg.conn = PQconnectStart(pg.conninfo)) == NULL || PQstatus(pg.conn) == CONNECTION_BAD)
        lose("cannot connect");
    else if (yodel_watch_start(&pg.watch, PQsocket(pg.conn), YODEL_WATCH_WRITABLE) < 0)
        lose("cannot watch");
}

static int on_start(yodel_loop *loop, void *user)
{
    (void)user;
    if (yodel_loop_index(loop) != 0)
        return 0;
    pg.loop = loop;
    pg.end = &pg.waiting;
    yodel_watch_init(&pg.watch, loop, on_ready, NULL);
    yodel_timer_init(&pg.retry, loop, on_retry, NULL);
    return yodel_timer_start(&pg.retry, 0);
}

static void on_end(yodel_loop *loop, void *user)
{
    (void)user;
    if (yodel_loop_index(loop) != 0)
        return;
    yodel_watch_stop(&pg.watch);
    PQfinish(pg.conn);
    while (pg.waiting != NULL) {
        struct text *next = pg.waiting->next;

        free(pg.waiting);
        pg.waiting = next;
    }
}

/* ---- clients, on any loop ---- */

/* On the first loop.  While the database is away messages wait, up to a limit. */
static void notify(yodel_loop *loop, void *said)
{
    size_t size = strlen(said) + 1;
    struct text *text = pg.num_waiting < MAX_WAITING ? malloc(sizeof *text + size) : NULL;

    (void)loop;
    if (text == NULL)
        return;
    text->next = NULL;
    memcpy(text->bytes, said, size);
    *pg.end = text;
    pg.end = &text->next;
    pg.num_waiting++;
    if (pg.connected) {
        send_next();
        flush();
    }
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    char *said = strndup((const char *)message->data.ptr, message->data.len);

    (void)user;
    if (said == NULL)
        return -1;
    return yodel_loop_post(yodel_server_loop(yodel_ws_server(ws), 0), notify, said, free);
}

static int on_open(yodel_ws *ws, void *user)
{
    (void)user;
    return yodel_group_add(pg.channels, "chat", ws);
}

static int add_parts(yodel_server *server)
{
    int rc = yodel_channels_new_memory(server, &pg.channels);

    if (rc >= 0)
        rc = yodel_server_add_loop_handlers(
            server, YODEL_OPTIONS(yodel_loop_handlers, .on_start = on_start, .on_end = on_end),
            NULL);
    if (rc < 0)
        return rc;
    return yodel_server_route_ws(
        server, "/chat",
        YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open, .on_message = on_message), NULL);
}

int main(int argc, char **argv)
{
    const char *address = argc > 2 ? argv[2] : "localhost:8000";
    yodel_server *server = NULL;
    int rc;

    pg.conninfo = argc > 1 ? argv[1] : "";
    rc = yodel_server_new(
        YODEL_OPTIONS(yodel_server_options, .max_message = MAX_MESSAGE, .handle_signals = 1),
        &server);
    if (rc >= 0)
        rc = add_parts(server);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "chat_postgres: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "chat_postgres: %s\n", yodel_strerror(rc));
    yodel_channels_unref(pg.channels);
    yodel_server_unref(server);
    return rc < 0;
}
