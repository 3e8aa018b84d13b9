/* SPDX-License-Identifier: MIT */
#include "serve/hook_lost.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lease/notices.h"
#include "serve/hooked.h"
#include "serve/hooks.h"

#define MOST 500 /* sockets at a time */

size_t yg_lost_room(struct yg_state *state, yodel_loop *loop)
{
    const struct yg_config *config = yg_state_loop_config(state, loop);
    size_t room = MOST;

    for (size_t i = 0; i < config->webhooks.num; i++) {
        const struct yg_hook *hook = yg_hooks_find(state, loop, config->webhooks.items[i].name);
        const size_t most = config->webhooks.items[i].queue.events / 2;
        const size_t now = hook != NULL ? yg_hook_num_events(hook) : most;

        if (now >= most)
            return 0;
        room = most - now < room ? most - now : room;
    }
    return room;
}

/* ---- a socket of a node that has died ---- */

struct lost {
    struct yg_state *state;
    struct yg_lease *lease;
    struct yg_text socket;
    char id[YG_HOOK_ID];
};

static void describe(void *owner, struct yg_text *text)
{
    const struct lost *lost = owner;

    yg_text_add(text, lost->socket.ptr, lost->socket.len);
}

static const struct yg_lane_owner lost_fns = {describe, NULL};

static void free_lost(struct lost *lost)
{
    yg_text_done(&lost->socket);
    free(lost);
}

/* What this node could not send before its end is for the next. */
static void on_told(const struct yg_hook_told *told, void *user)
{
    struct lost *lost = user;

    if (told->result != NULL)
        yg_hooked_act(lost->state, yodel_server_loop(lost->state->server, 0), NULL,
                      told->result->actions, told->result->num_actions);
    if (!told->is_end)
        yg_lease_drop(lost->lease, lost->id);
    free_lost(lost);
}

static struct lost *new_lost(struct yg_state *state, struct yg_lease *lease,
                             const struct yg_lease_record *record)
{
    struct lost *lost = calloc(1, sizeof(*lost));

    if (lost == NULL)
        return NULL;
    lost->state = state;
    lost->lease = lease;
    strncat(lost->id, record->id, sizeof(lost->id) - 1);
    yg_text_add(&lost->socket, record->socket.ptr, record->socket.len);
    if (!yg_text_failed(&lost->socket))
        return lost;
    free_lost(lost);
    return NULL;
}

/* Its node may have died before that was stored, or before it was let in. */
static int push_connected(struct yg_lane *lane, const struct yg_lease_record *record)
{
    struct yg_hook_event *event = yg_hook_event_new(lane, YG_HOOK_CONNECTED, NULL, NULL);
    char id[YG_RECORD_ID];

    if (event == NULL)
        return -1;
    yg_record_connected_id(record->id, id);
    yg_hook_event_set_id(event, id);
    yg_text_puts(yg_hook_event_text(event), ",\"node_lost\":true");
    return yg_lane_push(event);
}

static int push(struct yg_lane *lane, struct lost *lost, const struct yg_lease_record *record)
{
    struct yg_hook_event *event = yg_hook_event_new(lane, YG_HOOK_DISCONNECTED, on_told, lost);

    if (event == NULL)
        return -1;
    yg_hook_event_set_id(event, record->id);
    yg_text_printf(yg_hook_event_text(event),
                   ",\"reason\":\"transport close\",\"rooms\":[],\"duration_ms\":%" PRId64
                   ",\"node_lost\":true",
                   yg_clock_wall_ms() - record->since_ms);
    return yg_lane_push(event);
}

static int tell(struct yg_hook *hook, struct lost *lost, const struct yg_lease_record *record)
{
    struct yg_lane *lane = yg_lane_new(hook, yodel_str_of(record->ns), &lost_fns, lost);
    int rc;

    if (lane == NULL)
        return -1;
    yg_lane_set_seq(lane, record->seq);
    yg_lane_set_store(lane, record->has_lane ? record->lane
                                             : yg_notices_lane(record->id, strlen(record->id)));
    rc = yg_lane_keep(lane);
    if (rc == 0 && record->is_connecting && yg_hook_has_kind(hook, YG_HOOK_CONNECTED))
        rc = push_connected(lane, record);
    if (rc == 0)
        rc = push(lane, lost, record);
    yg_lane_leave(lane);
    return rc;
}

/* What memory does not reach for stays in Redis, for who comes after this node. */
void yg_lost_tell(struct yg_state *state, struct yg_lease *lease,
                  const struct yg_lease_record *record)
{
    struct yg_hook *hook =
        yg_hooks_find(state, yodel_server_loop(state->server, 0), record->webhook);
    struct lost *lost;

    if (hook == NULL) {
        yg_log_event(state, YG_LOG_WARN, "webhook.lost",
                     "webhook %s: there is none to tell of a socket of a node that has died",
                     record->webhook);
        yg_lease_drop(lease, record->id);
        return;
    }
    lost = new_lost(state, lease, record);
    if (lost != NULL && tell(hook, lost, record) == 0)
        return;
    yg_hook_count_lost(hook);
    if (lost != NULL)
        free_lost(lost);
}

/* ---- a node that has started ---- */

void yg_lost_start(struct yg_state *state, struct yg_hook *hook)
{
    struct yg_lane *lane;
    struct yg_hook_event *event;

    if (state->redis != NULL || state->handover.takes_over ||
        !yg_hook_has_kind(hook, YG_HOOK_NODE_STARTED))
        return;
    lane = yg_lane_new(hook, YODEL_STR("/"), NULL, NULL);
    event = lane != NULL ? yg_hook_event_new(lane, YG_HOOK_NODE_STARTED, NULL, NULL) : NULL;
    if (event != NULL) {
        yg_text_puts(yg_hook_event_text(event), ",\"node\":");
        yg_text_put_json(yg_hook_event_text(event), state->node, strlen(state->node));
        (void)yg_lane_push(event);
    } else {
        yg_hook_count_lost(hook);
    }
    if (lane != NULL)
        yg_lane_leave(lane);
}
