/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "adapter/streams.h"

/* An entry of a stream, as Redis gives it. */

static bool is_text(const struct yd_redis_reply *reply)
{
    return reply->type == YODEL_REDIS_STRING;
}

static void read_number(yodel_str text, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len && i < 19; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return;
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_number = number;
}

static void read_field(yodel_str name, yodel_str value, struct yd_xstream_fields *fields)
{
    if (yodel_str_eq(name, YODEL_STR("uid")))
        fields->entry.uid = value;
    else if (yodel_str_eq(name, YODEL_STR("nsp")))
        fields->entry.nsp = value;
    else if (yodel_str_eq(name, YODEL_STR("type")))
        fields->entry.type = value;
    else if (yodel_str_eq(name, YODEL_STR("data")))
        fields->entry.data = value;
    else if (yodel_str_eq(name, YODEL_STR("n")))
        read_number(value, &fields->number);
}

bool yd_xstream_read_fields(const struct yd_redis_reply *reply,
                            struct yd_xstream_fields *ret_fields)
{
    const struct yd_redis_reply *list;

    memset(ret_fields, 0, sizeof *ret_fields);
    if (reply->type != YODEL_REDIS_ARRAY || reply->num != 2 || !is_text(reply->elements[0]) ||
        !yd_stream_id_read(reply->elements[0]->text, &ret_fields->id))
        return false;
    list = reply->elements[1];
    if (list->type != YODEL_REDIS_ARRAY)
        return false;
    for (size_t i = 0; i + 1 < list->num; i += 2)
        if (is_text(list->elements[i]) && is_text(list->elements[i + 1]))
            read_field(list->elements[i]->text, list->elements[i + 1]->text, ret_fields);
    return true;
}
