/* SPDX-License-Identifier: MIT */
#include "proto/ws_handshake.h"

#include <string.h>

/* The value of the only field of that name; false when there is none or several. */
static bool single_field(const struct yd_http_head *head, yodel_str name, yodel_str *ret_value)
{
    if (yd_http_count_fields(head, name) != 1)
        return false;
    *ret_value = yd_http_field(head, name);
    return true;
}

static bool is_base64_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* 16 octets are 21 characters, one of which only the upper two bits count, and "==". */
static bool is_key(yodel_str key)
{
    size_t i;

    if (key.len != YD_WS_KEY_LEN)
        return false;
    for (i = 0; i < 21; i++) {
        if (!is_base64_char(key.ptr[i]))
            return false;
    }
    return memchr("AQgw", key.ptr[21], 4) && key.ptr[22] == '=' && key.ptr[23] == '=';
}

static int refuse(int status, const char **ret_error, const char *why)
{
    *ret_error = why;
    return -status;
}

int yd_ws_check_request(const struct yd_http_head *head, yodel_str *ret_key, const char **ret_error)
{
    yodel_str version, key;

    if (!head->upgrade || !yd_http_fields_have(head, YODEL_STR("Upgrade"), YODEL_STR("websocket")))
        return 1;
    if (!yodel_str_eq(head->method, YODEL_STR("GET")))
        return refuse(405, ret_error, "WebSocket upgrade with a method other than GET");
    if (!single_field(head, YODEL_STR("Sec-WebSocket-Version"), &version) ||
        !yodel_str_eq(version, YODEL_STR("13")))
        return refuse(426, ret_error, "WebSocket version other than 13");
    if (!single_field(head, YODEL_STR("Sec-WebSocket-Key"), &key) || !is_key(key))
        return refuse(400, ret_error, "no valid Sec-WebSocket-Key");
    /* Bytes of a body would be taken for frames. */
    if (head->body == YD_HTTP_BODY_CHUNKED || head->content_length > 0)
        return refuse(400, ret_error, "WebSocket upgrade with a body");
    *ret_key = key;
    return 0;
}

/* Goes over the elements of all Sec-WebSocket-Protocol fields. */
struct offers {
    const struct yd_http_head *head;
    size_t next_field;
    yodel_str list;
};

static bool next_offer(struct offers *offers, yodel_str *ret_name)
{
    while (!yd_http_list_next(&offers->list, ret_name)) {
        const struct yd_http_field *field;

        if (offers->next_field == offers->head->num_fields)
            return false;
        field = &offers->head->fields[offers->next_field++];
        if (yd_str_eq_nocase(field->name, YODEL_STR("Sec-WebSocket-Protocol")))
            offers->list = field->value;
    }
    return true;
}

yodel_str yd_ws_subprotocol(const struct yd_http_head *head, size_t i)
{
    struct offers offers = {.head = head};
    yodel_str name, found = {NULL, 0};
    size_t n;

    if (i >= YD_WS_MAX_SUBPROTOCOLS)
        return found;
    for (n = 0; next_offer(&offers, &name); n++) {
        if (!yd_http_is_token(name))
            return (yodel_str){NULL, 0};
        if (n == i)
            found = name;
    }
    return found;
}

bool yd_ws_offers_subprotocol(const struct yd_http_head *head, yodel_str name)
{
    struct offers offers = {.head = head};
    bool found = false;
    yodel_str offer;

    while (next_offer(&offers, &offer)) {
        if (!yd_http_is_token(offer))
            return false;
        found |= yodel_str_eq(offer, name) != 0;
    }
    return found;
}
