/* SPDX-License-Identifier: MIT */
#include "loops_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static const struct yd_http_options limits = {
    .limits = {.max_head = 4096, .max_target = 1000, .max_fields = 30},
    .max_body = 1000,
    .max_buffered = 1000,
    .header_ms = 1000,
    .body_ms = 2000,
    .keep_ms = 3000,
    .decide_ms = 4000,
};

static void on_log(yodel_log_level level, yodel_str text, void *user)
{
    (void)level;
    (void)text;
    (void)user;
}

static int start_loop(struct loops_sim *sim, const struct yodel_allocator *mem, unsigned i)
{
    struct yd_net_options options = {.send_ms = 5000,
                                     .linger_ms = 100,
                                     .close_ms = 200,
                                     .discard_ms = 1000,
                                     .max_discard = 100000};
    int rc;

    if ((rc = yd_loop_new(&yd_loop_sim, mem, &sim->sink, i, &sim->loops[i])) < 0)
        return rc;
    sim->num_loops = i + 1;
    (void)yd_net_init(&sim->nets[i], sim->loops[i], &options);
    sim->nets[i].on_connection = yd_http_connection;
    sim->nets[i].user = &sim->http;
    return yd_net_listen(&sim->nets[i], &sim->listeners[i], -1, NULL);
}

int loops_sim_start(struct loops_sim *sim, const struct yodel_allocator *mem, unsigned num_loops,
                    uint32_t ping_ms)
{
    const struct yd_ws_defaults defaults = {.max_message = 1000,
                                            .max_buffered = 2000,
                                            .ping_ms = ping_ms,
                                            .pong_ms = ping_ms,
                                            .close_ms = 300,
                                            .decide_ms = 400};
    int rc = 0;

    memset(sim, 0, sizeof *sim);
    sim->sink = (struct yodel_log_sink){on_log, YODEL_LOG_DEBUG, sim};
    for (unsigned i = 0; rc == 0 && i < num_loops; i++)
        rc = start_loop(sim, mem, i);
    if (rc < 0 || (rc = yd_http_init(&sim->http, mem, &sim->sink, &limits, sim)) < 0)
        return rc;
    return yd_ws_service_init(&sim->ws, mem, &sim->sink, &defaults, NULL, num_loops, "p");
}

void loops_sim_close(struct loops_sim *sim)
{
    for (unsigned i = 0; i < sim->num_loops; i++) {
        if (sim->listeners[i].net != NULL)
            yd_listener_stop(&sim->listeners[i].base);
        yd_loop_close(sim->loops[i]);
    }
}

void loops_sim_free(struct loops_sim *sim)
{
    for (unsigned i = 0; i < sim->num_loops; i++) {
        yd_net_done(&sim->nets[i]);
        yd_loop_free(sim->loops[i]);
    }
    if (sim->ws.mem != NULL)
        yd_ws_service_done(&sim->ws);
    yd_http_done(&sim->http);
    yd_buf_free(&yd_mem_default, &sim->told);
    memset(sim, 0, sizeof *sim);
}

void loops_sim_tell_args(struct loops_sim *sim, const char *format, va_list args)
{
    char text[5000];

    (void)vsnprintf(text, sizeof text, format, args);
    /* A zero stands after it, for who looks for words in it. */
    if (yd_buf_append(&yd_mem_default, &sim->told, text, strlen(text) + 1) < 0)
        abort();
    sim->told.len--;
}

void loops_sim_tell(struct loops_sim *sim, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    loops_sim_tell_args(sim, format, args);
    va_end(args);
}

void loops_sim_expect_told(struct loops_sim *sim, const char *expected)
{
    if (yd_buf_append(&yd_mem_default, &sim->told, "", 1) < 0)
        abort();
    assert_string_equal((const char *)sim->told.ptr, expected);
    sim->told.len = 0;
}

static void enter(struct yd_loop *loop)
{
    loop->thread = pthread_self();
    atomic_store(&loop->running, true);
}

static void leave(struct yd_loop *loop)
{
    atomic_store(&loop->running, false);
}

void loops_sim_run_one(struct loops_sim *sim, unsigned loop)
{
    enter(sim->loops[loop]);
    sim_run(sim->loops[loop]);
    leave(sim->loops[loop]);
}

void loops_sim_between(struct loops_sim *sim, unsigned loop, void (*fn)(void *arg), void *arg)
{
    enter(sim->loops[loop]);
    fn(arg);
    leave(sim->loops[loop]);
}

void loops_sim_run(struct loops_sim *sim)
{
    for (unsigned round = 0; round < 6; round++)
        for (unsigned i = 0; i < sim->num_loops; i++)
            loops_sim_run_one(sim, i);
}

void loops_sim_advance(struct loops_sim *sim, uint64_t ms)
{
    loops_sim_run(sim);
    for (unsigned i = 0; i < sim->num_loops; i++) {
        enter(sim->loops[i]);
        sim_advance(sim->loops[i], ms);
        leave(sim->loops[i]);
    }
    loops_sim_run(sim);
}
