/* SPDX-License-Identifier: MIT */
#include "client/sse_text.h"

#include <errno.h>
#include <string.h>

#define MARK "\xef\xbb\xbf" /* the byte order mark */

static bool is_field(const char *line, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(line, name, len) == 0;
}

/* One field, whose value is behind a colon and perhaps a blank. */
static int take_field(struct yg_sse *sse, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    const size_t name = colon != NULL ? (size_t)(colon - line) : len;
    size_t at = colon != NULL ? name + 1 : len;

    if (at < len && line[at] == ' ')
        at++;
    if (is_field(line, name, "data")) {
        if (len - at + 1 > sse->max - sse->data.len)
            return -EMSGSIZE;
        yg_text_add(&sse->data, line + at, len - at);
        yg_text_putc(&sse->data, '\n');
    } else if (is_field(line, name, "event")) {
        yg_text_reset(&sse->name);
        yg_text_add(&sse->name, line + at, len - at);
    } else if (is_field(line, name, "id") && memchr(line + at, '\0', len - at) == NULL) {
        yg_text_reset(&sse->id);
        yg_text_add(&sse->id, line + at, len - at);
    }
    return 0;
}

/* Returns 1 when it ends an event that has data. */
static int take_line(struct yg_sse *sse)
{
    const char *line = yg_text_string(&sse->line);
    size_t len = sse->line.len;

    if (!sse->has_begun && len >= 3 && memcmp(line, MARK, 3) == 0) {
        line += 3;
        len -= 3;
    }
    sse->has_begun = true;
    if (len > 0)
        return *line == ':' ? 0 : take_field(sse, line, len);
    if (sse->data.len > 0)
        return 1;
    yg_text_reset(&sse->name);
    return 0;
}

/* Adds the input up to the end of the line.  Returns whether the line is whole. */
static bool gather_line(struct yg_sse *sse, yodel_str *input)
{
    size_t num = 0;
    bool is_whole;

    if (sse->was_return && input->len > 0) {
        const size_t feed = *input->ptr == '\n' ? 1 : 0;

        input->ptr += feed;
        input->len -= feed;
        sse->was_return = false;
    }
    while (num < input->len && input->ptr[num] != '\n' && input->ptr[num] != '\r')
        num++;
    yg_text_add(&sse->line, input->ptr, num);
    is_whole = num < input->len;
    if (is_whole)
        sse->was_return = input->ptr[num++] == '\r';
    input->ptr += num;
    input->len -= num;
    return is_whole;
}

static void give(struct yg_sse *sse, struct yg_sse_event *event)
{
    sse->is_given = true;
    event->name = (yodel_str){yg_text_string(&sse->name), sse->name.len};
    event->data = (yodel_str){sse->data.ptr, sse->data.len - 1};
    event->id = (yodel_str){yg_text_string(&sse->id), sse->id.len};
}

int yg_sse_next(struct yg_sse *sse, yodel_str *input, struct yg_sse_event *ret_event)
{
    int rc = 0;

    if (sse->is_given) {
        yg_text_reset(&sse->name);
        yg_text_reset(&sse->data);
        sse->is_given = false;
    }
    while (input->len > 0 && rc == 0) {
        const bool is_whole = gather_line(sse, input);

        if (sse->line.len > sse->max)
            return -EMSGSIZE;
        if (is_whole) {
            rc = take_line(sse);
            yg_text_reset(&sse->line);
        }
        if (yg_text_failed(&sse->line) || yg_text_failed(&sse->data) ||
            yg_text_failed(&sse->name) || yg_text_failed(&sse->id))
            return -ENOMEM;
    }
    if (rc == 1)
        give(sse, ret_event);
    return rc;
}

void yg_sse_done(struct yg_sse *sse)
{
    yg_text_done(&sse->line);
    yg_text_done(&sse->name);
    yg_text_done(&sse->data);
    yg_text_done(&sse->id);
}
