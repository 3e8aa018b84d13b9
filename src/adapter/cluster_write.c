/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/cluster_message.h"
#include "adapter/own_words.h"
#include "base/mem.h"
#include "proto/base64.h"
#include "proto/json_scan.h"
#include "proto/msgpack_json.h"

/* Messages that go out: each is made as JSON text. */

/* ---- pieces ---- */

/* Text is made piece by piece; after the first failure nothing more is put. */
struct writer {
    const struct yodel_allocator *mem;
    struct yd_buf *buf;
    int rc;
};

static void raw(struct writer *writer, yodel_str text)
{
    if (writer->rc == 0)
        writer->rc = yd_buf_append_str(writer->mem, writer->buf, text);
}

static void quoted(struct writer *writer, yodel_str text)
{
    if (writer->rc == 0)
        writer->rc = yd_json_put_string(writer->mem, writer->buf, text);
}

static void number(struct writer *writer, uint64_t value)
{
    if (writer->rc == 0)
        writer->rc = yd_buf_printf(writer->mem, writer->buf, "%" PRIu64, value);
}

/* [event, ...elements] */
static void put_event(struct writer *writer, yodel_str event, yodel_str elements)
{
    raw(writer, YODEL_STR("["));
    quoted(writer, event);
    if (elements.len > 0)
        raw(writer, YODEL_STR(","));
    raw(writer, elements);
    raw(writer, YODEL_STR("]"));
}

static void put_flags(struct writer *writer, const struct yd_cluster_scope *scope)
{
    const char *comma = "";

    raw(writer, YODEL_STR("{"));
    if (scope->is_volatile) {
        raw(writer, YODEL_STR("\"volatile\":true"));
        comma = ",";
    }
    if (scope->no_compress) {
        raw(writer, yodel_str_of(comma));
        raw(writer, YODEL_STR("\"compress\":false"));
        comma = ",";
    }
    if (scope->timeout_ms > 0) {
        raw(writer, yodel_str_of(comma));
        raw(writer, YODEL_STR("\"timeout\":"));
        number(writer, scope->timeout_ms);
        comma = ",";
    }
    if (scope->all_arguments) {
        raw(writer, yodel_str_of(comma));
        raw(writer, YODEL_STR("\"" YD_OWN_ALL_ARGUMENTS "\":true"));
    }
    raw(writer, YODEL_STR("}"));
}

static void put_scope(struct writer *writer, const struct yd_cluster_scope *scope)
{
    raw(writer, YODEL_STR("\"opts\":{\"rooms\":"));
    raw(writer, scope->rooms);
    raw(writer, YODEL_STR(",\"except\":"));
    raw(writer, scope->except);
    raw(writer, YODEL_STR(",\"flags\":"));
    put_flags(writer, scope);
    raw(writer, YODEL_STR("}"));
}

/* , and the request's id, if there is one. */
static void put_request(struct writer *writer, yodel_str request)
{
    if (request.len == 0)
        return;
    raw(writer, YODEL_STR(",\"requestId\":"));
    quoted(writer, request);
}

/* ---- data ---- */

int yd_cluster_put_broadcast(const struct yodel_allocator *mem, struct yd_buf *data,
                             yodel_str event, yodel_str elements,
                             const struct yd_cluster_scope *scope, yodel_str request)
{
    struct writer writer = {mem, data, 0};

    raw(&writer, YODEL_STR("{\"packet\":{\"type\":2,\"data\":"));
    put_event(&writer, event, elements);
    raw(&writer, YODEL_STR("},"));
    put_scope(&writer, scope);
    put_request(&writer, request);
    raw(&writer, YODEL_STR("}"));
    return writer.rc;
}

int yd_cluster_put_rooms(const struct yodel_allocator *mem, struct yd_buf *data,
                         const struct yd_cluster_scope *scope, yodel_str rooms)
{
    struct writer writer = {mem, data, 0};

    raw(&writer, YODEL_STR("{"));
    put_scope(&writer, scope);
    raw(&writer, YODEL_STR(",\"rooms\":"));
    raw(&writer, rooms);
    raw(&writer, YODEL_STR("}"));
    return writer.rc;
}

int yd_cluster_put_disconnect(const struct yodel_allocator *mem, struct yd_buf *data,
                              const struct yd_cluster_scope *scope, bool close)
{
    struct writer writer = {mem, data, 0};

    raw(&writer, YODEL_STR("{"));
    put_scope(&writer, scope);
    raw(&writer, close ? YODEL_STR(",\"close\":true}") : YODEL_STR(",\"close\":false}"));
    return writer.rc;
}

int yd_cluster_put_fetch(const struct yodel_allocator *mem, struct yd_buf *data,
                         const struct yd_cluster_scope *scope, yodel_str request)
{
    struct writer writer = {mem, data, 0};

    raw(&writer, YODEL_STR("{"));
    put_scope(&writer, scope);
    put_request(&writer, request);
    raw(&writer, YODEL_STR("}"));
    return writer.rc;
}

/* An answer: the request's id, and value between what begins a member and what ends it. */
static int put_answer(const struct yodel_allocator *mem, struct yd_buf *data, yodel_str request,
                      const char *begin, yodel_str value, const char *end)
{
    struct writer writer = {mem, data, 0};

    raw(&writer, YODEL_STR("{\"requestId\":"));
    quoted(&writer, request);
    raw(&writer, yodel_str_of(begin));
    raw(&writer, value);
    raw(&writer, yodel_str_of(end));
    return writer.rc;
}

int yd_cluster_put_sockets(const struct yodel_allocator *mem, struct yd_buf *data,
                           yodel_str request, yodel_str sockets)
{
    return put_answer(mem, data, request, ",\"sockets\":", sockets, "}");
}

int yd_cluster_put_value(const struct yodel_allocator *mem, struct yd_buf *data, yodel_str request,
                         yodel_str value)
{
    return put_answer(mem, data, request, ",\"packet\":", value, "}");
}

int yd_cluster_put_arguments(const struct yodel_allocator *mem, struct yd_buf *data,
                             yodel_str request, yodel_str elements)
{
    return put_answer(mem, data, request, ",\"packet\":[", elements,
                      "],\"" YD_OWN_ALL_ARGUMENTS "\":true}");
}

int yd_cluster_put_count(const struct yodel_allocator *mem, struct yd_buf *data, yodel_str request,
                         uint32_t count)
{
    char text[11];

    (void)snprintf(text, sizeof text, "%" PRIu32, count);
    return put_answer(mem, data, request, ",\"clientCount\":", yodel_str_of(text), "}");
}

int yd_cluster_put_server_side(const struct yodel_allocator *mem, struct yd_buf *data,
                               yodel_str event, yodel_str elements, yodel_str request)
{
    struct writer writer = {mem, data, 0};

    raw(&writer, YODEL_STR("{\"packet\":"));
    put_event(&writer, event, elements);
    put_request(&writer, request);
    raw(&writer, YODEL_STR("}"));
    return writer.rc;
}

/* ---- whole ---- */

static int put_json(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct yd_cluster_out *out)
{
    struct writer writer = {mem, buf, 0};

    raw(&writer, YODEL_STR("{\"type\":"));
    number(&writer, out->type);
    if (out->data.len > 0)
        raw(&writer, YODEL_STR(",\"data\":"));
    raw(&writer, out->data);
    raw(&writer, YODEL_STR(",\"uid\":"));
    quoted(&writer, out->uid);
    raw(&writer, YODEL_STR(",\"nsp\":"));
    quoted(&writer, out->nsp);
    raw(&writer, YODEL_STR("}"));
    return writer.rc;
}

int yd_cluster_put_message(const struct yodel_allocator *mem, struct yd_buf *buf,
                           const struct yd_cluster_out *out, bool packed)
{
    struct yd_buf json = {0};
    size_t begin = buf->len;
    int rc;

    if (out->num_attachments == 0 && !packed) {
        if ((rc = put_json(mem, buf, out)) < 0)
            buf->len = begin;
        return rc;
    }
    rc = put_json(mem, &json, out);
    if (rc == 0)
        rc = yd_msgpack_put_json(mem, buf, (yodel_str){(const char *)json.ptr, json.len},
                                 out->attachments, out->num_attachments);
    yd_buf_free(mem, &json);
    return rc;
}

static int put_base64(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str json,
                      const yodel_bytes *attachments, uint32_t num_attachments)
{
    struct yd_buf packed = {0};
    int rc = yd_msgpack_put_json(mem, &packed, json, attachments, num_attachments);

    if (rc == 0 && packed.len > YD_BASE64_MAX)
        rc = YODEL_ERR_TOO_BIG;
    if (rc == 0)
        rc = yd_buf_reserve(mem, buf, yd_base64_len(packed.len));
    if (rc == 0) {
        (void)yd_base64_encode((char *)buf->ptr + buf->len, packed.ptr, packed.len);
        buf->len += yd_base64_len(packed.len);
    }
    yd_buf_free(mem, &packed);
    return rc;
}

int yd_cluster_put_entry_data(const struct yodel_allocator *mem, struct yd_buf *buf,
                              const struct yd_cluster_out *out)
{
    if (out->num_attachments == 0)
        return yd_buf_append_str(mem, buf, out->data);
    return put_base64(mem, buf, out->data, out->attachments, out->num_attachments);
}

int yd_cluster_put_session(const struct yodel_allocator *mem, struct yd_buf *buf,
                           const struct yd_cluster_session *session)
{
    struct yd_buf json = {0};
    struct writer writer = {mem, &json, 0};
    int rc;

    raw(&writer, YODEL_STR("{\"sid\":"));
    quoted(&writer, session->sid);
    raw(&writer, YODEL_STR(",\"pid\":"));
    quoted(&writer, session->pid);
    raw(&writer, YODEL_STR(",\"rooms\":"));
    raw(&writer, session->rooms);
    raw(&writer, YODEL_STR(",\"data\":"));
    raw(&writer, session->data);
    raw(&writer, YODEL_STR("}"));
    rc = writer.rc;
    if (rc == 0)
        rc = put_base64(mem, buf, (yodel_str){(const char *)json.ptr, json.len}, NULL, 0);
    yd_buf_free(mem, &json);
    return rc;
}

/* ---- streams ---- */

static uint32_t hash_unit(uint32_t hash, uint32_t unit)
{
    return hash * 31 + unit;
}

/* The next character of UTF-8 that is valid. */
static uint32_t next_character(yodel_str *text)
{
    const uint8_t *at = (const uint8_t *)text->ptr;
    unsigned len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t character = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));

    for (unsigned i = 1; i < len && i < text->len; i++)
        character = character << 6 | (at[i] & 0x3f);
    len = len < text->len ? len : (unsigned)text->len;
    text->ptr += len;
    text->len -= len;
    return character;
}

/* 31-hash of UTF-16 in 32 bits with a sign, and a remainder that has the sign of the hash. */
int yd_cluster_stream_index(yodel_str nsp, unsigned num)
{
    uint32_t hash = 0;

    while (nsp.len > 0) {
        uint32_t character = next_character(&nsp);

        if (character >= 0x10000) {
            hash = hash_unit(hash, 0xd800 + ((character - 0x10000) >> 10));
            character = 0xdc00 + ((character - 0x10000) & 0x3ff);
        }
        hash = hash_unit(hash, character);
    }
    if (hash <= INT32_MAX)
        return (int)(hash % num);
    return -(int)((0 - hash) % num);
}

static bool read_number(yodel_str text, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return text.len > 0;
}

bool yd_stream_id_read(yodel_str text, struct yd_stream_id *ret_id)
{
    const char *dash = text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;
    struct yd_stream_id id;
    size_t len;

    if (dash == NULL)
        return false;
    len = (size_t)(dash - text.ptr);
    if (!read_number((yodel_str){text.ptr, len}, &id.ms) ||
        !read_number((yodel_str){dash + 1, text.len - len - 1}, &id.seq))
        return false;
    *ret_id = id;
    return true;
}

int yd_stream_id_compare(struct yd_stream_id a, struct yd_stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

void yd_stream_id_write(struct yd_stream_id id, char text[YD_STREAM_ID_SIZE])
{
    (void)snprintf(text, YD_STREAM_ID_SIZE, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}
