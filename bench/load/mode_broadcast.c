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

/* What leaves at once leaves in one write for each sender, as echo does it. */
static void send_next(struct client *c, unsigned count, uint64_t now_ns)
{
    struct broadcast *b = c->mode;
    unsigned senders = c->run.options->senders;
    uint64_t first = b->sent;

    for (; b->sent < first + count; b->sent++)
        b->flights[b->sent % c->run.options->in_flight] = (struct flight){.sent_ns = now_ns};
    for (unsigned i = 0; i < senders && i < count; i++)
        client_send(c, &c->conns[(first + i) % senders], (count - i + senders - 1) / senders);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    struct broadcast *b = c->mode;
    unsigned done = 0;

    for (uint64_t k = conn->received - count; k < conn->received; k++) {
        struct flight *flight = &b->flights[k % c->run.options->in_flight];

        if (k >= b->sent) {
            run_error(&c->run, "more deliveries than messages");
            return;
        }
        histogram_add(&c->run.latency, now_ns - flight->sent_ns);
        c->run.operations++;
        if (++flight->reached == c->run.options->connections)
            done++;
    }
    send_next(c, done, now_ns);
}

static const struct client_ops broadcast_ops = {.replies = on_replies};

static int run(struct client *c, struct report *report)
{
    if (client_open_range(c, 0, c->run.options->connections) < 0)
        return -1;
    send_next(c, c->run.options->in_flight, clock_now_ns());
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
