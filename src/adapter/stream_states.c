/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/streams.h"
#include "base/container.h"
#include "base/mem.h"
#include "proto/json_scan.h"

/* The order of a service: its operations go by streams, and the states of lost sockets are keys of
 * Redis, which end with the time for recovery. */

#define PAGE 200 /* entries that are looked at at a time */
#define PAGE_TEXT "200"
#define MAX_PAGES 500

static struct yd_streams *streams_of(struct yd_sio_order *order)
{
    return yd_container_of(order, struct yd_streams, order);
}

static yodel_bytes bytes_of(yodel_str text)
{
    return (yodel_bytes){(const uint8_t *)text.ptr, text.len};
}

#define WORD(text) bytes_of(YODEL_STR(text))

/* ---- operations ---- */

static int make_parcel(const struct yd_streams *streams, const struct yd_sio_outgoing *out,
                       struct yd_buf *parcel)
{
    const struct yd_cluster *cluster = streams->cluster;
    struct yd_cluster_out message = {
        .uid = yodel_str_of(cluster->uid),
        .nsp = out->ns,
        .attachments = out->attachments,
        .num_attachments = out->num_attachments,
    };
    struct yd_buf data = {0};
    int rc = yd_cluster_put_op(cluster, out, (yodel_str){NULL, 0}, &data, &message.type);

    message.data = (yodel_str){(const char *)data.ptr, data.len};
    if (rc == 0)
        rc = yd_streams_put_parcel(streams, &message, parcel);
    yd_buf_free(cluster->mem, &data);
    return rc;
}

/* What concerns this process alone has its turn, too, but is added nowhere. */
static int take(struct yd_sio_order *order, struct yd_op *op)
{
    struct yd_streams *streams = streams_of(order);
    struct yd_sio_outgoing out;
    struct yd_buf parcel = {0};
    bool meant = yd_sio_read_ordered(op, &out);
    int rc = 0;

    if (meant && yd_sio_order_is_shared(op))
        rc = make_parcel(streams, &out, &parcel);
    if (rc == 0)
        rc = yd_xstream_post(streams, yd_streams_of(streams, out.ns), op,
                             (yodel_bytes){parcel.ptr, parcel.len});
    yd_buf_free(streams->mem, &parcel);
    return rc;
}

/* ---- states ---- */

static int put_key(const struct yd_streams *streams, struct yd_buf *key, yodel_str pid)
{
    int rc = yd_buf_append_str(streams->mem, key, yodel_str_of(streams->sessions));

    return rc == 0 ? yd_buf_append_str(streams->mem, key, pid) : rc;
}

/* One that cannot be kept is lost: its client begins afresh. */
static void save(struct yd_sio_order *order, const struct yd_sio_state *state)
{
    struct yd_streams *streams = streams_of(order);
    const struct yodel_allocator *mem = streams->mem;
    struct yd_cluster_session session = {
        .sid = state->sid, .pid = state->pid, .rooms = state->rooms, .data = state->data};
    struct yd_buf key = {0}, text = {0};
    char ms[12];
    yodel_bytes argv[] = {WORD("SET"), WORD(""), WORD(""), WORD("PX"), WORD("")};
    struct yd_redis_command command = {
        sizeof argv / sizeof argv[0], argv, NULL, NULL, NULL, {NULL, 0}};
    int rc = put_key(streams, &key, state->pid);

    if (rc == 0)
        rc = yd_cluster_put_session(mem, &text, &session);
    if (rc == 0) {
        (void)snprintf(ms, sizeof ms, "%" PRIu32, yd_sio_recovery_ms(streams->cluster->sio));
        argv[1] = (yodel_bytes){key.ptr, key.len};
        argv[2] = (yodel_bytes){text.ptr, text.len};
        argv[4] = bytes_of(yodel_str_of(ms));
        command.key = (yodel_str){(char *)key.ptr, key.len};
        rc = yd_redis_command(streams->redis, &command);
    }
    if (rc < 0)
        yd_redis_count_dropped(streams->redis, 1);
    yd_buf_free(mem, &key);
    yd_buf_free(mem, &text);
}

/* ---- restoring ---- */

static struct yd_streams *owner_of(const struct yd_sio_restore *restore)
{
    return restore->owner;
}

static void on_state(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_sio_restore *restore = arg;
    const struct yodel_allocator *mem = owner_of(restore)->mem;
    struct yd_cluster_session session;
    struct yd_sio_state state;

    if (reply == NULL || reply->type != YODEL_REDIS_STRING ||
        yd_cluster_get_session(mem, reply->text, &session) < 0) {
        yd_sio_restore_found(restore, NULL);
        return;
    }
    state = (struct yd_sio_state){
        .sid = session.sid, .pid = session.pid, .rooms = session.rooms, .data = session.data};
    yd_sio_restore_found(restore, &state);
    yd_cluster_session_done(&session, mem);
}

static int ask_state(struct yd_sio_restore *restore)
{
    struct yd_streams *streams = owner_of(restore);
    struct yd_buf key = {0};
    yodel_bytes argv[] = {WORD("GETDEL"), WORD("")};
    struct yd_redis_command command = {2, argv, on_state, restore, NULL, {NULL, 0}};
    int rc = put_key(streams, &key, (yodel_str){restore->pid, YD_ID_LEN});

    if (rc == 0) {
        argv[1] = (yodel_bytes){key.ptr, key.len};
        command.key = (yodel_str){(char *)key.ptr, key.len};
        rc = yd_redis_command(streams->redis, &command);
    }
    yd_buf_free(streams->mem, &key);
    return rc;
}

/* What was missed is known only as long as the stream has the last entry that was not. */
static void on_offset(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_sio_restore *restore = arg;

    if (reply == NULL || reply->type != YODEL_REDIS_ARRAY || reply->num != 1 ||
        ask_state(restore) < 0)
        yd_sio_restore_found(restore, NULL);
}

static struct yd_xstream *stream_of(const struct yd_sio_restore *restore)
{
    return yd_streams_of(owner_of(restore), yodel_sio_namespace_name(restore->ns));
}

static int ask_range(struct yd_sio_restore *restore, const char *from, const char *to,
                     yd_redis_reply_fn *fn)
{
    yodel_str name = yodel_str_of(stream_of(restore)->name);
    yodel_bytes argv[] = {
        WORD("XRANGE"), bytes_of(name), bytes_of(yodel_str_of(from)), bytes_of(yodel_str_of(to)),
        WORD("COUNT"),  WORD(PAGE_TEXT)};
    struct yd_redis_command command = {sizeof argv / sizeof argv[0], argv, fn, restore, NULL, name};

    return yd_redis_command(owner_of(restore)->redis, &command);
}

static void restore_state(struct yd_sio_order *order, struct yd_sio_restore *restore)
{
    struct yd_streams *streams = streams_of(order);
    struct yd_stream_id id;
    bool known = yd_stream_id_read(yodel_str_of(restore->offset), &id);

    restore->owner = streams;
    restore->early = atomic_load(&stream_of(restore)->early);
    if (!known || yodel_redis_state(streams->redis) == YODEL_REDIS_DOWN ||
        ask_range(restore, restore->offset, restore->offset, on_offset) < 0)
        yd_sio_restore_found(restore, NULL);
}

/* ---- what was missed ---- */

/* Whether both arrays have a name. */
static int share(const struct yodel_allocator *mem, yodel_str a, yodel_str b)
{
    struct yd_buf names[2] = {{0}, {0}};
    int rc = yd_cluster_get_names(mem, a, &names[0]);
    bool found = false;

    if (rc == 0)
        rc = yd_cluster_get_names(mem, b, &names[1]);
    for (size_t i = 0, len; rc == 0 && !found && i < names[0].len; i += len) {
        const char *name = (const char *)names[0].ptr + i;

        len = strlen(name) + 1;
        for (size_t j = 0; !found && j < names[1].len;
             j += strlen((const char *)names[1].ptr + j) + 1)
            found = strcmp(name, (const char *)names[1].ptr + j) == 0;
    }
    yd_buf_free(mem, &names[0]);
    yd_buf_free(mem, &names[1]);
    return rc < 0 ? rc : found;
}

/* 1, 0, or below 0. */
static int is_meant(const struct yd_sio_restore *restore, const struct yd_cluster_message *message)
{
    const struct yodel_allocator *mem = owner_of(restore)->mem;
    yodel_str rooms = yd_sio_restore_rooms(restore);
    int rc = 1;

    if (message->type != YD_CLUSTER_BROADCAST || message->request.len > 0 ||
        message->scope.is_volatile)
        return 0;
    if (yd_json_inside(message->scope.rooms).len > 0)
        rc = share(mem, rooms, message->scope.rooms);
    if (rc == 1 && yd_json_inside(message->scope.except).len > 0) {
        rc = share(mem, rooms, message->scope.except);
        rc = rc < 0 ? rc : !rc;
    }
    return rc;
}

static int add_message(struct yd_sio_restore *restore, struct yd_stream_id id,
                       const struct yd_cluster_message *message)
{
    struct yd_sio_words words = {message->event, message->elements, message->attachments,
                                 message->num_attachments};
    char offset[YD_STREAM_ID_SIZE];
    int rc = is_meant(restore, message);

    if (rc != 1)
        return rc == -ENOMEM ? rc : 0;
    yd_stream_id_write(id, offset);
    rc = yd_sio_restore_add(restore, offset, &words);
    if (rc == 0)
        yd_adapter_count(&owner_of(restore)->cluster->counters.replayed);
    return rc == -ENOMEM || rc == YODEL_ERR_TOO_BIG ? rc : 0;
}

static int add_entry(struct yd_sio_restore *restore, const struct yd_xstream_fields *fields)
{
    const struct yodel_allocator *mem = owner_of(restore)->mem;
    struct yd_cluster_message message;
    int rc;

    if (!yodel_str_eq(fields->entry.nsp, yodel_sio_namespace_name(restore->ns)))
        return 0;
    if ((rc = yd_cluster_decode_entry(mem, &fields->entry, &message)) < 0)
        return rc == -ENOMEM ? rc : 0;
    rc = add_message(restore, fields->id, &message);
    yd_cluster_message_done(&message, mem);
    return rc;
}

static void ask_page(struct yd_sio_restore *restore);

/* The offset goes on with what was looked at.  A page that is not full is the last one: what was
 * added since is for the socket's notes.  A busy stream has some more at any time. */
static void on_page(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_sio_restore *restore = arg;
    struct yd_xstream_fields fields;
    int rc = 0;

    if (reply == NULL || reply->type != YODEL_REDIS_ARRAY) {
        yd_sio_restore_end(restore, YODEL_ERR_CLOSED);
        return;
    }
    for (size_t i = 0; rc == 0 && i < reply->num; i++) {
        if (!yd_xstream_read_fields(reply->elements[i], &fields))
            continue;
        rc = add_entry(restore, &fields);
        yd_stream_id_write(fields.id, restore->offset);
    }
    if (rc == 0 && reply->num == PAGE && ++restore->pages > MAX_PAGES)
        rc = YODEL_ERR_TOO_BIG;
    if (rc < 0)
        yd_sio_restore_end(restore, rc);
    else if (reply->num < PAGE)
        yd_xstream_end_when_read(stream_of(restore), restore);
    else
        ask_page(restore);
}

static void ask_page(struct yd_sio_restore *restore)
{
    char from[YD_STREAM_ID_SIZE];
    struct yd_stream_id id = {0, 0};
    int rc;

    (void)yd_stream_id_read(yodel_str_of(restore->offset), &id);
    if (++id.seq == 0)
        id.ms++;
    yd_stream_id_write(id, from);
    if ((rc = ask_range(restore, from, "+", on_page)) < 0)
        yd_sio_restore_end(restore, rc);
}

static void missed(struct yd_sio_order *order, struct yd_sio_restore *restore)
{
    restore->owner = streams_of(order);
    if (!yd_xstream_may_restore(stream_of(restore), restore))
        yd_sio_restore_end(restore, YODEL_ERR_CLOSED);
    else
        ask_page(restore);
}

static bool is_after(const char *offset, const char *than)
{
    struct yd_stream_id a = {0, 0}, b = {0, 0};

    (void)yd_stream_id_read(yodel_str_of(offset), &a);
    (void)yd_stream_id_read(yodel_str_of(than), &b);
    return yd_stream_id_compare(a, b) > 0;
}

const struct yd_sio_order_ops yd_streams_order_ops = {take, save, restore_state, missed, is_after};
