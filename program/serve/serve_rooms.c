/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <yodel/history.h>
#include <yodel/history_redis.h>

#include "serve/state.h"

/* The groups of plain WebSockets, the rooms of Socket.IO, and what both can do. */

const struct yg_room *yg_room_find(const struct yg_config *config, yodel_str name)
{
    for (size_t i = 0; i < config->rooms.num; i++) {
        if (yodel_pattern_fits(config->rooms.items[i].match, name))
            return &config->rooms.items[i];
    }
    return NULL;
}

/* ---- history ---- */

/* namespaces NULL: of the groups of plain WebSockets. */
static int keep(yodel_channels *layer, const struct yg_config *config, const char *namespaces)
{
    const size_t num = config->rooms.num;
    yodel_history_rule *rules = calloc(num + 1, sizeof(*rules));
    yodel_history_options *options = calloc(num + 1, sizeof(*options));
    int rc = -ENOMEM;

    for (size_t i = 0; rules != NULL && options != NULL && i < num; i++) {
        const struct yg_room *room = &config->rooms.items[i];

        options[i] = (yodel_history_options){.size = sizeof(options[i]),
                                             .max_messages = room->history.size,
                                             .ttl_ms = room->history.ttl_ms,
                                             .sio_events = namespaces != NULL};
        rules[i] = (yodel_history_rule){.pattern = room->match,
                                        .namespaces = namespaces,
                                        .options = room->history.size > 0 ? &options[i] : NULL};
    }
    if (rules != NULL && options != NULL)
        rc = yodel_channels_set_history(layer, rules, num);
    free(rules);
    free(options);
    return rc;
}

/* Of the rooms of all namespaces, also of those that a reload adds. */
int yg_rooms_keep(struct yg_state *state, const struct yg_config *config,
                  const struct yg_config *before)
{
    int rc = keep(state->service.channels, config, NULL);

    if (rc < 0)
        return rc;
    rc = keep(state->service.kept, config, "*");
    if (rc < 0 && before != NULL && keep(state->service.channels, before, NULL) < 0)
        yg_log(state, YG_LOG_WARN,
               "rooms: out of memory: history of groups is already the new one");
    return rc;
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
    int rc = start_layer(state, &state->service.channels);

    if (rc == 0)
        rc = start_layer(state, &state->service.kept);
    return rc == 0 ? yg_rooms_keep(state, state->first, NULL) : rc;
}
