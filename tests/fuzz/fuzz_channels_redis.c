/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "channels/channel_event.h"
#include "channels_redis/asgi_message.h"
#include "channels_redis/asgi_names.h"
#include "channels_redis/fernet.h"

/* The input is a message in MessagePack: what is read is written again, and read the same.  With
 * 'g' ahead it is a token, which no one can have signed. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static yodel_bytes bytes_of(const struct yd_buf *buf)
{
    return (yodel_bytes){buf->ptr, buf->len};
}

static yodel_str text_of(const struct yd_buf *buf)
{
    return (yodel_str){(const char *)buf->ptr, buf->len};
}

static void walk_names(yodel_bytes channels)
{
    struct yd_asgi_iter iter;
    yodel_str name;

    if (!yd_asgi_iter_init(channels, &iter))
        return;
    while (yd_asgi_next(&iter, &name)) {
        require(name.len <= channels.len);
        if (yd_asgi_is_channel(name))
            require(yd_asgi_process_part(name).len <= name.len && yd_asgi_shard(name, 5) < 5);
    }
}

/* What was written once is written the same the second time. */
static void write_again(const yodel_event *event)
{
    struct yd_asgi_pairs pairs = {0};
    struct yd_asgi_message message = {{NULL, 0}, {NULL, 0}, {0}};
    struct yd_buf once = {0}, twice = {0};
    yodel_event *again;

    require(yd_asgi_make_pairs(&yd_mem_default, event, &pairs) == 0);
    require(yd_asgi_put(&yd_mem_default, &once, bytes_of(&pairs.bytes), pairs.num, NULL) == 0);
    require(yd_asgi_read(&yd_mem_default, bytes_of(&once), &message) == 0);
    require(yodel_str_eq(message.type, yodel_event_type(event)) && message.channels.len == 0);
    require(yd_event_new_text(&yd_mem_default, message.type, text_of(&message.json), &again) == 0);
    yd_buf_free(&yd_mem_default, &pairs.bytes);
    pairs.num = 0;
    require(yd_asgi_make_pairs(&yd_mem_default, again, &pairs) == 0);
    require(yd_asgi_put(&yd_mem_default, &twice, bytes_of(&pairs.bytes), pairs.num, NULL) == 0);
    require(once.len == twice.len && memcmp(once.ptr, twice.ptr, once.len) == 0);
    yd_event_unref(again);
    yd_buf_free(&yd_mem_default, &message.json);
    yd_buf_free(&yd_mem_default, &pairs.bytes);
    yd_buf_free(&yd_mem_default, &once);
    yd_buf_free(&yd_mem_default, &twice);
}

static void fuzz_message(yodel_bytes input)
{
    struct yd_asgi_message message = {{NULL, 0}, {NULL, 0}, {0}};
    yodel_event *event;
    int rc = yd_asgi_read(&yd_mem_default, input, &message);

    require(rc == 0 || rc == YODEL_ERR_PROTOCOL);
    require(message.json.len <= 20 * input.len + 2);
    if (rc == 0) {
        walk_names(message.channels);
        rc = yd_event_new_text(&yd_mem_default, message.type, text_of(&message.json), &event);
        require(rc == 0 || rc == YODEL_ERR_NAME);
        if (rc == 0) {
            write_again(event);
            yd_event_unref(event);
        }
    }
    yd_buf_free(&yd_mem_default, &message.json);
}

static void fuzz_token(yodel_bytes input)
{
    static const struct yd_fernet_key key = {{1}, {2}};
    struct yd_buf buf = {0};

    require(yd_fernet_read(&yd_mem_default, &buf, &key, 1, 1700000000, 60, input) ==
            YODEL_ERR_PROTOCOL);
    require(buf.len == 0);
    yd_buf_free(&yd_mem_default, &buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    require(copy != NULL);
    memcpy(copy, data, size);
    if (size > 0 && copy[0] == 'g')
        fuzz_token((yodel_bytes){copy, size});
    else
        fuzz_message((yodel_bytes){copy, size});
    free(copy);
    return 0;
}
