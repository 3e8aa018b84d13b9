/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "proto/sio_packet.h"

/* What of a placeholder an object has, in open[].seen. */
#define SEEN_MARK 1 /* "_placeholder":true */
#define SEEN_NUM 2  /* "num": a number in range */

void yd_sio_placeholders_init(struct yd_sio_placeholders *iter, yodel_str json,
                              uint32_t num_attachments)
{
    iter->rest = yd_json_elements(json);
    iter->num_attachments = num_attachments;
    iter->depth = 0;
    iter->last = NULL;
}

static bool open_value(struct yd_sio_placeholders *iter, const char *begin)
{
    if (iter->depth == YD_JSON_MAX_DEPTH)
        return false;
    iter->open[iter->depth++] = (struct yd_sio_open_value){begin, 0, 0};
    return true;
}

/* A member of the innermost object, whose value comes next.  Looks at scalars only; the last member
 * of a name counts. */
static void look_at_member(struct yd_sio_placeholders *iter, yodel_str name)
{
    struct yd_sio_open_value *object = &iter->open[iter->depth - 1];
    struct yd_json_iter rest = iter->rest;
    struct yd_json_token value = {.mark = YD_JSON_SCALAR, .text = {NULL, 0}};
    uint64_t num;

    if (yd_json_body_eq(name, YODEL_STR("_placeholder"))) {
        object->seen &= (uint8_t)~SEEN_MARK;
        if (yd_json_next_token(&rest, &value) && yd_json_type_of(value.text) == YD_JSON_TRUE)
            object->seen |= SEEN_MARK;
    } else if (yd_json_body_eq(name, YODEL_STR("num"))) {
        object->seen &= (uint8_t)~SEEN_NUM;
        if (yd_json_next_token(&rest, &value) && yd_json_get_uint(value.text, &num) &&
            num < iter->num_attachments) {
            object->seen |= SEEN_NUM;
            object->num = (uint32_t)num;
        }
    }
}

/* Closes the innermost value; 1 when it is a placeholder. */
static int close_value(struct yd_sio_placeholders *iter, struct yd_sio_placeholder *ret_placeholder)
{
    struct yd_sio_open_value *value;

    if (iter->depth == 0)
        return YODEL_ERR_PROTOCOL;
    value = &iter->open[--iter->depth];
    if (!(value->seen & SEEN_MARK))
        return 0;
    if (!(value->seen & SEEN_NUM) || (iter->last && iter->last > value->begin))
        return YODEL_ERR_PROTOCOL;
    iter->last = value->begin;
    ret_placeholder->text = (yodel_str){value->begin, (size_t)(iter->rest.ptr - value->begin)};
    ret_placeholder->num = value->num;
    return 1;
}

int yd_sio_placeholders_next(struct yd_sio_placeholders *iter,
                             struct yd_sio_placeholder *ret_placeholder)
{
    struct yd_json_token token;
    int result = 0;

    while (result == 0 && yd_json_next_token(&iter->rest, &token)) {
        switch (token.mark) {
        case YD_JSON_BEGIN_ARRAY:
        case YD_JSON_BEGIN_OBJECT:
            if (!open_value(iter, token.text.ptr))
                result = YODEL_ERR_PROTOCOL;
            break;
        case YD_JSON_END_ARRAY:
        case YD_JSON_END_OBJECT:
            result = close_value(iter, ret_placeholder);
            break;
        case YD_JSON_NAME:
            if (iter->depth > 0)
                look_at_member(iter, token.text);
            break;
        case YD_JSON_SCALAR:
            break;
        }
    }
    return result;
}

int yd_sio_placeholders_count(yodel_str json, uint32_t num_attachments)
{
    struct yd_sio_placeholders iter;
    struct yd_sio_placeholder found;
    int count = 0, result;

    yd_sio_placeholders_init(&iter, json, num_attachments);
    while ((result = yd_sio_placeholders_next(&iter, &found)) > 0) {
        if (count == INT_MAX)
            return YODEL_ERR_PROTOCOL;
        count++;
    }
    return result < 0 ? result : count;
}
