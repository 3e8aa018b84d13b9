/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <yodel/history.h>
#include <yodel/history_redis.h>

#include "command/rights.h"
#include "serve/state.h"

/* The groups of plain WebSockets, and what rooms can do. */

const struct yg_room *yg_room_find(const struct yg_config *config, const char *name)
{
    for (size_t i = 0; i < config->rooms.num; i++) {
        if (yg_pattern_fits(config->rooms.items[i].match, name))
            return &config->rooms.items[i];
    }
    return NULL;
}

static int keep(struct yg_state *state, const struct yg_room *room)
{
    const int rc = yodel_channels_keep_history(state->service.channels, room->match,
                                               YODEL_OPTIONS(yodel_history_options,
                                                             .max_messages = room->history.size,
                                                             .ttl_ms = room->history.ttl_ms));

    if (rc < 0)
        yg_log(state, YG_LOG_ERROR, "rooms.%s: %s", room->match, yodel_strerror(rc));
    return rc;
}

int yg_rooms_start(struct yg_state *state)
{
    const struct yg_config *config = state->first;
    int rc = yodel_channels_new_memory(state->server, &state->service.channels);

    for (size_t i = 0; i < config->rooms.num && rc == 0; i++) {
        if (config->rooms.items[i].history.size > 0)
            rc = keep(state, &config->rooms.items[i]);
    }
    if (rc == 0 && state->redis != NULL)
        rc = yodel_channels_keep_in_redis(
            state->service.channels, state->redis,
            YODEL_OPTIONS(yodel_history_redis_options, .prefix = config->redis.prefix));
    return rc;
}
