/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <yodel/sio_redis.h>

#include "base/clock.h"
#include "serve/hook_records.h"
#include "serve/occupancy.h"
#include "serve/state.h"

/* Redis: the client, this node's part in the cluster, the adapter of Socket.IO. */

#define MAX_NAME 127 /* bytes of a node's name */

static void name_node(struct yg_state *state)
{
    const char *id = state->first->server.id;

    if (*id != '\0')
        snprintf(state->node, sizeof(state->node), "%.*s", MAX_NAME, id);
    else if (gethostname(state->node, MAX_NAME) < 0 || state->node[0] == '\0')
        snprintf(state->node, sizeof(state->node), "yodel");
}

static void on_condition(yodel_redis *redis, yodel_redis_condition condition, void *user)
{
    struct yg_state *state = user;
    const bool was_down = atomic_load(&state->redis_down_ms) != 0;

    (void)redis;
    if (condition == YODEL_REDIS_UP && was_down) {
        atomic_store(&state->redis_down_ms, 0);
        yg_log_event(state, YG_LOG_INFO, "redis.connected", "redis: connected");
        yg_records_redis_is_back(state);
        yg_occupancy_redis_is_back(state);
    } else if (condition != YODEL_REDIS_UP && !was_down) {
        atomic_store(&state->redis_down_ms, (int64_t)yg_clock_ms());
        /* At the end the program itself lets go of it. */
        yg_log_event(state, atomic_load(&state->is_draining) ? YG_LOG_INFO : YG_LOG_WARN,
                     "redis.lost", "redis: lost");
    }
}

/* What is no trouble, or is told by who has asked. */
static bool is_usual(yodel_str error)
{
    static const char *const usual[] = {"BUSYGROUP", "NOGROUP", "UNBLOCKED"};

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (error.len >= strlen(usual[i]) && memcmp(error.ptr, usual[i], strlen(usual[i])) == 0)
            return true;
    }
    return false;
}

static void on_refused(yodel_redis *redis, yodel_str command, yodel_str error, void *user)
{
    struct yg_state *state = user;

    (void)redis;
    if (is_usual(error))
        return;
    atomic_fetch_add_explicit(&state->redis_refused, 1, memory_order_relaxed);
    yg_log_lasting(state, YG_LOG_ERROR, "redis.refused",
                   "redis refuses %" YODEL_PRI ": %" YODEL_PRI, YODEL_ARG(command),
                   YODEL_ARG(error));
}

int yg_redis_connect(struct yg_state *state, const yodel_redis_options *options,
                     yodel_redis **ret_redis)
{
    const int rc = yodel_redis_new(state->server, options, ret_redis);

    return rc < 0 ? rc : yodel_redis_set_refused_handler(*ret_redis, on_refused, state);
}

bool yg_redis_is_ready(struct yg_state *state, yodel_loop *loop)
{
    const int64_t since = atomic_load(&state->redis_down_ms);

    return since == 0 || (int64_t)yg_clock_ms() - since <
                             yg_state_loop_config(state, loop)->health.redis_grace_ms;
}

static int connect_redis(struct yg_state *state)
{
    const struct yg_redis_config *config = &state->first->redis;
    int rc = yg_redis_connect(state, YODEL_OPTIONS(yodel_redis_options, .url = config->url),
                              &state->redis);

    if (rc == 0)
        rc = yodel_redis_set_state_handler(state->redis, on_condition, state);
    atomic_store(&state->redis_down_ms, (int64_t)yg_clock_ms());
    return rc;
}

static void on_node(const yodel_node *node, int is_here, void *user)
{
    const struct yg_state *state = user;

    (void)node;
    if (!is_here)
        yg_admin_node_left(state->admin);
}

static int join_cluster(struct yg_state *state)
{
    const struct yg_redis_config *config = &state->first->redis;

    return yodel_cluster_new(
        state->server, state->redis,
        YODEL_OPTIONS(yodel_cluster_options, .name = state->node, .prefix = config->prefix,
                      .beat_ms = config->lease_ms / 4, .dead_ms = config->lease_ms,
                      .on_node = on_node, .user = state),
        &state->cluster);
}

int yg_redis_start(struct yg_state *state)
{
    int rc;

    name_node(state);
    if (*state->first->redis.url == '\0')
        return 0;
    rc = connect_redis(state);
    if (rc == 0)
        rc = join_cluster(state);
    return rc;
}

int yg_redis_share(struct yg_state *state)
{
    static const yodel_sio_redis_form forms[] = {[YG_ADAPTER_REDIS] = YODEL_SIO_REDIS_CLASSIC,
                                                 [YG_ADAPTER_SHARDED] = YODEL_SIO_REDIS_SHARDED,
                                                 [YG_ADAPTER_STREAMS] = YODEL_SIO_REDIS_STREAMS};
    const struct yg_redis_config *config = &state->first->redis;
    char sessions[100];

    if (state->redis == NULL)
        return 0;
    snprintf(sessions, sizeof(sessions), "%s:session:", config->prefix);
    return yodel_sio_use_redis(state->sio, state->redis,
                               YODEL_OPTIONS(yodel_sio_redis_options,
                                             .form = forms[config->adapter],
                                             .prefix = config->prefix, .stream = config->prefix,
                                             .session_prefix = sessions));
}

void yg_redis_end(struct yg_state *state)
{
    state->cluster = yodel_cluster_unref(state->cluster);
    state->redis = yodel_redis_unref(state->redis);
}

void yg_redis_put(struct yg_state *state, struct yg_text *text)
{
    yodel_redis_stats redis = {.size = sizeof(redis)};
    yodel_cluster_stats cluster = {.size = sizeof(cluster)};

    if (state->redis == NULL || yodel_redis_get_stats(state->redis, &redis) < 0 ||
        yodel_cluster_get_stats(state->cluster, &cluster) < 0)
        return;
    yg_metric(text, "yodel_redis_up", "gauge", "Whether all connections to Redis are there.",
              yodel_redis_state(state->redis) == YODEL_REDIS_UP);
    yg_metric(text, "yodel_redis_reconnects_total", "counter",
              "Connections to Redis that came back.", redis.reconnects);
    yg_metric(text, "yodel_redis_dropped_messages_total", "counter",
              "Messages that did not reach Redis.", redis.dropped);
    yg_metric(text, "yodel_redis_refused_total", "counter",
              "Messages, commands and subscriptions that Redis has refused.",
              atomic_load_explicit(&state->redis_refused, memory_order_relaxed));
    yg_metric(text, "yodel_redis_waiting_bytes", "gauge", "Bytes that Redis has not taken yet.",
              redis.waiting);
    yg_metric(text, "yodel_nodes", "gauge", "Nodes that are known to live, this one among them.",
              cluster.nodes + 1);
    yg_metric(text, "yodel_nodes_lost_total", "counter",
              "Nodes that were not heard of for too long.", cluster.lost);
}
