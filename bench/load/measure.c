/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "modes.h"
#include "process.h"

#include <stdio.h>
#include <unistd.h>

struct snapshot {
    uint64_t time_ns, server_ns, server_user_ns, client_ns;
};

static struct snapshot take_snapshot(const struct run *run)
{
    return (struct snapshot){
        .time_ns = clock_now_ns(),
        .server_ns = process_cpu_ns(run->options->pid) + process_cpu_ns(run->options->pair_pid),
        .server_user_ns =
            process_user_ns(run->options->pid) + process_user_ns(run->options->pair_pid),
        .client_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID),
    };
}

static uint64_t nanoseconds(double seconds)
{
    return (uint64_t)(seconds * (double)NS_PER_S);
}

/* Polls for so long, or until count operations are done (0: no such end). */
static int poll_for(struct run *run, double seconds, uint64_t count)
{
    struct run_patience patience = {0};
    uint64_t now = clock_now_ns();
    uint64_t end = now + nanoseconds(seconds);

    while (now < end && (count == 0 || run->operations < count)) {
        if (run->send_due != NULL)
            run->send_due(run, now);
        now = run_poll(run);
        if (run_stalled(run, &patience, run->operations, now)) {
            fputs("load: the server no longer answers\n", stderr);
            return -1;
        }
    }
    return 0;
}

static void fill_report(const struct run *run, const struct snapshot *from,
                        const struct snapshot *to, struct report *report)
{
    *report = (struct report){
        .operations = run->operations,
        .errors = run->errors,
        .bytes = run->bytes,
        .seconds = (double)(to->time_ns - from->time_ns) / NS_PER_S,
        .server_cpu_s = (double)(to->server_ns - from->server_ns) / NS_PER_S,
        .server_user_s = (double)(to->server_user_ns - from->server_user_ns) / NS_PER_S,
        .client_cpu_s = (double)(to->client_ns - from->client_ns) / NS_PER_S,
        .p50_us = (double)histogram_percentile(&run->latency, 0.5) / 1e3,
        .p99_us = (double)histogram_percentile(&run->latency, 0.99) / 1e3,
        .p999_us = (double)histogram_percentile(&run->latency, 0.999) / 1e3,
        .max_us = (double)run->latency.max_ns / 1e3,
    };
}

int measure(struct run *run, struct report *report)
{
    struct snapshot from, to;
    uint64_t warmup_errors;

    run_reset_counters(run);
    run->rate_since_ns = clock_now_ns();
    if (poll_for(run, run->options->warmup_s, 0) < 0)
        return -1;
    warmup_errors = run->errors;
    run_reset_counters(run);
    run->errors = warmup_errors;
    from = take_snapshot(run);
    if (poll_for(run, run->options->seconds, run->options->count) < 0)
        return -1;
    to = take_snapshot(run);
    if (run->count_unanswered != NULL)
        run->count_unanswered(run, to.time_ns);
    fill_report(run, &from, &to, report);
    return 0;
}
