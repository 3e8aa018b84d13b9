/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/streams.h"
#include "base/container.h"
#include "base/mem.h"
#include "bus/op_wire.h"

/*
 * What this server adds to a stream.  Each entry has a number of ours beside what the adapters of
 * node write, by which it is known when it is read:
 *
 *     WAITING   to be sent, after all that are ahead of it
 *     SENT      Redis has been told
 *     LOST      the connection was lost meanwhile: it has arrived, or not.  Once the reader has
 * read up to what is the top of the stream by then it is known; what has not is sent again, with
 * the same number, by which others know it if both have arrived; with a new one if what came after
 * it went to the new connection at once, being unsent, and was read: others would pass it over
 *
 * What Redis has refused is sent again ahead of what came after it: that waits until Redis takes
 * the first one, as it could be taken alone.  Only what was under way by then may still be, when
 * Redis has room again just then.  Numbers grow with what is sent, and what is not above the last
 * one is of no news to others, so what is tried again behind that gets a new one.
 *
 * An entry is carried out here when it is read.  While Redis does not answer it is carried out at
 * once, with the offset of the last entry that was read.
 */

enum state { WAITING, SENT, LOST };

#define PATIENCE_MS 1000 /* for an entry to be read again */
#define LOOK_MS 100

static const struct yodel_allocator *mem_of(const struct yd_xstream *stream)
{
    return stream->streams->mem;
}

static yodel_redis *redis_of(const struct yd_xstream *stream)
{
    return stream->streams->redis;
}

static struct yd_xstream_entry *entry_of(struct yd_list *node)
{
    return yd_container_of(node, struct yd_xstream_entry, node);
}

static struct yd_adapter_counters *counters_of(const struct yd_xstream *stream)
{
    return &stream->streams->cluster->counters;
}

static bool is_down(const struct yd_xstream *stream)
{
    return yodel_redis_state(redis_of(stream)) == YODEL_REDIS_DOWN;
}

static void free_entry(struct yd_xstream_entry *entry)
{
    if (entry->listed || entry->asked)
        return;
    if (entry->op != NULL)
        yd_op_unref(entry->op);
    atomic_fetch_sub(&entry->stream->streams->waiting, entry->size);
    yd_free(mem_of(entry->stream), entry);
}

static void unlist(struct yd_xstream_entry *entry)
{
    yd_list_remove(&entry->node);
    entry->listed = false;
    if (entry->early)
        atomic_fetch_add(&entry->stream->settled, 1);
    free_entry(entry);
}

void yd_xstream_offset(const struct yd_xstream *stream, char text[YD_STREAM_ID_SIZE])
{
    text[0] = '\0';
    if (stream->knows_last && (stream->last.ms > 0 || stream->last.seq > 0))
        yd_stream_id_write(stream->last, text);
}

static void carry_out(struct yd_xstream_entry *entry, enum yd_xstream_kind kind, const char *offset)
{
    struct yd_op *op = entry->op;

    entry->op = NULL;
    if (op != NULL)
        yd_xstream_ready(entry->stream, op, kind, offset);
}

static void carry_out_now(struct yd_xstream_entry *entry)
{
    char offset[YD_STREAM_ID_SIZE];

    yd_xstream_offset(entry->stream, offset);
    carry_out(entry, YD_XSTREAM_NO_PLACE, offset);
}

/* Its place is still to come. */
static void carry_out_early(struct yd_xstream_entry *entry)
{
    if (entry->op != NULL && entry->size > 0) {
        entry->early = true;
        atomic_fetch_add(&entry->stream->early, 1);
    }
    carry_out_now(entry);
}

/* What stays here only waits for what is ahead of it. */
static void carry_out_heads(struct yd_xstream *stream)
{
    while (!yd_list_is_empty(&stream->outbox) && entry_of(stream->outbox.next)->size == 0) {
        struct yd_xstream_entry *entry = entry_of(stream->outbox.next);

        carry_out_now(entry);
        unlist(entry);
    }
}

void yd_xstream_flush(struct yd_xstream *stream)
{
    struct yd_list *next;

    stream->away = true;
    for (struct yd_list *node = stream->outbox.next; node != &stream->outbox; node = next) {
        next = node->next;
        carry_out_early(entry_of(node));
    }
    carry_out_heads(stream);
}

/* ---- XADD ---- */

static void count_given_up(struct yd_xstream *stream)
{
    yd_redis_count_dropped(redis_of(stream), 1);
    yd_adapter_count(&counters_of(stream)->failed);
}

static void give_up(struct yd_xstream_entry *entry)
{
    struct yd_xstream *stream = entry->stream;

    count_given_up(stream);
    carry_out_now(entry);
    if (entry->listed)
        unlist(entry);
    carry_out_heads(stream);
}

static void send_waiting(struct yd_xstream *stream, bool now);

static void on_added(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_xstream_entry *entry = arg;
    struct yd_xstream *stream = entry->stream;
    const bool was_taken = reply != NULL && !yd_redis_is_error(reply);

    entry->asked = false;
    if (!entry->listed) {
        free_entry(entry);
    } else if (reply == NULL) {
        entry->state = LOST;
        entry->was_lost = true;
        yd_xstream_wait(stream, LOOK_MS);
    } else if (yd_redis_is_error(reply) && !yd_redis_error_passes(reply->text)) {
        give_up(entry);
    } else if (yd_redis_is_error(reply)) {
        entry->state = WAITING;
        stream->refused = true;
        yd_xstream_wait(stream, LOOK_MS);
    } else if (entry->op == NULL) {
        unlist(entry);
        carry_out_heads(stream);
    }
    if (was_taken && stream->refused) {
        stream->refused = false;
        send_waiting(stream, false);
    }
}

static yodel_bytes bytes_of(yodel_str text)
{
    return (yodel_bytes){(const uint8_t *)text.ptr, text.len};
}

#define WORD(text) bytes_of(YODEL_STR(text))

static int add(struct yd_xstream_entry *entry)
{
    struct yd_xstream *stream = entry->stream;
    struct yd_wire_reader reader = {{entry->parcel, entry->size}, false};
    yodel_str nsp = yd_wire_get_str(&reader);
    char max_len[11], type[4], number[21];
    yodel_bytes argv[] = {WORD("XADD"),   bytes_of(yodel_str_of(stream->name)),
                          WORD("MAXLEN"), WORD("~"),
                          WORD("0"),      WORD("*"),
                          WORD("uid"),    bytes_of(yodel_str_of(stream->streams->cluster->uid)),
                          WORD("nsp"),    bytes_of(nsp),
                          WORD("type"),   WORD(""),
                          WORD("data"),   WORD(""),
                          WORD("n"),      WORD("")};
    struct yd_redis_command command = {sizeof argv / sizeof argv[0], argv, on_added, entry, NULL,
                                       yodel_str_of(stream->name)};
    int rc;

    /* What may have arrived keeps its number, unless what came after it has been read by now. */
    if (!entry->was_lost || entry->number < stream->read_number)
        entry->number = ++stream->number;
    (void)snprintf(max_len, sizeof max_len, "%" PRIu32, stream->streams->max_len);
    (void)snprintf(type, sizeof type, "%u", yd_wire_get_u8(&reader));
    (void)snprintf(number, sizeof number, "%" PRIu64, entry->number);
    argv[4] = bytes_of(yodel_str_of(max_len));
    argv[11] = bytes_of(yodel_str_of(type));
    argv[13] = reader.rest;
    argv[15] = bytes_of(yodel_str_of(number));
    entry->asked = true;
    entry->state = SENT;
    if ((rc = yd_redis_command(redis_of(stream), &command)) < 0) {
        entry->asked = false;
        entry->state = WAITING;
    } else {
        yd_adapter_count(entry->is_again ? &counters_of(stream)->resent
                                         : &counters_of(stream)->published);
        entry->is_again = true;
    }
    return rc;
}

/* The first that waits, and all after it, for they keep their order; none while it is not known
 * what has arrived, and the first alone while Redis refuses. */
static void send_waiting(struct yd_xstream *stream, bool now)
{
    struct yd_list *next;
    bool is_tried = false;

    if (is_down(stream) && !now)
        return;
    for (struct yd_list *node = stream->outbox.next; node != &stream->outbox; node = next) {
        struct yd_xstream_entry *entry = entry_of(node);
        int rc = 0;

        next = node->next;
        if (entry->state == LOST || (stream->refused && !now && is_tried))
            return;
        is_tried = entry->asked;
        if (entry->size > 0 && entry->state == WAITING) {
            rc = add(entry);
            is_tried = rc == 0;
        }
        if (rc == YODEL_ERR_TOO_BIG) {
            give_up(entry);
            next = stream->outbox.next; /* others may have gone with it */
        } else if (rc < 0) {
            return;
        }
    }
}

/* ---- what was lost ---- */

static bool has_lost(const struct yd_xstream *stream)
{
    for (struct yd_list *node = stream->outbox.next; node != &stream->outbox; node = node->next)
        if (entry_of(node)->state == LOST)
            return true;
    return false;
}

void yd_xstream_read_on(struct yd_xstream *stream)
{
    if (!stream->has_top || !stream->knows_last ||
        yd_stream_id_compare(stream->last, stream->top) < 0)
        return;
    stream->has_top = false;
    for (struct yd_list *node = stream->outbox.next; node != &stream->outbox; node = node->next)
        if (entry_of(node)->state == LOST)
            entry_of(node)->state = WAITING;
    send_waiting(stream, false);
}

static void on_top(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_xstream *stream = arg;
    struct yd_xstream_fields fields = {.id = {0, 0}};

    stream->asks_top = false;
    if (reply == NULL || reply->type != YODEL_REDIS_ARRAY)
        return;
    if (reply->num > 0 && !yd_xstream_read_fields(reply->elements[0], &fields))
        return;
    stream->top = fields.id;
    stream->has_top = true;
    yd_xstream_read_on(stream);
}

static void ask_top(struct yd_xstream *stream)
{
    yodel_bytes argv[] = {WORD("XREVRANGE"), bytes_of(yodel_str_of(stream->name)),
                          WORD("+"),         WORD("-"),
                          WORD("COUNT"),     WORD("1")};
    struct yd_redis_command command = {sizeof argv / sizeof argv[0], argv, on_top, stream, NULL,
                                       yodel_str_of(stream->name)};

    stream->asks_top = true;
    if (yd_redis_command(redis_of(stream), &command) < 0)
        stream->asks_top = false;
}

/* ---- the timer ---- */

void yd_xstream_wait(struct yd_xstream *stream, uint32_t ms)
{
    struct yd_loop *loop = yd_redis_loop(redis_of(stream));
    uint64_t due = yd_loop_due(loop, ms);

    if (!yd_timer_is_running(&stream->timer) || stream->timer.due > due)
        yd_timer_start(&loop->wheel, &stream->timer, due);
}

/* This loop was late itself, or others are: what Redis has said meanwhile is not read yet. */
static void forgive(struct yd_xstream *stream)
{
    uint64_t now = yd_redis_loop(redis_of(stream))->now;

    for (struct yd_list *node = stream->outbox.next; node != &stream->outbox; node = node->next)
        entry_of(node)->since = now;
}

static bool is_impatient(const struct yd_xstream *stream)
{
    uint64_t now = yd_redis_loop(redis_of(stream))->now;

    for (struct yd_list *node = stream->outbox.next; node != &stream->outbox; node = node->next)
        if (entry_of(node)->op != NULL)
            return now >= entry_of(node)->since + PATIENCE_MS;
    return false;
}

/* What others do not get any more, so that it does not grow for ever. */
static void drop_oldest(struct yd_xstream *stream)
{
    const struct yd_streams *streams = stream->streams;
    struct yd_list *next;

    for (struct yd_list *node = stream->outbox.next;
         node != &stream->outbox && atomic_load(&streams->waiting) > streams->max_waiting;
         node = next) {
        struct yd_xstream_entry *entry = entry_of(node);

        next = node->next;
        if (entry->op != NULL || entry->asked)
            continue;
        count_given_up(stream);
        unlist(entry);
    }
}

static void on_timer(struct yd_timer *timer)
{
    struct yd_xstream *stream = yd_container_of(timer, struct yd_xstream, timer);

    if (yd_redis_loop(redis_of(stream))->now > timer->due + LOOK_MS ||
        !yd_list_is_empty(&stream->ready))
        forgive(stream);
    yd_xstream_pump(stream);
    yd_xstream_fail_restores(stream, false);
    if (!yd_list_is_empty(&stream->restores))
        yd_xstream_wait(stream, LOOK_MS);
    if (yd_list_is_empty(&stream->outbox)) {
        stream->away = false;
        return;
    }
    if (!is_down(stream) && !stream->asks_top && !stream->has_top && has_lost(stream))
        ask_top(stream);
    send_waiting(stream, false);
    if (is_down(stream) || is_impatient(stream))
        yd_xstream_flush(stream);
    drop_oldest(stream);
    yd_xstream_wait(stream, LOOK_MS);
}

void yd_xstream_finish(struct yd_xstream *stream)
{
    send_waiting(stream, true);
}

/* ---- what comes in ---- */

/* Those that wait ahead of it are sent first. */
static bool may_send(const struct yd_xstream_entry *entry)
{
    const struct yd_xstream *stream = entry->stream;
    const struct yd_xstream_entry *before;

    if (entry->node.prev == &stream->outbox)
        return true;
    if (stream->refused)
        return false;
    before = yd_container_of(entry->node.prev, const struct yd_xstream_entry, node);
    return before->size == 0 ? !has_lost(stream) : before->state == SENT;
}

static void run_entry(struct yd_mail *mail, void *receiver)
{
    struct yd_xstream_entry *entry = yd_container_of(mail, struct yd_xstream_entry, mail);
    struct yd_xstream *stream = entry->stream;

    if (receiver == NULL) { /* the loop has ended */
        free_entry(entry);
        return;
    }
    entry->since = yd_redis_loop(redis_of(stream))->now;
    entry->listed = true;
    yd_list_append(&stream->outbox, &entry->node);
    if (is_down(stream) && !stream->away)
        yd_xstream_flush(stream);
    else if (stream->away)
        carry_out_early(entry);
    if (entry->size > 0 && may_send(entry) && !is_down(stream) && add(entry) == YODEL_ERR_TOO_BIG)
        give_up(entry);
    carry_out_heads(stream);
    drop_oldest(stream);
    yd_xstream_wait(stream, LOOK_MS);
}

/* While Redis is away the oldest are dropped instead. */
static bool has_room(struct yd_streams *streams, const struct yd_xstream *stream, size_t size)
{
    size_t waiting = atomic_fetch_add(&streams->waiting, size);

    if (waiting + size <= streams->max_waiting || size == 0 || is_down(stream))
        return true;
    atomic_fetch_sub(&streams->waiting, size);
    return false;
}

int yd_xstream_post(struct yd_streams *streams, struct yd_xstream *stream, struct yd_op *op,
                    yodel_bytes parcel)
{
    struct yd_xstream_entry *entry;

    if (!has_room(streams, stream, parcel.len))
        return YODEL_ERR_CONGESTED;
    if ((entry = yd_zalloc(streams->mem, sizeof *entry + parcel.len)) == NULL) {
        atomic_fetch_sub(&streams->waiting, parcel.len);
        return -ENOMEM;
    }
    entry->mail.run = run_entry;
    entry->stream = stream;
    entry->op = op;
    entry->size = parcel.len;
    if (parcel.len > 0)
        memcpy(entry->parcel, parcel.ptr, parcel.len);
    if (yd_loop_post(yd_redis_loop(streams->redis), &entry->mail) == 0)
        return 0;
    entry->op = NULL;
    free_entry(entry);
    return YODEL_ERR_CLOSED;
}

/* ---- what was read ---- */

bool yd_xstream_read_own(struct yd_xstream *stream, uint64_t number, struct yd_stream_id id)
{
    char offset[YD_STREAM_ID_SIZE];
    struct yd_list *node = stream->outbox.next;

    if (number > 0 && number <= stream->read_number)
        return false;
    stream->read_number = number > 0 ? number : stream->read_number;
    while (node != &stream->outbox && entry_of(node)->number != number)
        node = node->next;
    if (node == &stream->outbox)
        return true;
    yd_stream_id_write(id, offset);
    stream->away = false;
    carry_out(entry_of(node), YD_XSTREAM_OWN, offset);
    unlist(entry_of(node));
    carry_out_heads(stream);
    return true;
}

void yd_xstream_empty(struct yd_xstream *stream)
{
    while (!yd_list_is_empty(&stream->outbox)) {
        struct yd_xstream_entry *entry = entry_of(stream->outbox.next);

        entry->asked = false;
        unlist(entry);
    }
}

void yd_xstream_outbox_init(struct yd_xstream *stream)
{
    yd_list_init(&stream->outbox);
    yd_timer_init(&stream->timer, on_timer);
}
