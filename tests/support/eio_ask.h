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
#include "failmem.h"
#include "fixture.h"

/* One loop, and requests to it, as tests like to begin; setup() and teardown() are for
 * FIXTURE_TEST(), the state is the simulation. */

static struct failmem memory; /* of the simulation that runs */

static inline struct eio_sim *start_loops(unsigned num_loops, const struct yd_eio_options *options)
{
    struct eio_sim *sim = malloc(sizeof *sim);

    assert_non_null(sim);
    failmem_init(&memory, 0);
    assert_int_equal(eio_sim_start(sim, &memory.mem, num_loops, options), 0);
    return sim;
}

static inline struct eio_sim *start_with(const struct yd_eio_options *options)
{
    return start_loops(1, options);
}

static inline void stop(struct eio_sim *sim)
{
    eio_sim_stop(sim);
    free(sim);
    failmem_assert_empty(&memory);
}

static inline int setup(void **state)
{
    *state = start_with(NULL);
    return 0;
}

static inline int teardown(void **state)
{
    if (*state != NULL)
        stop(*state);
    return 0;
}

static inline int count_told(const struct eio_sim *sim, const char *what)
{
    const char *text = sim->base.told.len > 0 ? (const char *)sim->base.told.ptr : "";
    int count = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

/* Runs life() with every allocation failing in turn.  Whoever was told of a session's beginning is
 * told of its one end; and of everything, which is `whole`, when nothing has failed. */
static inline void live_without_memory(unsigned num_loops, const struct yd_eio_options *options,
                                       void (*life)(struct eio_sim *sim), const char *whole)
{
    FAILMEM_LOOP(&memory)
    {
        struct eio_sim sim;
        int rc = eio_sim_start(&sim, &memory.mem, num_loops, options);

        failmem_assert_whole(&memory, rc, true, true);
        if (rc < 0)
            continue;
        life(&sim);
        eio_sim_advance(&sim, 20000);
        assert_int_equal(yd_buf_append(&yd_mem_default, &sim.base.told, "", 1), 0);
        assert_int_equal(count_told(&sim, "open;"), count_told(&sim, "close:"));
        if (!failmem_has_failed(&memory))
            assert_string_equal((const char *)sim.base.told.ptr, whole);
        eio_sim_stop(&sim);
    }
}

static inline struct sim_peer *send_request(struct eio_sim *sim, const char *text)
{
    struct sim_peer *peer = sim_connect(sim->base.loops[0]);

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
