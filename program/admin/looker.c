/* SPDX-License-Identifier: MIT */
#include "admin/looker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/describe.h"
#include "base/clock.h"

/* ---- batches ---- */

int yg_admin_batch_add(struct yg_admin_batch *batch, struct yg_admin_record *record)
{
    if (batch->num == batch->cap) {
        const size_t cap = batch->cap > 0 ? 2 * batch->cap : 16;
        struct yg_admin_record **items =
            realloc(batch->items, cap * sizeof(struct yg_admin_record *));

        if (items == NULL) {
            yg_admin_record_unref(record);
            return -ENOMEM;
        }
        batch->items = items;
        batch->cap = cap;
    }
    batch->items[batch->num++] = record;
    batch->bytes += record->len;
    return 0;
}

void yg_admin_batch_clear(struct yg_admin_batch *batch)
{
    for (size_t i = 0; i < batch->num; i++)
        yg_admin_record_unref(batch->items[i]);
    free(batch->items);
    *batch = (struct yg_admin_batch){0};
}

/* ---- lifetime ---- */

struct yg_looker *yg_looker_new(struct yg_viewer *viewer)
{
    struct yg_looker *looker = calloc(1, sizeof(*looker));

    if (looker == NULL)
        return NULL;
    looker->viewer = viewer != NULL ? yg_viewer_ref(viewer) : NULL;
    looker->has_process = json_object();
    looker->shown = json_object();
    if (looker->has_process == NULL || looker->shown == NULL) {
        yg_looker_free(looker);
        return NULL;
    }
    return looker;
}

static void forget(struct yg_looker *looker)
{
    yg_admin_batch_clear(&looker->states);
    yg_admin_batch_clear(&looker->pending);
    json_object_clear(looker->has_process);
    json_object_clear(looker->shown);
    memset(looker->has_loop, 0, sizeof(looker->has_loop));
    looker->total = 0;
}

void yg_looker_free(struct yg_looker *looker)
{
    forget(looker);
    yg_admin_batch_clear(&looker->out);
    json_decref(looker->has_process);
    json_decref(looker->shown);
    yg_viewer_unref(looker->viewer);
    free(looker);
}

void yg_looker_begin(struct yg_looker *looker, uint64_t gather, unsigned num_loops, uint64_t now_ms)
{
    forget(looker);
    looker->gather = gather;
    looker->begun_ms = now_ms;
    looker->num_missing = num_loops;
    looker->is_live = false;
    looker->is_lost = false;
    looker->has_begun = true;
}

bool yg_looker_has_process(const struct yg_looker *looker, const char *process)
{
    return json_object_get(looker->has_process, process) != NULL;
}

int yg_looker_add_process(struct yg_looker *looker, const char *process)
{
    return json_object_set_new(looker->has_process, process, json_true()) == 0 ? 0 : -ENOMEM;
}

/* ---- what a page is told ---- */

static void send(struct yg_looker *looker, struct yg_admin_record *record)
{
    if (yg_admin_batch_add(&looker->out, yg_admin_record_ref(record)) < 0)
        looker->is_lost = true;
}

static bool is_shown(const struct yg_looker *looker, const char *id)
{
    return json_object_get(looker->shown, id) != NULL;
}

/* Whether the page does not know it yet, and may; from now on it does. */
static bool may_show(struct yg_looker *looker, const char *id)
{
    if (is_shown(looker, id) || json_object_size(looker->shown) >= YG_SNAPSHOT_SOCKETS)
        return false;
    if (json_object_set_new(looker->shown, id, json_true()) != 0) {
        looker->is_lost = true;
        return false;
    }
    return true;
}

/* A page is told of sockets that it knows, from the first moment to the last. */
static void show(struct yg_looker *looker, struct yg_admin_record *record)
{
    if (record->kind == YG_RECORD_CONNECTED) {
        if (may_show(looker, record->id))
            send(looker, record);
    } else if (record->kind == YG_RECORD_GONE) {
        json_object_del(looker->shown, record->id);
    } else if (is_shown(looker, record->id)) {
        send(looker, record);
    }
}

void yg_looker_take(struct yg_looker *looker, struct yg_admin_record *record)
{
    if (looker->is_lost)
        return;
    if (looker->is_live) {
        show(looker, record);
        return;
    }
    if (looker->pending.num >= YG_PENDING_RECORDS || looker->pending.bytes >= YG_PENDING_BYTES ||
        yg_admin_batch_add(&looker->pending, yg_admin_record_ref(record)) < 0)
        looker->is_lost = true;
}

/* ---- gathering ---- */

/* As an event, for a page that was told what others have. */
static void show_late(struct yg_looker *looker, const struct yg_admin_record *state)
{
    struct yg_text text = {0};
    struct yg_admin_record *record;

    yg_text_puts(&text, "[");
    yg_text_add(&text, state->text, state->len);
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    record = yg_admin_record_new(YG_RECORD_CONNECTED, yodel_str_of(state->id), &text);
    yg_text_done(&text);
    if (record == NULL)
        looker->is_lost = true;
    else
        show(looker, record);
    yg_admin_record_unref(record);
}

void yg_looker_take_state(struct yg_looker *looker, struct yg_admin_record *record)
{
    if (looker->is_live && looker->viewer != NULL)
        show_late(looker, record);
    else if (looker->states.num < YG_SNAPSHOT_SOCKETS &&
             yg_admin_batch_add(&looker->states, yg_admin_record_ref(record)) < 0)
        looker->is_lost = true;
}

bool yg_looker_tell(struct yg_looker *looker, struct yg_admin_record *record)
{
    if (record->kind == YG_RECORD_STATE) {
        if (record->gather == looker->gather)
            yg_looker_take_state(looker, record);
        return false;
    }
    if (record->kind == YG_RECORD_END) {
        if (record->gather != looker->gather || looker->has_loop[record->loop])
            return false;
        looker->has_loop[record->loop] = 1;
        looker->total += record->total;
        return --looker->num_missing == 0;
    }
    /* The page of another node is told of what is live by what all nodes are. */
    if (looker->has_loop[record->loop] && (looker->viewer != NULL || !looker->is_live))
        yg_looker_take(looker, record);
    return false;
}

/* In place of those that are too many, where the page lists sockets. */
static void put_note(struct yg_text *text, size_t num_shown, size_t total)
{
    yg_text_printf(text,
                   "%s{\"id\":\"%zu of %zu sockets are shown\",\"clientId\":\"note\","
                   "\"transport\":\"none\",\"nsp\":\"/\",\"data\":{},\"handshake\":{\"address\":"
                   "\"\",\"headers\":{},\"query\":{},\"issued\":%lld,\"secure\":false,\"time\":"
                   "\"\",\"url\":\"\",\"xdomain\":false},\"rooms\":[]}",
                   num_shown > 0 ? "," : "", num_shown, total, (long long)yg_clock_wall_ms());
}

static void send_states(struct yg_looker *looker, size_t max_bytes)
{
    struct yg_text text = {0};
    struct yg_admin_record *record;
    size_t num = 0;

    yg_text_puts(&text, "[[");
    for (size_t i = 0; i < looker->states.num; i++) {
        const struct yg_admin_record *state = looker->states.items[i];

        if (text.len + state->len > max_bytes || !may_show(looker, state->id))
            continue;
        if (num++ > 0)
            yg_text_putc(&text, ',');
        yg_text_add(&text, state->text, state->len);
    }
    if (num < looker->total)
        put_note(&text, num, looker->total);
    yg_text_puts(&text, "]]");
    record = yg_admin_record_new(YG_RECORD_ALL, (yodel_str){NULL, 0}, &text);
    yg_text_done(&text);
    if (record == NULL)
        looker->is_lost = true;
    else
        send(looker, record);
    yg_admin_record_unref(record);
}

void yg_looker_go_live(struct yg_looker *looker, size_t max_bytes)
{
    struct yg_admin_batch pending = looker->pending;

    send_states(looker, max_bytes);
    looker->is_live = true;
    looker->pending = (struct yg_admin_batch){0};
    for (size_t i = 0; i < pending.num; i++)
        show(looker, pending.items[i]);
    yg_admin_batch_clear(&pending);
    yg_admin_batch_clear(&looker->states);
}
