/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/streams.h"
#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * A stream is read on a connection of its own, from the id of the last entry on.  Ahead of the
 * first round, after each lost connection and whenever nothing has come for a while its top is
 * looked at: one below what was read is another stream, from a Redis that came back empty, or an
 * older copy of ours.
 */

#define BLOCK_MS 5000
#define MAX_SENDERS 4096

static struct yd_cluster *cluster_of(const struct yd_xstream *stream)
{
    return stream->streams->cluster;
}

/* ---- who has added it ---- */

struct sender {
    struct yd_map_node node;
    uint64_t number;
    char uid[];
};

static void forget_senders(struct yd_streams *streams)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&streams->senders)) != NULL) {
        yd_map_remove(&streams->senders, node);
        yd_free(streams->mem, yd_container_of(node, struct sender, node));
    }
}

static struct sender *add_sender(struct yd_streams *streams, yodel_str uid)
{
    struct sender *sender;

    if (streams->senders.count >= MAX_SENDERS)
        forget_senders(streams);
    if ((sender = yd_zalloc(streams->mem, sizeof *sender + uid.len)) == NULL)
        return NULL;
    memcpy(sender->uid, uid.ptr, uid.len);
    sender->node.key = (yodel_str){sender->uid, uid.len};
    if (yd_map_insert(&streams->senders, &sender->node) < 0) {
        yd_free(streams->mem, sender);
        return NULL;
    }
    return sender;
}

/* NULL: it gives its entries no numbers, or memory is out. */
static struct sender *sender_of(struct yd_xstream *stream, const struct yd_xstream_fields *fields)
{
    struct yd_streams *streams = stream->streams;
    struct yd_map_node *node;
    char uid[YD_CLUSTER_ID_MAX + 1 + 20];
    int len;

    if (fields->number == 0 || fields->entry.uid.len == 0 ||
        fields->entry.uid.len > YD_CLUSTER_ID_MAX)
        return NULL;
    len = snprintf(uid, sizeof uid, "%td ", stream - streams->all);
    memcpy(uid + len, fields->entry.uid.ptr, fields->entry.uid.len);
    len += (int)fields->entry.uid.len;
    node = yd_map_find(&streams->senders, (yodel_str){uid, (size_t)len});
    return node != NULL ? yd_container_of(node, struct sender, node)
                        : add_sender(streams, (yodel_str){uid, (size_t)len});
}

/* ---- what it says ---- */

static bool is_for_streams(const struct yd_cluster_message *message)
{
    return message->type >= YD_CLUSTER_BROADCAST && message->type <= YD_CLUSTER_DISCONNECT &&
           message->request.len == 0;
}

/* Returns 0, or -ENOMEM: to be read again. */
static int see_others(struct yd_xstream *stream, const struct yd_xstream_fields *fields)
{
    struct yd_cluster *cluster = cluster_of(stream);
    struct yd_cluster_message message;
    char offset[YD_STREAM_ID_SIZE] = "";
    struct yd_op *op = NULL;
    int rc = yd_cluster_decode_entry(cluster->mem, &fields->entry, &message);

    if (rc == 0) {
        if (stream->streams->order.ops != NULL)
            yd_stream_id_write(fields->id, offset);
        if (is_for_streams(&message))
            rc = yd_cluster_make_op(cluster, &message, yodel_str_of(offset), &op);
        yd_cluster_message_done(&message, cluster->mem);
    }
    if (rc == -ENOMEM)
        return rc;
    yd_adapter_count(&cluster->counters.received);
    yd_cluster_note_failure(cluster, rc);
    if (op != NULL)
        yd_xstream_ready(stream, op, YD_XSTREAM_OTHERS, offset);
    return 0;
}

/* What was gathered for a client may have it (stream_restores.c). */
static void note_again(struct yd_xstream *stream, struct yd_stream_id id)
{
    stream->again[stream->num_again++ % YD_STREAMS_RECENT] = id;
}

static void see_again(struct yd_xstream *stream, const struct yd_xstream_fields *fields)
{
    yd_adapter_count(&cluster_of(stream)->counters.received);
    yd_adapter_count(&cluster_of(stream)->counters.ignored);
    note_again(stream, fields->id);
}

static void see_own(struct yd_xstream *stream, const struct yd_xstream_fields *fields)
{
    if (!yd_xstream_read_own(stream, fields->number, fields->id))
        note_again(stream, fields->id);
}

static void note_read(struct yd_xstream *stream, struct yd_stream_id id)
{
    stream->last = id;
    stream->recent[stream->num_recent++ % YD_STREAMS_RECENT] = id;
}

/* A server of Yodel's adds an entry again when it cannot know that the first one has arrived.
 * Returns 0, or -ENOMEM: to be read again, and not for the second time. */
static int see_once(struct yd_xstream *stream, const struct yd_xstream_fields *fields)
{
    struct sender *sender = sender_of(stream, fields);
    int rc = 0;

    if (sender != NULL && fields->number <= sender->number)
        see_again(stream, fields);
    else if ((rc = see_others(stream, fields)) == 0 && sender != NULL)
        sender->number = fields->number;
    return rc;
}

/* Returns 0 or -ENOMEM. */
static int see_entry(struct yd_xstream *stream, const struct yd_redis_reply *reply)
{
    struct yd_xstream_fields fields;

    if (!yd_xstream_read_fields(reply, &fields) ||
        yd_stream_id_compare(fields.id, stream->last) <= 0) {
        yd_adapter_count(&cluster_of(stream)->counters.received);
        yd_cluster_note_failure(cluster_of(stream), YODEL_ERR_PROTOCOL);
        return 0;
    }
    if (yodel_str_eq(fields.entry.uid, yodel_str_of(cluster_of(stream)->uid)))
        see_own(stream, &fields);
    else if (see_once(stream, &fields) < 0)
        return -ENOMEM;
    note_read(stream, fields.id);
    return 0;
}

static void see_entries(struct yd_xstream *stream, const struct yd_redis_reply *list)
{
    if (list->type != YODEL_REDIS_ARRAY)
        return;
    for (size_t i = 0; i < list->num; i++)
        if (see_entry(stream, list->elements[i]) < 0)
            return;
}

/* ---- the top ---- */

static bool is_recent(const struct yd_xstream *stream, struct yd_stream_id id)
{
    unsigned num = stream->num_recent < YD_STREAMS_RECENT ? stream->num_recent : YD_STREAMS_RECENT;

    for (unsigned i = 0; i < num; i++)
        if (yd_stream_id_compare(stream->recent[i], id) == 0)
            return true;
    return false;
}

static void go_back(struct yd_xstream *stream, struct yd_stream_id top)
{
    struct yd_cluster *cluster = cluster_of(stream);
    bool is_copy = is_recent(stream, top);

    if (yd_redis_may_log(cluster->redis))
        yd_log(yd_redis_log(cluster->redis), YODEL_LOG_WARN,
               "redis: stream %s has gone back to %" PRIu64 "-%" PRIu64 "%s", stream->name, top.ms,
               top.seq, is_copy ? "" : ": it is read from its beginning");
    stream->last = is_copy ? top : (struct yd_stream_id){0, 0};
    stream->num_recent = stream->num_again = 0;
    stream->has_top = false;
    yd_xstream_fail_restores(stream, true);
}

static void see_top(struct yd_xstream *stream, const struct yd_redis_reply *reply)
{
    struct yd_xstream_fields fields = {.id = {0, 0}};

    if (reply->type != YODEL_REDIS_ARRAY ||
        (reply->num > 0 && !yd_xstream_read_fields(reply->elements[0], &fields)))
        return;
    stream->must_check = false;
    if (!stream->knows_last)
        stream->last = fields.id;
    else if (yd_stream_id_compare(fields.id, stream->last) < 0)
        go_back(stream, fields.id);
    stream->knows_last = true;
}

/* ---- rounds ---- */

static int add_words(struct yd_redis_words *words, const char *const *texts, size_t num)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < num; i++)
        rc = yd_redis_words_add_text(words, texts[i]);
    return rc;
}

static int make(struct yd_redis_reader *reader, struct yd_redis_words *words)
{
    struct yd_xstream *stream = yd_container_of(reader, struct yd_xstream, reader);
    char id[YD_STREAM_ID_SIZE], block[12], count[12];
    const char *const check[] = {"XREVRANGE", stream->name, "+", "-", "COUNT", "1"};
    const char *const read[] = {"XREAD", "COUNT",   count,        "BLOCK",
                                block,   "STREAMS", stream->name, id};

    if (!yd_list_is_empty(&stream->ready)) /* its loops are behind */
        return -EAGAIN;
    stream->checks = !stream->knows_last || stream->must_check;
    if (stream->checks)
        return add_words(words, check, sizeof check / sizeof check[0]);
    (void)snprintf(block, sizeof block, "%u", BLOCK_MS);
    (void)snprintf(count, sizeof count, "%" PRIu32, stream->streams->read_count);
    yd_stream_id_write(stream->last, id);
    return add_words(words, read, sizeof read / sizeof read[0]);
}

/* [[name, entries]] */
static void on_reply(struct yd_redis_reader *reader, const struct yd_redis_reply *reply)
{
    struct yd_xstream *stream = yd_container_of(reader, struct yd_xstream, reader);

    if (reply == NULL || reply->type == YODEL_REDIS_NIL || yd_redis_is_error(reply))
        stream->must_check = true;
    else if (stream->checks)
        see_top(stream, reply);
    else if (reply->type == YODEL_REDIS_ARRAY && reply->num == 1 &&
             reply->elements[0]->type == YODEL_REDIS_ARRAY && reply->elements[0]->num == 2)
        see_entries(stream, reply->elements[0]->elements[1]);
    yd_xstream_read_on(stream);
    yd_xstream_wake_restores(stream);
}

/* What others add ahead of the first look at the top is never read. */
static bool is_ready(const struct yd_redis_reader *reader)
{
    return yd_container_of(reader, const struct yd_xstream, reader)->knows_last;
}

void yd_xstream_start_reading(struct yd_xstream *stream)
{
    yodel_redis *redis = cluster_of(stream)->redis;

    if (stream->reads)
        return;
    stream->reader = (struct yd_redis_reader){.make = make,
                                              .on_reply = on_reply,
                                              .is_ready = is_ready,
                                              .block_ms = BLOCK_MS,
                                              .key = yodel_str_of(stream->name)};
    stream->reads = yd_redis_reader_start(redis, &stream->reader) == 0;
}

void yd_xstream_stop_reading(struct yd_xstream *stream)
{
    if (stream->reads)
        yd_redis_reader_stop(&stream->reader);
    stream->reads = false;
}

void yd_xstream_forget_senders(struct yd_streams *streams)
{
    forget_senders(streams);
    yd_map_done(&streams->senders);
}
