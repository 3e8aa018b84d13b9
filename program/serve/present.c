/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "serve/hooks.h"
#include "serve/occupancy.h"
#include "serve/state.h"

/*
 * The configuration that is now.  Each loop has references of its own, which change between
 * callbacks only: by a post when it is exchanged or, where that had no room, by a timer.
 */

#define LOOK_MS 1000

const struct yg_config *yg_state_config(struct yg_state *state)
{
    const struct yg_config *config;

    pthread_mutex_lock(&state->lock);
    config = yg_config_ref(state->config);
    pthread_mutex_unlock(&state->lock);
    return config;
}

static void take(struct yg_present *present)
{
    struct yg_state *state = present->state;
    const unsigned version = atomic_load_explicit(&state->version, memory_order_acquire);

    if (present->config != NULL && present->version == version)
        return;
    yg_config_unref(present->config);
    yg_auth_unref(present->auth);
    pthread_mutex_lock(&state->lock);
    present->config = yg_config_ref(state->config);
    present->auth = yg_auth_ref(state->auth);
    pthread_mutex_unlock(&state->lock);
    present->version = version;
}

static void on_post(yodel_loop *loop, void *arg)
{
    struct yg_present *present = arg;

    take(present);
    yg_hooks_change(present->state, loop);
    if (yodel_loop_index(loop) == 0)
        yg_occupancy_change(present->state);
}

void yg_state_exchange(struct yg_state *state, const struct yg_config *config, struct yg_auth *auth)
{
    const struct yg_config *config_before;
    struct yg_auth *auth_before;

    pthread_mutex_lock(&state->lock);
    config_before = state->config;
    auth_before = state->auth;
    state->config = config;
    state->auth = auth;
    atomic_fetch_add_explicit(&state->version, 1, memory_order_release);
    pthread_mutex_unlock(&state->lock);
    yg_config_unref(config_before);
    yg_auth_unref(auth_before);
    for (unsigned i = 0; i < yodel_server_num_loops(state->server); i++)
        (void)yodel_loop_post(yodel_server_loop(state->server, i), on_post, &state->present[i],
                              NULL);
}

const struct yg_config *yg_state_loop_config(struct yg_state *state, yodel_loop *loop)
{
    return state->present[yodel_loop_index(loop)].config;
}

struct yg_auth *yg_state_loop_auth(struct yg_state *state, yodel_loop *loop)
{
    return state->present[yodel_loop_index(loop)].auth;
}

unsigned yg_state_loop_version(struct yg_state *state, yodel_loop *loop)
{
    return state->present[yodel_loop_index(loop)].version + 1;
}

/* ---- loops ---- */

static void on_time(yodel_timer *timer, void *user)
{
    (void)timer;
    take(user);
}

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_state *state = user;
    struct yg_present *present = &state->present[yodel_loop_index(loop)];

    take(present);
    yodel_timer_init(&present->timer, loop, on_time, present);
    return yodel_timer_start_periodic(&present->timer, LOOK_MS);
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_state *state = user;

    (void)yodel_timer_stop(&state->present[yodel_loop_index(loop)].timer);
}

int yg_present_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    const unsigned num = yodel_server_num_loops(state->server);

    state->present = calloc(num, sizeof(*state->present));
    if (state->present == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < num; i++)
        state->present[i].state = state;
    return yodel_server_add_loop_handlers(state->server, &handlers, state);
}

void yg_present_free(struct yg_state *state)
{
    const unsigned num = state->present != NULL ? yodel_server_num_loops(state->server) : 0;

    for (unsigned i = 0; i < num; i++) {
        yg_config_unref(state->present[i].config);
        yg_auth_unref(state->present[i].auth);
    }
    free(state->present);
    state->present = NULL;
}
