/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The k-th message that a receiver gets counts for the k-th message sent: all are equal, and
 * message k + in_flight leaves only when message k has reached everybody.
 */
struct flight {
    uint64_t sent_ns;
    unsigned reached;
};

struct broadcast {
    struct flight *flights; /* in_flight of them, used in turn */
    uint64_t sent;
};

static void send_next(struct client *c, uint64_t now_ns)
{
    struct broadcast *b = c->mode;
    struct conn *sender = &c->conns[b->sent % c->run.options->senders];

    b->flights[b->sent % c->run.options->in_flight] = (struct flight){.sent_ns = now_ns};
    b->sent++;
    client_send(c, sender, 1);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    struct broadcast *b = c->mode;

    for (uint64_t k = conn->received - count; k < conn->received; k++) {
        struct flight *flight = &b->flights[k % c->run.options->in_flight];

        if (k >= b->sent) {
            run_error(&c->run, "more deliveries than messages");
            return;
        }
        histogram_add(&c->run.latency, now_ns - flight->sent_ns);
        c->run.operations++;
        if (++flight->reached == c->run.options->connections)
            send_next(c, now_ns);
    }
}

static const struct client_ops broadcast_ops = {.replies = on_replies};

static int run(struct client *c, struct report *report)
{
    if (client_open_range(c, 0, c->run.options->connections) < 0)
        return -1;
    for (unsigned i = 0; i < c->run.options->in_flight; i++)
        send_next(c, clock_now_ns());
    return measure(&c->run, report);
}

int mode_broadcast(const struct load_options *options, struct report *report)
{
    struct broadcast broadcast = {.flights = calloc(options->in_flight, sizeof(struct flight))};
    struct client client;
    int rc = -1;

    if (broadcast.flights == NULL) {
        perror("load");
    } else if (client_init(&client, options, &broadcast_ops, &broadcast) == 0) {
        rc = run(&client, report);
        client_done(&client);
    }
    free(broadcast.flights);
    return rc;
}
