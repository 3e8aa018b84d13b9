/* SPDX-License-Identifier: MIT */
#include "cli/webhook_sample.h"

#include "base/clock.h"

#define NODE "sample"
#define ADDRESS "127.0.0.1"
#define PORT 50000

static json_t *make_socket(const struct yg_webhook_sample *sample, const char *now)
{
    return json_pack("{s:s, s:s, s:s?, s:O?, s:s, s:s, s:s, s:i, s:s}", "sid", sample->sid,
                     "namespace", sample->ns, "user", sample->user, "meta", sample->meta,
                     "connection", "c-sample", "transport", "websocket", "address", ADDRESS, "port",
                     PORT, "connected_at", now);
}

/* What a kind tells beside its socket: a new reference. */
static json_t *make_own(const struct yg_webhook_sample *sample)
{
    switch (sample->kind) {
    case YG_HOOK_CONNECT:
        return json_pack("{s:O?, s:{}, s:{s:s}, s:s, s:O*, s:b}", "auth", sample->auth, "query",
                         "headers", "user-agent", "yodel webhook send", "url",
                         "/socket.io/?EIO=4&transport=websocket", "claims", sample->claims,
                         "recovered", 0);
    case YG_HOOK_EVENT:
        return json_pack("{s:s, s:O, s:b}", "event", sample->event, "args", sample->args, "ack",
                         sample->wants_ack);
    case YG_HOOK_REFRESH:
        return json_pack("{s:I}", "expires_at", (json_int_t)(yg_clock_wall_ms() / 1000 + 30));
    case YG_HOOK_DISCONNECTED:
        return json_pack("{s:s, s:[s], s:i}", "reason", sample->reason, "rooms", sample->room,
                         "duration_ms", 1000);
    case YG_HOOK_OCCUPIED:
    case YG_HOOK_VACATED:
        return json_pack("{s:s, s:s, s:I}", "namespace", sample->ns, "room", sample->room, "count",
                         sample->kind == YG_HOOK_VACATED ? (json_int_t)0 : sample->count);
    case YG_HOOK_NODE_STARTED:
        return json_pack("{s:s}", "node", NODE);
    default:
        return json_object();
    }
}

static bool has_socket(const struct yg_webhook_sample *sample)
{
    return sample->kind != YG_HOOK_OCCUPIED && sample->kind != YG_HOOK_VACATED &&
           sample->kind != YG_HOOK_NODE_STARTED;
}

json_t *yg_webhook_sample_body(const struct yg_webhook_sample *sample)
{
    char now[YG_CLOCK_TEXT];
    json_t *own = make_own(sample), *event;

    yg_clock_text(yg_clock_wall_ms(), now);
    event = json_pack("{s:s, s:s, s:s, s:i}", "id", sample->id, "kind", yg_hook_word(sample->kind),
                      "time", now, "seq", sample->kind == YG_HOOK_CONNECT ? 1 : 2);
    if ((has_socket(sample) &&
         json_object_set_new(event, "socket", make_socket(sample, now)) < 0) ||
        own == NULL || json_object_update(event, own) < 0) {
        json_decref(event);
        event = NULL;
    }
    json_decref(own);
    return json_pack("{s:i, s:s, s:[o]}", "version", 1, "node", NODE, "events", event);
}
