/* SPDX-License-Identifier: MIT */
/* The lines of this program that are behind a card of the page: those between its marks in the
 * sources, which the build has put into the program. */
#include "source.h"

#include <jansson.h>
#include <string.h>

#include "demo.h"

static const yodel_str mark_begin = {"/* card: ", 9};
static const yodel_str mark_end = {"/* card end */", 14};

/* Takes a line, without its end, from text. */
static yodel_str next_line(yodel_str *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    yodel_str line = {text->ptr, end != NULL ? (size_t)(end - text->ptr) : text->len};
    size_t taken = line.len + (end != NULL);

    text->ptr += taken;
    text->len -= taken;
    return line;
}

static yodel_str trimmed(yodel_str line)
{
    for (; line.len > 0 && line.ptr[0] == ' '; line.len--)
        line.ptr++;
    return line;
}

static int begins_card(yodel_str line, yodel_str card)
{
    yodel_str mark = trimmed(line);

    return mark.len == mark_begin.len + card.len + 3 &&
           memcmp(mark.ptr, mark_begin.ptr, mark_begin.len) == 0 &&
           memcmp(mark.ptr + mark_begin.len, card.ptr, card.len) == 0;
}

/* Appends the parts of one file to parts.  Returns 0 or -1: out of memory. */
static int append_parts(json_t *parts, const struct demo_text *file, yodel_str card)
{
    yodel_str text = {file->text, file->len};
    json_int_t line_number = 1;

    for (; text.len > 0; line_number++) {
        const json_int_t first = line_number + 1;
        const char *begin;
        yodel_str line;

        if (!begins_card(next_line(&text), card))
            continue;
        begin = text.ptr;
        do {
            line = next_line(&text);
            line_number++;
        } while (text.len > 0 && !yodel_str_eq(trimmed(line), mark_end));
        if (json_array_append_new(parts,
                                  json_pack("{s:s,s:I,s:s%}", "file", file->name, "line", first,
                                            "text", begin, (size_t)(line.ptr - begin))) < 0)
            return -1;
    }
    return 0;
}

/* GET /source/{card} */
static void show_source(yodel_request *req, void *user)
{
    const yodel_str card = yodel_request_param(req, "card");
    json_t *parts = json_array();

    (void)user;
    for (const struct demo_text *file = demo_texts; file->name != NULL; file++)
        if (append_parts(parts, file, card) < 0) {
            json_decref(parts);
            return; /* the library answers 500 */
        }
    if (json_array_size(parts) > 0)
        (void)yodel_request_reply_pack(req, 200, "{s:O}", "parts", parts);
    else
        (void)yodel_request_reply_text(req, 404, NULL, YODEL_STR("no such card\n"));
    json_decref(parts);
}

int demo_add_source(struct demo *demo)
{
    return yodel_server_route(demo->server, "GET /source/{card}", show_source, demo);
}
