/* SPDX-License-Identifier: MIT */
#include "serve/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/consumers.h"
#include "serve/hook_records.h"
#include "serve/hook_relay.h"
#include "serve/hooks.h"
#include "serve/occupancy.h"
#include "serve/state.h"

/* Descriptors for files, Redis, hooks, and for those who are told that it is full. */
#define SPARE_DESCRIPTORS 128
#define MOST_CONNECTIONS 100000000u

bool yg_state_serves(const struct yg_state *state, const yodel_request *req, uint32_t what)
{
    return yg_state_tag_serves(state, yodel_request_listener_tag(req), what);
}

bool yg_state_tag_serves(const struct yg_state *state, yodel_str tag, uint32_t what)
{
    for (size_t i = 0; i < state->first->listen.num; i++) {
        if (yodel_str_eq(tag, yodel_str_of(state->first->listen.items[i].name)))
            return (state->first->listen.items[i].serve & what) != 0;
    }
    return false;
}

/* As many descriptors as the system lets us have; 0: it is not known. */
static rlim_t raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
            return 0;
    }
    return limit.rlim_cur;
}

static rlim_t spare(const struct yg_state *state)
{
    rlim_t num = SPARE_DESCRIPTORS;

    for (size_t i = 0; i < state->first->listen.num; i++)
        num += yg_listen_reserved(&state->first->listen.items[i]);
    return num;
}

/* What the configuration says, as far as descriptors are left for it. */
static unsigned most_connections(struct yg_state *state)
{
    const unsigned wanted = state->first->limits.connections;
    const rlim_t num = raise_limit(), less = spare(state);
    rlim_t most = num > 2 * less ? num - less : num / 8 + 1;

    if (num == 0)
        return wanted;
    if (num == RLIM_INFINITY || most > MOST_CONNECTIONS)
        most = MOST_CONNECTIONS;
    if (wanted > most || num <= 2 * less)
        yg_log(state, YG_LOG_WARN,
               "limits.connections: %u at most, as %llu descriptors are all that there may be",
               (unsigned)most, (unsigned long long)num);
    return wanted != 0 && wanted < most ? wanted : (unsigned)most;
}

/* A count that the library can have for each client. */
static unsigned connect_rate(const struct yg_limits_config *limits)
{
    return limits->connect_rate.count < UINT16_MAX ? limits->connect_rate.count : UINT16_MAX;
}

static int make_server(struct yg_state *state)
{
    static const yodel_backend backends[] = {[YG_BACKEND_AUTO] = YODEL_BACKEND_AUTO,
                                             [YG_BACKEND_LIBUV] = YODEL_BACKEND_LIBUV,
                                             [YG_BACKEND_IO_URING] = YODEL_BACKEND_IO_URING};
    const struct yg_limits_config *limits = &state->first->limits;
    const yodel_log_sink log = {.write = yg_log_write, .min_level = YODEL_LOG_DEBUG, .user = state};
    const struct yg_shutdown_config *shutdown = &state->first->shutdown;
    int rc;

    rc = yodel_server_new(
        YODEL_OPTIONS(
            yodel_server_options, .loops = state->first->server.loops,
            .backend = backends[state->first->server.backend], .log = &log,
            .max_message = limits->message_bytes, .max_buffered = limits->queue_bytes,
            .max_connections = most_connections(state), .decide_ms = YG_API_DECIDE_MS,
            .header_ms = limits->handshake_ms, .ping_ms = state->first->socketio.ping_interval_ms,
            .pong_ms = state->first->socketio.ping_timeout_ms,
            .max_address_connections = limits->per_address, .max_messages = limits->messages.count,
            .messages_ms = limits->messages.per_ms, .max_address_connects = connect_rate(limits),
            .connects_ms = limits->connect_rate.per_ms, .on_refused = yg_on_refused,
            .refused_user = state, .drain_ms = shutdown->drain_ms > 0 ? shutdown->drain_ms : 1,
            .spread_ms = shutdown->spread_ms, .stop_code = shutdown->code),
        &state->server);
    if (rc < 0)
        yg_log_option(state, state->first, "%s: %s",
                      rc == YODEL_ERR_UNSUPPORTED ? "server.backend" : "server",
                      yodel_strerror(rc));
    return rc;
}

static int tell_failure(struct yg_state *state, const char *what, int rc)
{
    if (rc < 0)
        yg_log_option(state, state->first, "%s: %s", what, yodel_strerror(rc));
    return rc;
}

static int start(struct yg_state *state)
{
    int rc;

    if ((rc = tell_failure(state, "auth", yg_auth_new(state, state->first, &state->auth))) < 0)
        return rc;
    if ((rc = make_server(state)) < 0)
        return rc;
    if ((rc = tell_failure(state, "loops", yg_present_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "keys", yg_key_source_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "webhooks", yg_hooks_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "signals", yg_signals_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "health", yg_health_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "notify", yg_notify_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "metrics", yg_metrics_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "redis", yg_redis_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "redis", yg_records_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "redis", yg_relay_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "rooms", yg_rooms_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "rooms", yg_occupancy_start(state))) < 0)
        return rc;
    if ((rc = yg_clients_start(state)) < 0)
        return rc;
    if ((rc = tell_failure(state, "redis", yg_redis_share(state))) < 0)
        return rc;
    if ((rc = yg_websockets_start(state)) < 0 || (rc = yg_events_start(state)) < 0)
        return rc;
    if ((rc = tell_failure(state, "consumers", yg_consumers_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "api", yg_serve_api_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "page", yg_page_start(state))) < 0)
        return rc;
    if ((rc = tell_failure(state, "server.handover", yg_handover_start(state))) < 0)
        return rc;
    return yg_listen_all(state);
}

static struct yg_state *new_state(const struct yg_load *load, const struct yg_config *config,
                                  char **words, bool takes_over)
{
    struct yg_state *state = calloc(1, sizeof(*state));

    if (state == NULL)
        return NULL;
    state->load = load;
    state->handover.words = words;
    state->handover.takes_over = takes_over;
    state->first = config;
    state->config = yg_config_ref(config);
    state->signal_fd = -1;
    pthread_mutex_init(&state->lock, NULL);
    if (getrandom(&state->connection_base, sizeof(state->connection_base), GRND_NONBLOCK) < 0)
        state->connection_base = (uint64_t)yg_clock_us();
    atomic_init(&state->last_reload, 1);
    atomic_init(&state->last_reload_ms, yg_clock_wall_ms());
    return state;
}

static void free_state(struct yg_state *state)
{
    yg_present_free(state);
    state->service.channels = yodel_channels_unref(state->service.channels);
    state->service.kept = yodel_channels_unref(state->service.kept);
    yg_control_end(state);
    yodel_sio_unref(state->sio);
    yg_consumers_end(state->consumers);
    yg_relay_end(state->relay);
    yg_redis_end(state);
    yodel_server_unref(state->server);
    yg_signals_end(state);
    yg_serve_api_end(state);
    yg_admin_free(state->admin);
    yg_key_source_free(state->key_source);
    yg_consumers_free(state->consumers);
    yg_relay_free(state->relay);
    yg_hooks_free(state->hooks);
    yg_occupancy_free(state->occupancy);
    yg_records_free(state->records);
    free(state->websockets);
    free(state->events);
    free(state->beats);
    free(state->cert_ends);
    yg_config_unref(state->config);
    yg_auth_unref(state->auth);
    yg_notify_free(state);
    yg_log_end(state);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

/* Whether a start fails until the configuration is another, or what it names is there: a user, a
 * folder, a right.  What others hold now, such as a port, and what the machine lacks now may pass.
 */
static bool is_lasting(int rc)
{
    static const int lasting[] = {-EINVAL,
                                  -ENOENT,
                                  -ENOTDIR,
                                  -EISDIR,
                                  -ELOOP,
                                  -ENAMETOOLONG,
                                  -EACCES,
                                  -EPERM,
                                  -EROFS,
                                  -EBADF,
                                  -ENOTSOCK,
                                  -EAFNOSUPPORT,
                                  YODEL_ERR_PATTERN,
                                  YODEL_ERR_CONFLICT,
                                  YODEL_ERR_TLS,
                                  YODEL_ERR_UNSUPPORTED,
                                  YODEL_ERR_NAME,
                                  YODEL_ERR_TOO_BIG,
                                  YODEL_ERR_NOT_FOUND};

    for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++) {
        if (rc == lasting[i])
            return true;
    }
    return false;
}

static int serve(struct yg_state *state)
{
    int rc = start(state);

    if (rc == 0)
        rc = tell_failure(state, "server", yodel_server_run(state->server));
    return is_lasting(rc) ? -EINVAL : rc;
}

int yg_serve(const struct yg_load *load, const struct yg_config *config, char **words,
             bool takes_over)
{
    struct yg_state *state = new_state(load, config, words, takes_over);
    int rc;

    if (state == NULL)
        return -ENOMEM;
    rc = yg_log_start(state);
    if (rc < 0) {
        yg_log_end(state);
        yg_config_unref(state->config);
        pthread_mutex_destroy(&state->lock);
        free(state);
        return is_lasting(rc) ? -EINVAL : rc;
    }
    rc = serve(state);
    if (rc >= 0)
        yg_hooks_flush(state->hooks);
    /* A reload that was given up still reads, on a thread that nobody waits for: it has the state,
     * and the process ends anyway. */
    if (!state->is_reloading)
        free_state(state);
    else
        yg_sink_flush(state->sink);
    return rc;
}
