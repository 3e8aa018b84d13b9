/* SPDX-License-Identifier: MIT */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "histogram.h"
#include "options.h"

#include <stdbool.h>
#include <stdint.h>

struct run;
typedef void(run_handle_fn)(struct run *run, void *source, uint32_t events);

/* What the clients of every transport have: one epoll, and the counters.  Their first member. */
struct run {
    const struct load_options *options;
    run_handle_fn *handle; /* of events of a watched source */
    int epoll_fd;
    bool goes_via;     /* connects to options->via */
    uint64_t attempts; /* connections begun; picks the source address */

    /* With a fixed rate (NULL without): sends what is due; counts how long what is not answered
     * yet has been under way, at the end. */
    void (*send_due)(struct run *run, uint64_t now_ns);
    void (*count_unanswered)(struct run *run, uint64_t now_ns);
    uint64_t rate_since_ns;

    /* Since the last run_reset_counters(). */
    uint64_t operations; /* what the mode counts */
    uint64_t errors;
    uint64_t bytes; /* received on WebSockets, headers of frames included, TLS's not */
    struct histogram latency;
};

/* Returns 0, or -1 with errno.  options must outlive the run. */
int run_init(struct run *run, const struct load_options *options, run_handle_fn *handle);
void run_done(struct run *run);
void run_reset_counters(struct run *run);

/* Begins to connect a new socket to the server.  Returns it, or -1 after having counted an error.
 */
int run_connect(struct run *run);

/* EPOLL_CTL_ADD or EPOLL_CTL_MOD; source is what handle gets. */
void run_watch(struct run *run, int operation, int fd, uint32_t events, void *source);

/* When the message with that number is due at the fixed rate, and how many are due by now. */
uint64_t run_due_ns(const struct run *run, uint64_t number);
uint64_t run_num_due(const struct run *run, uint64_t now_ns);

/* Waits for events at most 100 ms, not at all at a fixed rate, and handles them.  Returns the time
 * after the wait. */
uint64_t run_poll(struct run *run);

/* Counts an error; the first ones are also told on stderr. */
void run_error(struct run *run, const char *what);

/* Notices that nothing moves any more. */
struct run_patience {
    uint64_t seen, since_ns;
};

/* True when value has been the same for options->timeout_s.  Starts out as zeros. */
bool run_stalled(const struct run *run, struct run_patience *patience, uint64_t value,
                 uint64_t now_ns);

#endif
