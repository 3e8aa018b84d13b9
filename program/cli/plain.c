/* SPDX-License-Identifier: MIT */
#include "cli/plain.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes of a control character are at ptr: one of ASCII, or of U+0080 to U+009F. */
static size_t control_at(const char *ptr, size_t left)
{
    const unsigned char c = (unsigned char)ptr[0];

    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
        return 1;
    return c == 0xc2 && left > 1 && ((unsigned char)ptr[1] & 0xe0) == 0x80 ? 2 : 0;
}

/* Adds a text with something else for each control character: its escape in JSON, or "?". */
static void put(struct yg_text *text, const char *ptr, size_t len, bool escapes)
{
    size_t begin = 0, num;

    for (size_t i = 0; i<len; i += num> 0 ? num : 1) {
        num = control_at(ptr + i, len - i);
        if (num == 0)
            continue;
        yg_text_add(text, ptr + begin, i - begin);
        if (escapes)
            yg_text_printf(text, "\\u%04x", (unsigned char)ptr[i + num - 1]);
        else
            yg_text_putc(text, '?');
        begin = i + num;
    }
    yg_text_add(text, ptr + begin, len - begin);
}

void yg_plain_put(struct yg_text *text, const char *ptr, size_t len)
{
    put(text, ptr, len, false);
}

void yg_plain_put_json(struct yg_text *text, const json_t *json)
{
    char *dump;

    if (json == NULL)
        return;
    dump = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    if (dump == NULL) {
        text->failed = true;
        return;
    }
    put(text, dump, strlen(dump), true);
    free(dump);
}
