/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/heard.h"
#include "program.h"

/* What was sent, to which receivers, and the judgement of what comes. */

/* ---- calls that are answered once ---- */

struct waiter *waiter_new(struct program *p, const char *what)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter == NULL)
        abort();
    waiter->p = p;
    waiter->what = what;
    waiter->next = p->waiters;
    p->waiters = waiter;
    return waiter;
}

void waiter_called(struct waiter *waiter)
{
    if (waiter->calls++ > 0)
        broken(waiter->p, "%s: called twice", waiter->what);
    if (waiter->returned && waiter->rc < 0)
        broken(waiter->p, "%s: called though it failed with %s", waiter->what,
               yodel_error_name(waiter->rc));
}

void waiter_returned(struct waiter *waiter, int rc)
{
    waiter->rc = rc;
    waiter->returned = true;
    if (rc < 0 && waiter->calls > 0)
        broken(waiter->p, "%s: called, and failed with %s", waiter->what, yodel_error_name(rc));
}

void waiters_check(struct program *p)
{
    for (struct waiter *waiter = p->waiters; waiter != NULL; waiter = waiter->next) {
        bool is_post = waiter->ws_id != 0;

        if (is_post && waiter->frees != 1)
            broken(p, "%s: its argument was freed %d times", waiter->what, waiter->frees);
        if (!is_post && waiter->rc == 0 && waiter->calls != 1)
            broken(p, "%s: not called", waiter->what);
    }
}

/* ---- membership ---- */

void wsock_join(struct wsock *ws, unsigned group, bool in)
{
    if (ws->is_member[group] && !in)
        ws->left_at[group] = ws->p->step;
    if (in)
        ws->held_until = ws->p->now + YD_HEARD_LIMIT_MS;
    ws->is_member[group] = in;
}

void ssock_join(struct ssock *ss, unsigned room, enum in_room in)
{
    if (ss->room[room] == MAYBE) /* an operation that is under way may still change it */
        return;
    if (ss->room[room] == IN && in == OUT)
        ss->left_at[room] = ss->p->step;
    if (ss->room[room] == OUT && in == IN)
        ss->joined_at[room] = ss->p->step;
    ss->room[room] = in;
}

struct ssock *ssock_find(struct program *p, const char *id, int name, unsigned service)
{
    struct ssock *ss = p->ssocks;

    while (ss != NULL && (strcmp(ss->id, id) != 0 || ss->name != name || ss->service != service))
        ss = ss->next;
    return ss;
}

/* ---- what is sent ---- */

static struct sent *sent_at(struct program *p, unsigned serial)
{
    if (serial == 0 || serial > p->num_sent)
        broken(p, "message %u came, which nobody sent", serial);
    return &p->sent[serial - 1];
}

unsigned sent_new(struct program *p, enum sent_kind kind)
{
    if (p->num_sent == p->max_sent) {
        p->max_sent = p->max_sent != 0 ? 2 * p->max_sent : 32;
        if ((p->sent = realloc(p->sent, p->max_sent * sizeof *p->sent)) == NULL)
            abort();
    }
    p->sent[p->num_sent] = (struct sent){
        .kind = kind,
        .sender = p->current >= 0 ? (unsigned)p->current : FOREIGN,
        .step = p->step,
        .nested = p->in_watcher,
    };
    return ++p->num_sent;
}

/* What a stopped loop does not take may have reached others. */
void sent_returned(struct program *p, unsigned serial, int rc)
{
    struct sent *sent = sent_at(p, serial);

    /* for another process each child has a message of its own, so some may have been sent */
    bool may_be_half = p->far != NULL && sent->kind == SENT_EMIT && sent->name == NUM_NAMES;

    sent->failed = rc < 0 && rc != YODEL_ERR_CLOSED && !may_be_half;
    sent->may_miss = sent->may_miss || rc < 0;
    if (sent->failed && sent->has_left)
        broken(p, "message %u came, though sending it failed with %s", serial,
               yodel_error_name(rc));
}

static struct sent *come(struct program *p, unsigned serial)
{
    struct sent *sent = sent_at(p, serial);

    sent->has_left = true;
    if (sent->failed)
        broken(p, "message %u came, though sending it failed", serial);
    return sent;
}

/* ---- what comes to WebSockets ---- */

void wsock_got(struct wsock *ws, unsigned serial, bool event)
{
    struct program *p = ws->p;
    struct sent *sent = come(p, serial);
    unsigned group = sent->group, *last;

    if (!ws->is_member[group] && (ws->left_at[group] == 0 || ws->left_at[group] < sent->step))
        broken(p, "group message %u came to a WebSocket that is no member", serial);
    last = event ? &ws->last_event[sent->sender][group] : &ws->last[sent->sender][group];
    if (serial == *last)
        broken(p, "group message %u came twice", serial);
    if (serial < *last)
        broken(p, "group message %u came after %u of the same sender", serial, *last);
    *last = serial;
    seen_add(&ws->seen, serial);
}

/* ---- what comes to Socket.IO clients ---- */

static void check_once(struct ssock *ss, unsigned serial)
{
    if (!ss->order_lost && ss->asks_truly && seen_has(&ss->seen, serial))
        broken(ss->p, "event %u came twice", serial);
    seen_add(&ss->seen, serial);
}

static bool may_be_in(const struct ssock *ss, unsigned rooms, unsigned since)
{
    for (unsigned i = 0; i < NUM_ROOMS; i++)
        if ((rooms >> i & 1) != 0 &&
            (ss->room[i] != OUT || (ss->left_at[i] != 0 && ss->left_at[i] >= since)))
            return true;
    return false;
}

static void check_target(struct ssock *ss, const struct sent *sent, unsigned serial)
{
    struct program *p = ss->p;

    if (sent->service != ss->service)
        broken(p, "event %u came to another service", serial);
    if (sent->name < NUM_NAMES ? sent->name != ss->name : !is_child(ss->name))
        broken(p, "event %u came to another namespace", serial);
    if (sent->to != NULL && strcmp(sent->to->id, ss->id) != 0)
        broken(p, "event %u came to another client", serial);
    if (sent->but != NULL && strcmp(sent->but->id, ss->id) == 0)
        broken(p, "event %u came to the one that is left out", serial);
    if (sent->rooms != 0 && !may_be_in(ss, sent->rooms, sent->step))
        broken(p, "event %u came to one that is in none of the rooms", serial);
    for (unsigned i = 0; i < NUM_ROOMS; i++)
        if ((sent->except >> i & 1) != 0 && ss->room[i] == IN && ss->joined_at[i] < sent->step)
            broken(p, "event %u came to one in a room that is left out", serial);
}

void ssock_got(struct ssock *ss, unsigned serial)
{
    struct program *p = ss->p;
    struct sent *sent = come(p, serial);
    unsigned *last = &ss->last[sent->sender];

    check_once(ss, serial);
    if (sent->kind != SENT_EMIT)
        return;
    check_target(ss, sent, serial);
    if (sent->nested)
        return;
    if (serial < *last && !ss->order_lost && ss->asks_truly)
        broken(p, "event %u came after %u of the same sender", serial, *last);
    *last = serial;
}

/* ---- the end ---- */

void notes_free(struct program *p)
{
    while (p->wsocks != NULL) {
        struct wsock *next = p->wsocks->next;

        free(p->wsocks->seen.serials);
        free(p->wsocks);
        p->wsocks = next;
    }
    while (p->ssocks != NULL) {
        struct ssock *next = p->ssocks->next;

        free(p->ssocks->seen.serials);
        free(p->ssocks);
        p->ssocks = next;
    }
    while (p->waiters != NULL) {
        struct waiter *next = p->waiters->next;

        free(p->waiters);
        p->waiters = next;
    }
    free(p->sent);
    free(p->expected);
}
