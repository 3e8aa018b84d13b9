/* SPDX-License-Identifier: MIT */
#include "adapter/python_message.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/base64.h"
#include "proto/json_scan.h"

/* The members of the dict that mean something. */
enum field {
    METHOD,
    EVENT,
    DATA,
    BINARY,
    NAMESPACE,
    ROOM,
    SKIP_SID,
    CALLBACK,
    HOST_ID,
    SID,
    ID,
    ARGS,
    YODEL,
    NUM_FIELDS
};

static const char *const field_names[NUM_FIELDS] = {[METHOD] = "method",
                                                    [EVENT] = "event",
                                                    [DATA] = "data",
                                                    [BINARY] = "binary",
                                                    [NAMESPACE] = "namespace",
                                                    [ROOM] = "room",
                                                    [SKIP_SID] = "skip_sid",
                                                    [CALLBACK] = "callback",
                                                    [HOST_ID] = "host_id",
                                                    [SID] = "sid",
                                                    [ID] = "id",
                                                    [ARGS] = "args",
                                                    [YODEL] = "yodel"};

static const char *const method_names[] = {[YD_PYTHON_EMIT] = "emit",
                                           [YD_PYTHON_CALLBACK] = "callback",
                                           [YD_PYTHON_DISCONNECT] = "disconnect",
                                           [YD_PYTHON_ENTER_ROOM] = "enter_room",
                                           [YD_PYTHON_LEAVE_ROOM] = "leave_room",
                                           [YD_PYTHON_CLOSE_ROOM] = "close_room"};

#define MAX_ECHO 512 /* bytes of what a callback is given back with */

struct reader {
    struct yd_python_message *message;
    const struct yd_python_reading *reading;
    yodel_str raw[NUM_FIELDS]; /* JSON of each; empty: it is not there */
};

static bool is_there(yodel_str raw)
{
    return raw.len > 0 && yd_json_type_of(raw) != YD_JSON_NULL;
}

/* ---- names ---- */

/* Strings are their text; numbers, which rooms may be in Python, too. */
static int read_name(struct yd_python_message *message, yodel_str raw, yodel_str *ret_name)
{
    char *begin = message->text + message->text_len, *end;
    yodel_str body;

    if (yd_json_type_of(raw) == YD_JSON_NUMBER) {
        *ret_name = raw;
        return 0;
    }
    if (!yd_json_body(raw, &body))
        return YODEL_ERR_PROTOCOL;
    end = yd_json_unescape(begin, body);
    message->text_len += (size_t)(end - begin);
    *ret_name = (yodel_str){begin, (size_t)(end - begin)};
    return memchr(begin, '\0', ret_name->len) == NULL ? 0 : YODEL_ERR_PROTOCOL;
}

/* What is missing leaves *ret_name as it is. */
static int read_optional(struct yd_python_message *message, yodel_str raw, yodel_str *ret_name)
{
    return is_there(raw) ? read_name(message, raw, ret_name) : 0;
}

static size_t count_names(yodel_str raw)
{
    if (!is_there(raw))
        return 0;
    return yd_json_type_of(raw) == YD_JSON_ARRAY ? yd_json_count(yd_json_array(raw)) : 1;
}

/* One name or an array of them. */
static int read_names(struct yd_python_message *message, yodel_str raw, const yodel_str **ret_names,
                      size_t *ret_num)
{
    struct yd_json_iter iter = yd_json_array(raw);
    yodel_str *names = message->names + message->num_names;
    size_t num = count_names(raw);
    yodel_str value = raw;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < num; i++) {
        if (yd_json_type_of(raw) == YD_JSON_ARRAY && !yd_json_next(&iter, &value))
            return YODEL_ERR_PROTOCOL;
        rc = read_name(message, value, &names[i]);
    }
    message->num_names += num;
    *ret_names = names;
    *ret_num = num;
    return rc;
}

/* Room for the texts of all names. */
static int reserve_names(struct reader *reader)
{
    static const enum field of_names[] = {EVENT, NAMESPACE, ROOM, SKIP_SID, HOST_ID, SID};
    struct yd_python_message *message = reader->message;
    size_t num = count_names(reader->raw[ROOM]) + count_names(reader->raw[SKIP_SID]), len = 1;

    if (num > YD_PYTHON_MAX_NAMES)
        return YODEL_ERR_TOO_BIG;
    for (size_t i = 0; i < sizeof of_names / sizeof *of_names; i++)
        len += reader->raw[of_names[i]].len;
    message->text = yd_alloc(message->mem, len);
    message->names = yd_alloc_array(message->mem, num + 1, sizeof *message->names);
    return message->text != NULL && message->names != NULL ? 0 : -ENOMEM;
}

/* ---- arguments ---- */

/* Texts in base64 become attachments. */
static int read_attachments(struct yd_python_message *message, struct yd_json_iter iter)
{
    size_t room = yd_json_rest(iter).len;
    yodel_str value, body;
    uint8_t *at;

    if ((at = message->bytes = yd_alloc(message->mem, room + 1)) == NULL)
        return -ENOMEM;
    while (yd_json_next(&iter, &value)) {
        yodel_bytes *data = &message->attachments[message->num_attachments];
        char *end;

        if (message->num_attachments == YD_SIO_MAX_ATTACHMENTS)
            return YODEL_ERR_TOO_BIG;
        if (!yd_json_body(value, &body))
            return YODEL_ERR_PROTOCOL;
        end = yd_json_unescape((char *)at, body);
        if (!yd_base64_decode(at, at, (size_t)(end - (char *)at), &data->len))
            return YODEL_ERR_PROTOCOL;
        data->ptr = at;
        at += data->len;
        message->num_attachments++;
    }
    return 0;
}

/* The arguments in a value: those of a list, or it alone; None is none. */
static yodel_str arguments_in(const struct yd_python_reading *reading, yodel_str value)
{
    if (!is_there(value))
        return YODEL_STR("");
    return reading->takes_args && yd_json_type_of(value) == YD_JSON_ARRAY ? yd_json_inside(value)
                                                                          : value;
}

/* [what it says, base64, ...]. */
static int read_binary_data(struct reader *reader, yodel_str data)
{
    struct yd_json_iter iter = yd_json_array(data);
    yodel_str skeleton;

    if (!yd_json_next(&iter, &skeleton))
        return YODEL_ERR_PROTOCOL;
    reader->message->elements = arguments_in(reader->reading, skeleton);
    return read_attachments(reader->message, iter);
}

static int read_data(struct reader *reader)
{
    struct yd_python_message *message = reader->message;
    yodel_str data = reader->raw[DATA];

    if (message->pickle.root != 0)
        return 0; /* they are there already */
    if (data.len == 0)
        return YODEL_ERR_PROTOCOL;
    if (yd_json_type_of(reader->raw[BINARY]) == YD_JSON_TRUE)
        return read_binary_data(reader, data);
    message->elements = arguments_in(reader->reading, data);
    return 0;
}

/* ---- methods ---- */

static bool is_echo(yodel_str raw)
{
    enum yd_json_type type = yd_json_type_of(raw);

    return raw.len <= MAX_ECHO && type != YD_JSON_NONE && type != YD_JSON_ARRAY &&
           type != YD_JSON_OBJECT;
}

/* [room, namespace, id]; Python passes over what has another length. */
static int read_callback(struct yd_python_message *message, yodel_str raw)
{
    struct yd_json_iter iter = yd_json_array(raw);

    if (message->host_id.len == 0 || yd_json_count(iter) != 3)
        return 0;
    yd_json_next(&iter, &message->callback_room_json);
    yd_json_next(&iter, &message->callback_nsp_json);
    yd_json_next(&iter, &message->id_json);
    message->wants_callback = true;
    return is_echo(message->callback_room_json) && is_echo(message->callback_nsp_json) &&
                   is_echo(message->id_json)
               ? 0
               : YODEL_ERR_PROTOCOL;
}

static int read_emit(struct reader *reader)
{
    struct yd_python_message *message = reader->message;
    int rc;

    message->everyone = !is_there(reader->raw[ROOM]);
    if (yd_json_type_of(reader->raw[EVENT]) != YD_JSON_STRING)
        return YODEL_ERR_PROTOCOL;
    if ((rc = read_name(message, reader->raw[EVENT], &message->event)) < 0 ||
        (rc = read_names(message, reader->raw[ROOM], &message->rooms, &message->num_rooms)) < 0 ||
        (rc = read_names(message, reader->raw[SKIP_SID], &message->skip, &message->num_skip)) < 0 ||
        (rc = read_callback(message, reader->raw[CALLBACK])) < 0)
        return rc;
    return read_data(reader);
}

static int read_answer(struct reader *reader)
{
    struct yd_python_message *message = reader->message;

    message->id_json = reader->raw[ID];
    if (message->host_id.len == 0 || !is_echo(message->id_json))
        return YODEL_ERR_PROTOCOL;
    if (message->pickle.root != 0)
        return 0;
    message->elements = yd_json_inside(reader->raw[ARGS]);
    return yd_json_type_of(reader->raw[ARGS]) == YD_JSON_ARRAY ? 0 : YODEL_ERR_PROTOCOL;
}

static int read_socket_and_room(struct reader *reader)
{
    struct yd_python_message *message = reader->message;
    int rc = 0;

    if (message->method != YD_PYTHON_CLOSE_ROOM)
        rc = read_name(message, reader->raw[SID], &message->sid);
    if (rc == 0 && message->method != YD_PYTHON_DISCONNECT)
        rc = read_name(message, reader->raw[ROOM], &message->room);
    return rc;
}

static int read_method(struct reader *reader)
{
    struct yd_python_message *message = reader->message;

    switch (message->method) {
    case YD_PYTHON_EMIT:
        return read_emit(reader);
    case YD_PYTHON_CALLBACK:
        return read_answer(reader);
    case YD_PYTHON_DISCONNECT:
    case YD_PYTHON_ENTER_ROOM:
    case YD_PYTHON_LEAVE_ROOM:
    case YD_PYTHON_CLOSE_ROOM:
        break;
    }
    return read_socket_and_room(reader);
}

static int find_method(yodel_str raw, enum yd_python_method *ret_method)
{
    yodel_str body;

    if (!yd_json_body(raw, &body))
        return YODEL_ERR_PROTOCOL;
    for (size_t i = YD_PYTHON_EMIT; i < sizeof method_names / sizeof *method_names; i++) {
        if (yd_json_body_eq(body, yodel_str_of(method_names[i]))) {
            *ret_method = (enum yd_python_method)i;
            return 0;
        }
    }
    return YODEL_ERR_UNSUPPORTED;
}

static int read_fields(struct reader *reader)
{
    struct yd_python_message *message = reader->message;
    int rc;

    message->nsp = YODEL_STR("/");
    if ((rc = find_method(reader->raw[METHOD], &message->method)) < 0 ||
        (rc = reserve_names(reader)) < 0 ||
        (rc = read_optional(message, reader->raw[NAMESPACE], &message->nsp)) < 0 ||
        (rc = read_optional(message, reader->raw[HOST_ID], &message->host_id)) < 0)
        return rc;
    message->is_yodel = yd_json_type_of(reader->raw[YODEL]) == YD_JSON_TRUE;
    return read_method(reader);
}

/* ---- JSON ---- */

static void find_fields(struct reader *reader, yodel_str dict)
{
    struct yd_json_iter iter = yd_json_object(dict);
    yodel_str name, value;

    while (yd_json_next_member(&iter, &name, &value))
        for (size_t i = 0; i < NUM_FIELDS; i++)
            if (yd_json_body_eq(name, yodel_str_of(field_names[i])))
                reader->raw[i] = value;
}

static int check_json(const struct reader *reader, yodel_bytes bytes, yodel_str *ret_value)
{
    yodel_str text = {(const char *)bytes.ptr, bytes.len};

    if (bytes.len > reader->reading->max_len)
        return YODEL_ERR_TOO_BIG;
    if (!yd_utf8_is_valid(text.ptr, text.len) || !yd_json_check(text, YD_JSON_DEPTH, ret_value) ||
        yd_json_type_of(*ret_value) != YD_JSON_OBJECT)
        return YODEL_ERR_PROTOCOL;
    return 0;
}

static int read_json(struct reader *reader, yodel_str dict)
{
    find_fields(reader, dict);
    return read_fields(reader);
}

/* ---- pickles ---- */

static bool is_list(const struct yd_pickle *pickle, uint32_t value)
{
    uint8_t type = value != 0 ? yd_pickle_get(pickle, value)->type : 0;

    return type == YD_PICKLE_LIST || type == YD_PICKLE_TUPLE;
}

/* A tuple of data is several arguments, a list of it is one; args are always a list. */
static int put_arguments(struct yd_python_message *message, uint32_t data, uint32_t args,
                         size_t max_len)
{
    struct yd_pickle_binary binary = {message->attachments, 0, YD_SIO_MAX_ATTACHMENTS};
    const struct yd_pickle *pickle = &message->pickle;
    uint32_t value = data != 0 ? data : args;
    uint8_t type = value != 0 ? yd_pickle_get(pickle, value)->type : 0;
    bool several = data != 0 ? type == YD_PICKLE_TUPLE : is_list(pickle, args);
    int rc;

    if (value == 0 || (data == 0 && !several))
        return YODEL_ERR_PROTOCOL;
    if (type == YD_PICKLE_NONE)
        return 0;
    rc = several ? yd_pickle_put_items(pickle, value, max_len, &binary, &message->json)
                 : yd_pickle_put_json(pickle, value, max_len, &binary, &message->json);
    message->num_attachments = binary.num;
    return rc;
}

static bool has_arguments(enum yd_python_method method)
{
    return method == YD_PYTHON_EMIT || method == YD_PYTHON_CALLBACK;
}

/* The members as JSON one after the other, then the arguments; views once all is written. */
static int put_members(struct reader *reader, size_t ends[NUM_FIELDS])
{
    struct yd_python_message *message = reader->message;
    size_t max_len = reader->reading->max_len;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < NUM_FIELDS; i++) {
        uint32_t member =
            i == DATA || i == ARGS
                ? 0
                : yd_pickle_member(&message->pickle, message->pickle.root, field_names[i]);

        if (member != 0)
            rc = yd_pickle_put_json(&message->pickle, member, max_len, NULL, &message->json);
        ends[i] = message->json.len;
    }
    return rc;
}

static void view_members(struct reader *reader, const size_t ends[NUM_FIELDS])
{
    const char *text = (const char *)reader->message->json.ptr;

    for (size_t i = 0, at = 0; i < NUM_FIELDS; at = ends[i++])
        reader->raw[i] = (yodel_str){text != NULL ? text + at : NULL, ends[i] - at};
}

static int put_pickle(struct reader *reader)
{
    struct yd_python_message *message = reader->message;
    const struct yd_pickle *pickle = &message->pickle;
    size_t ends[NUM_FIELDS];
    size_t begin;
    int rc = put_members(reader, ends);

    if (rc < 0)
        return rc;
    begin = message->json.len;
    view_members(reader, ends);
    if ((rc = find_method(reader->raw[METHOD], &message->method)) < 0)
        return rc;
    if (has_arguments(message->method))
        rc =
            put_arguments(message, yd_pickle_member(pickle, pickle->root, "data"),
                          yd_pickle_member(pickle, pickle->root, "args"), reader->reading->max_len);
    view_members(reader, ends); /* the text has moved */
    message->elements =
        (yodel_str){(const char *)message->json.ptr + begin, message->json.len - begin};
    return rc;
}

static int read_pickle(struct reader *reader, yodel_bytes bytes)
{
    struct yd_python_message *message = reader->message;
    int rc;

    if (bytes.len > reader->reading->max_len)
        return YODEL_ERR_TOO_BIG;
    if ((rc = yd_pickle_read(message->mem, bytes, &message->pickle)) < 0 ||
        (rc = put_pickle(reader)) < 0)
        return rc;
    return read_fields(reader);
}

/* ---- all ---- */

static bool is_pickle(yodel_bytes bytes)
{
    return bytes.len > 0 && bytes.ptr[0] == 0x80;
}

/* What kombu puts around a message: its body, in base64 if the properties say so. */
static int open_envelope(struct yd_python_message *message, yodel_str envelope, yodel_str body)
{
    const struct yodel_allocator *mem = message->mem;
    yodel_str properties, encoding = {0};
    size_t len = yd_json_unescaped_len(body);

    if (yd_buf_reserve(mem, &message->body, len + 1) < 0)
        return -ENOMEM;
    yd_json_unescape((char *)message->body.ptr, body);
    message->body.len = len;
    if (!yd_json_get(envelope, YODEL_STR("properties"), &properties) ||
        !yd_json_get(properties, YODEL_STR("body_encoding"), &encoding) ||
        !yodel_str_eq(encoding, YODEL_STR("\"base64\"")))
        return 0;
    return yd_base64_decode(message->body.ptr, message->body.ptr, len, &message->body.len)
               ? 0
               : YODEL_ERR_PROTOCOL;
}

static int read_enveloped(struct reader *reader, yodel_str envelope, yodel_str body)
{
    struct yd_python_message *message = reader->message;
    yodel_bytes bytes;
    yodel_str dict;
    int rc = open_envelope(message, envelope, body);

    if (rc < 0)
        return rc;
    bytes = (yodel_bytes){message->body.ptr, message->body.len};
    if (is_pickle(bytes))
        return read_pickle(reader, bytes);
    rc = check_json(reader, bytes, &dict);
    return rc < 0 ? rc : read_json(reader, dict);
}

static int read_any(struct reader *reader, yodel_bytes bytes)
{
    yodel_str dict, method, body;
    int rc;

    if (is_pickle(bytes))
        return read_pickle(reader, bytes);
    if ((rc = check_json(reader, bytes, &dict)) < 0)
        return rc;
    if (!yd_json_get(dict, YODEL_STR("method"), &method) &&
        yd_json_get(dict, YODEL_STR("body"), &body) && yd_json_body(body, &body))
        return read_enveloped(reader, dict, body);
    return read_json(reader, dict);
}

int yd_python_read(const struct yodel_allocator *mem, yodel_bytes bytes,
                   const struct yd_python_reading *reading, struct yd_python_message *ret_message)
{
    struct reader reader = {.message = ret_message, .reading = reading};
    int rc;

    memset(ret_message, 0, sizeof *ret_message);
    ret_message->mem = mem;
    rc = read_any(&reader, bytes);
    if (rc < 0)
        yd_python_message_free(ret_message);
    return rc;
}

void yd_python_message_free(struct yd_python_message *message)
{
    const struct yodel_allocator *mem = message->mem;

    if (mem == NULL)
        return;
    yd_pickle_free(&message->pickle);
    yd_buf_free(mem, &message->json);
    yd_buf_free(mem, &message->body);
    yd_free(mem, message->text);
    yd_free(mem, message->bytes);
    yd_free(mem, message->names);
    memset(message, 0, sizeof *message);
}
