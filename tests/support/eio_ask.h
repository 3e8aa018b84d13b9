/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_EIO_ASK_H
#define YD_TESTS_EIO_ASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "eio_sim.h"

/* One loop, and requests to it, as tests like to begin. */

static inline struct eio_sim *start_with(const struct yd_eio_options *options)
{
    struct eio_sim *sim = malloc(sizeof *sim);

    assert_non_null(sim);
    assert_int_equal(eio_sim_start(sim, &yd_mem_default, 1, options), 0);
    return sim;
}

static inline struct eio_sim *start(void)
{
    return start_with(NULL);
}

static inline void stop(struct eio_sim *sim)
{
    eio_sim_stop(sim);
    free(sim);
}

static inline struct sim_peer *send_request(struct eio_sim *sim, const char *text)
{
    struct sim_peer *peer = sim_connect(sim->loops[0]);

    sim_send_text(peer, text);
    eio_sim_run(sim);
    return peer;
}

static inline struct sim_peer *ask_for(struct eio_sim *sim, const char *method, const char *query,
                                       const char *lines)
{
    char text[1000];

    (void)snprintf(text, sizeof text, "%s /e/%s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, query,
                   lines);
    return send_request(sim, text);
}

static inline void expect_gone(struct eio_sim *sim)
{
    eio_sim_expect_error(eio_sim_poll(sim), 1);
}

#endif
