/* SPDX-License-Identifier: MIT */
#include "history_redis/kept_entry.h"

#include <string.h>

static bool is_text(const struct yd_redis_reply *reply)
{
    return reply->type == YODEL_REDIS_STRING;
}

/* "process.number" */
static bool read_origin(yodel_str text, struct yd_kept_entry *entry)
{
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    size_t at = dot != NULL ? (size_t)(dot - text.ptr) : text.len;

    if (at == 0 || at + 1 >= text.len || text.len - at - 1 > 19)
        return false;
    entry->process = (yodel_str){text.ptr, at};
    for (size_t i = at + 1; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        entry->number = entry->number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return true;
}

static bool read_type(yodel_str text, struct yd_kept_entry *entry)
{
    if (yodel_str_eq(text, YODEL_STR("1")))
        entry->type = YODEL_WS_TEXT;
    else if (yodel_str_eq(text, YODEL_STR("2")))
        entry->type = YODEL_WS_BINARY;
    return entry->type != 0;
}

static bool read_fields(const struct yd_redis_reply *list, struct yd_kept_entry *entry)
{
    bool has_origin = false, has_type = false, has_data = false;

    for (size_t i = 0; i + 1 < list->num; i += 2) {
        yodel_str name = list->elements[i]->text, value = list->elements[i + 1]->text;

        if (!is_text(list->elements[i]) || !is_text(list->elements[i + 1]))
            return false;
        if (yodel_str_eq(name, YODEL_STR("o"))) {
            has_origin = !has_origin && read_origin(value, entry);
        } else if (yodel_str_eq(name, YODEL_STR("t"))) {
            has_type = read_type(value, entry);
        } else if (yodel_str_eq(name, YODEL_STR("d"))) {
            has_data = true;
            entry->data = (yodel_bytes){(const uint8_t *)value.ptr, value.len};
        }
    }
    return has_origin && has_type && has_data;
}

bool yd_kept_entry_read(const struct yd_redis_reply *reply, struct yd_kept_entry *ret_entry)
{
    *ret_entry = (struct yd_kept_entry){.number = 0};
    return reply->type == YODEL_REDIS_ARRAY && reply->num == 2 && is_text(reply->elements[0]) &&
           yd_offset_read(reply->elements[0]->text, &ret_entry->id) &&
           reply->elements[1]->type == YODEL_REDIS_ARRAY &&
           read_fields(reply->elements[1], ret_entry);
}

static bool cut_line(yodel_bytes *rest, yodel_str *ret_line)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    size_t len;

    if (end == NULL)
        return false;
    len = (size_t)(end - rest->ptr);
    *ret_line = (yodel_str){(const char *)rest->ptr, len};
    *rest = (yodel_bytes){end + 1, rest->len - len - 1};
    return true;
}

bool yd_kept_entry_parse(yodel_bytes message, struct yd_kept_entry *ret_entry)
{
    yodel_str id, origin, type;

    *ret_entry = (struct yd_kept_entry){.number = 0};
    if (!cut_line(&message, &id) || !cut_line(&message, &origin) || !cut_line(&message, &type))
        return false;
    ret_entry->data = message;
    return yd_offset_read(id, &ret_entry->id) && read_origin(origin, ret_entry) &&
           read_type(type, ret_entry);
}
