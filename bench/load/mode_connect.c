/* SPDX-License-Identifier: MIT */
#include "modes.h"

/* Latency is from connect() to the 101 answer, or to being in the Socket.IO namespace; an operation
 * ends when the server has closed. */
static void on_opened(struct client *c, struct conn *conn, uint64_t now_ns)
{
    histogram_add(&c->run.latency, now_ns - conn->started_ns);
    client_close(c, conn);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    (void)conn;
    (void)count;
    (void)now_ns;
    run_error(&c->run, "a message nobody asked for");
}

static void on_closed(struct client *c, struct conn *conn, uint64_t now_ns)
{
    (void)now_ns;
    c->run.operations++;
    client_connect(c, conn);
}

static const struct client_ops connect_ops = {
    .opened = on_opened,
    .replies = on_replies,
    .closed = on_closed,
};

int mode_connect(const struct load_options *options, struct report *report)
{
    struct client client;
    int rc;

    if (client_init(&client, options, &connect_ops, NULL) < 0)
        return -1;
    for (unsigned i = 0; i < options->connections; i++)
        client_connect(&client, &client.conns[i]);
    rc = measure(&client.run, report);
    client_done(&client);
    return rc;
}
