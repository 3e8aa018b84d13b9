/* SPDX-License-Identifier: MIT */
#include "admin/admin_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *yg_admin_record_event(enum yg_admin_record_kind kind)
{
    static const char *const events[] = {[YG_RECORD_SESSION] = "session",
                                         [YG_RECORD_CONFIG] = "config",
                                         [YG_RECORD_STATS] = "server_stats",
                                         [YG_RECORD_ALL] = "all_sockets",
                                         [YG_RECORD_CONNECTED] = "socket_connected",
                                         [YG_RECORD_UPDATED] = "socket_updated",
                                         [YG_RECORD_DISCONNECTED] = "socket_disconnected",
                                         [YG_RECORD_JOINED] = "room_joined",
                                         [YG_RECORD_LEFT] = "room_left",
                                         [YG_RECORD_RECEIVED] = "event_received",
                                         [YG_RECORD_SENT] = "event_sent",
                                         [YG_RECORD_GONE] = NULL,
                                         [YG_RECORD_STATE] = NULL,
                                         [YG_RECORD_END] = NULL};

    return events[kind];
}

struct yg_admin_record *yg_admin_record_new(enum yg_admin_record_kind kind, yodel_str id,
                                            const struct yg_text *text)
{
    struct yg_admin_record *record;

    if (yg_text_failed(text))
        return NULL;
    record = calloc(1, sizeof(*record) + text->len + 1);
    if (record == NULL)
        return NULL;
    atomic_init(&record->refs, 1);
    record->kind = kind;
    if (id.len >= sizeof(record->id))
        id.len = sizeof(record->id) - 1;
    if (id.len > 0)
        memcpy(record->id, id.ptr, id.len);
    record->len = text->len;
    memcpy(record->text, yg_text_string(text), text->len);
    return record;
}

struct yg_admin_record *yg_admin_record_ref(struct yg_admin_record *record)
{
    atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
    return record;
}

void yg_admin_record_unref(struct yg_admin_record *record)
{
    if (record != NULL && atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) == 1)
        free(record);
}

/* ---- rows ---- */

void yg_admin_records_add(struct yg_admin_records *records, struct yg_admin_record *record)
{
    record->next = NULL;
    if (records->first == NULL)
        records->end = &records->first;
    *records->end = record;
    records->end = &record->next;
    records->num++;
    records->bytes += record->len;
}

struct yg_admin_record *yg_admin_records_take(struct yg_admin_records *records)
{
    struct yg_admin_record *record = records->first;

    if (record == NULL)
        return NULL;
    records->first = record->next;
    records->num--;
    records->bytes -= record->len;
    record->next = NULL;
    return record;
}

void yg_admin_records_clear(struct yg_admin_records *records)
{
    struct yg_admin_record *record;

    while ((record = yg_admin_records_take(records)) != NULL)
        yg_admin_record_unref(record);
}

/* ---- the queue ---- */

void yg_admin_queue_init(struct yg_admin_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    pthread_mutex_init(&queue->lock, NULL);
}

void yg_admin_queue_done(struct yg_admin_queue *queue)
{
    yg_admin_records_clear(&queue->records);
    pthread_mutex_destroy(&queue->lock);
}

static bool may_be_left_out(enum yg_admin_record_kind kind)
{
    return kind == YG_RECORD_RECEIVED || kind == YG_RECORD_SENT;
}

static bool has_room(const struct yg_admin_queue *queue, enum yg_admin_record_kind kind)
{
    const size_t part = may_be_left_out(kind) ? 2 : 1;

    return kind == YG_RECORD_STATE || kind == YG_RECORD_END ||
           (queue->records.num < YG_ADMIN_QUEUE_RECORDS / part &&
            queue->records.bytes < YG_ADMIN_QUEUE_BYTES / part);
}

bool yg_admin_queue_put(struct yg_admin_queue *queue, enum yg_admin_record_kind kind,
                        struct yg_admin_record *record)
{
    bool is_to_be_posted;

    pthread_mutex_lock(&queue->lock);
    if (record != NULL && has_room(queue, kind)) {
        yg_admin_records_add(&queue->records, record);
    } else {
        yg_admin_record_unref(record);
        if (may_be_left_out(kind))
            queue->num_left_out++;
        else
            queue->has_lost = true;
    }
    is_to_be_posted = !queue->is_posted;
    queue->is_posted = true;
    pthread_mutex_unlock(&queue->lock);
    return is_to_be_posted;
}

void yg_admin_queue_not_posted(struct yg_admin_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_posted = false;
    pthread_mutex_unlock(&queue->lock);
}

bool yg_admin_queue_take(struct yg_admin_queue *queue, struct yg_admin_records *ret_records)
{
    bool has_lost;

    pthread_mutex_lock(&queue->lock);
    *ret_records = queue->records;
    if (ret_records->first == NULL)
        ret_records->end = NULL;
    queue->records = (struct yg_admin_records){0};
    has_lost = queue->has_lost;
    queue->has_lost = false;
    queue->is_posted = false;
    pthread_mutex_unlock(&queue->lock);
    return has_lost;
}

uint64_t yg_admin_queue_left_out(struct yg_admin_queue *queue)
{
    uint64_t num;

    pthread_mutex_lock(&queue->lock);
    num = queue->num_left_out;
    pthread_mutex_unlock(&queue->lock);
    return num;
}
