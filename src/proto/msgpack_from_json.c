/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdbool.h>

#include "proto/iso_date.h"
#include "proto/json_hint.h"
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
    const char *begin; /* of the text */
    struct yd_json_iter rest;
    struct yd_sio_placeholders placeholders; /* one ahead of rest: next */
    struct yd_sio_placeholder next;
    bool has_next;
};

/* A token, or an object or array that stands for bytes. */
struct step {
    enum { TOKEN = 0, BIN, BUFFER, EXT } kind;
    enum yd_json_hint hint;
    struct yd_json_token token;
    uint32_t num; /* of bytes: which attachment */
    int8_t ext;
};

static int find_placeholder(struct walk *walk)
{
    int result = yd_sio_placeholders_next(&walk->placeholders, &walk->next);

    walk->has_next = result > 0;
    return result < 0 ? YODEL_ERR_FORMAT : 0;
}

static int begin(struct walk *walk, yodel_str json, uint32_t num_attachments)
{
    walk->begin = json.ptr;
    walk->rest = yd_json_elements(json);
    walk->has_next = false;
    if (num_attachments == 0)
        return 0;
    yd_sio_placeholders_init(&walk->placeholders, json, num_attachments);
    return find_placeholder(walk);
}

/* The placeholder that the walk is at becomes the step; the walk goes on at end. */
static int take_placeholder(struct walk *walk, struct step *step, const char *end)
{
    step->num = walk->next.num;
    walk->rest.ptr = end;
    return find_placeholder(walk) < 0 ? YODEL_ERR_FORMAT : 1;
}

/* [type,placeholder]: true, and its type and end; the walk is after the bracket. */
static bool is_ext(const struct walk *walk, int8_t *ret_type, const char **ret_end)
{
    struct yd_json_iter rest = walk->rest;
    struct yd_json_token token;
    int64_t type;

    if (!walk->has_next || !yd_json_next_token(&rest, &token) ||
        !yd_json_get_int(token.text, &type) || type < INT8_MIN || type > INT8_MAX ||
        !yd_json_next_token(&rest, &token) || token.text.ptr != walk->next.text.ptr)
        return false;
    rest.ptr = walk->next.text.ptr + walk->next.text.len;
    if (!yd_json_next_token(&rest, &token) || token.mark != YD_JSON_END_ARRAY)
        return false;
    *ret_type = (int8_t)type;
    *ret_end = rest.ptr;
    return true;
}

/* Returns 1, 0 at the end, or an error. */
static int next(struct walk *walk, struct step *ret_step)
{
    const char *end;

    if (!yd_json_next_token(&walk->rest, &ret_step->token))
        return 0;
    ret_step->kind = TOKEN;
    ret_step->hint = yd_json_hint_of(walk->begin, ret_step->token.text.ptr);
    if (walk->has_next && ret_step->token.text.ptr == walk->next.text.ptr) {
        ret_step->kind = ret_step->hint == YD_JSON_JS ? BUFFER : BIN;
        return take_placeholder(walk, ret_step, walk->next.text.ptr + walk->next.text.len);
    }
    if (ret_step->hint == YD_JSON_JS && ret_step->token.mark == YD_JSON_BEGIN_ARRAY &&
        is_ext(walk, &ret_step->ext, &end)) {
        ret_step->kind = EXT;
        return take_placeholder(walk, ret_step, end);
    }
    return 1;
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
    enum yd_json_mark mark = step->kind != TOKEN ? YD_JSON_SCALAR : step->token.mark;

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

/* undefined, and NaN. */
static int put_null(struct writer *writer, enum yd_json_hint hint)
{
    const struct yodel_allocator *mem = writer->walk.mem;
    static const uint8_t zero;

    if (hint == YD_JSON_JS)
        return yd_msgpack_put_ext(mem, writer->buf, 0, (yodel_bytes){&zero, 1}, true);
    if (hint == YD_JSON_OTHER)
        return yd_msgpack_put_double(mem, writer->buf, NAN);
    return yd_msgpack_put_nil(mem, writer->buf);
}

static void big_endian(uint8_t *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(number >> 8 * (size - 1 - i));
}

static int put_js_date(struct writer *writer, int64_t seconds, uint32_t nanoseconds)
{
    uint8_t bytes[8];

    big_endian(bytes, (uint64_t)(seconds * 1000 + nanoseconds / 1000000), 8);
    return yd_msgpack_put_ext(writer->walk.mem, writer->buf, 0, (yodel_bytes){bytes, 8}, true);
}

/* In the shortest form: seconds alone in 32 bits, with nanoseconds in 64, or 96. */
static int put_timestamp(struct writer *writer, int64_t seconds, uint32_t nanoseconds)
{
    uint8_t bytes[12];
    size_t len = 12;

    if (seconds >= 0 && seconds <= UINT32_MAX && nanoseconds == 0) {
        len = 4;
        big_endian(bytes, (uint64_t)seconds, 4);
    } else if (seconds >= 0 && seconds >> 34 == 0) {
        len = 8;
        big_endian(bytes, (uint64_t)nanoseconds << 34 | (uint64_t)seconds, 8);
    } else {
        big_endian(bytes, nanoseconds, 4);
        big_endian(bytes + 4, (uint64_t)seconds, 8);
    }
    return yd_msgpack_put_ext(writer->walk.mem, writer->buf, -1, (yodel_bytes){bytes, len}, true);
}

/* A string, or the date that it stands for. */
static int put_text(struct writer *writer, yodel_str body, enum yd_json_hint hint)
{
    uint32_t nanoseconds;
    int64_t seconds;

    if (hint == YD_JSON_PLAIN || !yd_iso_date_parse(body, &seconds, &nanoseconds))
        return put_string(writer, body);
    return hint == YD_JSON_JS ? put_js_date(writer, seconds, nanoseconds)
                              : put_timestamp(writer, seconds, nanoseconds);
}

static int put_scalar(struct writer *writer, const struct step *step)
{
    const struct yodel_allocator *mem = writer->walk.mem;
    yodel_str text = step->token.text, body;

    switch (yd_json_type_of(text)) {
    case YD_JSON_NULL:
        return put_null(writer, step->hint);
    case YD_JSON_FALSE:
    case YD_JSON_TRUE:
        return yd_msgpack_put_bool(mem, writer->buf, text.ptr[0] == 't');
    case YD_JSON_NUMBER:
        return put_number(writer, text);
    default:
        return yd_json_body(text, &body) ? put_text(writer, body, step->hint) : YODEL_ERR_FORMAT;
    }
}

static int put_blob(struct writer *writer, const struct step *step)
{
    const struct yodel_allocator *mem = writer->walk.mem;
    yodel_bytes bytes = writer->walk.attachments[step->num];

    if (step->kind == BIN)
        return yd_msgpack_put_bin(mem, writer->buf, bytes);
    if (step->kind == BUFFER)
        return yd_msgpack_put_ext(mem, writer->buf, 0, bytes, false);
    return yd_msgpack_put_ext(mem, writer->buf, step->ext, bytes, true);
}

static int put_step(struct writer *writer, const struct step *step)
{
    const struct walk *walk = &writer->walk;

    if (step->kind != TOKEN)
        return put_blob(writer, step);
    switch (step->token.mark) {
    case YD_JSON_BEGIN_ARRAY:
        return yd_msgpack_put_array(walk->mem, writer->buf,
                                    *count_at(writer->counter, writer->at++));
    case YD_JSON_BEGIN_OBJECT:
        return yd_msgpack_put_map(walk->mem, writer->buf, *count_at(writer->counter, writer->at++));
    case YD_JSON_NAME:
        return put_string(writer, step->token.text);
    case YD_JSON_SCALAR:
        return put_scalar(writer, step);
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
