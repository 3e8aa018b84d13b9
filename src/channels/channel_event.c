/* SPDX-License-Identifier: MIT */
#include "channels/channel_event.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"

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
 * with ours.  Its document is made of its text, of which that is true.
 */
static int pack_object(yodel_event *event, const char *format, va_list args)
{
    struct yd_buf *text = &event->text;
    int rc;

    if (format == NULL)
        rc = yd_buf_append(event->mem, text, "{}", 2);
    else
        rc = yd_json_pack(event->mem, text, format, args);
    if (rc == 0 && text->ptr[0] != '{')
        rc = YODEL_ERR_FORMAT;
    return rc < 0 ? rc : yd_json_read_checked(yd_event_json(event), &event->body);
}

/* Without a body. */
static int make_event(const struct yodel_allocator *mem, yodel_str type, yodel_event **ret_event)
{
    yodel_event *event;

    if (!yd_channel_name_is_valid(type))
        return YODEL_ERR_NAME;
    if ((event = yd_zalloc(mem, sizeof *event + type.len)) == NULL)
        return -ENOMEM;
    atomic_init(&event->refs, 1);
    event->mem = mem;
    event->type_len = type.len;
    memcpy(event->type, type.ptr, type.len);
    *ret_event = event;
    return 0;
}

int yd_event_new(const struct yodel_allocator *mem, const char *type, const char *format,
                 va_list args, yodel_event **ret_event)
{
    yodel_event *event;
    int rc;

    rc = mem != NULL ? make_event(mem, yodel_str_of(type), &event) : -EINVAL;
    if (rc < 0) {
        yd_json_pack_nothing(format, args);
        return rc;
    }
    if ((rc = pack_object(event, format, args)) < 0)
        yd_event_unref(event);
    else
        *ret_event = event;
    return rc;
}

int yd_event_new_text(const struct yodel_allocator *mem, yodel_str type, yodel_str text,
                      yodel_event **ret_event)
{
    yodel_event *event;
    int rc;

    if ((rc = make_event(mem, type, &event)) < 0)
        return rc;
    if ((rc = yd_buf_append_str(mem, &event->text, text)) == 0)
        rc = yd_json_read(text, YD_JSON_MAX_DEPTH, &event->body);
    if (rc == 0 && !json_is_object(event->body))
        rc = YODEL_ERR_FORMAT;
    if (rc < 0)
        yd_event_unref(event);
    else
        *ret_event = event;
    return rc;
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
    yd_buf_free(event->mem, &event->text);
    yd_free(event->mem, event);
}

yodel_str yodel_event_type(const yodel_event *event)
{
    if (event == NULL)
        return (yodel_str){NULL, 0};
    return (yodel_str){event->type, event->type_len};
}

const json_t *yodel_event_json(const yodel_event *event)
{
    if (event == NULL)
        return NULL;
    return event->body;
}

int yodel_event_unpack(const yodel_event *event, const char *format, ...)
{
    va_list args;
    int rc;

    if (event == NULL)
        return -EINVAL;
    va_start(args, format);
    rc = yd_json_unpack(event->body, format, args);
    va_end(args);
    return rc;
}
