/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/classic_message.h"
#include "adapter/own_words.h"
#include "base/utf8.h"
#include "proto/json_scan.h"
#include "proto/msgpack.h"
#include "proto/msgpack_json.h"

/* Messages that come become JSON text that was checked, and are then looked at member by member.
 * Whatever does not fit is YODEL_ERR_PROTOCOL. */

static const yodel_str none = {NULL, 0};

/* ---- to text ---- */

static int read_packed(const struct yodel_allocator *mem, yodel_bytes bytes,
                       struct yd_classic_message *message)
{
    struct yd_msgpack_blobs blobs = {message->attachments, 0, YD_CLASSIC_MAX_ATTACHMENTS};
    int rc = yd_msgpack_to_json(mem, &bytes, YD_JSON_MAX_DEPTH, &message->text, &blobs);

    message->num_attachments = blobs.num;
    return rc == 0 && bytes.len > 0 ? YODEL_ERR_PROTOCOL : rc;
}

/* JSON or MessagePack, by its first byte. */
static int read_value(const struct yodel_allocator *mem, yodel_bytes bytes,
                      struct yd_classic_message *message, yodel_str *ret_value)
{
    yodel_str text;
    int rc = YODEL_ERR_PROTOCOL;

    if (bytes.len == 0)
        return rc;
    if (bytes.ptr[0] != '{')
        rc = read_packed(mem, bytes, message);
    else if (yd_utf8_is_valid((const char *)bytes.ptr, bytes.len))
        rc = yd_buf_append(mem, &message->text, bytes.ptr, bytes.len);
    if (rc < 0)
        return rc;
    text = (yodel_str){(const char *)message->text.ptr, message->text.len};
    return yd_json_check(text, YD_JSON_MAX_DEPTH, ret_value) ? 0 : YODEL_ERR_PROTOCOL;
}

/* ---- members ---- */

static yodel_str member(yodel_str object, yodel_str name)
{
    yodel_str value;

    if (!yd_json_get(object, name, &value) || yd_json_type_of(value) == YD_JSON_NULL)
        return none;
    return value;
}

/* Missing is empty. */
static bool get_text(yodel_str object, yodel_str name, yodel_str *ret_body)
{
    yodel_str value = member(object, name);

    *ret_body = none;
    return value.len == 0 || yd_json_body(value, ret_body);
}

static bool get_array(yodel_str object, yodel_str name, yodel_str *ret_array)
{
    *ret_array = member(object, name);
    return ret_array->len == 0 || yd_json_type_of(*ret_array) == YD_JSON_ARRAY;
}

static bool is_true(yodel_str value)
{
    return yd_json_type_of(value) == YD_JSON_TRUE;
}

static bool get_opts(yodel_str opts, struct yd_classic_message *message)
{
    yodel_str flags = member(opts, YODEL_STR("flags"));
    uint64_t ms;

    if (yd_json_type_of(opts) != YD_JSON_OBJECT ||
        !get_array(opts, YODEL_STR("rooms"), &message->rooms) ||
        !get_array(opts, YODEL_STR("except"), &message->except))
        return false;
    message->has_opts = true;
    if (is_true(member(flags, YODEL_STR("volatile"))))
        message->flags |= YODEL_SIO_VOLATILE;
    if (yd_json_type_of(member(flags, YODEL_STR("compress"))) == YD_JSON_FALSE)
        message->flags |= YODEL_SIO_NO_COMPRESS;
    if (is_true(member(flags, YODEL_STR(YD_OWN_ALL_ARGUMENTS))))
        message->flags |= YODEL_SIO_ALL_ARGUMENTS;
    if (yd_json_get_uint(member(flags, YODEL_STR("timeout")), &ms))
        message->timeout_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    return true;
}

/* [name, ...arguments]; a name that is a number is its text. */
static bool get_event(yodel_str array, struct yd_classic_message *message)
{
    struct yd_json_iter iter = yd_json_array(array);
    yodel_str name;

    if (yd_json_type_of(array) != YD_JSON_ARRAY || !yd_json_next(&iter, &name))
        return false;
    message->elements = yd_json_rest(iter);
    message->event = name;
    if (yd_json_type_of(name) == YD_JSON_NUMBER)
        return true;
    if (!yd_json_body(name, &message->event))
        return false;
    if (yd_json_is_escaped(message->event)) /* last of all: the array is none after that */
        message->event.len = (size_t)(yd_json_unescape((char *)message->event.ptr, message->event) -
                                      message->event.ptr);
    return true;
}

/* Events are of type 2 also with bytes; without a namespace it is "/". */
static bool get_packet(yodel_str packet, struct yd_classic_message *message)
{
    uint64_t type;

    if (!yd_json_get_uint(member(packet, YODEL_STR("type")), &type) || type != 2 ||
        !get_text(packet, YODEL_STR("nsp"), &message->nsp))
        return false;
    if (message->nsp.ptr == NULL)
        message->nsp = YODEL_STR("/");
    return get_event(member(packet, YODEL_STR("data")), message);
}

/* ---- broadcasts ---- */

/* The head of an array of three, and the uid. */
bool yd_classic_is_from(yodel_bytes payload, yodel_str uid)
{
    struct yd_msgpack_item item;

    return yd_msgpack_read(&payload, &item) && item.type == YD_MSGPACK_ARRAY &&
           yd_msgpack_read(&payload, &item) && item.type == YD_MSGPACK_STR &&
           item.as.bytes.len == uid.len && memcmp(item.as.bytes.ptr, uid.ptr, uid.len) == 0;
}

static bool get_broadcast(yodel_str array, struct yd_classic_message *message)
{
    struct yd_json_iter iter = yd_json_array(array);
    yodel_str uid, packet, opts;

    message->type = YD_CLASSIC_BROADCAST;
    return yd_json_type_of(array) == YD_JSON_ARRAY && yd_json_next(&iter, &uid) &&
           yd_json_next(&iter, &packet) && yd_json_next(&iter, &opts) &&
           yd_json_body(uid, &message->uid) && get_opts(opts, message) &&
           get_packet(packet, message);
}

typedef bool(get_fn)(yodel_str value, struct yd_classic_message *message);

static int read(const struct yodel_allocator *mem, yodel_bytes payload, get_fn *get,
                struct yd_classic_message *message)
{
    yodel_str value;
    int rc;

    memset(message, 0, offsetof(struct yd_classic_message, attachments));
    message->text = (struct yd_buf){0};
    rc = read_value(mem, payload, message, &value);
    if (rc == 0 && !get(value, message))
        rc = YODEL_ERR_PROTOCOL;
    if (rc < 0)
        yd_classic_message_done(message, mem);
    return rc;
}

int yd_classic_read_broadcast(const struct yodel_allocator *mem, yodel_bytes payload,
                              struct yd_classic_message *ret_message)
{
    return read(mem, payload, get_broadcast, ret_message);
}

/* ---- requests ---- */

/* With opts, or of one socket as older servers ask. */
static bool get_change(yodel_str object, struct yd_classic_message *message)
{
    yodel_str opts = member(object, YODEL_STR("opts"));

    message->close = is_true(member(object, YODEL_STR("close")));
    if (opts.len > 0)
        return get_opts(opts, message) && get_array(object, YODEL_STR("rooms"), &message->names);
    message->sid = member(object, YODEL_STR("sid"));
    message->room = member(object, YODEL_STR("room"));
    return yd_json_type_of(message->sid) == YD_JSON_STRING;
}

static bool get_type(yodel_str object, struct yd_classic_message *message)
{
    yodel_str opts = member(object, YODEL_STR("opts"));
    bool is_asked = message->request.len > 0;

    switch (message->type) {
    case YD_CLASSIC_SOCKETS:
        return is_asked && get_array(object, YODEL_STR("rooms"), &message->names);
    case YD_CLASSIC_ROOMS:
        return is_asked;
    case YD_CLASSIC_JOIN:
    case YD_CLASSIC_LEAVE:
    case YD_CLASSIC_DISCONNECT:
        return get_change(object, message);
    case YD_CLASSIC_FETCH:
        return is_asked && get_opts(opts, message);
    case YD_CLASSIC_SERVER_SIDE:
        return get_event(member(object, YODEL_STR("data")), message);
    case YD_CLASSIC_BROADCAST:
        return is_asked && get_opts(opts, message) &&
               get_packet(member(object, YODEL_STR("packet")), message);
    default:
        return false;
    }
}

static bool get_request(yodel_str object, struct yd_classic_message *message)
{
    uint64_t type;

    if (!yd_json_get_uint(member(object, YODEL_STR("type")), &type) ||
        type > YD_CLASSIC_BROADCAST || !get_text(object, YODEL_STR("uid"), &message->uid) ||
        !get_text(object, YODEL_STR("requestId"), &message->request))
        return false;
    message->type = (enum yd_classic_type)type;
    return get_type(object, message);
}

int yd_classic_read_request(const struct yodel_allocator *mem, yodel_bytes payload,
                            struct yd_classic_message *ret_message)
{
    return read(mem, payload, get_request, ret_message);
}

/* ---- answers ---- */

static bool get_value(yodel_str object, yodel_str name, struct yd_classic_message *message)
{
    if (!yd_json_get(object, name, &message->value))
        message->value = YODEL_STR("null");
    return true;
}

static bool get_plain(yodel_str object, struct yd_classic_message *message)
{
    message->type = YD_CLASSIC_PLAIN;
    if (!get_array(object, YODEL_STR("sockets"), &message->list))
        return false;
    return message->list.len > 0 || get_array(object, YODEL_STR("rooms"), &message->list);
}

static bool get_answer(yodel_str object, struct yd_classic_message *message)
{
    yodel_str type_text = member(object, YODEL_STR("type"));
    uint64_t type = 0, count;

    if (yd_json_type_of(object) != YD_JSON_OBJECT ||
        !get_text(object, YODEL_STR("requestId"), &message->request))
        return false;
    if (type_text.len == 0)
        return get_plain(object, message);
    if (!yd_json_get_uint(type_text, &type))
        return false;
    message->type = type <= YD_CLASSIC_ACK ? (enum yd_classic_type)type : YD_CLASSIC_PLAIN;
    switch (message->type) {
    case YD_CLASSIC_SERVER_SIDE:
        return get_value(object, YODEL_STR("data"), message);
    case YD_CLASSIC_ACK:
        if (!get_value(object, YODEL_STR("packet"), message))
            return false;
        message->is_list = is_true(member(object, YODEL_STR(YD_OWN_ALL_ARGUMENTS))) &&
                           yd_json_type_of(message->value) == YD_JSON_ARRAY;
        return true;
    case YD_CLASSIC_COUNT:
        if (!yd_json_get_uint(member(object, YODEL_STR("clientCount")), &count) ||
            count > UINT32_MAX / 2)
            return false;
        message->count = (uint32_t)count;
        return true;
    default:
        return false;
    }
}

int yd_classic_read_answer(const struct yodel_allocator *mem, yodel_bytes payload,
                           struct yd_classic_message *ret_message)
{
    return read(mem, payload, get_answer, ret_message);
}

void yd_classic_message_done(struct yd_classic_message *message, const struct yodel_allocator *mem)
{
    yd_buf_free(mem, &message->text);
}
