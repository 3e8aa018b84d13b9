/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "channels/history.h"
#include "proto/json_scan.h"

/* Messages that are kept and are events of Socket.IO: what they say. */

bool yd_history_is_event(yodel_str text)
{
    struct yd_json_iter iter;
    yodel_str value, name;

    if (!yd_json_check(text, YD_JSON_MAX_DEPTH, &value) || yd_json_type_of(value) != YD_JSON_ARRAY)
        return false;
    iter = yd_json_array(value);
    return yd_json_next(&iter, &name) && yd_json_type_of(name) == YD_JSON_STRING;
}

/* What the envelope has besides; empty: there is none. */
static yodel_str offset_of(yodel_str text, bool has_envelope, yodel_str *ret_event)
{
    yodel_str offset = {NULL, 0};

    *ret_event = text;
    if (!has_envelope)
        return offset;
    if (!yd_json_get(text, YODEL_STR("data"), ret_event) ||
        !yd_json_get(text, YODEL_STR("offset"), &offset))
        *ret_event = (yodel_str){NULL, 0};
    return offset;
}

/* The name, then the arguments as an array. */
static int put(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str event,
               yodel_str offset, size_t *ret_name_len)
{
    struct yd_json_iter iter = yd_json_array(event);
    yodel_str name, args;

    if (!yd_json_next(&iter, &name) || !yd_json_body(name, &name))
        return YODEL_ERR_PROTOCOL;
    args = yd_json_rest(iter);
    if (yd_buf_reserve(mem, buf, yd_json_unescaped_len(name) + args.len + offset.len + 3) < 0)
        return -ENOMEM;
    *ret_name_len = (size_t)(yd_json_unescape((char *)buf->ptr, name) - (char *)buf->ptr);
    buf->len = *ret_name_len;
    (void)yd_buf_append(mem, buf, "[", 1);
    (void)yd_buf_append_str(mem, buf, args);
    if (offset.len > 0 && args.len > 0)
        (void)yd_buf_append(mem, buf, ",", 1);
    (void)yd_buf_append_str(mem, buf, offset);
    return yd_buf_append(mem, buf, "]", 1);
}

int yd_history_read_words(struct yd_channel_op *op)
{
    struct yd_msg *msg = op->what.msg;
    yodel_str event, offset, value;
    size_t name_len = 0;
    int rc;

    if (!op->is_event || msg->type != YODEL_WS_TEXT ||
        !yd_json_check((yodel_str){(char *)yd_msg_payload(msg), msg->len}, YD_JSON_MAX_DEPTH,
                       &value) ||
        (op->has_envelope && yd_json_type_of(value) != YD_JSON_OBJECT))
        return 0;
    offset = offset_of(value, op->has_envelope, &event);
    if (event.len == 0 || yd_json_type_of(event) != YD_JSON_ARRAY)
        return 0;
    rc = put(yd_op_mem(&op->op), &op->bytes, event, offset, &name_len);
    if (rc < 0)
        return rc == -ENOMEM ? rc : 0;
    op->words.name = (yodel_str){(char *)op->bytes.ptr, name_len};
    op->words.json = (yodel_str){(char *)op->bytes.ptr + name_len, op->bytes.len - name_len};
    op->what.words = &op->words;
    return 0;
}
