/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lease/room_scripts.h"
#include "serve/hook_records.h"
#include "serve/metrics_text.h"
#include "serve/occupants_parts.h"

#define MOST_TAKEN 128   /* of a turn */
#define MOST_TOLD 1024   /* events that are told, above which no turn takes more */
#define MOST_LEFT 100000 /* rooms that were left, of which Redis does not know yet */
#define LEAST_GRACE_MS 2000
#define END_MOST 512 /* rooms of a command at the end */
#define END_COMMANDS 64

/* ---- turns ---- */

static void take_turn(struct yg_occupants *of);

static void take_told(struct yg_occupants *of, const yodel_redis_reply *reply, size_t at)
{
    const yodel_str place = yodel_redis_reply_text(yodel_redis_reply_at(reply, at));
    struct spot *spot = yg_spot_find(of, place);

    if (spot == NULL)
        spot = yg_spot_new(of, place);
    if (spot == NULL) {
        of->must_scan = true; /* it is this run's, and told when memory reaches for it */
        return;
    }
    yg_spot_take_event(spot, yodel_redis_reply_text(yodel_redis_reply_at(reply, at + 1)),
                       yodel_redis_reply_text(yodel_redis_reply_at(reply, at + 2)),
                       yodel_redis_reply_integer(yodel_redis_reply_at(reply, at + 3)));
    yg_spot_forget(spot);
}

static void on_turned(const yodel_redis_reply *reply, void *user)
{
    struct yg_occupants *of = user;
    const size_t num = yodel_redis_reply_count(reply);

    of->is_turning = false;
    if (of->loop == NULL)
        return;
    if (num < 3) {
        yg_occupants_count(&of->failed);
        of->must_scan = true; /* it may have been done */
        return;
    }
    yg_occupants_take_epoch(of, yodel_redis_reply_text(yodel_redis_reply_at(reply, 0)));
    for (size_t i = 3; i + 3 < num; i += 4)
        take_told(of, reply, i);
    if (yodel_redis_reply_integer(yodel_redis_reply_at(reply, 2)) == 1)
        yg_occupants_change_all(of);
    yg_occupants_flush(of);
    if (yodel_redis_reply_integer(yodel_redis_reply_at(reply, 1)) == 1 && of->num_told < MOST_TOLD)
        take_turn(of);
}

/* Also when nothing may be taken: others are to know that there is somebody. */
static void take_turn(struct yg_occupants *of)
{
    yodel_str words[9];
    char most[12], gap[12];
    const size_t room = of->num_told < MOST_TOLD ? MOST_TOLD - of->num_told : 0;

    if (of->is_turning)
        return;
    snprintf(most, sizeof(most), "%zu", room < MOST_TAKEN ? room : MOST_TAKEN);
    snprintf(gap, sizeof(gap), "%" PRIu32, of->state->first->redis.lease_ms / 2);
    (void)yg_occupants_put_head(of, yg_script_rooms_turn, words);
    words[7] = yodel_str_of(most);
    words[8] = yodel_str_of(gap);
    of->is_turning = yodel_redis_command(of->state->redis, 9, words, on_turned, of, NULL) == 0;
    if (!of->is_turning)
        yg_occupants_count(&of->failed);
}

static void on_turn(yodel_timer *timer, void *user)
{
    struct yg_occupants *of = user;

    (void)timer;
    take_turn(of);
    if (of->must_scan && !of->is_scanning)
        yg_occupants_scan(of, YODEL_STR("0"));
}

void yg_occupants_redis_is_back(struct yg_occupants *of)
{
    if (of->loop == NULL)
        return;
    take_turn(of);
    yg_occupants_change_all(of);
    (void)yodel_timer_stop(&of->again);
    yg_occupants_flush(of);
    if (!of->is_scanning)
        yg_occupants_scan(of, YODEL_STR("0"));
}

/* ---- rooms ---- */

static struct spot *find_room(struct yg_occupants *of, yodel_str ns, yodel_str room, bool makes)
{
    struct yg_text place = {0};
    struct spot *spot = NULL;

    yg_text_printf(&place, "%zu:", ns.len);
    yg_text_add(&place, ns.ptr, ns.len);
    yg_text_add(&place, room.ptr, room.len);
    if (!yg_text_failed(&place))
        spot = yg_spot_find(of, (yodel_str){place.ptr, place.len});
    else
        yg_occupants_count(&of->dropped);
    if (spot == NULL && makes && !yg_text_failed(&place))
        spot = yg_spot_new(of, (yodel_str){place.ptr, place.len});
    yg_text_done(&place);
    return spot;
}

/* NULL: nothing is to be told of it, or it was entered before. */
static struct spot *enter(struct yg_occupants *of, yodel_str ns, yodel_str room,
                          const struct yg_room *options)
{
    struct spot *spot;

    if (of->loop == NULL)
        return NULL;
    spot = find_room(of, ns, room, options != NULL && yg_occupants_hook(of, ns) != NULL);
    if (spot == NULL || spot->is_in)
        return NULL;
    spot->is_in = true;
    of->num_left--;
    if (options != NULL)
        spot->delay_ms = options->vacated_delay_ms;
    yg_spot_stop_waiting(spot);
    yg_spot_change(spot);
    yg_occupants_count(&of->rooms);
    return spot;
}

void yg_occupants_enter(struct yg_occupants *of, yodel_str ns, yodel_str room,
                        const struct yg_room *options)
{
    if (enter(of, ns, room, options) != NULL)
        yg_occupants_flush(of);
}

/* As of another Redis that is told what back ends know. */
void yg_occupants_know(struct yg_occupants *of, yodel_str ns, yodel_str room,
                       const struct yg_room *options)
{
    struct spot *spot = enter(of, ns, room, options);

    if (spot == NULL)
        return;
    spot->knows = spot->restores = true;
    yg_occupants_flush(of);
}

/* When too many wait for Redis it is told later that this run is not in what it has of it. */
static bool drop(struct spot *spot)
{
    struct yg_occupants *of = spot->of;

    if (of->num_left <= MOST_LEFT || spot->is_sent || spot->num_told > 0 || spot->done[0] != '\0')
        return false;
    of->must_scan = true;
    yg_occupants_count(&of->dropped);
    yg_spot_unchange(spot);
    yg_spot_forget(spot);
    return true;
}

void yg_occupants_leave(struct yg_occupants *of, yodel_str ns, yodel_str room,
                        const struct yg_room *options)
{
    struct spot *spot;

    if (of->loop == NULL || (spot = find_room(of, ns, room, false)) == NULL || !spot->is_in)
        return;
    spot->is_in = false;
    spot->was_in = true;
    of->num_left++;
    spot->delay_ms = options != NULL ? options->vacated_delay_ms : 0;
    atomic_fetch_sub_explicit(&of->rooms, 1, memory_order_relaxed);
    yg_spot_stop_waiting(spot);
    if (drop(spot))
        return;
    yg_spot_change(spot);
    yg_occupants_flush(of);
}

/* ---- life ---- */

struct yg_occupants *yg_occupants_new(struct yg_state *state)
{
    struct yg_occupants *of = calloc(1, sizeof(*of));
    const uint32_t half = state->first->redis.lease_ms / 2;

    if (of == NULL)
        return NULL;
    of->state = state;
    of->end_changed = &of->first_changed;
    snprintf(of->grace, sizeof(of->grace), "%" PRIu32,
             half > LEAST_GRACE_MS ? half : LEAST_GRACE_MS);
    return of;
}

int yg_occupants_start(struct yg_occupants *of, yodel_loop *loop)
{
    const uint32_t ms = of->state->first->redis.lease_ms / 4;

    of->loop = loop;
    yodel_timer_init(&of->turn, loop, on_turn, of);
    yodel_timer_init(&of->again, loop, yg_occupants_on_again, of);
    take_turn(of);
    return yodel_timer_start_periodic(&of->turn, ms > 0 ? ms : 1);
}

void yg_occupants_end(struct yg_occupants *of)
{
    if (of->loop == NULL)
        return;
    (void)yodel_timer_stop(&of->turn);
    (void)yodel_timer_stop(&of->again);
    while (of->first != NULL) {
        struct spot *spot = of->first;

        yg_spot_stop_waiting(spot);
        of->num_at_end++;
        yg_spot_detach(spot);
        if (spot->num_told == 0)
            yg_spot_free(spot);
    }
    of->loop = NULL;
}

static void send_one_end(const struct yg_occupants *of, struct yg_after *after,
                         const char *const *ends, size_t num_ends)
{
    yodel_str *words = calloc(8 + num_ends, sizeof(*words));
    size_t at = 0;

    if (words == NULL)
        return; /* the lease ends by itself */
    words[at++] = YODEL_STR("EVAL");
    words[at++] = yodel_str_of(yg_script_rooms_end);
    words[at++] = YODEL_STR("0");
    words[at++] = yodel_str_of(of->state->first->redis.prefix);
    words[at++] = yodel_str_of(yg_records_run(of->state));
    words[at++] = yodel_str_of(of->id);
    words[at++] = yodel_str_of(of->grace);
    words[at++] = YODEL_STR("512");
    for (size_t i = 0; i < num_ends; i++)
        words[at++] = yodel_str_of(ends[i]);
    yg_after_send(after, at, words, NULL);
    free(words);
}

/* What more there is others take over when the lease has ended. */
void yg_occupants_send_end(const struct yg_occupants *of, struct yg_after *after,
                           const char *const *ends, size_t num_ends)
{
    for (size_t i = 0; of != NULL && i <= of->num_at_end / END_MOST && i < END_COMMANDS; i++)
        send_one_end(of, after, ends, num_ends);
}

void yg_occupants_free(struct yg_occupants *of)
{
    free(of);
}

void yg_occupants_put(const struct yg_occupants *of, struct yg_text *text)
{
    if (of == NULL)
        return;
    yg_metric(text, "yodel_occupancy_rooms", "gauge",
              "Rooms with occupancy_events that sockets of this node are in.",
              atomic_load_explicit(&of->rooms, memory_order_relaxed));
    yg_metric(text, "yodel_occupancy_retries_total", "counter",
              "Commands about such rooms that Redis has not taken, and that were sent again.",
              atomic_load_explicit(&of->failed, memory_order_relaxed));
    yg_metric(text, "yodel_occupancy_dropped_total", "counter",
              "Changes of such rooms that were too many while Redis was away, or that memory did "
              "not reach for.",
              atomic_load_explicit(&of->dropped, memory_order_relaxed));
}
