/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"
#include "readers.h"

#include <stdio.h>

/* One WebSocket on /publish sends; each message must reach every reader of events before the next
 * one leaves. */
struct events {
    struct readers readers;
    run_handle_fn *handle_client;
    uint64_t sent_ns;
    unsigned reached;
};

static void send_next(struct client *c)
{
    struct events *e = c->mode;

    e->reached = 0;
    e->sent_ns = clock_now_ns();
    client_send(c, &c->conns[0], 1);
}

static void handle(struct run *run, void *source, uint32_t events)
{
    struct client *c = (struct client *)run;
    struct events *e = c->mode;
    unsigned count;

    if (!readers_have(&e->readers, source)) {
        e->handle_client(run, source, events);
        return;
    }
    count = readers_handle(&e->readers, run, source);
    if (count > 1)
        run_error(run, "more deliveries than messages");
    if (count == 0)
        return;
    histogram_add(&run->latency, clock_now_ns() - e->sent_ns);
    run->operations++;
    if (++e->reached == e->readers.num)
        send_next(c);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    (void)conn;
    (void)count;
    (void)now_ns;
    run_error(&c->run, "the sender is sent something");
}

static const struct client_ops events_ops = {.replies = on_replies};

static int run(struct client *c, struct events *e, struct report *report)
{
    e->handle_client = c->run.handle;
    c->run.handle = handle;
    if (readers_open(&e->readers, &c->run) < 0 || client_open_range(c, 0, 1) < 0)
        return -1;
    send_next(c);
    return measure(&c->run, report);
}

int mode_events(const struct load_options *options, struct report *report)
{
    struct load_options sender = *options;
    struct events events = {.reached = 0};
    struct client client;
    int rc = -1;

    sender.connections = 1;
    sender.path = "/publish";
    if (readers_init(&events.readers, options) < 0)
        perror("load");
    else if (client_init(&client, &sender, &events_ops, &events) == 0) {
        rc = run(&client, &events, report);
        client_done(&client);
    }
    readers_done(&events.readers);
    return rc;
}
