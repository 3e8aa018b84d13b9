/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bus/op_wire.h"
#include "channels/channel_event.h"
#include "channels/channel_op.h"
#include "channels/history.h"

/*
 * What is delivered, as bytes:
 *
 *     message   1, type 1, payload to the end.  The type has two bits more: that it is an event of
 *               Socket.IO that is kept, and that this is in an envelope; so every process reads
 *               it in the same way, whatever it would keep itself
 *     event     2, type (a string), JSON text to the end
 *
 * A survey and a count have nothing besides; what presence says stands in presence_op.c.
 */

enum form { MESSAGE = 1, EVENT };

#define IS_EVENT 0x10u
#define HAS_ENVELOPE 0x20u

static int put_message(const struct yodel_allocator *mem, struct yd_buf *buf,
                       const struct yd_channel_op *op)
{
    struct yd_msg *msg = op->what.msg;
    unsigned type = msg->type | (op->is_event ? IS_EVENT : 0) |
                    (op->is_event && op->has_envelope ? HAS_ENVELOPE : 0);

    if (yd_wire_put_u8(mem, buf, MESSAGE) < 0 || yd_wire_put_u8(mem, buf, (uint8_t)type) < 0)
        return -ENOMEM;
    return yd_buf_append(mem, buf, yd_msg_payload(msg), msg->len);
}

static int put_event(const struct yodel_allocator *mem, struct yd_buf *buf,
                     const yodel_event *event)
{
    if (yd_wire_put_u8(mem, buf, EVENT) < 0 ||
        yd_wire_put_str(mem, buf, yodel_event_type(event)) < 0)
        return -ENOMEM;
    return yd_buf_append_str(mem, buf, yd_event_json(event));
}

int yd_channel_encode(const struct yd_op *op, struct yd_buf *buf)
{
    const struct yd_delivery *what = &((const struct yd_channel_op *)op)->what;
    const struct yodel_allocator *mem = yd_op_mem(op);

    if (op->kind == YD_CHANNEL_SURVEY || op->kind == YD_CHANNEL_COUNT)
        return 0;
    if (op->kind != YD_CHANNEL_SEND)
        return yd_buf_append(mem, buf, ((const struct yd_channel_op *)op)->bytes.ptr,
                             ((const struct yd_channel_op *)op)->bytes.len);
    return what->msg != NULL ? put_message(mem, buf, (const struct yd_channel_op *)op)
                             : put_event(mem, buf, what->event);
}

static int get_message(struct yd_channel_op *op, struct yd_wire_reader *reader)
{
    yodel_channels *channels = yd_channels_of(&op->op);
    unsigned form = yd_wire_get_u8(reader);
    yodel_ws_type type = (yodel_ws_type)(form & ~(IS_EVENT | HAS_ENVELOPE));

    if (reader->failed || (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY))
        return YODEL_ERR_PROTOCOL;
    op->what.msg = channels->make_msg(yd_channels_mem(channels), type, reader->rest);
    if (op->what.msg == NULL)
        return -ENOMEM;
    op->is_event = (form & IS_EVENT) != 0;
    op->has_envelope = (form & HAS_ENVELOPE) != 0;
    return yd_history_read_words(op);
}

static int get_event(struct yd_channel_op *op, struct yd_wire_reader *reader)
{
    yodel_str type = yd_wire_get_str(reader);
    yodel_str text = {(const char *)reader->rest.ptr, reader->rest.len};
    int rc;

    if (reader->failed)
        return YODEL_ERR_PROTOCOL;
    rc = yd_event_new_text(yd_op_mem(&op->op), type, text, &op->what.event);
    return rc == 0 || rc == -ENOMEM ? rc : YODEL_ERR_PROTOCOL;
}

/* Without somebody to tell there is nothing to ask. */
static int get_survey(struct yd_op *op, yodel_bytes payload)
{
    if (!op->wants_reply || op->scope.num_rooms != 1 || payload.len > 0)
        return YODEL_ERR_PROTOCOL;
    op->deferred = true;
    op->ask = op->kind == YD_CHANNEL_COUNT
                  ? yd_counting_answer(yd_channels_of(op), op->scope.rooms[0].text)
                  : yd_listing_answer(yd_channels_of(op));
    return op->ask != NULL ? 0 : -ENOMEM;
}

int yd_channel_decode(struct yd_op *op, yodel_bytes payload)
{
    struct yd_channel_op *channel_op = (struct yd_channel_op *)op;
    struct yd_wire_reader reader = {payload, false};
    uint8_t form = yd_wire_get_u8(&reader);

    if (op->kind == YD_CHANNEL_SURVEY || op->kind == YD_CHANNEL_COUNT)
        return get_survey(op, payload);
    op->deferred = true;
    op->weight += payload.len;
    if (op->kind == YD_CHANNEL_INTEREST)
        op->control = true;
    if (op->kind != YD_CHANNEL_SEND)
        return yd_buf_append(yd_op_mem(op), &channel_op->bytes, payload.ptr, payload.len);
    if (op->scope.num_rooms != 1)
        return YODEL_ERR_PROTOCOL;
    if (form == MESSAGE)
        return get_message(channel_op, &reader);
    return form == EVENT ? get_event(channel_op, &reader) : YODEL_ERR_PROTOCOL;
}
