/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/history_redis.h>
#include <yodel/presence.h>

#include "calls.h"

/* Watchers of groups, and groups that are kept. */

#define MAX_SEERS 6

struct seer {
    struct seer *next;
    struct program *p;
    yodel_watcher *watcher; /* NULL: ended */
    size_t known;
    int frees;
};

/* ---- watchers ---- */

/* Who is told to have left was told to have come. */
static void on_presence(const yodel_presence *presence, void *user)
{
    struct seer *seer = user;

    if (seer->frees > 0)
        broken(seer->p, "presence: told after free_user");
    seer->known += presence->change == YODEL_PRESENCE_JOINED;
    if (seer->known == 0)
        broken(seer->p, "presence: told of one who never came");
    seer->known -= presence->change == YODEL_PRESENCE_LEFT;
    if (presence->count != seer->known)
        broken(seer->p, "presence: %zu are counted, %zu were told of", presence->count,
               seer->known);
    act(seer->p, NULL, NULL);
}

static void on_free(void *user)
{
    if (++((struct seer *)user)->frees > 1)
        broken(((struct seer *)user)->p, "presence: freed twice");
}

void call_watch(struct ctx *c)
{
    const char *group = program_groups[pick(c->p, NUM_GROUPS)];
    unsigned num = 0;
    struct seer *seer;
    int rc;

    for (seer = c->p->seers; seer != NULL; seer = seer->next)
        num++;
    if (num >= MAX_SEERS || (seer = calloc(1, sizeof *seer)) == NULL)
        return;
    seer->p = c->p;
    rc = yodel_group_watch(c->p->layer, group,
                           YODEL_OPTIONS(yodel_watch_options, .fn = on_presence, .user = seer,
                                         .free_user = on_free,
                                         .max_members = once_in(c->p, 3) ? 2 : 0),
                           &seer->watcher);
    say(c->p, "group_watch %s: %d", group, rc);
    if (rc < 0) {
        free(seer);
        return;
    }
    seer->next = c->p->seers;
    c->p->seers = seer;
}

static void end_watch(struct seer *seer)
{
    yodel_watcher *watcher = seer->watcher;

    seer->watcher = NULL;
    (void)yodel_watcher_count(watcher);
    (void)yodel_group_unwatch(watcher);
}

void call_unwatch(struct ctx *c)
{
    struct seer *seer = c->p->seers;

    for (unsigned skip = pick(c->p, MAX_SEERS); seer != NULL && skip > 0; skip--)
        seer = seer->next;
    if (seer == NULL || seer->watcher == NULL)
        return;
    say(c->p, "group_unwatch");
    end_watch(seer);
}

void presence_side_end(struct program *p)
{
    for (struct seer *seer = p->seers; seer != NULL; seer = seer->next)
        if (seer->watcher != NULL)
            end_watch(seer);
}

void presence_side_check(struct program *p)
{
    while (p->seers != NULL) {
        struct seer *next = p->seers->next;

        if (p->seers->frees != 1)
            broken(p, "presence: freed %d times", p->seers->frees);
        free(p->seers);
        p->seers = next;
    }
}

/* ---- history ---- */

void presence_side_set_up(struct program *p)
{
    if (yodel_channels_keep_history(p->layer, "kept*", NULL) < 0 ||
        yodel_channels_keep_history(p->layer, "/chat#r2",
                                    YODEL_OPTIONS(yodel_history_options, .sio_events = 1)) < 0)
        abort();
    redis_side_keep(p);
}

static void look_at(struct waiter *waiter, const yodel_history *history)
{
    waiter_called(waiter);
    if (history->result < 0 && history->num_messages > 0)
        broken(waiter->p, "history: %d, and messages", history->result);
    act(waiter->p, NULL, NULL);
}

static void on_history(const yodel_history *history, void *user)
{
    look_at(user, history);
}

static void on_resume(yodel_ws *ws, const yodel_history *history, void *user)
{
    struct waiter *waiter = user;

    if ((ws == NULL) != (history->result == YODEL_ERR_CLOSED))
        broken(waiter->p, "group_resume: %d for %s", history->result, ws ? "one" : "nobody");
    look_at(waiter, history);
}

static const char *const offsets[] = {NULL, "", "1-1", "nonsense"};

void call_history(struct ctx *c)
{
    static const char *const names[] = {"kept1", "kept3", "not kept"};
    struct waiter *waiter = waiter_new(c->p, "group_history");

    say(c->p, "group_history");
    if (once_in(c->p, 4)) {
        waiter_returned(waiter, yodel_group_forget_history(c->p->layer, names[pick(c->p, 3)],
                                                           on_history, waiter));
        return;
    }
    waiter_returned(waiter,
                    yodel_group_history(c->p->layer, names[pick(c->p, 3)], offsets[pick(c->p, 4)],
                                        pick(c->p, 3), on_history, waiter));
}

void call_resume(struct ctx *c)
{
    struct waiter *waiter = waiter_new(c->p, "group_resume");

    say(c->p, "group_resume %d", c->ws->line);
    waiter_returned(waiter,
                    yodel_group_resume(c->p->layer, once_in(c->p, 2) ? "kept1" : "kept2", c->ws->ws,
                                       offsets[pick(c->p, 4)], 0, on_resume, waiter));
}

static void on_count(const yodel_group_count_result *result, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    if ((result->result < 0) != (result->missing > 0))
        broken(waiter->p, "count: %d, %u missing", result->result, result->missing);
    act(waiter->p, NULL, NULL);
}

/* In other words; now and then groups without members are kept, or are not. */
static void change_rules(struct program *p)
{
    const yodel_history_options plain = {.size = sizeof plain};
    const yodel_history_options events = {.size = sizeof events, .sio_events = 1};
    const yodel_history_rule rules[] = {{"kept3", NULL, once_in(p, 2) ? &plain : NULL},
                                        {"k*pt*", NULL, &plain},
                                        {"r*2", "/ch*", &events},
                                        {"none*", "*", &events}};

    say(p, "set_history");
    if (yodel_channels_set_history(p->layer, rules, once_in(p, 2) ? 4 : 3) == -EINVAL)
        broken(p, "set_history: refused");
}

static void on_place(int result, const char *offset, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    if ((result == 0) != (offset != NULL))
        broken(waiter->p, "told: %d, and %s offset", result, offset != NULL ? "an" : "no");
    act(waiter->p, NULL, NULL);
}

/* Where nobody is. */
static void send_told(struct program *p)
{
    struct waiter *group = waiter_new(p, "group_send_told");
    struct waiter *room = waiter_new(p, "sio_emit_kept_told");

    waiter_returned(group,
                    yodel_group_send_told(p->layer, "kept3", YODEL_WS_TEXT,
                                          (yodel_bytes){(const uint8_t *)"x", 1}, on_place, group));
    waiter_returned(room, yodel_sio_emit_kept_told(p->services[pick(p, p->num_services)].ns[1],
                                                   "r2", "passed", NULL, on_place, room));
}

/* To a group without members: clients know of every frame that may come. */
void call_keep(struct ctx *c)
{
    yodel_history_redis_stats in_redis = {.size = sizeof in_redis};
    yodel_channels_stats stats = {.size = sizeof stats};
    struct waiter *waiter = waiter_new(c->p, "group_count_all");

    if (once_in(c->p, 3))
        change_rules(c->p);
    if (once_in(c->p, 2))
        send_told(c->p);
    (void)yodel_group_send(c->p->layer, "kept3", YODEL_WS_TEXT,
                           (yodel_bytes){(const uint8_t *)"x", 1});
    (void)yodel_channels_get_stats(c->p->layer, &stats);
    (void)yodel_sio_emit_kept(c->p->services[pick(c->p, c->p->num_services)].ns[1], "r2", "passed",
                              NULL);
    (void)yodel_channels_get_history_stats(c->p->layer, &in_redis);
    waiter_returned(waiter, yodel_group_count_all(c->p->layer, "kept1", on_count, waiter));
}
