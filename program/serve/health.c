/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "serve/state.h"

#define BEAT_MS 200

static const struct yg_bounds lag_bounds = {9,
                                            {{1000, "0.001"},
                                             {2500, "0.0025"},
                                             {5000, "0.005"},
                                             {10000, "0.01"},
                                             {25000, "0.025"},
                                             {50000, "0.05"},
                                             {100000, "0.1"},
                                             {500000, "0.5"},
                                             {2500000, "2.5"}}};

/* By how much a beat is late is what anything else on this loop has waited. */
static void measure(struct yg_beat *own)
{
    const uint64_t now = yg_clock_us(), due = own->at_us + BEAT_MS * 1000;

    if (own->at_us != 0)
        yg_histogram_add(&own->state->loop_lag, &lag_bounds, now > due ? now - due : 0);
    own->at_us = now;
}

static void beat(yodel_timer *timer, void *user)
{
    struct yg_beat *own = user;

    (void)timer;
    measure(own);
    atomic_store_explicit(&own->at_ms, yodel_loop_now(own->loop), memory_order_relaxed);
    if (yodel_loop_index(own->loop) == 0) {
        yg_log_turn(own->state);
        yg_handover_turn(own->state);
    }
}

static int start_beat(yodel_loop *loop, void *user)
{
    struct yg_state *state = user;
    struct yg_beat *own = &state->beats[yodel_loop_index(loop)];

    own->state = state;
    own->loop = loop;
    yodel_timer_init(&own->timer, loop, beat, own);
    beat(&own->timer, own);
    return yodel_timer_start_periodic(&own->timer, BEAT_MS);
}

static void stop_beat(yodel_loop *loop, void *user)
{
    struct yg_state *state = user;

    (void)yodel_timer_stop(&state->beats[yodel_loop_index(loop)].timer);
}

unsigned yg_health_stalled(struct yg_state *state, yodel_loop *loop)
{
    const struct yg_config *config = yg_state_loop_config(state, loop);
    const uint64_t now = yodel_loop_now(loop);
    unsigned num = 0;

    for (unsigned i = 0; i < state->num_loops; i++) {
        const uint64_t at = atomic_load_explicit(&state->beats[i].at_ms, memory_order_relaxed);

        num += at != 0 && at < now && now - at > config->health.loop_stall_ms + BEAT_MS ? 1 : 0;
    }
    return num;
}

void yg_health_put(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_loop_lag_seconds";

    yg_metric_head(text, name, "histogram", "By how much timers of the loops were late.");
    yg_histogram_put(text, name, NULL, &lag_bounds, &state->loop_lag);
}

/* ---- probes ---- */

/* parts: members of JSON, each of which is said to be well or not. */
static void answer(yodel_request *req, bool is_well, const char *parts)
{
    const yodel_header no_store = {"Cache-Control", "no-store"};
    char body[300];
    const int len =
        snprintf(body, sizeof(body), "{\"status\":\"%s\",%s}\n", is_well ? "ok" : "failing", parts);

    (void)yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = is_well ? 200 : 503,
                                                   .content_type = "application/json",
                                                   .body = {(const uint8_t *)body, (size_t)len},
                                                   .headers = &no_store, .num_headers = 1));
}

static bool is_served(struct yg_state *state, yodel_request *req)
{
    if (yg_state_serves(state, req, YG_SERVE_HEALTH))
        return true;
    (void)yodel_request_reply_text(req, 404, NULL, YODEL_STR("Not Found\n"));
    return false;
}

static void answer_live(yodel_request *req, void *user)
{
    struct yg_state *state = user;
    char parts[60];
    unsigned num;

    if (!is_served(state, req))
        return;
    num = yg_health_stalled(state, yodel_request_loop(req));
    snprintf(parts, sizeof(parts),
             num == 0 ? "\"loops\":\"all answer\"" : "\"loops\":\"%u stalled\"", num);
    answer(req, num == 0, parts);
}

static bool has_started(const struct yg_state *state)
{
    unsigned num = 0;

    for (unsigned i = 0; i < state->num_loops; i++)
        num += atomic_load_explicit(&state->beats[i].at_ms, memory_order_relaxed) != 0 ? 1 : 0;
    return num == state->num_loops;
}

static const char *redis_word(struct yg_state *state, bool is_ready)
{
    if (state->redis == NULL)
        return "not used";
    if (atomic_load(&state->redis_down_ms) == 0)
        return "up";
    return is_ready ? "down, within redis_grace" : "down";
}

static void answer_ready(yodel_request *req, void *user)
{
    struct yg_state *state = user;
    const bool is_draining = atomic_load(&state->is_draining), is_up = has_started(state);
    const bool has_redis = yg_redis_is_ready(state, yodel_request_loop(req));
    char parts[120];

    if (!is_served(state, req))
        return;
    snprintf(parts, sizeof(parts), "\"server\":\"%s\",\"redis\":\"%s\"",
             is_draining ? "draining"
             : is_up     ? "serving"
                         : "starting",
             redis_word(state, has_redis));
    answer(req, is_up && !is_draining && has_redis, parts);
}

int yg_health_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = start_beat, .on_end = stop_beat};
    char pattern[300];
    int rc;

    state->num_loops = yodel_server_num_loops(state->server);
    state->beats = calloc(state->num_loops, sizeof(*state->beats));
    if (state->beats == NULL)
        return -ENOMEM;
    rc = yodel_server_add_loop_handlers(state->server, &handlers, state);
    if (rc < 0)
        return rc;
    snprintf(pattern, sizeof(pattern), "GET %s/live", state->first->health.path);
    rc = yodel_server_route(state->server, pattern, answer_live, state);
    if (rc < 0)
        return rc;
    snprintf(pattern, sizeof(pattern), "GET %s/ready", state->first->health.path);
    return yodel_server_route(state->server, pattern, answer_ready, state);
}
