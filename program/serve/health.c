/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "serve/state.h"

#define BEAT_MS 200

static void beat(yodel_timer *timer, void *user)
{
    struct yg_beat *own = user;

    (void)timer;
    atomic_store_explicit(&own->at_ms, yodel_loop_now(own->loop), memory_order_relaxed);
    if (yodel_loop_index(own->loop) == 0)
        yg_log_turn(own->state);
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
    const struct yg_config *config = yg_state_config(state);
    const uint64_t now = yodel_loop_now(loop);
    unsigned num = 0;

    for (unsigned i = 0; i < state->num_loops; i++) {
        const uint64_t at = atomic_load_explicit(&state->beats[i].at_ms, memory_order_relaxed);

        num += at < now && now - at > config->health.loop_stall_ms + BEAT_MS ? 1 : 0;
    }
    yg_config_unref(config);
    return num;
}

static void answer(yodel_request *req, bool is_well, const char *what, const char *why)
{
    char body[200];
    const int len = snprintf(body, sizeof(body), "{\"status\":\"%s\",\"%s\":\"%s\"}\n",
                             is_well ? "ok" : "failing", what, why);
    const yodel_header no_store = {"Cache-Control", "no-store"};

    (void)yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = is_well ? 200 : 503,
                                                   .content_type = "application/json",
                                                   .body = {(const uint8_t *)body, (size_t)len},
                                                   .headers = &no_store, .num_headers = 1));
}

static void answer_live(yodel_request *req, void *user)
{
    struct yg_state *state = user;
    char why[40];
    unsigned num;

    if (!yg_state_serves(state, req, YG_SERVE_HEALTH)) {
        (void)yodel_request_reply_text(req, 404, NULL, YODEL_STR("Not Found\n"));
        return;
    }
    num = yg_health_stalled(state, yodel_request_loop(req));
    snprintf(why, sizeof(why), num == 0 ? "all answer" : "%u stalled", num);
    answer(req, num == 0, "loops", why);
}

static void answer_ready(yodel_request *req, void *user)
{
    struct yg_state *state = user;
    const bool is_draining = atomic_load(&state->is_draining);
    const bool has_redis = yg_redis_is_ready(state, yodel_request_loop(req));

    if (!yg_state_serves(state, req, YG_SERVE_HEALTH)) {
        (void)yodel_request_reply_text(req, 404, NULL, YODEL_STR("Not Found\n"));
        return;
    }
    answer(req, !is_draining && has_redis, "server",
           is_draining  ? "draining"
           : !has_redis ? "without redis"
                        : "serving");
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
