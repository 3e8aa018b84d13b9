/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "serve/occupancy.h"
#include "serve/state.h"

/* A reload on its way: read and checked on another thread, exchanged on loop 0. */
struct reload {
    struct yg_state *state;
    const struct yg_config *config; /* NULL: it was refused */
    yodel_tls_reload *tls;          /* the same */
    struct yg_auth *auth;           /* the same */
    /* For who waits; NULL when memory has ended: */
    json_t *problems; /* what was wrong, as texts */
    json_t *changed;  /* keys */
    json_t *needs_restart;
};

static void free_reload(void *arg)
{
    struct reload *reload = arg;

    yg_config_unref(reload->config);
    yodel_tls_reload_free(reload->tls);
    yg_auth_unref(reload->auth);
    json_decref(reload->problems);
    json_decref(reload->changed);
    json_decref(reload->needs_restart);
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

static int read_all(struct reload *reload)
{
    struct yg_state *state = reload->state;
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;
    int rc = yg_config_load(state->load, &report, &config);

    tell(state, &report);
    yg_arena_clear(&arena);
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

/* On a thread that may block. */
static int prepare(void *arg)
{
    struct reload *reload = arg;
    int rc;

    yg_log_capture(reload->problems);
    rc = read_all(reload);
    yg_log_capture(NULL);
    return rc;
}

static void tell_change(const char *path, const struct yg_option *option, void *user)
{
    struct reload *reload = user;

    if ((option->flags & YG_LIVE) == 0)
        return;
    (void)json_array_append_new(reload->changed, json_string(path));
    yg_log_event(reload->state, YG_LOG_INFO, "reload.changed", "reload: %s has changed", path);
}

static void tell_restart(const char *path, const struct yg_option *option, void *user)
{
    struct reload *reload = user;

    if ((option->flags & YG_LIVE) != 0)
        return;
    (void)json_array_append_new(reload->needs_restart, json_string(path));
    yg_log_event(reload->state, YG_LOG_WARN, "reload.needs_restart",
                 "reload: %s has changed, and needs a restart", path);
}

/* Rooms are counted from the start of the server, or not at all. */
static void tell_rooms(struct reload *reload)
{
    const struct yg_config *config = reload->config;

    if (!yg_occupancy_needs_restart(reload->state, config))
        return;
    for (size_t i = 0; i < config->webhooks.num; i++) {
        const struct yg_webhook *hook = &config->webhooks.items[i];

        if ((hook->kinds & YG_KINDS_OF_ROOMS) == 0)
            continue;
        (void)json_array_append_new(reload->needs_restart,
                                    json_sprintf("webhooks.%s.kinds", hook->name));
        yg_log_event(
            reload->state, YG_LOG_WARN, "reload.needs_restart",
            "reload: webhooks.%s.kinds: occupied and vacated need a restart, as rooms were "
            "not counted from the start",
            hook->name);
    }
}

/* What a reload changes is held against the last one, what it cannot against what runs. */
static void tell_changes(struct reload *reload)
{
    const struct yg_config *before = yg_state_config(reload->state);

    yg_config_compare(before, reload->config, tell_change, reload);
    yg_config_compare(reload->state->first, reload->config, tell_restart, reload);
    tell_rooms(reload);
    yg_config_unref(before);
}

/* Who waits is told. */
static void answer(const struct reload *reload, int result)
{
    json_t *body = result == 0 ? json_pack("{sOsOsO}", "changed", reload->changed, "needs_restart",
                                           reload->needs_restart, "warnings", reload->problems)
                               : json_pack("{sO}", "problems", reload->problems);

    yg_control_reloaded(reload->state,
                        result == -ECANCELED                ? YG_PROBLEM_DRAINING
                        : result == -ENOMEM || body == NULL ? YG_PROBLEM_OVERLOADED
                        : result < 0                        ? YG_PROBLEM_CONFIG_REFUSED
                                                            : YG_PROBLEM_NONE,
                        result < 0 && result != -EINVAL ? yodel_strerror(result) : NULL, body);
    json_decref(body);
}

/* The one part of an exchange that needs memory. */
static int exchange_history(const struct reload *reload)
{
    const struct yg_config *before = yg_state_config(reload->state);
    int rc = yg_rooms_keep(reload->state, reload->config, before);

    yg_config_unref(before);
    return rc;
}

static void finish(yodel_loop *loop, int result, void *arg)
{
    struct reload *reload = arg;
    struct yg_state *state = reload->state;

    (void)loop;
    state->is_reloading = false;
    if (result == 0)
        result = exchange_history(reload);
    atomic_store(&state->last_reload, result == 0 ? 1 : 0);
    if (result == 0) {
        tell_changes(reload);
        if (yg_log_change(state, reload->config) < 0)
            yg_log(state, YG_LOG_WARN, "log.redact: out of memory: it stays as it was");
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
    answer(reload, result);
    yg_notify_reloaded(state);
    if (state->reload_again && result != -ECANCELED)
        yg_reload(state);
}

static struct reload *new_reload(struct yg_state *state)
{
    struct reload *reload = calloc(1, sizeof(*reload));

    if (reload == NULL)
        return NULL;
    reload->state = state;
    reload->problems = json_array();
    reload->changed = json_array();
    reload->needs_restart = json_array();
    return reload;
}

void yg_reload(struct yg_state *state)
{
    struct reload *reload;
    int rc;

    state->reload_again = state->is_reloading;
    if (state->is_reloading)
        return;
    if (atomic_load(&state->is_draining)) {
        yg_control_reloaded(state, YG_PROBLEM_DRAINING, NULL, NULL);
        return;
    }
    reload = new_reload(state);
    state->is_reloading = reload != NULL;
    yg_notify_reloading(state);
    rc = reload == NULL ? -ENOMEM
                        : yodel_loop_work(yodel_server_loop(state->server, 0), state, prepare,
                                          finish, reload, free_reload);
    if (rc < 0) {
        state->is_reloading = false;
        atomic_store(&state->last_reload, 0);
        yg_log_event(state, YG_LOG_ERROR, "reload.refused", "reload: %s", yodel_strerror(rc));
        yg_control_reloaded(state, YG_PROBLEM_OVERLOADED, yodel_strerror(rc), NULL);
        yg_notify_reloaded(state);
    }
}
