/* SPDX-License-Identifier: MIT */
/* One client of `yodel load`. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/crowd.h"

#define RETRY_MS 1000                 /* after a failure */
#define MAX_OWED 65536                /* acks of one client */
#define MAX_WAITING ((size_t)1 << 20) /* bytes that a client has not got rid of */

/* ---- those that are up ---- */

static void go_up(struct yg_crowd_client *client)
{
    struct yg_crowd *crowd = client->crowd;

    client->state = YG_CROWD_UP;
    client->up_at = crowd->num_up;
    crowd->up[crowd->num_up++] = client;
    crowd->room_up[client->room]++;
}

static void go_down(struct yg_crowd_client *client)
{
    struct yg_crowd *crowd = client->crowd;

    if (client->state != YG_CROWD_UP)
        return;
    crowd->up[client->up_at] = crowd->up[--crowd->num_up];
    crowd->up[client->up_at]->up_at = client->up_at;
    crowd->room_up[client->room]--;
}

bool yg_crowd_client_waits(const struct yg_crowd_client *client)
{
    const unsigned awaits = client->crowd->options->awaits;

    return ((awaits & YG_CROWD_ACK) != 0 && client->first_ack < client->next_ack) ||
           ((awaits & YG_CROWD_ECHO) != 0 && client->echoed < client->sent);
}

/* ---- acks ---- */

/* Room for one more.  Returns false when there is too much. */
static bool make_room(struct yg_crowd_client *client)
{
    const uint64_t cap = client->owed_cap == 0 ? 8 : 2 * client->owed_cap;
    uint64_t *owed;

    if (client->next_ack - client->first_ack < client->owed_cap)
        return true;
    if (client->owed_cap >= MAX_OWED || (owed = calloc(cap, sizeof(*owed))) == NULL)
        return false;
    for (uint64_t id = client->first_ack; id < client->next_ack; id++)
        owed[id % cap] = client->owed[id % client->owed_cap];
    free(client->owed);
    client->owed = owed;
    client->owed_cap = cap;
    return true;
}

/* Whether it is an ack of a message that awaits one. */
static bool on_message_ack(struct yg_crowd_client *client, uint64_t id)
{
    struct yg_crowd *crowd = client->crowd;
    uint64_t *owed;

    if (id < client->first_ack || id >= client->next_ack ||
        *(owed = &client->owed[id % client->owed_cap]) == 0) {
        crowd->counts.wrong_acks++;
        return false;
    }
    crowd->counts.acked++;
    yg_quantiles_add(&crowd->ack, yg_clock_us() - *owed);
    *owed = 0;
    while (client->first_ack < client->next_ack &&
           client->owed[client->first_ack % client->owed_cap] == 0)
        client->first_ack++;
    return true;
}

/* ---- the end ---- */

/* What is owed to a client that we take away is nobody's fault. */
static void abandon(struct yg_crowd_client *client)
{
    struct yg_crowd_counts *counts = &client->crowd->counts;

    counts->abandoned_echoes += client->echoed < client->sent ? client->sent - client->echoed : 0;
    for (uint64_t id = client->first_ack; id < client->next_ack; id++)
        counts->abandoned_acks += client->owed[id % client->owed_cap] != 0 ? 1 : 0;
}

static void note_outcome(struct yg_crowd_client *client)
{
    client->crowd->num_outcomes += client->had_outcome ? 0 : 1;
    client->had_outcome = true;
}

static void note_failure(struct yg_crowd *crowd, const struct yg_end *end)
{
    if (!crowd->has_failure)
        crowd->failure = *end;
    crowd->has_failure = true;
}

static void on_ended(struct yg_crowd_client *client, const struct yg_end *end)
{
    struct yg_crowd *crowd = client->crowd;
    const enum yg_crowd_state state = client->state;

    go_down(client);
    (void)yodel_timer_stop(&client->retry);
    client->state = YG_CROWD_IDLE;
    crowd->num_alive--;
    if (client->comes_back && state == YG_CROWD_CLOSES) {
        abandon(client);
        client->comes_back = false;
        if (crowd->phase == YG_CROWD_STEADY)
            yg_crowd_client_open(client, yg_clock_us());
        return;
    }
    if (state == YG_CROWD_CLOSES)
        return;
    note_failure(crowd, end);
    if (state == YG_CROWD_CONNECTS)
        crowd->counts.failed++;
    else
        crowd->counts.lost++;
    note_outcome(client);
    if (crowd->phase <= YG_CROWD_STEADY)
        (void)yodel_timer_start(&client->retry, RETRY_MS);
}

/* An answer to the join, or none: the client sends all the same. */
static void be_up(struct yg_crowd_client *client)
{
    (void)yodel_timer_stop(&client->retry);
    go_up(client);
    note_outcome(client);
}

static void on_retry(yodel_timer *timer, void *user)
{
    struct yg_crowd_client *client = user;
    const struct yg_end late = {.kind = YG_END_LATE, .words = "to join"};

    (void)timer;
    if (client->state == YG_CROWD_JOINS) {
        note_failure(client->crowd, &late);
        client->crowd->counts.refused_joins++;
        be_up(client);
    } else if (client->crowd->phase <= YG_CROWD_STEADY) {
        yg_crowd_client_open(client, yg_clock_us());
    }
}

/* ---- the beginning ---- */

static void join(struct yg_crowd_client *client)
{
    struct yg_crowd *crowd = client->crowd;
    struct yg_sio_message message = {.has_id = true, .id = 0};
    struct yg_text text = {0};

    client->state = YG_CROWD_JOINS;
    (void)yodel_timer_start(&client->retry, crowd->options->dial.timeout_ms);
    yg_crowd_expand(&text, crowd, &crowd->join, client, 0);
    message.json = (yodel_str){text.ptr, text.len};
    if (!yg_text_failed(&text))
        (void)yg_sio_send(&client->link.sio, YG_PACKET_EVENT, &message);
    yg_text_done(&text);
}

static void on_connected(struct yg_crowd_client *client)
{
    struct yg_crowd *crowd = client->crowd;

    crowd->counts.connected++;
    crowd->counts.deflated +=
        yg_ws_is_deflated(crowd->is_sio ? &client->link.sio.eio.ws : &client->link.ws) ? 1 : 0;
    crowd->counts.came_back += client->was_connected ? 1 : 0;
    client->was_connected = true;
    yg_quantiles_add(&crowd->connect, yg_clock_us() - client->due_us);
    if (crowd->join.len > 0 && crowd->is_sio) {
        join(client);
        return;
    }
    be_up(client);
}

/* Whether the first argument of an ack is an object with an error. */
static bool is_refusal(yodel_str json)
{
    json_t *args, *error;
    bool is_one;

    if (json.len == 0 || memmem(json.ptr, json.len, "\"error\"", 7) == NULL)
        return false;
    args = json_loadb(json.ptr, json.len, 0, NULL);
    error = json_object_get(json_array_get(args, 0), "error");
    is_one = error != NULL && !json_is_null(error) && !json_is_false(error);
    json_decref(args);
    return is_one;
}

static void note_refusal(struct yg_crowd_client *client, const char *what, yodel_str json)
{
    struct yg_end end = {.kind = YG_END_REFUSED};

    snprintf(end.words, sizeof(end.words), "%s: %.*s", what, json.len < 200 ? (int)json.len : 200,
             json.ptr);
    note_failure(client->crowd, &end);
}

static void on_joined(struct yg_crowd_client *client, yodel_str json)
{
    if (is_refusal(json)) {
        note_refusal(client, "to join", json);
        client->crowd->counts.refused_joins++;
    }
    be_up(client);
}

/* ---- what comes ---- */

static void on_text(struct yg_crowd_client *client, const char *ptr, size_t len)
{
    struct yg_crowd *crowd = client->crowd;
    unsigned from;
    uint64_t due_us, now_us = yg_clock_us();

    if (!yg_crowd_find(crowd, ptr, len, &from, &due_us) || due_us > now_us)
        return;
    if (from == client->index) {
        client->echoed++;
        crowd->counts.echoed++;
        yg_quantiles_add(&crowd->echo, now_us - due_us);
    } else {
        crowd->counts.broadcast++;
        yg_quantiles_add(&crowd->spread, now_us - due_us);
    }
}

static struct yg_crowd_client *of_sio(struct yg_sio *sio)
{
    return (struct yg_crowd_client *)((char *)sio - offsetof(struct yg_crowd_client, link.sio));
}

static void on_sio_connected(struct yg_sio *sio, yodel_str json)
{
    (void)json;
    if (sio->options->eio.transport != YG_TRANSPORT_UPGRADE)
        on_connected(of_sio(sio));
}

static void on_sio_upgraded(struct yg_sio *sio)
{
    on_connected(of_sio(sio));
}

static void on_sio_event(struct yg_sio *sio, const struct yg_sio_message *event)
{
    const struct yg_sio_message ack = {.has_id = true, .id = event->id, .json = YODEL_STR("[]")};

    if (event->has_id)
        (void)yg_sio_send(sio, YG_PACKET_ACK, &ack);
    on_text(of_sio(sio), event->json.ptr, event->json.len);
}

static void on_sio_ack(struct yg_sio *sio, const struct yg_sio_message *ack)
{
    struct yg_crowd_client *client = of_sio(sio);

    if (client->state == YG_CROWD_JOINS && ack->id == 0) {
        on_joined(client, ack->json);
    } else if (on_message_ack(client, ack->id) && is_refusal(ack->json)) {
        note_refusal(client, "a message", ack->json);
        client->crowd->counts.refused_messages++;
    }
}

static void on_sio_ended(struct yg_sio *sio, const struct yg_end *end)
{
    on_ended(of_sio(sio), end);
}

static const struct yg_sio_events sio_events = {.on_connected = on_sio_connected,
                                                .on_upgraded = on_sio_upgraded,
                                                .on_event = on_sio_event,
                                                .on_ack = on_sio_ack,
                                                .on_ended = on_sio_ended};

static struct yg_crowd_client *of_ws(struct yg_ws *ws)
{
    return (struct yg_crowd_client *)((char *)ws - offsetof(struct yg_crowd_client, link.ws));
}

static void on_ws_open(struct yg_ws *ws)
{
    on_connected(of_ws(ws));
}

static void on_ws_message(struct yg_ws *ws, const struct yg_frame *message)
{
    on_text(of_ws(ws), (const char *)message->payload.ptr, message->payload.len);
}

static void on_ws_ended(struct yg_ws *ws, const struct yg_end *end)
{
    on_ended(of_ws(ws), end);
}

static const struct yg_ws_events ws_events = {
    .on_open = on_ws_open, .on_message = on_ws_message, .on_ended = on_ws_ended};

/* ---- what is done with it ---- */

void yg_crowd_client_open(struct yg_crowd_client *client, uint64_t due_us)
{
    struct yg_crowd *crowd = client->crowd;
    const struct yg_sio_options *options = &crowd->rooms[client->room];
    struct yg_end end = {.kind = YG_END_UNREACHABLE};
    int rc;

    yodel_timer_init(&client->retry, crowd->loop, on_retry, client);
    client->state = YG_CROWD_CONNECTS;
    client->due_us = due_us;
    client->sent = client->echoed = 0;
    client->first_ack = client->next_ack = 1;
    crowd->num_alive++;
    rc = crowd->is_sio ? yg_sio_open(&client->link.sio, options, &sio_events)
                       : yg_ws_open(&client->link.ws, &options->eio.ws, &ws_events);
    if (rc == 0)
        return;
    snprintf(end.words, sizeof(end.words), "%s", yodel_strerror(rc));
    on_ended(client, &end);
}

static size_t waiting(const struct yg_crowd_client *client)
{
    return client->crowd->is_sio ? yg_sio_waiting(&client->link.sio)
                                 : yg_link_waiting(&client->link.ws.link);
}

void yg_crowd_client_send(struct yg_crowd_client *client, uint64_t due_us, uint64_t now_us)
{
    struct yg_crowd *crowd = client->crowd;
    const bool wants_ack = (crowd->options->awaits & YG_CROWD_ACK) != 0;
    struct yg_text text = {0};
    int rc = -ENOBUFS;

    yg_crowd_expand(&text, crowd, &crowd->message, client, due_us);
    if (!yg_text_failed(&text) && waiting(client) < MAX_WAITING &&
        (!wants_ack || make_room(client))) {
        const struct yg_sio_message message = {
            .has_id = wants_ack, .id = client->next_ack, .json = {text.ptr, text.len}};

        rc = crowd->is_sio ? yg_sio_send(&client->link.sio, YG_PACKET_EVENT, &message)
                           : yg_ws_send(&client->link.ws, YG_FRAME_TEXT, text.ptr, text.len);
    }
    yg_text_done(&text);
    if (rc < 0) {
        crowd->counts.unsent++;
        return;
    }
    crowd->counts.sent++;
    client->sent++;
    yg_quantiles_add(&crowd->late, now_us - due_us);
    crowd->counts.expected += crowd->room_up[client->room] - 1;
    if (wants_ack)
        client->owed[client->next_ack++ % client->owed_cap] = due_us;
}

void yg_crowd_client_close(struct yg_crowd_client *client)
{
    if (client->state == YG_CROWD_IDLE || client->state == YG_CROWD_CLOSES)
        return;
    if (client->state == YG_CROWD_CONNECTS) {
        yg_crowd_client_drop(client);
        return;
    }
    go_down(client);
    (void)yodel_timer_stop(&client->retry);
    client->state = YG_CROWD_CLOSES;
    if (client->crowd->is_sio)
        yg_sio_close(&client->link.sio);
    else
        yg_ws_close(&client->link.ws, 1000);
}

void yg_crowd_client_drop(struct yg_crowd_client *client)
{
    (void)yodel_timer_stop(&client->retry);
    if (client->state == YG_CROWD_IDLE)
        return;
    go_down(client);
    client->state = YG_CROWD_IDLE;
    client->crowd->num_alive--;
    if (client->crowd->is_sio)
        yg_sio_drop(&client->link.sio);
    else
        yg_ws_drop(&client->link.ws);
}
