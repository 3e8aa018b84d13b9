/* SPDX-License-Identifier: MIT */
/*
 * A chat whose history is in SQLite.  SQLite blocks, so its calls are jobs on another thread:
 *
 *     yodel_loop_work(loop, db, save, NULL, text, free)           save(text) there, then free(text)
 *     yodel_loop_work(loop, db, load, send_history, history, ...) load() there, send_history() here
 *
 * Jobs of one order, here the database, run one at a time: it needs no lock.
 *
 *     new WebSocket("ws://localhost:8000/chat")     first {"history": [...]}, then what is said
 *
 * Usage: chat_sqlite file [address]
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/yodel.h>

static yodel_channels *channels;
static sqlite3 *db;
static sqlite3_stmt *insert_one, *select_last;

/* ---- on a thread for jobs ---- */

static int save(void *text)
{
    sqlite3_bind_text(insert_one, 1, text, -1, SQLITE_TRANSIENT);
    if (sqlite3_step(insert_one) != SQLITE_DONE)
        fprintf(stderr, "chat_sqlite: %s\n", sqlite3_errmsg(db));
    return sqlite3_reset(insert_one) == SQLITE_OK ? 0 : -1;
}

struct history {
    yodel_id ws;
    char *json;
};

static int load(void *arg)
{
    struct history *history = arg;

    if (sqlite3_step(select_last) == SQLITE_ROW)
        history->json = strdup((const char *)sqlite3_column_text(select_last, 0));
    sqlite3_reset(select_last);
    return history->json != NULL ? 0 : -1;
}

/* ---- on the loop ---- */

/* The client may have gone meanwhile, so it is named by its id. */
static void send_history(yodel_loop *loop, int result, void *arg)
{
    struct history *history = arg;
    yodel_str json = yodel_str_of(history->json);

    if (result == 0)
        (void)yodel_ws_send_id(yodel_loop_server(loop), history->ws, YODEL_WS_TEXT,
                               (yodel_bytes){(const uint8_t *)json.ptr, json.len});
}

static void free_history(void *arg)
{
    free(((struct history *)arg)->json);
    free(arg);
}

static int on_open(yodel_ws *ws, void *user)
{
    struct history *history = calloc(1, sizeof *history);

    (void)user;
    if (history == NULL)
        return -1;
    history->ws = yodel_ws_id(ws);
    if (yodel_loop_work(yodel_ws_loop(ws), db, load, send_history, history, free_history) < 0)
        return -1;
    return yodel_group_add(channels, "chat", ws);
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    char *text = strndup((const char *)message->data.ptr, message->data.len);

    (void)user;
    if (text == NULL || yodel_loop_work(yodel_ws_loop(ws), db, save, NULL, text, free) < 0)
        return -1; /* the client is told by 1011 that it was not kept */
    return yodel_group_send(channels, "chat", YODEL_WS_TEXT, message->data);
}

/* ---- setup ---- */

static int open_database(const char *file)
{
    static const char table[] = "CREATE TABLE IF NOT EXISTS said (id INTEGER PRIMARY KEY, text)";
    static const char last[] = "SELECT json_object('history', json_group_array(text)) FROM (SELECT "
                               "* FROM (SELECT * FROM said ORDER BY id DESC LIMIT 20) ORDER BY id)";

    if (sqlite3_open(file, &db) == SQLITE_OK &&
        sqlite3_exec(db, table, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "INSERT INTO said (text) VALUES (?)", -1, &insert_one, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v2(db, last, -1, &select_last, NULL) == SQLITE_OK)
        return 0;
    fprintf(stderr, "chat_sqlite: %s\n", sqlite3_errmsg(db));
    return YODEL_ERR_STATE;
}

int main(int argc, char **argv)
{
    const char *address = argc > 2 ? argv[2] : "localhost:8000";
    yodel_server *server = NULL;
    int rc = open_database(argc > 1 ? argv[1] : "chat.db");

    if (rc >= 0)
        rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
    if (rc >= 0)
        rc = yodel_channels_new_memory(server, &channels);
    if (rc >= 0)
        rc = yodel_server_route_ws(
            server, "/chat",
            YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open, .on_message = on_message), NULL);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "chat_sqlite: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "chat_sqlite: %s\n", yodel_strerror(rc));
    yodel_channels_unref(channels);
    yodel_server_unref(server);
    /* The database stays open: a job that the stop gave up may be in it, and its thread ends with
     * the process, as SQLite allows at any moment. */
    return rc < 0;
}
