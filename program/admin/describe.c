/* SPDX-License-Identifier: MIT */
#include "admin/describe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "admin/hide.h"
#include "base/clock.h"

static void put_string(struct yg_text *text, yodel_str string)
{
    yg_text_put_json(text, string.ptr != NULL ? string.ptr : "", string.len);
}

/* 0 or more: its length. */
static size_t put_document(struct yg_text *text, const json_t *json, size_t max)
{
    char *dump = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t len = 0;

    if (dump == NULL)
        text->failed = true;
    else if ((len = strlen(dump)) <= max)
        yg_text_add(text, dump, len);
    free(dump);
    return len;
}

void yg_describe_time(struct yg_text *text)
{
    char now[YG_CLOCK_TEXT];

    yg_clock_text(yg_clock_wall_ms(), now);
    yg_text_printf(text, ",\"%s\"", now);
}

void yg_describe_word(struct yg_text *text, yodel_str word)
{
    yg_text_putc(text, ',');
    put_string(text, word);
}

void yg_describe_data(struct yg_text *text, const json_t *data)
{
    size_t len;

    if (data == NULL) {
        yg_text_puts(text, "{}");
        return;
    }
    len = put_document(text, data, YG_DESCRIBE_PART);
    if (len > YG_DESCRIBE_PART)
        yg_text_printf(text, "{\"note\":\"%zu bytes\"}", len);
}

void yg_describe_handshake(struct yg_text *text, json_t *handshake, const struct yg_texts *listed)
{
    if (handshake == NULL || yg_hide_handshake(handshake, listed) < 0) {
        text->failed = true;
        return;
    }
    if (put_document(text, handshake, YG_DESCRIBE_PART) <= YG_DESCRIBE_PART)
        return;
    json_object_clear(json_object_get(handshake, "headers"));
    json_object_clear(json_object_get(handshake, "query"));
    json_object_del(handshake, "url");
    (void)put_document(text, handshake, SIZE_MAX);
}

struct rooms {
    struct yg_text *text;
    size_t num;
};

static void put_room(yodel_str room, void *user)
{
    struct rooms *rooms = user;

    if (rooms->num++ >= YG_DESCRIBE_ROOMS)
        return;
    if (rooms->num > 1)
        yg_text_putc(rooms->text, ',');
    put_string(rooms->text, room);
}

void yg_describe_socket(struct yg_text *text, yodel_sio_socket *socket,
                        const struct yg_texts *listed)
{
    json_t *handshake = yodel_sio_socket_handshake(socket);
    struct rooms rooms = {text, 0};

    yg_text_puts(text, "{\"id\":");
    put_string(text, yodel_sio_socket_id(socket));
    yg_text_printf(text, ",\"clientId\":\"%016" PRIx64 "\",\"transport\":\"%s\",\"nsp\":",
                   yodel_sio_socket_client_number(socket), yodel_sio_socket_transport(socket));
    put_string(text, yodel_sio_namespace_name(yodel_sio_socket_namespace(socket)));
    yg_text_puts(text, ",\"data\":");
    yg_describe_data(text, yodel_sio_socket_json(socket));
    yg_text_puts(text, ",\"handshake\":");
    yg_describe_handshake(text, handshake, listed);
    yg_text_puts(text, ",\"rooms\":[");
    yodel_sio_socket_each_room(socket, put_room, &rooms);
    yg_text_puts(text, "]}");
    json_decref(handshake);
}

/* ---- events ---- */

struct sizes {
    const size_t *items;
    size_t num;
};

static json_t *show_binary(const json_t *value, const struct sizes *sizes)
{
    const json_int_t num = json_integer_value(json_object_get(value, "num"));

    if (num < 0 || (size_t)num >= sizes->num)
        return NULL;
    return json_pack("{s:s,s:I}", "type", "binary", "bytes", (json_int_t)sizes->items[num]);
}

/* In place of placeholders; depth is bounded by who reads JSON. */
static json_t *replace(json_t *value, const struct sizes *sizes)
{
    const char *name;
    json_t *item;
    size_t i;

    if (json_is_true(json_object_get(value, "_placeholder")))
        return show_binary(value, sizes);
    json_array_foreach(value, i, item)
    {
        json_t *other = replace(item, sizes);

        if (other != NULL)
            json_array_set_new(value, i, other);
    }
    json_object_foreach(value, name, item)
    {
        json_t *other = replace(item, sizes);

        if (other != NULL)
            json_object_set_new(value, name, other);
    }
    return NULL;
}

static void put_with_binary(struct yg_text *text, yodel_str args, const struct sizes *sizes)
{
    json_t *json = json_loadb(args.ptr, args.len, 0, NULL);
    char *dump;

    if (json != NULL)
        (void)replace(json, sizes);
    dump = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    if (dump == NULL)
        text->failed = true;
    else if (strlen(dump) > 2)
        yg_text_putc(text, ',');
    if (dump != NULL)
        yg_text_add(text, dump + 1, strlen(dump) - 2);
    free(dump);
    json_decref(json);
}

static bool is_empty(yodel_str args)
{
    for (size_t i = 1; i + 1 < args.len; i++) {
        if (strchr(" \t\r\n", args.ptr[i]) == NULL)
            return false;
    }
    return true;
}

void yg_describe_event(struct yg_text *text, yodel_str name, yodel_str args,
                       const size_t *attachments, size_t num_attachments)
{
    const struct sizes sizes = {attachments, num_attachments};

    if (name.len > YG_DESCRIBE_EVENT)
        name = YODEL_STR("(a long name)");
    yg_text_putc(text, '[');
    put_string(text, name);
    if (args.len > YG_DESCRIBE_EVENT) {
        yg_text_printf(text, ",\"(%zu bytes)\"", args.len);
    } else if (num_attachments > 0) {
        put_with_binary(text, args, &sizes);
    } else if (!is_empty(args)) {
        yg_text_putc(text, ',');
        yg_text_add(text, args.ptr + 1, args.len - 2);
    }
    yg_text_putc(text, ']');
}
