/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>

/* Replies come in order, so the oldest send time of a connection belongs to its next reply. */
struct echo {
    uint64_t *sent_ns;     /* in_flight of them for each connection, used in turn */
    uint64_t sent;         /* at a fixed rate: messages altogether */
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

/* ---- at a fixed rate: message n is sent by connection n modulo their number ---- */

static uint64_t due_of_reply(const struct client *c, const struct conn *conn, uint64_t reply)
{
    return run_due_ns(&c->run, reply * c->run.options->connections + conn->index);
}

static void send_due(struct run *run, uint64_t now_ns)
{
    struct client *c = (struct client *)run;
    struct echo *echo = c->mode;
    uint64_t due = run_num_due(run, now_ns);

    for (; echo->sent < due; echo->sent++)
        client_send(c, &c->conns[echo->sent % run->options->connections], 1);
}

static void on_late_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    for (uint64_t k = conn->received - count; k < conn->received; k++)
        histogram_add(&c->run.latency, now_ns - due_of_reply(c, conn, k));
    c->run.operations += count;
}

static void count_unanswered(struct run *run, uint64_t now_ns)
{
    struct client *c = (struct client *)run;
    const struct echo *echo = c->mode;
    unsigned num = run->options->connections;

    for (unsigned i = 0; i < num; i++)
        for (uint64_t k = c->conns[i].received; k * num + i < echo->sent; k++)
            histogram_add(&run->latency, now_ns - due_of_reply(c, &c->conns[i], k));
}

static const struct client_ops rate_ops = {.replies = on_late_replies};

static int run(struct client *c, struct report *report)
{
    if (client_open_range(c, 0, c->run.options->connections) < 0)
        return -1;
    if (c->run.options->rate > 0) {
        c->run.send_due = send_due;
        c->run.count_unanswered = count_unanswered;
        return measure(&c->run, report);
    }
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
    } else if (client_init(&client, options, options->rate > 0 ? &rate_ops : &echo_ops, &echo) ==
               0) {
        rc = run(&client, report);
        client_done(&client);
    }
    free(echo.sent_ns);
    free(echo.next_answer);
    return rc;
}
