/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lease/room_scripts.h"
#include "serve/hook_records.h"
#include "serve/occupants_parts.h"

#define AGAIN_MS 200 /* when Redis has failed */

/* ---- Redis has lost them, or has another state of them ---- */

void yg_occupants_change_all(struct yg_occupants *of)
{
    for (struct spot *spot = of->first; spot != NULL; spot = spot->next)
        yg_spot_change(spot);
}

static void restore(struct yg_occupants *of)
{
    for (struct spot *spot = of->first; spot != NULL; spot = spot->next)
        spot->restores = true;
    of->is_restoring = true;
    yg_occupants_change_all(of);
}

/* Others have told the ends of what this run had, and tell what it told: it begins anew. */
static void begin_anew(struct yg_occupants *of)
{
    for (struct spot *spot = of->first; spot != NULL; spot = spot->next) {
        spot->knows = spot->is_member = spot->restores = spot->was_in = false;
        spot->telling = NULL;
        spot->done[0] = '\0';
    }
    yg_occupants_change_all(of);
}

void yg_occupants_take_epoch(struct yg_occupants *of, yodel_str epoch)
{
    const bool is_new = of->epoch[0] != '\0' && !yodel_str_eq(epoch, yodel_str_of(of->epoch));

    if (epoch.len >= sizeof(of->epoch))
        return;
    memcpy(of->epoch, epoch.ptr, epoch.len);
    of->epoch[epoch.len] = '\0';
    if (is_new)
        restore(of);
}

/* ---- what has changed goes to Redis ---- */

static yodel_str digit(bool value)
{
    return value ? YODEL_STR("1") : YODEL_STR("0");
}

/* Ids of events are made of it by scripts. */
static const char *make_id(struct yg_occupants *of)
{
    snprintf(of->id, sizeof(of->id), "evt_%.16sr%" PRIx64, yg_records_run(of->state),
             ++of->next_id);
    return of->id;
}

size_t yg_occupants_put_head(struct yg_occupants *of, const char *script, yodel_str *words)
{
    words[0] = YODEL_STR("EVAL");
    words[1] = yodel_str_of(script);
    words[2] = YODEL_STR("0");
    words[3] = yodel_str_of(of->state->first->redis.prefix);
    words[4] = yodel_str_of(yg_records_run(of->state));
    words[5] = yodel_str_of(make_id(of));
    words[6] = yodel_str_of(of->grace);
    return 7;
}

static void put_spot(struct yg_occupants *of, size_t i, struct spot *spot)
{
    yodel_str *words = &of->words[HEAD_WORDS + i * SPOT_WORDS];
    const struct telling *telling = spot->telling;
    const bool was_member = spot->is_member; /* then nobody has said meanwhile that it is vacated */

    spot->sent_in = spot->is_in;
    spot->sent_was_in = spot->was_in && !spot->is_in;
    spot->sent_done = spot->done[0] != '\0';
    spot->was_in = false;
    spot->is_member = spot->is_member && spot->is_in;
    snprintf(of->delays[i], sizeof(of->delays[i]), "%" PRIu32, spot->delay_ms);
    words[0] = spot->place;
    words[1] = spot->sent_was_in ? YODEL_STR("2") : digit(spot->is_in);
    words[2] = digit(spot->knows && (was_member || spot->restores));
    words[3] = yodel_str_of(of->delays[i]);
    words[4] = yodel_str_of(spot->done);
    words[5] = telling != NULL ? yodel_str_of(telling->id) : YODEL_STR("");
    words[6] = telling != NULL ? yodel_str_of(yg_hook_word(telling->kind)) : YODEL_STR("");
}

static void choose(struct yg_occupants *of)
{
    of->num_sent = 0;
    while (of->first_changed != NULL && of->num_sent < MOST_SENT) {
        struct spot *spot = of->first_changed;

        yg_spot_unchange(spot);
        spot->is_sent = true;
        of->sent[of->num_sent++] = spot;
    }
    if (of->first_changed == NULL)
        of->is_restoring = false;
}

/* It was not done, or maybe it was: all of it again. */
static void send_again(struct yg_occupants *of)
{
    for (size_t i = 0; i < of->num_sent; i++) {
        struct spot *spot = of->sent[i];

        spot->is_sent = false;
        spot->was_in = spot->was_in || (spot->sent_was_in && !spot->is_in);
        yg_spot_change(spot);
    }
    of->num_sent = 0;
}

static void fail(struct yg_occupants *of)
{
    yg_occupants_count(&of->failed);
    send_again(of);
    (void)yodel_timer_start(&of->again, AGAIN_MS);
}

/* at: in the reply, from told on. */
static void take_spot(struct spot *spot, const yodel_redis_reply *reply, size_t at)
{
    spot->is_sent = false;
    if (spot->sent_done) {
        spot->done[0] = '\0';
        spot->sent_done = false;
    }
    spot->restores = false;
    spot->is_member = spot->sent_in;
    spot->knows = yodel_redis_reply_integer(yodel_redis_reply_at(reply, at)) == 1;
    yg_spot_wait(spot, yodel_redis_reply_integer(yodel_redis_reply_at(reply, at + 1)));
    yg_spot_take_event(spot, yodel_redis_reply_text(yodel_redis_reply_at(reply, at + 2)),
                       yodel_redis_reply_text(yodel_redis_reply_at(reply, at + 3)),
                       yodel_redis_reply_integer(yodel_redis_reply_at(reply, at + 4)));
    yg_spot_forget(spot);
}

static void take_all(struct yg_occupants *of, const yodel_redis_reply *reply)
{
    const yodel_str word = yodel_redis_reply_text(yodel_redis_reply_at(reply, 0));
    const size_t num = of->num_sent;

    if (yodel_redis_reply_count(reply) == 1 + 5 * num) {
        yg_occupants_take_epoch(of, word);
        of->num_sent = 0;
        for (size_t i = 0; i < num; i++)
            take_spot(of->sent[i], reply, 1 + 5 * i);
    } else if (yodel_str_eq(word, YODEL_STR("fenced"))) {
        send_again(of);
        begin_anew(of);
    } else if (yodel_str_eq(word, YODEL_STR("again"))) {
        send_again(of);
        yg_occupants_take_epoch(of, yodel_redis_reply_text(yodel_redis_reply_at(reply, 1)));
    } else {
        fail(of);
    }
}

static void on_sync(const yodel_redis_reply *reply, void *user)
{
    struct yg_occupants *of = user;

    if (of->loop == NULL)
        return;
    if (yodel_redis_reply_type(reply) == YODEL_REDIS_ARRAY)
        take_all(of, reply);
    else
        fail(of);
    of->is_asking = false;
    yg_occupants_flush(of);
}

void yg_occupants_flush(struct yg_occupants *of)
{
    size_t at;

    if (of->loop == NULL || of->is_asking || of->first_changed == NULL ||
        yodel_timer_is_running(&of->again))
        return;
    choose(of);
    at = yg_occupants_put_head(of, yg_script_rooms_sync, of->words);
    of->words[at++] = yodel_str_of(of->epoch);
    of->words[at] = digit(of->is_restoring);
    for (size_t i = 0; i < of->num_sent; i++)
        put_spot(of, i, of->sent[i]);
    of->is_asking = true;
    if (yodel_redis_command(of->state->redis, HEAD_WORDS + of->num_sent * SPOT_WORDS, of->words,
                            on_sync, of, NULL) == 0)
        return;
    of->is_asking = false;
    fail(of);
}

void yg_occupants_on_again(yodel_timer *timer, void *user)
{
    (void)timer;
    yg_occupants_flush(user);
}

/* ---- rooms of this run that Redis has ---- */

/* Of those that are not known here, Redis is told that nobody is in them. */
static void on_scan(const yodel_redis_reply *reply, void *user)
{
    struct yg_occupants *of = user;
    const yodel_redis_reply *places = yodel_redis_reply_at(reply, 1);
    const yodel_str cursor = yodel_redis_reply_text(yodel_redis_reply_at(reply, 0));

    of->is_scanning = false;
    if (of->loop == NULL)
        return;
    for (size_t i = 0; i < yodel_redis_reply_count(places); i++) {
        const yodel_str place = yodel_redis_reply_text(yodel_redis_reply_at(places, i));
        struct spot *spot = yg_spot_find(of, place);

        if (spot == NULL)
            spot = yg_spot_new(of, place);
        if (spot != NULL)
            yg_spot_change(spot);
    }
    yg_occupants_flush(of);
    if (cursor.len == 0)
        of->must_scan = true;
    else if (!yodel_str_eq(cursor, YODEL_STR("0")))
        yg_occupants_scan(of, cursor);
}

void yg_occupants_scan(struct yg_occupants *of, yodel_str cursor)
{
    struct yg_text key = {0};
    int rc = -ENOMEM;

    yg_text_printf(&key, "%s:occupancy:run:%s", of->state->first->redis.prefix,
                   yg_records_run(of->state));
    if (!yg_text_failed(&key))
        rc = yodel_redis_command(of->state->redis, 5,
                                 (const yodel_str[]){YODEL_STR("SSCAN"),
                                                     {key.ptr, key.len},
                                                     cursor,
                                                     YODEL_STR("COUNT"),
                                                     YODEL_STR("128")},
                                 on_scan, of, NULL);
    yg_text_done(&key);
    of->is_scanning = rc == 0;
    of->must_scan = rc < 0;
}
