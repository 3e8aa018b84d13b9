/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"
#include "program.h"

/*
 * Who must get what: noted when a message is sent, to those who are certain to be meant, and
 * checked when all is quiet, for those who were there and listened all the while.
 */

struct expected {
    unsigned serial;
    struct ssock *ss; /* or */
    struct wsock *ws;
};

static void expect(struct program *p, unsigned serial, struct ssock *ss, struct wsock *ws)
{
    if (p->num_expected == p->max_expected) {
        p->max_expected = p->max_expected != 0 ? 2 * p->max_expected : 64;
        p->expected = realloc(p->expected, p->max_expected * sizeof *p->expected);
        if (p->expected == NULL)
            abort();
    }
    p->expected[p->num_expected++] = (struct expected){serial, ss, ws};
}

/* ---- when it is sent ---- */

static bool is_in_namespace(const struct ssock *ss, const struct sent *sent)
{
    return sent->service == ss->service &&
           (sent->name < NUM_NAMES ? sent->name == ss->name : is_child(ss->name));
}

/* Certainly in one of rooms; or in none of them. */
static bool is_in(const struct ssock *ss, unsigned rooms, enum in_room wanted)
{
    for (unsigned i = 0; i < NUM_ROOMS; i++)
        if ((rooms >> i & 1) != 0 && (ss->room[i] == wanted) == (wanted == IN))
            return wanted == IN;
    return wanted != IN;
}

static bool is_meant(const struct ssock *ss, const struct sent *sent)
{
    if (sent->to != NULL && sent->to != ss)
        return false;
    if (!is_in_namespace(ss, sent) || (sent->but != NULL && strcmp(sent->but->id, ss->id) == 0))
        return false;
    return (sent->rooms == 0 || is_in(ss, sent->rooms, IN)) && is_in(ss, sent->except, OUT);
}

/* Of a lost socket only the newest record counts, which those who come back inherit from. */
static bool is_newest(struct program *p, const struct ssock *ss)
{
    return ssock_find(p, ss->id, ss->name, ss->service) == ss;
}

void expect_emit(struct program *p, unsigned serial)
{
    const struct sent *sent = &p->sent[serial - 1];

    for (struct ssock *ss = p->ssocks; ss != NULL; ss = ss->next)
        if (ss->connected && ss->disconnecting == ss->ended && is_meant(ss, sent) &&
            is_newest(p, ss))
            expect(p, serial, ss, NULL);
}

void expect_group(struct program *p, unsigned serial)
{
    unsigned group = p->sent[serial - 1].group;

    for (struct wsock *ws = p->wsocks; ws != NULL; ws = ws->next)
        if (ws->is_member[group] && ws->opened && !ws->ending)
            expect(p, serial, NULL, ws);
}

/* ---- when all is quiet ---- */

static bool listens(const struct program *p, int number)
{
    const struct line *line = number >= 0 ? &p->lines[number] : NULL;

    return line != NULL && !line->said_close && !line->got_close && !sim_is_shut(line->peer);
}

static bool client_listens(const struct program *p, const struct ssock *ss)
{
    for (int i = 0; i < p->num_sessions; i++) {
        const struct session *session = &p->sessions[i];

        if (session->service == ss->service && session->open && !session->ended &&
            strcmp(session->joined[ss->name].sid, ss->id) == 0)
            return listens(p, session->on_ws ? session->ws : session->poll);
    }
    return false;
}

/* It has not left, or come into, any room since that matters. */
static bool is_as_it_was(const struct ssock *ss, const struct sent *sent)
{
    for (unsigned i = 0; i < NUM_ROOMS; i++) {
        unsigned bit = 1u << i;

        if ((sent->rooms & bit) != 0 && (ss->room[i] != IN || ss->joined_at[i] >= sent->step))
            return false;
        if ((sent->except & bit) != 0 && (ss->room[i] != OUT || ss->joined_at[i] >= sent->step))
            return false;
    }
    return true;
}

static bool has_seen(const struct seen *seen, unsigned serial)
{
    for (size_t i = 0; i < seen->num; i++)
        if (seen->serials[i] == serial)
            return true;
    return false;
}

static void check_socket(struct program *p, const struct expected *expected)
{
    const struct sent *sent = &p->sent[expected->serial - 1];
    const struct ssock *was = expected->ss, *ss = ssock_find(p, was->id, was->name, was->service);

    if (sent->wants_ack && ss != was)
        return;
    if (ss->connected && !ss->disconnecting && is_as_it_was(ss, sent) && client_listens(p, ss) &&
        !has_seen(&ss->seen, expected->serial))
        broken(p, "event %u did not come to %s", expected->serial, ss->id);
}

/* For other processes to know of a join; not for longer than they get. */
static bool is_held_back(const struct program *p, const struct wsock *ws)
{
    const struct yd_conn *conn = (struct yd_conn *)p->lines[ws->line].peer->stream;

    return conn != NULL && conn->corks > 0 && p->now < ws->held_until;
}

static void check_websocket(struct program *p, const struct expected *expected)
{
    const struct sent *sent = &p->sent[expected->serial - 1];
    const struct wsock *ws = expected->ws;

    if (ws->ending || ws->ws == NULL || !ws->is_member[sent->group] || !listens(p, ws->line) ||
        ws->left_at[sent->group] >= sent->step || is_held_back(p, ws))
        return;
    if (!has_seen(&ws->seen, expected->serial))
        broken(p, "group message %u did not come to the WebSocket of client %d", expected->serial,
               ws->line);
}

/* Memory that failed, and clients that were too slow, excuse what did not come. */
static bool is_excused(const struct program *p)
{
    yodel_server_stats stats = {.size = sizeof stats};

    (void)yodel_server_get_stats(p->server, &stats);
    return p->has_failed || p->num_stops > 0 || stats.congested > 0;
}

void expectations_check(struct program *p)
{
    if (is_excused(p))
        return;
    for (size_t i = 0; i < p->num_expected; i++) {
        const struct expected *expected = &p->expected[i];

        if (p->sent[expected->serial - 1].may_miss)
            continue;
        if (expected->ss != NULL)
            check_socket(p, expected);
        else
            check_websocket(p, expected);
    }
}

/* ---- what has been seen ---- */

void seen_add(struct seen *seen, unsigned serial)
{
    if (seen->num == seen->max) {
        seen->max = seen->max != 0 ? 2 * seen->max : 16;
        if ((seen->serials = realloc(seen->serials, seen->max * sizeof *seen->serials)) == NULL)
            abort();
    }
    seen->serials[seen->num++] = serial;
}

bool seen_has(const struct seen *seen, unsigned serial)
{
    return has_seen(seen, serial);
}
