/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_LOOPS_SIM_H
#define YD_TESTS_LOOPS_SIM_H

#include <stdarg.h>

#include "ws_sim.h"

#define LOOPS_SIM_MAX 3

/* Simulated loops that share an HTTP and a WebSocket service, each the current one while it turns;
 * and what handlers were told, as text that a test compares. */
struct loops_sim {
    unsigned num_loops;
    struct yd_loop *loops[LOOPS_SIM_MAX];
    struct yd_net nets[LOOPS_SIM_MAX];
    struct yd_net_listener listeners[LOOPS_SIM_MAX];
    struct yd_http http;
    struct yd_ws_service ws;
    struct yodel_log_sink sink;
    struct yd_buf told;
};

/* Linger 100 ms; bodies of 1000 bytes; WebSocket messages 1000 bytes, output 2000, close 300 ms,
 * decide 400; pings after ping_ms, 0: never.  On failure call loops_sim_free(). */
int loops_sim_start(struct loops_sim *sim, const struct yodel_allocator *mem, unsigned num_loops,
                    uint32_t ping_ms);
/* Stops listening, and lets the loops end what is left; connections have been aborted. */
void loops_sim_close(struct loops_sim *sim);
/* Frees all, after loops_sim_close(). */
void loops_sim_free(struct loops_sim *sim);

void loops_sim_tell(struct loops_sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void loops_sim_tell_args(struct loops_sim *sim, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Compares with what was told, and forgets that. */
void loops_sim_expect_told(struct loops_sim *sim, const char *expected);

/* All loops, until none has anything to do; one alone. */
void loops_sim_run(struct loops_sim *sim);
void loops_sim_run_one(struct loops_sim *sim, unsigned loop);
void loops_sim_advance(struct loops_sim *sim, uint64_t ms);
/* Calls fn(arg) as what that loop waits for does, between two of its turns. */
void loops_sim_between(struct loops_sim *sim, unsigned loop, void (*fn)(void *arg), void *arg);

#endif
