/* SPDX-License-Identifier: MIT */
#include <stdbool.h>

#include "proto/json_number.h"
#include "proto/json_scan.h"
#include "proto/msgpack.h"
#include "proto/msgpack_json.h"
#include "proto/sio_packet.h"

/*
 * MessagePack has the number of elements ahead of them.  So the text is walked twice: first every
 * array and object gets its number in a list, in the order in which they begin; then it is written.
 */
struct walk {
    const struct yodel_allocator *mem;
    const yodel_bytes *attachments;
    struct yd_json_iter rest;
    struct yd_sio_placeholders placeholders; /* one ahead of rest: next */
    struct yd_sio_placeholder next;
    bool has_next;
};

/* A token, or a whole placeholder. */
struct step {
    struct yd_json_token token;
    bool is_placeholder;
    uint32_t num;
};

static int find_placeholder(struct walk *walk)
{
    int result = yd_sio_placeholders_next(&walk->placeholders, &walk->next);

    walk->has_next = result > 0;
    return result < 0 ? YODEL_ERR_FORMAT : 0;
}

static int begin(struct walk *walk, yodel_str json, uint32_t num_attachments)
{
    walk->rest = yd_json_elements(json);
    walk->has_next = false;
    if (num_attachments == 0)
        return 0;
    yd_sio_placeholders_init(&walk->placeholders, json, num_attachments);
    return find_placeholder(walk);
}

/* Returns 1, 0 at the end, or an error. */
static int next(struct walk *walk, struct step *ret_step)
{
    if (!yd_json_next_token(&walk->rest, &ret_step->token))
        return 0;
    ret_step->is_placeholder = walk->has_next && ret_step->token.text.ptr == walk->next.text.ptr;
    if (!ret_step->is_placeholder)
        return 1;
    ret_step->num = walk->next.num;
    walk->rest.ptr = walk->next.text.ptr + walk->next.text.len;
    return find_placeholder(walk) < 0 ? YODEL_ERR_FORMAT : 1;
}

/* The first walk. */

struct counter {
    struct yd_buf counts; /* of uint32_t */
    unsigned depth;
    size_t open[YD_JSON_MAX_DEPTH]; /* where in counts */
};

static uint32_t *count_at(const struct counter *counter, size_t at)
{
    return (uint32_t *)(void *)counter->counts.ptr + at;
}

static void count_value(struct counter *counter)
{
    if (counter->depth > 0)
        ++*count_at(counter, counter->open[counter->depth - 1]);
}

static int open_value(const struct yodel_allocator *mem, struct counter *counter)
{
    static const uint32_t zero = 0;

    if (counter->depth == YD_JSON_MAX_DEPTH)
        return YODEL_ERR_FORMAT;
    counter->open[counter->depth++] = counter->counts.len / sizeof(zero);
    return yd_buf_append(mem, &counter->counts, &zero, sizeof(zero));
}

static int count_step(const struct yodel_allocator *mem, struct counter *counter,
                      const struct step *step)
{
    enum yd_json_mark mark = step->is_placeholder ? YD_JSON_SCALAR : step->token.mark;

    switch (mark) {
    case YD_JSON_BEGIN_ARRAY:
    case YD_JSON_BEGIN_OBJECT:
        count_value(counter);
        return open_value(mem, counter);
    case YD_JSON_END_ARRAY:
    case YD_JSON_END_OBJECT:
        if (counter->depth == 0)
            return YODEL_ERR_FORMAT;
        counter->depth--;
        return 0;
    case YD_JSON_SCALAR:
        count_value(counter);
        return 0;
    case YD_JSON_NAME:
        return 0;
    }
    return 0;
}

static int count(struct walk *walk, struct counter *counter)
{
    struct step step;
    int result;

    while ((result = next(walk, &step)) > 0) {
        result = count_step(walk->mem, counter, &step);
        if (result < 0)
            return result;
    }
    return result;
}

/* The second walk. */

struct writer {
    struct walk walk;
    struct yd_buf *buf;
    const struct counter *counter;
    size_t at; /* of counts: the next array or object */
};

static int put_string(struct writer *writer, yodel_str body)
{
    const struct yodel_allocator *mem = writer->walk.mem;
    struct yd_buf *buf = writer->buf;
    size_t len;
    int result;

    if (!yd_json_is_escaped(body))
        return yd_msgpack_put_str(mem, buf, body);
    len = yd_json_unescaped_len(body);
    result = yd_msgpack_put_str_head(mem, buf, len);
    if (result == 0)
        result = yd_buf_reserve(mem, buf, len);
    if (result < 0)
        return result;
    yd_json_unescape((char *)buf->ptr + buf->len, body);
    buf->len += len;
    return 0;
}

static int put_number(struct writer *writer, yodel_str text)
{
    const struct yodel_allocator *mem = writer->walk.mem;
    uint64_t positive;
    int64_t number;

    if (yd_json_get_int(text, &number))
        return yd_msgpack_put_int(mem, writer->buf, number);
    if (yd_json_get_uint(text, &positive))
        return yd_msgpack_put_uint(mem, writer->buf, positive);
    return yd_msgpack_put_double(mem, writer->buf, yd_json_to_double(text));
}

static int put_scalar(struct writer *writer, yodel_str text)
{
    const struct yodel_allocator *mem = writer->walk.mem;
    yodel_str body;

    switch (yd_json_type_of(text)) {
    case YD_JSON_NULL:
        return yd_msgpack_put_nil(mem, writer->buf);
    case YD_JSON_FALSE:
    case YD_JSON_TRUE:
        return yd_msgpack_put_bool(mem, writer->buf, text.ptr[0] == 't');
    case YD_JSON_NUMBER:
        return put_number(writer, text);
    default:
        return yd_json_body(text, &body) ? put_string(writer, body) : YODEL_ERR_FORMAT;
    }
}

static int put_step(struct writer *writer, const struct step *step)
{
    const struct walk *walk = &writer->walk;

    if (step->is_placeholder)
        return yd_msgpack_put_bin(walk->mem, writer->buf, walk->attachments[step->num]);
    switch (step->token.mark) {
    case YD_JSON_BEGIN_ARRAY:
        return yd_msgpack_put_array(walk->mem, writer->buf,
                                    *count_at(writer->counter, writer->at++));
    case YD_JSON_BEGIN_OBJECT:
        return yd_msgpack_put_map(walk->mem, writer->buf, *count_at(writer->counter, writer->at++));
    case YD_JSON_NAME:
        return put_string(writer, step->token.text);
    case YD_JSON_SCALAR:
        return put_scalar(writer, step->token.text);
    default:
        return 0;
    }
}

static int write_all(struct writer *writer)
{
    struct step step;
    int result;

    while ((result = next(&writer->walk, &step)) > 0) {
        result = put_step(writer, &step);
        if (result < 0)
            return result;
    }
    return result;
}

int yd_msgpack_put_json(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str json,
                        const yodel_bytes *attachments, uint32_t num_attachments)
{
    struct writer writer = {.buf = buf};
    struct counter counter;
    size_t len = buf->len;
    int result;

    if (json.len > UINT32_MAX) /* so that no count can overflow */
        return YODEL_ERR_TOO_BIG;
    counter.counts = (struct yd_buf){NULL, 0, 0};
    counter.depth = 0;
    writer.counter = &counter;
    writer.walk.mem = mem;
    writer.walk.attachments = attachments;
    result = begin(&writer.walk, json, num_attachments);
    if (result == 0)
        result = count(&writer.walk, &counter);
    if (result == 0)
        result = begin(&writer.walk, json, num_attachments);
    if (result == 0)
        result = write_all(&writer);
    yd_buf_free(mem, &counter.counts);
    if (result < 0)
        buf->len = len;
    return result;
}
