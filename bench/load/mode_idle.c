/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"
#include "process.h"

#include <stdio.h>

/* Opened before the first reading: what the server allocates once is not counted.  That is also
 * what it reads into, so they send more bytes than any server has room to read into. */
#define WARM_CONNECTIONS 100
#define WARM_BYTES (2u * 1024 * 1024)

/* How many messages a connection of the first ones sends. */
static uint64_t warm_rounds(const struct client *c)
{
    return 1 + WARM_BYTES / WARM_CONNECTIONS / (c->run.options->size + 1);
}

/* Each connection echoes a message, so it rests after work, not before it. */
static void on_opened(struct client *c, struct conn *conn, uint64_t now_ns)
{
    (void)now_ns;
    client_send(c, conn, 1);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    c->run.operations += count;
    histogram_add(&c->run.latency, now_ns - conn->started_ns);
    if (conn->index < WARM_CONNECTIONS && conn->received < warm_rounds(c))
        client_send(c, conn, 1);
}

static const struct client_ops idle_ops = {.opened = on_opened, .replies = on_replies};

static void rest(struct client *c, double seconds)
{
    uint64_t end = clock_now_ns() + (uint64_t)(seconds * (double)NS_PER_S);

    while (run_poll(&c->run) < end)
        continue;
}

/* Waits until so many messages have been answered in all. */
static int await_replies(struct client *c, uint64_t expected)
{
    struct run_patience patience = {0, 0};

    while (c->run.operations < expected) {
        uint64_t now_ns = run_poll(&c->run);

        if (!run_stalled(&c->run, &patience, c->run.operations, now_ns))
            continue;
        fprintf(stderr, "load: %llu of %llu messages answered\n",
                (unsigned long long)c->run.operations, (unsigned long long)expected);
        return -1;
    }
    return 0;
}

static int open_and_rest(struct client *c, unsigned first, unsigned last,
                         struct process_memory *ret_memory)
{
    uint64_t expected = WARM_CONNECTIONS * warm_rounds(c) + last - WARM_CONNECTIONS;

    if (client_open_range(c, first, last) < 0 || await_replies(c, expected) < 0)
        return -1;
    rest(c, c->run.options->warmup_s);
    if (process_memory(c->run.options->pid, ret_memory) < 0) {
        fputs("load: the server's memory cannot be read\n", stderr);
        return -1;
    }
    return 0;
}

static double growth_each(uint64_t from, uint64_t to, unsigned connections)
{
    return ((double)to - (double)from) / connections;
}

static int run(struct client *c, struct report *report)
{
    unsigned total = c->run.options->connections;
    struct process_memory before, after;
    uint64_t started_ns, started_cpu_ns;

    if (open_and_rest(c, 0, WARM_CONNECTIONS, &before) < 0)
        return -1;
    started_ns = clock_now_ns();
    started_cpu_ns = process_cpu_ns(c->run.options->pid);
    if (open_and_rest(c, WARM_CONNECTIONS, total, &after) < 0)
        return -1;
    total -= WARM_CONNECTIONS;
    *report = (struct report){
        .operations = total,
        .errors = c->run.errors,
        .seconds = (double)(clock_now_ns() - started_ns) / NS_PER_S,
        .server_cpu_s = (double)(process_cpu_ns(c->run.options->pid) - started_cpu_ns) / NS_PER_S,
        .private_dirty_each = growth_each(before.private_dirty, after.private_dirty, total),
        .resident_each = growth_each(before.resident, after.resident, total),
    };
    return 0;
}

int mode_idle(const struct load_options *options, struct report *report)
{
    struct client client;
    int rc;

    if (options->connections <= WARM_CONNECTIONS) {
        fprintf(stderr, "load: idle needs more than %d connections\n", WARM_CONNECTIONS);
        return -1;
    }
    if (client_init(&client, options, &idle_ops, NULL) < 0)
        return -1;
    rc = run(&client, report);
    client_done(&client);
    return rc;
}
