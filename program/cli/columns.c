/* SPDX-License-Identifier: MIT */
#include "cli/columns.h"

#include <stdlib.h>
#include <string.h>

/* C0, DEL, and C1 in UTF-8 (C2 80 to C2 9F): all that a terminal may take for an order. */
void yg_columns_put_plain(struct yg_text *text, const char *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)ptr[i];
        const unsigned char next = i + 1 < len ? (unsigned char)ptr[i + 1] : 0;

        if (c < 0x20 || c == 0x7f) {
            yg_text_printf(text, "\\x%02x", c);
        } else if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
            yg_text_printf(text, "\\x%02x", next);
            i++;
        } else {
            yg_text_putc(text, (char)c);
        }
    }
}

void yg_columns_put_value(struct yg_text *text, const json_t *value)
{
    char *json;

    if (json_is_string(value)) {
        yg_columns_put_plain(text, json_string_value(value), json_string_length(value));
        return;
    }
    json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (json != NULL)
        yg_columns_put_plain(text, json, strlen(json));
    else
        text->failed = true;
    free(json);
}

int yg_column_put_texts(struct yg_text *text, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        yg_text_puts(text, i > 0 ? "," : "");
        yg_columns_put_value(text, json_array_get(value, i));
    }
    return json_array_size(value) > 0 ? 0 : -1;
}

static void put_cell(struct yg_text *text, const struct yg_column *column, const json_t *item)
{
    const json_t *value = json_object_get(item, column->member);
    const size_t from = text->len;

    if (value != NULL && !json_is_null(value) &&
        (column->put == NULL || column->put(text, value) != 0))
        yg_columns_put_value(text, value);
    if (text->len == from)
        yg_text_putc(text, '-');
}

/* As people count: without the bytes that continue a character. */
static size_t width_of(const char *ptr, size_t len)
{
    size_t width = 0;

    for (size_t i = 0; i < len; i++)
        width += ((unsigned char)ptr[i] & 0xc0) != 0x80;
    return width;
}

static size_t widest(const json_t *list, const struct yg_column *column, bool has_titles)
{
    size_t most = has_titles ? strlen(column->title) : 0;
    struct yg_text cell = {0};

    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t width;

        yg_text_reset(&cell);
        put_cell(&cell, column, json_array_get(list, i));
        width = width_of(yg_text_string(&cell), cell.len);
        most = width > most ? width : most;
    }
    yg_text_done(&cell);
    return most;
}

/* item NULL: the titles. */
static void put_row(struct yg_text *text, const struct yg_column *columns, const size_t *widths,
                    size_t num, const json_t *item)
{
    for (size_t i = 0; i < num; i++) {
        const size_t from = text->len;
        size_t width;

        if (item != NULL)
            put_cell(text, &columns[i], item);
        else
            yg_text_puts(text, columns[i].title);
        width = width_of(yg_text_string(text) + from, text->len - from);
        for (; i + 1 < num && width < widths[i] + 2; width++)
            yg_text_putc(text, ' ');
    }
    yg_text_putc(text, '\n');
}

void yg_columns_put(struct yg_text *text, const json_t *list, const struct yg_column *columns,
                    size_t num, bool has_titles)
{
    size_t widths[8];

    for (size_t i = 0; i < num; i++)
        widths[i] = widest(list, &columns[i], has_titles);
    if (has_titles)
        put_row(text, columns, widths, num, NULL);
    for (size_t i = 0; i < json_array_size(list); i++)
        put_row(text, columns, widths, num, json_array_get(list, i));
}

void yg_columns_put_object(struct yg_text *text, const json_t *object)
{
    void *at = json_object_iter((json_t *)object);
    size_t most = 0;

    for (; at != NULL; at = json_object_iter_next((json_t *)object, at)) {
        const size_t len = strlen(json_object_iter_key(at));

        most = len > most ? len : most;
    }
    at = json_object_iter((json_t *)object);
    for (; at != NULL; at = json_object_iter_next((json_t *)object, at)) {
        yg_text_printf(text, "%-*s  ", (int)most, json_object_iter_key(at));
        yg_columns_put_value(text, json_object_iter_value(at));
        yg_text_putc(text, '\n');
    }
}
