/* SPDX-License-Identifier: MIT */
#include "proto/sio_packet.h"

#include <string.h>

#include "base/container.h"

/* Decoding.  Every function takes what it needs off *text and returns NULL, or why it cannot. */

static char first_of(yodel_str text)
{
    return text.len > 0 ? text.ptr[0] : '\0';
}

static void drop(yodel_str *text, size_t len)
{
    text->ptr += len;
    text->len -= len;
}

static bool is_binary(uint8_t type)
{
    return type == YD_SIO_BINARY_EVENT || type == YD_SIO_BINARY_ACK;
}

/* Takes the digits at the beginning; false when there is none, or the number is above max. */
static bool take_number(yodel_str *text, uint64_t max, uint64_t *ret_number)
{
    size_t len = 0;
    uint64_t number = 0;

    while (len < text->len) {
        unsigned digit = (unsigned)((uint8_t)text->ptr[len] - '0');

        if (digit > 9)
            break;
        number = number * 10 + digit;
        if (number > max)
            return false;
        len++;
    }
    drop(text, len);
    *ret_number = number;
    return len > 0;
}

static const char *take_type(yodel_str *text, struct yd_sio_packet *packet)
{
    char c = first_of(*text);

    if (c < '0' || c > '0' + YD_SIO_BINARY_ACK)
        return "unknown type of packet";
    packet->type = (uint8_t)(c - '0');
    if (packet->type == YD_SIO_CONNECT_ERROR)
        return "CONNECT_ERROR from a client";
    drop(text, 1);
    return NULL;
}

static const char *take_attachments(yodel_str *text, unsigned max, struct yd_sio_packet *packet)
{
    uint64_t number;

    if (!is_binary(packet->type))
        return NULL;
    if (!take_number(text, max, &number) || number == 0 || first_of(*text) != '-')
        return "bad number of attachments";
    packet->num_attachments = (uint32_t)number;
    drop(text, 1);
    return NULL;
}

/* Without a comma all the rest is the namespace. */
static void take_nsp(yodel_str *text, struct yd_sio_packet *packet)
{
    const char *comma;

    packet->nsp = YODEL_STR("/");
    if (first_of(*text) != '/')
        return;
    comma = memchr(text->ptr, ',', text->len);
    packet->nsp = (yodel_str){text->ptr, comma ? (size_t)(comma - text->ptr) : text->len};
    drop(text, packet->nsp.len + (comma ? 1 : 0));
}

static const char *take_id(yodel_str *text, struct yd_sio_packet *packet)
{
    char c = first_of(*text);

    if (c < '0' || c > '9')
        return NULL;
    packet->has_id = true;
    return take_number(text, YD_SIO_MAX_ID, &packet->id) ? NULL : "acknowledgement id too great";
}

static const char *decode(yodel_str text, const struct yd_sio_limits *limits,
                          struct yd_sio_packet *packet)
{
    const char *error = take_type(&text, packet);

    if (!error)
        error = take_attachments(&text, limits->max_attachments, packet);
    if (error)
        return error;
    take_nsp(&text, packet);
    error = take_id(&text, packet);
    if (!error && text.len > 0 && !yd_json_check(text, limits->max_depth, &packet->data))
        error = "bad JSON";
    return error;
}

int yd_sio_decode(yodel_str text, const struct yd_sio_limits *limits,
                  struct yd_sio_packet *ret_packet, const char **ret_error)
{
    struct yd_sio_packet packet = {0};
    const char *error = decode(text, limits, &packet);

    if (error) {
        *ret_error = error;
        return YODEL_ERR_PROTOCOL;
    }
    if (yd_sio_check_data(&packet, ret_error) < 0)
        return YODEL_ERR_PROTOCOL;
    *ret_packet = packet;
    return 0;
}

/* Checking data against the type. */

/* As nearly no name of an event does; asked of each twice. */
static inline bool may_be_reserved(yodel_str body)
{
    char first = body.len > 0 ? body.ptr[0] : 0;

    return first == 'c' || first == 'd' || first == 'n' || first == 'r' || first == '\\';
}

bool yd_sio_is_reserved(yodel_str body)
{
    static const yodel_str names[] = {
        {"connect", 7},        {"connect_error", 13}, {"disconnect", 10},
        {"disconnecting", 13}, {"newListener", 11},   {"removeListener", 14},
    };

    if (!may_be_reserved(body))
        return false;
    for (size_t i = 0; i < YD_LEN(names); i++) {
        if (yd_json_body_eq(body, names[i]))
            return true;
    }
    return false;
}

static const char *take_name(struct yd_json_iter *elements, struct yd_sio_packet *packet)
{
    yodel_str first;

    if (!yd_json_next(elements, &first))
        return "event without a name";
    if (!yd_json_body(first, &packet->name)) {
        if (yd_json_type_of(first) != YD_JSON_NUMBER)
            return "name of an event is neither a string nor a number";
        packet->name = first;
        packet->name_is_number = true;
        return NULL;
    }
    if (yd_sio_is_reserved(packet->name))
        return "reserved name of an event";
    packet->name_is_escaped = yd_json_is_escaped(packet->name);
    return NULL;
}

static const char *check_array(struct yd_sio_packet *packet)
{
    struct yd_json_iter elements = yd_json_array(packet->data);
    const char *error = NULL;

    if (packet->data.len == 0)
        return NULL;
    if (yd_json_type_of(packet->data) != YD_JSON_ARRAY)
        return "data of an event or acknowledgement is not an array";
    if (packet->type == YD_SIO_EVENT || packet->type == YD_SIO_BINARY_EVENT)
        error = take_name(&elements, packet);
    packet->args = yd_json_rest(elements);
    return error;
}

/* With attachments, which MessagePack may have here, an object may stand for bytes. */
static const char *check_object(const struct yd_sio_packet *packet)
{
    yodel_str mark;

    if (packet->data.len == 0)
        return NULL;
    if (yd_json_type_of(packet->data) != YD_JSON_OBJECT)
        return "data of CONNECT is not an object";
    if (packet->num_attachments > 0 &&
        yd_json_get(packet->data, YODEL_STR("_placeholder"), &mark) &&
        yd_json_type_of(mark) == YD_JSON_TRUE)
        return "data of CONNECT is bytes";
    return NULL;
}

static const char *check_type(struct yd_sio_packet *packet)
{
    switch (packet->type) {
    case YD_SIO_CONNECT:
        return check_object(packet);
    case YD_SIO_DISCONNECT:
        return packet->data.len > 0 ? "DISCONNECT with data" : NULL;
    case YD_SIO_CONNECT_ERROR:
        return "CONNECT_ERROR from a client";
    default:
        return check_array(packet);
    }
}

int yd_sio_check_data(struct yd_sio_packet *packet, const char **ret_error)
{
    const char *error = check_type(packet);
    int num = 0;

    if (!error && packet->num_attachments > 0) {
        num = yd_sio_placeholders_count(packet->data, packet->num_attachments);
        if (num < 0)
            error = "bad placeholder";
    }
    if (error) {
        *ret_error = error;
        return YODEL_ERR_PROTOCOL;
    }
    packet->num_placeholders = (uint32_t)num;
    return 0;
}
