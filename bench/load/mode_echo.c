/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>

/* Replies come in order, so the oldest send time of a connection belongs to its next reply. */
struct echo {
    uint64_t *sent_ns;     /* in_flight of them for each connection, used in turn */
    unsigned *next_answer; /* of each connection: the slot of the oldest message under way */
};

static void send_first(struct client *c, struct conn *conn)
{
    struct echo *echo = c->mode;
    unsigned in_flight = c->run.options->in_flight;
    uint64_t now_ns = clock_now_ns();

    for (unsigned i = 0; i < in_flight; i++)
        echo->sent_ns[(size_t)conn->index * in_flight + i] = now_ns;
    client_send(c, conn, in_flight);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    struct echo *echo = c->mode;
    unsigned in_flight = c->run.options->in_flight;
    uint64_t *sent_ns = echo->sent_ns + (size_t)conn->index * in_flight;
    unsigned slot = echo->next_answer[conn->index];

    if (count > in_flight) {
        run_error(&c->run, "more replies than messages");
        count = in_flight;
    }
    for (unsigned i = 0; i < count; i++) {
        histogram_add(&c->run.latency, now_ns - sent_ns[slot]);
        sent_ns[slot] = now_ns;
        slot = slot + 1 == in_flight ? 0 : slot + 1;
    }
    echo->next_answer[conn->index] = slot;
    c->run.operations += count;
    client_send(c, conn, count);
}

static const struct client_ops echo_ops = {.replies = on_replies};

static int run(struct client *c, struct report *report)
{
    if (client_open_range(c, 0, c->run.options->connections) < 0)
        return -1;
    for (unsigned i = 0; i < c->run.options->connections; i++)
        send_first(c, &c->conns[i]);
    return measure(&c->run, report);
}

int mode_echo(const struct load_options *options, struct report *report)
{
    struct echo echo = {
        .sent_ns = calloc((size_t)options->connections * options->in_flight, sizeof(uint64_t)),
        .next_answer = calloc(options->connections, sizeof(unsigned)),
    };
    struct client client;
    int rc = -1;

    if (echo.sent_ns == NULL || echo.next_answer == NULL) {
        perror("load");
    } else if (client_init(&client, options, &echo_ops, &echo) == 0) {
        rc = run(&client, report);
        client_done(&client);
    }
    free(echo.sent_ns);
    free(echo.next_answer);
    return rc;
}
