/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"
#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * Holds connections and does with them what lines on stdin say, each of which is answered by a
 * line of figures on stdout:
 *
 *   open N        opens more connections, until there are N
 *   echo M S      the first M keep one message each under way for S seconds
 *   broadcast S   one message is under way for S seconds; it must reach all before the next one
 *   once          one message that must reach all; max_us is when it has
 *   close         closes all in order
 *
 * The end of stdin ends it.  Meanwhile pings and heartbeats are answered.
 */
struct hold {
    struct load_options options; /* seconds and count are those of the present command */
    bool greets;                 /* each connection echoes one message when it has opened */
    enum { HOLD_REST, HOLD_OPEN, HOLD_ECHO, HOLD_BROADCAST } phase;
    run_handle_fn *handle_client;

    unsigned opened; /* slots */
    unsigned answered, closed;
    bool stops;             /* no more messages */
    unsigned under_way;     /* echo: messages not answered yet */
    unsigned reached;       /* broadcast: members that have the present message */
    uint64_t sent_ns;       /* broadcast */
    struct histogram hello; /* from connecting to having opened, and having answered if it greets */

    char line[64];
    size_t line_len;
    bool has_line, ended; /* of stdin */
};

static void count_hello(struct hold *hold, const struct conn *conn, uint64_t now_ns)
{
    hold->answered++;
    histogram_add(&hold->hello, now_ns - conn->started_ns);
}

static void on_opened(struct client *c, struct conn *conn, uint64_t now_ns)
{
    struct hold *hold = c->mode;

    if (hold->greets)
        client_send(c, conn, 1);
    else
        count_hello(hold, conn, now_ns);
}

/* started_ns is when the message was sent, once a connection is open. */
static void send_echo(struct client *c, struct conn *conn, uint64_t now_ns)
{
    struct hold *hold = c->mode;

    conn->started_ns = now_ns;
    hold->under_way++;
    client_send(c, conn, 1);
}

static void take_echo(struct client *c, struct conn *conn, uint64_t now_ns)
{
    struct hold *hold = c->mode;

    histogram_add(&c->run.latency, now_ns - conn->started_ns);
    c->run.operations++;
    hold->under_way--;
    if (!hold->stops)
        send_echo(c, conn, now_ns);
}

static void send_broadcast(struct client *c, uint64_t now_ns)
{
    struct hold *hold = c->mode;

    hold->reached = 0;
    hold->sent_ns = now_ns;
    hold->under_way = 1;
    client_send(c, &c->conns[0], 1);
}

static void take_broadcast(struct client *c, unsigned count, uint64_t now_ns)
{
    struct hold *hold = c->mode;

    for (unsigned i = 0; i < count; i++)
        histogram_add(&c->run.latency, now_ns - hold->sent_ns);
    c->run.operations += count;
    hold->reached += count;
    if (hold->reached > hold->opened)
        run_error(&c->run, "more deliveries than messages");
    if (hold->reached < hold->opened)
        return;
    hold->under_way = 0;
    if (!hold->stops)
        send_broadcast(c, now_ns);
}

static void on_replies(struct client *c, struct conn *conn, unsigned count, uint64_t now_ns)
{
    struct hold *hold = c->mode;

    if (hold->phase == HOLD_BROADCAST)
        take_broadcast(c, count, now_ns);
    else if (count == 1 && hold->phase == HOLD_OPEN)
        count_hello(hold, conn, now_ns);
    else if (count == 1 && hold->phase == HOLD_ECHO)
        take_echo(c, conn, now_ns);
    else
        run_error(&c->run, "a message nobody asked for");
}

static void on_closed(struct client *c, struct conn *conn, uint64_t now_ns)
{
    struct hold *hold = c->mode;

    (void)conn;
    (void)now_ns;
    hold->closed++;
}

static const struct client_ops hold_ops = {
    .opened = on_opened,
    .replies = on_replies,
    .closed = on_closed,
};

/* ---- commands ---- */

/* Polls until *value has come to goal.  Returns 0, or -1 when nothing moves. */
static int wait_until(struct client *c, const unsigned *value, unsigned goal)
{
    struct run_patience patience = {0};

    while (*value != goal) {
        uint64_t now = run_poll(&c->run);

        if (c->run.errors > 0 || run_stalled(&c->run, &patience, *value, now)) {
            fprintf(stderr, "load: waited for %u, had %u\n", goal, *value);
            return -1;
        }
    }
    return 0;
}

static int do_open(struct client *c, unsigned total, struct report *report)
{
    struct hold *hold = c->mode;
    uint64_t since = clock_now_ns(), cpu = process_cpu_ns(c->run.options->pid);
    unsigned before = hold->opened;

    if (total < before || total > c->run.options->connections)
        return -1;
    hold->phase = HOLD_OPEN;
    hold->answered = before;
    histogram_clear(&hold->hello);
    run_reset_counters(&c->run);
    hold->opened = total;
    if (client_open_range(c, before, total) < 0 || wait_until(c, &hold->answered, total) < 0)
        return -1;
    *report = (struct report){
        .operations = total - before,
        .errors = c->run.errors,
        .seconds = (double)(clock_now_ns() - since) / NS_PER_S,
        .server_cpu_s = (double)(process_cpu_ns(c->run.options->pid) - cpu) / NS_PER_S,
        .p50_us = (double)histogram_percentile(&hold->hello, 0.5) / 1e3,
        .p99_us = (double)histogram_percentile(&hold->hello, 0.99) / 1e3,
        .max_us = (double)hold->hello.max_ns / 1e3,
    };
    return 0;
}

/* Measures, then waits for what is still under way. */
static int measure_and_stop(struct client *c, struct report *report)
{
    struct hold *hold = c->mode;

    if (measure(&c->run, report) < 0)
        return -1;
    hold->stops = true;
    return wait_until(c, &hold->under_way, 0);
}

static int do_echo(struct client *c, unsigned active, struct report *report)
{
    struct hold *hold = c->mode;

    if (active > hold->opened)
        return -1;
    hold->phase = HOLD_ECHO;
    hold->stops = false;
    for (unsigned i = 0; i < active; i++)
        send_echo(c, &c->conns[i], clock_now_ns());
    return measure_and_stop(c, report);
}

static int do_broadcast(struct client *c, bool once, struct report *report)
{
    struct hold *hold = c->mode;
    double warmup_s = hold->options.warmup_s;
    int rc;

    hold->phase = HOLD_BROADCAST;
    hold->stops = once;
    if (once) { /* ends when it has been delivered */
        hold->options.warmup_s = 0;
        hold->options.seconds = 3600;
        hold->options.count = hold->opened;
    }
    run_reset_counters(&c->run);
    send_broadcast(c, clock_now_ns());
    rc = measure_and_stop(c, report);
    hold->options.count = 0;
    hold->options.warmup_s = warmup_s;
    return rc;
}

static int do_close(struct client *c, struct report *report)
{
    struct hold *hold = c->mode;
    uint64_t since = clock_now_ns(), cpu = process_cpu_ns(c->run.options->pid);

    hold->closed = 0;
    run_reset_counters(&c->run);
    for (unsigned i = 0; i < hold->opened; i++) {
        client_close(c, &c->conns[i]);
        if (i - hold->closed > c->run.options->opening)
            run_poll(&c->run);
    }
    if (wait_until(c, &hold->closed, hold->opened) < 0)
        return -1;
    *report = (struct report){
        .operations = hold->opened,
        .errors = c->run.errors,
        .seconds = (double)(clock_now_ns() - since) / NS_PER_S,
        .server_cpu_s = (double)(process_cpu_ns(c->run.options->pid) - cpu) / NS_PER_S,
    };
    hold->opened = 0;
    return 0;
}

static int do_line(struct client *c, const char *line, struct report *report)
{
    struct hold *hold = c->mode;
    unsigned number;

    if (sscanf(line, "open %u", &number) == 1)
        return do_open(c, number, report);
    if (sscanf(line, "echo %u %lf", &number, &hold->options.seconds) == 2)
        return do_echo(c, number, report);
    if (sscanf(line, "broadcast %lf", &hold->options.seconds) == 1)
        return do_broadcast(c, false, report);
    if (strcmp(line, "once") == 0)
        return do_broadcast(c, true, report);
    if (strcmp(line, "close") == 0)
        return do_close(c, report);
    fprintf(stderr, "load: what is \"%s\"?\n", line);
    return -1;
}

/* ---- stdin ---- */

static void read_stdin(struct hold *hold)
{
    ssize_t len =
        read(STDIN_FILENO, hold->line + hold->line_len, sizeof hold->line - 1 - hold->line_len);
    char *end;

    if (len <= 0) {
        hold->ended = len == 0 || errno != EINTR;
        return;
    }
    hold->line_len += (size_t)len;
    end = memchr(hold->line, '\n', hold->line_len);
    if (end != NULL) {
        *end = '\0';
        hold->line_len = 0; /* lines come one at a time: each is answered before the next */
        hold->has_line = true;
    } else {
        hold->ended = hold->line_len == sizeof hold->line - 1;
    }
}

static void handle(struct run *run, void *source, uint32_t events)
{
    struct client *c = (struct client *)run;
    struct hold *hold = c->mode;

    if (source == hold)
        read_stdin(hold);
    else
        hold->handle_client(run, source, events);
}

static int run(struct client *c)
{
    struct hold *hold = c->mode;
    struct report report;

    hold->handle_client = c->run.handle;
    c->run.handle = handle;
    run_watch(&c->run, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, hold);
    for (;;) {
        while (!hold->has_line && !hold->ended)
            run_poll(&c->run);
        if (hold->ended)
            return 0;
        hold->has_line = false;
        if (do_line(c, hold->line, &report) < 0)
            return -1;
        hold->phase = HOLD_REST;
        report_print(&report, c->run.options);
        fflush(stdout);
    }
}

int mode_hold(const struct load_options *options, struct report *report)
{
    struct hold *hold = calloc(1, sizeof *hold);
    struct client client;
    int rc = -1;

    *report = (struct report){0};
    if (hold == NULL) {
        perror("load");
        return -1;
    }
    hold->options = *options;
    hold->greets = options->mode == LOAD_HOLD;
    if (client_init(&client, &hold->options, &hold_ops, hold) == 0) {
        rc = run(&client);
        client_done(&client);
    }
    free(hold);
    return rc;
}
