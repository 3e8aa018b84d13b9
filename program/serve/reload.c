/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "serve/state.h"

/* A reload on its way: read and checked on another thread, exchanged on loop 0. */
struct reload {
    struct yg_state *state;
    const struct yg_config *config; /* NULL: it was refused */
    yodel_tls_reload *tls;          /* the same */
    struct yg_auth *auth;           /* the same */
};

static void free_reload(void *arg)
{
    struct reload *reload = arg;

    yg_config_unref(reload->config);
    yodel_tls_reload_free(reload->tls);
    yg_auth_unref(reload->auth);
    free(reload);
}

static void tell(struct yg_state *state, const struct yg_report *report)
{
    for (const struct yg_finding *at = report->first; at != NULL; at = at->next) {
        struct yg_text place = {0};

        yg_place_put(&place, &at->place);
        yg_log_event(state, at->severity == YG_ERROR ? YG_LOG_ERROR : YG_LOG_WARN, "reload.problem",
                     "%s: %s", yg_text_string(&place), at->text);
        yg_text_done(&place);
    }
}

/* On a thread that may block. */
static int prepare(void *arg)
{
    struct reload *reload = arg;
    struct yg_state *state = reload->state;
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;
    int rc = yg_config_load(state->load, &report, &config);

    tell(state, &report);
    yg_arena_clear(&arena);
    if (rc == 0 && yg_unbuilt(state, config) > 0)
        rc = -EINVAL;
    if (rc == 0)
        rc = yg_auth_new(state, config, &reload->auth);
    if (rc == 0)
        rc = yodel_server_prepare_tls(state->server, &reload->tls);
    if (rc == 0)
        rc = yg_namespaces_add(state, config);
    if (rc == 0)
        rc = yg_serve_api_keys(state, config);
    if (rc < 0) {
        yg_config_unref(config);
        return rc;
    }
    yg_cert_times_read(state);
    reload->config = config;
    return 0;
}

static void tell_change(const char *path, const struct yg_option *option, void *user)
{
    struct yg_state *state = user;

    if ((option->flags & YG_LIVE) != 0)
        yg_log_event(state, YG_LOG_INFO, "reload.changed", "reload: %s has changed", path);
    else
        yg_log_event(state, YG_LOG_WARN, "reload.needs_restart",
                     "reload: %s has changed, and needs a restart", path);
}

static void finish(yodel_loop *loop, int result, void *arg)
{
    struct reload *reload = arg;
    struct yg_state *state = reload->state;

    (void)loop;
    state->is_reloading = false;
    atomic_store(&state->last_reload, result == 0 ? 1 : 0);
    if (result == 0) {
        const struct yg_config *before = yg_state_config(state);

        yg_config_compare(before, reload->config, tell_change, state);
        yg_config_unref(before);
        yg_log_change(state, &reload->config->log);
        yg_state_exchange(state, yg_config_ref(reload->config), yg_auth_ref(reload->auth));
        yodel_tls_reload_exchange(reload->tls);
        reload->tls = NULL;
        atomic_store(&state->last_reload_ms, yg_clock_wall_ms());
        yg_log_event(state, YG_LOG_INFO, "reload.done", "reload: done");
    } else {
        yg_log_event(state, YG_LOG_ERROR, "reload.refused",
                     "reload: refused, all stays as it was: %s",
                     result == -EINVAL ? "see above" : yodel_strerror(result));
    }
    yg_notify_reloaded(state);
    if (state->reload_again && result != -ECANCELED)
        yg_reload(state);
}

void yg_reload(struct yg_state *state)
{
    struct reload *reload;
    int rc;

    state->reload_again = state->is_reloading;
    if (state->is_reloading || atomic_load(&state->is_draining))
        return;
    reload = calloc(1, sizeof(*reload));
    if (reload != NULL)
        reload->state = state;
    state->is_reloading = reload != NULL;
    yg_notify_reloading(state);
    rc = reload == NULL ? -ENOMEM
                        : yodel_loop_work(yodel_server_loop(state->server, 0), state, prepare,
                                          finish, reload, free_reload);
    if (rc < 0) {
        state->is_reloading = false;
        atomic_store(&state->last_reload, 0);
        yg_log_event(state, YG_LOG_ERROR, "reload.refused", "reload: %s", yodel_strerror(rc));
        yg_notify_reloaded(state);
    }
}
