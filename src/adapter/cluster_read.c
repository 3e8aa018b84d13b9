/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/cluster_message.h"
#include "adapter/own_words.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "proto/base64.h"
#include "proto/json_scan.h"
#include "proto/msgpack_json.h"

/* Messages that come: whatever they are, they become JSON text that was checked, and then are
 * looked at member by member. */

static const yodel_str none = {NULL, 0};

/* ---- to text ---- */

static int unpack(const struct yodel_allocator *mem, yodel_bytes bytes,
                  struct yd_cluster_message *message)
{
    struct yd_msgpack_blobs blobs = {message->attachments, 0, YD_CLUSTER_MAX_ATTACHMENTS};
    int rc = yd_msgpack_to_json(mem, &bytes, YD_JSON_MAX_DEPTH, &message->text, &blobs);

    message->num_attachments = blobs.num;
    return rc == 0 && bytes.len > 0 ? YODEL_ERR_PROTOCOL : rc;
}

/* JSON or MessagePack, by its first byte; *ret_value is all of it as checked text. */
static int read_value(const struct yodel_allocator *mem, yodel_bytes bytes,
                      struct yd_cluster_message *message, yodel_str *ret_value)
{
    yodel_str text;
    int rc;

    if (bytes.len > 0 && bytes.ptr[0] == '{')
        rc = yd_utf8_is_valid((const char *)bytes.ptr, bytes.len)
                 ? yd_buf_append(mem, &message->text, bytes.ptr, bytes.len)
                 : YODEL_ERR_PROTOCOL;
    else
        rc = unpack(mem, bytes, message);
    if (rc < 0)
        return rc;
    text = (yodel_str){(const char *)message->text.ptr, message->text.len};
    return yd_json_check(text, YD_JSON_MAX_DEPTH, ret_value) ? 0 : YODEL_ERR_PROTOCOL;
}

/* ---- members ---- */

static bool is_there(yodel_str value)
{
    return value.len > 0 && yd_json_type_of(value) != YD_JSON_NULL;
}

static yodel_str member(yodel_str object, yodel_str name)
{
    yodel_str value;

    return yd_json_get(object, name, &value) ? value : none;
}

/* The text is written over its own escapes: last of all, as the JSON around it is none after that.
 */
static void unescape(yodel_str *body)
{
    if (yd_json_is_escaped(*body))
        body->len = (size_t)(yd_json_unescape((char *)body->ptr, *body) - body->ptr);
}

/* Numbers are names, too. */
static bool get_name(yodel_str value, yodel_str *ret_name)
{
    *ret_name = value;
    return yd_json_type_of(value) == YD_JSON_NUMBER || yd_json_body(value, ret_name);
}

static bool get_id(yodel_str object, yodel_str name, yodel_str *ret_id)
{
    yodel_str value = member(object, name);

    *ret_id = none;
    return !is_there(value) || (yd_json_body(value, ret_id) && ret_id->len <= YD_CLUSTER_ID_MAX);
}

static bool get_array(yodel_str object, yodel_str name, yodel_str *ret_array)
{
    *ret_array = member(object, name);
    return yd_json_type_of(*ret_array) == YD_JSON_ARRAY;
}

static bool is_names(yodel_str array)
{
    struct yd_json_iter iter = yd_json_array(array);
    yodel_str value;

    while (yd_json_next(&iter, &value)) {
        enum yd_json_type type = yd_json_type_of(value);

        if (type != YD_JSON_STRING && type != YD_JSON_NUMBER)
            return false;
    }
    return true;
}

/* A list of names that is missing is empty. */
static bool get_names(yodel_str object, yodel_str name, yodel_str *ret_array)
{
    if (!is_there(member(object, name))) {
        *ret_array = YODEL_STR("[]");
        return true;
    }
    return get_array(object, name, ret_array) && is_names(*ret_array);
}

static bool is_true(yodel_str value)
{
    return yd_json_type_of(value) == YD_JSON_TRUE;
}

static uint32_t get_timeout(yodel_str flags)
{
    uint64_t ms;

    if (!yd_json_get_uint(member(flags, YODEL_STR("timeout")), &ms))
        return 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static bool get_scope(yodel_str data, struct yd_cluster_scope *scope)
{
    yodel_str opts = member(data, YODEL_STR("opts")), flags = member(opts, YODEL_STR("flags"));

    if (yd_json_type_of(opts) != YD_JSON_OBJECT ||
        !get_names(opts, YODEL_STR("rooms"), &scope->rooms) ||
        !get_names(opts, YODEL_STR("except"), &scope->except))
        return false;
    scope->is_volatile = is_true(member(flags, YODEL_STR("volatile")));
    scope->no_compress = yd_json_type_of(member(flags, YODEL_STR("compress"))) == YD_JSON_FALSE;
    scope->local = is_true(member(flags, YODEL_STR("local")));
    scope->timeout_ms = get_timeout(flags);
    scope->all_arguments = is_true(member(flags, YODEL_STR(YD_OWN_ALL_ARGUMENTS)));
    return true;
}

/* ---- by type ---- */

/* [name, ...arguments] */
static bool get_event(yodel_str array, struct yd_cluster_message *message)
{
    struct yd_json_iter iter = yd_json_array(array);
    yodel_str name;

    if (yd_json_type_of(array) != YD_JSON_ARRAY || !yd_json_next(&iter, &name))
        return false;
    message->elements = yd_json_rest(iter);
    return get_name(name, &message->event);
}

/* Events are of type 2 also with bytes. */
static bool get_packet(yodel_str data, struct yd_cluster_message *message)
{
    yodel_str packet = member(data, YODEL_STR("packet"));
    uint64_t type;

    return yd_json_get_uint(member(packet, YODEL_STR("type")), &type) && type == 2 &&
           get_event(member(packet, YODEL_STR("data")), message);
}

static bool get_count(yodel_str data, struct yd_cluster_message *message)
{
    uint64_t count;

    if (!yd_json_get_uint(member(data, YODEL_STR("clientCount")), &count) || count > UINT32_MAX)
        return false;
    message->client_count = (uint32_t)count;
    return true;
}

static void get_value(yodel_str data, struct yd_cluster_message *message)
{
    message->value = member(data, YODEL_STR("packet"));
    if (message->value.len == 0)
        message->value = YODEL_STR("null");
    message->is_list = message->type == YD_CLUSTER_ACK &&
                       is_true(member(data, YODEL_STR(YD_OWN_ALL_ARGUMENTS))) &&
                       yd_json_type_of(message->value) == YD_JSON_ARRAY;
}

static bool get_data(yodel_str data, struct yd_cluster_message *message)
{
    bool has_request = message->request.len > 0;

    switch (message->type) {
    case YD_CLUSTER_BROADCAST:
        return get_scope(data, &message->scope) && get_packet(data, message);
    case YD_CLUSTER_JOIN:
    case YD_CLUSTER_LEAVE:
        return get_scope(data, &message->scope) &&
               get_array(data, YODEL_STR("rooms"), &message->rooms) && is_names(message->rooms);
    case YD_CLUSTER_DISCONNECT:
        message->close = is_true(member(data, YODEL_STR("close")));
        return get_scope(data, &message->scope);
    case YD_CLUSTER_FETCH:
        return has_request && get_scope(data, &message->scope);
    case YD_CLUSTER_FETCH_RESPONSE:
        return has_request && get_array(data, YODEL_STR("sockets"), &message->sockets);
    case YD_CLUSTER_SERVER_SIDE:
        return get_event(member(data, YODEL_STR("packet")), message);
    case YD_CLUSTER_SERVER_SIDE_RESPONSE:
    case YD_CLUSTER_ACK:
        get_value(data, message);
        return has_request;
    case YD_CLUSTER_CLIENT_COUNT:
        return has_request && get_count(data, message);
    case YD_CLUSTER_INITIAL_HEARTBEAT:
    case YD_CLUSTER_HEARTBEAT:
    case YD_CLUSTER_CLOSE:
        break;
    }
    return true;
}

static bool has_data(enum yd_cluster_type type)
{
    return type >= YD_CLUSTER_BROADCAST && type <= YD_CLUSTER_ACK;
}

static bool set_type(uint64_t type, struct yd_cluster_message *message)
{
    if (type < YD_CLUSTER_INITIAL_HEARTBEAT || type > YD_CLUSTER_CLOSE)
        return false;
    message->type = (enum yd_cluster_type)type;
    return true;
}

static bool read_data(yodel_str data, struct yd_cluster_message *message)
{
    if (!has_data(message->type))
        return true;
    return yd_json_type_of(data) == YD_JSON_OBJECT &&
           get_id(data, YODEL_STR("requestId"), &message->request) && get_data(data, message);
}

static bool read_members(yodel_str object, struct yd_cluster_message *message)
{
    uint64_t type;

    return yd_json_type_of(object) == YD_JSON_OBJECT &&
           yd_json_get_uint(member(object, YODEL_STR("type")), &type) && set_type(type, message) &&
           get_id(object, YODEL_STR("uid"), &message->uid) && message->uid.len > 0 &&
           yd_json_body(member(object, YODEL_STR("nsp")), &message->nsp) && message->nsp.len > 0 &&
           read_data(member(object, YODEL_STR("data")), message);
}

/* ---- whole ---- */

static bool has_nul(yodel_str text)
{
    return text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL;
}

/* The names of a message become plain text. */
static bool finish(struct yd_cluster_message *message)
{
    unescape(&message->uid);
    unescape(&message->nsp);
    unescape(&message->request);
    unescape(&message->event);
    return !has_nul(message->uid) && !has_nul(message->nsp) && !has_nul(message->request);
}

int yd_cluster_decode(const struct yodel_allocator *mem, yodel_bytes payload,
                      struct yd_cluster_message *ret_message)
{
    yodel_str object;
    int rc;

    memset(ret_message, 0, sizeof *ret_message);
    rc = read_value(mem, payload, ret_message, &object);
    if (rc == 0 && !(read_members(object, ret_message) && finish(ret_message)))
        rc = YODEL_ERR_PROTOCOL;
    if (rc < 0)
        yd_cluster_message_done(ret_message, mem);
    return rc;
}

/* In place of the text of base64: views are of it as long as the message lives. */
static int open_base64(const struct yodel_allocator *mem, yodel_str data,
                       struct yd_cluster_message *message, yodel_bytes *ret_bytes)
{
    size_t len;

    if (yd_buf_append_str(mem, &message->raw, data) < 0)
        return -ENOMEM;
    if (data.len == 0 || !yd_base64_decode(message->raw.ptr, message->raw.ptr, data.len, &len))
        return YODEL_ERR_PROTOCOL;
    *ret_bytes = (yodel_bytes){message->raw.ptr, len};
    return 0;
}

static int read_entry_data(const struct yodel_allocator *mem, yodel_str data,
                           struct yd_cluster_message *message)
{
    yodel_bytes bytes = {(const uint8_t *)data.ptr, data.len};
    yodel_str object = none;
    int rc = 0;

    if (!has_data(message->type))
        return 0;
    if (data.len == 0 || data.ptr[0] != '{')
        rc = open_base64(mem, data, message, &bytes);
    if (rc == 0)
        rc = read_value(mem, bytes, message, &object);
    if (rc == 0 && !read_data(object, message))
        rc = YODEL_ERR_PROTOCOL;
    return rc;
}

static bool is_text(yodel_str text, size_t max)
{
    return text.len > 0 && text.len <= max && yd_utf8_is_valid(text.ptr, text.len);
}

/* What stands beside the data is no JSON: a backslash is one. */
static bool finish_entry(const struct yd_cluster_entry *entry, struct yd_cluster_message *message)
{
    bool finished = finish(message);

    message->uid = entry->uid;
    message->nsp = entry->nsp;
    return finished && !has_nul(entry->uid) && !has_nul(entry->nsp);
}

int yd_cluster_decode_entry(const struct yodel_allocator *mem, const struct yd_cluster_entry *entry,
                            struct yd_cluster_message *ret_message)
{
    uint64_t type;
    int rc;

    memset(ret_message, 0, sizeof *ret_message);
    if (!yd_json_get_uint(entry->type, &type) || !set_type(type, ret_message) ||
        !is_text(entry->uid, YD_CLUSTER_ID_MAX) || !is_text(entry->nsp, SIZE_MAX))
        return YODEL_ERR_PROTOCOL;
    rc = read_entry_data(mem, entry->data, ret_message);
    if (rc == 0 && !finish_entry(entry, ret_message))
        rc = YODEL_ERR_PROTOCOL;
    if (rc < 0)
        yd_cluster_message_done(ret_message, mem);
    return rc;
}

void yd_cluster_message_done(struct yd_cluster_message *message, const struct yodel_allocator *mem)
{
    yd_buf_free(mem, &message->text);
    yd_buf_free(mem, &message->raw);
}

/* ---- names ---- */

static int put_name(const struct yodel_allocator *mem, yodel_str value, struct yd_buf *names)
{
    yodel_str body = value;
    size_t begin = names->len;

    if (yd_json_type_of(value) != YD_JSON_NUMBER && !yd_json_body(value, &body))
        return YODEL_ERR_PROTOCOL;
    if (yd_buf_reserve(mem, names, body.len + 1) < 0)
        return -ENOMEM;
    names->len = (size_t)(yd_json_unescape((char *)names->ptr + begin, body) - (char *)names->ptr);
    if (memchr(names->ptr + begin, '\0', names->len - begin) != NULL)
        return YODEL_ERR_PROTOCOL;
    names->ptr[names->len++] = '\0';
    return 0;
}

int yd_cluster_get_names(const struct yodel_allocator *mem, yodel_str array, struct yd_buf *names)
{
    struct yd_json_iter iter = yd_json_array(array);
    size_t begin = names->len;
    yodel_str value;
    int rc = 0;

    while (rc == 0 && yd_json_next(&iter, &value))
        rc = put_name(mem, value, names);
    if (rc < 0)
        names->len = begin;
    return rc;
}

/* ---- sessions ---- */

static bool read_session(yodel_str object, struct yd_cluster_session *session)
{
    if (yd_json_type_of(object) != YD_JSON_OBJECT ||
        !get_id(object, YODEL_STR("sid"), &session->sid) || session->sid.len == 0 ||
        !get_id(object, YODEL_STR("pid"), &session->pid) || session->pid.len == 0 ||
        !get_array(object, YODEL_STR("rooms"), &session->rooms) || !is_names(session->rooms))
        return false;
    session->data = member(object, YODEL_STR("data"));
    if (session->data.len == 0)
        session->data = YODEL_STR("{}");
    unescape(&session->sid);
    unescape(&session->pid);
    return true;
}

int yd_cluster_get_session(const struct yodel_allocator *mem, yodel_str text,
                           struct yd_cluster_session *ret_session)
{
    struct yd_msgpack_blobs blobs = {NULL, 0, 0};
    struct yd_buf raw = {0};
    yodel_str json, object;
    yodel_bytes bytes;
    size_t len;
    int rc = YODEL_ERR_PROTOCOL;

    *ret_session = (struct yd_cluster_session){.sid = none};
    if (yd_buf_append_str(mem, &raw, text) < 0)
        return -ENOMEM;
    if (text.len > 0 && yd_base64_decode(raw.ptr, raw.ptr, raw.len, &len)) {
        bytes = (yodel_bytes){raw.ptr, len};
        rc = yd_msgpack_to_json(mem, &bytes, YD_JSON_MAX_DEPTH, &ret_session->text, &blobs);
    }
    json = (yodel_str){(const char *)ret_session->text.ptr, ret_session->text.len};
    if (rc == 0 && (bytes.len > 0 || !yd_json_check(json, YD_JSON_MAX_DEPTH, &object) ||
                    !read_session(object, ret_session)))
        rc = YODEL_ERR_PROTOCOL;
    if (rc < 0)
        yd_cluster_session_done(ret_session, mem);
    yd_buf_free(mem, &raw);
    return rc;
}

void yd_cluster_session_done(struct yd_cluster_session *session, const struct yodel_allocator *mem)
{
    yd_buf_free(mem, &session->text);
}
