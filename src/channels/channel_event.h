/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_EVENT_H
#define YD_CHANNELS_EVENT_H

#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/channels.h>

#include "base/buf.h"

/* A typed event: its type and a JSON object, shared by all who get it and changed by none. */
struct yodel_event {
    atomic_uint refs;
    const struct yodel_allocator *mem;
    struct yd_buf text; /* its object as JSON text */
    json_t *body;       /* the same as a document; never NULL */
    size_t type_len;
    char type[];
};

/* format may be NULL for an empty object.  Returns 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_FORMAT. */
int yd_event_new(const struct yodel_allocator *mem, const char *type, const char *format,
                 va_list args, yodel_event **ret_event);
/* Its object as JSON text. */
static inline yodel_str yd_event_json(const yodel_event *event)
{
    return (yodel_str){(const char *)event->text.ptr, event->text.len};
}

/* The same of an object's text, copied. */
int yd_event_new_text(const struct yodel_allocator *mem, yodel_str type, yodel_str text,
                      yodel_event **ret_event);
yodel_event *yd_event_ref(yodel_event *event);
void yd_event_unref(yodel_event *event);

/* 1 to YODEL_GROUP_NAME_MAX bytes of UTF-8 without control characters. */
bool yd_channel_name_is_valid(yodel_str name);

#endif
