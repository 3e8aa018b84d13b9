/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <yodel/history.h>
#include <yodel/history_redis.h>

#include "command/rights.h"
#include "serve/state.h"

/* The groups of plain WebSockets, the rooms of Socket.IO, and what both can do. */

const struct yg_room *yg_room_find(const struct yg_config *config, yodel_str name)
{
    for (size_t i = 0; i < config->rooms.num; i++) {
        if (yg_pattern_fits(config->rooms.items[i].match, name))
            return &config->rooms.items[i];
    }
    return NULL;
}

static int keep(struct yg_state *state, yodel_channels *layer, const char *pattern,
                const struct yg_room *room)
{
    const int rc = yodel_channels_keep_history(
        layer, pattern,
        YODEL_OPTIONS(yodel_history_options, .max_messages = room->history.size,
                      .ttl_ms = room->history.ttl_ms, .sio_events = layer == state->service.kept));

    if (rc < 0)
        yg_log(state, YG_LOG_ERROR, "rooms.%s: %s", room->match, yodel_strerror(rc));
    return rc;
}

/* Rooms of a namespace are the groups "/chat#name". */
static int keep_in_namespaces(struct yg_state *state, const struct yg_room *room)
{
    const struct yg_config *config = state->first;
    struct yg_text pattern = {0};
    int rc = 0;

    for (size_t i = 0; i < config->namespaces.num && rc == 0; i++) {
        pattern.len = 0;
        yg_text_printf(&pattern, "%s#%s", config->namespaces.items[i].name, room->match);
        rc = yg_text_failed(&pattern)
                 ? -ENOMEM
                 : keep(state, state->service.kept, yg_text_string(&pattern), room);
    }
    yg_text_done(&pattern);
    return rc;
}

static bool has_history(const struct yg_config *config)
{
    for (size_t i = 0; i < config->rooms.num; i++) {
        if (config->rooms.items[i].history.size > 0)
            return true;
    }
    return false;
}

static int start_layer(struct yg_state *state, yodel_channels **ret_layer)
{
    const struct yg_config *config = state->first;
    int rc = yodel_channels_new_memory(state->server, ret_layer);

    if (rc == 0 && state->redis != NULL)
        rc = yodel_channels_keep_in_redis(
            *ret_layer, state->redis,
            YODEL_OPTIONS(yodel_history_redis_options, .prefix = config->redis.prefix));
    return rc;
}

int yg_rooms_start(struct yg_state *state)
{
    const struct yg_config *config = state->first;
    int rc = start_layer(state, &state->service.channels);

    if (rc == 0 && has_history(config))
        rc = start_layer(state, &state->service.kept);
    for (size_t i = 0; i < config->rooms.num && rc == 0; i++) {
        const struct yg_room *room = &config->rooms.items[i];

        if (room->history.size == 0)
            continue;
        rc = keep(state, state->service.channels, room->match, room);
        if (rc == 0)
            rc = keep_in_namespaces(state, room);
    }
    return rc;
}
