/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "hook/members.h"
#include "lease/notices.h"
#include "lease/room_scripts.h"
#include "serve/hooked.h"
#include "serve/hooks.h"
#include "serve/occupants_parts.h"

/* ---- spots ---- */

static int compare(const void *left, const void *right)
{
    const struct spot *a = left, *b = right;

    if (a->place.len != b->place.len)
        return a->place.len < b->place.len ? -1 : 1;
    return memcmp(a->place.ptr, b->place.ptr, a->place.len);
}

struct spot *yg_spot_find(const struct yg_occupants *of, yodel_str place)
{
    const struct spot wanted = {.place = place};
    void *found = tfind(&wanted, &of->spots, compare);

    return found != NULL ? *(struct spot **)found : NULL;
}

void yg_spot_free(struct spot *spot)
{
    if (spot->lane != NULL)
        yg_lane_leave(spot->lane);
    free(spot);
}

void yg_spot_detach(struct spot *spot)
{
    struct yg_occupants *of = spot->of;

    (void)tdelete(spot, &of->spots, compare);
    *(spot->prev != NULL ? &spot->prev->next : &of->first) = spot->next;
    if (spot->next != NULL)
        spot->next->prev = spot->prev;
    if (!spot->is_in)
        of->num_left--;
}

void yg_spot_forget(struct spot *spot)
{
    if (spot->is_in || spot->is_changed || spot->is_sent || spot->is_waiting ||
        spot->num_told > 0 || spot->done[0] != '\0')
        return;
    yg_spot_detach(spot);
    yg_spot_free(spot);
}

void yg_spot_change(struct spot *spot)
{
    struct yg_occupants *of = spot->of;

    if (spot->is_changed)
        return;
    spot->is_changed = true;
    spot->next_changed = NULL;
    spot->changed = of->end_changed;
    *of->end_changed = spot;
    of->end_changed = &spot->next_changed;
}

void yg_spot_unchange(struct spot *spot)
{
    struct yg_occupants *of = spot->of;

    if (!spot->is_changed)
        return;
    spot->is_changed = false;
    *spot->changed = spot->next_changed;
    if (spot->next_changed != NULL)
        spot->next_changed->changed = spot->changed;
    else
        of->end_changed = spot->changed;
}

void yg_spot_stop_waiting(struct spot *spot)
{
    if (spot->is_waiting)
        (void)yodel_timer_stop(&spot->timer);
    spot->is_waiting = false;
}

void yg_spot_wait(struct spot *spot, int64_t ms)
{
    yg_spot_stop_waiting(spot);
    if (ms <= 0)
        return;
    if (yodel_timer_start(&spot->timer, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX) == 0)
        spot->is_waiting = true;
}

static void on_due(yodel_timer *timer, void *user)
{
    struct spot *spot = user;

    (void)timer;
    spot->is_waiting = false;
    yg_spot_change(spot);
    yg_occupants_flush(spot->of);
}

struct spot *yg_spot_new(struct yg_occupants *of, yodel_str place)
{
    struct spot *spot = calloc(1, sizeof(*spot) + place.len);

    if (spot == NULL) {
        yg_occupants_count(&of->dropped);
        return NULL;
    }
    memcpy(spot->names, place.ptr, place.len);
    spot->of = of;
    spot->place = (yodel_str){spot->names, place.len};
    yodel_timer_init(&spot->timer, of->loop, on_due, spot);
    if (yg_place_read(spot->place, &spot->ns, &spot->room) < 0 ||
        tsearch(spot, &of->spots, compare) == NULL) {
        yg_occupants_count(&of->dropped);
        free(spot);
        return NULL;
    }
    spot->next = of->first;
    if (of->first != NULL)
        of->first->prev = spot;
    of->first = spot;
    of->num_left++;
    return spot;
}

/* ---- events ---- */

static void finish(struct telling *telling, bool is_taken)
{
    struct spot *spot = telling->spot;

    if (spot->telling == telling) {
        spot->telling = NULL;
        if (is_taken) {
            strcpy(spot->done, telling->id);
            spot->sent_done = false;
            yg_spot_change(spot);
        }
    }
    free(telling);
}

/* What this node could not send before its end is for another one. */
static void on_told(const struct yg_hook_told *told, void *user)
{
    struct telling *telling = user;
    struct spot *spot = telling->spot;
    struct yg_occupants *of = spot->of;

    spot->num_told--;
    of->num_told--;
    if (of->loop == NULL) {
        free(telling);
        if (spot->num_told == 0)
            yg_spot_free(spot);
        return;
    }
    if (told->result != NULL)
        yg_hooked_act(of->state, of->loop, NULL, told->result->actions, told->result->num_actions);
    finish(telling, told->is_stored || !told->is_end);
    yg_occupants_flush(of);
    yg_spot_forget(spot);
}

struct yg_hook *yg_occupants_hook(const struct yg_occupants *of, yodel_str name)
{
    const struct yg_config *config = yg_state_loop_config(of->state, of->loop);
    const struct yg_namespace *ns = yg_namespace_find(config, name);
    struct yg_hook *hook = ns != NULL ? yg_hooks_find(of->state, of->loop, ns->webhook) : NULL;

    if (hook == NULL ||
        (!yg_hook_has_kind(hook, YG_HOOK_OCCUPIED) && !yg_hook_has_kind(hook, YG_HOOK_VACATED)))
        return NULL;
    return hook;
}

/* The lane is of the hook that the namespace has when the first event of this node is told. */
static bool has_lane(struct spot *spot, struct yg_hook *hook)
{
    if (spot->lane == NULL)
        spot->lane = yg_lane_new(hook, spot->ns, NULL, NULL);
    if (spot->lane == NULL)
        return false;
    yg_lane_set_store(spot->lane, yg_notices_lane(spot->room.ptr, spot->room.len));
    return true;
}

static int push(struct telling *telling, struct yg_hook *hook, int64_t seq)
{
    struct spot *spot = telling->spot;
    const int number = telling->kind == YG_HOOK_OCCUPIED;
    struct yg_hook_event *event = NULL;
    struct yg_text *text;

    if (has_lane(spot, hook))
        event = yg_hook_event_new(spot->lane, telling->kind, on_told, telling);
    if (event == NULL)
        return -ENOMEM;
    yg_hook_event_set_id(event, telling->id);
    text = yg_hook_event_text(event);
    yg_member_put(text, "namespace", spot->ns);
    yg_member_put(text, "room", spot->room);
    yg_text_printf(text, ",\"count\":%d", number);
    yg_lane_set_seq(spot->lane, (uint32_t)seq - 1);
    return yg_lane_push(event);
}

/* Memory does not reach: Redis says again that it is to be told. */
static void tell_later(struct yg_occupants *of)
{
    yg_occupants_count(&of->failed);
    of->must_scan = true;
}

static void tell(struct telling *telling, int64_t seq)
{
    struct spot *spot = telling->spot;
    struct yg_hook *hook = yg_occupants_hook(spot->of, spot->ns);
    int rc = -ENOENT;

    spot->telling = telling;
    if (hook != NULL && yg_hook_has_kind(hook, telling->kind))
        rc = push(telling, hook, seq);
    if (rc == -ENOMEM)
        tell_later(spot->of);
    if (rc < 0) {
        finish(telling, rc != -ENOMEM);
        return;
    }
    spot->num_told++;
    spot->of->num_told++;
}

void yg_spot_take_event(struct spot *spot, yodel_str kind, yodel_str id, int64_t seq)
{
    struct telling *telling;

    if (id.len == 0 || id.len >= YG_HOOK_ID || yodel_str_eq(id, yodel_str_of(spot->done)) ||
        (spot->telling != NULL && yodel_str_eq(id, yodel_str_of(spot->telling->id))))
        return;
    telling = calloc(1, sizeof(*telling));
    if (telling == NULL) {
        tell_later(spot->of);
        return;
    }
    telling->spot = spot;
    memcpy(telling->id, id.ptr, id.len);
    telling->kind = yodel_str_eq(kind, YODEL_STR("occupied")) ? YG_HOOK_OCCUPIED : YG_HOOK_VACATED;
    spot->knows = telling->kind == YG_HOOK_OCCUPIED;
    tell(telling, seq);
}
