/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The k-th message that a receiver gets counts for the k-th message sent to its group: all are
 * equal, and message k + in_flight leaves only when message k has reached everybody in the group.
 * Groups know nothing of each other.  A connection is in the group of its index modulo their
 * number.
 */
struct flight {
    uint64_t sent_ns;
    unsigned reached;
};

struct group {
    struct flight *flights; /* in_flight of them, used in turn */
    uint64_t sent;
    unsigned members;
};

struct broadcast {
    struct flight *flights; /* of all groups */
    struct group *groups;
    unsigned num_groups;
    uint64_t sent; /* at a fixed rate: messages of all groups */
};

static unsigned group_of(const struct client *c, const struct conn *conn)
{
    const struct broadcast *b = c->mode;

    return conn->index % b->num_groups;
}

/* What leaves at once leaves in one write for each sender, as echo does it.  The senders of a sole
 * group are the first connections; otherwise it is the first one of each group. */
static void send_next(struct client *c, unsigned index, unsigned count, uint64_t now_ns)
{
    struct broadcast *b = c->mode;
    struct group *group = &b->groups[index];
    unsigned senders = c->run.options->senders;
    uint64_t first = group->sent;

    for (; group->sent < first + count; group->sent++)
        group->flights[group->sent % c->run.options->in_flight] =
            (struct flight){.sent_ns = now_ns};
    for (unsigned i = 0; i < senders && i < count; i++)
        client_send(c, &c->conns[index + (first + i) % senders],
                    (count - i + senders - 1) / senders);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    struct broadcast *b = c->mode;
    struct group *group = &b->groups[group_of(c, conn)];
    unsigned done = 0;

    for (uint64_t k = conn->received - count; k < conn->received; k++) {
        struct flight *flight = &group->flights[k % c->run.options->in_flight];

        if (k >= group->sent) {
            run_error(&c->run, "more deliveries than messages");
            return;
        }
        histogram_add(&c->run.latency, now_ns - flight->sent_ns);
        c->run.operations++;
        if (++flight->reached == group->members)
            done++;
    }
    send_next(c, group_of(c, conn), done, now_ns);
}

static const struct client_ops broadcast_ops = {.replies = on_replies};

/* ---- at a fixed rate: message n is for the group n modulo their number ---- */

static uint64_t due_of_delivery(const struct client *c, const struct conn *conn, uint64_t k)
{
    const struct broadcast *b = c->mode;

    return run_due_ns(&c->run, k * b->num_groups + group_of(c, conn));
}

static void send_due(struct run *run, uint64_t now_ns)
{
    struct client *c = (struct client *)run;
    struct broadcast *b = c->mode;
    uint64_t due = run_num_due(run, now_ns);

    for (; b->sent < due; b->sent++)
        client_send(c, &c->conns[b->sent % b->num_groups], 1);
}

static void on_late_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    for (uint64_t k = conn->received - count; k < conn->received; k++)
        histogram_add(&c->run.latency, now_ns - due_of_delivery(c, conn, k));
    c->run.operations += count;
}

static void count_unanswered(struct run *run, uint64_t now_ns)
{
    struct client *c = (struct client *)run;
    const struct broadcast *b = c->mode;

    for (unsigned i = 0; i < run->options->connections; i++) {
        struct conn *conn = &c->conns[i];
        unsigned group = group_of(c, conn);

        for (uint64_t k = conn->received; k * b->num_groups + group < b->sent; k++)
            histogram_add(&run->latency, now_ns - due_of_delivery(c, conn, k));
    }
}

static const struct client_ops rate_ops = {.replies = on_late_replies};

static int run(struct client *c, struct report *report)
{
    struct broadcast *b = c->mode;

    if (client_open_range(c, 0, c->run.options->connections) < 0)
        return -1;
    if (c->run.options->rate > 0) {
        c->run.send_due = send_due;
        c->run.count_unanswered = count_unanswered;
    } else {
        for (unsigned i = 0; i < b->num_groups; i++)
            send_next(c, i, c->run.options->in_flight, clock_now_ns());
    }
    return measure(&c->run, report);
}

static int allocate(struct broadcast *b, const struct load_options *options)
{
    unsigned num = options->groups == 0 ? 1 : options->groups;

    b->num_groups = num;
    b->groups = calloc(num, sizeof *b->groups);
    b->flights = calloc((size_t)num * options->in_flight, sizeof *b->flights);
    if (b->groups == NULL || b->flights == NULL)
        return -1;
    for (unsigned i = 0; i < num; i++) {
        b->groups[i].flights = b->flights + (size_t)i * options->in_flight;
        b->groups[i].members = (options->connections - i + num - 1) / num;
    }
    return 0;
}

int mode_broadcast(const struct load_options *options, struct report *report)
{
    const struct client_ops *ops = options->rate > 0 ? &rate_ops : &broadcast_ops;
    struct broadcast broadcast = {0};
    struct client client;
    int rc = -1;

    if (allocate(&broadcast, options) < 0) {
        perror("load");
    } else if (client_init(&client, options, ops, &broadcast) == 0) {
        rc = run(&client, report);
        client_done(&client);
    }
    free(broadcast.groups);
    free(broadcast.flights);
    return rc;
}
