/* SPDX-License-Identifier: MIT */
#include "adapter/python_peer.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/op_wire.h"
#include "proto/base64.h"
#include "proto/json_scan.h"

/*
 * An operation on its way is what cannot be answered 1, and messages, each after its length:
 * joining several rooms is one message for each socket and room.
 */

#define MAX_MESSAGES 1000 /* that one operation makes */

/* Of messages from elsewhere, which say what they know: a room is no socket. */
static bool is_id(yodel_str name)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

    for (size_t i = 0; i < name.len; i++)
        if (memchr(chars, name.ptr[i], sizeof chars - 1) == NULL)
            return false;
    return name.len == YD_ID_LEN;
}

static struct yd_python_peer *peer_of(struct yd_peer *peer)
{
    return yd_container_of(peer, struct yd_python_peer, peer);
}

static void count(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static struct yd_python_writer make_writer(const struct yd_python_peer *peer, yodel_str nsp)
{
    return (struct yd_python_writer){yd_sio_mem(peer->sio), peer->options.form,
                                     yodel_str_of(yd_bus_process(yd_sio_bus(peer->sio))), nsp};
}

/* ---- what goes out ---- */

struct encoder {
    struct yd_python_writer writer;
    const struct yd_sio_outgoing *out;
    struct yd_buf *buf;
    unsigned num;
};

/* The length of the message that was appended from at + 4 on. */
static void put_length(struct encoder *encoder, size_t at)
{
    size_t len = encoder->buf->len - at - 4;

    for (int i = 0; i < 4; i++)
        encoder->buf->ptr[at + (size_t)i] = (uint8_t)(len >> 8 * i);
}

static int put_method(struct encoder *encoder, enum yd_python_method method, yodel_str sid,
                      yodel_str room)
{
    size_t at = encoder->buf->len;
    int rc;

    if (encoder->num++ == MAX_MESSAGES)
        return YODEL_ERR_UNSUPPORTED;
    if (yd_wire_put_u32(encoder->writer.mem, encoder->buf, 0) < 0)
        return -ENOMEM;
    rc = yd_python_put_method(&encoder->writer, method, sid, room, encoder->buf);
    if (rc == 0)
        put_length(encoder, at);
    return rc;
}

/* Fills names with the rooms, then those that are left out. */
static bool read_scope(const struct yd_sio_outgoing *out, yodel_str *names)
{
    for (size_t i = 0; i < out->num_rooms; i++)
        names[i] = yd_sio_out_room(out, i);
    for (size_t i = 0; i < out->num_except; i++) {
        names[out->num_rooms + i] = yd_sio_out_except(out, i);
        if (!is_id(names[out->num_rooms + i]))
            return false; /* a room */
    }
    return true;
}

/* An answer has one callback: it is of one socket, which is named by its id. */
static bool is_answerable(const struct yd_sio_outgoing *out)
{
    return out->num_rooms == 1 && out->num_except == 0 && is_id(yd_sio_out_room(out, 0));
}

static int put_emit(struct encoder *encoder, uint64_t token)
{
    const struct yd_sio_outgoing *out = encoder->out;
    struct yd_python_emit emit = {.event = out->event,
                                  .words = {out->elements, out->attachments, out->num_attachments},
                                  .everyone = out->num_rooms == 0,
                                  .num_rooms = out->num_rooms,
                                  .num_skip = out->num_except,
                                  .callback = is_answerable(out) ? token : 0};
    size_t num = out->num_rooms + out->num_except, at;
    yodel_str *names = yd_alloc_array(encoder->writer.mem, num + 1, sizeof *names);
    int rc = YODEL_ERR_UNSUPPORTED;

    if (names == NULL)
        return -ENOMEM;
    emit.rooms = names;
    emit.skip = names + out->num_rooms;
    at = encoder->buf->len;
    if (yd_wire_put_u32(encoder->writer.mem, encoder->buf, 0) < 0)
        rc = -ENOMEM;
    else if (read_scope(out, names))
        rc = yd_python_put_emit(&encoder->writer, &emit, encoder->buf);
    if (rc == 0)
        put_length(encoder, at);
    yd_free(encoder->writer.mem, names);
    return rc;
}

/* Sockets by their ids, and nobody is left out. */
static bool are_sockets(const struct yd_sio_outgoing *out)
{
    for (size_t i = 0; i < out->num_rooms; i++)
        if (!is_id(yd_sio_out_room(out, i)))
            return false;
    return out->num_rooms > 0 && out->num_except == 0;
}

static int put_rooms_of_sockets(struct encoder *encoder, enum yd_python_method method)
{
    const struct yd_sio_outgoing *out = encoder->out;
    yodel_str room;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < out->num_rooms; i++)
        for (size_t at = 0; rc == 0 && yd_sio_out_next_name(out, &at, &room);)
            rc = put_method(encoder, method, yd_sio_out_room(out, i), room);
    return rc;
}

/* Whether all leave a room that they are in, or perhaps are in: it is closed. */
static bool is_closing(const struct yd_sio_outgoing *out)
{
    yodel_str room;
    size_t at = 0;

    if (out->num_except > 0 || out->num_rooms > 1)
        return false;
    return out->num_rooms == 0 ||
           (yd_sio_out_next_name(out, &at, &room) && yodel_str_eq(room, yd_sio_out_room(out, 0)) &&
            !yd_sio_out_next_name(out, &at, &room));
}

static int put_leave(struct encoder *encoder)
{
    yodel_str room;
    int rc = 0;

    if (!is_closing(encoder->out))
        return are_sockets(encoder->out) ? put_rooms_of_sockets(encoder, YD_PYTHON_LEAVE_ROOM)
                                         : YODEL_ERR_UNSUPPORTED;
    for (size_t at = 0; rc == 0 && yd_sio_out_next_name(encoder->out, &at, &room);)
        rc = put_method(encoder, YD_PYTHON_CLOSE_ROOM, YODEL_STR(""), room);
    return rc;
}

static int put_disconnect(struct encoder *encoder)
{
    const struct yd_sio_outgoing *out = encoder->out;
    int rc = are_sockets(out) ? 0 : YODEL_ERR_UNSUPPORTED;

    for (size_t i = 0; rc == 0 && i < out->num_rooms; i++)
        rc = put_method(encoder, YD_PYTHON_DISCONNECT, yd_sio_out_room(out, i), YODEL_STR(""));
    return rc;
}

static int put_kind(struct encoder *encoder, uint64_t token)
{
    switch (encoder->out->kind) {
    case YD_SIO_REMOTE_EMIT:
        return put_emit(encoder, token);
    case YD_SIO_REMOTE_JOIN:
        return are_sockets(encoder->out) ? put_rooms_of_sockets(encoder, YD_PYTHON_ENTER_ROOM)
                                         : YODEL_ERR_UNSUPPORTED;
    case YD_SIO_REMOTE_LEAVE:
        return put_leave(encoder);
    case YD_SIO_REMOTE_DISCONNECT:
        return put_disconnect(encoder);
    case YD_SIO_REMOTE_SOCKETS:
    case YD_SIO_REMOTE_ROOMS:
    case YD_SIO_REMOTE_SERVER:
        break;
    }
    return YODEL_ERR_UNSUPPORTED;
}

static int encode(struct yd_peer *base, const struct yd_op *op, uint64_t token, struct yd_buf *buf)
{
    struct yd_python_peer *peer = peer_of(base);
    struct yd_sio_outgoing out;
    struct encoder encoder = {.out = &out, .buf = buf};
    int rc;

    if (!yd_sio_read_op(op, &out))
        return YODEL_ERR_UNSUPPORTED;
    encoder.writer = make_writer(peer, out.ns);
    if (yd_wire_put_u8(encoder.writer.mem, buf, out.wants_reply && !is_answerable(&out)) < 0)
        return -ENOMEM;
    rc = put_kind(&encoder, token);
    if (rc == YODEL_ERR_UNSUPPORTED)
        count(&peer->counters.unable);
    return rc;
}

static bool takes(struct yd_peer *base, const struct yd_op *op)
{
    struct yd_sio_outgoing out;

    return yd_sio_is_op_of(peer_of(base)->sio, op) && yd_sio_read_op(op, &out) &&
           out.kind != YD_SIO_REMOTE_SERVER;
}

static int publish(struct yd_python_peer *peer, yodel_bytes message)
{
    int rc = peer->publish(peer, message);

    count(rc < 0 ? &peer->counters.failed : &peer->counters.published);
    return rc;
}

static int send_op(struct yd_peer *base, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    struct yd_python_peer *peer = peer_of(base);
    struct yd_wire_reader reader = {bytes, false};
    bool unable = yd_wire_get_u8(&reader) != 0;
    int rc = 0;

    (void)op;
    (void)token;
    while (rc == 0 && reader.rest.len > 0) {
        yodel_str message = yd_wire_get_str(&reader);

        rc = publish(peer, (yodel_bytes){(const uint8_t *)message.ptr, message.len});
    }
    if (rc == 0 && unable) {
        count(&peer->counters.unable);
        rc = YODEL_ERR_UNSUPPORTED;
    }
    return rc;
}

/* It waits for one answer, that of a socket which another process may have. */
static void on_answered(struct yd_peer *base, uint64_t token)
{
    yd_bus_close_part(yd_sio_bus(peer_of(base)->sio), base, token, 0, 0);
}

static unsigned one_part(struct yd_peer *base)
{
    (void)base;
    return 1;
}

static int no_reply(struct yd_peer *base, yodel_bytes reply)
{
    (void)base;
    (void)reply;
    return YODEL_ERR_UNSUPPORTED;
}

static const struct yd_peer_ops ops = {.takes = takes,
                                       .encode = encode,
                                       .send = send_op,
                                       .reply = no_reply,
                                       .answered = on_answered,
                                       .num_parts = one_part};

int yd_python_peer_init(struct yd_python_peer *peer, yodel_sio *sio,
                        const struct yd_python_options *options, yd_python_publish_fn *publish_fn)
{
    memset(peer, 0, sizeof *peer);
    peer->peer.ops = &ops;
    peer->sio = sio;
    peer->options = *options;
    peer->publish = publish_fn;
    return yd_bus_add_peer(yd_sio_bus(sio), &peer->peer);
}

/* ---- callbacks that others wait for ---- */

/* What a callback is given back with; the texts are after it. */
struct owed {
    struct yd_sio_remote_asker asker;
    struct yd_python_peer *peer;
    struct yd_python_answer answer;
    bool is_answered;
    char text[];
};

static char *keep(char *at, yodel_str text, yodel_str *ret_text)
{
    memcpy(at, text.ptr, text.len);
    *ret_text = (yodel_str){at, text.len};
    return at + text.len;
}

static void publish_answer(struct owed *owed, yodel_str elements, const yodel_bytes *attachments,
                           uint32_t num_attachments)
{
    struct yd_python_peer *peer = owed->peer;
    struct yd_python_writer writer = make_writer(peer, YODEL_STR("/"));
    struct yd_buf buf = {0};
    int rc;

    owed->answer.words = (struct yd_python_words){elements, attachments, num_attachments};
    rc = yd_python_put_answer(&writer, &owed->answer, &buf);
    if (rc == 0)
        (void)publish(peer, (yodel_bytes){buf.ptr, buf.len});
    else
        count(rc == -ENOMEM ? &peer->counters.failed : &peer->counters.unable);
    yd_buf_free(writer.mem, &buf);
}

/* Who asked takes the first answer, and forgets the callback. */
static void on_answer(struct yd_sio_remote_asker *asker, yodel_str elements,
                      const yodel_bytes *attachments, uint32_t num_attachments)
{
    struct owed *owed = yd_container_of(asker, struct owed, asker);

    if (owed->is_answered)
        return;
    owed->is_answered = true;
    publish_answer(owed, elements, attachments, num_attachments);
}

static void on_counted(struct yd_sio_remote_asker *asker, unsigned num)
{
    (void)asker;
    (void)num;
}

static void on_end(struct yd_asker *asker, struct yd_ask *ask, unsigned missing)
{
    struct owed *owed = yd_container_of(asker, struct owed, asker.asker);

    (void)ask;
    (void)missing;
    atomic_fetch_sub(&owed->peer->num_callbacks, 1);
    yd_free(yd_sio_mem(owed->peer->sio), owed);
}

/* NULL: out of memory. */
static struct owed *make_owed(struct yd_python_peer *peer, const struct yd_python_message *message)
{
    size_t len = message->callback_room_json.len + message->callback_nsp_json.len +
                 message->id_json.len + message->host_id.len;
    struct owed *owed = yd_zalloc(yd_sio_mem(peer->sio), sizeof *owed + len);
    char *at;

    if (owed == NULL)
        return NULL;
    owed->asker = (struct yd_sio_remote_asker){{on_end}, on_counted, on_answer, true};
    owed->peer = peer;
    at = keep(owed->text, message->callback_room_json, &owed->answer.sid_json);
    at = keep(at, message->callback_nsp_json, &owed->answer.nsp_json);
    at = keep(at, message->id_json, &owed->answer.id_json);
    keep(at, message->host_id, &owed->answer.host_id);
    atomic_fetch_add(&peer->num_callbacks, 1);
    return owed;
}

/* ---- what comes in ---- */

/* Those that are ids, and so may be sockets here. */
static size_t keep_ids(yodel_str *names, size_t num)
{
    size_t kept = 0;

    for (size_t i = 0; i < num; i++)
        if (is_id(names[i]))
            names[kept++] = names[i];
    return kept;
}

static bool is_for_here(yodel_sio_namespace *ns, const struct yd_python_message *message)
{
    bool is_here = message->everyone;

    for (size_t i = 0; i < message->num_rooms && !is_here; i++)
        is_here = yd_sio_remote_has_room(ns, message->rooms[i]);
    return is_here;
}

static int take_emit(struct yd_python_peer *peer, yodel_sio_namespace *ns,
                     struct yd_python_message *message)
{
    yodel_str *skip = message->names + message->num_rooms;
    struct yd_sio_remote_scope scope = {.rooms = message->rooms, .num_rooms = message->num_rooms};
    struct yd_sio_remote_words words = {
        .event = message->event,
        .elements = message->elements,
        .attachments = message->attachments,
        .num_attachments = (uint32_t)message->num_attachments,
    };
    struct owed *owed = NULL;
    struct yd_op *op;
    int rc;

    if (!is_for_here(ns, message))
        return 0;
    scope.except = skip;
    scope.num_except = keep_ids(skip, message->num_skip);
    if (message->wants_callback) {
        if (atomic_load(&peer->num_callbacks) >= peer->options.max_callbacks)
            count(&peer->counters.callbacks_refused);
        else if ((owed = make_owed(peer, message)) == NULL)
            return -ENOMEM;
    }
    rc = yd_sio_remote_emit(ns, &scope, &words, peer->options.callback_ms,
                            owed != NULL ? &owed->asker : NULL, &op);
    if (rc == 0)
        return yd_bus_inject(op, owed != NULL ? &owed->asker.asker : NULL);
    if (owed != NULL)
        on_end(&owed->asker.asker, NULL, 0);
    return rc;
}

static int take_rooms(yodel_sio_namespace *ns, const struct yd_python_message *message)
{
    bool closing = message->method == YD_PYTHON_CLOSE_ROOM;
    struct yd_sio_remote_scope scope = {.rooms = &message->sid, .num_rooms = closing ? 0 : 1};
    enum yd_sio_remote_kind kind =
        message->method == YD_PYTHON_ENTER_ROOM ? YD_SIO_REMOTE_JOIN : YD_SIO_REMOTE_LEAVE;
    struct yd_op *op;
    int rc;

    if (!closing && !is_id(message->sid))
        return 0;
    if (closing && !yd_sio_remote_has_room(ns, message->room))
        return 0;
    rc = yd_sio_remote_rooms(ns, kind, &scope, &message->room, 1, &op);
    return rc == 0 ? yd_bus_inject(op, NULL) : rc;
}

static int take_disconnect(yodel_sio_namespace *ns, const struct yd_python_message *message)
{
    struct yd_sio_remote_scope scope = {.rooms = &message->sid, .num_rooms = 1};
    struct yd_op *op;
    int rc;

    if (!is_id(message->sid))
        return 0;
    rc = yd_sio_remote_disconnect(ns, &scope, false, &op);
    return rc == 0 ? yd_bus_inject(op, NULL) : rc;
}

/* The answer to an emit of ours. */
static int take_answer(struct yd_python_peer *peer, const struct yd_python_message *message)
{
    const struct yodel_allocator *mem = yd_sio_mem(peer->sio);
    struct yd_bus *bus = yd_sio_bus(peer->sio);
    struct yd_buf array = {0}, buf = {0};
    uint64_t token;
    int rc;

    if (!yd_json_get_uint(message->id_json, &token) || token == 0)
        return YODEL_ERR_PROTOCOL;
    rc = yd_buf_append(mem, &array, "[", 1);
    if (rc == 0)
        rc = yd_buf_append_str(mem, &array, message->elements);
    if (rc == 0 && (rc = yd_buf_append(mem, &array, "]", 1)) == 0)
        rc = yd_sio_put_answers(mem, &buf, true, (yodel_str){(char *)array.ptr, array.len},
                                message->attachments, (uint32_t)message->num_attachments);
    if (rc == 0)
        rc = yd_bus_add_result(bus, &peer->peer, token, (yodel_bytes){buf.ptr, buf.len});
    if (rc != YODEL_ERR_PROTOCOL)
        yd_bus_close_part(bus, &peer->peer, token, rc < 0 ? YD_MISSING_MEMORY : 0, rc < 0);
    yd_buf_free(mem, &array);
    yd_buf_free(mem, &buf);
    return rc;
}

static int take_method(struct yd_python_peer *peer, yodel_sio_namespace *ns,
                       struct yd_python_message *message)
{
    switch (message->method) {
    case YD_PYTHON_EMIT:
        return take_emit(peer, ns, message);
    case YD_PYTHON_DISCONNECT:
        return take_disconnect(ns, message);
    case YD_PYTHON_ENTER_ROOM:
    case YD_PYTHON_LEAVE_ROOM:
    case YD_PYTHON_CLOSE_ROOM:
        return take_rooms(ns, message);
    case YD_PYTHON_CALLBACK:
        break;
    }
    return 0;
}

/* Own messages come back, and those of other nodes that have their own way here. */
static int take(struct yd_python_peer *peer, struct yd_python_message *message)
{
    yodel_str own = yodel_str_of(yd_bus_process(yd_sio_bus(peer->sio)));
    bool is_own = yodel_str_eq(message->host_id, own);
    yodel_sio_namespace *ns;
    int rc;

    if (message->method == YD_PYTHON_CALLBACK)
        return is_own ? take_answer(peer, message) : 0;
    if (is_own || (message->is_yodel && yd_sio_is_carried(peer->sio)))
        return 0;
    if ((ns = yd_sio_remote_find(peer->sio, message->nsp)) == NULL)
        return 0;
    rc = take_method(peer, ns, message);
    yd_sio_remote_unref(ns);
    return rc;
}

int yd_python_peer_receive(struct yd_python_peer *peer, yodel_bytes bytes)
{
    struct yd_python_reading reading = {peer->options.max_message,
                                        peer->options.form == YD_PYTHON_LIST};
    struct yd_python_message message;
    int rc;

    count(&peer->counters.received);
    rc = yd_python_read(yd_sio_mem(peer->sio), bytes, &reading, &message);
    if (rc == 0) {
        rc = take(peer, &message);
        yd_python_message_free(&message);
    }
    if (rc == YODEL_ERR_UNSUPPORTED)
        count(&peer->counters.refused);
    else if (rc == YODEL_ERR_PROTOCOL || rc == YODEL_ERR_TOO_BIG)
        count(&peer->counters.malformed);
    else if (rc < 0)
        count(&peer->counters.lost);
    return rc;
}
