/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "history_redis/kept_entry.h"

/*
 * Kept messages, as Redis has them: what is published, and the same lines as the entry of a stream.
 * What is read lies within the input, and an offset that was read is written as it was, but for
 * zeros ahead.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check(const struct yd_kept_entry *entry, const uint8_t *data, size_t size)
{
    char text[YODEL_OFFSET_SIZE];
    struct yd_offset again;

    require(entry->type == YODEL_WS_TEXT || entry->type == YODEL_WS_BINARY);
    require(entry->process.len > 0);
    require((const uint8_t *)entry->process.ptr >= data &&
            (const uint8_t *)entry->process.ptr + entry->process.len <= data + size);
    if (entry->data.len > 0)
        require(entry->data.ptr >= data && entry->data.ptr + entry->data.len <= data + size);
    yd_offset_write(entry->id, text);
    require(strlen(text) < sizeof text && yd_offset_read(yodel_str_of(text), &again));
    require(again.a == entry->id.a && again.b == entry->id.b);
}

/* Lines are the words: the first is the id, names and values follow. */
static void read_as_entry(const uint8_t *data, size_t size)
{
    struct yd_redis_reply words[16] = {{.num = 0}}, list = {.type = YODEL_REDIS_ARRAY},
                          reply = list;
    const struct yd_redis_reply *elements[16], *parts[2] = {&words[0], &list};
    struct yd_kept_entry entry;
    size_t num = 0;

    for (const uint8_t *at = data; num < 16; num++) {
        size_t left = size - (size_t)(at - data);
        const uint8_t *end = left > 0 ? memchr(at, '\n', left) : NULL;

        words[num].type = left > 0 && at[0] == '!' ? YODEL_REDIS_NIL : YODEL_REDIS_STRING;
        words[num].text = (yodel_str){(const char *)at, end != NULL ? (size_t)(end - at) : left};
        elements[num] = &words[num];
        if (end == NULL)
            break;
        at = end + 1;
    }
    list.elements = elements + 1;
    list.num = num;
    reply.elements = parts;
    reply.num = 2;
    if (num < 16 && yd_kept_entry_read(&reply, &entry))
        check(&entry, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_kept_entry entry;

    if (yd_kept_entry_parse((yodel_bytes){data, size}, &entry))
        check(&entry, data, size);
    read_as_entry(data, size);
    return 0;
}
