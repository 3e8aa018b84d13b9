/* SPDX-License-Identifier: MIT */
#include "adapter/python_out.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "proto/base64.h"
#include "proto/json_number.h"
#include "proto/json_scan.h"
#include "proto/sio_packet.h"

static void put(struct yd_python_out *out, const void *data, size_t len)
{
    if (out->rc == 0)
        out->rc = yd_buf_append(out->mem, out->buf, data, len);
}

static void put_char(struct yd_python_out *out, char opcode)
{
    put(out, &opcode, 1);
}

/* An opcode and an integer of size bytes, low byte first. */
static void put_opcode(struct yd_python_out *out, char opcode, uint64_t number, size_t size)
{
    uint8_t bytes[1 + 8] = {(uint8_t)opcode};

    for (size_t i = 0; i < size; i++)
        bytes[1 + i] = (uint8_t)(number >> 8 * i);
    put(out, bytes, 1 + size);
}

/* A comma ahead of all values but the first. */
static void begin_value(struct yd_python_out *out)
{
    if (out->has_more && !out->pickled)
        put_char(out, ',');
    out->has_more = true;
}

void yd_python_begin(struct yd_python_out *out)
{
    if (out->pickled)
        put(out, "\x80\x04", 2);
}

void yd_python_end(struct yd_python_out *out)
{
    if (out->pickled)
        put_char(out, '.');
}

void yd_python_open(struct yd_python_out *out, enum yd_python_bracket bracket)
{
    begin_value(out);
    if (!out->pickled)
        put_char(out, bracket == YD_PYTHON_IN_DICT ? '{' : '[');
    else if (bracket == YD_PYTHON_IN_TUPLE)
        put_char(out, '(');
    else
        put(out, bracket == YD_PYTHON_IN_DICT ? "}(" : "](", 2);
    out->has_more = false;
}

void yd_python_close(struct yd_python_out *out, enum yd_python_bracket bracket)
{
    static const char ends[] = {
        [YD_PYTHON_IN_DICT] = 'u', [YD_PYTHON_IN_LIST] = 'e', [YD_PYTHON_IN_TUPLE] = 't'};

    if (out->pickled)
        put_char(out, ends[bracket]);
    else
        put_char(out, bracket == YD_PYTHON_IN_DICT ? '}' : ']');
    out->has_more = true;
}

void yd_python_name(struct yd_python_out *out, const char *name)
{
    yd_python_text(out, yodel_str_of(name));
    if (!out->pickled)
        put_char(out, ':');
    out->has_more = false;
}

static void put_long_bytes(struct yd_python_out *out, char opcode, const void *data, size_t len)
{
    if (len > UINT32_MAX) {
        out->rc = out->rc < 0 ? out->rc : YODEL_ERR_UNSUPPORTED;
        return;
    }
    put_opcode(out, opcode, len, 4);
    put(out, data, len);
}

void yd_python_text(struct yd_python_out *out, yodel_str text)
{
    begin_value(out);
    if (out->rc == 0 && !yd_utf8_is_valid(text.ptr, text.len))
        out->rc = YODEL_ERR_UNSUPPORTED;
    if (out->pickled)
        put_long_bytes(out, 'X', text.ptr, text.len);
    else if (out->rc == 0)
        out->rc = yd_json_put_string(out->mem, out->buf, text);
}

void yd_python_base64(struct yd_python_out *out, yodel_bytes bytes)
{
    size_t len = bytes.len <= YD_BASE64_MAX ? yd_base64_len(bytes.len) : SIZE_MAX / 2;

    begin_value(out);
    put_char(out, '"');
    if (out->rc == 0)
        out->rc = yd_buf_reserve(out->mem, out->buf, len);
    if (out->rc == 0) {
        yd_base64_encode((char *)out->buf->ptr + out->buf->len, bytes.ptr, bytes.len);
        out->buf->len += len;
    }
    put_char(out, '"');
}

/* ---- JSON to pickles ---- */

static void pickle_number(struct yd_python_out *out, yodel_str raw)
{
    uint8_t bytes[9] = {'G'};
    double real;
    uint64_t bits;
    int64_t number;

    if (yd_json_get_int(raw, &number)) {
        if (number >= INT32_MIN && number <= INT32_MAX) {
            put_opcode(out, 'J', (uint64_t)number, 4);
            return;
        }
        put(out, "\x8a", 1);
        put_opcode(out, 8, (uint64_t)number, 8);
        return;
    }
    real = yd_json_to_double(raw);
    memcpy(&bits, &real, sizeof bits);
    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
    put(out, bytes, sizeof bytes);
}

static void pickle_string(struct yd_python_out *out, yodel_str body)
{
    size_t len = yd_json_unescaped_len(body);

    if (len > UINT32_MAX) {
        out->rc = out->rc < 0 ? out->rc : YODEL_ERR_UNSUPPORTED;
        return;
    }
    put_opcode(out, 'X', len, 4);
    if (out->rc == 0)
        out->rc = yd_buf_reserve(out->mem, out->buf, len);
    if (out->rc == 0) {
        yd_json_unescape((char *)out->buf->ptr + out->buf->len, body);
        out->buf->len += len;
    }
}

static void pickle_scalar(struct yd_python_out *out, yodel_str raw)
{
    yodel_str body;

    switch (yd_json_type_of(raw)) {
    case YD_JSON_TRUE:
        put(out, "\x88", 1);
        return;
    case YD_JSON_FALSE:
        put(out, "\x89", 1);
        return;
    case YD_JSON_NUMBER:
        pickle_number(out, raw);
        return;
    case YD_JSON_STRING:
        yd_json_body(raw, &body);
        pickle_string(out, body);
        return;
    default:
        put_char(out, 'N');
    }
}

static void pickle_token(struct yd_python_out *out, const struct yd_json_token *token)
{
    switch (token->mark) {
    case YD_JSON_BEGIN_ARRAY:
        put(out, "](", 2);
        return;
    case YD_JSON_END_ARRAY:
        put_char(out, 'e');
        return;
    case YD_JSON_BEGIN_OBJECT:
        put(out, "}(", 2);
        return;
    case YD_JSON_END_OBJECT:
        put_char(out, 'u');
        return;
    case YD_JSON_NAME:
        pickle_string(out, token->text);
        return;
    case YD_JSON_SCALAR:
        pickle_scalar(out, token->text);
    }
}

/* Placeholders come in the order of the text. */
static void pickle_values(struct yd_python_out *out, yodel_str elements,
                          const yodel_bytes *attachments, size_t num_attachments)
{
    struct yd_json_iter iter = yd_json_elements(elements);
    struct yd_sio_placeholders placeholders;
    struct yd_sio_placeholder next = {0};
    struct yd_json_token token;
    bool has_next = false;

    yd_sio_placeholders_init(&placeholders, elements, (uint32_t)num_attachments);
    if (num_attachments > 0)
        has_next = yd_sio_placeholders_next(&placeholders, &next) == 1;
    while (out->rc == 0 && yd_json_next_token(&iter, &token)) {
        if (!has_next || token.text.ptr != next.text.ptr) {
            pickle_token(out, &token);
            continue;
        }
        put_long_bytes(out, 'B', attachments[next.num].ptr, attachments[next.num].len);
        iter.ptr = next.text.ptr + next.text.len;
        has_next = yd_sio_placeholders_next(&placeholders, &next) == 1;
    }
}

void yd_python_values(struct yd_python_out *out, yodel_str elements, const yodel_bytes *attachments,
                      size_t num_attachments)
{
    if (elements.len == 0)
        return;
    begin_value(out);
    if (out->pickled)
        pickle_values(out, elements, attachments, num_attachments);
    else
        put(out, elements.ptr, elements.len);
}
