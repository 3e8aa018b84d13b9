/* SPDX-License-Identifier: MIT */
#include "channels/channel_event.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

bool yd_channel_name_is_valid(yodel_str name)
{
    if (name.len == 0 || name.len > YODEL_GROUP_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return false;
    return yd_utf8_is_valid(name.ptr, name.len);
}

/*
 * An event is read on every loop, so it must own what it is made of: values that the caller gave
 * ("o", "O") may be in documents of his own, whose thread frees them by a count that is not ordered
 * with ours.
 */
static json_t *make_private(json_t *body, const char *format)
{
    json_t *copy;

    if (body == NULL || format == NULL || strpbrk(format, "oO") == NULL)
        return body;
    copy = json_deep_copy(body);
    json_decref(body);
    return copy;
}

static int pack_object(const char *format, va_list args, json_t **ret_body)
{
    json_error_t error;
    json_t *body;

    if (format == NULL)
        body = json_object();
    else
        body = json_vpack_ex(&error, 0, format, args);
    if (body == NULL)
        return format == NULL || json_error_code(&error) == json_error_out_of_memory
                   ? -ENOMEM
                   : YODEL_ERR_FORMAT;
    if (!json_is_object(body)) {
        json_decref(body);
        return YODEL_ERR_FORMAT;
    }
    *ret_body = make_private(body, format);
    return *ret_body != NULL ? 0 : -ENOMEM;
}

int yd_event_new(const struct yodel_allocator *mem, const char *type, const char *format,
                 va_list args, yodel_event **ret_event)
{
    yodel_str name = yodel_str_of(type);
    yodel_event *event;
    int rc;

    if (!yd_channel_name_is_valid(name))
        return YODEL_ERR_NAME;
    if ((event = yd_alloc(mem, sizeof *event + name.len)) == NULL)
        return -ENOMEM;
    if ((rc = pack_object(format, args, &event->body)) < 0) {
        yd_free(mem, event);
        return rc;
    }
    atomic_init(&event->refs, 1);
    event->mem = mem;
    event->type_len = name.len;
    memcpy(event->type, name.ptr, name.len);
    *ret_event = event;
    return 0;
}

yodel_event *yd_event_ref(yodel_event *event)
{
    atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
    return event;
}

void yd_event_unref(yodel_event *event)
{
    if (event == NULL || atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) != 1)
        return;
    json_decref(event->body);
    yd_free(event->mem, event);
}

yodel_str yodel_event_type(const yodel_event *event)
{
    return (yodel_str){event->type, event->type_len};
}

int yodel_event_unpack(const yodel_event *event, const char *format, ...)
{
    json_error_t error;
    va_list args;
    int rc;

    va_start(args, format);
    rc = json_vunpack_ex(event->body, &error, 0, format, args);
    va_end(args);
    return rc == 0 ? 0 : YODEL_ERR_FORMAT;
}
